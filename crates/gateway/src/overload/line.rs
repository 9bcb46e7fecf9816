//! Who is at the vendor, who waits for a place there, and who is next. Nothing here waits or knows the time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::config::Bounds;

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
pub(super) struct Line<T> {
    bounds: Bounds,
    under_way: Count,
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

    /// Takes a place if there is one. Nobody is overtaken: while there is a place, nobody waits for it.
    pub(super) fn enter(&mut self, work: Work) -> bool {
        let enters = self.has_room(work);
        if enters {
            *self.under_way.of(work) += 1;
        }
        enters
    }

    /// Gives a place back. [`Line::next`] says who gets it.
    pub(super) fn leave(&mut self, work: Work) {
        let count = self.under_way.of(work);
        *count = count.saturating_sub(1);
    }

    fn has_room(&self, work: Work) -> bool {
        let Bounds {
            in_flight,
            reserved_for_writes,
            ..
        } = self.bounds;
        self.under_way.all() < in_flight
            && (work == Work::Write
                || self.under_way.reads < in_flight.saturating_sub(reserved_for_writes))
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
    pub(super) fn next(&mut self) -> Option<(Work, T)> {
        let goes = |line: &Self, work, waiting| waiting > 0 && line.has_room(work);
        let work = match (
            goes(self, Work::Read, self.waiting.reads),
            goes(self, Work::Write, self.waiting.writes),
        ) {
            (false, false) => return None,
            (true, false) => Work::Read,
            (false, true) => Work::Write,
            (true, true) if self.under_way.writes < self.bounds.reserved_for_writes => Work::Write,
            (true, true) => self.turn,
        };
        self.turn = match work {
            Work::Read => Work::Write,
            Work::Write => Work::Read,
        };
        let caller = self.round(work).pop_front()?;
        let lane = self.callers.get_mut(&caller)?.of(work);
        let (_, tell) = lane.pop_front()?;
        if !lane.is_empty() {
            self.round(work).push_back(Arc::clone(&caller));
        }
        self.taken(work, &caller);
        *self.under_way.of(work) += 1;
        Some((work, tell))
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
    #[cfg(test)]
    pub(super) fn figures(&self) -> (usize, usize) {
        (self.under_way.all(), self.waiting.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        in_flight: 8,
        waiting: 8,
        reserved_for_writes: 2,
        longest_wait: std::time::Duration::from_millis(500),
    };

    fn line() -> Line<&'static str> {
        Line::new(BOUNDS)
    }

    /// Puts a call into the line; answers what was pushed out, or `"full"`.
    fn wait(line: &mut Line<&'static str>, work: Work, caller: &str, name: &'static str) -> String {
        match line.wait(work, &caller.into(), name) {
            Arrival::Waits { pushed_out, .. } => pushed_out.unwrap_or_default().to_owned(),
            Arrival::Full => "full".to_owned(),
        }
    }

    fn fill(line: &mut Line<&'static str>, work: Work) -> usize {
        (0..100).take_while(|_| line.enter(work)).count()
    }

    #[test]
    fn reads_leave_the_reserve_to_writes_and_writes_may_have_all() {
        let mut line = line();
        assert_eq!(fill(&mut line, Work::Read), 6);
        assert_eq!(fill(&mut line, Work::Write), 2);
        let mut line = self::line();
        assert_eq!(fill(&mut line, Work::Write), 8);
        assert_eq!(fill(&mut line, Work::Read), 0);
        assert_eq!(line.figures(), (8, 0));
    }

    #[test]
    fn the_line_has_an_end_and_keeps_room_for_writes() {
        let mut line = line();
        let reads = (0..20).filter(|_| wait(&mut line, Work::Read, "a", "read").is_empty());
        assert_eq!(reads.count(), 6);
        let writes = (0..20).filter(|_| wait(&mut line, Work::Write, "a", "write").is_empty());
        assert_eq!(writes.count(), 2);
        assert_eq!(line.figures(), (0, 8));
    }

    #[test]
    fn callers_take_turns_however_many_calls_each_has() {
        let mut line = line();
        fill(&mut line, Work::Write);
        for name in ["a1", "a2", "a3"] {
            wait(&mut line, Work::Write, "a", name);
        }
        wait(&mut line, Work::Write, "b", "b1");
        wait(&mut line, Work::Write, "c", "c1");
        let served: Vec<_> = (0..5)
            .filter_map(|_| {
                line.leave(Work::Write);
                line.next()
            })
            .map(|(_, name)| name)
            .collect();
        assert_eq!(served, ["a1", "b1", "c1", "a2", "a3"]);
        assert!(line.next().is_none());
        assert!(line.callers.is_empty() && line.reads.is_empty() && line.writes.is_empty());
    }

    #[test]
    fn reads_and_writes_take_turns_beyond_the_reserve() {
        let mut line = line();
        fill(&mut line, Work::Write);
        for name in ["w1", "w2", "w3"] {
            wait(&mut line, Work::Write, "a", name);
        }
        for name in ["r1", "r2", "r3"] {
            wait(&mut line, Work::Read, "b", name);
        }
        let mut served = String::new();
        for _ in 0..6 {
            line.leave(Work::Write);
            served.push_str(line.next().unwrap().1);
        }
        assert_eq!(served, "w1r1w2r2w3r3");
    }

    #[test]
    fn a_free_place_of_the_reserve_is_for_a_write() {
        let mut line = line();
        fill(&mut line, Work::Read);
        wait(&mut line, Work::Read, "a", "read");
        assert!(line.next().is_none(), "a read got a place of the reserve");
        wait(&mut line, Work::Write, "b", "write");
        assert_eq!(line.next(), Some((Work::Write, "write")));
        line.leave(Work::Read);
        assert_eq!(line.next(), Some((Work::Read, "read")));
    }

    #[test]
    fn a_full_line_makes_room_for_a_quiet_caller_and_not_for_the_one_that_filled_it() {
        let mut line = line();
        for name in ["1", "2", "3", "4", "5", "6"] {
            wait(&mut line, Work::Read, "loud", name);
        }
        assert_eq!(wait(&mut line, Work::Read, "loud", "7"), "full");
        assert_eq!(wait(&mut line, Work::Read, "quiet", "q1"), "6");
        assert_eq!(wait(&mut line, Work::Read, "quiet", "q2"), "5");
        assert_eq!(wait(&mut line, Work::Read, "quiet", "q3"), "4");
        // Three each: nobody is the louder one any more.
        assert_eq!(wait(&mut line, Work::Read, "quiet", "q4"), "full");
        // Writes fill what is left, and then the last of the loudest goes, whatever it is.
        for name in ["w1", "w2"] {
            assert_eq!(wait(&mut line, Work::Write, "loud", name), "");
        }
        assert_eq!(wait(&mut line, Work::Write, "third", "w"), "w2");
        assert_eq!(line.figures(), (0, 8));
    }

    #[test]
    fn who_gives_up_leaves_no_trace() {
        let mut line = line();
        let caller: Arc<str> = "a".into();
        let Arrival::Waits { ticket, .. } = line.wait(Work::Read, &caller, "read") else {
            panic!("the line is empty");
        };
        line.forget(Work::Read, &caller, ticket);
        line.forget(Work::Read, &caller, ticket);
        assert_eq!(line.figures(), (0, 0));
        assert!(line.callers.is_empty() && line.reads.is_empty());
        assert!(line.next().is_none());
    }

    #[test]
    fn fewer_places_empty_by_themselves_and_more_are_taken_at_once() {
        let mut line = line();
        fill(&mut line, Work::Write);
        wait(&mut line, Work::Write, "a", "next");
        line.set_bounds(Bounds {
            in_flight: 4,
            ..BOUNDS
        });
        for _ in 0..4 {
            line.leave(Work::Write);
            assert!(line.next().is_none());
        }
        line.set_bounds(BOUNDS);
        assert_eq!(line.next(), Some((Work::Write, "next")));
        assert_eq!(line.bounds(), BOUNDS);
    }
}
