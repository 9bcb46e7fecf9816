//! Who is at the vendor, who waits for a place there, and who is next. Nothing here waits, and the time is told.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::config::Bounds;

/// For how long places are kept free for other callers after one of them has called.
const LATELY: Duration = Duration::from_secs(60);

/// How many places a caller may have for each that is free, while there are others.
const FOR_EACH_FREE: usize = 2;

/// What a call does to the vendor's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
}

/// One number for each kind of work.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    reads: usize,
    writes: usize,
}

impl Count {
    fn all(self) -> usize {
        self.reads + self.writes
    }

    fn of(&mut self, work: Work) -> &mut usize {
        match work {
            Work::Read => &mut self.reads,
            Work::Write => &mut self.writes,
        }
    }
}

/// The places at the vendor and the line for them. Each that waits has a `T`, by which it is told.
///
/// A free place goes to one caller after the other, however many calls each has in the line. Some places are for writes
/// alone, here and in the line, so that reads can't keep them out. When the line is full, a newcomer takes the place of
/// the last call of whoever has most calls in it, if that is more than the newcomer's caller has.
///
/// Nor can one caller have all places, however slow its calls are: if others have called in the last minute, it gets a
/// place only while it has fewer than twice as many as are free. So one caller comes to two thirds of them, two to two
/// fifths each, and so on: something is left for the next one. A caller that is alone may have all.
pub(super) struct Line<T> {
    bounds: Bounds,
    under_way: Count,
    /// Of each caller, for as long as it has any.
    under_way_of: HashMap<Arc<str>, Count>,
    /// The caller that called last and the latest other one, each with the time. Whoever asks is another one than at
    /// least one of them.
    latest: Option<(Arc<str>, Instant)>,
    other: Option<(Arc<str>, Instant)>,
    waiting: Count,
    callers: HashMap<Arc<str>, Lane<T>>,
    /// The callers that have reads in the line, next one first.
    reads: VecDeque<Arc<str>>,
    /// The callers that have writes in the line, next one first.
    writes: VecDeque<Arc<str>>,
    /// Whose turn it is where both may go.
    turn: Work,
    tickets: u64,
}

/// The calls of one caller that wait, first come first.
struct Lane<T> {
    reads: VecDeque<(u64, T)>,
    writes: VecDeque<(u64, T)>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }
}

impl<T> Lane<T> {
    fn of(&mut self, work: Work) -> &mut VecDeque<(u64, T)> {
        match work {
            Work::Read => &mut self.reads,
            Work::Write => &mut self.writes,
        }
    }

    /// How many of its calls a newcomer that may push out `pushed` competes with.
    fn weight(&self, pushed: Pushed) -> usize {
        match pushed {
            Pushed::Reads => self.reads.len(),
            Pushed::All => self.reads.len() + self.writes.len(),
        }
    }
}

/// Which calls a newcomer may push out of the line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pushed {
    /// Reads have all the room that they may have.
    Reads,
    /// The line is full.
    All,
}

/// What becomes of a call that waits for a place.
pub(super) enum Arrival<T> {
    /// It is in the line with this number, and another one may have lost its place there.
    Waits { ticket: u64, pushed_out: Option<T> },
    /// There is no room for it.
    Full,
}

