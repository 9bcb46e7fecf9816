//! What must hold, by what the vendor's journal shows.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use openfinance_sandbox::{Change, JournalEntry, Personal, RecordKind};
use tonic::{Code, Status};

use super::{Machine, Made, QUIET};
use crate::{
    fleet::reason,
    model::{
        ask::{Ask, Known, told_by_client},
        fault,
    },
};

impl Machine<'_> {
    /// Holds that the error of anything but a create is one that a caller can go by.
    pub(super) fn refused(&self, status: &Status, is_there: bool) {
        if told_by_client(status) {
            return;
        }
        let spoilt = || {
            let faults = self.fleet.sandbox().faults();
            faults
                .iter()
                .any(|one| one.fired > 0 && fault::spoils(&one.rule))
        };
        match (status.code(), reason(status).as_str()) {
            (Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded, _)
            | (Code::Aborted, "UPDATE_CONFLICT") => {}
            (Code::NotFound, _) => assert!(!is_there, "not found, and there: {status:?}"),
            (Code::Internal, "UPSTREAM_MALFORMED") if spoilt() => {}
            _ => panic!("nothing that a caller could go by: {status:?}"),
        }
    }

    pub(super) fn is_live(&self, kind: RecordKind, id: &str) -> bool {
        let control = self.fleet.sandbox();
        control.record(kind, id, Personal::Masked).is_some()
    }

    /// The id of what is there in the place of an ask.
    pub(super) fn at_place(&self, ask: &Ask) -> Option<String> {
        let mut live = self.made.iter().filter(|made| made.live);
        let made =
            live.find(|made| made.kind == ask.kind && self.asks[made.ask].place == ask.place);
        made.map(|made| made.id.clone())
    }

    /// Takes note of what the vendor has done.
    pub(super) fn read_journal(&mut self) {
        let control = self.fleet.sandbox().clone();
        for line in control.journal(self.read).entries {
            let commit = match line {
                JournalEntry::Request(request) => {
                    self.read = request.sequence;
                    self.arrived.insert(request.sequence, request.at);
                    continue;
                }
                JournalEntry::Commit(commit) => commit,
            };
            self.read = commit.sequence;
            match commit.change {
                Change::Created => {
                    let record = control.record(commit.kind, &commit.id, Personal::Shown);
                    let record = record.unwrap_or_else(|| panic!("gone at once: {}", commit.id));
                    let field = match commit.kind {
                        RecordKind::Customer | RecordKind::Consumer => "lastName",
                        RecordKind::Business | RecordKind::InstitutionLogin => "name",
                    };
                    let ask = self.asks.iter().position(|ask| record[field] == *ask.mark);
                    let arrived = self.arrived[&commit.request.unwrap()];
                    let took = commit.at.duration_since(arrived);
                    self.made.push(Made {
                        kind: commit.kind,
                        id: commit.id,
                        ask: ask.unwrap_or_else(|| panic!("nobody asked for {record}")),
                        late: took >= SignedDuration::try_from(QUIET).unwrap(),
                        live: true,
                    });
                }
                Change::Deleted => {
                    for made in &mut self.made {
                        made.live &= made.id != commit.id || made.kind != commit.kind;
                    }
                }
                Change::Changed => {}
            }
        }
    }

    /// Holds that what callers know is so.
    pub(super) fn check(&mut self) {
        self.read_journal();
        let (mut places, mut requests) = (BTreeSet::new(), BTreeSet::new());
        for made in &self.made {
            let ask = &self.asks[made.ask];
            assert_eq!(made.kind, ask.kind);
            if made.live {
                let place = (made.kind.as_str(), &ask.place);
                assert!(places.insert(place), "two records in one place: {made:?}");
            }
            if made.late {
                continue;
            }
            let request = match ask.request_id.is_empty() {
                true => &ask.mark,
                false => &ask.request_id,
            };
            assert!(
                requests.insert(request),
                "a second record for one request: {made:?}"
            );
            match &ask.known {
                Known::Told(id) => assert_eq!(id, &made.id, "told of another record"),
                Known::Open => {}
                // Whoever asks for what belongs to a customer who is gone is told of that.
                Known::Nothing => assert!(
                    self.place_is_gone(ask) || self.place_was_freed(made),
                    "the caller was told that nothing was done: {made:?} of {ask:?}"
                ),
            }
        }
        for (number, ask) in self.asks.iter().enumerate() {
            if let Known::Told(id) = &ask.known {
                let mut made = self.made.iter();
                let is_so = made.any(|made| made.ask == number && made.id == *id);
                assert!(is_so, "told of {id}, which was not made of {ask:?}");
            }
        }
    }

    /// Whether another record held the place and was deleted. A caller who is told that a name is taken, which is so at
    /// that moment, is not asked again when the name gets free before the vendor has come to the lost create.
    fn place_was_freed(&self, made: &Made) -> bool {
        let place = |made: &Made| (made.kind.as_str(), &self.asks[made.ask].place);
        let mut others = self.made.iter().filter(|other| other.id != made.id);
        others.any(|other| !other.live && place(other) == place(made))
    }

    fn place_is_gone(&self, ask: &Ask) -> bool {
        ask.kind != RecordKind::Customer && !self.is_live(RecordKind::Customer, &ask.place)
    }
}
