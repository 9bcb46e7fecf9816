//! The file: opening it, finding where its chain ends, and noting beside it how far it has come.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::chain::{Chain, MacBytes, hex, opened, unhex};

/// How much of the end of a file is looked at first.
const WINDOW: u64 = 1024 * 1024;

/// A place in the chain: the number of a line and its hash. Zeros before the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) seq: u64,
    pub(super) mac: MacBytes,
}

/// The parts of a line that the chain needs.
#[derive(Deserialize)]
pub(super) struct Link<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) event: &'a str,
    pub(super) prev: Option<&'a str>,
    pub(super) torn: Option<u64>,
    pub(super) torn_mac: Option<&'a str>,
}

/// An open file, locked against other gateways.
pub(super) struct Open {
    file: File,
    /// Which file it is, whatever its name.
    pub(super) identity: Identity,
    /// How long it is, up to the last line that is on disk.
    pub(super) len: u64,
}

/// A file by its device and number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Open {
    /// Opens the file, or makes it.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = "another gateway writes to it: each has its own file";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let found = file.metadata()?;
        let open = Self {
            file,
            identity: Identity(found.dev(), found.ino()),
            len: found.len(),
        };
        if open.len == 0 {
            // A new name is on disk only with its folder.
            sync_folder(path)?;
        }
        Ok(open)
    }

    /// Writes these bytes and returns once they are on disk. If that fails, what is in the file behind
    /// [`Open::len`] counts for nothing.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes away what an append that failed has left.
    pub(super) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        if self.file.metadata()?.len() > len {
            self.file.set_len(len)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Where the chain in the file ends, and what a crash has left behind that.
    pub(super) fn tail(&mut self, chain: &Chain) -> io::Result<(Option<Place>, Vec<u8>)> {
        let mut window = WINDOW;
        loop {
            let from = self.len.saturating_sub(window);
            self.file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            (&mut self.file)
                .take(self.len - from)
                .read_to_end(&mut bytes)?;
            if let Some((place, end)) = last_good(chain, &bytes) {
                return Ok((Some(place), bytes.split_off(end)));
            }
            if from == 0 {
                return Ok((None, bytes));
            }
            window = window.saturating_mul(4);
        }
    }
}

/// Has the names in the file's folder on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Whether the file at this path is this one.
pub(super) fn is_at(path: &Path, identity: Identity) -> bool {
    fs::metadata(path).is_ok_and(|found| Identity(found.dev(), found.ino()) == identity)
}

/// The last line of these bytes that follows from the one before it or says itself what it follows from, and where
/// it ends.
pub(super) fn last_good(chain: &Chain, bytes: &[u8]) -> Option<(Place, usize)> {
    let mut end = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
    loop {
        let start = begin(bytes, end);
        let line = &bytes[start..end - 1];
        let before = (start > 0)
            .then(|| opened(&bytes[begin(bytes, start)..start - 1]))
            .flatten()
            .map(|(_, mac)| mac);
        if let Some((content, mac)) = opened(line)
            && let Ok(link) = serde_json::from_slice::<Link<'_>>(&content)
            && let Some(before) = link.prev.and_then(|prev| unhex(prev.as_bytes())).or(before)
            && chain.line(&before, &content) == mac
        {
            let place = Place { seq: link.seq, mac };
            return Some((place, end));
        }
        if start == 0 {
            return None;
        }
        end = start;
    }
}

/// Where the line begins that ends with the newline before `end`.
fn begin(bytes: &[u8], end: usize) -> usize {
    let line = &bytes[..end - 1];
    line.iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1)
}

/// The note beside the file that says how far it has come: without it, nobody could tell that lines were cut off its end.
pub(super) struct Head {
    path: PathBuf,
    file: Option<File>,
}

impl Head {
    /// The note of the file at this path.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push(".head");
        Self {
            path: PathBuf::from(name),
            file: None,
        }
    }

    /// What it says; `None` if there is none, or none of ours.
    pub(super) fn read(&self, chain: &Chain) -> Option<Place> {
        let text = fs::read_to_string(&self.path).ok()?;
        let (note, mac) = text.strip_suffix('\n')?.rsplit_once(' ')?;
        if chain.head(note.as_bytes()) != mac {
            return None;
        }
        let (seq, mac) = note.split_once(' ')?;
        Some(Place {
            seq: seq.parse().ok()?,
            mac: unhex(mac.as_bytes())?,
        })
    }

    /// Whether there is something that is none of ours. An empty note is none: a machine that loses its power may leave it.
    pub(super) fn is_foreign(&self, chain: &Chain) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() > 0) && self.read(chain).is_none()
    }

    /// Says how far the file has come. A failure is no failure of the file: the note only lags behind.
    pub(super) fn write(&mut self, chain: &Chain, place: &Place) {
        // As long as any other, so that it is overwritten at once.
        let mut text = format!("{:020} {}", place.seq, hex(&place.mac));
        let mac = chain.head(text.as_bytes());
        text.extend([" ", &mac, "\n"]);
        let mut is_new = false;
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            self.file = options.open(&self.path).ok();
            is_new = true;
        }
        let written = self
            .file
            .as_ref()
            .map(|file| file.write_all_at(text.as_bytes(), 0));
        if !matches!(written, Some(Ok(()))) {
            tracing::warn!("the note beside the audit file can't be written");
            self.file = None;
        } else if is_new {
            // Later ones are as long, and each is followed by another.
            self.sync();
            let _ = sync_folder(&self.path);
        }
    }

    /// Sees to it that the note outlives the machine's end.
    pub(super) fn sync(&self) {
        if let Some(file) = &self.file {
            let _ = file.sync_data();
        }
    }
}
