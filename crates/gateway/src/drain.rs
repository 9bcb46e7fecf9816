//! Stopping without losing a call: who is still at work, and from when on they are cut.
//!
//! A stop lets the calls in flight finish. After the grace, reads and writes that may be repeated are answered with
//! DRAINING; creates go on until just before the hard limit, because cutting one would leave its outcome unknown.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;

use crate::{failure::Failure, method::Called, reason::Reason};

/// How far a stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Calls run, or finish.
    Open,
    /// What may be repeated is cut.
    Cut,
    /// Everything is cut.
    CutAll,
}

/// Knows every call in flight. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Drain {
    /// Calls of our services hold receivers of this one while they run.
    calls: Arc<watch::Sender<Phase>>,
    /// The others: a health check that watches would run for ever, and nobody waits for it.
    others: Arc<watch::Sender<Phase>>,
}

impl Drain {
    pub(crate) fn new() -> Self {
        let sender = || Arc::new(watch::Sender::new(Phase::Open));
        Self {
            calls: sender(),
            others: sender(),
        }
    }

    /// Notes that a call of this method begins. It ends when the guard is dropped.
    pub(crate) fn enter(&self, called: Called) -> InFlight {
        let (sender, until) = match called.method {
            Some(_) if !called.is_repeatable() => (&self.calls, Phase::CutAll),
            Some(_) => (&self.calls, Phase::Cut),
            None => (&self.others, Phase::Cut),
        };
        InFlight {
            phase: sender.subscribe(),
            until,
        }
    }

    /// Cuts what nobody waits for, then waits until no call of our services is in flight.
    pub(crate) async fn idle(&self) {
        self.others.send_replace(Phase::Cut);
        self.calls.closed().await;
    }

    /// Cuts calls that are still in flight.
    pub(crate) fn cut(&self, phase: Phase) {
        self.calls.send_replace(phase);
    }
}

/// A call in flight.
#[derive(Debug)]
pub(crate) struct InFlight {
    phase: watch::Receiver<Phase>,
    until: Phase,
}

impl InFlight {
    /// Waits until the call is cut, and says with what it ends.
    pub(crate) async fn cut(&mut self) -> Status {
        let until = self.until;
        // The sender lives in the service that is being called.
        if self.phase.wait_for(|phase| *phase >= until).await.is_err() {
            std::future::pending::<()>().await;
        }
        match until {
            Phase::Open | Phase::Cut => {
                let message = "the gateway is stopping; repeating is safe";
                Failure::new(Reason::Draining, message)
                    .retry_after(std::time::Duration::from_secs(1))
                    .into()
            }
            Phase::CutAll => {
                let message =
                    "the gateway stopped while the outcome was unknown: read before repeating";
                Failure::new(Reason::OutcomeUnknown, message).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    const READ: &str = "/openfinance.v1.CustomerService/GetCustomer";
    const CREATE: &str = "/openfinance.v1.CustomerService/CreateCustomer";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";

    #[test]
    fn a_stop_waits_for_calls_and_not_for_watchers() {
        let drain = Drain::new();
        let call = drain.enter(Called::at(READ));
        let mut watcher = drain.enter(Called::at(WATCH));
        let mut idle = pin!(drain.idle());
        assert!(idle.as_mut().now_or_never().is_none());
        assert!(watcher.cut().now_or_never().is_some());
        drop(call);
        assert!(idle.as_mut().now_or_never().is_some());
    }

    #[test]
    fn creates_are_cut_last_and_say_that_the_outcome_is_unknown() {
        let drain = Drain::new();
        let (mut read, mut create) = (
            drain.enter(Called::at(READ)),
            drain.enter(Called::at(CREATE)),
        );
        let (mut read, mut create) = (pin!(read.cut()), pin!(create.cut()));
        assert!(read.as_mut().now_or_never().is_none());
        drain.cut(Phase::Cut);
        assert_eq!(
            read.as_mut().now_or_never().unwrap().code(),
            tonic::Code::Unavailable
        );
        assert!(create.as_mut().now_or_never().is_none());
        drain.cut(Phase::CutAll);
        assert_eq!(
            create.as_mut().now_or_never().unwrap().code(),
            tonic::Code::Unknown
        );
    }
}
