//! Until when a caller waits, and whether what it asked for has been sent.

use std::{
    any::Any,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};

/// The time that a call has, over all that is done for it: attempts, waits and read-backs. Clones are the same: what one
/// notes, all know.
///
/// ```
/// use openfinance::Deadline;
/// use tokio::time::{Duration, Instant};
///
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
/// assert!(deadline.left().unwrap() <= Duration::from_secs(20));
/// assert!(!deadline.is_sent());
/// assert_eq!(Deadline::none().left(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Deadline {
    at: Option<Instant>,
    limits: Limits,
    call: Arc<Call>,
    #[expect(
        dead_code,
        reason = "it is there to be dropped with the last of its clones"
    )]
    held: Option<Arc<dyn Any + Send + Sync>>,
}

/// What ends the waiting for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Limits {
    /// Its time, or that its caller leaves.
    #[default]
    Caller,
    /// The same for what was not sent; what was sent is waited for.
    CallerUntilSent,
    /// Nothing.
    None,
}

/// What all clones know of a call. In one order for all: who notes what is sent and then finds that the caller has left, and
/// who leaves and then asks what was sent, must not both miss the other.
#[derive(Debug, Default)]
struct Call {
    sent: AtomicBool,
    left: AtomicBool,
    leaving: Notify,
}

impl Deadline {
    /// A caller who waits as long as it takes.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A caller who waits until then.
    #[must_use]
    pub fn at(at: Instant) -> Self {
        Self {
            at: Some(at),
            ..Self::default()
        }
    }

    /// The same call, which keeps `thing` until all that is done for it has ended: also the write that goes on when its
    /// caller has gone. A server that counts its calls at the vendor gives the place of one here.
    #[must_use]
    pub fn holding(self, thing: impl Any + Send + Sync) -> Self {
        Self {
            held: Some(Arc::new(thing)),
            ..self
        }
    }

    /// The same call, for what must not be cut short once it has begun: notes what is sent, and has no limit.
    #[must_use]
    pub fn unlimited(&self) -> Self {
        Self {
            at: None,
            limits: Limits::None,
            ..self.clone()
        }
    }

    /// The same call, for who wants to know how its writes truly end: one that was sent is waited for, although the
    /// caller's time is over or the caller has left ([`Deadline::leave`]). What was not sent by then is not sent.
    #[must_use]
    pub fn to_the_end(&self) -> Self {
        Self {
            limits: Limits::CallerUntilSent,
            ..self.clone()
        }
    }

    /// Notes that the caller has left: its time is over now.
    pub fn leave(&self) {
        self.call.left.store(true, Ordering::SeqCst);
        self.call.leaving.notify_waiters();
    }

    /// Whether the caller has left.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.limits != Limits::None && self.call.left.load(Ordering::SeqCst)
    }

    /// Whether what was sent is waited for.
    pub(crate) fn is_to_the_end(&self) -> bool {
        self.limits == Limits::CallerUntilSent
    }

    /// How much time is left, zero when it has passed; `None` if there is no limit.
    #[must_use]
    pub fn left(&self) -> Option<tokio::time::Duration> {
        if self.is_left() {
            return Some(tokio::time::Duration::ZERO);
        }
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether a write, or a login, of this call has been handed to the network: if not, nothing was done for it.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.call.sent.load(Ordering::SeqCst)
    }

    /// Notes that something begins for the call which goes on without its caller. `false` if the caller's time is over
    /// already: the caller has been told then that nothing was done, so nothing may be.
    #[must_use]
    pub fn begin(&self) -> bool {
        // In this order: whoever sees the time over from now on sees that it has begun.
        self.note_sent();
        let begins = self.left().is_none_or(|left| !left.is_zero());
        if !begins {
            self.note_not_sent();
        }
        begins
    }

    /// Notes that a write is about to be handed to the network.
    pub(crate) fn note_sent(&self) {
        self.call.sent.store(true, Ordering::SeqCst);
    }

    /// Notes that the write did not leave after all.
    pub(crate) fn note_not_sent(&self) {
        self.call.sent.store(false, Ordering::SeqCst);
    }

    /// Waits until the deadline, or until the caller leaves; for ever if neither comes.
    pub(crate) async fn passed(&self) {
        let mut leaving = pin!(self.call.leaving.notified());
        // From here on no leaving is missed.
        leaving.as_mut().enable();
        if self.is_left() {
            return;
        }
        let leaving = async {
            match self.limits {
                Limits::Caller | Limits::CallerUntilSent => leaving.await,
                Limits::None => std::future::pending().await,
            }
        };
        let over = async {
            match self.at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = leaving => {}
            () = over => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;

    use super::*;

    async fn is_over(deadline: &Deadline) -> bool {
        let passed = tokio::time::timeout(Duration::from_millis(1), deadline.passed());
        passed.await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_has_no_time_left_and_what_has_no_limit_goes_on() {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
        let (to_the_end, unlimited) = (deadline.to_the_end(), deadline.unlimited());
        for each in [&deadline, &to_the_end, &unlimited] {
            assert!(!each.is_left() && !is_over(each).await);
        }
        let waiting = tokio::spawn({
            let deadline = deadline.clone();
            async move { deadline.passed().await }
        });
        tokio::task::yield_now().await;
        to_the_end.leave();
        waiting.await.unwrap();
        for each in [&deadline, &to_the_end] {
            assert!(each.is_left() && is_over(each).await);
            assert_eq!(each.left(), Some(Duration::ZERO));
        }
        assert!(!unlimited.is_left() && !is_over(&unlimited).await);
        assert_eq!(unlimited.left(), None);
        deadline.note_sent();
        assert!(to_the_end.is_sent() && unlimited.is_sent());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_for_a_caller_who_was_told_that_nothing_was_done() {
        let deadline = Deadline::at(Instant::now() + Duration::from_millis(1));
        assert!(deadline.begin() && deadline.is_sent());
        let late = Deadline::at(Instant::now());
        assert!(!late.begin() && !late.is_sent());
        let left = Deadline::none();
        left.leave();
        assert!(!left.begin() && !left.is_sent());
    }
}
