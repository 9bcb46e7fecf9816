//! Finding the next page of a list that moves.
//!
//! The vendor counts positions, and a record that comes or goes shifts all behind it. So a page is asked for together
//! with the customers in front of it. Where they are found, there the page begins, wherever that is now; where they are
//! not found, the list is looked through around the place, and given up after a few reads.
//!
//! What this relies on: customers who stay keep their order, and an answer is the list of one moment. Then whoever is
//! in the list from a scan's beginning to its end is returned, because everybody in front of the place was returned
//! unless they came later, and the next page begins at the place. Nothing here knows of the network.

use std::ops::Range;

use super::{Cursor, PageSize, Start, cursor::Sight};
use crate::id::CustomerId;

/// How many reads one page may take. A list that does not move takes one; the place is looked for on both sides.
const MOST_READS: u32 = 6;

/// How many positions a read of the search shares with the one beside it, because the list may move between them; and
/// how many customers behind the place must be in sight before one who is missing there is taken for gone.
const MARGIN: u32 = 50;

/// The part of the list that an answer is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Position of its first customer.
    pub(crate) start: Start,
    /// How many customers at most.
    pub(crate) size: PageSize,
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The next window is to be read.
    Again,
    /// It has the page.
    Page(Cut),
    /// The place can't be found any more.
    Lost,
    /// It can't be right.
    Malformed(&'static str),
}

/// A page as a part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The part, by index.
    pub(crate) rows: Range<usize>,
    /// Position of its first customer.
    pub(crate) first: Start,
    /// The last customers in front of it.
    pub(crate) lead: Vec<CustomerId>,
    /// Where the next page starts; `None` on the last one.
    pub(crate) next: Option<Cursor>,
}

/// Which window to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// The one in which the place is if the list did not move.
    Expected,
    /// The one from this position on, where the place was seen, with room for the page.
    Page(u32),
    /// The same, as wide as can be.
    Wide(u32),
    /// The one in front of all that were looked through.
    Back,
    /// The one behind them.
    Forward,
}

/// The search for one page.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    from: &'a Cursor,
    /// How many customers the page has at most.
    size: u32,
    /// How many customers one answer has at most.
    most: u32,
    reads: u32,
    aim: Aim,
    /// The positions that were looked through in vain: from the first to behind the last.
    low: u32,
    high: u32,
    /// Nobody is at this position or behind it, up to those that were looked through.
    edge: u32,
    /// Whether those are the list's last.
    ends: bool,
}

impl<'a> Scan<'a> {
    /// The search for the page of at most `size` customers at `from`.
    pub(crate) fn new(from: &'a Cursor, size: PageSize) -> Self {
        let at = from.at().get();
        Self {
            from,
            size: size.get(),
            most: PageSize::MAX.get(),
            reads: 0,
            aim: Aim::Expected,
            low: at,
            high: at,
            edge: at,
            ends: false,
        }
    }

    /// What to read next.
    pub(crate) fn window(&self) -> Window {
        let at = self.from.at().get();
        let overlap = count(self.from.before().len()).min(self.most - 1);
        // The customer behind the page is asked for too: if all in front of the place go, that one still marks it.
        let page = self.size + 1;
        let (start, size) = match self.aim {
            Aim::Expected => (at - overlap, overlap + page),
            Aim::Page(start) => (start, 1 + page),
            Aim::Wide(start) => (start, self.most),
            Aim::Back => {
                let end = self.edge + self.margin();
                (end.saturating_sub(self.most).max(1), self.most)
            }
            Aim::Forward => (self.high.saturating_sub(self.margin()), self.most),
        };
        Window {
            start: Start::new(start).unwrap_or(Start::FIRST),
            size: PageSize::new(size.min(self.most)),
        }
    }

    /// Takes answers to be limited to half of what the window was; `false` where that leaves no room for a page.
    pub(crate) fn narrow(&mut self) -> bool {
        let size = self.window().size.get();
        let least = if self.from.before().is_empty() { 1 } else { 2 };
        self.most = (size / 2).max(least);
        self.most < size
    }

