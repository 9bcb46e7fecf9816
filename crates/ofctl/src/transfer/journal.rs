//! What an import has done, in a file beside the one that it reads, so that whoever goes on knows what is done, what is
//! not, and what is in doubt.
//!
//! A line for each row before it is sent, and one for what became of it. Lines are only ever added. The first group is
//! on the disk before its requests leave; an outcome may be lost with the machine, and its row is in doubt then, which
//! costs a repeat under the same request id and no duplicate.
//!
//! There is no personal data in it. What binds a request id to the content of its row is a digest under a key; the key
//! is random, and goes when the import is finished, so that nobody can try out what a row held.

mod line;
mod past;

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ring::hmac;
use uuid::Uuid;

pub(crate) use self::{
    line::{Finished, Line, Partly, Reason, word},
    past::{Comparison, Doubt, Past},
};
use super::{
    disk::{private, sync_folder, trouble},
    layout::Noun,
};
use crate::exit::Failure;

const VERSION: u32 = 1;
/// What stands for a key that has been erased.
const ERASED: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The journal of an import, which nobody else writes meanwhile.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    key: String,
    /// What is not written yet.
    lines: Vec<u8>,
}

/// Where the journal of the import of a file is.
pub(crate) fn path_of(input: &Path) -> PathBuf {
    let mut path = input.as_os_str().to_owned();
    path.push(".import.jsonl");
    path.into()
}

