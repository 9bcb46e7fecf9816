//! Reading the chain again: whether every line is the one that was written, at its place.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

pub(crate) use super::file::Place as Checkpoint;

use super::{
    chain::{Chain, MacBytes, hex, opened, unhex},
    file::{Head, Link, Place},
};
use crate::config::SharedKey;

/// What a crash leaves of one batch of lines is no longer than this.
const MOST_TORN: usize = 64 * 1024 * 1024;

/// Files that are as they were written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    lines: u64,
    first: u64,
    last: Place,
    torn: u64,
    /// Whether the end was held against a note of how far the file has come.
    end_is_known: bool,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lines,
            first,
            last,
            torn,
            end_is_known,
        } = self;
        write!(
            f,
            "{lines} lines are as they were written: {first} to {}, checkpoint {}:{}",
            last.seq,
            last.seq,
            hex(&last.mac)
        )?;
        if *torn > 0 {
            write!(f, "; {torn} that a crash cut off are accounted for")?;
        }
        if !end_is_known {
            write!(
                f,
                "; nothing tells whether lines are missing behind the last one: there is no .head beside the file, and no \
                 --checkpoint was given"
            )?;
        }
        Ok(())
    }
}

/// Why files are not as they were written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// A file can't be read.
    #[error("{0} can't be read: {1}")]
    Unreadable(String, io::Error),
    /// A line is not the one that was written there.
    #[error("{file}, line {line}: {what}")]
    Line {
        /// The file.
        file: String,
        /// The first bad line, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Lines are missing at the end.
    #[error(
        "{file} ends with sequence {last}, and {known} was written: lines are missing at the end"
    )]
    Cut {
        /// The file.
        file: String,
        /// The number of the last line.
        last: u64,
        /// The number of a line that was written.
        known: u64,
    },
    /// The chain begins behind a checkpoint.
    #[error(
        "the first line has sequence {first}, behind the checkpoint {known}: name the files before it too"
    )]
    Before {
        /// The number of the first line.
        first: u64,
        /// The number of the line of the checkpoint.
        known: u64,
    },
    /// The chain has another line at the place of a checkpoint.
    #[error("the line of sequence {0} is not the one of the checkpoint")]
    OtherChain(u64),
}

/// Parses a checkpoint, as the log and an earlier verification tell it.
pub(crate) fn checkpoint(text: &str) -> Result<Place, String> {
    let parse = || {
        let (seq, mac) = text.split_once(':')?;
        Some(Place {
            seq: seq.parse().ok()?,
            mac: unhex(mac.as_bytes())?,
        })
    };
    parse()
        .ok_or_else(|| "must be a sequence, a colon and the 64 digits of the line's mac".to_owned())
}

/// Reads files that follow one another, the oldest first, and holds their end against what is known of it: the note beside
/// the last file, and a checkpoint that was kept elsewhere.
///
/// # Errors
/// [`Broken`] with the first line that is not the one that was written.
pub(crate) fn verify(
    key: &SharedKey,
    files: &[impl AsRef<Path>],
    checkpoint: Option<Place>,
) -> Result<Verified, Broken> {
    let chain = Chain::new(key);
    let last_file = files.last().map(AsRef::as_ref);
    // Before the file is read: a gateway may be writing to it.
    let head = last_file.map(Head::of);
    let known = head.as_ref().and_then(|head| head.read(&chain));
    if let (Some(head), Some(file)) = (&head, last_file)
        && head.is_foreign(&chain)
    {
        let what = "the note beside the file (.head) was changed, or made under another shared.key";
        return Err(Broken::Line {
            file: file.display().to_string(),
            line: 0,
            what,
        });
    }
    let mut reading = Reading {
        chain: &chain,
        expected: checkpoint.into_iter().chain(known).collect(),
        verified: Verified {
            lines: 0,
            first: 0,
            last: Place::default(),
            torn: 0,
            end_is_known: checkpoint.is_some() || known.is_some(),
        },
    };
    for file in files {
        let name = || file.as_ref().display().to_string();
        let unreadable = |error| Broken::Unreadable(name(), error);
        let open = File::open(file.as_ref()).map_err(unreadable)?;
        let read = reading.file(BufReader::with_capacity(1 << 20, open));
        read.map_err(|stop| match stop {
            Stop::Unreadable(error) => Broken::Unreadable(name(), error),
            Stop::Line(line, what) => Broken::Line {
                file: name(),
                line,
                what,
            },
            Stop::Checkpoint(seq) => Broken::OtherChain(seq),
        })?;
    }
    let Reading {
        expected, verified, ..
    } = reading;
    match expected.into_iter().find(|place| place.seq > 0) {
        Some(missing) if missing.seq < verified.first => Err(Broken::Before {
            first: verified.first,
            known: missing.seq,
        }),
        Some(missing) => Err(Broken::Cut {
            file: last_file.map_or(String::new(), |file| file.display().to_string()),
            last: verified.last.seq,
            known: missing.seq,
        }),
        None => Ok(verified),
    }
}

