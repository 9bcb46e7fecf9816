//! The file of a store: what is read and written in one go.

mod open;

use std::{
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use jiff::Timestamp;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction,
};

use crate::store::{Change, Committed, Kept, Key, Space, StoreError};

pub use open::RedbError;

/// By space and name: when it ends, in milliseconds of Unix time, and the value.
const VALUES: TableDefinition<'_, Name, Row> = TableDefinition::new("values");
/// The same keys, in the order in which they end.
const ENDS: TableDefinition<'_, (i64, &str, &str), ()> = TableDefinition::new("ends");

type Name = (&'static str, &'static str);
type Row = (Option<i64>, &'static [u8]);

/// How many values that have ended are removed by one transaction. More than one transaction adds, as a rule, so that they
/// don't pile up; few enough not to be felt.
const PURGED_AT_ONCE: usize = 256;
/// The same when the file is opened.
const PURGED_AT_OPENING: usize = 20_000;

/// Tells the time on the wall.
pub(super) type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// An open file, locked against others.
pub(super) struct File {
    path: PathBuf,
    clock: Clock,
    state: RwLock<State>,
}

enum State {
    Open(Database),
    /// The disk failed, and the database takes nothing any more until it is opened again.
    Failed,
    /// Nobody wants it any more.
    Closed,
}

/// The tables that a commit changes.
struct Tables<'a> {
    values: Table<'a, Name, Row>,
    ends: Table<'a, (i64, &'static str, &'static str), ()>,
}

impl File {
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Self, RedbError> {
        let file = Self {
            path: path.to_owned(),
            clock,
            state: RwLock::new(State::Closed),
        };
        let database = file.database()?;
        file.begin(&database)
            .map_err(|source| file.refused(source))?;
        *file.state_mut() = State::Open(database);
        Ok(file)
    }

    /// Lets go of the file, once whoever is at work on it has done.
    pub(super) fn close(&self) {
        *self.state_mut() = State::Closed;
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Kept>, StoreError> {
        self.open_again()?;
        self.with(|database| {
            let values = database.begin_read()?.open_table(VALUES)?;
            let row = values.get((key.space.as_str(), &*key.name))?;
            Ok(row.and_then(|row| self.kept(row.value())))
        })
    }

    pub(super) fn list(&self, space: Space) -> Result<Vec<(Key, Kept)>, StoreError> {
        self.open_again()?;
        self.with(|database| {
            let values = database.begin_read()?.open_table(VALUES)?;
            let mut found = Vec::new();
            for row in values.range((space.as_str(), "")..)? {
                let (key, value) = row?;
                let (of_space, name) = key.value();
                if of_space != space.as_str() {
                    break;
                }
                let kept = self.kept(value.value());
                found.extend(kept.map(|kept| (Key::new(space, name), kept)));
            }
            Ok(found)
        })
    }

    /// Makes several commits durable together. Each is whole or not at all, by itself, and sees those before it.
    pub(super) fn commit(&self, group: &[Vec<Change>]) -> Result<Vec<Committed>, StoreError> {
        self.open_again()?;
        self.with(|database| {
            let transaction = database.begin_write()?;
            let now = self.now();
            let mut tables = Tables::of(&transaction)?;
            let mut results = Vec::with_capacity(group.len());
            for changes in group {
                results.push(tables.commit(changes, now)?);
            }
            if results.contains(&Committed::Yes) {
                tables.purge(now, PURGED_AT_ONCE)?;
                drop(tables);
                transaction.commit()?;
            } else {
                drop(tables);
                transaction.abort()?;
            }
            Ok(results)
        })
    }

    fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    fn kept(&self, (until, value): (Option<i64>, &[u8])) -> Option<Kept> {
        let left = match until {
            Some(until) => Some(left(until, self.now())?),
            None => None,
        };
        Some(Kept {
            value: value.to_owned(),
            left,
        })
    }

    /// Works on the database. After a failure of the disk it has to be opened again, which whoever comes next tries.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let error = match &*self.state() {
            State::Open(database) => match work(database) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            },
            State::Failed => return Err(StoreError("the file's disk failed before".to_owned())),
            State::Closed => return Err(StoreError("the file is closed".to_owned())),
        };
        let failed = StoreError(format!("the file: {error}"));
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
            let mut state = self.state_mut();
            if matches!(*state, State::Open(_)) {
                *state = State::Failed;
            }
        }
        Err(failed)
    }

    /// Opens the database again after a failure of the disk. Readers too, since few write before they have read.
    fn open_again(&self) -> Result<(), StoreError> {
        if !matches!(*self.state(), State::Failed) {
            return Ok(());
        }
        let mut state = self.state_mut();
        if matches!(*state, State::Failed) {
            let database = self
                .database()
                .map_err(|error| StoreError(error.to_string()))?;
            *state = State::Open(database);
        }
        Ok(())
    }

    // A panic in the database leaves it as it is on disk: whole.

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the leases, whose owners have died with the process that had the file before, and what has ended.
    fn begin(&self, database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut tables = Tables::of(&transaction)?;
            let mut leases = Vec::new();
            for row in tables.values.range((Space::Lease.as_str(), "")..)? {
                let (key, _) = row?;
                let (space, name) = key.value();
                if space != Space::Lease.as_str() {
                    break;
                }
                leases.push(Key::new(Space::Lease, name));
            }
            for key in &leases {
                tables.put(key, None)?;
            }
            tables.purge(self.now(), PURGED_AT_OPENING)?;
        }
        Ok(transaction.commit()?)
    }
}

