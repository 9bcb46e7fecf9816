//! A store that lives as long as its process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
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
    /// How many values and allowances there may be before those that time has ended are looked for.
    tidy_above: usize,
}

/// Fewer than these are never worth tidying.
const FEW: usize = 1024;

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
    /// Forgets what time has ended, once in so many calls that it costs each of them next to nothing.
    fn tidy(&mut self) {
        if self.values.len() + self.whole_at.len() > self.tidy_above.max(FEW) {
            let now = Instant::now();
            self.values
                .retain(|_, entry| entry.until.is_none_or(|until| until > now));
            self.whole_at.retain(|_, whole_at| *whole_at > now);
            self.tidy_above = 2 * (self.values.len() + self.whole_at.len());
        }
    }

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
        self.tidy();
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
        self.tidy();
        let now = Instant::now();
        let each = rate.each();
        let whole_at = self.whole_at.get(key).copied().unwrap_or(now).max(now);
        let after = whole_at + each;
        let most = now + each.saturating_mul(rate.burst);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_time_has_ended_does_not_stay_in_memory() {
        let store = Memory::new();
        let keep = Duration::from_secs(1);
        let rate = Rate {
            per_second: 1.0,
            burst: 1,
        };
        for number in 0..10 * FEW {
            let key = Key::new(Space::Request, number.to_string());
            store.take(&key, rate).await.unwrap();
            let change = Change {
                key,
                expected: None,
                new: Some((Vec::new(), Some(keep))),
            };
            store.commit(&[change]).await.unwrap();
            tokio::time::advance(keep / 100).await;
        }
        let content = store.content();
        assert!(content.values.len() < 2 * FEW);
        assert!(content.whole_at.len() < 2 * FEW);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_without_sense_lets_the_burst_through_and_nothing_after() {
        for per_second in [0.0, -1.0, f64::NAN, f64::MIN_POSITIVE] {
            let store = Memory::new();
            let key = Key::new(Space::Limit, "a");
            let burst = u32::MAX;
            let rate = Rate { per_second, burst };
            assert_eq!(store.take(&key, rate).await.unwrap(), Taken::Yes);
            let rate = Rate {
                per_second,
                burst: 1,
            };
            let refused = store.take(&key, rate).await.unwrap();
            assert!(matches!(refused, Taken::No(wait) if wait > Duration::from_secs(86_400)));
        }
    }
}
