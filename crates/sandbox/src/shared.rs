//! The one way to the state: whoever looks finds it up to date, and whatever they do to it is noted.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::{state::State, store::Durable};

/// The state of one sandbox, behind one lock. Nothing in it waits.
pub(crate) struct Shared {
    state: Mutex<State>,
    signals: watch::Sender<Signals>,
}

/// What those who wait want to hear of. Every number only grows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    /// Fault rules that were removed.
    pub(crate) faults_removed: u64,
    /// Rules about new connections that were added.
    pub(crate) accept_rules: u64,
    /// Requests that a barrier has held.
    pub(crate) held: u64,
}

impl Signals {
    /// Takes over what is newer in `other`; whether anything is.
    fn catch_up(&mut self, other: Self) -> bool {
        let before = *self;
        self.faults_removed = before.faults_removed.max(other.faults_removed);
        self.accept_rules = before.accept_rules.max(other.accept_rules);
        self.held = before.held.max(other.held);
        *self != before
    }
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self {
            signals: watch::Sender::new(state.signals),
            state: Mutex::new(state),
        }
    }

    /// Lets `f` at the state. The ticket is for those who tell the result: it waits until all of it is on disk.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> (T, Durable) {
        // A panic elsewhere does not take the sandbox down: every rule checks before it changes anything.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up();
        let result = f(&mut state);
        // The clock may have been put forward.
        state.catch_up();
        state.note_changes(None);
        let durable = state.durable();
        let signals = state.signals;
        drop(state);
        // Whoever had the lock before may come here after, with old news.
        self.signals
            .send_if_modified(|known| known.catch_up(signals));
        (result, durable)
    }

    /// Tells when something happens that somebody may wait for.
    pub(crate) fn signals(&self) -> watch::Receiver<Signals> {
        self.signals.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_news_is_no_news() {
        let mut known = Signals {
            accept_rules: 1,
            ..Signals::default()
        };
        assert!(!known.catch_up(Signals::default()));
        assert_eq!(known.accept_rules, 1);
        let held = Signals {
            held: 1,
            ..Signals::default()
        };
        assert!(known.catch_up(held));
        assert_eq!((known.accept_rules, known.held), (1, 1));
    }
}
