//! What a sandbox costs at a thousand customers and at a million, over real HTTP, in one run.
//!
//! `cargo bench --package openfinance-sandbox --bench scale` prints the tables and fails if a bar is missed;
//! `cargo xtask bench sandbox --record` also writes them into `docs/bench`. A number after `--` takes the place
//! of the million. Times are for comparing within one run: they are those of this machine while it did other things.

mod bar;
mod client;
mod cost;
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
    bar::{Bar, grouped},
    cost::Subject,
    table::Report,
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
    let mut report = Report::default();

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
    report.compare([SMALL, count], &cost::compare(&mut small, &mut large)?);
    list::measure(&mut middle, &mut large, &mut report)?;
    if let (Some(before), Some(after)) = (before, after) {
        let bytes = after.saturating_sub(before) as f64 / count as f64;
        let bar = Bar::at_most(bytes, 1024.0, "≤ 1,024 bytes");
        report.figure("memory per customer", format!("{bytes:.0} bytes"), bar);
    }
    let creates = grouped(creates as u64);
    report.figure("creates a second while filling", creates, Bar::NONE);
    processor::leave(everywhere)?;
    state_file::measure(&mut large, &mut report)?;

    write!(io::stdout(), "{report}")?;
    Ok(report.is_met())
}
