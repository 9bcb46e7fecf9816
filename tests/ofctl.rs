//! `ofctl`, end to end: the whole command line in this process, over the real gateway and the real sandbox.

mod connection;
mod exits;
mod records;
mod repeats;
mod shown;

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use ofctl::{Exit, Io, Terminal};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{canary, world::World};

/// How a command line ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What was printed, if all was done.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.exit, Exit::Done, "{}", self.err);
        self.out
    }

    /// What was told, if it ended so.
    #[track_caller]
    pub(crate) fn ended(self, exit: Exit) -> String {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        assert_eq!(self.out, "");
        self.err
    }
}

/// What is around a command line.
pub(crate) struct Around {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) stdin: String,
    pub(crate) terminal: Terminal,
    /// What a person types where it is not shown.
    pub(crate) typed: Option<String>,
    pub(crate) now: jiff::Timestamp,
    pub(crate) interrupts: watch::Receiver<usize>,
    /// What writing the answer fails with.
    pub(crate) unread: Option<io::ErrorKind>,
    /// Files for it.
    pub(crate) folder: TempDir,
}

impl Around {
    /// The gateway of this world, its clock, and nothing else: nobody types, and nobody presses Ctrl-C.
    pub(crate) fn of(world: &World) -> Self {
        let address = format!("http://{}", world.grpc_address());
        Self {
            variables: [("OFCTL_ADDRESS".to_owned(), address)].into(),
            stdin: String::new(),
            terminal: Terminal::default(),
            typed: None,
            now: world.sandbox().now(),
            interrupts: watch::channel(0).1,
            unread: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.to_owned();
        self
    }

    /// A person types this line, and this where it is not shown.
    pub(crate) fn person(mut self, line: &str, unseen: &str) -> Self {
        self.terminal.stdin = true;
        self.stdin = format!("{line}\n");
        self.typed = Some(unseen.to_owned());
        self
    }

    /// What it answers can't be written, for this reason.
    pub(crate) fn unread(mut self, reason: io::ErrorKind) -> Self {
        self.unread = Some(reason);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes a file, and answers its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command line, of words between spaces. Nothing personal may be in what it prints, unless it was asked for; in notes and errors never.
    pub(crate) async fn run(&self, arguments: &str) -> Ran {
        let (out, err) = (Paper::default(), Paper::default());
        let typed = self.typed.clone();
        let now = self.now;
        let mut io = Io {
            stdin: Box::new(Cursor::new(self.stdin.clone().into_bytes())),
            stdout: match self.unread {
                Some(reason) => Box::new(Torn(reason)),
                None => Box::new(out.clone()),
            },
            stderr: Box::new(err.clone()),
            terminal: self.terminal,
            variables: self.variables.clone(),
            now: Box::new(move || now),
            new_id: Arc::new(next_id),
            ask_secret: Box::new(move |question| {
                assert!(!question.is_empty());
                typed
                    .clone()
                    .ok_or_else(|| io::Error::other("nobody is there"))
            }),
            interrupts: self.interrupts.clone(),
        };
        let words = ["ofctl"].into_iter().chain(arguments.split(' '));
        let exit = ofctl::run(words, &mut io).await;
        let (out, err) = (out.text(), err.text());
        canary::scan(&err);
        if !arguments.contains("--reveal") {
            canary::scan(&out);
        }
        Ran { exit, out, err }
    }
}

/// Runs a command line against the gateway of this world.
pub(crate) async fn ofctl(world: &World, arguments: &str) -> Ran {
    Around::of(world).run(arguments).await
}

/// Ids that nobody else has, and the same in every run.
fn next_id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    uuid::Builder::from_random_bytes(u128::from(next).to_be_bytes()).into_uuid()
}

/// What is written, for all who hold it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What nobody can write on.
struct Torn(io::ErrorKind);

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// The value of a field in a table of one record.
#[track_caller]
fn value<'a>(table: &'a str, field: &str) -> &'a str {
    let line = table.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == field).then(|| value.trim())
    });
    line.unwrap_or_else(|| panic!("no {field} in {table}"))
}

/// JSON Lines.
#[track_caller]
fn lines(text: &str) -> Vec<serde_json::Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}
