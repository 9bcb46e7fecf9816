//! `cargo xtask compare`: our client beside a plain one and one that retries, under the same faults.
//!
//! The comparison is a test, so that what stands in the docs is what comes out.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::{bench::Record, cargo::external};

/// Tells the test to write its tables down.
const RECORD: &str = "OPENFINANCE_RECORD_COMPARISON";

/// Compares, or writes down what comes out, and answers whether all is as it stands in the docs.
pub(crate) fn run(record: Record, root: &Path) -> Result<bool> {
    let mut tests = external("comparison::");
    tests.current_dir(root);
    match record {
        Record::Yes => tests.env(RECORD, "1"),
        Record::No => tests.env_remove(RECORD),
    };
    Ok(tests.status().context("cannot start cargo")?.success())
}
