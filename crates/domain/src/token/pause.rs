//! When no login goes out: after one that failed, and while the tokens that it would bring are refused.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::Error;

/// How long no login goes out after one that failed; each further failure doubles it.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// The longest that no login goes out, unless the vendor asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How much shorter than that a pause may be drawn. Small, because an outage must not be met with many logins, and
/// enough that replicas do not stay in step.
const PAUSE_SPREAD: f64 = 0.15;
/// The longest that the vendor may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// When so many tokens have been refused within so long, a further one would be too: no renewal for a while.
const MOST_REFUSED: usize = 5;
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(30);

/// The latest login, which failed.
pub(super) struct LoginFailure {
    pub(super) error: Error,
    /// How many there were in a row.
    pub(super) count: u32,
    /// Until when no other login goes out.
    pub(super) until: Instant,
}

impl LoginFailure {
    /// The error for those who call while no login goes out; `None` when one may.
    pub(super) fn paused(&self) -> Option<Error> {
        let left = self
            .until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        if let Error::RateLimited {
            retry_after: Some(_),
            vendor,
        } = self.error
        {
            return Some(Error::RateLimited {
                retry_after: Some(left),
                vendor,
            });
        }
        Some(self.error.clone())
    }
}

/// Tokens that were refused lately.
#[derive(Default)]
pub(super) struct Refusals {
    at: VecDeque<Instant>,
    latest_generation: u64,
    quiet_until: Option<Instant>,
}

impl Refusals {
    /// Notes that the token of this generation was refused. Answers whether it is one too many, so that another token is
    /// not the cure.
    pub(super) fn note(&mut self, generation: u64) -> bool {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now < until) {
            return true;
        }
        if generation > self.latest_generation {
            self.latest_generation = generation;
            self.at
                .retain(|at| now.duration_since(*at) < REFUSED_WITHIN);
            self.at.push_back(now);
        }
        if self.at.len() <= MOST_REFUSED {
            return false;
        }
        self.at.clear();
        self.quiet_until = Some(now + QUIET);
        tracing::error!(
            "the vendor keeps refusing the tokens that it issues; none is fetched for a while"
        );
        true
    }
}

/// How a failed login delays the next one.
pub(super) enum Delay {
    /// More after each.
    Growing,
    /// Just so long.
    Fixed(Duration),
}

/// How long no login goes out after `count` failures in a row.
pub(super) fn pause(count: u32, error: &Error, fraction: f64) -> Duration {
    // No other failure says how long to wait.
    let asked = if let Error::RateLimited { retry_after, .. } = error {
        retry_after.unwrap_or_default()
    } else {
        Duration::ZERO
    };
    let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1)));
    let drawn = doubled
        .min(LONGEST_PAUSE)
        .mul_f64(1.0 - PAUSE_SPREAD * fraction);
    drawn.max(asked.min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    #[test]
    fn half_an_hour_of_failures_is_met_with_forty_logins_at_most() {
        let error = Operation::CreateToken.unavailable(None);
        for fraction in [0.0, 0.5, 1.0] {
            let (mut spent, mut logins) = (Duration::ZERO, 0);
            while spent <= Duration::from_secs(29 * 60) {
                logins += 1;
                spent += pause(logins, &error, fraction);
            }
            assert!(logins <= 40, "{logins}");
            assert!(logins >= 34, "{logins}");
        }
        assert_eq!(pause(u32::MAX, &error, 0.0), LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sixth_refused_token_within_a_minute_is_one_too_many() {
        let mut refusals = Refusals::default();
        for generation in 1..=5 {
            for _ in 0..10 {
                assert!(!refusals.note(generation));
            }
        }
        assert!(refusals.note(6));
        tokio::time::advance(QUIET - Duration::from_millis(1)).await;
        assert!(refusals.note(7));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!refusals.note(7));
        for generation in 8..100 {
            tokio::time::advance(Duration::from_secs(12)).await;
            assert!(!refusals.note(generation));
        }
    }
}