    /// Judges the answer for the window: whose ids are in it, whether the list goes on behind it, and how many
    /// customers there are in all, where that is told.
    pub(crate) fn look(&mut self, ids: &[&CustomerId], more: bool, total: Option<u32>) -> Look {
        self.reads += 1;
        let window = self.window();
        let start = window.start.get();
        let (index, sure) = match self.from.find(ids) {
            Sight::At { index, sure } => (index, sure),
            Sight::Disorder => return Look::Lost,
            Sight::Nothing if start == 1 && !more => {
                return match ids {
                    // Nobody is left, so nobody was there all the time and is missing.
                    [] => self.page(ids, 0..0, false),
                    [..] => Look::Lost,
                };
            }
            Sight::Nothing => return self.elsewhere(start, count(ids.len()), more, total),
        };
        let behind = ids.len() - index;
        // The place is behind somebody in sight, or there would be someone behind it.
        let here = (start + count(index)).saturating_sub(1);
        let wide = Aim::Wide(here);
        // Someone of the page before who is further on than this answer reaches would be returned once more, later on and
        // not in this page, and nobody is left out: the list is gone on with too early and never too late. So where
        // nothing wider can be had, that is put up with.
        if !sure && more && count(behind) < MARGIN && self.aim != wide {
            return self.aim_at(wide);
        }
        if behind == 0 && more {
            return self.aim_at(Aim::Page(here));
        }
        let mut end = ids.len().min(index + self.size as usize);
        let whole = self.from.before().is_empty() && end - index == self.size as usize;
        if end == ids.len() && more && behind > 1 && !whole {
            // The last in sight is left to the next page and marks where that one starts, so that a caller may delete
            // all that it was given. Only a page of nearly as many as an answer can have is shorter for it, and not the
            // first one: whoever asks for 1,000 and nothing more gets them.
            end -= 1;
        }
        self.page(ids, index..end, more || end < ids.len())
    }

    /// The page of these rows.
    fn page(&self, ids: &[&CustomerId], rows: Range<usize>, more: bool) -> Look {
        let start = self.window().start;
        let before = |end: usize| -> Vec<CustomerId> {
            let begin = end.saturating_sub(Cursor::MOST_BEFORE);
            ids[begin..end].iter().map(|id| (*id).clone()).collect()
        };
        let after = |index: usize| {
            let after = ids.get(index).map(|id| (*id).clone());
            Cursor::new(start.after(index)?, before(index), after)
        };
        let next = more.then(|| after(rows.end));
        let (Some(first), None | Some(Some(_))) = (start.after(rows.start), &next) else {
            return Look::Malformed("it has more customers than can be counted");
        };
        let lead = before(rows.start);
        Look::Page(Cut {
            rows,
            first,
            lead,
            next: next.flatten(),
        })
    }

    /// Goes on looking beside the `len` positions from `start` on, which do not have the place.
    fn elsewhere(&mut self, start: u32, len: u32, more: bool, total: Option<u32>) -> Look {
        match self.aim {
            Aim::Expected | Aim::Page(_) | Aim::Wide(_) => {
                (self.low, self.high, self.ends) = (start, start + len, !more);
                self.edge = start;
            }
            Aim::Back => (self.low, self.edge) = (start, start),
            Aim::Forward => (self.high, self.ends) = (start + len, !more),
        }
        if let Some(total) = total {
            // A list that shrank so much has nobody to look at between its end and here.
            self.edge = self.edge.min(total.saturating_add(1));
        }
        let back_first = self.aim != Aim::Back;
        match (self.low > 1, !self.ends) {
            (true, true) if back_first => self.aim_at(Aim::Back),
            (_, true) => self.aim_at(Aim::Forward),
            (true, false) => self.aim_at(Aim::Back),
            (false, false) => Look::Lost,
        }
    }

    fn aim_at(&mut self, aim: Aim) -> Look {
        self.aim = aim;
        if self.reads < MOST_READS {
            Look::Again
        } else {
            Look::Lost
        }
    }

    fn margin(&self) -> u32 {
        MARGIN.min(self.most / 2)
    }
}

/// A number of customers in an answer, which are a thousand at most.
fn count(customers: usize) -> u32 {
    u32::try_from(customers).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
