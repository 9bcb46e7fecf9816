//! Where an export goes: standard output, or a file that has its name only when it is complete. Beside that stands how
//! far it is, so that the same command goes on behind the last whole page.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Plan;
use crate::{
    exit::Failure,
    io::Io,
    transfer::{
        disk::{fresh, locked, sync_folder, trouble},
        rows::Format,
    },
};

/// How far an export is.
#[derive(Serialize, Deserialize)]
struct Progress {
    /// What the digest of the query is made with, so that nobody reads in it whom the query looks for.
    salt: Uuid,
    query: String,
    resume_token: String,
    bytes: u64,
    rows: u64,
}

/// Where an export goes.
pub(super) struct Target {
    place: Option<Place>,
    /// Where to go on.
    pub(super) token: String,
    /// How many customers are there.
    pub(super) rows: u64,
    /// Whether the last page is there, and only the name is missing.
    pub(super) is_whole: bool,
    bytes: u64,
}

struct Place {
    file: File,
    path: PathBuf,
    partial: PathBuf,
    progress: PathBuf,
    salt: Uuid,
    query: String,
}

impl Target {
    /// Opens the place, and finds out how far an earlier export has come.
    pub(super) fn open(plan: &Plan, query: &Query) -> Result<Self, Failure> {
        let mut target = Self {
            place: None,
            token: String::new(),
            rows: 0,
            is_whole: false,
            bytes: 0,
        };
        let Some(path) = &plan.file else {
            return Ok(target);
        };
        refuse_to_replace(path, plan)?;
        let (partial, progress) = (beside(path, "partial"), beside(path, "progress"));
        let mut file = locked(&partial)?.ok_or_else(|| {
            Failure::Usage(format!("another export to {} is under way", path.display()))
        })?;
        let mut salt = Uuid::new_v4();
        let before = match plan.restart {
            true => None,
            false => read(&progress)?,
        };
        if let Some(before) = before {
            if query.digest(before.salt) != before.query {
                return Err(Failure::Usage(format!(
                    "an export to {} with other settings was not finished: repeat its command to go on, or say --restart",
                    path.display()
                )));
            }
            salt = before.salt;
            let length = file
                .metadata()
                .map_err(|error| trouble(&partial, &error))?
                .len();
            // Pages are on the disk before they are counted; if the file is shorter, somebody has been at it.
            if length >= before.bytes {
                (target.token, target.rows, target.bytes) =
                    (before.resume_token, before.rows, before.bytes);
                target.is_whole = target.token.is_empty();
            }
        }
        file.set_len(target.bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| trouble(&partial, &error))?;
        target.place = Some(Place {
            file,
            path: path.clone(),
            partial,
            progress,
            salt,
            query: query.digest(salt),
        });
        Ok(target)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether what was written can be taken back.
    pub(super) fn can_begin_anew(&self) -> bool {
        self.place.is_some() || self.rows == 0
    }

    /// Begins at the top, with the header.
    pub(super) fn begin(
        &mut self,
        plan: &Plan,
        columns: &[String],
        io: &mut Io,
    ) -> Result<(), Failure> {
        if self.place.is_none() && self.bytes > 0 {
            // Standard output has its header already.
            return Ok(());
        }
        if let Some(place) = &mut self.place {
            let Place { file, partial, .. } = place;
            file.set_len(0)
                .and_then(|()| file.rewind())
                .map_err(|error| trouble(partial, &error))?;
        }
        (self.bytes, self.rows) = (0, 0);
        self.token.clear();
        match plan.format {
            Format::Csv => {
                let header = csv_line(columns.iter().map(String::as_bytes))?;
                self.write(&header, io)
            }
            Format::Jsonl => Ok(()),
        }
    }

    /// Adds a page, which the next run goes on behind.
    pub(super) fn add(
        &mut self,
        text: &[u8],
        rows: u64,
        token: &str,
        io: &mut Io,
    ) -> Result<(), Failure> {
        self.write(text, io)?;
        self.rows += rows;
        token.clone_into(&mut self.token);
        let Some(place) = &self.place else {
            return io.flush();
        };
        let progress = Progress {
            salt: place.salt,
            query: place.query.clone(),
            resume_token: self.token.clone(),
            bytes: self.bytes,
            rows: self.rows,
        };
        place
            .file
            .sync_data()
            .map_err(|error| trouble(&place.partial, &error))?;
        write(&place.progress, &progress)
    }

    fn write(&mut self, text: &[u8], io: &mut Io) -> Result<(), Failure> {
        let written = match &mut self.place {
            Some(place) => place
                .file
                .write_all(text)
                .map_err(|error| trouble(&place.partial, &error)),
            None => io.write(text),
        };
        written?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Gives the file its name.
    pub(super) fn finish(self, plan: &Plan, io: &mut Io) -> Result<(), Failure> {
        let Some(place) = self.place else {
            return io.flush();
        };
        refuse_to_replace(&place.path, plan)?;
        place
            .file
            .sync_all()
            .and_then(|()| fs::rename(&place.partial, &place.path))
            .map_err(|error| trouble(&place.path, &error))?;
        sync_folder(&place.path);
        fs::remove_file(&place.progress).map_err(|error| trouble(&place.progress, &error))
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn read(path: &Path) -> Result<Option<Progress>, Failure> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble(path, &error)),
    };
    let damaged = || Failure::Usage(format!("{} is damaged: say --restart", path.display()));
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_| damaged())
}

/// Replaces the file at one stroke.
fn write(path: &Path, progress: &Progress) -> Result<(), Failure> {
    let next = beside(path, "next");
    let text = serde_json::to_vec(progress)
        .map_err(|_| Failure::Local("the progress can't be written".to_owned()))?;
    let written = fresh(&next).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&next, path)
    });
    written.map_err(|error| trouble(path, &error))
}

/// What must be the same where an export goes on: what is asked for, of whom, and in which form.
pub(super) struct Query(pub(super) Vec<String>);

impl Query {
    fn digest(&self, salt: Uuid) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
        let mut digest = hmac::Context::with_key(&key);
        for part in &self.0 {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let tag = digest.sign();
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A file that is there is somebody's, whether it was there at the beginning or came meanwhile.
fn refuse_to_replace(path: &Path, plan: &Plan) -> Result<(), Failure> {
    if plan.force || !path.exists() {
        return Ok(());
    }
    let text = format!("{} is there already; --force replaces it", path.display());
    Err(Failure::Usage(text))
}

/// A line of CSV.
pub(crate) fn csv_line<'a>(cells: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let unwritten = |_| Failure::Local("a line of CSV can't be written".to_owned());
    writer.write_record(cells).map_err(unwritten)?;
    writer
        .into_inner()
        .map_err(|_| Failure::Local("a line of CSV can't be written".to_owned()))
}
