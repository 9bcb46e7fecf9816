//! Why a call failed, and the single mapping from what the vendor answered.
//!
//! The vendor's code decides first and its HTTP status second; its text never does: one code comes under several
//! statuses, and texts have typing errors.

use std::time::Duration;

/// Why a call failed. Exhaustive on purpose: a new variant must be given a status code before the gateway compiles.
///
/// No variant holds or prints personal data or the vendor's own text.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
/// # let partner = openfinance_sandbox::Config::for_tests().partner;
/// # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
/// # let client = openfinance::Client::new(config)?;
/// use openfinance::{Error, Refusal};
///
/// match client.customer(&"1005061234".parse()?).await {
///     Ok(customer) => println!("{}", customer.id),
///     // The vendor refused: its code and status are there for the log.
///     Err(Error::Refused { refusal: Refusal::CustomerNotFound, vendor }) => assert_eq!(vendor.code, Some(14_001)),
///     // Passing: the client itself has tried three times already.
///     Err(Error::Unavailable { .. } | Error::CircuitOpen { .. } | Error::RateLimited { .. }) => println!("later"),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The vendor refused the request. Nothing was done.
    #[error("{operation} was refused: {refusal}", operation = vendor.operation)]
    Refused {
        /// What it refused.
        refusal: Refusal,
        /// Its answer.
        vendor: Vendor,
    },
    /// An update without a field to change. Nothing was sent.
    #[error("there is nothing to update")]
    NothingToUpdate,
    /// No customer of the partner has the username that was looked up.
    #[error("no customer has this username")]
    NoSuchUsername,
    /// The vendor's record has fields that it would not take back, or lacks some that every business must have, so that
    /// it can't be written until the update sets them. Nothing was changed.
    #[error("the record has no value for {} that it would take back: set it with this update", fields.join(", "))]
    RecordIncomplete {
        /// The fields, as `openfinance.v1` names them.
        fields: Vec<&'static str>,
    },
    /// The vendor refuses the partner's credentials, its app key or its account. An operator must act. After a refused
    /// login no further one goes out from this client, since five lock the company out.
    #[error("the vendor refuses the partner's credentials")]
    CredentialsRejected {
        /// Its answer; absent where the call did not go out any more.
        vendor: Option<Vendor>,
    },
    /// The vendor refused a token that it had just issued.
    #[error("{operation} was refused: the vendor does not accept its own token", operation = vendor.operation)]
    TokenRejected {
        /// Its answer.
        vendor: Vendor,
    },
    /// The vendor limits the rate of calls. The call that it refused did nothing; of an update, which writes and then
    /// reads, the write may have been done, and repeating it does no harm.
    #[error("{operation} was refused: too many calls", operation = vendor.operation)]
    RateLimited {
        /// How long it asks to wait, where it says so.
        retry_after: Option<Duration>,
        /// Its answer.
        vendor: Vendor,
    },
    /// The vendor could not be reached or failed. Nothing was done, or repeating does no harm.
    #[error("{operation} failed: the vendor is unavailable")]
    Unavailable {
        /// The vendor's operation.
        operation: &'static str,
        /// Its answer; absent where there was none.
        vendor: Option<Vendor>,
    },
    /// A create was sent, its answer was lost or can't be read, and reading could not settle it: the record may exist.
    #[error("{operation} was sent and its outcome is unknown")]
    OutcomeUnknown {
        /// The vendor's operation.
        operation: &'static str,
        /// Its answer; absent where there was none.
        vendor: Option<Vendor>,
        /// Whether repeating the call with the same request id is safe, and settles it.
        resumable: bool,
    },
    /// The caller's time was over before the outcome was known.
    #[error("the time was over before {operation} had an outcome")]
    DeadlineExceeded {
        /// The vendor's operation.
        operation: &'static str,
        /// Whether a write was sent: if so it goes on without the caller; if not, nothing was done.
        sent: bool,
    },
    /// The vendor has failed at this operation again and again, so for a while no call of it goes out. Nothing was done.
    #[error("{operation} is not called for a while: the vendor keeps failing")]
    CircuitOpen {
        /// The vendor's operation.
        operation: &'static str,
        /// How long no call goes out.
        retry_after: Duration,
    },
    /// What restarts and replicas share can't be read or written, and without it this is not safe. Nothing was done.
    #[error("the shared store can't be used")]
    StoreUnavailable,
    /// Another call with this request id is under way.
    #[error("a call with this request id is under way")]
    RequestInFlight,
    /// The request id was used for something else within the last 24 hours. Nothing was done.
    #[error("the request id was used with other content")]
    RequestIdReused,
    /// Somebody else wrote the record at the same time, so that this update must not be repeated: read and decide anew.
    #[error("{operation} was overtaken by another update")]
    UpdateConflict {
        /// The vendor's operation.
        operation: &'static str,
    },
    /// Customers came or went while they were listed, and the place to go on from can't be found any more.
    #[error("the list changed beyond repair: start again")]
    ListChanged,
    /// The vendor answered outside its contract.
    #[error("the answer to {operation} is malformed: {problem}")]
    Malformed {
        /// The vendor's operation.
        operation: &'static str,
        /// What is wrong and where, in our words.
        problem: &'static str,
        /// Its answer, as far as it could be read.
        vendor: Option<Vendor>,
    },
}

