//! How many calls are under way at once, and when the next one may go: fewer and later when the gateway pushes back,
//! more again when it answers.

use std::time::Duration;

use tokio::time::Instant;

use super::patience;

/// The pace of an import.
pub(crate) struct Pace {
    most: usize,
    /// How many calls may be under way.
    limit: usize,
    answers: usize,
    refusals: u32,
    next: Instant,
    /// When the gateway last answered for good.
    pub(crate) answered: Instant,
}

impl Pace {
    pub(crate) fn new(most: usize) -> Self {
        let now = Instant::now();
        Self {
            most,
            limit: most,
            answers: 0,
            refusals: 0,
            next: now,
            answered: now,
        }
    }

    /// How many calls may be under way.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// When the next call may go.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// The gateway has answered for good.
    pub(crate) fn answered(&mut self) {
        self.answered = Instant::now();
        self.refusals = 0;
        self.answers += 1;
        if self.answers >= self.limit {
            self.answers = 0;
            self.limit = self.most.min(self.limit + 1);
        }
    }

    /// The gateway wants the call later.
    pub(crate) fn pushed_back(&mut self, wait: Option<Duration>) {
        self.answers = 0;
        self.limit = (self.limit / 2).max(1);
        let wait = patience::wait(wait, self.refusals);
        self.refusals = self.refusals.saturating_add(1);
        self.next = self.next.max(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pushed_back_it_halves_and_waits_and_recovers_by_answers() {
        let mut pace = Pace::new(8);
        pace.pushed_back(Some(Duration::from_secs(3)));
        assert_eq!(pace.limit(), 4);
        assert_eq!(pace.next() - Instant::now(), Duration::from_secs(3));
        for _ in 0..5 {
            pace.pushed_back(None);
        }
        assert_eq!(pace.limit(), 1);
        for _ in 0..28 {
            pace.answered();
        }
        assert_eq!(pace.limit(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_where_the_gateway_names_none_and_have_an_end() {
        let mut pace = Pace::new(1);
        for milliseconds in [100, 200, 400] {
            pace.pushed_back(None);
            let wait = pace.next() - Instant::now();
            assert_eq!(wait, Duration::from_millis(milliseconds));
        }
        for _ in 0..40 {
            pace.pushed_back(None);
        }
        assert_eq!(pace.next() - Instant::now(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_gateway_asks_for_is_waited_for_within_reason() {
        let mut pace = Pace::new(1);
        pace.pushed_back(Some(Duration::from_secs(30)));
        assert_eq!(pace.next() - Instant::now(), Duration::from_secs(30));
        pace.pushed_back(Some(Duration::from_secs(3600)));
        assert_eq!(pace.next() - Instant::now(), patience::LONGEST_ASKED);
    }
}
