//! Lines of the log in a flood: so many are written, and the rest is counted.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many lines at once, so many more each second, and the number of those that were passed over in between.
#[derive(Debug)]
pub(crate) struct Sample {
    burst: u32,
    per_second: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u32,
    /// The lines of seconds before this are in `left`.
    since: Instant,
    passed_over: u64,
}

impl Sample {
    pub(crate) fn new(burst: u32, per_second: u32) -> Self {
        Self {
            burst,
            per_second,
            state: Mutex::new(State {
                left: burst,
                since: Instant::now(),
                passed_over: 0,
            }),
        }
    }

    /// How many were passed over since the last line, if there is to be one of this; `None` if this one is passed over.
    pub(crate) fn take(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = state.since.elapsed().as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds).unwrap_or(u32::MAX);
            let more = more.saturating_mul(self.per_second);
            state.left = state.left.saturating_add(more).min(self.burst);
            state.since += Duration::from_secs(seconds);
        }
        if let Some(left) = state.left.checked_sub(1) {
            state.left = left;
            Some(std::mem::take(&mut state.passed_over))
        } else {
            state.passed_over += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_has_so_many_lines_and_the_next_one_counts_the_others() {
        let sample = Sample::new(3, 2);
        let lines =
            |calls: usize| -> Vec<u64> { (0..calls).filter_map(|_| sample.take()).collect() };
        assert_eq!(lines(10), [0, 0, 0]);
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(lines(5), [7, 0]);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(lines(5), [3, 0]);
        // However long it was quiet: no more than at first.
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(lines(10), [3, 0, 0]);
    }
}
