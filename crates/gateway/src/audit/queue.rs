//! What waits for the thread that writes, and how that is doing.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::oneshot, time::Instant};

use super::record::Record;

/// How many lines may wait. Whoever comes then is refused.
const MOST_WAITING: usize = 1_024;

/// How long after lines were taken the next ones wait for those of other calls that are under way, so that one sync does for
/// several. A line that comes later than that, or while nobody else is to bring one, waits for nobody. A sync that takes
/// longer gathers lines by itself.
const GATHER: Duration = Duration::from_millis(2);

/// So many lines don't wait for more.
const MOST_GATHERED: usize = 256;

/// How often it is tried whether lines can be written again.
pub(super) const RETRY: Duration = Duration::from_millis(250);

/// A disk that takes longer over what it was given counts as one that can't be written.
pub(super) const HANG: Duration = Duration::from_secs(2);

/// How long refusals without a line are only counted before a line says how many there were: a flood of them makes few lines.
pub(super) const UNTOLD_PAUSE: Duration = Duration::from_secs(1);

/// The writer is not at work.
const IDLE: u64 = u64::MAX;

/// Tells when a line is on disk, or will not be.
type Written = oneshot::Receiver<Result<(), Unwritten>>;

/// A line can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritten;

/// What waits to be written.
pub(super) struct Entry {
    pub(super) record: Record,
    /// When it happened.
    pub(super) at: Timestamp,
    /// Told when it is on disk, or will not be.
    pub(super) done: Option<oneshot::Sender<Result<(), Unwritten>>>,
}

impl Entry {
    pub(super) fn tell(&mut self, result: Result<(), Unwritten>) {
        if let Some(done) = self.done.take() {
            // Who asked may have gone.
            let _ = done.send(result);
        }
    }
}

/// What waits for the writer, and how it is doing.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
    usable: AtomicBool,
    /// When the queue was made: a clock that nobody sets.
    born: Instant,
    /// Since when the writer is at the disk, in milliseconds after that, or [`IDLE`].
    at_disk_since: AtomicU64,
    /// How many refusals have no line, since the start.
    passed_over: AtomicU64,
    gather: Duration,
    now: fn() -> Timestamp,
}

/// A call that is under way and will bring a line, until it has or this is dropped.
pub(super) struct Announced {
    queue: Arc<Queue>,
    is_counted: bool,
}

impl Announced {
    /// As [`Queue::write`], of the line that was announced.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn write(mut self, record: Record) -> Result<(), Unwritten> {
        let written = self.begin(record)?;
        written.await.unwrap_or(Err(Unwritten))
    }

    /// Brings the line, behind which this call is under way no longer.
    fn begin(&mut self, record: Record) -> Result<Written, Unwritten> {
        let written = self.queue.begin(record, usize::from(self.is_counted))?;
        self.is_counted = false;
        Ok(written)
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        let mut waiting = self.queue.lock();
        waiting.announced -= 1;
        if waiting.sleep == Sleep::Gathering {
            self.queue.wake(waiting);
        }
    }
}

/// The writer is at the disk as long as this lives.
pub(super) struct AtDisk<'a>(&'a Queue);

impl Drop for AtDisk<'_> {
    fn drop(&mut self) {
        self.0.at_disk_since.store(IDLE, Ordering::Release);
    }
}

#[derive(Default)]
pub(super) struct Waiting {
    pub(super) entries: Vec<Entry>,
    /// How many refusals were not written down.
    pub(super) untold: u64,
    pub(super) closed: bool,
    /// How many calls that are under way will bring a line.
    announced: usize,
    /// When lines were taken last.
    taken: Option<Instant>,
    sleep: Sleep,
}

/// What the writer sleeps for. While it is at the disk, nobody need call the system to wake it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sleep {
    #[default]
    Awake,
    /// For anything.
    Idle,
    /// For the line of the last call that is under way.
    Gathering,
}

impl Waiting {
    /// Whether all lines are there that one sync should do for.
    fn is_gathered(&self) -> bool {
        self.announced == 0 || self.entries.len() >= MOST_GATHERED || self.closed
    }
}

impl Queue {
    pub(super) fn new(now: fn() -> Timestamp) -> Arc<Self> {
        Self::gathering(GATHER, now)
    }

