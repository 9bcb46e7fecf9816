//! Rows that note which of them were touched, so that a commit costs what it changes and not what there is.
//!
//! [`Table`] keeps rows by key, [`List`] by position. Both write themselves as JSON in order of their keys, which is
//! how a snapshot shows them.

mod list;
mod rows;

use std::{collections::HashMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};

use crate::journal::Change;

pub(crate) use list::List;
pub(crate) use rows::Key;
use rows::Rows;

/// Notes keep no more room than this from one commit to the next: emptying a map costs what it could hold.
const KEPT_NOTES: usize = 64;

/// What a snapshot with two rows under one key is told; the key may be a secret.
pub(crate) const TWICE: &str = "two rows have the same id";

/// Rows by key, in no order.
pub(crate) struct Table<K: Key, V> {
    rows: K::Rows<V>,
    notes: Vec<Note<K, V>>,
    /// Where in `notes` a key is.
    noted: HashMap<K, usize>,
    /// Copies a row that is about to be touched, if somebody wants to know what it was.
    copy: Option<fn(&V) -> V>,
}

/// A row as it was before a change; `None` if it was not there.
pub(crate) type Former<K, V> = (K, Option<Box<V>>);

/// A key that was touched.
struct Note<K, V> {
    key: K,
    /// Whether there was a row when the key was first touched.
    existed: bool,
    /// The row that was removed last.
    removed: Option<Box<V>>,
    /// The row when the key was first touched, if somebody wants to know.
    former: Option<Box<V>>,
}

impl<K: Key, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: K::Rows::default(),
            notes: Vec::new(),
            noted: HashMap::new(),
            copy: None,
        }
    }
}

impl<K: Key, V> Table<K, V> {
    pub(crate) fn get(&self, key: &K::Asked) -> Option<&V> {
        self.rows.get(key).map(|(_, row)| row)
    }

    pub(crate) fn get_key_value(&self, key: &K::Asked) -> Option<(&K, &V)> {
        self.rows.get(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// All rows, in an order that differs from run to run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// All rows without their keys, in an order that differs from run to run.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// All rows by ascending key. Costs a sort.
    pub(crate) fn sorted(&self) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut rows: Vec<_> = self.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows
    }

    /// A row to be changed, which it is taken to be from here on: ask for it only once nothing can refuse any more.
    pub(crate) fn get_mut(&mut self, key: &K::Asked) -> Option<&mut V> {
        self.rows.get(key)?;
        self.note(key);
        self.rows.get_mut(key)
    }

    /// A row whose derived members are to be changed: those that no snapshot holds, because other rows tell them.
    pub(crate) fn derived_mut(&mut self, key: &K::Asked) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    /// Puts a row in, in place of another if there is one.
    pub(crate) fn insert(&mut self, key: K, row: V) {
        self.note(key.borrow());
        self.rows.insert(key, Box::new(row));
    }

    /// Takes a row out and shows it; it is dropped at the next commit.
    pub(crate) fn remove(&mut self, key: &K::Asked) -> Option<&V> {
        self.rows.get(key)?;
        let position = self.note(key);
        let removed = self.rows.remove(key);
        let note = &mut self.notes[position];
        note.removed = removed;
        note.removed.as_deref()
    }

    /// Removes every row that is not to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let gone: Vec<K> = self
            .iter()
            .filter(|(key, row)| !keep(key, row))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.remove(key.borrow());
        }
    }

    /// Removes every row.
    pub(crate) fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    /// Tells what became of each key that was touched since the last time, in the order in which they first were.
    /// A row that came and went is not told.
    pub(crate) fn take_changes(&mut self, mut each: impl FnMut(&K, Change, &V)) {
        if self.notes.is_empty() {
            return;
        }
        for note in self.notes.drain(..) {
            let row = self.rows.get(note.key.borrow()).map(|(_, row)| row);
            match (note.existed, row, note.removed) {
                (false, Some(row), _) => each(&note.key, Change::Created, row),
                (true, Some(row), _) => each(&note.key, Change::Changed, row),
                (true, None, Some(row)) => each(&note.key, Change::Deleted, &row),
                (false, None, _) | (true, None, None) => {}
            }
        }
        self.noted.clear();
        if self.notes.capacity() > KEPT_NOTES {
            self.notes = Vec::new();
            self.noted = HashMap::new();
        }
    }

    fn note(&mut self, key: &K::Asked) -> usize {
        if let Some(position) = self.noted.get(key) {
            return *position;
        }
        let position = self.notes.len();
        let row = self.get(key);
        let note = Note {
            key: key.to_owned(),
            existed: row.is_some(),
            removed: None,
            former: self.copy.and_then(|copy| Some(Box::new(copy(row?)))),
        };
        self.notes.push(note);
        self.noted.insert(key.to_owned(), position);
        position
    }

    /// Puts a row, or none, in the place of another, and hands that out. Nobody is told: it is to be undone.
    pub(crate) fn swap(&mut self, key: &K, row: Option<Box<V>>) -> Option<Box<V>> {
        match row {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(key.borrow()),
        }
    }

    /// Ends [`Table::keep_formers`] and hands out what was kept. Comes before [`Table::take_changes`].
    pub(crate) fn take_formers(&mut self) -> Vec<Former<K, V>> {
        self.copy = None;
        self.notes
            .iter_mut()
            .map(|note| (note.key.clone(), note.former.take()))
            .collect()
    }
}

