//! `cargo xtask chaos`: the fault suites that take too long for every commit.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

/// How often each create is killed at each point, unless another number is given.
pub(crate) const REPEATS: u64 = 25;

/// What the runs differ by, unless another seed is given.
pub(crate) const SEED: u64 = 1;

/// Runs the kill matrix, each create killed so many times at each point, and answers whether all held. The same seed
/// kills in the same way.
pub(crate) fn run(repeats: u64, seed: u64, root: &Path) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--package", "e2e", "--test", "kill", "--locked"])
        .args(["--", "--repeats", &repeats.to_string()])
        .args(["--seed", &seed.to_string()])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}
