//! Opening the state file, or making it, so that only one sandbox has it and a crash leaves no half of it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableError,
    backends::FileBackend,
};

use super::Noun;
use crate::snapshot::VERSION;

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
    pub(super) database: Database,
    path: PathBuf,
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
        let mut file = Self::database(path)?;
        file.check_format()?;
        // The database looks at its checksums only when it is told to.
        match file.database.check_integrity() {
            Ok(true) => Ok(file),
            Ok(false) => Err(file.damaged(
                "it has been set back to its last state that is whole; start again to go on from there"
                    .to_owned(),
            )),
            Err(DatabaseError::Storage(StorageError::Corrupted(_))) => {
                Err(file.damaged("its checksums do not agree".to_owned()))
            }
            Err(error) => Err(file.refused(error)),
        }
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
        let mut file = Self::database(&draft);
        // What an interrupted start left behind may be half a database, which has no signature yet.
        if matches!(file, Err(StateFileError::Foreign { .. })) && begins_with_zeros(&draft) {
            fs::remove_file(&draft).map_err(failed)?;
            file = Self::database(&draft);
        }
        if let Err(StateFileError::Open { path: _, source }) = file {
            return Err(failed(source));
        }
        let mut file = file?;
        path.clone_into(&mut file.path);
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

    /// Opens the database, or makes one in an empty file.
    fn database(path: &Path) -> Result<Self, StateFileError> {
        let path = path.to_owned();
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            // Secrets are in it.
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = match options.open(&path) {
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
            Err(DatabaseError::Storage(StorageError::Io(error)))
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

    pub(super) fn refused(&self, error: impl Into<redb::Error>) -> StateFileError {
        StateFileError::Database {
            path: self.path.clone(),
            source: Box::new(error.into()),
        }
    }

    pub(super) fn damaged(&self, what: String) -> StateFileError {
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
}

/// Whether a file has nothing where the signature of a database is written last.
fn begins_with_zeros(path: &Path) -> bool {
    let mut signature = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(9).read_to_end(&mut signature));
    read.is_ok() && signature.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use redb::TableDefinition;
    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        (folder, path)
    }

    fn refusal(path: &Path) -> String {
        File::open(path).err().unwrap().to_string()
    }

    #[test]
    fn a_file_is_made_where_there_is_none_or_an_empty_one() {
        let (folder, path) = folder();
        drop(File::open(&path).unwrap());
        drop(File::open(&path).unwrap());
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        drop(File::open(&empty).unwrap());
        let names = fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 2, "a draft was left behind");
    }

    #[test]
    fn somebody_elses_file_is_not_taken_for_a_draft() {
        let (folder, path) = folder();
        let theirs = folder.path().join("state.redb.new");
        fs::write(&theirs, "Dear diary").unwrap();
        assert!(refusal(&path).ends_with("state.redb.new is not the state file of a sandbox"));
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "Dear diary");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_a_file_that_was_made() {
        use std::os::unix::fs::PermissionsExt;

        let (_folder, path) = folder();
        drop(File::open(&path).unwrap());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_an_interrupted_start_left_behind_is_no_obstacle() {
        let (folder, path) = folder();
        let draft = folder.path().join("state.redb.new");
        fs::write(&draft, [0; 4096]).unwrap();
        drop(File::open(&path).unwrap());
        assert!(!draft.exists());
        // A complete draft that was not renamed is taken as it is.
        fs::rename(&path, &draft).unwrap();
        drop(File::open(&path).unwrap());
        assert!(!draft.exists());
    }

    #[test]
    fn a_file_that_is_open_or_being_made_is_in_use() {
        let (folder, path) = folder();
        let first = File::open(&path).unwrap();
        assert!(refusal(&path).ends_with("is in use by another sandbox"));
        drop(first);
        let draft = folder.path().join("state.redb.new");
        let making = File::database(&draft).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(refusal(&path).ends_with("is in use by another sandbox"));
        drop(making);
        drop(File::open(&path).unwrap());
    }

    #[test]
    fn what_is_no_state_file_is_left_alone() {
        let (folder, path) = folder();
        let text = folder.path().join("text");
        fs::write(&text, "Dear diary").unwrap();
        assert!(refusal(&text).ends_with("is not the state file of a sandbox"));
        assert_eq!(fs::read_to_string(&text).unwrap(), "Dear diary");
        assert!(refusal(folder.path()).ends_with("is not the state file of a sandbox"));
        let other = Database::create(&path).unwrap();
        let transaction = other.begin_write().unwrap();
        let table = TableDefinition::<&str, u64>::new("meta");
        transaction
            .open_table(table)
            .unwrap()
            .insert("a", 1)
            .unwrap();
        transaction.commit().unwrap();
        drop(other);
        assert!(refusal(&path).ends_with("is not the state file of a sandbox"));
    }

    #[test]
    fn a_file_of_another_version_is_refused_with_both() {
        let (_folder, path) = folder();
        let file = File::open(&path).unwrap();
        let transaction = file.database.begin_write().unwrap();
        let mut meta = transaction.open_table(Noun::Meta.table()).unwrap();
        meta.insert(VERSION_KEY, "99".as_bytes()).unwrap();
        drop(meta);
        transaction.commit().unwrap();
        drop(file);
        assert!(refusal(&path).ends_with("has version 99; this sandbox reads version 1"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let (folder, _) = folder();
        let error = File::open(&folder.path().join("no/state.redb"));
        let Err(StateFileError::Open { source, .. }) = error else {
            panic!("there is no such folder");
        };
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
    }
}
