//! The virtual clock: the only time that the sandbox knows.
//!
//! It starts where the configuration says, runs with real elapsed time unless it is frozen, and can be put forward by
//! any amount, so that a token expires or a grace period ends without waiting. It never goes back but by a reset.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::config::Start;

/// A clock owned by one sandbox.
pub(crate) struct Clock {
    /// The time shown when nothing had elapsed; advancing moves this.
    base: Timestamp,
    /// Since when time elapses; `None` if it does not.
    origin: Option<Instant>,
    /// What it shows meanwhile, to work that is done after its time.
    pinned: Option<Timestamp>,
}

impl Clock {
    /// Starts a clock.
    pub(crate) fn start(start: Start) -> Self {
        let (base, origin) = match start {
            Start::Host => (host_time(), Some(Instant::now())),
            Start::At(time) => (time, Some(Instant::now())),
            Start::Frozen(time) => (time, None),
        };
        Self {
            base,
            origin,
            pinned: None,
        }
    }

    /// The present virtual time; stops at the end of year 9999.
    pub(crate) fn now(&self) -> Timestamp {
        if let Some(pinned) = self.pinned {
            return pinned;
        }
        let elapsed = self
            .origin
            .map_or(Duration::ZERO, |origin| origin.elapsed());
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// Shows another time for a while, `None` for the present one again.
    pub(crate) fn pin(&mut self, to: Option<Timestamp>) {
        self.pinned = to;
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

    const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

    #[test]
    fn a_frozen_clock_moves_only_when_told_to() {
        let mut clock = Clock::start(Start::Frozen(START));
        assert_eq!(clock.now(), START);
        let later = START + SignedDuration::from_hours(2);
        assert_eq!(clock.advance(Duration::from_secs(7200)), Some(later));
        assert_eq!(clock.now(), later);
    }

    #[test]
    fn a_running_clock_keeps_what_it_was_put_forward() {
        let mut clock = Clock::start(Start::At(START));
        assert!(clock.now() >= START);
        clock.advance(Duration::from_secs(7200)).unwrap();
        assert!(clock.now() >= START + SignedDuration::from_hours(2));
    }

    #[test]
    fn advancing_past_the_last_year_is_refused_and_changes_nothing() {
        let mut clock = Clock::start(Start::Frozen(START));
        assert_eq!(clock.advance(Duration::MAX), None);
        assert_eq!(clock.advance(Duration::from_secs(u64::MAX / 4)), None);
        assert_eq!(clock.now(), START);
    }
}
