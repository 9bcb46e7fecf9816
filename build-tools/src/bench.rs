//! `cargo xtask bench`: runs the benchmarks in release, and writes down what they found.
//!
//! The figures of two machines, or of two runs, are not to be compared; the ratios within one run are. A benchmark
//! fails if it misses one of its bars.

use std::{
    fs,
    io::{Read as _, Write},
    path::Path,
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use jiff::Timestamp;

/// Where figures are written down.
const RECORD: &str = "docs/benchmarks.md";

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Bench {
    /// What the sandbox costs at a thousand customers and at a million.
    Sandbox,
            Self::Drift => &["--package", "openfinance-rest", "--bench", "drift"],
