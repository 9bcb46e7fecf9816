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
    fs::{self, File},
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
    disk::{locked, sync_folder, trouble},
    layout::Noun,
};
use crate::{exit::Failure, output::table::clean};

const VERSION: u32 = 1;
/// What a journal begins with; the key follows.
const BEGIN: &str = r#"{"state":"import","key":""#;
/// No first line is as long as that.
const LONGEST_HEAD: usize = 1024;
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

/// Where the journal of the import of a file is: beside the file itself, whatever links lead to it.
pub(crate) fn path_of(input: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(input).is_ok_and(|found| found.is_symlink());
    let file = if is_link {
        input.canonicalize().ok()
    } else {
        None
    };
    let input = file.as_deref().unwrap_or(input);
    let mut path = input.as_os_str().to_owned();
    path.push(".import.jsonl");
    path.into()
}

impl Journal {
    /// Opens the journal of an import into an environment, or begins one, and locks it until this is dropped.
    pub(crate) fn open(
        path: &Path,
        noun: Noun,
        environment: &str,
        now: Timestamp,
    ) -> Result<(Self, Past), Failure> {
        let file = locked(path)?.ok_or_else(|| {
            Failure::Usage(format!(
                "another import of this file is under way: it holds {}",
                path.display()
            ))
        })?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            key: String::new(),
            lines: Vec::new(),
        };
        let past = journal.read(noun, environment)?;
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
                environment: environment.to_owned(),
            })?;
            journal.sync()?;
            sync_folder(path);
        } else if past.finished.is_some() && journal.key != ERASED {
            journal.erase_key()?;
        }
        Ok((journal, past))
    }

    /// Reads what is there, and cuts off a last line that was not written to its end.
    fn read(&mut self, noun: Noun, environment: &str) -> Result<Past, Failure> {
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
                // What was being written when the machine went down. What does not even begin like a journal is none.
                Ok(_) | Err(_) if is_rest(&mut reader) && (number > 1 || is_begun(&text)) => break,
                Ok(_) | Err(_) => return Err(damaged(number, "is no line of a journal")),
            };
            match (&line, number) {
                (
                    Line::Import {
                        key: found,
                        version,
                        noun: of,
                        at: _,
                        environment: into,
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
                    if !into.is_empty() && !environment.is_empty() && into != environment {
                        return Err(Failure::Usage(format!(
                            "{} is the journal of an import into {}, and this gateway is for {}: to import the file there too, copy it",
                            self.path.display(),
                            clean(into),
                            clean(environment)
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
        let place = u64::try_from(BEGIN.len()).unwrap_or(0);
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

/// Whether this may be the first line of a journal, as far as it goes.
fn is_begun(text: &[u8]) -> bool {
    let begin = BEGIN.as_bytes();
    let common = begin.len().min(text.len());
    text.len() < LONGEST_HEAD && text.get(..common) == begin.get(..common)
}

/// Whether nothing comes any more.
fn is_rest(reader: &mut BufReader<&File>) -> bool {
    reader.fill_buf().is_ok_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests;
