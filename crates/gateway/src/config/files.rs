//! The files that settings are read from, and whether they are still what was read.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Files, and what each was like before it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<PathBuf, Option<Mark>>);

impl Files {
    /// Adds a file that is read next: what is written to it from now on is a change.
    pub(crate) fn add(&mut self, path: &Path) {
        if !self.0.contains_key(path) {
            self.0.insert(path.to_owned(), Mark::of(path));
        }
    }

    /// Adds those of `others` that are none of these.
    pub(crate) fn add_all(&mut self, Self(others): Self) {
        for (path, mark) in others {
            self.0.entry(path).or_insert(mark);
        }
    }

    /// The same files as they are now.
    pub(crate) fn now(&self) -> Self {
        let marks = self.0.keys().map(|path| (path.clone(), Mark::of(path)));
        Self(marks.collect())
    }
}

/// What changes when a file is written or put in another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    node: u64,
    /// When it was last changed, in seconds and nanoseconds. Unlike the time of writing it can't be set to an earlier one.
    changed: (i64, i64),
    length: u64,
}

impl Mark {
    /// Of the file that is there, if there is one. A secret that a link leads to changes with the link: what is behind it
    /// counts. A pipe has none: it changes whenever it is read, and may be read but once.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self {
            device: metadata.dev(),
            node: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            length: metadata.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _, process::Command, thread};

    use super::*;
    use crate::config::{Flags, Settings};

    #[test]
    fn what_is_written_while_settings_are_read_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("toml"), folder.path().join("pipe"));
        let partner = "[partner]\nid = \"1\"\napp_key = \"key\"\n";
        let shared = format!(
            "[shared]\nkey = \"{}\"\nstore_path = {:?}\n",
            "07".repeat(32),
            folder.path().join("store")
        );
        fs::write(&file, format!("{partner}secret_file = {pipe:?}\n{shared}")).unwrap();
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let writer = thread::spawn({
            let (file, pipe) = (file.clone(), pipe.clone());
            move || {
                // The pipe opens when it is read, which is after the file that names it.
                let mut pipe = File::options().write(true).open(pipe).unwrap();
                fs::write(file, "").unwrap();
                pipe.write_all(b"secret").unwrap();
            }
        });
        let flags = Flags {
            file: Some(file.clone()),
            ..Flags::default()
        };
        let settings = Settings::load(&flags, []).unwrap();
        writer.join().unwrap();
        let (read, now) = (settings.files(), settings.files().now());
        assert_eq!(
            read.0[&pipe], now.0[&pipe],
            "a pipe is read again on a signal"
        );
        assert_ne!(
            read.0[&file], now.0[&file],
            "a file is marked before it is read, not behind that"
        );
        assert_eq!(now, now.now());
    }
}
