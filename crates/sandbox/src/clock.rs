//! The virtual clock: the only time that the sandbox knows.
//!
//! It starts where the configuration says, runs with real elapsed time unless it is frozen, and can be put forward by
//! any amount, so that a token expires or a grace period ends without waiting. It never goes back but by a reset or a
//! restore.

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

    /// Goes on from `now`, in the manner of `start`. A clock that runs went on running since the host's clock showed
    /// `host_time`, if that is known.
    pub(crate) fn resume(start: Start, now: Timestamp, host_time: Option<Timestamp>) -> Self {
        let mut clock = Self::start(start);
        clock.base = now;
        if clock.origin.is_some() {
            let since = host_time.map(|then| self::host_time().duration_since(then));
            let since = since.unwrap_or_default().max(SignedDuration::ZERO);
            clock.base = now.checked_add(since).unwrap_or(Timestamp::MAX);
        }
        clock
    }

    /// The host's present time if this clock runs with it, to be handed to [`Clock::resume`].
    pub(crate) fn host_time(&self) -> Option<Timestamp> {
        self.origin.map(|_| host_time())
    }

    /// Changes when the clock is put forward, and not as it runs.
    pub(crate) fn base(&self) -> Timestamp {
        self.base
    }

    /// The present virtual time; stops at the end of year 9999.
    pub(crate) fn now(&self) -> Timestamp {
        self.pinned.unwrap_or_else(|| self.unpinned())
    }

    /// The time that is shown whenever none is pinned.
    pub(crate) fn unpinned(&self) -> Timestamp {
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
    fn a_clock_that_runs_went_on_while_nobody_looked_and_never_goes_back() {
        let host = Clock::start(Start::Host);
        let hour = SignedDuration::from_hours(1);
        let then = host.host_time().unwrap() - hour;
        for start in [Start::Host, Start::At(START)] {
            let clock = Clock::resume(start, START, Some(then));
            assert!(clock.now() >= START + hour && clock.now() < START + hour * 2);
            // The host's clock was put back meanwhile.
            let clock = Clock::resume(start, START, Some(then + hour * 3));
            assert!(clock.now() >= START && clock.now() < START + hour);
            let clock = Clock::resume(start, START, None);
            assert!(clock.now() >= START && clock.now() < START + hour);
        }
    }

    #[test]
    fn a_frozen_clock_stood_still_while_nobody_looked() {
        let later = START + SignedDuration::from_hours(5);
        let frozen = Start::Frozen(START);
        let clock = Clock::resume(frozen, later, Some(Timestamp::UNIX_EPOCH));
        assert_eq!((clock.now(), clock.host_time()), (later, None));
    }

    #[test]
    fn advancing_past_the_last_year_is_refused_and_changes_nothing() {
        let mut clock = Clock::start(Start::Frozen(START));
        assert_eq!(clock.advance(Duration::MAX), None);
        assert_eq!(clock.advance(Duration::from_secs(u64::MAX / 4)), None);
        assert_eq!(clock.now(), START);
    }
}
