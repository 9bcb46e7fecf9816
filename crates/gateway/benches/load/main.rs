//! The gateway as a process, over a sandbox, under more calls than it can carry, and under as many as it should.
//!
//! `cargo bench --package openfinance-gateway --bench load` prints the figures and fails if a bar is missed; it takes
//! about five minutes. `cargo xtask bench load --record` also writes them into `docs/bench`. The callers and the
//! sandbox are in this process, on the same machine.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that can't go on ends there"
)]

#[path = "../../../sandbox/benches/scale/bar.rs"]
mod bar;
#[path = "../../tests/running/collector.rs"]
mod collector;
mod cost;
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
mod report;
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

use crate::report::Report;

/// What can be measured by itself, with its name after `--`.
const PARTS: [&str; 3] = ["overload", "cost", "traces"];

#[tokio::main]
async fn main() -> ExitCode {
    let mut report = Report::default();
    let parts: Vec<_> = env::args().skip(1).collect();
    let named = |part: &String| PARTS.contains(&part.as_str());
    let wanted = |part: &str| !parts.iter().any(named) || parts.iter().any(|one| one == part);
    if wanted("overload") {
        overload::knee(&mut report).await;
        overload::fairness(&mut report).await;
        overload::stall(&mut report).await;
    }
    if wanted("cost") {
        cost::guarded_latency_and_soak(&mut report).await;
    }
    if wanted("traces") {
        cost::traces(&mut report).await;
    }
    // Nothing is left to do about an output that is closed.
    let _ = write!(io::stdout(), "{report}");
    match report.is_met() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
