//! The virtual clock: the only time that the sandbox knows.
//!
//! It starts where the configuration says, runs with real elapsed time, and can be put forward by any amount,
//! so that a token expires or a grace period ends without waiting. It never goes back but by a reset.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::config::Start;

/// A clock owned by one sandbox.
pub(crate) struct Clock {
    /// The time shown when nothing had elapsed; advancing moves this.
    base: Timestamp,
    origin: Instant,
}

impl Clock {
    /// Starts a clock.
    pub(crate) fn start(start: Start) -> Self {
        let base = match start {
            Start::Host => host_time(),
            Start::At(time) => time,
        };
        Self {
            base,
            origin: Instant::now(),
        }
    }

    /// The present virtual time; stops at the end of year 9999.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// Puts the clock forward. `None`, and no change, if that would pass the end of year 9999.
    pub(crate) fn advance(&mut self, by: Duration) -> Option<Timestamp> {
        let by = SignedDuration::try_from(by).ok()?;
        self.now().checked_add(by).ok()?;
        self.base = self.base.checked_add(by).ok()?;
        Some(self.now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the host's time enters the sandbox"
)]
fn host_time() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_the_time_by_that_much() {
        let start = Timestamp::constant(1_767_225_600, 0);
        let mut clock = Clock::start(Start::At(start));
        let now = clock.advance(Duration::from_secs(7200)).unwrap();
        assert_eq!(now.as_second(), start.as_second() + 7200);
    }

    #[test]
    fn advancing_past_the_last_year_is_refused_and_changes_nothing() {
        let start = Timestamp::constant(1_767_225_600, 0);
        let mut clock = Clock::start(Start::At(start));
        assert_eq!(clock.advance(Duration::MAX), None);
        assert_eq!(clock.advance(Duration::from_secs(u64::MAX / 4)), None);
        assert_eq!(clock.now().as_second(), start.as_second());
    }
}
