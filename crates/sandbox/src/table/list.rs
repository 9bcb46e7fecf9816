//! Rows by position that note which of them were touched.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
    slice::SliceIndex,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::Change;

/// Rows by position, which only ever grow in number.
pub(crate) struct List<V> {
    rows: Vec<V>,
    /// Whether each touched row was there before.
    noted: BTreeMap<usize, bool>,
}

impl<V> List<V> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, V> {
        self.rows.iter()
    }

    pub(crate) fn get(&self, position: usize) -> Option<&V> {
        self.rows.get(position)
    }

    /// Like [`Table::get_mut`](super::Table::get_mut).
    pub(crate) fn get_mut(&mut self, position: usize) -> Option<&mut V> {
        let row = self.rows.get_mut(position)?;
        self.noted.entry(position).or_insert(true);
        Some(row)
    }

    /// Like [`Table::derived_mut`](super::Table::derived_mut), for a row that is there.
    pub(crate) fn derived_mut(&mut self, position: usize) -> &mut V {
        &mut self.rows[position]
    }

    pub(crate) fn push(&mut self, row: V) {
        self.noted.insert(self.rows.len(), false);
        self.rows.push(row);
    }

    /// Like [`Table::take_changes`](super::Table::take_changes), in order of position.
    pub(crate) fn take_changes(&mut self, mut each: impl FnMut(usize, Change, &V)) {
        for (position, existed) in std::mem::take(&mut self.noted) {
            let change = if existed {
                Change::Changed
            } else {
                Change::Created
            };
            each(position, change, &self.rows[position]);
        }
    }
}

impl<V> FromIterator<V> for List<V> {
    /// Takes rows over as they are: none counts as changed.
    fn from_iter<I: IntoIterator<Item = V>>(rows: I) -> Self {
        Self {
            rows: rows.into_iter().collect(),
            noted: BTreeMap::new(),
        }
    }
}

impl<V: Serialize> Serialize for List<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for List<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}

impl<V, I: SliceIndex<[V]>> Index<I> for List<V> {
    type Output = I::Output;

    fn index(&self, position: I) -> &I::Output {
        &self.rows[position]
    }
}

impl<V> IndexMut<usize> for List<V> {
    fn index_mut(&mut self, position: usize) -> &mut V {
        let row = &mut self.rows[position];
        self.noted.entry(position).or_insert(true);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_new_and_changed_rows() {
        let mut list = List::from_iter(["a", "b", "c"]);
        list.push("d");
        list[3] = "D";
        list[1] = "B";
        *list.derived_mut(0) = "A";
        assert!(list.get_mut(7).is_none());
        let mut changes = Vec::new();
        list.take_changes(|position, change, row| changes.push((position, change, *row)));
        assert_eq!(
            changes,
            [(1, Change::Changed, "B"), (3, Change::Created, "D")]
        );
        list.take_changes(|_, _, _| panic!("nothing was touched"));
        assert_eq!(list.iter().copied().collect::<String>(), "ABcD");
    }
}