impl<K: Key, V: Clone> Table<K, V> {
    /// Keeps every row that is touched from now on as it was before.
    pub(crate) fn keep_formers(&mut self) {
        self.copy = Some(V::clone);
    }
}

impl<K: Key, V> FromIterator<(K, V)> for Table<K, V> {
    /// Takes rows over as they are: none counts as changed.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        let mut table = Self::default();
        for (key, row) in rows {
            table.rows.insert(key, Box::new(row));
        }
        table
    }
}

#[cfg(test)]
impl<K: Key, V> std::ops::Index<&K> for Table<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key.borrow()).unwrap()
    }
}

impl<K: Key + Ord + Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.sorted())
    }
}

impl<'de, K, V> Deserialize<'de> for Table<K, V>
where
    K: Key + Deserialize<'de>,
    V: Deserialize<'de>,
{
    /// Refuses a second row under one key, which other maps would let win.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K, V>(PhantomData<(K, V)>);

        impl<'de, K, V> Visitor<'de> for Entries<K, V>
        where
            K: Key + Deserialize<'de>,
            V: Deserialize<'de>,
        {
            type Value = Table<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a row under each id")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut table = Table::<K, V>::default();
                while let Some((key, row)) = map.next_entry()? {
                    if table.rows.insert(key, Box::new(row)).is_some() {
                        return Err(A::Error::custom(TWICE));
                    }
                }
                Ok(table)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(table: &mut Table<u64, &'static str>) -> Vec<(u64, Change, &'static str)> {
        let mut changes = Vec::new();
        table.take_changes(|key, change, row| changes.push((*key, change, *row)));
        changes
    }

    /// Rows 1 and 2, long committed.
    fn table() -> Table<u64, &'static str> {
        Table::from_iter([(1, "one"), (2, "two")])
    }

    #[test]
    fn each_key_is_told_once_with_its_net_effect_in_the_order_of_first_touch() {
        let mut table = table();
        table.insert(3, "three");
        *table.get_mut(&2).unwrap() = "zwei";
        table.insert(4, "four");
        *table.get_mut(&3).unwrap() = "drei";
        assert_eq!(table.remove(&1), Some(&"one"));
        table.remove(&4);
        let expected = [
            (3, Change::Created, "drei"),
            (2, Change::Changed, "zwei"),
            (1, Change::Deleted, "one"),
        ];
        assert_eq!(changes(&mut table), expected);
        assert_eq!(changes(&mut table), []);
    }

    #[test]
    fn a_row_deleted_and_put_back_is_changed_and_one_put_back_and_deleted_is_deleted() {
        let mut table = table();
        table.remove(&1);
        table.insert(1, "uno");
        table.remove(&2);
        table.insert(2, "due");
        table.remove(&2);
        let expected = [(1, Change::Changed, "uno"), (2, Change::Deleted, "due")];
        assert_eq!(changes(&mut table), expected);
    }

    #[test]
    fn looking_and_changing_what_is_derived_is_no_change() {
        let mut table = table();
        assert!(table.get(&1).is_some() && !table.is_empty());
        assert_eq!(table.get_mut(&7), None);
        assert_eq!(table.remove(&7), None);
        *table.derived_mut(&1).unwrap() = "one!";
        assert_eq!((table[&1], table.get(&7)), ("one!", None));
        assert_eq!(changes(&mut table), []);
    }

    #[test]
    fn retaining_and_clearing_tell_what_went() {
        let mut table = table();
        table.retain(|key, _| *key != 2);
        assert_eq!(changes(&mut table), [(2, Change::Deleted, "two")]);
        table.clear();
        assert_eq!(changes(&mut table), [(1, Change::Deleted, "one")]);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn many_changes_leave_no_room_behind_that_every_commit_would_sweep() {
        let mut table = Table::default();
        (0..10_000_u64).for_each(|key| table.insert(key, "row"));
        assert_eq!(changes(&mut table).len(), 10_000);
        assert!(table.notes.capacity() <= KEPT_NOTES);
        assert!(table.noted.capacity() <= 2 * KEPT_NOTES);
    }
}
