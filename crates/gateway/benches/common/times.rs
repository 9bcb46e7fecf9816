//! How long calls took, as an HDR histogram.
#![allow(
    dead_code,
    unused_imports,
    reason = "the benchmarks that include this file need different parts of it, and run none of its tests"
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One call of each of the first so many milliseconds.
    fn up_to(millis: u64) -> Times {
        let mut times = Times::default();
        (1..=millis).for_each(|millis| times.note(Duration::from_millis(millis)));
        times
    }

    /// Whether two times are the same to a thousandth.
    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= other / 1_000.0
    }

    #[test]
    fn a_share_of_the_calls_took_no_longer_than_it_says() {
        let times = up_to(1_000);
        assert_eq!(times.count(), 1_000);
        assert!(close(times.millis_at(0.5), 500.0));
        assert!(close(times.slowest_hundredth(), 990.0));
        assert_eq!(Times::default().slowest_hundredth(), 0.0);
    }

    #[test]
    fn times_of_several_rounds_are_those_of_all_their_calls() {
        let mut times = up_to(100);
        times.add(&up_to(300));
        assert_eq!(times.count(), 400);
        assert!(close(times.millis_at(0.5), 100.0));
    }

    #[test]
    fn those_below_a_time_are_the_shorter_ones() {
        let below = up_to(1_000).below(Duration::from_millis(400));
        assert_eq!(below.count(), 399);
    }

    #[test]
    fn a_call_that_took_longer_than_any_is_still_counted() {
        let mut times = Times::default();
        times.note(2 * LONGEST);
        assert!(close(times.millis_at(1.0), LONGEST.as_secs_f64() * 1_000.0));
    }
}
