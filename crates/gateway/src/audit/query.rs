//! Finding lines: who read or wrote which records, and when.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;

/// Which lines are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Those of this caller.
    pub(crate) caller: Option<String>,
    /// Those that name this record.
    pub(crate) record: Option<String>,
    /// Those from this time on.
    pub(crate) since: Option<Timestamp>,
    /// Those before this time.
    pub(crate) until: Option<Timestamp>,
    /// Not the lines, but the ids of this kind in those where records were read or written with success.
    pub(crate) distinct: Option<Kind>,
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Customers.
    Customers,
    /// Consumers.
    Consumers,
    /// Businesses.
    Businesses,
    /// Institution logins.
    InstitutionLogins,
}

/// The parts of a line that are asked for.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    at: &'a str,
    event: &'a str,
    #[serde(borrow)]
    caller: Option<Cow<'a, str>>,
    code: Option<&'a str>,
    #[serde(borrow, default)]
    customers: Vec<&'a str>,
    #[serde(borrow, default)]
    consumers: Vec<&'a str>,
    #[serde(borrow, default)]
    businesses: Vec<&'a str>,
    #[serde(borrow, default)]
    institution_logins: Vec<&'a str>,
}

/// Parses a time: RFC 3339, or a date, which is its midnight in UTC.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let date = || -> Option<Timestamp> {
        let date: Date = text.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    text.parse().ok().or_else(date).ok_or_else(|| {
        "must be a date or a time, such as 2026-03-01 or 2026-03-01T12:00:00Z".to_owned()
    })
}

impl Query {
    /// Writes what is found in these files to `out`. Answers how many lines of them are none of an audit file.
    ///
    /// # Errors
    /// If a file can't be read, or `out` not be written.
    pub(crate) fn run(&self, files: &[PathBuf], out: &mut dyn Write) -> io::Result<u64> {
        let mut out = io::BufWriter::new(out);
        let mut ids = BTreeSet::new();
        let mut unreadable = 0;
        for file in files {
            unreadable += self.file(file, &mut ids, &mut out)?;
        }
        for id in ids {
            writeln!(out, "{id}")?;
        }
        out.flush()?;
        Ok(unreadable)
    }

    fn file(
        &self,
        path: &Path,
        ids: &mut BTreeSet<String>,
        out: &mut dyn Write,
    ) -> io::Result<u64> {
        let name =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = BufReader::with_capacity(1 << 20, File::open(path).map_err(name)?);
        self.lines(file, ids, out).map_err(name)
    }

    /// The lines of bytes as a file would have them; how many are none.
    #[cfg(any(test, fuzzing))]
    pub(super) fn bytes(&self, bytes: &[u8], out: &mut dyn Write) -> u64 {
        // Neither the bytes nor a vector fail.
        self.lines(bytes, &mut BTreeSet::new(), out).unwrap_or(0)
    }

    fn lines(
        &self,
        mut file: impl BufRead,
        ids: &mut BTreeSet<String>,
        out: &mut dyn Write,
    ) -> io::Result<u64> {
        let mut bytes = Vec::new();
        let mut unreadable = 0;
        loop {
            bytes.clear();
            if file.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(unreadable);
            }
            let Ok(line) = serde_json::from_slice::<Line<'_>>(&bytes) else {
                unreadable += 1;
                continue;
            };
            if !self.asks_for(&line) {
                continue;
            }
            match self.distinct {
                Some(kind) => {
                    if matches!(line.event, "read" | "outcome") && line.code == Some("OK") {
                        let found = line.ids(kind).iter();
                        ids.extend(found.map(|id| (*id).to_owned()));
                    }
                }
                None => out.write_all(&bytes)?,
            }
        }
    }

    fn asks_for(&self, line: &Line<'_>) -> bool {
        let Self {
            caller,
            record,
            since,
            until,
            distinct: _,
        } = self;
        let is_caller = caller
            .as_deref()
            .is_none_or(|caller| line.caller.as_deref() == Some(caller));
        let kinds = Kind::value_variants();
        let is_record = record
            .as_deref()
            .is_none_or(|record| kinds.iter().any(|kind| line.ids(*kind).contains(&record)));
        if !is_caller || !is_record {
            return false;
        }
        if since.is_none() && until.is_none() {
            return true;
        }
        line.at.parse().is_ok_and(|at: Timestamp| {
            since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until)
        })
    }
}

impl<'a> Line<'a> {
    fn ids(&self, kind: Kind) -> &[&'a str] {
        match kind {
            Kind::Customers => &self.customers,
            Kind::Consumers => &self.consumers,
            Kind::Businesses => &self.businesses,
            Kind::InstitutionLogins => &self.institution_logins,
        }
    }
}
