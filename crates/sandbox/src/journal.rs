//! What happened, oldest first: every request that arrived and every record that was committed.
//!
//! It is the witness of tests: the client says what it did, the journal what was done. Paths are kept without their
//! query, headers and bodies not at all, and records with their personal members masked.

use std::{collections::VecDeque, sync::Arc};

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::{control::RecordKind, operation::Operation};

/// This many lines are kept, and so at least the last 100,000 requests, as long as these touched no more than four records
/// each.
const KEPT: usize = 500_000;
/// Longer paths are cut: no route is nearly so long, and a stranger must not fill the memory.
const LONGEST_PATH: usize = 512;

/// One request as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Counts the lines of the journal from 1 since the start or the last reset.
    pub sequence: u64,
    /// When its head arrived, by the virtual clock.
    pub at: Timestamp,
    /// The operation, if method and path led to one.
    pub operation: Option<Operation>,
    /// The HTTP method.
    pub method: String,
    /// The path as sent, without its query.
    pub path: String,
    /// The status of the answer; `None` until one is sent, and for good if none is.
    pub status: Option<u16>,
    /// The fault rule that met it.
    pub fault: Option<u64>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there, and is.
    Created,
    /// It was there and still is, perhaps as it was.
    Changed,
    /// It was there, and no longer is.
    Deleted,
}

impl Change {
    /// The word for it in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// One record as it was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitRecord {
    /// Counts the lines of the journal from 1 since the start or the last reset.
    pub sequence: u64,
    /// When it was committed, by the virtual clock.
    pub at: Timestamp,
    /// The sequence of the request that did it; `None` for the control plane.
    pub request: Option<u64>,
    /// What became of the record.
    pub change: Change,
    /// What sort of record it is.
    pub kind: RecordKind,
    /// Its id.
    pub id: String,
    /// The partner that owns it.
    pub partner_id: String,
    /// The record as it is now, with personal members masked; `None` if it was deleted.
    pub record: Option<Value>,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalEntry {
    /// A request arrived.
    Request(RequestRecord),
    /// A record was committed.
    Commit(CommitRecord),
}

/// A part of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Lines up to this one are no longer kept; 0 if all are. At least the last 500,000 are.
    pub dropped_through: u64,
    /// The lines asked for, oldest first.
    pub entries: Vec<JournalEntry>,
}

/// Names one noted request, so that its status can be filled in later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    epoch: u64,
    pub(crate) sequence: u64,
}

/// A record that was committed, as the journal wants to be told.
pub(crate) struct Committed {
    pub(crate) change: Change,
    pub(crate) kind: RecordKind,
    pub(crate) id: String,
    pub(crate) partner_id: String,
    /// Masked already.
    pub(crate) record: Option<Value>,
}

#[derive(Clone)]
enum Line {
    Request(Request),
    Commit(Arc<Commit>),
}

#[derive(Clone)]
struct Request {
    at: Timestamp,
    operation: Option<Operation>,
    method: Method,
    path: Box<str>,
    status: Option<StatusCode>,
    fault: Option<u64>,
}

struct Commit {
    at: Timestamp,
    request: Option<u64>,
    change: Change,
    kind: RecordKind,
    id: Box<str>,
    partner_id: Box<str>,
    /// As text, which takes a fraction of the memory of a parsed value.
    record: Option<Box<str>>,
}

/// A ring of the latest lines.
#[derive(Default)]
pub(crate) struct Lines {
    lines: VecDeque<Line>,
    /// How many lines have been dropped at the front.
    dropped: u64,
    /// Counts resets.
    epoch: u64,
}

impl Lines {
    pub(crate) fn next_epoch(&self) -> Self {
        Self {
            epoch: self.epoch + 1,
            ..Self::default()
        }
    }

