//! The ids of a partner's customers, in the order of lists.
//!
//! Ids are counted upwards, so they lie close together: a roaring bitmap keeps them in a few bits each, takes one out
//! without moving the others, and finds the n-th by counting blocks of 65,536 ids.

use roaring::RoaringTreemap;

/// A set of ids, ascending, which is the order of creation.
#[derive(Clone, Default)]
pub(crate) struct IdList(RoaringTreemap);

impl IdList {
    /// Adds an id; a second time changes nothing.
    pub(crate) fn push(&mut self, id: u64) {
        self.0.insert(id);
    }

    /// Takes an id out; one that is not there changes nothing.
    pub(crate) fn remove(&mut self, id: u64) {
        self.0.remove(id);
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.0.contains(id)
    }

    pub(crate) fn len(&self) -> usize {
        // More ids than an address can count do not fit into memory.
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter()
    }

    /// The ids from a position on, which counts from zero; none past the end.
    pub(crate) fn starting_at(&self, position: usize) -> impl Iterator<Item = u64> {
        let first = u64::try_from(position)
            .ok()
            .and_then(|position| self.0.select(position));
        first.into_iter().flat_map(|first| {
            let mut ids = self.0.iter();
            ids.advance_to(first);
            ids
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids over several blocks, as the sandbox counts them.
    const FIRST: u64 = 1_005_822_465;

    fn filled(count: u64) -> IdList {
        let mut list = IdList::default();
        (FIRST..FIRST + count).for_each(|id| list.push(id));
        list
    }

    #[test]
    fn ids_come_back_ascending_and_once() {
        let mut list = IdList::default();
        for id in [5, 9, 9, u64::MAX, 7] {
            list.push(id);
        }
        assert_eq!(list.iter().collect::<Vec<_>>(), [5, 7, 9, u64::MAX]);
        assert_eq!(list.len(), 4);
    }

    #[test]
    fn a_removed_id_is_gone_and_a_stranger_removes_nothing() {
        let mut list = filled(3);
        list.remove(FIRST + 1);
        list.remove(FIRST + 1);
        list.remove(42);
        assert!(list.contains(FIRST) && !list.contains(FIRST + 1));
        assert_eq!(list.iter().collect::<Vec<_>>(), [FIRST, FIRST + 2]);
        list.remove(FIRST);
        list.remove(FIRST + 2);
        assert_eq!((list.len(), list.iter().next()), (0, None));
    }

    #[test]
    fn any_position_agrees_with_a_vector_while_ids_go() {
        let mut list = filled(200_000);
        let mut ids = list.iter().collect::<Vec<_>>();
        for step in [1_usize, 3, 7] {
            let gone = ids.iter().copied().step_by(step + 1).collect::<Vec<_>>();
            gone.iter().for_each(|id| list.remove(*id));
            ids.retain(|id| gone.binary_search(id).is_err());
            assert_eq!(list.len(), ids.len());
            for position in [0, 1, 24, 30_000, ids.len() - 1, ids.len(), usize::MAX] {
                let expected = ids.iter().copied().skip(position).take(25);
                let found = list.starting_at(position).take(25);
                assert!(found.eq(expected), "step {step}, position {position}");
            }
        }
    }
}
