//! What the gateway costs beside what its parts cost alone, in one run on one machine.
//!
//! `cargo bench --package openfinance-gateway --bench speed` prints one JSON document, tells on standard error what it is
//! at, and fails if a bar is missed. A name after `--` measures that part alone. For a look that need not be exact,
//! `SPEED_SECONDS` says how long a turn is, and `SPEED_CUSTOMERS` how many customers are streamed.
//! The gateway is the real program, and everything that is measured or called by it is a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that can't go on ends there"
)]

mod bare;
mod callers;
#[path = "../../../sandbox/benches/scale/client.rs"]
mod client;
mod collecting;
#[path = "../../tests/running/collector.rs"]
mod collector;
mod create;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../../../sandbox/benches/scale/fill.rs"]
mod fill;
#[path = "../common/generator.rs"]
mod generator;
#[path = "../common/guard.rs"]
mod guard;
#[path = "../common/keys.rs"]
mod keys;
mod latency;
mod layers;
mod memory;
mod naked;
mod pages;
#[path = "../common/processor.rs"]
mod processor;
#[path = "../../tests/running/program.rs"]
mod program;
mod protected;
#[path = "../../../../tests/redis_server.rs"]
mod redis_server;
mod role;
mod start;
mod subject;
#[path = "../../../sandbox/benches/scale/system.rs"]
mod system;
#[path = "../common/times.rs"]
mod times;
mod turns;
mod unary;
mod vendor;
#[path = "../common/watch.rs"]
mod watch;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use tokio::{runtime::Builder, time::Instant};

use crate::figures::Findings;

/// What can be measured by itself, with its name after `--`.
const PARTS: [&str; 8] = [
    "unary", "latency", "memory", "start", "create", "pages", "callers", "layers",
];

fn main() -> ExitCode {
    if let Some(played) = role::play() {
        return played;
    }
    let named: Vec<_> = env::args()
        .filter(|part| PARTS.contains(&part.as_str()))
        .collect();
    let wanted = |part: &&str| named.is_empty() || named.iter().any(|one| one == part);
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let mut findings = Findings::of("speed");
    for part in PARTS.into_iter().filter(wanted) {
        let started = Instant::now();
        progress(format_args!("{part} ..."));
        runtime.block_on(measure(part, &mut findings));
        progress(format_args!(
            "{part}: {:.0} s",
            started.elapsed().as_secs_f64()
        ));
    }
    // Nothing is left to do about an output that is closed.
    let _ = writeln!(io::stdout(), "{}", findings.json());
    match findings.is_met() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn measure(part: &str, findings: &mut Findings) {
    match part {
        "unary" => unary::measure(findings).await,
        "latency" => latency::measure(findings).await,
        "memory" => memory::measure(findings).await,
        "start" => start::measure(findings),
        "create" => create::measure(findings).await,
        "pages" => pages::measure(findings).await,
        "callers" => callers::measure(findings).await,
        "layers" => layers::measure(findings).await,
        _ => unreachable!("the parts are those above"),
    }
}

/// Tells whoever waits.
fn progress(what: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "speed: {what}");
}
