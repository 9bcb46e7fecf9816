//! A store that lives as long as its process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Change, Committed, Kept, Key, Rate, Space, Store, StoreFuture, Taken};

/// A store in memory.
#[derive(Default)]
pub struct Memory {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    values: BTreeMap<Key, Entry>,
    /// When each allowance is whole again.
    whole_at: BTreeMap<Key, Instant>,
}

struct Entry {
    value: Vec<u8>,
    until: Option<Instant>,
}

impl Entry {
    fn kept(&self) -> Option<Kept> {
        let left = match self.until {
            Some(until) => Some(
                until
                    .checked_duration_since(Instant::now())
                    .filter(|left| !left.is_zero())?,
            ),
            None => None,
        };
        Some(Kept {
            value: self.value.clone(),
            left,
        })
    }
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Nothing panics while it is held; if it did, the content would still be whole.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn value(&self, key: &Key) -> Option<Kept> {
        self.values.get(key).and_then(Entry::kept)
    }

    fn commit(&mut self, changes: &[Change]) -> Committed {
        let as_expected = |change: &Change| {
            self.value(&change.key).map(|kept| kept.value).as_ref() == change.expected.as_ref()
        };
        if !changes.iter().all(as_expected) {
            return Committed::Conflict;
        }
        for Change { key, new, .. } in changes {
            match new {
                Some((value, keep)) => {
                    let entry = Entry {
                        value: value.clone(),
                        until: keep.and_then(|keep| Instant::now().checked_add(keep)),
                    };
                    self.values.insert(key.clone(), entry);
                }
                None => {
                    self.values.remove(key);
                }
            }
        }
        Committed::Yes
    }

    fn take(&mut self, key: &Key, rate: Rate) -> Taken {
        let now = Instant::now();
        let each = Duration::from_secs_f64(1.0 / rate.per_second);
        let whole_at = self.whole_at.get(key).copied().unwrap_or(now).max(now);
        let after = whole_at + each;
        let most = now + each * rate.burst;
        if after > most {
            return Taken::No(after - most);
        }
        self.whole_at.insert(key.clone(), after);
        Taken::Yes
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        Box::pin(async move { Ok(self.content().value(key)) })
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Box::pin(async move { Ok(self.content().commit(changes)) })
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Box::pin(async move {
            let content = self.content();
            let of_space = content.values.iter().filter(|(key, _)| key.space == space);
            Ok(of_space
                .filter_map(|(key, entry)| Some((key.clone(), entry.kept()?)))
                .collect())
        })
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        Box::pin(async move { Ok(self.content().take(key, rate)) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}
