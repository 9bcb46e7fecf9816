//! Single settings, by what they are: what is wrong with one is noted, and the reading goes on.

use std::{fs, net::SocketAddr, path::Path, str::FromStr, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    super::{Problem, duration, source::Entry},
    Reader,
};

pub(super) const NOT_AN_ADDRESS: &str = "must be an IP address and a port, such as 127.0.0.1:50051";

impl Reader {
    /// A number, if one was given and is right.
    pub(super) fn number<T: FromStr>(
        &mut self,
        name: &'static str,
        rule: &str,
        is_right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let entry = self.take(name)?;
        let number = entry.text.parse().ok().filter(is_right);
        if number.is_none() {
            self.refuse(name, &entry, rule);
        }
        number
    }

    /// A duration, if one was given and is right.
    pub(super) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let entry = self.take(name)?;
        let duration = duration::parse(&entry.text)
            .filter(|duration| !duration.is_zero() || name == "drain.grace");
        if duration.is_none() {
            self.refuse(name, &entry, "must be a duration such as 500ms, 20s or 2m");
        }
        if duration.is_some_and(|duration| duration > duration::LONGEST) {
            let longest = duration::show(duration::LONGEST);
            self.refuse(name, &entry, &format!("must not be longer than {longest}"));
            return None;
        }
        duration
    }

    pub(super) fn address(&mut self, name: &'static str, default: SocketAddr) -> SocketAddr {
        let Some(entry) = self.take(name) else {
            return default;
        };
        entry.text.parse().unwrap_or_else(|_| {
            self.refuse(name, &entry, NOT_AN_ADDRESS);
            default
        })
    }

    /// A setting without which the gateway can't start, from itself or from the file that it names.
    pub(super) fn required(&mut self, name: &'static str) -> Option<String> {
        let Some(entry) = self.take(name) else {
            self.missing(name, "is required, except with --sandbox");
            return None;
        };
        let text = self.content(name, &entry)?;
        if text.trim().is_empty() {
            self.refuse(name, &entry, "must not be empty");
            return None;
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.refuse(
                name,
                &entry,
                "must be printable ASCII characters without spaces",
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn content(&mut self, name: &'static str, entry: &Entry) -> Option<String> {
        let text = self.text(name, entry)?;
        let secret = Sha256::digest(text.as_bytes()).into();
        self.read.secrets.insert(name, secret);
        Some(text)
    }

    fn text(&mut self, name: &str, entry: &Entry) -> Option<String> {
        if !entry.in_file {
            return Some(entry.text.clone());
        }
        self.read.files.add(Path::new(&entry.text));
        match fs::read_to_string(&entry.text) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.refuse(
                    name,
                    entry,
                    &format!("the file {} can't be read: {error}", entry.text),
                );
                None
            }
        }
    }

    pub(in super::super) fn take(&mut self, name: &'static str) -> Option<Entry> {
        let entry = self.entries.take(name)?;
        self.sources.insert(name, entry.source.clone());
        Some(entry)
    }

    pub(in super::super) fn refuse(&mut self, name: &str, entry: &Entry, message: &str) {
        let key = if entry.in_file {
            format!("{name}_file")
        } else {
            name.to_owned()
        };
        let source = Some(entry.source.clone());
        self.entries.problems.push(Problem {
            key,
            source,
            message: message.to_owned(),
        });
    }

    /// Notes that a setting is missing, unless the true problem is that what was given can't be used.
    pub(in super::super) fn missing(&mut self, name: &str, message: &str) {
        if self.entries.file_is_lost || self.entries.is_wrong(name) {
            return;
        }
        self.entries.problems.push(Problem {
            key: name.to_owned(),
            source: None,
            message: message.to_owned(),
        });
    }
}
