//! The gateway killed (SIGKILL) at every point of a create, started again over the same store file, and asked again.
//!
//! `cargo test -p e2e --test kill -- [--repeats N] [--seed S] [FILTER...]`. The program starts itself once more as the
//! gateway that it kills, so the gateway has no code for being killed: inside it, a store around the real one stops for
//! ever; on the wire, the sandbox does.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]
#![allow(
    clippy::print_stdout,
    reason = "it prints what cargo's test runner prints"
)]

mod cell;
mod child;
mod point;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use cell::Cell;

/// How often each create is killed at each point.
const REPEATS: u64 = 5;
/// How many gateways run at the same time.
const AT_ONCE: usize = 8;
/// How long one gateway may take from its start to the last look at what it left.
const LIMIT: Duration = Duration::from_secs(90);

/// What the command line says.
struct Options {
    repeats: u64,
    seed: u64,
    list: bool,
    filters: Vec<String>,
}

impl Options {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            repeats: REPEATS,
            seed: 1,
            list: false,
            filters: Vec::new(),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().unwrap().parse().unwrap();
            match argument.as_str() {
                "--repeats" => options.repeats = number(),
                "--seed" => options.seed = number(),
                "--list" => options.list = true,
                // What else cargo's runner knows changes nothing here.
                flag if flag.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options
    }

    fn wants(&self, cell: &Cell) -> bool {
        let name = cell.name();
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == child::FLAG).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(child::run(arguments));
        return ExitCode::SUCCESS;
    }
    let options = Options::read(arguments);
    let (cells, left_out): (Vec<_>, Vec<_>) = Cell::all()
        .into_iter()
        .partition(|cell| options.wants(cell));
    if options.list {
        for cell in cells {
            println!("{}: test", cell.name());
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", cells.len());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let (passed, failed) = runtime.unwrap().block_on(run(cells, &options));
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        left_out.len()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

/// Runs all cells, each as often as it should, and answers how many passed and failed.
async fn run(cells: Vec<Cell>, options: &Options) -> (usize, usize) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for cell in cells {
        let mut repeats = JoinSet::new();
        for repeat in 0..options.repeats {
            let (room, seed) = (Arc::clone(&room), options.seed.wrapping_add(repeat));
            repeats.spawn(async move {
                let _place = room.acquire().await.unwrap();
                let outcome = timeout(LIMIT, cell.kill_once(seed)).await;
                outcome
                    .unwrap_or_else(|_| Err("it took too long".to_owned()))
                    .map_err(|problem| format!("with --seed {seed}: {problem}"))
            });
        }
        running.spawn(async move {
            let mut problems = Vec::new();
            while let Some(repeat) = repeats.join_next().await {
                let outcome = repeat.unwrap_or_else(|error| Err(error.to_string()));
                problems.extend(outcome.err());
            }
            (cell, problems)
        });
    }
    let (mut passed, mut failed) = (0, 0);
    while let Some(result) = running.join_next().await {
        let (cell, problems) = result.unwrap();
        if problems.is_empty() {
            passed += 1;
            println!("test {} ... ok", cell.name());
        } else {
            failed += 1;
            println!("test {} ... FAILED", cell.name());
            for problem in problems {
                println!("    {problem}");
            }
        }
    }
    (passed, failed)
}
