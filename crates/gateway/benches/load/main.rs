//! The gateway as a process, over a sandbox, under more calls than it can carry, and under as many as it should.
//!
//! `cargo bench --package openfinance-gateway --bench load` prints one JSON document and fails if a bar is missed; it
//! takes about six minutes. `cargo xtask bench load --record` makes the tables of it in `docs/bench/report.md`. The callers and
//! the sandbox are in this process, on the same machine.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that can't go on ends there"
)]

#[path = "../../tests/running/collector.rs"]
mod collector;
mod cost;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/generator.rs"]
mod generator;
#[path = "../common/guard.rs"]
mod guard;
#[path = "../common/keys.rs"]
mod keys;
mod overload;
#[path = "../../tests/running/process.rs"]
mod process;
#[path = "../../tests/running/program.rs"]
mod program;
mod subject;
#[path = "../../../sandbox/benches/scale/system.rs"]
mod system;
#[path = "../common/times.rs"]
mod times;
#[path = "../common/watch.rs"]
mod watch;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::figures::Findings;

/// What can be measured by itself, with its name after `--`.
const PARTS: [&str; 3] = ["overload", "cost", "traces"];

#[tokio::main]
async fn main() -> ExitCode {
    let mut findings = Findings::of("load");
    let parts: Vec<_> = env::args().skip(1).collect();
    let named = |part: &String| PARTS.contains(&part.as_str());
    let wanted = |part: &str| !parts.iter().any(named) || parts.iter().any(|one| one == part);
    if wanted("overload") {
        overload::knee(&mut findings).await;
        overload::fairness(&mut findings).await;
        overload::stall(&mut findings).await;
    }
    if wanted("cost") {
        cost::guarded_latency_and_soak(&mut findings).await;
    }
    if wanted("traces") {
        cost::traces(&mut findings).await;
    }
    // Nothing is left to do about an output that is closed.
    let _ = writeln!(io::stdout(), "{}", findings.json());
    match findings.is_met() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