impl<T> Line<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            under_way: Count::default(),
            under_way_of: HashMap::new(),
            latest: None,
            other: None,
            waiting: Count::default(),
            callers: HashMap::new(),
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            turn: Work::Write,
            tickets: 0,
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Other bounds from now on. Nobody is sent away for them: where there are fewer places, they empty by themselves.
    pub(super) fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Takes a place if there is one for this caller.
    pub(super) fn enter(&mut self, work: Work, caller: &Arc<str>, now: Instant) -> bool {
        self.note(caller, now);
        let enters = self.has_room(work, caller, now);
        if enters {
            self.take(work, caller);
        }
        enters
    }

    fn take(&mut self, work: Work, caller: &Arc<str>) {
        *self.under_way.of(work) += 1;
        let of_caller = self.under_way_of.entry(Arc::clone(caller)).or_default();
        *of_caller.of(work) += 1;
    }

    /// Gives a place back. [`Line::next`] says who gets it.
    pub(super) fn leave(&mut self, work: Work, caller: &Arc<str>) {
        let count = self.under_way.of(work);
        *count = count.saturating_sub(1);
        if let Some(of_caller) = self.under_way_of.get_mut(caller) {
            let count = of_caller.of(work);
            *count = count.saturating_sub(1);
            if of_caller.all() == 0 {
                self.under_way_of.remove(caller);
            }
        }
    }

    /// Notes who calls.
    fn note(&mut self, caller: &Arc<str>, now: Instant) {
        if self.latest.as_ref().is_some_and(|(last, _)| last != caller) {
            self.other = self.latest.take();
        }
        self.latest = Some((Arc::clone(caller), now));
    }

    /// Whether anybody else has called lately.
    fn has_others(&self, caller: &Arc<str>, now: Instant) -> bool {
        [&self.latest, &self.other]
            .into_iter()
            .flatten()
            .any(|(other, called)| other != caller && now.duration_since(*called) < LATELY)
    }

    /// How many places are free for such work.
    fn free(&self, work: Work) -> usize {
        let Bounds {
            in_flight,
            reserved_for_writes,
            ..
        } = self.bounds;
        let free = in_flight.saturating_sub(self.under_way.all());
        let for_reads = in_flight.saturating_sub(reserved_for_writes);
        match work {
            Work::Read => free.min(for_reads.saturating_sub(self.under_way.reads)),
            Work::Write => free,
        }
    }

    fn has_room(&self, work: Work, caller: &Arc<str>, now: Instant) -> bool {
        let free = self.free(work);
        let has = self.under_way_of.get(caller).copied().unwrap_or_default();
        let has = match work {
            Work::Read => has.reads,
            Work::Write => has.all(),
        };
        free > 0 && (has < FOR_EACH_FREE * free || !self.has_others(caller, now))
    }

    /// The next caller that waits with such work and may have a place for it.
    fn next_caller(&self, work: Work, now: Instant) -> Option<usize> {
        let round = match work {
            Work::Read => &self.reads,
            Work::Write => &self.writes,
        };
        round
            .iter()
            .position(|caller| self.has_room(work, caller, now))
    }

    /// Puts a call into the line.
    pub(super) fn wait(&mut self, work: Work, caller: &Arc<str>, tell: T) -> Arrival<T> {
        let Bounds { waiting, .. } = self.bounds;
        let full = if self.waiting.all() >= waiting {
            Some(Pushed::All)
        } else if work == Work::Read && self.waiting.reads >= waiting - self.waiting_for_writes() {
            Some(Pushed::Reads)
        } else {
            None
        };
        let pushed_out = match full.map(|pushed| self.push_out(caller, pushed)) {
            None => None,
            Some(Some(tell)) => Some(tell),
            Some(None) => return Arrival::Full,
        };
        self.tickets += 1;
        let ticket = self.tickets;
        let lane = self.callers.entry(Arc::clone(caller)).or_default().of(work);
        lane.push_back((ticket, tell));
        if lane.len() == 1 {
            self.round(work).push_back(Arc::clone(caller));
        }
        *self.waiting.of(work) += 1;
        Arrival::Waits { ticket, pushed_out }
    }

    /// How many places of the line are for writes: the share that they have at the vendor.
    fn waiting_for_writes(&self) -> usize {
        let Bounds {
            in_flight,
            waiting,
            reserved_for_writes,
            ..
        } = self.bounds;
        (waiting * reserved_for_writes)
            .checked_div(in_flight)
            .unwrap_or(0)
            .min(waiting)
    }

    /// Takes the last call of the caller that has most of them out of the line, if `caller` has fewer even with one more.
    fn push_out(&mut self, caller: &Arc<str>, pushed: Pushed) -> Option<T> {
        let own = self
            .callers
            .get(caller)
            .map_or(0, |lane| lane.weight(pushed));
        let (heaviest, lane) = self
            .callers
            .iter()
            .max_by_key(|(_, lane)| lane.weight(pushed))?;
        if lane.weight(pushed) <= own + 1 {
            return None;
        }
        let last = |lane: &VecDeque<(u64, T)>| lane.back().map(|(ticket, _)| *ticket);
        let work = match pushed {
            Pushed::Reads => Work::Read,
            Pushed::All if last(&lane.writes) > last(&lane.reads) => Work::Write,
            Pushed::All => Work::Read,
        };
        let heaviest = Arc::clone(heaviest);
        let (_, tell) = self.callers.get_mut(&heaviest)?.of(work).pop_back()?;
        self.taken(work, &heaviest);
        Some(tell)
    }

    /// Gives a free place to whoever is next, and says whom to tell. To be asked until it is nobody.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Work, Arc<str>, T)> {
        let (read, write) = (
            self.next_caller(Work::Read, now),
            self.next_caller(Work::Write, now),
        );
        let (work, at) = match (read, write) {
            (None, None) => return None,
            (Some(at), None) => (Work::Read, at),
            (None, Some(at)) => (Work::Write, at),
            (Some(read), Some(write)) => {
                let in_reserve = self.under_way.writes < self.bounds.reserved_for_writes;
                match self.turn {
                    Work::Read if !in_reserve => (Work::Read, read),
                    Work::Read | Work::Write => (Work::Write, write),
                }
            }
        };
        self.turn = match work {
            Work::Read => Work::Write,
            Work::Write => Work::Read,
        };
        let caller = self.round(work).remove(at)?;
        let lane = self.callers.get_mut(&caller)?.of(work);
        let (_, tell) = lane.pop_front()?;
        if !lane.is_empty() {
            self.round(work).push_back(Arc::clone(&caller));
        }
        self.taken(work, &caller);
        self.take(work, &caller);
        Some((work, caller, tell))
    }

    /// Takes a call that waits no longer out of the line, if it is still there.
    pub(super) fn forget(&mut self, work: Work, caller: &Arc<str>, ticket: u64) {
        let Some(lane) = self.callers.get_mut(caller).map(|lane| lane.of(work)) else {
            return;
        };
        if let Some(at) = lane.iter().position(|(waits, _)| *waits == ticket) {
            lane.remove(at);
            self.taken(work, caller);
        }
    }

    /// Sets right what follows from a call having left the line.
    fn taken(&mut self, work: Work, caller: &Arc<str>) {
        *self.waiting.of(work) -= 1;
        let Some(lane) = self.callers.get_mut(caller) else {
            return;
        };
        let (of_work, all) = (lane.of(work).is_empty(), lane.weight(Pushed::All));
        if of_work {
            self.round(work).retain(|other| other != caller);
        }
        if all == 0 {
            self.callers.remove(caller);
        }
    }

    fn round(&mut self, work: Work) -> &mut VecDeque<Arc<str>> {
        match work {
            Work::Read => &mut self.reads,
            Work::Write => &mut self.writes,
        }
    }

    /// How many calls are at the vendor, and how many wait.
    pub(super) fn figures(&self) -> (usize, usize) {
        (self.under_way.all(), self.waiting.all())
    }
}

#[cfg(test)]
mod tests;