    /// Notes a request and answers its place.
    pub(crate) fn request(
        &mut self,
        at: Timestamp,
        operation: Option<Operation>,
        method: &Method,
        path: &str,
        fault: Option<u64>,
    ) -> Ticket {
        let sequence = self.push(Line::Request(Request {
            at,
            operation,
            method: method.clone(),
            path: path.chars().take(LONGEST_PATH).collect(),
            status: None,
            fault,
        }));
        Ticket {
            epoch: self.epoch,
            sequence,
        }
    }

    /// Notes what a request, or the control plane, did to a record.
    pub(crate) fn commit(&mut self, at: Timestamp, request: Option<Ticket>, commit: Committed) {
        let request = request.filter(|ticket| ticket.epoch == self.epoch);
        self.push(Line::Commit(Arc::new(Commit {
            at,
            request: request.map(|ticket| ticket.sequence),
            change: commit.change,
            kind: commit.kind,
            id: commit.id.into(),
            partner_id: commit.partner_id.into(),
            record: commit.record.map(|record| record.to_string().into()),
        })));
    }

    fn push(&mut self, line: Line) -> u64 {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
        self.dropped + self.lines.len() as u64
    }

    /// Fills in the status of a request that has been answered.
    pub(crate) fn answered(&mut self, ticket: Ticket, status: StatusCode) {
        if ticket.epoch != self.epoch {
            return;
        }
        let line = self
            .position(ticket.sequence)
            .and_then(|position| self.lines.get_mut(position));
        if let Some(Line::Request(request)) = line {
            request.status = Some(status);
        }
    }

    /// Where a line stands, if it has not been dropped.
    fn position(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.dropped + 1)?).ok()
    }

    /// The requests to `operation`, or all.
    pub(crate) fn requests(&self, operation: Option<Operation>) -> Vec<RequestRecord> {
        self.latest(operation, usize::MAX)
    }

    /// The last so many requests to `operation`, or to all, oldest first. Looks at no more lines than it has to.
    pub(crate) fn latest(&self, operation: Option<Operation>, count: usize) -> Vec<RequestRecord> {
        let mut latest: Vec<_> = self
            .lines
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(position, line)| match line {
                Line::Request(request) => Some((position, request)),
                Line::Commit(_) => None,
            })
            .filter(|(_, request)| operation.is_none() || request.operation == operation)
            .take(count)
            .map(|(position, request)| request.record(self.dropped + 1 + position as u64))
            .collect();
        latest.reverse();
        latest
    }

    /// The lines after `since`, to be read when the lock is let go.
    pub(crate) fn since(&self, since: u64) -> Excerpt {
        let first = self.position(since.saturating_add(1)).unwrap_or(0);
        Excerpt {
            dropped_through: self.dropped,
            lines: self
                .lines
                .iter()
                .zip(self.dropped + 1..)
                .skip(first)
                .map(|(line, sequence)| (sequence, line.clone()))
                .collect(),
        }
    }
}

/// A part of the journal that is yet to be read, which takes some time for half a million lines.
pub(crate) struct Excerpt {
    dropped_through: u64,
    lines: Vec<(u64, Line)>,
}

impl Excerpt {
    pub(crate) fn read(self) -> Journal {
        let entries = self.lines.into_iter().map(|(sequence, line)| match line {
            Line::Request(request) => JournalEntry::Request(request.record(sequence)),
            Line::Commit(commit) => JournalEntry::Commit(commit.record(sequence)),
        });
        Journal {
            dropped_through: self.dropped_through,
            entries: entries.collect(),
        }
    }
}

impl Request {
    fn record(&self, sequence: u64) -> RequestRecord {
        RequestRecord {
            sequence,
            at: self.at,
            operation: self.operation,
            method: self.method.as_str().to_owned(),
            path: self.path.to_string(),
            status: self.status.map(|status| status.as_u16()),
            fault: self.fault,
        }
    }
}