impl Error {
    /// Whether it says that the customer does not exist.
    pub(crate) fn is_customer_not_found(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                refusal: Refusal::CustomerNotFound,
                ..
            }
        )
    }
}

impl Error {
    /// What the vendor said, where it said something.
    pub(crate) fn vendor(&self) -> Option<&Vendor> {
        match self {
            Self::Refused { vendor, .. }
            | Self::TokenRejected { vendor }
            | Self::RateLimited { vendor, .. } => Some(vendor),
            Self::CredentialsRejected { vendor }
            | Self::Unavailable { vendor, .. }
            | Self::OutcomeUnknown { vendor, .. }
            | Self::Malformed { vendor, .. } => vendor.as_ref(),
            Self::NothingToUpdate
            | Self::NoSuchUsername
            | Self::RecordIncomplete { .. }
            | Self::DeadlineExceeded { .. }
            | Self::CircuitOpen { .. }
            | Self::StoreUnavailable
            | Self::RequestInFlight
            | Self::RequestIdReused
            | Self::UpdateConflict { .. }
            | Self::ListChanged => None,
        }
    }
}

/// What the vendor said, as far as it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The vendor's operation, such as `AddBusinessDetails`.
    pub operation: &'static str,
    /// The HTTP status.
    pub http_status: u16,
    /// The vendor's code, where its answer had one.
    pub code: Option<i64>,
}

