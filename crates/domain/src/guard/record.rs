//! What the store has of a credential: the attempts that count, and whether another may be made.

use serde::{Deserialize, Serialize};

use crate::{Vendor, store::StoreError};

/// How many logins may be refused or have an unknown outcome, in all. The vendor's five less three, for the people who
/// correct the matter by hand and for other programs with the same credentials.
const MOST_ATTEMPTS: usize = 2;

/// What a login came to, as far as the vendor's count of failures is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The vendor took the credential.
    Accepted,
    /// The vendor refused it.
    Refused(Vendor),
    /// It was not sent, or the vendor answered something else than a refusal.
    NotCounted,
    /// There was no answer: it may have been refused.
    Unknown,
}

/// What is stored of a credential. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The attempts that were begun and neither succeeded nor were taken back.
    pub(super) attempts: Vec<u64>,
    /// The refusal that opened the guard.
    pub(super) refused: Option<Refused>,
    /// Whether the vendor has ever taken the credential.
    pub(super) accepted: bool,
    /// Which reset was the last one; zero before the first.
    pub(super) reset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) http_status: u16,
    pub(super) code: Option<i64>,
}

impl Record {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes)
            .map_err(|_| StoreError("the count of logins can't be read".to_owned()))
    }

    pub(super) fn written(&self) -> Vec<u8> {
        // Numbers and flags always have a text.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.refused.is_some() || (!self.accepted && self.attempts.len() >= MOST_ATTEMPTS)
    }

    /// Counts an attempt, if one may be made.
    pub(super) fn begin(&mut self, id: u64) -> bool {
        if self.is_open() {
            return false;
        }
        if self.accepted {
            // What was left open was ended by no one, because its process died. It says nothing against a credential
            // that is known to be good.
            self.attempts.clear();
        }
        self.attempts.push(id);
        true
    }

    pub(super) fn end(&mut self, id: u64, ending: Ending) {
        match ending {
            Ending::Accepted => {
                self.attempts.clear();
                self.accepted = true;
            }
            Ending::Refused(vendor) => {
                if !self.attempts.contains(&id) {
                    self.attempts.push(id);
                }
                self.refused = Some(Refused {
                    http_status: vendor.http_status,
                    code: vendor.code,
                });
            }
            Ending::Unknown if !self.accepted => {}
            Ending::NotCounted | Ending::Unknown => self.attempts.retain(|attempt| *attempt != id),
        }
    }

    pub(super) fn close(&mut self, reset: u64) {
        self.attempts.clear();
        self.refused = None;
        self.reset = reset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn racing_attempts_end_each_for_itself() {
        let mut record = Record::default();
        assert!(record.begin(1));
        assert!(record.begin(2));
        // A third has to wait for one of them.
        assert!(!record.begin(3));
        record.end(1, Ending::NotCounted);
        assert!(record.begin(3));
        record.end(2, Ending::Accepted);
        assert!(!record.is_open());
        record.end(
            3,
            Ending::Refused(Vendor {
                operation: "CreateToken",
                http_status: 401,
                code: Some(10_001),
            }),
        );
        assert!(record.is_open());
    }
}
