//! The state file: an embedded database that follows the state in memory, commit by commit.
//!
//! Memory is what answers; the file is written by a thread of its own, which puts all that waits into one transaction.
//! Whoever tells what the state holds takes a [`Durable`] along and waits for it, so that no answer shows what a crash
//! could lose.

mod file;
mod progress;
mod rows;

use std::{
    io, panic,
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use serde::Serialize;

use crate::snapshot::{Content, Meta};

pub use file::StateFileError;
pub(crate) use progress::Durable;

use file::File;
use progress::Progress;

/// What rows there are; each has a table of its own in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    /// One row, without a key of its own.
    Meta,
    Partner,
    Application,
    Customer,
    Consumer,
    Business,
    InstitutionLogin,
    Token,
}

/// The rows of one commit.
pub(crate) struct Batch {
    /// Whether they take the place of all rows that were there before.
    replaces: bool,
    rows: Vec<Row>,
}

struct Row {
    noun: Noun,
    key: String,
    /// As JSON; `None` removes it. A row that cannot be written fails when its batch is.
    value: Result<Option<Vec<u8>>, serde_json::Error>,
}

/// A batch on its way to the file.
struct Queued {
    number: u64,
    batch: Batch,
}

/// An open state file. Dropping it waits until everything is written.
pub(crate) struct Store {
    /// `None` only while it is being closed.
    queue: Option<mpsc::Sender<Queued>>,
    writer: Option<JoinHandle<()>>,
    progress: Arc<Progress>,
    /// The number of the last batch.
    last: u64,
    /// What was last written of what no table holds.
    meta: Option<Meta>,
}

impl Batch {
    pub(crate) fn new(replaces: bool) -> Self {
        Self {
            replaces,
            rows: Vec::new(),
        }
    }

    pub(crate) fn put(&mut self, noun: Noun, key: &impl ToString, row: &impl Serialize) {
        self.rows.push(Row {
            noun,
            key: key.to_string(),
            value: serde_json::to_vec(row).map(Some),
        });
    }

