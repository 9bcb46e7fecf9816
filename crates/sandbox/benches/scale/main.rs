//! What a sandbox costs at a thousand customers and at a million, over real HTTP, in one run.
//!
//! `cargo bench --package openfinance-sandbox --bench scale` prints one JSON document and fails if a bar is missed;
//! `cargo xtask bench sandbox --record` makes the tables of it in `docs/bench/report.md`. A number after `--` takes the place
//! of the million. Times are for comparing within one run: they are those of this machine while it did other things.

mod client;
mod cost;
#[path = "../../../gateway/benches/common/figures.rs"]
mod figures;
mod fill;
mod list;
mod processor;
mod sandbox;
mod state_file;
mod system;
mod table;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    cost::Subject,
    figures::{Figure, Findings, Limit},
    table::MANY,
};

const SMALL: u64 = 1_000;
const LARGE: u64 = 1_000_000;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do about an error output that is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything, prints it, and tells whether all bars are met.
fn run() -> Result<bool> {
    let number = env::args().find_map(|argument| argument.parse().ok());
    let count = number.unwrap_or(LARGE).max(10 * SMALL);
    let mut findings = Findings::of("sandbox");
    progress(&format!("creating {count} customers ..."));

    let everywhere = processor::stay_on_one()?;
    let mut small = Subject::start()?;
    let mut middle = Subject::start()?;
    let mut large = Subject::start()?;
    small.fill_up(SMALL)?;
    middle.fill_up(count / 10)?;
    let before = large.sandbox.resident_bytes();
    let started = Instant::now();
    large.fill_up(count)?;
    let creates = count as f64 / started.elapsed().as_secs_f64();
    let after = large.sandbox.resident_bytes();

    small.age()?;
    large.age()?;
    progress("comparing requests ...");
    let costs = cost::compare(&mut small, &mut large)?;
    table::compare(&mut findings, [SMALL, count], &costs);
    progress("searching and reading ...");
    list::measure(&mut middle, &mut large, &mut findings)?;
    if let (Some(before), Some(after)) = (before, after) {
        let bytes = after.saturating_sub(before) as f64 / count as f64;
        let figure = Figure::once(MANY, "memory per customer", bytes, "bytes");
        findings.add(figure.bar(Limit::AtMost(1024.0)));
    }
    let figure = Figure::once(MANY, "creates while filling", creates, "a second");
    findings.add(figure.note(format!("{count} customers, over 4 connections")));
    processor::leave(everywhere)?;
    progress("a state file ...");
    state_file::measure(&mut large, &mut findings)?;

    writeln!(io::stdout(), "{}", findings.json())?;
    Ok(findings.is_met())
}

/// Tells whoever waits.
fn progress(what: &str) {
    // Nothing is left to do about an error output that is closed.
    let _ = writeln!(io::stderr(), "sandbox: {what}");
}
