//! What may be tried again, and how long to wait before: at most three tries, full jitter, under a budget.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::seal::random_id;

/// How often an operation is tried in all.
const TRIES: u32 = 3;
/// The longest wait before the second try; each further one doubles it.
const BASE: Duration = Duration::from_millis(50);
/// How much of a retry each call earns. With what is saved and the reserve, an outage of a minute at some hundred calls
/// a second stays under a tenth more than the calls, so that we do not make it worse.
const EARNED: f64 = 0.09;
/// How many retries may be saved.
const MOST_SAVED: f64 = 100.0;
/// How many there are for callers who call seldom, and how fast they come back.
const RESERVE: f64 = 10.0;
const RESERVE_PER_SECOND: f64 = 1.0;

/// The waits and the budget that all calls of a client share.
pub(crate) struct Retries {
    budget: Mutex<Budget>,
    denied: AtomicU64,
}

impl Retries {
    pub(crate) fn new() -> Self {
        Self {
            budget: Mutex::new(Budget {
                left: 0.0,
                at: None,
            }),
            denied: AtomicU64::new(0),
        }
    }

    /// Begins a call.
    pub(crate) fn tries(&self) -> Tries<'_> {
        self.with_budget(Budget::earn);
        Tries {
            retries: self,
            made: 0,
        }
    }

    /// Takes one from the budget for a request that only a failure has made necessary; `false` if there is none left.
    pub(crate) fn spare(&self) -> bool {
        let spared = self.with_budget(|budget| budget.take(Instant::now()));
        if !spared {
            self.denied.fetch_add(1, Ordering::Relaxed);
        }
        spared
    }

    /// How many may be made now.
    pub(crate) fn left(&self) -> f64 {
        self.with_budget(|budget| {
            budget.refill(Instant::now());
            budget.left
        })
    }

    /// How many were asked for when there was none left.
    pub(crate) fn denied(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }

    fn with_budget<T>(&self, with: impl FnOnce(&mut Budget) -> T) -> T {
        // Nothing panics while it is held; if it did, the budget would still be whole.
        with(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A number from 0 to 1, to spread waits.
pub(crate) fn fraction() -> f64 {
    // 32 bits fit a float without loss.
    f64::from((random_id() >> 32) as u32) / f64::from(u32::MAX)
}

/// How many retries may still be made.
struct Budget {
    left: f64,
    /// When the reserve was last looked after.
    at: Option<Instant>,
}

impl Budget {
    fn earn(&mut self) {
        self.left = (self.left + EARNED).min(MOST_SAVED);
    }

    /// Brings the reserve back that time has earned.
    fn refill(&mut self, now: Instant) {
        let back = match self.at.replace(now) {
            Some(at) => now.duration_since(at).as_secs_f64() * RESERVE_PER_SECOND,
            None => RESERVE,
        };
        if self.left < RESERVE {
            self.left = (self.left + back).min(RESERVE);
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

/// The tries of one call.
pub(crate) struct Tries<'a> {
    retries: &'a Retries,
    made: u32,
}

impl Tries<'_> {
    /// Whether to try again at once with another token. It is one of the three, and outside the budget: it was the token,
    /// not the vendor, that failed.
    pub(crate) fn replay(&mut self) -> bool {
        self.made += 1;
        self.made < TRIES
    }

    /// How long to wait before trying again, at least as long as the vendor asked; `None` when it is enough, for this
    /// call or for all.
    pub(crate) fn again(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        if self.made >= TRIES || !self.retries.spare() {
            return None;
        }
        let fraction = fraction();
        Some(match asked {
            // A little more than asked, and not all at the same moment.
            Some(asked) => asked.mul_f64(1.0 + fraction / 10.0),
            None => (BASE * 2_u32.pow(self.made - 1)).mul_f64(fraction),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_tried_three_times_with_growing_waits() {
        for _ in 0..1_000 {
            let retries = Retries::new();
            let mut tries = retries.tries();
            assert!(tries.again(None).unwrap() <= BASE);
            assert!(tries.again(None).unwrap() <= 2 * BASE);
            assert_eq!(tries.again(None), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_vendor_asks_is_waited_and_hardly_more() {
        let asked = Duration::from_secs(2);
        for _ in 0..1_000 {
            let wait = Retries::new().tries().again(Some(asked)).unwrap();
            assert!(asked <= wait && wait <= asked.mul_f64(1.1), "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_multiplied() {
        let retries = Retries::new();
        // An hour of good calls saves no more than it should.
        for _ in 0..1_000_000 {
            retries.tries();
        }
        let (calls, mut sent) = (30_000, 0);
        for _ in 0..calls {
            let mut tries = retries.tries();
            sent += 1;
            while tries.again(None).is_some() {
                sent += 1;
            }
            tokio::time::advance(Duration::from_millis(2)).await;
        }
        assert!(sent * 10 <= calls * 11, "{sent} attempts of {calls} calls");
    }

    #[tokio::test(start_paused = true)]
    async fn who_calls_seldom_may_retry() {
        let retries = Retries::new();
        for _ in 0..100 {
            let mut tries = retries.tries();
            assert!(tries.again(None).is_some() && tries.again(None).is_some());
            tokio::time::advance(Duration::from_secs(2)).await;
        }
    }
}
