//! What restarts and replicas have in common: a small store of keys and values, in memory, in a file or in Redis.
//!
//! A store knows nothing of what it keeps. It promises three things: a change is all or nothing, it happens only if
//! every key still has the value that was expected, and it is durable when the call returns. Everything that must not
//! happen twice is built on these.
//!
//! | you have | take | what survives |
//! |---|---|---|
//! | a test, or a program that runs once | [`Memory`], by [`Shared::in_memory`](crate::Shared::in_memory): the default | nothing |
//! | one process | `Redb`, a file (feature `redb`) | the process: refused logins, request ids, creates whose outcome is open |
//! | several processes | `Redis`, which may be a Valkey (feature `redis`) | the same, and they share the token and what callers may do |
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "redb")] {
//! use std::sync::Arc;
//!
//! use openfinance::{Config, Shared, store::Redb};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("store.redb");
//! # let key = [7; 32];
//! let mut config = Config::new(
//!     "https://api.finicity.com".parse()?,
//!     "2445580000001".to_owned(),
//!     "the secret".to_owned().into(),
//!     "the app key".to_owned().into(),
//! );
//! // `key` is 32 random bytes that are kept as other secrets are; without them the file says nothing.
//! config.shared = Shared::new(Arc::new(Redb::open(&path, jiff::Timestamp::now)?), key);
//! # }
//! # Ok(())
//! # }
//! ```

mod memory;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redis")]
mod redis;

use std::{future::Future, pin::Pin, time::Duration};

#[cfg(feature = "redb")]
pub use self::redb::{Redb, RedbError};
#[cfg(feature = "redis")]
pub use self::redis::{InvalidRedisUrl, Redis};
pub use memory::Memory;

/// A future of a store's.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What a key is for. The words are part of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// The partner's token.
    Token,
    /// Who is at work on something, for as long as they say so.
    Lease,
    /// Logins with a credential that were refused, or whose outcome is not known.
    Guard,
    /// What has become of the request ids of the last 24 hours.
    Request,
    /// Creates that were begun and are not settled.
    Intent,
    /// The replicas that are running.
    Replica,
    /// Allowances of callers.
    Limit,
    /// Announcements to all replicas.
    Notice,
}

impl Space {
    /// The word for it in a store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Lease => "lease",
            Self::Guard => "guard",
            Self::Request => "request",
            Self::Intent => "intent",
            Self::Replica => "replica",
            Self::Limit => "limit",
            Self::Notice => "notice",
        }
    }

    /// Whether [`Store::list`] is ever asked for it. Stores need an index of these only.
    #[must_use]
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Intent | Self::Replica)
    }
}

/// The name of a value: a space and a word of hex digits, without anything personal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What it is for.
    pub space: Space,
    /// Which one.
    pub name: String,
}

impl Key {
    /// The key with this name.
    pub fn new(space: Space, name: impl Into<String>) -> Self {
        Self {
            space,
            name: name.into(),
        }
    }
}

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The value.
    pub value: Vec<u8>,
    /// For how long it is kept on, by the store's own clock; `None` if without end.
    pub left: Option<Duration>,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Key,
    /// The value that it must have now; `None` if it must have none.
    pub expected: Option<Vec<u8>>,
    /// The value that it gets, and for how long it is kept (without end if `None`); `None` removes the key.
    pub new: Option<(Vec<u8>, Option<Duration>)>,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All changes were made.
    Yes,
    /// None was made: a key did not have the value that was expected.
    Conflict,
}

/// How much a caller may do: `per_second` on average, and `burst` at once. Both are above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many a second.
    pub per_second: f64,
    /// How many at once.
    pub burst: u32,
}

impl Rate {
    /// How long one of them takes to come back. A rate that makes no sense counts as one in a year.
    pub(crate) fn each(self) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Duration::try_from_secs_f64(1.0 / self.per_second).map_or(YEAR, |each| each.min(YEAR))
    }
}

/// What became of a [`Store::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There was one left.
    Yes,
    /// There was none left; there will be after this wait.
    No(Duration),
}

/// A store can't be used: it can't be reached, is too slow, is full or is damaged. Nothing is known of what was asked: a
/// commit may have been made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store can't be used: {0}")]
pub struct StoreError(pub String);

/// A store of keys and values.
pub trait Store: Send + Sync + 'static {
    /// What the key has; `None` if nothing, or nothing any more.
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>>;

    /// Makes all the changes or none, and returns when they are durable.
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed>;

    /// All keys of a space that [is listed](Space::is_listed), with what they have, in no order.
    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>>;

    /// Takes one from an allowance (the generic cell rate algorithm, by the store's own clock). Need not be durable.
    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken>;

    /// Whether other processes share this store at the same time.
    fn is_shared(&self) -> bool;
}