impl<'a> Tables<'a> {
    fn of(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            values: transaction.open_table(VALUES)?,
            ends: transaction.open_table(ENDS)?,
        })
    }

    fn commit(&mut self, changes: &[Change], now: i64) -> Result<Committed, redb::Error> {
        for Change { key, expected, .. } in changes {
            let row = self.values.get((key.space.as_str(), &*key.name))?;
            let found = row.as_ref().map(|row| row.value());
            let found = found.filter(|(until, _)| until.is_none_or(|until| until > now));
            if found.map(|(_, value)| value) != expected.as_deref() {
                return Ok(Committed::Conflict);
            }
        }
        for Change { key, new, .. } in changes {
            let new = new.as_ref();
            self.put(
                key,
                new.map(|(value, keep)| (keep.map(|keep| end(now, keep)), &**value)),
            )?;
        }
        Ok(Committed::Yes)
    }

    fn put(&mut self, key: &Key, new: Option<(Option<i64>, &[u8])>) -> Result<(), redb::Error> {
        let (space, name) = (key.space.as_str(), &*key.name);
        let before = match new {
            Some(row) => self.values.insert((space, name), row)?,
            None => self.values.remove((space, name))?,
        };
        if let Some(until) = before.and_then(|row| row.value().0) {
            self.ends.remove((until, space, name))?;
        }
        if let Some(until) = new.and_then(|(until, _)| until) {
            self.ends.insert((until, space, name), ())?;
        }
        Ok(())
    }

    /// Removes the first values that have ended, so many at most.
    fn purge(&mut self, now: i64, most: usize) -> Result<(), redb::Error> {
        for _ in 0..most {
            let Some((first, _)) = self.ends.first()? else {
                break;
            };
            let (until, space, name) = first.value();
            if until > now {
                break;
            }
            let (space, name) = (space.to_owned(), name.to_owned());
            drop(first);
            self.values.remove((&*space, &*name))?;
            self.ends.remove((until, &*space, &*name))?;
        }
        Ok(())
    }
}

/// When something ends that is kept for so long from now, in milliseconds of Unix time; never too early.
fn end(now: i64, keep: Duration) -> i64 {
    let keep = keep.as_nanos().div_ceil(1_000_000);
    now.saturating_add(i64::try_from(keep).unwrap_or(i64::MAX))
}

/// How long something is kept on; `None` if it has ended.
fn left(until: i64, now: i64) -> Option<Duration> {
    let left = u64::try_from(until.saturating_sub(now)).ok()?;
    (left > 0).then(|| Duration::from_millis(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_after_a_failure_of_the_disk_opens_the_file_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let file = File::open(&path, Box::new(|| Timestamp::UNIX_EPOCH)).unwrap();
        let key = Key::new(Space::Intent, "1");
        let change = Change {
            key: key.clone(),
            expected: None,
            new: Some((b"value".to_vec(), None)),
        };
        assert_eq!(file.commit(&[vec![change]]).unwrap(), [Committed::Yes]);
        *file.state_mut() = State::Failed;
        assert_eq!(file.get(&key).unwrap().unwrap().value, b"value");
        *file.state_mut() = State::Failed;
        assert_eq!(file.list(Space::Intent).unwrap().len(), 1);
        *file.state_mut() = State::Failed;
        assert_eq!(file.commit(&[]).unwrap(), []);
        file.close();
        file.get(&key).unwrap_err();
    }
}
