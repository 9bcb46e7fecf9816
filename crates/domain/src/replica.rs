//! How many replicas of a gateway are running on one store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    seal::random_id,
    store::{Change, Committed, Key, Space, Store, StoreError},
};

/// How often a replica says that it runs.
const BEAT: Duration = Duration::from_secs(10);
/// For how long it is believed to run on.
const BELIEVED: Duration = Duration::from_secs(30);

/// One replica among those that share a store.
pub struct Replica {
    store: Arc<dyn Store>,
    key: Key,
    count: AtomicU32,
}

impl Replica {
    /// A replica that nobody knows of yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            key: Key::new(Space::Replica, format!("{:016x}", random_id())),
            count: AtomicU32::new(1),
        }
    }

    /// How many replicas there were when the store last answered, this one included. 1 where the store is not shared.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Says every 10 seconds that this replica runs, and counts those that said so within the last 30. Never ends.
    pub async fn beat(&self) {
        if !self.store.is_shared() {
            return std::future::pending().await;
        }
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            match self.beat_once().await {
                Ok(count) => self.count.store(count, Ordering::Relaxed),
                Err(error) => tracing::debug!(%error, "the replicas could not be counted"),
            }
        }
    }

    async fn beat_once(&self) -> Result<u32, StoreError> {
        // Nobody else writes the key, but the store may have lost it.
        for expected in [Some(Vec::new()), None] {
            let change = Change {
                key: self.key.clone(),
                expected,
                new: Some((Vec::new(), Some(BELIEVED))),
            };
            match self.store.commit(&[change]).await? {
                Committed::Yes => break,
                Committed::Conflict => {}
            }
        }
        let running = self.store.list(Space::Replica).await?.len();
        Ok(u32::try_from(running).unwrap_or(u32::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::store::{Kept, Memory, Rate, StoreFuture, Taken};

    /// A store in memory that says that it is shared.
    #[derive(Default)]
    struct Pretended(Memory);

    impl Store for Pretended {
        fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
            self.0.get(key)
        }

        fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
            self.0.commit(changes)
        }

        fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
            self.0.list(space)
        }

        fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
            self.0.take(key, rate)
        }

        fn is_shared(&self) -> bool {
            true
        }
    }

    async fn pass(time: Duration) {
        for _ in 0..time.as_secs() {
            advance(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn replicas_are_counted_until_they_have_been_silent_for_half_a_minute() {
        let store = Arc::new(Pretended::default());
        let replicas: Vec<_> = (0..3)
            .map(|_| Arc::new(Replica::new(store.clone())))
            .collect();
        let beats: Vec<_> = replicas
            .iter()
            .map(|replica| {
                let replica = Arc::clone(replica);
                tokio::spawn(async move { replica.beat().await })
            })
            .collect();
        pass(BEAT * 2).await;
        for replica in &replicas {
            assert_eq!(replica.count(), 3);
        }
        beats[0].abort();
        pass(BEAT).await;
        assert_eq!(replicas[1].count(), 3);
        pass(BELIEVED).await;
        assert_eq!(replicas[1].count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_shared_there_is_one() {
        let store = Arc::new(Memory::new());
        let replica = Arc::new(Replica::new(store.clone()));
        let other = Replica::new(store);
        assert!(tokio::time::timeout(BEAT, replica.beat()).await.is_err());
        assert!(tokio::time::timeout(BEAT, other.beat()).await.is_err());
        assert_eq!((replica.count(), other.count()), (1, 1));
    }
}
