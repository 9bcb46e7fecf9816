//! Somebody at a desk with `ofctl`, files of their own, and a clock.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use ofctl::{Exit, Io, Terminal};
use openfinance_sandbox::{Change, Control, JournalEntry, Personal, RecordKind, RecordQuery};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

pub(super) struct Desk {
    folder: TempDir,
    address: SocketAddr,
    /// By how much the desk's clock is ahead, in seconds.
    ahead: Arc<AtomicI64>,
    interrupts: watch::Sender<usize>,
}

/// How a run ended, and what it told.
pub(super) struct Ran {
    pub(super) exit: Exit,
    pub(super) out: String,
    pub(super) err: String,
}

/// What a run writes, for whoever looks on.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Desk {
    pub(super) fn at(address: SocketAddr) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            address,
            ahead: Arc::default(),
            interrupts: watch::channel(0).0,
        }
    }

    /// Goes on with another gateway.
    pub(super) fn turn_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and answers its path.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of all files.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Some hours pass at the desk.
    pub(super) fn wait_hours(&self, hours: i64) {
        self.ahead.fetch_add(hours * 3600, Ordering::SeqCst);
    }

    /// Presses Ctrl-C.
    pub(super) fn interrupt(&self) {
        self.interrupts.send_modify(|count| *count += 1);
    }

    pub(super) async fn run(&self, words: &[&str]) -> Ran {
        self.run_at(self.address, words).await
    }

    /// Runs a command against a gateway at another address.
    pub(super) async fn run_at(&self, address: SocketAddr, words: &[&str]) -> Ran {
        let (out, err) = (Screen::default(), Screen::default());
        let ahead = Arc::clone(&self.ahead);
        let mut io = Io {
            stdin: Box::new(io::empty()),
            stdout: Box::new(out.clone()),
            stderr: Box::new(err.clone()),
            terminal: Terminal::default(),
            variables: BTreeMap::new(),
            now: Box::new(move || {
                Timestamp::now() + SignedDuration::from_secs(ahead.load(Ordering::SeqCst))
            }),
            new_id: Arc::new(Uuid::new_v4),
            ask_secret: Box::new(|_| Err(io::ErrorKind::Unsupported.into())),
            interrupts: self.interrupts.subscribe(),
        };
        let address = format!("http://{address}");
        let words = ["ofctl", "--address", &address]
            .into_iter()
            .chain(words.iter().copied());
        let exit = ofctl::run(words, &mut io).await;
        Ran {
            exit,
            out: out.text(),
            err: err.text(),
        }
    }

    /// Runs a command until `cut` is so, and then no further: like a process that is killed, it does not even tidy up.
    /// Answers how it ended if it ended by itself.
    pub(super) async fn run_until(&self, words: &[&str], cut: impl Fn() -> bool) -> Option<Ran> {
        tokio::select! {
            biased;
            () = until(cut) => None,
            ran = self.run(words) => Some(ran),
        }
    }

    /// Runs a command, and presses Ctrl-C as soon as `cut` is so.
    pub(super) async fn run_interrupted(&self, words: &[&str], cut: impl Fn() -> bool) -> Ran {
        let pressed = async {
            until(cut).await;
            self.interrupt();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ran = self.run(words) => ran,
            () = pressed => unreachable!(),
        }
    }
}

async fn until(cut: impl Fn() -> bool) {
    while !cut() {
        tokio::task::yield_now().await;
    }
}

/// The usernames of rows.
pub(super) fn usernames(prefix: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|row| format!("{prefix}-{row:05}"))
        .collect()
}

/// A file with so many testing customers.
pub(super) fn people(prefix: &str, count: usize) -> String {
    let rows = usernames(prefix, count).into_iter();
    let rows = rows.map(|name| format!("{name},testing,Jane\n"));
    format!("username,type,first_name\n{}", rows.collect::<String>())
}

/// How many records of a kind were ever made.
pub(super) fn created(sandbox: &Control, kind: RecordKind) -> usize {
    let made = |entry: &JournalEntry| match entry {
        JournalEntry::Commit(commit) => commit.kind == kind && commit.change == Change::Created,
        JournalEntry::Request(_) => false,
    };
    sandbox
        .journal(0)
        .entries
        .iter()
        .filter(|entry| made(entry))
        .count()
}

/// The usernames of all customers, each as often as there are customers with it.
pub(super) fn names(sandbox: &Control) -> Vec<String> {
    let query = RecordQuery {
        limit: usize::MAX,
        personal: Personal::Shown,
        ..RecordQuery::of(RecordKind::Customer)
    };
    let records = sandbox.records(&query).unwrap().records;
    let names = records
        .iter()
        .map(|record| record["username"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
