//! The gate before each of the vendor's operations: shut for a while where the vendor keeps failing, and for as long as
//! the vendor asks where it limits the rate.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Vendor, observe::Circuit, operation::Operation};

/// So many failures in a row shut the gate.
const IN_A_ROW: u32 = 10;
/// So many calls within [`WINDOW`], half of them failures, shut it too.
const ENOUGH_CALLS: usize = 20;
/// Over what time calls are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// For how long the gate is shut. Then one call may try.
const SHUT: Duration = Duration::from_secs(5);
/// The longest that the vendor is given for its `Retry-After`: a slip of its should not stop us for years.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// The gates of all operations.
pub(crate) struct Gates(Vec<Mutex<Gate>>);

#[derive(Default)]
struct Gate {
    /// The calls within the window: when each ended, and whether it failed.
    calls: VecDeque<(Instant, bool)>,
    failed: usize,
    in_a_row: u32,
    shut_until: Option<Instant>,
    /// A call is on its way that tries whether the vendor is back.
    trying: bool,
    limited: Option<Limited>,
}

/// The vendor limits the rate.
#[derive(Clone, Copy)]
struct Limited {
    until: Instant,
    vendor: Vendor,
}

/// Why a gate is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// The vendor keeps failing.
    Failing(Duration),
    /// The vendor asked to wait, with this answer.
    Limited(Duration, Vendor),
}

/// What an attempt came to, as far as the gate cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// The vendor answered, whatever it said.
    Answered,
    /// It could not be reached, broke off or failed.
    Failed,
}

/// Leave to call. Dropped without a word of what came of it, it says nothing about the vendor.
pub(crate) struct Pass<'a> {
    gate: &'a Mutex<Gate>,
    trying: bool,
}

impl Gates {
    pub(crate) fn new() -> Self {
        Self(Operation::ALL.iter().map(|_| Mutex::default()).collect())
    }

    fn gate(&self, operation: Operation) -> &Mutex<Gate> {
        &self.0[operation as usize]
    }

    /// Leave to call `operation` now.
    ///
    /// # Errors
    /// [`Shut`] says why not, and for how long.
    pub(crate) fn enter(&self, operation: Operation) -> Result<Pass<'_>, Shut> {
        let gate = self.gate(operation);
        let trying = lock(gate).enter(Instant::now())?;
        Ok(Pass { gate, trying })
    }

    /// Each operation's name, and whether its calls go out.
    pub(crate) fn circuits(&self) -> Vec<(&'static str, Circuit)> {
        let now = Instant::now();
        let circuit = |operation: &Operation| {
            let gate = lock(self.gate(*operation));
            let circuit = match (gate.shut_until, gate.limited) {
                (Some(until), _) if until > now => Circuit::Open,
                (Some(_), _) => Circuit::Trying,
                (None, Some(limited)) if limited.until > now => Circuit::Limited,
                (None, _) => Circuit::Closed,
            };
            (operation.name(), circuit)
        };
        Operation::ALL.iter().map(circuit).collect()
    }

    /// Notes that the vendor asks to wait.
    pub(crate) fn limit(&self, operation: Operation, wait: Duration, vendor: Vendor) {
        let until = Instant::now() + wait.min(LONGEST_ASKED);
        let mut gate = lock(self.gate(operation));
        let later = gate.limited.is_none_or(|limited| limited.until < until);
        if later {
            gate.limited = Some(Limited { until, vendor });
        }
    }
}

impl Gate {
    fn enter(&mut self, now: Instant) -> Result<bool, Shut> {
        if let Some(Limited { until, vendor }) = self.limited {
            match until
                .checked_duration_since(now)
                .filter(|left| !left.is_zero())
            {
                Some(left) => return Err(Shut::Limited(left, vendor)),
                None => self.limited = None,
            }
        }
        let Some(until) = self.shut_until else {
            return Ok(false);
        };
        match until
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
        {
            Some(left) => Err(Shut::Failing(left)),
            None if self.trying => Err(Shut::Failing(SHUT)),
            None => {
                self.trying = true;
                Ok(true)
            }
        }
    }

