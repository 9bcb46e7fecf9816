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

use crate::canary;
use machine::Machine;

/// How many seeds are tried, unless the environment says otherwise.
const SEEDS: u64 = 200;
/// How many steps each takes.
const STEPS: usize = 25;
/// The seeds that have failed once.
const KEPT: &str = include_str!("model/seeds.txt");

/// SplitMix64: the same seed makes the same choices.
pub(crate) struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    /// Whether something happens that happens once in so many times.
    fn one_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

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
