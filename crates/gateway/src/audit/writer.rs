//! The thread that writes: takes what has come together, puts it into the chain, and has it on disk with one sync.

use std::{collections::VecDeque, io, path::PathBuf, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    chain::{Chain, hex, seal},
    file::{Head, Identity, Open, Place, is_at},
    queue::{CloseOnEnd, Entry, Queue, RETRY, UNTOLD_PAUSE, Unwritten, Waiting},
    record::{Event, Placed, Record},
};

/// How many outcomes are kept while the disk does not take them. Their intents are on it.
const MOST_KEPT: usize = 16_384;

/// About how long a line is.
const LINE: usize = 512;

/// After how many lines, or how long, the log says how far the file has come.
const CHECKPOINT_LINES: u64 = 1_000;
const CHECKPOINT_TIME: SignedDuration = SignedDuration::from_secs(60);

fn not_ours() -> io::Error {
    let message =
        "it is no audit file of this shared.key: give it another name, and a new one is begun";
    io::Error::new(io::ErrorKind::InvalidData, message)
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
                ..
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
    fn write(&mut self, mut batch: Vec<Entry>, is_last: bool) {
        let ready = self.follow();
        self.note(ready.is_ok(), ready.err());
        let mut first: Vec<_> = self.kept.drain(..).collect();
        let mentions = self.untold > 0 && self.open.is_some() && (is_last || self.may_mention());
        if mentions {
            first.push(self.entry(Record {
                untold: Some(self.untold),
                ..Record::new(Event::Untold)
            }));
        }
        batch.splice(..0, first);
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
                        self.queue.lose();
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
        let mut bytes = Vec::with_capacity(gap.len() + LINE * entries.len());
        bytes.extend_from_slice(gap);
        for Entry { record, at, .. } in entries {
            place.seq += 1;
            let begin = bytes.len();
            let placed = Placed {
                seq: place.seq,
                at: *at,
                replica: &self.replica,
                record,
            };
            serde_json::to_writer(&mut bytes, &placed)?;
            place.mac = self.chain.line(&place.mac, &bytes[begin..]);
            seal(&mut bytes, &place.mac);
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
        let was = self.queue.set_usable(usable);
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
