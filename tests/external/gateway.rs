//! A gateway in a process of its own, at the ports that the README and the pages name.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Who has it has the ports.
static PORTS: Mutex<()> = Mutex::new(());

/// A gateway in sandbox mode. Ends with this value.
pub(crate) struct Gateway {
    process: Child,
    _ports: MutexGuard<'static, ()>,
}

impl Gateway {
    /// Starts one with this command, and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        // It prints a call to paste when it serves.
        let printed = BufReader::new(process.stdout.take().unwrap());
        let served = printed
            .lines()
            .any(|line| line.unwrap().contains("buf curl"));
        let gateway = Self {
            process,
            _ports: ports,
        };
        assert!(served, "the gateway ended before it served");
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Unlike `Child::kill`, this lets it stop as it should; `cargo run` has become the gateway itself by now.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.process.wait();
    }
}
