//! Barriers hold requests until a test lets them go on, so that any interleaving can be brought about without sleeping.

use tokio::sync::oneshot;

use crate::{
    call::{Arrival, Call, Outcome},
    fault::Target,
    operation::Operation,
};

/// A barrier and how many wait at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierStatus {
    /// What names it.
    pub id: u64,
    /// Which requests it holds.
    pub target: Target,
    /// How many requests it holds now.
    pub waiting: usize,
    /// Whether it has been released; it then holds nothing any more.
    pub released: bool,
}

/// A complete request at a barrier. It goes on even if its client leaves: it had arrived.
pub(crate) struct Held {
    pub(crate) call: Call,
    pub(crate) arrival: Arrival,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// One of them.
pub(crate) struct Barrier {
    id: u64,
    target: Target,
    held: Vec<Held>,
    released: bool,
}

/// The barriers of one sandbox, oldest first.
#[derive(Default)]
pub(crate) struct Barriers {
    barriers: Vec<Barrier>,
    last_id: u64,
}

impl Barriers {
    pub(crate) fn add(&mut self, target: Target) -> u64 {
        self.last_id += 1;
        self.barriers.push(Barrier {
            id: self.last_id,
            target,
            held: Vec::new(),
            released: false,
        });
        self.last_id
    }

    /// Where a request to `operation` is held: at the newest barrier for it, so that a test can hold each of several
    /// requests at a barrier of its own.
    pub(crate) fn meets(&mut self, operation: Operation) -> Option<&mut Barrier> {
        self.barriers
            .iter_mut()
            .rev()
            .find(|barrier| !barrier.released && barrier.target.includes(operation))
    }

    pub(crate) fn status(&self, id: u64) -> Option<BarrierStatus> {
        let barrier = self.barriers.iter().find(|barrier| barrier.id == id)?;
        Some(BarrierStatus {
            id,
            target: barrier.target,
            waiting: barrier.held.len(),
            released: barrier.released,
        })
    }

    /// Opens a barrier and hands out what it held, in the order of arrival. `None` if there is no such barrier.
    pub(crate) fn release(&mut self, id: u64) -> Option<Vec<Held>> {
        let barrier = self.barriers.iter_mut().find(|barrier| barrier.id == id)?;
        barrier.released = true;
        Some(std::mem::take(&mut barrier.held))
    }

    /// Opens all barriers.
    pub(crate) fn release_all(&mut self) -> Vec<Held> {
        let mut held = Vec::new();
        for barrier in &mut self.barriers {
            barrier.released = true;
            held.append(&mut barrier.held);
        }
        held
    }
}

impl Barrier {
    /// Holds a request. Its outcome comes when the barrier is released, or never if the sandbox is reset before.
    pub(crate) fn hold(&mut self, call: Call, arrival: Arrival) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        self.held.push(Held {
            call,
            arrival,
            reply,
        });
        outcome
    }
}