impl Journal {
    /// Opens the journal of an import, or begins one, and locks it until this is dropped.
    pub(crate) fn open(path: &Path, noun: Noun, now: Timestamp) -> Result<(Self, Past), Failure> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = private(&mut options)
            .open(path)
            .map_err(|error| trouble(path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(Failure::Usage(format!(
                    "another import of this file is under way: it holds {}",
                    path.display()
                )));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(trouble(path, &error)),
        }
        let mut journal = Self {
            file,
            path: path.to_owned(),
            key: String::new(),
            lines: Vec::new(),
        };
        let past = journal.read(noun)?;
        if journal.key.is_empty() {
            let mut key = [0; 32];
            ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key)
                .map_err(|_| Failure::Local("the system has no random numbers".to_owned()))?;
            journal.key = key.iter().map(|byte| format!("{byte:02x}")).collect();
            journal.add(&Line::Import {
                key: journal.key.clone(),
                version: VERSION,
                noun: noun.as_str().to_owned(),
                at: now,
            })?;
            journal.sync()?;
            sync_folder(path);
        } else if past.finished.is_some() && journal.key != ERASED {
            journal.erase_key()?;
        }
        Ok((journal, past))
    }

    /// Reads what is there, and cuts off a last line that was not written to its end.
    fn read(&mut self, noun: Noun) -> Result<Past, Failure> {
        let damaged = |number: u64, problem: &str| {
            Failure::Local(format!(
                "{}, line {number}: {problem}; move it away to begin the import anew (rows whose records are there are refused then)",
                self.path.display()
            ))
        };
        let mut past = Past::default();
        let (mut whole, mut number, mut key) = (0, 0, String::new());
        let mut reader = BufReader::new(&self.file);
        let mut text = Vec::new();
        loop {
            text.clear();
            let read = reader
                .read_until(b'\n', &mut text)
                .map_err(|error| trouble(&self.path, &error))?;
            number += 1;
            if read == 0 {
                break;
            }
            let line = match serde_json::from_slice::<Line>(&text) {
                Ok(line) if text.ends_with(b"\n") => line,
                // What was being written when the machine went down.
                Ok(_) | Err(_) if is_rest(&mut reader) => break,
                Ok(_) | Err(_) => return Err(damaged(number, "is no line of a journal")),
            };
            match (&line, number) {
                (
                    Line::Import {
                        key: found,
                        version,
                        noun: of,
                        at: _,
                    },
                    1,
                ) => {
                    if *version != VERSION {
                        return Err(damaged(number, "was written by another version of ofctl"));
                    }
                    if of != noun.as_str() {
                        return Err(Failure::Usage(format!(
                            "{} is the journal of an import of {of}; the same file is not imported as {} too",
                            self.path.display(),
                            noun.as_str()
                        )));
                    }
                    key.clone_from(found);
                }
                (Line::Import { .. }, _) | (_, 1) => {
                    return Err(damaged(number, "does not belong there"));
                }
                (_, _) => past.add(line),
            }
            whole += u64::try_from(read).unwrap_or(u64::MAX);
        }
        self.key = key;
        self.file
            .set_len(whole)
            .and_then(|()| self.file.seek(SeekFrom::End(0)))
            .map_err(|error| trouble(&self.path, &error))?;
        Ok(past)
    }

    /// The request id of a row: the same for the same row of the same import, and another for any other content.
    pub(crate) fn request_id(&self, row: u32, content: &[u8]) -> Uuid {
        let mut context = self.digest();
        context.update(&row.to_be_bytes());
        context.update(content);
        let tag = context.sign();
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The digest of a report, under the key.
    pub(crate) fn digest(&self) -> hmac::Context {
        hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes()))
    }

    /// Notes that nothing is left to do, and erases the key.
    pub(crate) fn finish(&mut self, finished: Finished) -> Result<(), Failure> {
        self.add(&Line::Finished(finished))?;
        self.sync()?;
        self.erase_key()
    }

    /// Adds a line, which is on the disk after the next [`Journal::sync`].
    pub(crate) fn add(&mut self, line: &Line) -> Result<(), Failure> {
        let lines = &mut self.lines;
        serde_json::to_writer(&mut *lines, line)
            .map_err(|_| Failure::Local("the journal can't be written".to_owned()))?;
        lines.push(b'\n');
        Ok(())
    }

    /// Writes all notes, and returns when they are on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        let written = self
            .file
            .write_all(&self.lines)
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| trouble(&self.path, &error))?;
        self.lines.clear();
        Ok(())
    }

    /// The key is the first value of the first line, so that it is found without reading.
    fn erase_key(&mut self) -> Result<(), Failure> {
        let place = u64::try_from(r#"{"state":"import","key":""#.len()).unwrap_or(0);
        self.file
            .seek(SeekFrom::Start(place))
            .and_then(|_| self.file.write_all(ERASED.as_bytes()))
            .and_then(|()| self.file.sync_data())
            .map_err(|error| trouble(&self.path, &error))
    }

    /// Removes the journal of an import that has not begun. If it stays, it does no harm.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether nothing comes any more.
fn is_rest(reader: &mut BufReader<&File>) -> bool {
    reader.fill_buf().is_ok_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<(Journal, Past), Failure> {
        Journal::open(path, Noun::Customers, Timestamp::UNIX_EPOCH)
    }

    fn reason(word: &str) -> Reason {
        Reason {
            code: "ALREADY_EXISTS".to_owned(),
            reason: word.to_owned(),
            fields: vec!["customer.username".to_owned()],
        }
    }

    /// The lines of an import, of which two rows were sent twice.
    fn lines(journal: &Journal) -> Vec<Line> {
        let sending = |row: u32| Line::Sending {
            row,
            line: u64::from(row) + 1,
            request_id: journal.request_id(row, &row.to_be_bytes()),
            at: Timestamp::UNIX_EPOCH,
        };
        let done = |row: u32| Line::Done {
            row,
            record_id: format!("1005{row}"),
        };
        let partly = Partly {
            customer_id: "1005".to_owned(),
            consumer_id: String::new(),
        };
        vec![
            sending(1),
            sending(2),
            sending(3),
            done(2),
            Line::Failed {
                row: 3,
                line: 4,
                reason: reason("USERNAME_TAKEN"),
                partly,
            },
            sending(4),
            Line::Unsent { row: 4 },
            sending(1),
            sending(4),
            done(4),
            Line::Reported {
                name: "people.failed.csv".to_owned(),
                digest: "00".to_owned(),
            },
        ]
    }

    #[test]
    fn a_journal_cut_off_at_any_byte_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = open(&path).unwrap();
        let mut pasts = vec![Past::default()];
        for line in lines(&journal) {
            journal.add(&line).unwrap();
        }
        journal.sync().unwrap();
        for count in 1..=lines(&journal).len() {
            let mut past = Past::default();
            lines(&journal)
                .into_iter()
                .take(count)
                .for_each(|line| past.add(line));
            pasts.push(past);
        }
        let key = journal.key.clone();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (journal, past) = open(&path).unwrap();
            let ends = whole[..length]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            assert_eq!(past, pasts[ends.saturating_sub(1)], "cut at {length}");
            assert_eq!(journal.key == key, ends > 0, "cut at {length}");
        }
    }

    #[test]
    fn rows_that_were_sent_are_told_from_changed_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, mut past) = open(&folder.path().join("journal")).unwrap();
        lines(&journal).into_iter().for_each(|line| past.add(line));
        let compared = |rows: u32, content: fn(u32) -> u32| {
            let mut comparison = Comparison::default();
            for row in 1..=rows {
                comparison.add(&past, row, || {
                    journal.request_id(row, &content(row).to_be_bytes())
                });
            }
            comparison.changed(&past)
        };
        assert_eq!(compared(4, |row| row), None);
        assert_eq!(compared(5000, |row| row), None, "rows may come behind");
        assert_eq!(compared(3, |row| row), Some((1, 1023)));
        for changed in [1, 2, 3, 4] {
            let content = match changed {
                1 => |row| if row == 1 { 9 } else { row },
                2 => |row| if row == 2 { 9 } else { row },
                3 => |row| if row == 3 { 9 } else { row },
                _ => |row| if row == 4 { 9 } else { row },
            };
            assert_eq!(compared(9, content), Some((1, 1023)), "row {changed}");
        }
    }

    #[test]
    fn a_request_id_is_bound_to_its_row_its_content_and_its_import() {
        let folder = tempfile::tempdir().unwrap();
        let (one, _) = open(&folder.path().join("one")).unwrap();
        let (two, _) = open(&folder.path().join("two")).unwrap();
        let id = one.request_id(1, b"Jane");
        assert_eq!(id, one.request_id(1, b"Jane"));
        assert_ne!(id, one.request_id(2, b"Jane"));
        assert_ne!(id, one.request_id(1, b"John"));
        assert_ne!(id, two.request_id(1, b"Jane"));
    }

    #[test]
    fn the_key_is_gone_when_the_import_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = open(&path).unwrap();
        let key = journal.key.clone();
        let finished = Finished {
            at: Timestamp::UNIX_EPOCH,
            size: 1,
            done: 2,
            failed: 3,
        };
        journal.finish(finished).unwrap();
        drop(journal);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&key));
        assert_eq!(open(&path).unwrap().1.finished, Some(finished));
    }
}
