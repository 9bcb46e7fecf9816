//! The thread that writes: takes what has come together, puts it into the chain, and has it on disk with one sync.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::oneshot, time::Instant};

use super::{
    chain::{Chain, hex, sealed},
    file::{Head, Identity, Open, Place, is_at},
    record::{Event, Placed, Record},
};

/// How many lines may wait. Whoever comes then is refused.
const MOST_WAITING: usize = 1_024;

/// How many outcomes are kept while the disk does not take them. Their intents are on it.
const MOST_KEPT: usize = 16_384;

/// How often it is tried whether lines can be written again.
const RETRY: Duration = Duration::from_millis(250);

/// A disk that takes longer over what it was given counts as one that can't be written.
const HANG: Duration = Duration::from_secs(2);

/// How long refusals without a line are only counted before a line says how many there were: a flood of them makes few lines.
const UNTOLD_PAUSE: Duration = Duration::from_secs(1);

/// The writer is not at work.
const IDLE: u64 = u64::MAX;

/// After how many lines, or how long, the log says how far the file has come.
const CHECKPOINT_LINES: u64 = 1_000;
const CHECKPOINT_TIME: SignedDuration = SignedDuration::from_secs(60);

/// A line can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritten;

/// What waits to be written.
struct Entry {
    record: Record,
    /// When it happened.
    at: Timestamp,
    /// Told when it is on disk, or will not be.
    done: Option<oneshot::Sender<Result<(), Unwritten>>>,
}

impl Entry {
    fn tell(&mut self, result: Result<(), Unwritten>) {
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
    now: fn() -> Timestamp,
}

/// The writer is at the disk as long as this lives.
struct AtDisk<'a>(&'a Queue);

impl Drop for AtDisk<'_> {
    fn drop(&mut self) {
        self.0.at_disk_since.store(IDLE, Ordering::Release);
    }
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// How many refusals were not written down.
    untold: u64,
    closed: bool,
}

impl Queue {
    pub(super) fn new(now: fn() -> Timestamp) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            woken: Condvar::new(),
            usable: AtomicBool::new(true),
            born: Instant::now(),
            at_disk_since: AtomicU64::new(IDLE),
            passed_over: AtomicU64::new(0),
            now,
        })
    }

    /// Whether lines can be written, as far as is known.
    pub(super) fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Acquire) && !self.disk_hangs()
    }

    fn disk_hangs(&self) -> bool {
        let since = self.at_disk_since.load(Ordering::Acquire);
        since != IDLE && self.born.elapsed() > Duration::from_millis(since) + HANG
    }

    fn at_disk(&self) -> AtDisk<'_> {
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
        let (done, written) = oneshot::channel();
        if !self.is_usable() || !self.push(record, Some(done), Some(MOST_WAITING)) {
            return Err(Unwritten);
        }
        written.await.unwrap_or(Err(Unwritten))
    }

    /// Writes what has become of a write, and returns when that is on disk, or is kept until it can be.
    pub(super) async fn conclude(&self, record: Record) {
        let (done, written) = oneshot::channel();
        if self.push(record, Some(done), None) {
            // What can't be written now is kept by the writer.
            let _ = written.await;
        }
    }

    /// As [`Queue::conclude`], for who can't wait.
    pub(super) fn conclude_later(&self, record: Record) {
        self.push(record, None, None);
    }

    /// Writes a line for a refusal, and returns when it is on disk. If too many wait, or it can't be written, it is only
    /// counted.
    pub(super) async fn mention(&self, record: Record) {
        let (done, written) = oneshot::channel();
        if self.is_usable() && self.push(record, Some(done), Some(MOST_WAITING / 2)) {
            // The writer counts what it can't write.
            let _ = written.await;
        } else {
            self.pass_over();
        }
    }

    /// Counts a refusal of which there is no line. A line says how many those were, once a second at most.
    pub(super) fn pass_over(&self) {
        self.passed_over.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.lock();
        waiting.untold += 1;
        let is_first = waiting.untold == 1;
        drop(waiting);
        if is_first {
            self.woken.notify_one();
        }
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
    ) -> bool {
        let at = self.now();
        let mut waiting = self.lock();
        if waiting.closed || most.is_some_and(|most| waiting.entries.len() >= most) {
            return false;
        }
        waiting.entries.push(Entry { record, at, done });
        drop(waiting);
        self.woken.notify_one();
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come together: waits until there is something, or for as long as `patience`; less if refusals are to be
    /// told, or, while the disk does not take lines, until it is time to try again.
    fn take(&self, is_well: bool, patience: Duration) -> Waiting {
        let mut waiting = self.lock();
        let mut patience = if is_well { patience } else { RETRY };
        while !waiting.closed && (waiting.entries.is_empty() || !is_well) {
            if is_well && waiting.untold > 0 {
                patience = patience.min(UNTOLD_PAUSE);
            }
            let (woken, waited) = self
                .woken
                .wait_timeout(waiting, patience)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = woken;
            if waited.timed_out() || !is_well {
                break;
            }
        }
        let closed = waiting.closed;
        Waiting {
            entries: std::mem::take(&mut waiting.entries),
            untold: std::mem::take(&mut waiting.untold),
            closed,
        }
    }
}

