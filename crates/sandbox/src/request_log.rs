//! The requests that arrived, oldest first. Paths are kept without their query, bodies and headers not at all.

use std::collections::VecDeque;

use axum::http::{Method, StatusCode};
use jiff::Timestamp;

use crate::operation::Operation;

/// This many requests are kept at least.
const KEPT: usize = 100_000;
/// Longer paths are cut: no route is nearly so long, and a stranger must not fill the memory.
const LONGEST_PATH: usize = 512;

/// One request as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Counts requests from 1 since the start or the last reset.
    pub sequence: u64,
    /// When it was complete, by the virtual clock.
    pub at: Timestamp,
    /// The operation, if method and path led to one.
    pub operation: Option<Operation>,
    /// The HTTP method.
    pub method: String,
    /// The path as sent, without its query.
    pub path: String,
    /// The status of the answer; `None` while it is held back, and for good if the caller went away meanwhile.
    pub status: Option<u16>,
    /// The fault rule that shaped the answer.
    pub fault: Option<u64>,
}

/// Names one noted request, so that its status can be filled in later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    epoch: u64,
    sequence: u64,
}

struct Entry {
    at: Timestamp,
    operation: Option<Operation>,
    method: Method,
    path: Box<str>,
    status: Option<StatusCode>,
    fault: Option<u64>,
}

/// A ring of the latest requests.
#[derive(Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Entry>,
    /// How many entries have been dropped at the front.
    dropped: u64,
    /// Counts resets.
    epoch: u64,
}

impl RequestLog {
    pub(crate) fn next_epoch(&self) -> Self {
        Self {
            epoch: self.epoch + 1,
            ..Self::default()
        }
    }

    pub(crate) fn note(
        &mut self,
        at: Timestamp,
        operation: Option<Operation>,
        method: &Method,
        path: &str,
        fault: Option<u64>,
    ) -> Ticket {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(Entry {
            at,
            operation,
            method: method.clone(),
            path: path.chars().take(LONGEST_PATH).collect(),
            status: None,
            fault,
        });
        Ticket {
            epoch: self.epoch,
            sequence: self.dropped + self.entries.len() as u64,
        }
    }

    pub(crate) fn answered(&mut self, ticket: Ticket, status: StatusCode) {
        if ticket.epoch != self.epoch {
            return;
        }
        let Some(position) = ticket.sequence.checked_sub(self.dropped + 1) else {
            return;
        };
        let entry = usize::try_from(position)
            .ok()
            .and_then(|position| self.entries.get_mut(position));
        if let Some(entry) = entry {
            entry.status = Some(status);
        }
    }

    /// The requests to `operation`, or all.
    pub(crate) fn records(&self, operation: Option<Operation>) -> Vec<RequestRecord> {
        self.entries
            .iter()
            .zip(self.dropped + 1..)
            .filter(|(entry, _)| operation.is_none() || entry.operation == operation)
            .map(|(entry, sequence)| RequestRecord {
                sequence,
                at: entry.at,
                operation: entry.operation,
                method: entry.method.as_str().to_owned(),
                path: entry.path.to_string(),
                status: entry.status.map(|status| status.as_u16()),
                fault: entry.fault,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(log: &mut RequestLog, operation: Operation) -> Ticket {
        log.note(
            Timestamp::UNIX_EPOCH,
            Some(operation),
            &Method::GET,
            "/x",
            None,
        )
    }

    #[test]
    fn a_status_goes_to_the_request_it_belongs_to() {
        let mut log = RequestLog::default();
        let first = note(&mut log, Operation::GetCustomer);
        let second = note(&mut log, Operation::GetConsumer);
        log.answered(second, StatusCode::OK);
        let records = log.records(None);
        assert_eq!((records[0].sequence, records[0].status), (1, None));
        assert_eq!((records[1].sequence, records[1].status), (2, Some(200)));
        log.answered(first, StatusCode::NOT_FOUND);
        let records = log.records(Some(Operation::GetCustomer));
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].status, Some(404));
    }

    #[test]
    fn the_oldest_go_first_and_late_answers_to_them_are_dropped() {
        let mut log = RequestLog::default();
        let oldest = note(&mut log, Operation::GetCustomer);
        for _ in 0..KEPT {
            note(&mut log, Operation::GetCustomer);
        }
        log.answered(oldest, StatusCode::OK);
        let records = log.records(None);
        assert_eq!(records.len(), KEPT);
        assert_eq!(records[0].sequence, 2);
        assert!(records.iter().all(|record| record.status.is_none()));
    }

    #[test]
    fn an_answer_from_before_a_reset_touches_nothing_after_it() {
        let mut log = RequestLog::default();
        let before = note(&mut log, Operation::GetCustomer);
        let mut log = log.next_epoch();
        note(&mut log, Operation::GetConsumer);
        log.answered(before, StatusCode::OK);
        assert_eq!(log.records(None)[0].status, None);
    }

    #[test]
    fn long_paths_are_cut() {
        let mut log = RequestLog::default();
        log.note(
            Timestamp::UNIX_EPOCH,
            None,
            &Method::GET,
            &"é".repeat(10_000),
            None,
        );
        assert_eq!(log.records(None)[0].path.chars().count(), LONGEST_PATH);
    }
}