    pub(super) fn gathering(gather: Duration, now: fn() -> Timestamp) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            woken: Condvar::new(),
            usable: AtomicBool::new(true),
            born: Instant::now(),
            at_disk_since: AtomicU64::new(IDLE),
            passed_over: AtomicU64::new(0),
            gather,
            now,
        })
    }

    /// Whether lines can be written, as far as is known.
    pub(super) fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Acquire) && !self.disk_hangs()
    }

    /// Notes whether lines can be written, and answers whether they could before.
    pub(super) fn set_usable(&self, usable: bool) -> bool {
        self.usable.swap(usable, Ordering::AcqRel)
    }

    fn disk_hangs(&self) -> bool {
        let since = self.at_disk_since.load(Ordering::Acquire);
        since != IDLE && self.born.elapsed() > Duration::from_millis(since) + HANG
    }

    pub(super) fn at_disk(&self) -> AtDisk<'_> {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(IDLE);
        self.at_disk_since.store(age, Ordering::Release);
        AtDisk(self)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Writes a line, and returns when it is on disk.
    ///
    /// # Errors
    /// [`Unwritten`] if it can't be written, or too many wait already.
    pub(super) async fn write(&self, record: Record) -> Result<(), Unwritten> {
        self.begin(record, 0)?.await.unwrap_or(Err(Unwritten))
    }

    /// Says that a call will bring a line, by [`Announced::write`]: others wait for it a little, to share a sync.
    pub(super) fn announce(self: &Arc<Self>) -> Announced {
        self.lock().announced += 1;
        Announced {
            queue: Arc::clone(self),
            is_counted: true,
        }
    }

    /// Brings a line, of which so many were announced, and answers what tells when it is on disk.
    fn begin(&self, record: Record, announced: usize) -> Result<Written, Unwritten> {
        let (done, written) = oneshot::channel();
        let most = Some(MOST_WAITING);
        if !self.is_usable() || !self.push(record, Some(done), most, announced) {
            return Err(Unwritten);
        }
        Ok(written)
    }

    /// Writes what has become of a write, and returns when that is on disk, or is kept until it can be.
    pub(super) async fn conclude(&self, record: Record) {
        let (done, written) = oneshot::channel();
        if self.push(record, Some(done), None, 0) {
            // What can't be written now is kept by the writer.
            let _ = written.await;
        }
    }

    /// As [`Queue::conclude`], for who can't wait.
    pub(super) fn conclude_later(&self, record: Record) {
        self.push(record, None, None, 0);
    }

    /// Writes a line for a refusal, and returns when it is on disk, or has not come there in two seconds. If too many wait,
    /// or it can't be written, it is only counted.
    pub(super) async fn mention(&self, record: Record) {
        let (done, written) = oneshot::channel();
        if self.is_usable() && self.push(record, Some(done), Some(MOST_WAITING / 2), 0) {
            // The writer counts what it can't write, and a caller who is refused waits for no disk that hangs.
            let _ = tokio::time::timeout(HANG, written).await;
        } else {
            self.pass_over();
        }
    }

    /// Counts a refusal of which there is no line. A line says how many those were, once a second at most.
    pub(super) fn pass_over(&self) {
        self.lose();
        let mut waiting = self.lock();
        waiting.untold += 1;
        if waiting.untold == 1 {
            self.wake(waiting);
        }
    }

    /// Counts a refusal whose line could not be written, for the figure alone: the writer tells of it.
    pub(super) fn lose(&self) {
        self.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// How many refusals have no line.
    pub(super) fn untold(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends the writer.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.woken.notify_all();
    }

    fn push(
        &self,
        record: Record,
        done: Option<oneshot::Sender<Result<(), Unwritten>>>,
        most: Option<usize>,
        announced: usize,
    ) -> bool {
        let at = self.now();
        let mut waiting = self.lock();
        if waiting.closed || most.is_some_and(|most| waiting.entries.len() >= most) {
            return false;
        }
        waiting.entries.push(Entry { record, at, done });
        waiting.announced -= announced;
        self.wake(waiting);
        true
    }

    /// Wakes the writer if it sleeps for what has come, and nobody else does.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let wakes = match waiting.sleep {
            Sleep::Awake => false,
            Sleep::Idle => true,
            Sleep::Gathering => waiting.is_gathered(),
        };
        if wakes {
            waiting.sleep = Sleep::Awake;
            drop(waiting);
            self.woken.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come together: waits until there is something, or for as long as `patience`; less if refusals are to be
    /// told, or, while the disk does not take lines, until it is time to try again.
    pub(super) fn take(&self, is_well: bool, patience: Duration) -> Waiting {
        let mut waiting = self.lock();
        let mut patience = if is_well { patience } else { RETRY };
        while !waiting.closed && (waiting.entries.is_empty() || !is_well) {
            if is_well && waiting.untold > 0 {
                patience = patience.min(UNTOLD_PAUSE);
            }
            let timed_out;
            (waiting, timed_out) = self.sleep(waiting, Sleep::Idle, patience);
            if timed_out || !is_well {
                break;
            }
        }
        if !waiting.entries.is_empty() && is_well {
            waiting = self.gather(waiting);
        }
        if !waiting.entries.is_empty() {
            waiting.taken = Some(Instant::now());
        }
        Waiting {
            entries: std::mem::take(&mut waiting.entries),
            untold: std::mem::take(&mut waiting.untold),
            closed: waiting.closed,
            ..Waiting::default()
        }
    }

    /// Waits for the lines of calls that are under way, if others were taken just now.
    fn gather<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        while !waiting.is_gathered() {
            let since = waiting.taken.map(|taken| taken.elapsed());
            let left = since.and_then(|since| self.gather.checked_sub(since));
            let Some(left) = left.filter(|left| !left.is_zero()) else {
                break;
            };
            (waiting, _) = self.sleep(waiting, Sleep::Gathering, left);
        }
        waiting
    }

    /// Sleeps until woken or out of patience, and answers whether it was the latter.
    fn sleep<'a>(
        &'a self,
        mut waiting: MutexGuard<'a, Waiting>,
        sleep: Sleep,
        patience: Duration,
    ) -> (MutexGuard<'a, Waiting>, bool) {
        waiting.sleep = sleep;
        let (mut waiting, waited) = self
            .woken
            .wait_timeout(waiting, patience)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.sleep = Sleep::Awake;
        (waiting, waited.timed_out())
    }
}

/// Fails whoever waits if the writer panics, so that nobody waits for ever.
pub(super) struct CloseOnEnd(pub(super) Arc<Queue>);

impl Drop for CloseOnEnd {
    fn drop(&mut self) {
        self.0.usable.store(false, Ordering::Release);
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.entries.clear();
    }
}

#[cfg(test)]
mod tests;