impl Commit {
    fn record(&self, sequence: u64) -> CommitRecord {
        let record = self.record.as_deref();
        CommitRecord {
            sequence,
            at: self.at,
            request: self.request,
            change: self.change,
            kind: self.kind,
            id: self.id.to_string(),
            partner_id: self.partner_id.to_string(),
            record: record.and_then(|record| serde_json::from_str(record).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(lines: &mut Lines, operation: Operation, path: &str) -> Ticket {
        let at = Timestamp::UNIX_EPOCH;
        lines.request(at, Some(operation), &Method::GET, path, None)
    }

    fn commit(lines: &mut Lines, request: Option<Ticket>) {
        let commit = Committed {
            change: Change::Created,
            kind: RecordKind::Customer,
            id: "7".to_owned(),
            partner_id: "p".to_owned(),
            record: Some(serde_json::json!({"id": "7", "username": "***"})),
        };
        lines.commit(Timestamp::UNIX_EPOCH, request, commit);
    }

    #[test]
    fn requests_and_commits_share_one_count() {
        let mut lines = Lines::default();
        let first = note(&mut lines, Operation::GetCustomer, "/a");
        commit(&mut lines, Some(first));
        note(&mut lines, Operation::GetConsumer, "/b");
        let journal = lines.since(0).read();
        assert_eq!(journal.entries.len(), 3);
        let JournalEntry::Commit(commit) = &journal.entries[1] else {
            panic!("the second line is a commit");
        };
        assert_eq!((commit.sequence, commit.request), (2, Some(1)));
        assert_eq!(commit.record.as_ref().unwrap()["username"], "***");
        let sequences: Vec<_> = lines.requests(None).iter().map(|r| r.sequence).collect();
        assert_eq!(sequences, [1, 3]);
        assert_eq!(lines.requests(Some(Operation::GetConsumer)).len(), 1);
        let latest = |operation, count| {
            let latest = lines.latest(operation, count);
            latest.iter().map(|r| r.sequence).collect::<Vec<_>>()
        };
        assert_eq!(latest(None, 1), [3]);
        assert_eq!(latest(Some(Operation::GetCustomer), 1), [1]);
        assert_eq!(latest(None, 0), [0; 0]);
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped() {
        let mut lines = Lines::default();
        for _ in 0..3 {
            note(&mut lines, Operation::GetCustomer, "/a");
        }
        assert_eq!(lines.since(2).read().entries.len(), 1);
        assert_eq!(lines.since(3).read().entries.len(), 0);
        assert_eq!(lines.since(u64::MAX).read().entries.len(), 0);
    }

    #[test]
    fn a_status_is_filled_in_unless_the_sandbox_was_reset_meanwhile() {
        let mut lines = Lines::default();
        let ticket = note(&mut lines, Operation::GetCustomer, "/a");
        lines.answered(ticket, StatusCode::OK);
        assert_eq!(lines.requests(None)[0].status, Some(200));
        let mut lines = lines.next_epoch();
        note(&mut lines, Operation::GetCustomer, "/a");
        lines.answered(ticket, StatusCode::OK);
        assert_eq!(lines.requests(None)[0].status, None);
        commit(&mut lines, Some(ticket));
        let JournalEntry::Commit(commit) = &lines.since(1).read().entries[0] else {
            panic!("the second line is a commit");
        };
        assert_eq!(commit.request, None);
    }

    #[test]
    fn memory_is_bounded_and_what_was_dropped_is_told() {
        let mut lines = Lines::default();
        let path = "/x".repeat(100_000);
        for _ in 0..KEPT + 5 {
            note(&mut lines, Operation::GetCustomer, &path[..2]);
        }
        let late = note(&mut lines, Operation::GetCustomer, &path);
        lines.answered(late, StatusCode::OK);
        let journal = lines.since(0).read();
        assert_eq!(journal.dropped_through, 6);
        assert_eq!(journal.entries.len(), KEPT);
        let last = lines.requests(None).pop().unwrap();
        assert_eq!((last.sequence, last.status), (KEPT as u64 + 6, Some(200)));
        assert_eq!(last.path.len(), LONGEST_PATH);
    }
}
