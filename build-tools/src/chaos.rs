//! `cargo xtask chaos`: the fault suites that take too long for every commit.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::cargo::cargo;

/// How often each create is killed at each point, unless another number is given.
pub(crate) const REPEATS: u64 = 25;

/// What the runs differ by, unless another seed is given.
pub(crate) const SEED: u64 = 1;

/// How many seeds the model is tried with for each repeat of the kill matrix.
const SEEDS_PER_REPEAT: u64 = 100;

/// How many callers visit whose calls are held against the audit file, for each repeat: 11,000 calls for 25.
const VISITS_PER_REPEAT: u64 = 60;

/// Runs the kill matrix, each create killed so many times at each point, then the model with many seeds, then the match
/// of the audit file and the journal over many calls, and answers whether all held. The same seed does the same once more.
pub(crate) fn run(repeats: u64, seed: u64, root: &Path) -> Result<bool> {
    let mut kill = test("kill", root);
    kill.args(["--repeats", &repeats.to_string()]);
    kill.args(["--seed", &seed.to_string()]);
    let mut model = test("e2e", root);
    model.arg("model::");
    let seeds = repeats.saturating_mul(SEEDS_PER_REPEAT);
    model.env("MODEL_SEEDS", seeds.to_string());
    model.env("MODEL_FIRST_SEED", seed.to_string());
    let mut audit = test("e2e", root);
    audit.arg("audit::matching::");
    let visits = repeats.saturating_mul(VISITS_PER_REPEAT);
    audit.env("AUDIT_VISITS", visits.to_string());
    let mut held = true;
    for suite in [&mut kill, &mut model, &mut audit] {
        held &= succeeds(suite)?;
    }
    Ok(held)
}

/// A test target, before the arguments that are for the test itself.
fn test(target: &str, root: &Path) -> Command {
    let mut command = cargo();
    // Of all packages, as the tests of the workspace are built.
    command.args(["test", "--workspace", "--test", target, "--locked", "--"]);
    command.current_dir(root);
    command
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().context("cannot start cargo")?;
    Ok(status.success())
}
