//! What is kept of a request id, and of a create that is not settled.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Refusal,
    operation::Operation,
    seal::Keys,
    settle::{Likeness, Made, Place, Sent, Sought},
    store::{Kept, Key, Space},
};

/// For how long an intent is kept by a store, which never comes to an end before it is settled: how much of it has passed
/// tells how long ago the create was sent, by the store's clock, which is the same for all.
pub(super) const KEEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The keys of one request id.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) request: Key,
    pub(super) intent: Key,
    pub(super) lease: Key,
}

impl Slot {
    pub(super) fn new(name: &str) -> Self {
        Self {
            request: Key::new(Space::Request, name),
            intent: Key::new(Space::Intent, name),
            lease: Key::new(Space::Lease, name),
        }
    }
}

/// What has become of a request id. Nothing personal is in it: the fingerprint is keyed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) fingerprint: String,
    pub(super) state: State,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum State {
    /// It was begun.
    Open,
    /// The record was made.
    Done {
        id: String,
        created: Option<String>,
        updated: Option<String>,
    },
    /// It was refused for good.
    Refused {
        refusal: Definite,
        operation: String,
        http_status: u16,
        code: Option<i64>,
    },
}

/// The refusals that are kept: those that say what the vendor has.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Definite {
    UsernameTaken,
    ConsumerExists,
    BusinessExists,
    CustomerNotFound,
    RecordNotFound,
}

impl Definite {
    fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::UsernameTaken => Some(Self::UsernameTaken),
            Refusal::ConsumerExists => Some(Self::ConsumerExists),
            Refusal::BusinessExists => Some(Self::BusinessExists),
            Refusal::CustomerNotFound => Some(Self::CustomerNotFound),
            Refusal::RecordNotFound => Some(Self::RecordNotFound),
            Refusal::RejectedField
            | Refusal::InvalidNameCharacter
            | Refusal::UsernamePolicy
            | Refusal::EndUserRequired
            | Refusal::NothingToUpdate
            | Refusal::ConsumerNotFound
            | Refusal::BusinessNotFound
            | Refusal::InstitutionLoginNotFound
            | Refusal::ApplicationNotFound
            | Refusal::ConsumerRequired
            | Refusal::AuthorizationNotCaptured
            | Refusal::DisputeActive
            | Refusal::TemporaryCustomer
            | Refusal::PlanNotEntitled
            | Refusal::TestingCustomerLimit => None,
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::UsernameTaken => Refusal::UsernameTaken,
            Self::ConsumerExists => Refusal::ConsumerExists,
            Self::BusinessExists => Refusal::BusinessExists,
            Self::CustomerNotFound => Refusal::CustomerNotFound,
            Self::RecordNotFound => Refusal::RecordNotFound,
        }
    }
}

/// What a create came to, as far as its request id is concerned.
pub(super) enum Ending {
    /// It is kept and told to every repeat.
    Kept(State),
    /// Nothing was done: a repeat starts anew.
    Released,
    /// It is not known: the intent stays.
    Unsettled,
}

impl Ending {
    pub(super) fn of(result: &Result<Made, Error>) -> Self {
        match result {
            Ok(made) => Self::Kept(State::Done {
                id: made.id.clone(),
                created: made.created.map(|time| time.to_string()),
                updated: made.updated.map(|time| time.to_string()),
            }),
            Err(Error::Refused { refusal, vendor }) => match Definite::of(*refusal) {
                Some(refusal) => Self::Kept(State::Refused {
                    refusal,
                    operation: vendor.operation.to_owned(),
                    http_status: vendor.http_status,
                    code: vendor.code,
                }),
                None => Self::Released,
            },
            Err(
                Error::OutcomeUnknown { .. }
                | Error::DeadlineExceeded { sent: true, .. }
                // An owner of two: nobody can tell which one is ours.
                | Error::Malformed {
                    vendor: Some(_), ..
                },
            ) => Self::Unsettled,
            Err(
                Error::NothingToUpdate
                | Error::NoSuchUsername
                | Error::RecordIncomplete { .. }
                | Error::CredentialsRejected { .. }
                | Error::TokenRejected { .. }
                | Error::RateLimited { .. }
                | Error::Unavailable { .. }
                | Error::DeadlineExceeded { sent: false, .. }
                | Error::CircuitOpen { .. }
                | Error::StoreUnavailable
                | Error::RequestInFlight
                | Error::RequestIdReused
                | Error::UpdateConflict { .. }
                | Error::ListChanged
                | Error::Malformed { vendor: None, .. },
            ) => Self::Released,
        }
    }
}

impl Entry {
    pub(super) fn open(fingerprint: &str) -> Self {
        Self {
            fingerprint: fingerprint.to_owned(),
            state: State::Open,
        }
    }

    /// The answer that it has; `None` while it is open.
    pub(super) fn answer(&self) -> Option<Result<Made, Error>> {
        let time = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        match &self.state {
            State::Open => None,
            State::Done {
                id,
                created,
                updated,
            } => Some(Ok(Made {
                id: id.clone(),
                created: time(created),
                updated: time(updated),
            })),
            State::Refused {
                refusal,
                operation,
                http_status,
                code,
            } => Some(Err(Error::Refused {
                refusal: refusal.refusal(),
                // An operation that this version does not know can't have been written by it.
                vendor: Operation::named(operation)
                    .unwrap_or(Operation::AddCustomer)
                    .answered(*http_status, *code),
            })),
        }
    }
}

/// A create that was begun: enough to find out what became of it, and no more.
#[derive(Serialize, Deserialize)]
pub(super) struct Intent {
    operation: String,
    place: Place,
    likeness: Likeness,
    /// The vendor's time when it was sent, as far as was known.
    vendor_time: Option<String>,
}

impl Intent {
    pub(super) fn new(sought: &Sought, vendor_time: Option<Timestamp>) -> Self {
        Self {
            operation: sought.operation.name().to_owned(),
            place: sought.place.clone(),
            likeness: sought.likeness.clone(),
            vendor_time: vendor_time.map(|time| time.to_string()),
        }
    }

    pub(super) fn seal(&self, keys: &Keys, key: &Key) -> Vec<u8> {
        // A struct of strings can always be written.
        keys.seal(key, &serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn opened(keys: &Keys, key: &Key, kept: &Kept) -> Option<Self> {
        serde_json::from_slice(&keys.open(key, &kept.value)?).ok()
    }

    pub(super) fn sought(self) -> Option<Sought> {
        Some(Sought {
            operation: Operation::named(&self.operation)?,
            place: self.place,
            likeness: self.likeness,
        })
    }

    pub(super) fn vendor_time(&self) -> Option<Timestamp> {
        self.vendor_time.as_ref()?.parse().ok()
    }
}

/// When the create of a kept intent was sent.
pub(super) fn sent(kept: &Kept, vendor_time: Option<Timestamp>) -> Sent {
    let ago = kept
        .left
        .map_or(Duration::ZERO, |left| KEEP.saturating_sub(left));
    Sent::ago(ago, vendor_time)
}
