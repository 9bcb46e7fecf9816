//! A store in one file, for one process at a time.

mod file;

use std::{
    collections::VecDeque,
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::{sync::oneshot, task};

use super::{
    Change, Committed, Kept, Key, Memory, Rate, Space, Store, StoreError, StoreFuture, Taken,
};

pub use file::RedbError;

use file::File;

/// A store in a file that no other process has open. What was committed survives the process, and the machine's loss of
/// power; leases and allowances don't. Dropping it waits for the commit that is being written.
///
/// Values are kept by the clock on the wall, since they outlive the process: when that is set back, they are kept for
/// longer.
pub struct Redb {
    shared: Arc<Shared>,
    /// Allowances need not outlive the process.
    allowances: Memory,
}

struct Shared {
    file: File,
    queue: Mutex<Queue>,
}

/// Commits that wait for the one that is being written.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether somebody is writing, and will look here again before they stop.
    has_writer: bool,
}

struct Waiting {
    changes: Vec<Change>,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

impl Redb {
    /// Opens the file, or makes it, readable for its owner only. `clock` tells the time on the wall. Reads all of the file
    /// to see whether it is whole.
    ///
    /// # Errors
    ///
    /// [`RedbError`] if the file is in use by another process, is something else, is damaged, or can't be used.
    pub fn open(
        path: &Path,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, RedbError> {
        Ok(Self {
            shared: Arc::new(Shared {
                file: File::open(path, Box::new(clock))?,
                queue: Mutex::default(),
            }),
            allowances: Memory::new(),
        })
    }

    /// Reads on a thread that may wait for a disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&File) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let reading = task::spawn_blocking(move || read(&shared.file));
        // The database takes some damage for a mistake of its own, and panics.
        reading.await.unwrap_or_else(|_| Err(gave_up()))
    }

    async fn write(&self, changes: Vec<Change>) -> Result<Committed, StoreError> {
        let answered = self.enqueue(changes);
        answered.await.unwrap_or_else(|_| Err(gave_up()))
    }

    fn enqueue(&self, changes: Vec<Change>) -> oneshot::Receiver<Result<Committed, StoreError>> {
        let (answer, answered) = oneshot::channel();
        let mut queue = self.shared.queue();
        queue.waiting.push_back(Waiting { changes, answer });
        if !mem::replace(&mut queue.has_writer, true) {
            let writer = Writer {
                shared: Arc::clone(&self.shared),
                is_at_work: true,
            };
            // Not while the queue is held: a runtime that is ending drops the writer at once, which needs it.
            drop(queue);
            task::spawn_blocking(move || writer.write());
        }
        answered
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        // Somebody may still be at work for a caller who has gone; the file is free all the same when this returns.
        self.shared.file.close();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that writes. There is never another.
struct Writer {
    shared: Arc<Shared>,
    is_at_work: bool,
}

impl Writer {
    /// Writes until nothing waits: all that waits at once in one transaction, since most of its cost is the wait for the
    /// disk.
    fn write(mut self) {
        while let Some(group) = self.next() {
            let (changes, answers): (Vec<_>, Vec<_>) = group
                .into_iter()
                .map(|waiting| (waiting.changes, waiting.answer))
                .unzip();
            // Nobody listens where the caller has gone.
            match self.shared.file.commit(&changes) {
                Ok(results) => {
                    for (answer, result) in answers.into_iter().zip(results) {
                        let _ = answer.send(Ok(result));
                    }
                }
                Err(error) => {
                    for answer in answers {
                        let _ = answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Option<VecDeque<Waiting>> {
        let mut queue = self.shared.queue();
        queue.has_writer = !queue.waiting.is_empty();
        self.is_at_work = queue.has_writer;
        self.is_at_work.then(|| mem::take(&mut queue.waiting))
    }
}

impl Drop for Writer {
    /// After a panic, or where a runtime ends before the writer could begin: whoever waits is told so, and the next
    /// commit gets a writer of its own.
    fn drop(&mut self) {
        if self.is_at_work {
            *self.shared.queue() = Queue::default();
        }
    }
}

fn gave_up() -> StoreError {
    StoreError("the file was given up in the middle of work on it".to_owned())
}

impl Store for Redb {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        let key = key.clone();
        Box::pin(self.read(move |file| file.get(&key)))
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Box::pin(self.write(changes.to_vec()))
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Box::pin(self.read(move |file| file.list(space)))
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.allowances.take(key, rate)
    }

    fn is_shared(&self) -> bool {
        false
    }
}
