//! Until when a caller waits, and whether what it asked for has been sent.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::Instant;

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
    sent: Arc<AtomicBool>,
    #[expect(
        dead_code,
        reason = "it is there to be dropped with the last of its clones"
    )]
    held: Option<Arc<dyn Any + Send + Sync>>,
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
            ..self.clone()
        }
    }

    /// How much time is left, zero when it has passed; `None` if there is no limit.
    #[must_use]
    pub fn left(&self) -> Option<tokio::time::Duration> {
        self.at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether a write, or a login, of this call has been handed to the network: if not, nothing was done for it.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// Notes that a write is about to be handed to the network.
    pub(crate) fn note_sent(&self) {
        self.sent.store(true, Ordering::Release);
    }

    /// Notes that the write did not leave after all.
    pub(crate) fn note_not_sent(&self) {
        self.sent.store(false, Ordering::Release);
    }

    /// Waits until the deadline; for ever if there is none.
    pub(crate) async fn passed(&self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}
