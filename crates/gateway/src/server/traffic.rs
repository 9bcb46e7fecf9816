//! What goes on on one connection: whether calls run, and for how long the peer has left answers unread.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

/// Notes what goes on on one connection. Nothing here orders anything else, so relaxed operations do.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Whether the peer has said what HTTP/2 begins with, or made a call in HTTP/1.1.
    greeted: AtomicBool,
    /// Whether the peer has left the headers of a request unfinished for too long.
    late: AtomicBool,
    /// Calls that have been read since [`Traffic::begin_turn`].
    calls_of_this_turn: AtomicU32,
    /// Calls that run.
    running: AtomicU32,
    /// Calls that have begun so far, modulo 2³².
    begun: AtomicU32,
    /// Pieces of answers that have been handed over and were not counted yet.
    answered: AtomicU32,
    /// Which counter in `unread` is for turns that begin now.
    turn: AtomicU32,
    /// How many answers wait for the peer, by when that began: now, before the last [`Traffic::turn`], before the one
    /// before that.
    unread: [AtomicU32; 3],
}

impl Traffic {
    pub(super) fn greet(&self) {
        self.greeted.store(true, Relaxed);
    }

    pub(super) fn has_greeted(&self) -> bool {
        self.greeted.load(Relaxed)
    }

    /// Notes that the headers of a request have not come in time.
    pub(super) fn is_late(&self) {
        self.late.store(true, Relaxed);
    }

    pub(super) fn was_late(&self) -> bool {
        self.late.load(Relaxed)
    }

    /// Begins to look at what there is.
    pub(super) fn begin_turn(&self) {
        self.calls_of_this_turn.store(0, Relaxed);
    }

    /// Notes that the headers of a call have come.
    pub(super) fn read_a_call(&self) {
        self.calls_of_this_turn.fetch_add(1, Relaxed);
    }

    /// How many calls have come since [`Traffic::begin_turn`].
    pub(super) fn calls_of_this_turn(&self) -> u32 {
        self.calls_of_this_turn.load(Relaxed)
    }

    /// Notes that a call runs, until what is returned is dropped.
    pub(super) fn call(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        Running(Arc::clone(self))
    }

    /// How many calls have begun; `None` while any runs.
    pub(super) fn idle(&self) -> Option<u32> {
        (self.running.load(Relaxed) == 0).then(|| self.begun.load(Relaxed))
    }

    /// Pieces of answers since this was last asked.
    pub(super) fn take_answered(&self) -> u32 {
        self.answered.swap(0, Relaxed)
    }

    /// Notes that something waits for the peer to read it, until what is returned is given to [`Traffic::read`].
    pub(super) fn unread(&self) -> Unread {
        let turn = self.turn.load(Relaxed) as usize;
        self.unread[turn].fetch_add(1, Relaxed);
        Unread(turn)
    }

    pub(super) fn read(&self, unread: &Unread) {
        self.unread[unread.0].fetch_sub(1, Relaxed);
    }

    /// Begins a new turn, and says whether an answer has been unread since before the last one.
    pub(super) fn turn(&self) -> bool {
        let next = self.turn.load(Relaxed).wrapping_add(1) % 3;
        if self.unread[next as usize].load(Relaxed) > 0 {
            return true;
        }
        self.turn.store(next, Relaxed);
        false
    }
}

/// A call that runs.
#[derive(Debug)]
pub(super) struct Running(Arc<Traffic>);

impl Running {
    /// Notes that a piece of the answer waits for the peer, until what is returned is given to [`Running::read`].
    pub(super) fn unread(&self) -> Unread {
        self.0.answered.fetch_add(1, Relaxed);
        self.0.unread()
    }

    pub(super) fn read(&self, unread: &Unread) {
        self.0.read(unread);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// When something began to wait for the peer.
#[derive(Debug)]
pub(super) struct Unread(usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_stalled_after_two_to_three_turns() {
        let traffic = Arc::new(Traffic::default());
        let call = traffic.call();
        for _ in 0..10 {
            let unread = call.unread();
            assert!(!traffic.turn());
            assert!(!traffic.turn());
            call.read(&unread);
        }
        let _unread = call.unread();
        assert_eq!(
            [traffic.turn(), traffic.turn(), traffic.turn()],
            [false, false, true]
        );
    }

    #[test]
    fn a_connection_is_idle_between_calls() {
        let traffic = Arc::new(Traffic::default());
        assert_eq!(traffic.idle(), Some(0));
        let call = traffic.call();
        assert_eq!(traffic.idle(), None);
        drop(call);
        assert_eq!(traffic.idle(), Some(1));
    }
}
