//! Where the rows of a table lie in memory.
//!
//! Rows with counted ids lie in pages, beside those that were made before and after them: lists and searches go by
//! ascending ids, and would wait for memory at each row if they lay anywhere. Rows with other keys have nothing to lie
//! beside.

use std::{array, borrow::Borrow, collections::HashMap, hash::Hash};

/// Rows in one page: enough to lie close together, few enough that a page with one row left wastes little.
const PAGE: usize = 32;

/// What rows can be kept by.
pub(crate) trait Key: Borrow<Self::Asked> + Clone + Eq + Hash {
    /// What a row is asked for by.
    type Asked: Eq + Hash + ToOwned<Owned = Self> + ?Sized;
    type Rows<V>: Rows<Self, V>;
}

impl Key for String {
    type Asked = str;
    type Rows<V> = HashMap<Self, Box<V>>;
}

impl Key for i64 {
    type Asked = Self;
    type Rows<V> = HashMap<Self, Box<V>>;
}

impl Key for u64 {
    type Asked = Self;
    type Rows<V> = Pages<V>;
}

/// Rows by key, in no order that anybody may rely on.
pub(crate) trait Rows<K: Key, V>: Default {
    fn get(&self, key: &K::Asked) -> Option<(&K, &V)>;
    fn get_mut(&mut self, key: &K::Asked) -> Option<&mut V>;
    /// Puts a row in and hands out the one that was there.
    fn insert(&mut self, key: K, row: Box<V>) -> Option<Box<V>>;
    fn remove(&mut self, key: &K::Asked) -> Option<Box<V>>;
    fn len(&self) -> usize;
    fn iter<'rows>(&'rows self) -> impl Iterator<Item = (&'rows K, &'rows V)>
    where
        K: 'rows,
        V: 'rows;
}

impl<K: Key, V> Rows<K, V> for HashMap<K, Box<V>> {
    fn get(&self, key: &K::Asked) -> Option<(&K, &V)> {
        let (key, row) = self.get_key_value(key)?;
        Some((key, row))
    }

    fn get_mut(&mut self, key: &K::Asked) -> Option<&mut V> {
        Self::get_mut(self, key).map(Box::as_mut)
    }

    fn insert(&mut self, key: K, row: Box<V>) -> Option<Box<V>> {
        Self::insert(self, key, row)
    }

    fn remove(&mut self, key: &K::Asked) -> Option<Box<V>> {
        Self::remove(self, key)
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn iter<'rows>(&'rows self) -> impl Iterator<Item = (&'rows K, &'rows V)>
    where
        K: 'rows,
        V: 'rows,
    {
        Self::iter(self).map(|(key, row)| (key, row.as_ref()))
    }
}

/// Rows with counted ids. Pages are found by hash, so ids may have gaps of any width.
pub(crate) struct Pages<V> {
    pages: HashMap<u64, Box<Page<V>>>,
    len: usize,
}

struct Page<V> {
    rows: [Option<(u64, V)>; PAGE],
    len: usize,
}

/// The page of an id, and the place in it.
fn place(id: u64) -> (u64, usize) {
    let size = PAGE as u64;
    (id / size, (id % size) as usize)
}

impl<V> Default for Pages<V> {
    fn default() -> Self {
        Self {
            pages: HashMap::new(),
            len: 0,
        }
    }
}

impl<V> Default for Page<V> {
    fn default() -> Self {
        Self {
            rows: array::from_fn(|_| None),
            len: 0,
        }
    }
}

impl<V> Rows<u64, V> for Pages<V> {
    fn get(&self, id: &u64) -> Option<(&u64, &V)> {
        let (page, place) = place(*id);
        let (id, row) = self.pages.get(&page)?.rows[place].as_ref()?;
        Some((id, row))
    }

    fn get_mut(&mut self, id: &u64) -> Option<&mut V> {
        let (page, place) = place(*id);
        let (_, row) = self.pages.get_mut(&page)?.rows[place].as_mut()?;
        Some(row)
    }

    fn insert(&mut self, id: u64, row: Box<V>) -> Option<Box<V>> {
        let (page, place) = place(id);
        let page = self.pages.entry(page).or_default();
        let former = page.rows[place].replace((id, *row));
        if former.is_none() {
            page.len += 1;
            self.len += 1;
        }
        former.map(|(_, row)| Box::new(row))
    }

    fn remove(&mut self, id: &u64) -> Option<Box<V>> {
        let (number, place) = place(*id);
        let page = self.pages.get_mut(&number)?;
        let (_, row) = page.rows[place].take()?;
        page.len -= 1;
        if page.len == 0 {
            self.pages.remove(&number);
        }
        self.len -= 1;
        Some(Box::new(row))
    }

    fn len(&self) -> usize {
        self.len
    }

    fn iter<'rows>(&'rows self) -> impl Iterator<Item = (&'rows u64, &'rows V)>
    where
        V: 'rows,
    {
        let rows = self.pages.values().flat_map(|page| &page.rows);
        rows.flatten().map(|(id, row)| (id, row))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn pages_agree_with_a_map_whatever_is_done_to_them() {
        let mut pages = Pages::default();
        let mut map = BTreeMap::new();
        let mut number = 1_u64;
        for step in 0..20_000_u64 {
            number = number.wrapping_mul(6_364_136_223_846_793_005) + 1;
            // Some far away, most within a few pages.
            let id = match number >> 61 {
                0 => u64::MAX - (number >> 58 & 3),
                _ => 1_005_000_000 + (number >> 50) % 200,
            };
            let former = if number >> 40 & 1 == 0 {
                assert_eq!(pages.remove(&id).map(|row| *row), map.remove(&id));
                None
            } else {
                assert_eq!(
                    pages.insert(id, Box::new(step)).map(|row| *row),
                    map.insert(id, step)
                );
                Some(step)
            };
            assert_eq!(pages.get(&id).map(|(_, row)| *row), former);
            assert_eq!(pages.get_mut(&id).copied(), former);
            assert_eq!(pages.len(), map.len());
        }
        let mut rows = pages.iter().collect::<Vec<_>>();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(&map));
    }

    #[test]
    fn a_page_goes_with_its_last_row() {
        let mut pages = Pages::default();
        for id in 0..1_000 {
            pages.insert(id, Box::new("row"));
        }
        for id in 0..1_000 {
            assert!(pages.remove(&id).is_some());
            assert!(pages.remove(&id).is_none());
        }
        assert_eq!((pages.len(), pages.pages.len()), (0, 0));
    }
}
