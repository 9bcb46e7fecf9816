//! The database in the state file: a table for each noun, a row of JSON under each id.

use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError, TableHandle, backends::FileBackend,
};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Batch, Noun, Row};
use crate::{
    auth::Partner,
    snapshot::{Content, VERSION},
};

/// Memory that the database may keep pages in. The state itself is in memory, so it is seldom read.
const CACHE: usize = 32 * 1024 * 1024;
/// What tells a sandbox's file from other databases.
const FORMAT: (&str, &str) = ("format", "openfinance-sandbox");
const VERSION_KEY: &str = "version";

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The system does not let us.
    #[error("cannot use the state file {}", path.display())]
    Open {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it open, or another sandbox in this one.
    #[error("the state file {} is in use by another sandbox", path.display())]
    InUse {
        /// Where it is.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{} is not the state file of a sandbox", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// It was written by another version of the sandbox.
    #[error("the state file {} has version {found}; this sandbox reads version {VERSION}", path.display())]
    OtherVersion {
        /// Where it is.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// It was written for another partner.
    #[error("the state file {} belongs to another partner than {wanted}", path.display())]
    OtherPartner {
        /// Where it is.
        path: PathBuf,
        /// The partner id of the configuration.
        wanted: String,
    },
    /// What is in it cannot be read.
    #[error("the state file {} is damaged: {what}", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// Which row, or what about it.
        what: String,
    },
    /// The database refuses.
    #[error("cannot use the state file {}", path.display())]
    Database {
        /// Where it is.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Box<redb::Error>,
    },
}

/// An open state file, locked against others.
pub(super) struct File {
    database: Database,
    path: PathBuf,
}

impl Noun {
    /// Under which the one row of [`Noun::Meta`] stands.
    pub(crate) const META_KEY: &'static str = "meta";

    const ALL: [Self; 8] = [
        Self::Meta,
        Self::Partner,
        Self::Application,
        Self::Customer,
        Self::Consumer,
        Self::Business,
        Self::InstitutionLogin,
        Self::Token,
    ];

    fn table(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(match self {
            Self::Meta => "meta",
            Self::Partner => "partners",
            Self::Application => "applications",
            Self::Customer => "customers",
            Self::Consumer => "consumers",
            Self::Business => "businesses",
            Self::InstitutionLogin => "institutionLogins",
            Self::Token => "tokens",
        })
    }
}

impl File {
    /// Opens the file, or makes it if there is none or an empty one.
    pub(super) fn open(path: &Path) -> Result<Self, StateFileError> {
        let failed = |source| StateFileError::Open {
            path: path.to_owned(),
            source,
        };
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => Err(StateFileError::Foreign {
                path: path.to_owned(),
            }),
            Ok(found) if found.len() > 0 => Self::open_existing(path),
            Ok(_) => Self::make(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(failed(error)),
        }
    }

    fn open_existing(path: &Path) -> Result<Self, StateFileError> {
        let file = Self::database(path, path)?;
        file.check_format()?;
        Ok(file)
    }

    /// Makes the file under another name first: whatever stands under its own name is complete, even if we are killed
    /// at this very moment.
    fn make(path: &Path) -> Result<Self, StateFileError> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        let failed = |source| StateFileError::Open {
            path: path.to_owned(),
            source,
        };
        // What an interrupted start left behind may be half a database; one that is locked is not touched.
        let mut file = Self::database(&draft, path);
        if let Err(StateFileError::Foreign { .. }) = file {
            fs::remove_file(&draft).map_err(failed)?;
            file = Self::database(&draft, path);
        }
        let file = file?;
        file.write_format().map_err(|error| file.refused(error))?;
        // Whoever else was making the file held this lock while it did, so it has come or will never come.
        let other = fs::metadata(path).is_ok_and(|found| found.len() > 0);
        if other {
            drop(file);
            fs::remove_file(&draft).map_err(failed)?;
            return Self::open_existing(path);
        }
        fs::rename(&draft, path).map_err(failed)?;
        #[cfg(unix)]
        {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
            folder.sync_all().map_err(failed)?;
        }
        Ok(file)
    }

    /// Opens or makes the database at `at`; errors speak of `path`.
    fn database(at: &Path, path: &Path) -> Result<Self, StateFileError> {
        let path = path.to_owned();
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            // Secrets are in it.
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = match options.open(at) {
            Ok(file) => file,
            Err(source) => return Err(StateFileError::Open { path, source }),
        };
        let database = FileBackend::new(file).and_then(|backend| {
            Builder::new()
                .set_cache_size(CACHE)
                .create_with_backend(backend)
        });
        match database {
            Ok(database) => Ok(Self { database, path }),
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(StateFileError::InUse { path }),
            Err(DatabaseError::Storage(redb::StorageError::Io(error)))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                Err(StateFileError::Foreign { path })
            }
            Err(error) => Err(StateFileError::Database {
                path,
                source: Box::new(error.into()),
            }),
        }
    }

    fn refused(&self, error: impl Into<redb::Error>) -> StateFileError {
        StateFileError::Database {
            path: self.path.clone(),
            source: Box::new(error.into()),
        }
    }

    fn damaged(&self, what: String) -> StateFileError {
        StateFileError::Damaged {
            path: self.path.clone(),
            what,
        }
    }

    fn write_format(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut meta = transaction.open_table(Noun::Meta.table())?;
            meta.insert(FORMAT.0, FORMAT.1.as_bytes())?;
            meta.insert(VERSION_KEY, VERSION.to_string().as_bytes())?;
        }
        Ok(transaction.commit()?)
    }

    fn check_format(&self) -> Result<(), StateFileError> {
        let foreign = || StateFileError::Foreign {
            path: self.path.clone(),
        };
        let transaction = self.database.begin_read();
        let transaction = transaction.map_err(|error| self.refused(error))?;
        let meta = match transaction.open_table(Noun::Meta.table()) {
            Ok(meta) => meta,
            Err(TableError::Storage(error)) => return Err(self.refused(error)),
            // A database of somebody else has other tables, or the same with other columns.
            Err(_) => return Err(foreign()),
        };
        let text = |key| -> Result<Option<String>, StateFileError> {
            let value = meta.get(key).map_err(|error| self.refused(error))?;
            Ok(value.map(|value| String::from_utf8_lossy(value.value()).into_owned()))
        };
        if text(FORMAT.0)?.as_deref() != Some(FORMAT.1) {
            return Err(foreign());
        }
        let found = text(VERSION_KEY)?.unwrap_or_default();
        if found != VERSION.to_string() {
            return Err(StateFileError::OtherVersion {
                path: self.path.clone(),
                found,
            });
        }
        Ok(())
    }

    /// What is in the file; `None` if nothing was ever written to it.
    pub(super) fn content(&self) -> Result<Option<Content>, StateFileError> {
        let transaction = self.database.begin_read();
        let transaction = transaction.map_err(|error| self.refused(error))?;
        let meta = transaction.open_table(Noun::Meta.table());
        let meta = meta.map_err(|error| self.refused(error))?;
        let meta = meta.get(Noun::META_KEY);
        let Some(meta) = meta.map_err(|error| self.refused(error))? else {
            return Ok(None);
        };
        let meta = serde_json::from_slice(meta.value());
        let meta = meta.map_err(|_| self.damaged("its numbers cannot be read".to_owned()))?;
        let partners: BTreeMap<usize, Partner> = self.read(&transaction, Noun::Partner)?;
        if !partners.keys().copied().eq(0..partners.len()) {
            return Err(self.damaged("a partner is missing".to_owned()));
        }
        Ok(Some(Content {
            _format: IgnoredAny,
            _version: IgnoredAny,
            meta,
            partners: partners.into_values().collect(),
            applications: self.read(&transaction, Noun::Application)?,
            customers: self.read(&transaction, Noun::Customer)?,
            consumers: self.read(&transaction, Noun::Consumer)?,
            businesses: self.read(&transaction, Noun::Business)?,
            institution_logins: self.read(&transaction, Noun::InstitutionLogin)?,
            tokens: self.read(&transaction, Noun::Token)?,
        }))
    }

    /// All rows of a noun. One that cannot be read is named by its id, unless that is a token.
    fn read<K, V, T>(&self, transaction: &ReadTransaction, noun: Noun) -> Result<T, StateFileError>
    where
        K: FromStr,
        V: DeserializeOwned,
        T: FromIterator<(K, V)>,
    {
        let table = match transaction.open_table(noun.table()) {
            Ok(table) => table,
            // A table is made with its first row.
            Err(TableError::TableDoesNotExist(_)) => return Ok(T::from_iter([])),
            Err(error) => return Err(self.refused(error)),
        };
        let rows = table.iter().map_err(|error| self.refused(error))?;
        let rows = rows.map(|row| {
            let (key, row) = row.map_err(|error| self.refused(error))?;
            let parsed = (key.value().parse().ok()).zip(serde_json::from_slice(row.value()).ok());
            parsed.ok_or_else(|| {
                let table = noun.table();
                let table = table.name();
                self.damaged(if noun == Noun::Token {
                    format!("a row of {table} cannot be read")
                } else {
                    format!("row {} of {table} cannot be read", key.value())
                })
            })
        });
        rows.collect()
    }

    #[cfg(test)]
    pub(super) fn texts(&self, noun: Noun) -> Vec<(String, String)> {
        let transaction = self.database.begin_read().unwrap();
        self.read(&transaction, noun).unwrap()
    }

    /// Writes batches in their order, all or nothing, and returns once they are on disk.
    pub(super) fn write(&self, batches: Vec<Batch>) -> Result<(), Box<dyn Error + Send + Sync>> {
        // A commit is on disk when it returns, unless the transaction is told otherwise.
        let transaction = self.database.begin_write()?;
        for batch in batches {
            if batch.replaces {
                // The one row that every batch has anew stays, beside what tells the format.
                for noun in Noun::ALL.into_iter().filter(|noun| *noun != Noun::Meta) {
                    transaction.delete_table(noun.table())?;
                }
            }
            let mut tables = Noun::ALL.map(|noun| (noun, None));
            for Row { noun, key, value } in batch.rows {
                let Some((_, table)) = tables.iter_mut().find(|(other, _)| *other == noun) else {
                    continue;
                };
                let table = match table {
                    Some(table) => table,
                    None => table.insert(transaction.open_table(noun.table())?),
                };
                match value? {
                    Some(value) => table.insert(key.as_str(), value.as_slice())?,
                    None => table.remove(key.as_str())?,
                };
            }
        }
        Ok(transaction.commit()?)
    }
}