/// What the vendor refuses. A closed list: a code that is not on it falls to its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// A value of the request (10005, 10010, 10100 with 400, 14016, 14020, 14023, 24437, any other 400).
    #[error("a value of the request is not accepted")]
    RejectedField,
    /// A character in a name (45003).
    #[error("a name has a character that is not accepted")]
    InvalidNameCharacter,
    /// The username, by its policy (110039).
    #[error("the username is against the policy")]
    UsernamePolicy,
    /// A consumer without end user, of a partner who resells (1201).
    #[error("resellers must name the end user")]
    EndUserRequired,
    /// A change of nothing (10025).
    #[error("there is nothing to update")]
    NothingToUpdate,
    /// The customer does not exist (14001, 10002).
    #[error("there is no such customer")]
    CustomerNotFound,
    /// The consumer does not exist, or the customer has none (10100 with 404).
    #[error("there is no such consumer")]
    ConsumerNotFound,
    /// The business does not exist, or the customer has none (10003).
    #[error("there is no such business")]
    BusinessNotFound,
    /// The institution login does not exist, or is not an OAuth connection (3003).
    #[error("there is no such institution login")]
    InstitutionLoginNotFound,
    /// No application is registered, or the customer belongs to none (50051, 50052).
    #[error("the customer belongs to no application")]
    ApplicationNotFound,
    /// Something else does not exist (any other 404).
    #[error("there is no such record")]
    RecordNotFound,
    /// The username is in use (110002).
    #[error("the username is in use")]
    UsernameTaken,
    /// The customer has a consumer (11000).
    #[error("the customer has a consumer already")]
    ConsumerExists,
    /// The customer has a business (10004, or 11000 on AddBusinessDetails).
    #[error("the customer has a business already")]
    BusinessExists,
    /// A liable owner without a consumer (any other 409 on AddBusinessDetails).
    #[error("a personally liable owner needs a consumer first")]
    ConsumerRequired,
    /// The authorization is older than the vendor's record of such details (3004).
    #[error("the authorization was given before its details were kept")]
    AuthorizationNotCaptured,
    /// A dispute freezes the record (10406).
    #[error("a dispute statement is active")]
    DisputeActive,
    /// The vendor made the customer itself, for a while (50016).
    #[error("the customer is temporary and kept by the vendor")]
    TemporaryCustomer,
    /// The plan does not have the operation (a plain text 401 on AddCustomer).
    #[error("the plan does not include the operation")]
    PlanNotEntitled,
    /// The partner has all the testing customers that it may have (42000).
    #[error("the partner has as many testing customers as it may")]
    TestingCustomerLimit,
}

/// What a complete answer other than success comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request was refused and nothing was done.
    Refused(Refusal),
    /// The partner's credentials, its app key or its account are refused.
    Credentials,
    /// The token is unknown, expired or missing: worth a new one.
    Token,
    /// Too many calls.
    RateLimited,
    /// The server failed; it may have done the work, or may still.
    Failed,
    /// Not an answer that the contract knows; the server may have done the work.
    Unexpected,
}

/// Judges an answer by the vendor's code, then by its status. `plain` says that the body is plain text, which the
/// vendor sends for a wrong app key and for an operation that the plan does not have.
pub(crate) fn judge(operation: &str, status: u16, code: Option<i64>, plain: bool) -> Verdict {
    by_code(operation, status, code).unwrap_or_else(|| by_status(operation, status, plain))
}

/// The codes of the vendor's OpenAPI document, its error pages and its tests. A code is decisive at whatever status it
/// comes, except 10100, which means "no such consumer" with 404 and "malformed field" otherwise.
fn by_code(operation: &str, status: u16, code: Option<i64>) -> Option<Verdict> {
    use Refusal::*;
    let refusal = match code? {
        1201 => EndUserRequired,
        3003 => InstitutionLoginNotFound,
        3004 => AuthorizationNotCaptured,
        10_001 | 10_021 | 10_026 | 12_401 | 14_003 | 24_302 => return Some(Verdict::Credentials),
        10_022..=10_024 => return Some(Verdict::Token),
        3_300_001 => return Some(Verdict::RateLimited),
        10_002 | 14_001 => CustomerNotFound,
        // What the vendor's document has for the unknown customer of a deletion; its tests have 14001.
        14_006 | 60_013 if operation == "DeleteCustomer" => CustomerNotFound,
        10_003 => BusinessNotFound,
        10_004 => BusinessExists,
        10_005 | 10_010 | 14_016 | 14_020 | 14_023 | 24_437 => RejectedField,
        10_025 => NothingToUpdate,
        10_100 if status == 404 => ConsumerNotFound,
        10_100 => RejectedField,
        10_406 => DisputeActive,
        11_000 if operation == "AddBusinessDetails" => BusinessExists,
        11_000 => ConsumerExists,
        42_000 => TestingCustomerLimit,
        45_003 => InvalidNameCharacter,
        50_016 => TemporaryCustomer,
        50_051 | 50_052 => ApplicationNotFound,
        110_002 => UsernameTaken,
        110_039 => UsernamePolicy,
        _ => return None,
    };
    Some(Verdict::Refused(refusal))
}

