//! What a state file costs: creates that wait for the disk, a million customers put in at once, and opening it again.

use std::{fs, path::PathBuf};

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    client::Client,
    cost::Subject,
    figures::{Figure, Findings},
    fill::{Filling, fill},
    sandbox::Sandbox,
    table::MANY,
};

/// How many customers are created while each answer waits for the disk.
const CREATES: u64 = 20_000;
/// Those who wait at one time share a write.
const FILLING: Filling = Filling {
    connections: 64,
    ahead: 1,
};

/// A file below `target/`, which is on a disk where a folder for temporary files may be in memory. Removed when it is
/// dropped.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // One that stays is overwritten by the next run.
        let _ = fs::remove_file(&self.0);
    }
}

/// Measures with the customers of a sandbox.
pub(crate) fn measure(subject: &mut Subject, findings: &mut Findings) -> Result<()> {
    let mut seconds = |name: &str, since: Instant| {
        findings.add(Figure::once(MANY, name, since.elapsed().as_secs_f64(), "s"));
    };
    let started = Instant::now();
    let path = "/__sandbox/v1/snapshot";
    let snapshot = subject.client.call("GET", path, "", 200)?;
    seconds("taking a snapshot", started);

    let file = TemporaryFile(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scale.redb"));
    // One that a killed run has left behind.
    let _ = fs::remove_file(&file.0);
    let sandbox = Sandbox::start(Some(&file.0))?;
    let started = Instant::now();
    fill(sandbox.address, 0..CREATES, FILLING)?;
    let creates = CREATES as f64 / started.elapsed().as_secs_f64();

    let mut client = Client::connect(sandbox.address)?;
    let started = Instant::now();
    client.call("POST", "/__sandbox/v1/restore", &snapshot, 200)?;
    seconds("restoring it into a sandbox with a state file", started);
    // Killed, not stopped: what was answered must be in the file.
    drop(sandbox);

    let started = Instant::now();
    let sandbox = Sandbox::start(Some(&file.0))?;
    seconds("opening the state file", started);
    drop(sandbox);

    let connections = FILLING.connections;
    let name = format!("creates with a state file, {connections} connections");
    findings.add(Figure::once(MANY, name, creates, "a second"));
    Ok(())
}
