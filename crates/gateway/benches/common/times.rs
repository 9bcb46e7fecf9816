//! How long calls took, as an HDR histogram.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(120);

/// The times of calls, each to a thousandth of itself.
#[derive(Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        let longest = LONGEST.as_nanos() as u64;
        Self(Histogram::new_with_bounds(100, longest, 3).expect("the bounds are fine"))
    }
}

impl Times {
    pub(crate) fn note(&mut self, took: Duration) {
        self.0.saturating_record(took.as_nanos() as u64);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len() as usize
    }

    /// The time, in milliseconds, that this share of the calls took no longer than; 0 of none.
    pub(crate) fn millis_at(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1_000_000.0
    }

    /// The least time of the slowest hundredth, in milliseconds; 0 of none.
    pub(crate) fn slowest_hundredth(&self) -> f64 {
        self.millis_at(0.99)
    }

    /// Those that took less than this.
    pub(crate) fn below(&self, limit: Duration) -> Self {
        let mut below = Self::default();
        let limit = limit.as_nanos() as u64;
        for step in self.0.iter_recorded() {
            let time = step.value_iterated_to();
            if time < limit {
                below.0.saturating_record_n(time, step.count_at_value());
            }
        }
        below
    }
}