fn by_status(operation: &str, status: u16, plain: bool) -> Verdict {
    match (status, operation) {
        (400, _) => Verdict::Refused(Refusal::RejectedField),
        (401, "AddCustomer") if plain => Verdict::Refused(Refusal::PlanNotEntitled),
        (401 | 403, _) => Verdict::Credentials,
        (404, _) => Verdict::Refused(Refusal::RecordNotFound),
        (409, "AddTestingCustomer" | "AddCustomer") => Verdict::Refused(Refusal::UsernameTaken),
        (409, "CreateConsumer") => Verdict::Refused(Refusal::ConsumerExists),
        // The vendor's page tells of this 409 without a code.
        (409, "AddBusinessDetails") => Verdict::Refused(Refusal::ConsumerRequired),
        (409, _) => Verdict::Refused(Refusal::RejectedField),
        (429, _) => Verdict::RateLimited,
        (408 | 500..=599, _) => Verdict::Failed,
        _ => Verdict::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_decisive_whatever_the_status() {
        // Each pair is a disagreement between the vendor's own pages.
        for (code, statuses, expected) in [
            (14_023, [400, 404], Verdict::Refused(Refusal::RejectedField)),
            (24_302, [401, 500], Verdict::Credentials),
            (
                110_039,
                [400, 500],
                Verdict::Refused(Refusal::UsernamePolicy),
            ),
            (10_010, [400, 500], Verdict::Refused(Refusal::RejectedField)),
        ] {
            for status in statuses {
                assert_eq!(
                    judge("AddCustomer", status, Some(code), false),
                    expected,
                    "{code} with {status}"
                );
            }
        }
    }

    #[test]
    fn one_code_means_two_things_by_status_or_operation() {
        assert_eq!(
            judge("GetConsumer", 404, Some(10_100), false),
            Verdict::Refused(Refusal::ConsumerNotFound)
        );
        assert_eq!(
            judge("CreateConsumer", 400, Some(10_100), false),
            Verdict::Refused(Refusal::RejectedField)
        );
        assert_eq!(
            judge("CreateConsumer", 409, Some(11_000), false),
            Verdict::Refused(Refusal::ConsumerExists)
        );
        assert_eq!(
            judge("AddBusinessDetails", 409, Some(11_000), false),
            Verdict::Refused(Refusal::BusinessExists)
        );
        assert_eq!(
            judge("AddBusinessDetails", 409, Some(10_006), false),
            Verdict::Refused(Refusal::ConsumerRequired)
        );
    }

    #[test]
    fn a_plain_text_401_is_the_plan_on_add_customer_and_the_app_key_elsewhere() {
        assert_eq!(
            judge("AddCustomer", 401, None, true),
            Verdict::Refused(Refusal::PlanNotEntitled)
        );
        assert_eq!(judge("AddCustomer", 401, None, false), Verdict::Credentials);
        assert_eq!(judge("GetCustomer", 401, None, true), Verdict::Credentials);
    }

    #[test]
    fn an_unknown_code_falls_to_its_status() {
        for (status, expected) in [
            (400, Verdict::Refused(Refusal::RejectedField)),
            (403, Verdict::Credentials),
            (404, Verdict::Refused(Refusal::RecordNotFound)),
            (408, Verdict::Failed),
            (429, Verdict::RateLimited),
            (500, Verdict::Failed),
            (503, Verdict::Failed),
            (202, Verdict::Unexpected),
            (302, Verdict::Unexpected),
            (418, Verdict::Unexpected),
        ] {
            assert_eq!(
                judge("GetCustomer", status, Some(99_999), false),
                expected,
                "{status}"
            );
            assert_eq!(
                judge("GetCustomer", status, None, false),
                expected,
                "{status}"
            );
        }
    }
}
