//! What a run takes from the process: streams, variables, the clock, ids, a prompt and Ctrl-C. Tests give their own.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, BufRead, IsTerminal as _, Write},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::exit::Failure;

/// What a run takes from the process.
pub struct Io {
    /// What is read where a file is `-`.
    pub stdin: Box<dyn BufRead + Send>,
    /// Records, and nothing else.
    pub stdout: Box<dyn Write + Send>,
    /// Notes, questions and errors.
    pub stderr: Box<dyn Write + Send>,
    /// Which of them are a person's.
    pub terminal: Terminal,
    /// The environment's variables; of those, what is no text is left out.
    pub variables: BTreeMap<String, String>,
    /// The time of day.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// A request id that nobody else has.
    pub new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    /// Asks a person for a secret, which is not shown while it is typed.
    pub ask_secret: AskSecret,
    /// How often Ctrl-C was pressed.
    pub interrupts: watch::Receiver<usize>,
}

/// Shows a question and reads the answer, which is not shown.
pub type AskSecret = Box<dyn Fn(&str) -> io::Result<String> + Send + Sync>;

/// Which streams are a person's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Whether a person types.
    pub stdin: bool,
    /// Whether a person reads the records.
    pub stdout: bool,
    /// Whether a person reads the notes.
    pub stderr: bool,
}

impl Io {
    /// What this process has. `interrupts` counts how often Ctrl-C was pressed.
    #[must_use]
    pub fn of_process(interrupts: watch::Receiver<usize>) -> Self {
        Self {
            stdin: Box::new(io::BufReader::new(io::stdin())),
            stdout: Box::new(io::BufWriter::new(io::stdout())),
            stderr: Box::new(io::stderr()),
            terminal: Terminal {
                stdin: io::stdin().is_terminal(),
                stdout: io::stdout().is_terminal(),
                stderr: io::stderr().is_terminal(),
            },
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            now: Box::new(Timestamp::now),
            new_id: Arc::new(Uuid::new_v4),
            ask_secret: Box::new(|question| rpassword::prompt_password(question)),
            interrupts,
        }
    }

    /// The value of a variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// Tells a person something, on a line of its own behind the records so far. That nobody may listen is no failure.
    pub(crate) fn note(&mut self, text: impl Display) {
        let _ = self.stdout.flush();
        let _ = writeln!(self.stderr, "{text}");
        let _ = self.stderr.flush();
    }

    /// Writes a line of the answer.
    ///
    /// # Errors
    ///
    /// [`Failure::Unread`] if the reader of a pipe has gone, [`Failure::Local`] if it can't be written for another reason.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    /// Writes a part of the answer.
    ///
    /// # Errors
    ///
    /// As of [`Io::line`].
    pub(crate) fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.stdout
            .write_all(text)
            .map_err(|error| unwritten(&error))
    }

    /// Sees that all lines so far are out.
    ///
    /// # Errors
    ///
    /// As of [`Io::line`].
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|error| unwritten(&error))
    }

    /// Ends when Ctrl-C has been pressed more often than it had when this was made.
    pub(crate) fn interrupted(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut interrupts = self.interrupts.clone();
        let before = *interrupts.borrow();
        async move {
            if interrupts.wait_for(|count| *count > before).await.is_err() {
                // Nobody counts any more, so none will come.
                std::future::pending::<()>().await;
            }
        }
    }
}

fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Unread;
    }
    Failure::Local(format!("cannot write the answer: {error}"))
}
