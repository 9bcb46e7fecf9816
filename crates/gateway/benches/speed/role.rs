//! Processes that are this program too, each with a part of its own: what is measured shares none with what measures.
//!
//! Such a process says in one line where it is to be found, serves until its input ends, and then ends itself. So nothing
//! stays behind, however this one ends.

use std::{
    env,
    io::{self, Write as _},
    process::{ExitCode, Stdio},
    thread,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    runtime::Builder,
    sync::mpsc,
};

use crate::{bare, collecting, naked, vendor};

/// The parts that there are: the first argument of such a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The sandbox.
    Vendor,
    /// A gRPC server that answers from memory.
    Echo,
    /// An HTTP client of the vendor.
    Bare,
    /// A gateway that does nothing but the calls.
    Naked,
    /// A collector of traces.
    Collector,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Vendor,
        Self::Echo,
        Self::Bare,
        Self::Naked,
        Self::Collector,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Echo => "echo",
            Self::Bare => "bare",
            Self::Naked => "naked",
            Self::Collector => "collector",
        }
    }
}

/// A process that has a part.
pub(crate) struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it has said first: where it is to be found.
    pub(crate) address: String,
}

impl Role {
    /// Starts one, and waits until it serves.
    pub(crate) async fn start(part: Part, argument: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([part.name(), argument])
            // The gateway does not get it either: both have as many threads as there are processors.
            .env_remove("TOKIO_WORKER_THREADS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut role = Self {
            child,
            input,
            output,
            address: String::new(),
        };
        role.address = role.hear().await;
        role
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Says a line to it, and answers the line that comes back.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        let line = format!("{line}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        self.hear().await
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).await.unwrap();
        assert!(
            line.ends_with('\n'),
            "a part of the benchmark has ended early"
        );
        line.trim_end().to_owned()
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        drop(self.input);
        let status = self.child.wait().await.unwrap();
        assert!(
            status.success(),
            "a part of the benchmark has failed: {status}"
        );
    }
}

/// What this process is asked by the one that has started it, line by line.
pub(crate) type Orders = mpsc::UnboundedReceiver<String>;

/// Plays the part that the arguments name, if they name one. The threads are as many as the gateway has.
pub(crate) fn play() -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next()?;
    let part = Part::ALL.into_iter().find(|part| part.name() == name)?;
    let argument = arguments.next().unwrap_or_default();
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let orders = orders();
        match part {
            Part::Vendor => vendor::play(orders).await,
            Part::Echo => naked::play_echo(orders).await,
            Part::Bare => bare::play(&argument, orders).await,
            Part::Naked => naked::play(&argument, orders).await,
            Part::Collector => collecting::play(orders).await,
        }
    });
    runtime.shutdown_background();
    Some(ExitCode::SUCCESS)
}

/// Says a line to the process that has started this one.
pub(crate) fn say(line: impl std::fmt::Display) {
    // A listener that has gone has closed the input too, and this process ends for that.
    let _ = writeln!(io::stdout(), "{line}");
}

fn orders() -> Orders {
    let (hand_on, orders) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if hand_on.send(line).is_err() {
                return;
            }
        }
    });
    orders
}

/// Ends when the process that has started this one wants nothing any more.
pub(crate) async fn until_the_end(mut orders: Orders) {
    while orders.recv().await.is_some() {}
}
