//! Opening the file of a store, or making it, so that nobody else has it and no damage goes unnoticed.

use std::{
    fs, io, panic,
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, StorageBackend as _, StorageError,
    TableDefinition, TableError, backends::FileBackend,
};

use super::{File, Tables};

/// Memory that the database may keep pages in.
const CACHE: usize = 16 * 1024 * 1024;

/// What tells a gateway's file from other databases, and its version.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const FORMAT: (&str, &str) = ("format", "openfinance-gateway");
const VERSION: (&str, &str) = ("version", "1");

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

impl File {
    /// Opens the database, or makes it, and sees that it is ours and whole.
    pub(super) fn database(&self) -> Result<Database, RedbError> {
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

    pub(super) fn refused(&self, error: impl Into<redb::Error>) -> RedbError {
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

/// Whether a file has something in it, but nothing where the signature of a database is.
fn is_draft(backend: &FileBackend) -> io::Result<bool> {
    let mut signature = [0; 9];
    if backend.len()? < signature.len() as u64 {
        return Ok(false);
    }
    backend.read(0, &mut signature)?;
    Ok(signature == [0; 9])
}