fn not_ours() -> io::Error {
    let message =
        "it is no audit file of this shared.key: give it another name, and a new one is begun";
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Fails whoever waits if the writer panics, so that nobody waits for ever.
struct CloseOnEnd(Arc<Queue>);

impl Drop for CloseOnEnd {
    fn drop(&mut self) {
        self.0.usable.store(false, Ordering::Release);
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.entries.clear();
    }
}

/// Writes the lines.
pub(super) struct Writer {
    queue: Arc<Queue>,
    chain: Chain,
    path: PathBuf,
    replica: String,
    open: Option<Open>,
    /// The last line that is on disk.
    place: Place,
    /// Which file that is in, and how long it is.
    good: Option<(Identity, u64)>,
    head: Head,
    /// Outcomes that the disk did not take yet.
    kept: VecDeque<Entry>,
    untold: u64,
    /// When a line said how many those were.
    mentioned: Timestamp,
    logged: (u64, Timestamp),
}

impl Writer {
    /// Opens the file, and goes on where its chain ends.
    ///
    /// # Errors
    /// If it can't be opened. One that can't be written, for want of room, is no error: that may pass.
    pub(super) fn open(
        queue: Arc<Queue>,
        chain: Chain,
        path: PathBuf,
        replica: String,
    ) -> io::Result<Self> {
        let head = Head::of(&path);
        if head.is_foreign(&chain) {
            tracing::error!(
                "the note beside the audit file was changed, or made under another shared.key"
            );
        }
        let place = head.read(&chain).unwrap_or_default();
        let logged = (place.seq, queue.now());
        let mut writer = Self {
            queue,
            chain,
            path,
            replica,
            open: None,
            place,
            good: None,
            head,
            kept: VecDeque::new(),
            untold: 0,
            mentioned: Timestamp::UNIX_EPOCH,
            logged,
        };
        let open = Open::at(&writer.path)?;
        match writer.begin(open, Event::Start) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            Err(error) => writer.note(false, Some(error)),
        }
        Ok(writer)
    }

    /// Writes until the queue is closed.
    pub(super) fn run(mut self) {
        let _close = CloseOnEnd(Arc::clone(&self.queue));
        loop {
            let Waiting {
                entries,
                untold,
                closed,
            } = self
                .queue
                .take(self.open.is_some() && self.kept.is_empty(), self.patience());
            let queue = Arc::clone(&self.queue);
            let _at_disk = queue.at_disk();
            self.untold += untold;
            self.write(entries, closed);
            self.checkpoint(false);
            if closed {
                break;
            }
        }
        if self.open.is_some() {
            let stop = self.entry(Record::new(Event::Stop));
            let _ = self.append(&mut [stop]);
        }
        self.checkpoint(true);
        self.head.sync();
        for entry in &self.kept {
            tracing::error!(
                call = entry.record.call,
                "the outcome of a write is in no audit file: it could not be written until the stop"
            );
        }
    }

    fn entry(&self, record: Record) -> Entry {
        Entry {
            record,
            at: self.queue.now(),
            done: None,
        }
    }

    /// Writes these entries, and what was kept before them.
    fn write(&mut self, entries: Vec<Entry>, is_last: bool) {
        let ready = self.follow();
        self.note(ready.is_ok(), ready.err());
        let mut batch: Vec<_> = self.kept.drain(..).collect();
        let mentions = self.untold > 0 && self.open.is_some() && (is_last || self.may_mention());
        if mentions {
            batch.push(self.entry(Record {
                untold: Some(self.untold),
                ..Record::new(Event::Untold)
            }));
        }
        batch.extend(entries);
        if batch.is_empty() {
            return;
        }
        let written = match self.open {
            Some(_) => self.append(&mut batch),
            None => Err(io::ErrorKind::Other.into()),
        };
        match written {
            Ok(()) => {
                if mentions {
                    self.untold = 0;
                    self.mentioned = self.queue.now();
                }
                batch.iter_mut().for_each(|entry| entry.tell(Ok(())));
            }
            Err(error) => {
                if self.open.take().is_some() {
                    self.note(false, Some(error));
                }
                for mut entry in batch {
                    entry.tell(Err(Unwritten));
                    if entry.record.event == Event::Outcome {
                        self.kept.push_back(entry);
                    } else if entry.record.event == Event::Refusal {
                        self.queue.passed_over.fetch_add(1, Ordering::Relaxed);
                        self.untold += 1;
                    }
                }
                while self.kept.len() > MOST_KEPT {
                    self.kept.pop_front();
                    self.untold += 1;
                }
            }
        }
    }

    /// Whether it is time for a line that says how many refusals have none. Also where the clock was set back.
    fn may_mention(&self) -> bool {
        let since = self.queue.now().duration_since(self.mentioned);
        Duration::try_from(since).is_ok_and(|since| since >= UNTOLD_PAUSE) || since.is_negative()
    }

    /// Sees to it that the file that is open is the one with the name: it may have been given another name, and after
    /// a failure it is opened anew.
    fn follow(&mut self) -> io::Result<()> {
        if let Some(open) = &self.open {
            if is_at(&self.path, open.identity) {
                return Ok(());
            }
            let rotated = self.entry(Record::new(Event::Rotated));
            let told = self.append(&mut [rotated]);
            self.open = None;
            told?;
        }
        let open = Open::at(&self.path)?;
        self.begin(open, Event::Resume)
    }

    /// Begins to write to a file that was opened, with a line that says so.
    fn begin(&mut self, mut open: Open, event: Event) -> io::Result<()> {
        let mut record = Record::new(event);
        let mut gap: &[u8] = b"";
        match self.good {
            Some((identity, len)) if identity == open.identity && open.len >= len => {
                open.cut(len)?
            }
            _ if open.len == 0 => record.event = Event::File,
            known => {
                let (found, torn) = open.tail(&self.chain)?;
                // In its life the gateway knows how far it has come; at its start the note beside the file does.
                if found.is_none() && known.is_none() {
                    return Err(not_ours());
                }
                if let Some(found) = found
                    && known.is_none()
                    && found.seq > self.place.seq
                {
                    self.place = found;
                } else if found != Some(self.place) {
                    tracing::error!(
                        sequence = self.place.seq,
                        "lines are missing at the end of the audit file, or it was changed"
                    );
                }
                if !torn.is_empty() {
                    tracing::warn!(
                        bytes = torn.len(),
                        "the last line of the audit file was cut off, as by a crash"
                    );
                    record.torn = Some(torn.len() as u64);
                    record.torn_mac = Some(self.chain.torn(&torn));
                    gap = b"\n";
                }
            }
        }
        record.prev = Some(hex(&self.place.mac));
        self.open = Some(open);
        let entry = self.entry(record);
        let begun = self.append_behind(gap, &mut [entry]);
        if begun.is_err() {
            self.open = None;
        }
        begun
    }

    fn append(&mut self, entries: &mut [Entry]) -> io::Result<()> {
        self.append_behind(b"", entries)
    }

    /// Puts the entries into the chain, and the lines on disk. If that fails, none of it has happened.
    fn append_behind(&mut self, gap: &[u8], entries: &mut [Entry]) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let mut place = self.place;
        let mut bytes = gap.to_vec();
        for Entry { record, at, .. } in entries {
            place.seq += 1;
            let content = serde_json::to_vec(&Placed {
                seq: place.seq,
                at: at.to_string(),
                replica: &self.replica,
                record,
            })?;
            place.mac = self.chain.line(&place.mac, &content);
            bytes.extend(sealed(&content, &place.mac));
        }
        let len = open.len;
        if let Err(error) = open.append(&bytes) {
            // If this fails too, it is done when the file is opened again.
            let _ = open.cut(len);
            return Err(error);
        }
        self.place = place;
        self.good = Some((open.identity, open.len));
        self.head.write(&self.chain, &place);
        Ok(())
    }

    /// Notes whether lines can be written; a change is logged.
    fn note(&self, usable: bool, error: Option<io::Error>) {
        let was = self.queue.usable.swap(usable, Ordering::AcqRel);
        match (was, usable) {
            (true, false) => {
                let error = error.map(|error| error.to_string());
                tracing::error!(
                    error,
                    "audit lines can't be written: writes and reads of records are refused"
                );
            }
            (false, true) => tracing::warn!("audit lines can be written again"),
            (true, true) | (false, false) => {}
        }
    }

    /// How long nothing has to be written: until the next checkpoint, or until what is counted is to be told.
    fn patience(&self) -> Duration {
        let patience = self.until_checkpoint();
        if self.untold > 0 {
            patience.min(UNTOLD_PAUSE)
        } else {
            patience
        }
    }

    /// How long until the next checkpoint is due because of the time.
    fn until_checkpoint(&self) -> Duration {
        let (seq, at) = self.logged;
        if self.place.seq == seq {
            return Duration::MAX;
        }
        let left = CHECKPOINT_TIME - self.queue.now().duration_since(at);
        // Not at once: the clock may have gone back, or a checkpoint may be made right now.
        Duration::try_from(left).unwrap_or_default().max(RETRY)
    }

    /// Tells the log from time to time how far the file has come, so that a copy of the log shows what was cut off it.
    fn checkpoint(&mut self, now: bool) {
        let (seq, at) = self.logged;
        let time = self.queue.now();
        let is_due = self.place.seq >= seq + CHECKPOINT_LINES
            || time.duration_since(at) >= CHECKPOINT_TIME
            || now;
        if is_due && self.place.seq > seq {
            self.logged = (self.place.seq, time);
            let mac = hex(&self.place.mac);
            tracing::info!(sequence = self.place.seq, mac, "audit checkpoint");
        }
    }
}

#[cfg(test)]
mod tests;