/// How many lines these bytes have, if all are as they were written.
#[cfg(any(test, fuzzing))]
pub(super) fn holds(key: &SharedKey, bytes: &[u8]) -> Option<usize> {
    let chain = Chain::new(key);
    let mut reading = Reading {
        chain: &chain,
        expected: Vec::new(),
        verified: Verified {
            lines: 0,
            first: 0,
            last: Place::default(),
            torn: 0,
            end_is_known: false,
        },
    };
    reading.file(bytes).ok()?;
    usize::try_from(reading.verified.lines).ok()
}

enum Stop {
    Unreadable(io::Error),
    Line(u64, &'static str),
    Checkpoint(u64),
}

struct Reading<'a> {
    chain: &'a Chain,
    /// Places that the chain must go through.
    expected: Vec<Place>,
    verified: Verified,
}

/// A line that is none, and those behind it: what a crash left, if the next good line says so.
struct Torn {
    line: u64,
    what: &'static str,
    bytes: Vec<u8>,
}

impl Reading<'_> {
    fn file(&mut self, mut file: impl BufRead) -> Result<(), Stop> {
        let mut torn: Option<Torn> = None;
        let mut bytes = Vec::new();
        let mut number = 0;
        loop {
            bytes.clear();
            // A file without newlines is not read into memory whole.
            let read = (&mut file)
                .take(MOST_TORN as u64 + 1)
                .read_until(b'\n', &mut bytes);
            if read.map_err(Stop::Unreadable)? == 0 {
                break;
            }
            number += 1;
            let what = match self.line(&bytes, number == 1, torn.as_ref()) {
                Ok(()) => {
                    if torn.take().is_some() {
                        self.verified.torn += 1;
                    }
                    let place = self.verified.last;
                    let off =
                        |expected: &&Place| expected.seq == place.seq && expected.mac != place.mac;
                    if self.expected.iter().find(off).is_some() {
                        return Err(Stop::Checkpoint(place.seq));
                    }
                    self.expected.retain(|expected| expected.seq != place.seq);
                    continue;
                }
                Err(what) => what,
            };
            let torn = torn.get_or_insert_with(|| Torn {
                line: number,
                what,
                bytes: Vec::new(),
            });
            torn.bytes.extend(&bytes);
            if torn.bytes.len() > MOST_TORN {
                break;
            }
        }
        match torn {
            Some(torn) => Err(Stop::Line(torn.line, torn.what)),
            None if number == 0 => Err(Stop::Line(1, "the file is empty")),
            None => Ok(()),
        }
    }

    /// Checks a line, and takes it for the last one if it is good.
    fn line(
        &mut self,
        bytes: &[u8],
        is_first: bool,
        torn: Option<&Torn>,
    ) -> Result<(), &'static str> {
        let line = bytes
            .strip_suffix(b"\n")
            .ok_or("the line has no end: it was cut off, or is being written at this moment")?;
        let (content, mac) = opened(line).ok_or("this is no line of an audit file")?;
        let link: Link<'_> =
            serde_json::from_slice(&content).map_err(|_| "this is no line of an audit file")?;
        let prev: Option<MacBytes> = link.prev.and_then(|prev| unhex(prev.as_bytes()));
        let begins = is_first && self.verified.lines == 0;
        let before = match prev {
            Some(prev) if begins => prev,
            _ => self.verified.last.mac,
        };
        if is_first && link.event != "file" {
            return Err("lines are missing in front of the first one");
        }
        if prev.is_some_and(|prev| prev != before) {
            return Err("the line before is not the one that was there when this one was written");
        }
        if self.chain.line(&before, &content) != mac {
            return Err(
                "the line was changed, or the one before is not the one that was there when it was written",
            );
        }
        if !begins && link.seq != self.verified.last.seq + 1 {
            return Err("the number does not follow from the one before");
        }
        let left = torn.map(|torn| torn.bytes.strip_suffix(b"\n").unwrap_or(&torn.bytes));
        let accounted = match (left, link.torn, link.torn_mac) {
            (None, None, None) => true,
            (Some(left), Some(length), Some(mac)) => {
                length == left.len() as u64 && mac == self.chain.torn(left)
            }
            _ => false,
        };
        if !accounted {
            return Err("what a crash cut off in front of this line is not what was there");
        }
        if begins {
            self.verified.first = link.seq;
        }
        self.verified.lines += 1;
        self.verified.last = Place { seq: link.seq, mac };
        Ok(())
    }
}
