//! A store under test, and how time passes for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use openfinance::store::{Change, Committed, Kept, Key, Space, Store};

/// A store under test.
pub(crate) struct Subject {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) time: Time,
}

/// How time passes for a store.
pub(crate) enum Time {
    /// By tokio's clock, which stands still.
    Paused,
    /// By this clock as well.
    Wall(Wall),
    /// By a clock that nobody sets.
    #[cfg(feature = "external")]
    Real,
}

/// A clock on the wall, set by the test.
#[derive(Clone)]
pub(crate) struct Wall(Arc<AtomicI64>);

impl Wall {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000_000)))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(time, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let now = Arc::clone(&self.0);
        move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).unwrap()
    }
}

impl Subject {
    /// Lets so much time pass, or a little more.
    pub(crate) async fn pass(&self, time: Duration) {
        match &self.time {
            Time::Paused => tokio::time::advance(time).await,
            Time::Wall(wall) => {
                tokio::time::advance(time).await;
                wall.pass(time);
            }
            #[cfg(feature = "external")]
            Time::Real => tokio::time::sleep(time + Duration::from_millis(2)).await,
        }
    }

    pub(crate) async fn commit(&self, changes: &[Change]) -> Committed {
        self.store.commit(changes).await.unwrap()
    }

    pub(crate) async fn kept(&self, key: &Key) -> Option<Kept> {
        self.store.get(key).await.unwrap()
    }

    /// What a key has, as text.
    pub(crate) async fn value(&self, key: &Key) -> Option<String> {
        let kept = self.kept(key).await?;
        Some(String::from_utf8(kept.value).unwrap())
    }

    /// The names and values of a space, in order.
    pub(crate) async fn names(&self, space: Space) -> Vec<(String, String)> {
        let found = self.store.list(space).await.unwrap();
        let mut found: Vec<_> = found
            .into_iter()
            .map(|(key, kept)| {
                assert_eq!(key.space, space);
                (key.name, String::from_utf8(kept.value).unwrap())
            })
            .collect();
        found.sort();
        found
    }
}

/// A change from what is expected to what is new, both without end.
pub(crate) fn change(key: &Key, expected: Option<&str>, new: Option<&str>) -> Change {
    Change {
        key: key.clone(),
        expected: expected.map(|value| value.as_bytes().to_owned()),
        new: new.map(|value| (value.as_bytes().to_owned(), None)),
    }
}

/// A first value that is kept for so long.
pub(crate) fn brief(key: &Key, value: &str, keep: Duration) -> Change {
    Change {
        key: key.clone(),
        expected: None,
        new: Some((value.as_bytes().to_owned(), Some(keep))),
    }
}
