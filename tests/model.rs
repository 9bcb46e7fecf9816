//! A model-based test: callers do what comes to their mind, the vendor fails now and then, the gateway is restarted in
//! between, and what the callers were told must agree with what the vendor's journal shows.
//!
//! What happens follows from a seed. `MODEL_SEEDS` says how many seeds are tried and `MODEL_FIRST_SEED` where they begin;
//! those of `model/seeds.txt`, which have failed once, come first. Tokio's clock is held, so waits cost nothing.

mod ask;
mod fault;
mod machine;

use std::{
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{canary, dice::Dice};
use machine::Machine;

/// How many seeds are tried, unless the environment says otherwise.
const SEEDS: u64 = 200;
/// How many steps each takes.
const STEPS: usize = 25;
/// The seeds that have failed once.
const KEPT: &str = include_str!("model/seeds.txt");

#[test]
fn callers_were_told_what_is_so_whatever_happened() {
    let kept = KEPT
        .lines()
        .map(|line| line.split('#').next().unwrap().trim());
    let kept = kept.filter(|seed| !seed.is_empty());
    let mut seeds: Vec<u64> = kept.map(|seed| seed.parse().unwrap()).collect();
    let first = number("MODEL_FIRST_SEED", 1);
    seeds.extend(first..first + number("MODEL_SEEDS", SEEDS));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism()
            .map_or(2, usize::from)
            .min(8)
        {
            scope.spawn(|| {
                canary::log_less_here();
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(told) = try_seed(seed) {
                        failed.lock().unwrap().push(told);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} seeds failed:\n{}",
        failed.len(),
        seeds.len(),
        failed.join("\n")
    );
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Lives through one seed; if it fails, tells what led there.
fn try_seed(seed: u64) -> Result<(), String> {
    let steps = Mutex::new(Vec::new());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut machine = Machine::start(Dice(seed), &steps).await;
            for _ in 0..STEPS {
                machine.step().await;
            }
            machine.end().await;
        });
    }));
    lived.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("a panic without words");
        let mut told = format!("seed {seed}: {text}\n");
        let steps = steps
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for (number, step) in steps.iter().enumerate() {
            let _ = writeln!(told, "  {number}: {step}");
        }
        told + "Once it is mended, add the seed to tests/model/seeds.txt.\n"
    })
}
