//! The audit file: who read and wrote which records, in lines that nobody can change unnoticed.
//!
//! Before a write is done its intent is on disk, and what has become of it behind; before the records of a read leave,
//! the line that says so is on disk. Where it can't be, the call is refused. A line names records by their ids and
//! holds nothing personal. [`layer`] writes them, [`ids`] finds the records in the messages, [`queue`] gathers them, [`writer`] has them on
//! disk, [`chain`] ties each to the one before, and [`verify`] and [`query`] read the file again.

mod chain;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod ids;
mod layer;
pub(crate) mod query;
mod queue;
mod record;
mod refusals;
pub(crate) mod verify;
mod writer;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use chacha20poly1305::aead::Generate as _;
use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use crate::config::SharedKey;

pub(crate) use layer::AuditLayer;
pub(crate) use refusals::{RefusalLayer, Trail};

use chain::Chain;
use queue::Queue;
use writer::Writer;

/// The audit file of a running gateway. Clones are the same.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    chain: Chain,
    /// What tells this start of the gateway from others.
    start: String,
    calls: AtomicU64,
    /// How many writes have no outcome yet.
    open: watch::Sender<usize>,
}

/// A write that has no outcome yet, until this is dropped.
struct Open(Audit);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.send_modify(|open| *open -= 1);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The thread that writes, which tells when it has ended well.
pub(crate) struct Writing(oneshot::Receiver<()>);

impl Audit {
    /// Opens the file and begins to write to it.
    ///
    /// # Errors
    /// If the file can't be opened, or another gateway writes to it.
    pub(crate) fn open(
        path: PathBuf,
        key: &SharedKey,
        now: fn() -> Timestamp,
    ) -> io::Result<(Self, Writing)> {
        let chain = Chain::new(key);
        let start = format!("{:016x}", u64::generate());
        let queue = Queue::new(now);
        let writer = Writer::open(Arc::clone(&queue), chain.clone(), path, start.clone())?;
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let (ended, writing) = oneshot::channel();
        thread.spawn(move || {
            writer.run();
            // Who waited may have given up.
            let _ = ended.send(());
        })?;
        let audit = Self(Arc::new(Inner {
            queue,
            chain,
            start,
            calls: AtomicU64::new(0),
            open: watch::Sender::new(0),
        }));
        Ok((audit, Writing(writing)))
    }

    /// Whether lines can be written: if not, most calls are refused.
    pub(crate) fn is_usable(&self) -> bool {
        self.0.queue.is_usable()
    }

    /// How many refusals have no line of their own, since the start.
    pub(crate) fn untold(&self) -> u64 {
        self.0.queue.untold()
    }

    /// Waits until every write has its outcome. They run to their end although their callers have gone.
    pub(crate) async fn idle(&self) {
        let mut open = self.0.open.subscribe();
        // The sender lives in this, so there is always one.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// Writes what waits, and a last line; gives up at `limit`, when the disk hangs. Calls that come later are refused.
    pub(crate) async fn close(&self, writing: Writing, limit: Instant) {
        self.0.queue.close();
        match tokio::time::timeout_at(limit, writing.0).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                tracing::error!("the thread that writes the audit file has ended before its time");
            }
            Err(_) => tracing::error!(
                "the disk of the audit file hangs: the gateway stops without its last lines"
            ),
        }
    }

    /// Counts a write until its outcome is told.
    fn begin(&self) -> Open {
        self.0.open.send_modify(|open| *open += 1);
        Open(self.clone())
    }

    /// What ties the two lines of a write together.
    fn call(&self) -> String {
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{number}", self.0.start)
    }
}

#[cfg(test)]
mod tests;