    fn note(&mut self, health: Health, was_trying: bool, now: Instant) {
        let failed = health == Health::Failed;
        if was_trying {
            *self = Self {
                limited: self.limited,
                shut_until: failed.then(|| now + SHUT),
                ..Self::default()
            };
            return;
        }
        if self.shut_until.is_some() {
            // It set out before the gate was shut, and says nothing new.
            return;
        }
        while self
            .calls
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            if let Some((_, true)) = self.calls.pop_front() {
                self.failed -= 1;
            }
        }
        // What is kept is bounded: of very many calls the latest tell enough.
        if self.calls.len() >= ENOUGH_CALLS * 10
            && let Some((_, true)) = self.calls.pop_front()
        {
            self.failed -= 1;
        }
        self.calls.push_back((now, failed));
        self.failed += usize::from(failed);
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        let half = self.calls.len() >= ENOUGH_CALLS && self.failed * 2 >= self.calls.len();
        if self.in_a_row >= IN_A_ROW || half {
            *self = Self {
                limited: self.limited,
                shut_until: Some(now + SHUT),
                ..Self::default()
            };
        }
    }
}

impl Pass<'_> {
    /// Notes what came of the call.
    pub(crate) fn note(mut self, health: Health) {
        let trying = std::mem::take(&mut self.trying);
        lock(self.gate).note(health, trying, Instant::now());
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trying {
            lock(self.gate).trying = false;
        }
    }
}

fn lock(gate: &Mutex<Gate>) -> MutexGuard<'_, Gate> {
    // Nothing panics while it is held; if it did, the gate would still be whole.
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const OPERATION: Operation = Operation::GetCustomer;

    fn vendor() -> Vendor {
        OPERATION.answered(429, None)
    }

    fn note(gates: &Gates, health: Health) {
        gates.enter(OPERATION).ok().unwrap().note(health);
    }

    fn shut(gates: &Gates) -> Option<Shut> {
        gates.enter(OPERATION).err()
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_in_a_row_shut_the_gate_until_one_call_succeeds() {
        let gates = Gates::new();
        for _ in 0..9 {
            note(&gates, Health::Failed);
        }
        note(&gates, Health::Answered);
        for _ in 0..10 {
            assert_eq!(shut(&gates), None);
            note(&gates, Health::Failed);
            advance(Duration::from_secs(11)).await;
        }
        // The last failure was 11 seconds ago, but time alone opens it for one call only.
        let probe = gates.enter(OPERATION).ok().unwrap();
        assert_eq!(shut(&gates), Some(Shut::Failing(SHUT)));
        probe.note(Health::Failed);
        assert_eq!(shut(&gates), Some(Shut::Failing(SHUT)));
        advance(SHUT).await;
        // A call that was given up does not count, and lets another one try.
        drop(gates.enter(OPERATION));
        note(&gates, Health::Answered);
        assert_eq!(shut(&gates), None);
        assert_eq!(gates.enter(Operation::AddCustomer).err(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_twenty_calls_failing_shuts_the_gate() {
        let gates = Gates::new();
        for call in 0..19 {
            let health = if call % 2 == 0 {
                Health::Failed
            } else {
                Health::Answered
            };
            note(&gates, health);
        }
        assert_eq!(shut(&gates), None);
        note(&gates, Health::Answered);
        assert_eq!(shut(&gates), Some(Shut::Failing(SHUT)));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_long_ago_do_not_count() {
        let gates = Gates::new();
        for _ in 0..100 {
            note(&gates, Health::Failed);
            note(&gates, Health::Answered);
            note(&gates, Health::Answered);
            advance(Duration::from_secs(2)).await;
        }
        assert_eq!(shut(&gates), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_vendor_asks_holds_for_all_callers_and_has_an_end() {
        let gates = Gates::new();
        gates.limit(OPERATION, Duration::from_secs(2), vendor());
        gates.limit(OPERATION, Duration::from_secs(1), vendor());
        assert_eq!(
            shut(&gates),
            Some(Shut::Limited(Duration::from_secs(2), vendor()))
        );
        advance(Duration::from_secs(2)).await;
        assert_eq!(shut(&gates), None);
        gates.limit(OPERATION, Duration::from_secs(1_000_000_000), vendor());
        advance(LONGEST_ASKED).await;
        assert_eq!(shut(&gates), None);
    }
}
