//! What may be tried again, and how long to wait before: at most three tries, full jitter.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How often an operation is tried in all.
const TRIES: u32 = 3;
/// The longest wait before the second try; each further one doubles it.
const BASE: Duration = Duration::from_millis(50);
/// The longest wait that the vendor may ask for (`Retry-After`) and still be waited out here.
const PATIENCE: Duration = Duration::from_secs(2);

/// The source of the waits, shared by all calls of a client.
pub(crate) struct Backoff {
    random: AtomicU64,
}

impl Backoff {
    /// With a seed of the process's own.
    pub(crate) fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    fn seeded(seed: u64) -> Self {
        Self {
            random: AtomicU64::new(seed),
        }
    }

    /// Begins a call.
    pub(crate) fn tries(&self) -> Tries<'_> {
        Tries {
            backoff: self,
            made: 0,
        }
    }

    /// A number from 0 to 1: splitmix64, which is even enough to spread waits and nothing more.
    fn fraction(&self) -> f64 {
        let mut bits = self
            .random
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 32 bits fit a float without loss.
        f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
    }
}

/// The tries of one call.
pub(crate) struct Tries<'a> {
    backoff: &'a Backoff,
    made: u32,
}

impl Tries<'_> {
    /// How long to wait before trying again; `None` when it is enough, or when the vendor asks for more patience than
    /// a caller has.
    pub(crate) fn again(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        if self.made >= TRIES {
            return None;
        }
        match retry_after {
            Some(asked) => (asked <= PATIENCE).then_some(asked),
            None => Some((BASE * 2_u32.pow(self.made - 1)).mul_f64(self.backoff.fraction())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_tried_three_times_with_growing_waits() {
        for seed in 0..1_000 {
            let backoff = Backoff::seeded(seed);
            let mut tries = backoff.tries();
            assert!(tries.again(None).unwrap() <= BASE);
            assert!(tries.again(None).unwrap() <= 2 * BASE);
            assert_eq!(tries.again(None), None);
        }
    }

    #[test]
    fn what_the_vendor_asks_is_waited_exactly_or_not_at_all() {
        let backoff = Backoff::seeded(1);
        assert_eq!(
            backoff.tries().again(Some(Duration::from_secs(1))),
            Some(Duration::from_secs(1))
        );
        assert_eq!(backoff.tries().again(Some(Duration::from_secs(3))), None);
    }
}