    pub(crate) fn remove(&mut self, noun: Noun, key: &impl ToString) {
        self.rows.push(Row {
            noun,
            key: key.to_string(),
            value: Ok(None),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.replaces
    }
}

impl Store {
    /// Opens a file, or makes it; answers what is in it, unless it is new. Reads all of it, which takes some seconds for
    /// a million customers.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<Content>), StateFileError> {
        let opened = panic::catch_unwind(|| {
            let file = File::open(path)?;
            let content = file.content()?;
            Ok((file, content))
        });
        // The database takes some damage for a mistake of its own.
        let (file, content) = opened.unwrap_or_else(|_| {
            Err(StateFileError::Damaged {
                path: path.to_owned(),
                what: "the database in it makes no sense".to_owned(),
            })
        })?;
        let progress = Arc::new(Progress::default());
        let (queue, batches) = mpsc::channel();
        let writer = {
            let progress = Arc::clone(&progress);
            thread::Builder::new()
                .name("state-file".to_owned())
                .spawn(move || write(&file, &batches, &progress))
                .map_err(|source| StateFileError::Open {
                    path: path.to_owned(),
                    source,
                })?
        };
        let store = Self {
            queue: Some(queue),
            writer: Some(writer),
            progress,
            last: 0,
            meta: None,
        };
        Ok((store, content))
    }

    /// Whether these numbers are not the ones that were last written.
    pub(crate) fn differs(&self, meta: &Meta) -> bool {
        self.meta.as_ref() != Some(meta)
    }

    /// Notes the numbers that are written, or were read.
    pub(crate) fn set_meta(&mut self, meta: Meta) {
        self.meta = Some(meta);
    }

    /// Sends rows on their way.
    pub(crate) fn write(&mut self, batch: Batch) {
        self.last += 1;
        let number = self.last;
        if let Some(queue) = &self.queue {
            // Nobody takes it only after a failure, which every later ticket tells.
            let _ = queue.send(Queued { number, batch });
        }
    }

    /// A ticket for everything that is on its way now.
    pub(crate) fn durable(&self) -> Durable {
        Durable::of(&self.progress, self.last)
    }
}

impl Store {
    /// Waits until everything is written and lets go of the file. No later write will ever be on disk, and its ticket
    /// says so.
    pub(crate) fn close(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A panic in there has failed every ticket already.
            let _ = writer.join();
        }
        self.progress.fail();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes batches until no more can come, all that wait at once.
fn write(file: &File, batches: &mpsc::Receiver<Queued>, progress: &Arc<Progress>) {
    let _failing = progress.fail_on_panic();
    while let Ok(first) = batches.recv() {
        let waiting: Vec<Queued> = std::iter::once(first).chain(batches.try_iter()).collect();
        let last = waiting.last().map_or(0, |queued| queued.number);
        let written = file.write(waiting.into_iter().map(|queued| queued.batch).collect());
        if let Err(error) = written {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                "cannot write the state file; nothing is answered any more"
            );
            progress.fail();
            return;
        }
        progress.reach(last);
    }
}

/// What a ticket says once nothing can be written any more.
fn not_durable() -> io::Error {
    io::Error::other("the state file cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_there_after_opening_again_and_a_ticket_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let (mut store, content) = Store::open(&path).unwrap();
        assert!(content.is_none());
        for round in 0..50 {
            let mut batch = Batch::new(false);
            batch.put(Noun::Application, &"a", &format!("name {round}"));
            batch.put(Noun::Application, &round, &"x");
            batch.remove(Noun::Application, &(round - 1));
            store.write(batch);
        }
        store.durable().wait_blocking().unwrap();
        drop(store);
        let file = File::open(&path).unwrap();
        let expected = [("49", "x"), ("a", "name 49")];
        let expected = expected.map(|(key, row)| (key.to_owned(), row.to_owned()));
        assert_eq!(file.texts(Noun::Application), Vec::from(expected));
    }

    #[test]
    fn a_batch_that_replaces_leaves_nothing_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let (mut store, _) = Store::open(&path).unwrap();
        let mut batch = Batch::new(false);
        batch.put(Noun::Application, &"a", &"A");
        batch.put(Noun::Token, &"t", &"T");
        store.write(batch);
        let mut batch = Batch::new(true);
        batch.put(Noun::Application, &"b", &"B");
        store.write(batch);
        drop(store);
        let file = File::open(&path).unwrap();
        let expected = [("b".to_owned(), "B".to_owned())];
        assert_eq!(file.texts(Noun::Application), expected);
        assert_eq!(file.texts(Noun::Token), []);
    }

    #[test]
    fn a_closed_store_has_written_everything_and_gives_no_good_ticket_for_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let (mut store, _) = Store::open(&path).unwrap();
        let mut batch = Batch::new(false);
        batch.put(Noun::Application, &"a", &"A");
        store.write(batch);
        store.close();
        assert!(store.durable().wait_blocking().is_ok());
        store.write(Batch::new(true));
        assert!(store.durable().wait_blocking().is_err());
        let file = File::open(&path).unwrap();
        let expected = [("a".to_owned(), "A".to_owned())];
        assert_eq!(file.texts(Noun::Application), expected);
    }

    #[test]
    fn once_a_row_cannot_be_written_no_later_ticket_is_good() {
        /// JSON has no such keys.
        struct Unwritable;

        impl Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([((1, 2), 3)])
            }
        }

        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(&folder.path().join("state.redb")).unwrap();
        let mut batch = Batch::new(false);
        batch.put(Noun::Application, &"a", &"A");
        store.write(batch);
        let good = store.durable();
        store.durable().wait_blocking().unwrap();
        let mut batch = Batch::new(false);
        batch.put(Noun::Application, &"b", &Unwritable);
        store.write(batch);
        assert!(store.durable().wait_blocking().is_err());
        store.write(Batch::new(true));
        assert!(store.durable().wait_blocking().is_err());
        assert!(good.wait_blocking().is_ok());
    }
}
