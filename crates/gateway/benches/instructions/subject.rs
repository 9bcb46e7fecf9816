//! The gateway under callgrind.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{process::Command, time::sleep};
use tonic::transport::Channel;

use crate::{profile::Profile, program::Program};

/// callgrind writes down what it has counted, and begins anew, whenever the program enters this function of the system's
/// library. The gateway does that for new connections alone, so that a request to the admin port by a connection of its
/// own marks a moment. It works in any container: nothing has to look into the process from outside.
const MARK: &str = "accept4";

/// What its files are called, before a dot and a number.
const PART: &str = "part";

/// How often it is looked for a file that is not whole yet.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Subject {
    program: Program,
    folder: PathBuf,
    /// The number of the next file.
    next: usize,
    /// What a mark costs by itself.
    mark: Profile,
    /// The file with the most of what was taken last: the calls, without the mark.
    last: PathBuf,
}

impl Subject {
    /// Starts the program with these settings and variables, and lets callgrind write into an empty folder.
    pub(crate) async fn start(
        program: &OsStr,
        vendor: &str,
        settings: &str,
        variables: &[(&str, String)],
        folder: PathBuf,
    ) -> Self {
        let mut callgrind = Command::new("valgrind");
        callgrind
            .args(["--quiet", "--tool=callgrind", "--fair-sched=yes"])
            .arg(format!("--dump-before={MARK}"))
            .arg(format!(
                "--callgrind-out-file={}",
                folder.join(PART).display()
            ))
            .arg(program);
        // One thread that serves makes the order of things the same each time.
        let mut all = vec![("TOKIO_WORKER_THREADS", "1".to_owned())];
        all.extend_from_slice(variables);
        let mut subject = Self {
            program: Program::under(callgrind, Some(vendor), settings, &all).await,
            folder,
            next: 1,
            mark: Profile::default(),
            last: PathBuf::new(),
        };
        // The first one has the start in it, the next are slower than those that follow.
        for _ in 0..5 {
            subject.taken().await;
        }
        subject.mark = subject.taken().await;
        subject
    }

    /// All that was carried out since this was asked last.
    pub(crate) async fn taken(&mut self) -> Profile {
        assert!(self.program.says_yes("/livez").await);
        let (mut taken, mut most) = (Profile::default(), 0.0);
        loop {
            let path = self.folder.join(format!("{PART}.{}", self.next));
            if !path.exists() {
                break;
            }
            let part = loop {
                match Profile::read(&fs::read_to_string(&path).unwrap()) {
                    Some(part) => break part,
                    None => sleep(LOOK).await,
                }
            };
            if part.total() > most {
                most = part.total();
                self.last = path;
            }
            taken.add(part);
            self.next += 1;
        }
        assert!(taken.total() > 0.0, "callgrind saw no call of {MARK}");
        taken.less(&self.mark)
    }

    /// Keeps the file of what was taken last, for people to look into.
    pub(crate) fn keep(&self, file: &Path) {
        fs::copy(&self.last, file).unwrap();
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.program.channel().await
    }

    pub(crate) async fn stop(self) {
        self.program.stop().await;
    }
}
