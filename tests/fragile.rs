//! A store in memory that can break.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use openfinance::store::{
    Change, Committed, Kept, Key, Memory, Rate, Space, Store, StoreError, StoreFuture, Taken,
};

/// A store that can be broken.
pub(crate) struct Fragile {
    inner: Memory,
    shared: bool,
    broken: AtomicBool,
}

impl Fragile {
    /// One that a single process uses.
    pub(crate) fn of_one() -> Arc<Self> {
        Self::new(false)
    }

    /// One that several processes use at a time.
    pub(crate) fn of_many() -> Arc<Self> {
        Self::new(true)
    }

    fn new(shared: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(),
            shared,
            broken: AtomicBool::new(false),
        })
    }

    /// Nothing can be had of it from now on.
    pub(crate) fn breaks(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    fn unless_broken<'a, T: 'a>(&self, future: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.broken.load(Ordering::Relaxed) {
            true => Box::pin(async { Err(StoreError("it is broken".to_owned())) }),
            false => future,
        }
    }
}

impl Store for Fragile {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        self.unless_broken(self.inner.get(key))
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        self.unless_broken(self.inner.commit(changes))
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        self.unless_broken(self.inner.list(space))
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.unless_broken(self.inner.take(key, rate))
    }

    fn is_shared(&self) -> bool {
        self.shared
    }
}
