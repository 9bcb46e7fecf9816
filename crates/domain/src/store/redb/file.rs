//! The file of a store: opening it so that nobody else has it, and what is read and written in one go.

use std::{
    fs, io, panic,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use jiff::Timestamp;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend,
    StorageError, Table, TableDefinition, TableError, WriteTransaction, backends::FileBackend,
};

use crate::store::{Change, Committed, Kept, Key, Space, StoreError};

/// Memory that the database may keep pages in.
const CACHE: usize = 16 * 1024 * 1024;

/// What tells a gateway's file from other databases, and its version.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const FORMAT: (&str, &str) = ("format", "openfinance-gateway");
const VERSION: (&str, &str) = ("version", "1");

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

/// Why a file can't be used as a store.
#[derive(Debug, thiserror::Error)]
pub enum RedbError {
    /// The system does not let us.
    #[error("cannot use the store's file {}", path.display())]
    Open {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store's file {} is in use by another gateway", path.display())]
    InUse {
        /// Where it is.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{} is not the store's file of a gateway", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// It was written by another version of the gateway.
    #[error("the store's file {} has version {found}; this gateway reads version {}", path.display(), VERSION.1)]
    OtherVersion {
        /// Where it is.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// What is in it can't be read.
    #[error("the store's file {} is damaged: {what}", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What about it.
        what: &'static str,
    },
    /// The database refuses.
    #[error("cannot use the store's file {}", path.display())]
    Database {
        /// Where it is.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Box<redb::Error>,
    },
}

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
        self.with(|database| {
            let values = database.begin_read()?.open_table(VALUES)?;
            let row = values.get((key.space.as_str(), &*key.name))?;
            Ok(row.and_then(|row| self.kept(row.value())))
        })
    }

    pub(super) fn list(&self, space: Space) -> Result<Vec<(Key, Kept)>, StoreError> {
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
        if matches!(*self.state(), State::Failed) {
            self.open_again()?;
        }
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

    /// Works on the database. After a failure of the disk it has to be opened again, which the next commit tries.
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

    fn open_again(&self) -> Result<(), StoreError> {
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

    /// Opens the database, or makes it, and sees that it is ours and whole.
    fn database(&self) -> Result<Database, RedbError> {
        let opened = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let (mut database, is_new) = self.open_or_make()?;
            if is_new {
                self.write_format(&database)
                    .map_err(|source| self.refused(source))?;
                self.sync_folder().map_err(|error| self.failed(error))?;
                return Ok(database);
            }
            self.check_format(&database)?;
            // The database looks at its checksums only when it is told to.
            match database.check_integrity() {
                Ok(true) => Ok(database),
                Ok(false) => Err(self.damaged(
                    "it has been set back to its last state that is whole; start again to go on from there",
                )),
                Err(error) => Err(self.unusable(error)),
            }
        }));
        // It takes some damage for a mistake of its own.
        opened.unwrap_or_else(|_| Err(self.damaged("the database in it makes no sense")))
    }

    fn open_or_make(&self) -> Result<(Database, bool), RedbError> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&self.path)
            .map_err(|error| self.failed(error))?;
        let found = file.metadata().map_err(|error| self.failed(error))?;
        if !found.is_file() {
            return Err(self.foreign());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(fs::Permissions::from_mode(0o600))
                .map_err(|error| self.failed(error))?;
        }
        let backend = FileBackend::new(file).map_err(|error| self.unusable(error))?;
        // It is ours alone from here on. A database gets its signature last: without one, its making was interrupted.
        if is_draft(&backend).map_err(|error| self.failed(error))? {
            backend.set_len(0).map_err(|error| self.failed(error))?;
        }
        let is_new = backend.len().map_err(|error| self.failed(error))? == 0;
        let database = Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|error| self.unusable(error))?;
        let is_empty = || -> Result<bool, redb::Error> {
            Ok(database.begin_read()?.list_tables()?.next().is_none())
        };
        let is_new = is_new || is_empty().map_err(|error| self.refused(error))?;
        Ok((database, is_new))
    }

    fn write_format(&self, database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(FORMAT.0, FORMAT.1)?;
            meta.insert(VERSION.0, VERSION.1)?;
            Tables::of(&transaction)?;
        }
        Ok(transaction.commit()?)
    }

    fn check_format(&self, database: &Database) -> Result<(), RedbError> {
        let transaction = database.begin_read();
        let transaction = transaction.map_err(|error| self.refused(error))?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::Storage(error)) => return Err(self.refused(error)),
            // A database of somebody else has other tables, or the same with other columns.
            Err(_) => return Err(self.foreign()),
        };
        let text = |key| -> Result<Option<String>, RedbError> {
            let value = meta.get(key).map_err(|error| self.refused(error))?;
            Ok(value.map(|value| value.value().to_owned()))
        };
        if text(FORMAT.0)?.as_deref() != Some(FORMAT.1) {
            return Err(self.foreign());
        }
        let found = text(VERSION.0)?.unwrap_or_default();
        if found != VERSION.1 {
            return Err(RedbError::OtherVersion {
                path: self.path.clone(),
                found,
            });
        }
        Ok(())
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

    #[cfg(unix)]
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|path| path.as_os_str() != "");
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RedbError {
        RedbError::Open {
            path: self.path.clone(),
            source,
        }
    }

    fn foreign(&self) -> RedbError {
        RedbError::Foreign {
            path: self.path.clone(),
        }
    }

    fn damaged(&self, what: &'static str) -> RedbError {
        RedbError::Damaged {
            path: self.path.clone(),
            what,
        }
    }

    fn refused(&self, error: impl Into<redb::Error>) -> RedbError {
        RedbError::Database {
            path: self.path.clone(),
            source: Box::new(error.into()),
        }
    }

    fn unusable(&self, error: DatabaseError) -> RedbError {
        if let DatabaseError::DatabaseAlreadyOpen = error {
            return RedbError::InUse {
                path: self.path.clone(),
            };
        }
        if let DatabaseError::Storage(StorageError::Corrupted(_)) = error {
            return self.damaged("its checksums do not agree");
        }
        if let DatabaseError::Storage(StorageError::Io(error)) = &error
            && error.kind() == io::ErrorKind::InvalidData
        {
            return self.foreign();
        }
        self.refused(error)
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

/// Whether a file has something in it, but nothing where the signature of a database is.
fn is_draft(backend: &FileBackend) -> io::Result<bool> {
    let mut signature = [0; 9];
    if backend.len()? < signature.len() as u64 {
        return Ok(false);
    }
    backend.read(0, &mut signature)?;
    Ok(signature == [0; 9])
}
