//! Where a list goes on.

use super::Start;
use crate::id::CustomerId;

/// Where a list goes on: a position, and the customers around it, by which the place is found again after others have
/// come or gone.
///
/// It holds ids and nothing personal, and is good for the query that it came from, however much later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    at: Start,
    before: Vec<CustomerId>,
    after: Option<CustomerId>,
}

/// What the customers of an answer tell of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The list goes on with the customer of this index in the answer; it may be one past the last.
    At {
        /// The index.
        index: usize,
        /// Whether every customer before the place that is not in sight must be gone.
        sure: bool,
    },
    /// None of the customers around the place is in sight.
    Nothing,
    /// They are in sight in another order than before, so position says nothing any more.
    Disorder,
}

impl Cursor {
    /// The beginning of any list.
    pub const FIRST: Self = Self {
        at: Start::FIRST,
        before: Vec::new(),
        after: None,
    };

    /// How many customers before the place are remembered at most. More survive more deletions, and each is read again
    /// with every page.
    pub const MOST_BEFORE: usize = 3;

    /// The place at the position `at`, as it was when the list was read: behind the customers `before`, which are at
    /// most three and in the list's order, and in front of `after`, where that one was seen. `None` where no list has
    /// such a place: behind nobody is only the beginning.
    pub fn new(at: Start, before: Vec<CustomerId>, after: Option<CustomerId>) -> Option<Self> {
        let passed = usize::try_from(at.get() - 1).ok()?;
        let possible = before.len() <= Self::MOST_BEFORE.min(passed)
            && before.is_empty() == (at == Start::FIRST);
        possible.then_some(Self { at, before, after })
    }

    /// The position of the first customer that was not returned, when the list was last read.
    pub fn at(&self) -> Start {
        self.at
    }

    /// The last customers in front of the place, in the list's order.
    pub fn before(&self) -> &[CustomerId] {
        &self.before
    }

    /// The customer behind the place, where it was seen.
    pub fn after(&self) -> Option<&CustomerId> {
        self.after.as_ref()
    }

    /// Looks for the place among the customers of an answer.
    ///
    /// Whoever stays keeps the order, so the place is right behind the last of `before` that is there still: those that
    /// were listed behind it are gone. Where all of them are gone, it is in front of `after`.
    pub(super) fn find(&self, ids: &[&CustomerId]) -> Sight {
        if self.before.is_empty() {
            // Nothing was returned yet, so whatever comes first is next.
            return Sight::At {
                index: 0,
                sure: true,
            };
        }
        // Should the vendor list somebody twice, going on behind the first would be going in circles.
        let index = |id: &CustomerId| ids.iter().rposition(|seen| *seen == id);
        let before: Vec<Option<usize>> = self.before.iter().map(index).collect();
        let after = self.after.as_ref().and_then(index);
        let in_sight: Vec<usize> = before.iter().copied().chain([after]).flatten().collect();
        if !in_sight.is_sorted() {
            return Sight::Disorder;
        }
        match (before.iter().copied().flatten().next_back(), after) {
            (Some(last), after) => Sight::At {
                index: last + 1,
                // Those that are missing were listed between the two that are in sight.
                sure: after.is_some() || before.last().copied().flatten().is_some(),
            },
            (None, Some(after)) => Sight::At {
                index: after,
                sure: true,
            },
            (None, None) => Sight::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u32]) -> Vec<CustomerId> {
        numbers
            .iter()
            .map(|number| number.to_string().parse().unwrap())
            .collect()
    }

    fn cursor(before: &[u32], after: Option<u32>) -> Cursor {
        let after = after.map(|after| ids(&[after]).remove(0));
        Cursor::new(Start::new(11).unwrap(), ids(before), after).unwrap()
    }

    fn find(cursor: &Cursor, seen: &[u32]) -> Sight {
        let seen = ids(seen);
        cursor.find(&seen.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_place_is_behind_the_last_customer_that_is_there_still() {
        let cursor = cursor(&[1, 2, 3], Some(4));
        for (seen, index, sure) in [
            (vec![1, 2, 3, 4, 5], 3, true),
            (vec![9, 1, 8, 2, 3, 7, 4], 5, true),
            (vec![3], 1, true),
            (vec![1, 2, 4], 2, true),
            (vec![1, 4], 1, true),
            // The third may be further on.
            (vec![1, 2, 5], 2, false),
            (vec![5, 1], 2, false),
            // All three are gone, or in front of the answer: either way the fourth is next.
            (vec![4, 5], 0, true),
            (vec![9, 4, 5], 1, true),
            (vec![1, 2, 3, 3, 4], 4, true),
        ] {
            assert_eq!(find(&cursor, &seen), Sight::At { index, sure }, "{seen:?}");
        }
    }

    #[test]
    fn nobody_known_in_sight_is_nothing_and_another_order_is_told() {
        let cursor = cursor(&[1, 2, 3], Some(4));
        for seen in [&[][..], &[5, 6, 7]] {
            assert_eq!(find(&cursor, seen), Sight::Nothing);
        }
        for seen in [&[2, 1][..], &[3, 5, 2], &[4, 1], &[1, 4, 3]] {
            assert_eq!(find(&cursor, seen), Sight::Disorder, "{seen:?}");
        }
    }

    #[test]
    fn the_beginning_is_the_beginning_of_whatever_list() {
        for seen in [&[][..], &[5, 6]] {
            let expected = Sight::At {
                index: 0,
                sure: true,
            };
            assert_eq!(find(&Cursor::FIRST, seen), expected);
        }
    }

    #[test]
    fn places_that_no_list_has_are_not_made() {
        let place = |at, before: &[u32], after: Option<u32>| {
            let after = after.map(|after| ids(&[after]).remove(0));
            Cursor::new(Start::new(at).unwrap(), ids(before), after)
        };
        assert_eq!(place(1, &[], None), Some(Cursor::FIRST));
        assert!(place(1, &[], Some(1)).is_some());
        assert!(place(3, &[1, 2], None).is_some());
        assert!(place(9, &[1], Some(2)).is_some());
        for (at, before, after) in [
            (2, &[][..], None),
            (1, &[1], None),
            (3, &[1, 2, 3], None),
            (9, &[1, 2, 3, 4], None),
        ] {
            assert_eq!(place(at, before, after), None, "{at} {before:?} {after:?}");
        }
    }
}
