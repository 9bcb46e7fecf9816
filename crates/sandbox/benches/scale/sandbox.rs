//! The program as a child process, and what the system says of it.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::system;

/// A sandbox in a process of its own, killed when this is dropped.
pub(crate) struct Sandbox {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It is gone already or it goes now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sandbox {
    /// Starts the program, and waits until it listens. Its log is off: a line for each request would cost more than
    /// what is measured. So would handing requests from thread to thread, which is why it has one for them.
    pub(crate) fn start(state: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openfinance-sandbox"));
        command
            .args([
                "--listen=127.0.0.1:0",
                "--testing-customer-limit=1000000000",
            ])
            .env("RUST_LOG", "error")
            .env("TOKIO_WORKER_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let mut process = command.spawn().context("cannot start the sandbox")?;
        let output = process.stdout.take().context("no output of the sandbox")?;
        let mut sandbox = Self {
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit_once("http://");
        let (_, address) = address.context("the sandbox did not say where it listens")?;
        sandbox.address = address.parse()?;
        Ok(sandbox)
    }

    /// Bytes of memory in use, where the system tells.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        system::resident_bytes(self.process.id())
    }

    /// Nanoseconds that its threads have spent on a processor, where the system tells.
    pub(crate) fn processor_nanoseconds(&self) -> Option<u64> {
        system::processor_nanoseconds(self.process.id())
    }
}
