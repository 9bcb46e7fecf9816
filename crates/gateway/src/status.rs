//! The table from what went wrong at the vendor to the status that the caller gets. There is no other.

use std::time::Duration;

use openfinance::{
    Error, Refusal,
    id::{BusinessId, ConsumerId, CustomerId, InstitutionLoginId},
};
use tonic::Status;

use crate::{failure::Failure, reason::Reason};

/// How long a caller is asked to wait where the vendor names no time.
const PAUSE: Duration = Duration::from_secs(1);

/// Which record the caller named by its id.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// None, or by something personal.
    Nothing,
    /// A customer.
    Customer(&'a CustomerId),
    /// A consumer.
    Consumer(&'a ConsumerId),
    /// A business.
    Business(&'a BusinessId),
    /// An institution login.
    InstitutionLogin(InstitutionLoginId),
}

impl Subject<'_> {
    /// Turns the failure of a call about this record into its status.
    pub(crate) fn status(self, error: Error) -> Status {
        failure(error, self).into()
    }

    fn resource_type(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Customer(_) => CUSTOMER,
            Self::Consumer(_) => CONSUMER,
            Self::Business(_) => BUSINESS,
            Self::InstitutionLogin(_) => INSTITUTION_LOGIN,
        }
    }

    fn id(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Customer(id) => id.to_string(),
            Self::Consumer(id) => id.to_string(),
            Self::Business(id) => id.to_string(),
            Self::InstitutionLogin(id) => id.get().to_string(),
        }
    }
}

const CUSTOMER: &str = "openfinance.v1.Customer";
const CONSUMER: &str = "openfinance.v1.Consumer";
const BUSINESS: &str = "openfinance.v1.Business";
const APPLICATION: &str = "openfinance.v1.CustomerApplication";
const INSTITUTION_LOGIN: &str = "openfinance.v1.AuthorizationDetails";

pub(crate) fn failure(error: Error, subject: Subject<'_>) -> Failure {
    match error {
        Error::Refused { refusal, vendor } => refused(refusal, subject).by_vendor(vendor),
        Error::NothingToUpdate => {
            Failure::new(Reason::NothingToUpdate, "there is nothing to update")
        }
        Error::NoSuchUsername => {
            Failure::new(Reason::CustomerNotFound, "no customer has this username")
                .resource(CUSTOMER, "")
        }
        Error::RecordIncomplete { fields } => {
            let rule = "must be set: the vendor's record has no valid value to keep";
            let message = format!(
                "the vendor's record has no valid {}: set it with this update",
                fields.join(", ")
            );
            let record = match subject {
                Subject::Business(_) => "business.",
                Subject::Nothing
                | Subject::Customer(_)
                | Subject::Consumer(_)
                | Subject::InstitutionLogin(_) => "",
            };
            let violations = fields
                .into_iter()
                .map(|field| (format!("{record}{field}"), rule.to_owned()));
            Failure::new(Reason::InvalidField, message).fields(violations)
        }
        Error::CredentialsRejected { vendor } => {
            let message = "the vendor refuses the gateway's credentials, or has locked the account: an operator must act";
            let failure = Failure::new(Reason::PartnerCredentialsRejected, message);
            match vendor {
                Some(vendor) => failure.by_vendor(vendor),
                None => failure,
            }
        }
        Error::TokenRejected { vendor } => Failure::new(
            Reason::UpstreamTokenRejected,
            "the vendor refuses a token that it has just issued",
        )
        .by_vendor(vendor)
        .retry_after(PAUSE),
        Error::RateLimited {
            retry_after,
            vendor,
        } => Failure::new(
            Reason::UpstreamRateLimited,
            "the vendor limits the rate of calls",
        )
        .by_vendor(vendor)
        .retry_after(retry_after.unwrap_or(PAUSE)),
        Error::Unavailable { operation, vendor } => {
            let failure = Failure::new(
                Reason::UpstreamUnavailable,
                "the vendor is unavailable; repeating is safe",
            )
            .retry_after(PAUSE);
            match vendor {
                Some(vendor) => failure.by_vendor(vendor),
                None => failure.operation(operation),
            }
        }
        Error::OutcomeUnknown {
            operation,
            vendor,
            resumable,
        } => {
            let failure = match resumable {
                true => Failure::new(
                    Reason::OutcomeUnknown,
                    "the request was sent and its outcome is not known yet: repeat it with the same request_id",
                )
                .unavailable()
                .retry_after(PAUSE),
                false => Failure::new(
                    Reason::OutcomeUnknown,
                    "the request was sent and its outcome is unknown: read before repeating",
                ),
            };
            match vendor {
                Some(vendor) => failure.answered(vendor),
                None => failure.operation(operation),
            }
        }
        Error::DeadlineExceeded { operation, sent } => {
            Failure::deadline_exceeded(sent).operation(operation)
        }
        Error::CircuitOpen {
            operation,
            retry_after,
        } => Failure::new(
            Reason::UpstreamCircuitOpen,
            "the vendor keeps failing, so for a while no call goes out; nothing was done",
        )
        .operation(operation)
        .retry_after(retry_after),
        Error::StoreUnavailable => Failure::new(
            Reason::StoreUnavailable,
            "the shared store can't be used, and this is not safe without; nothing was done",
        )
        .retry_after(PAUSE),
        Error::RequestInFlight => Failure::new(
            Reason::RequestInFlight,
            "a call with this request_id is under way: repeat it later",
        )
        .retry_after(PAUSE),
        Error::RequestIdReused => Failure::new(
            Reason::RequestIdReused,
            "the request_id was used with other content: take a new one",
        )
        .fields([(
            "request_id".to_owned(),
            "was used with other content within the last 24 hours".to_owned(),
        )]),
        Error::UpdateConflict { operation } => Failure::new(
            Reason::UpdateConflict,
            "another update came between: read the record and decide anew",
        )
        .operation(operation),
        Error::ListChanged => Failure::new(
            Reason::ListChanged,
            "customers came or went while they were listed: start again without a token",
        ),
        Error::Malformed {
            operation,
            problem: _,
            vendor,
        } => {
            let message = "the vendor answered outside its contract";
            let failure = Failure::new(Reason::UpstreamMalformed, message);
            match vendor {
                Some(vendor) => failure.answered(vendor),
                None => failure.operation(operation),
            }
        }
    }
}

fn refused(refusal: Refusal, subject: Subject<'_>) -> Failure {
    let reason = reason(refusal);
    let failure = Failure::new(reason, refusal.to_string());
    match resource_type(refusal) {
        Some(None) => failure.resource(subject.resource_type(), &subject.id()),
        // The id is told only where it is of the record that is missing or there already.
        Some(Some(missing)) if missing == subject.resource_type() => {
            failure.resource(missing, &subject.id())
        }
        Some(Some(missing)) => failure.resource(missing, ""),
        None => failure,
    }
}

fn reason(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::RejectedField => Reason::VendorRejectedField,
        Refusal::InvalidNameCharacter => Reason::InvalidNameCharacter,
        Refusal::UsernamePolicy => Reason::UsernamePolicy,
        Refusal::EndUserRequired => Reason::EndUserRequired,
        Refusal::NothingToUpdate => Reason::NothingToUpdate,
        Refusal::CustomerNotFound => Reason::CustomerNotFound,
        Refusal::ConsumerNotFound => Reason::ConsumerNotFound,
        Refusal::BusinessNotFound => Reason::BusinessNotFound,
        Refusal::InstitutionLoginNotFound => Reason::InstitutionLoginNotFound,
        Refusal::ApplicationNotFound => Reason::ApplicationNotFound,
        Refusal::RecordNotFound => Reason::RecordNotFound,
        Refusal::UsernameTaken => Reason::UsernameTaken,
        Refusal::ConsumerExists => Reason::ConsumerExists,
        Refusal::BusinessExists => Reason::BusinessExists,
        Refusal::ConsumerRequired => Reason::ConsumerRequired,
        Refusal::AuthorizationNotCaptured => Reason::AuthorizationNotCaptured,
        Refusal::DisputeActive => Reason::DisputeActive,
        Refusal::TemporaryCustomer => Reason::TemporaryCustomer,
        Refusal::PlanNotEntitled => Reason::PlanNotEntitled,
        Refusal::TestingCustomerLimit => Reason::TestingCustomerLimit,
    }
}

/// Which type of record is missing or there already; `Some(None)` where it is the one that was named, whatever it is.
fn resource_type(refusal: Refusal) -> Option<Option<&'static str>> {
    match refusal {
        Refusal::CustomerNotFound | Refusal::UsernameTaken => Some(Some(CUSTOMER)),
        Refusal::ConsumerNotFound | Refusal::ConsumerExists => Some(Some(CONSUMER)),
        Refusal::BusinessNotFound | Refusal::BusinessExists => Some(Some(BUSINESS)),
        Refusal::ApplicationNotFound => Some(Some(APPLICATION)),
        Refusal::InstitutionLoginNotFound => Some(Some(INSTITUTION_LOGIN)),
        Refusal::RecordNotFound => Some(None),
        Refusal::RejectedField
        | Refusal::InvalidNameCharacter
        | Refusal::UsernamePolicy
        | Refusal::EndUserRequired
        | Refusal::NothingToUpdate
        | Refusal::ConsumerRequired
        | Refusal::AuthorizationNotCaptured
        | Refusal::DisputeActive
        | Refusal::TemporaryCustomer
        | Refusal::PlanNotEntitled
        | Refusal::TestingCustomerLimit => None,
    }
}

#[cfg(test)]
mod tests {
    use openfinance::Vendor;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    const VENDOR: Vendor = Vendor {
        operation: "GetCustomer",
        http_status: 404,
        code: Some(14_001),
    };

    fn told(error: Error) -> (Code, String, String, bool) {
        let status = Subject::Nothing.status(error);
        let details = status.get_error_details();
        let info = details.error_info().unwrap().clone();
        (
            status.code(),
            info.reason,
            info.domain,
            details.retry_info().is_some(),
        )
    }

    #[test]
    fn every_failure_has_its_code_reason_domain_and_wait() {
        let operation = "AddCustomer";
        let vendor = VENDOR;
        let (ours, theirs) = ("openfinance", "api.finicity.com");
        for (error, code, reason, domain, wait) in [
            (
                Error::NothingToUpdate,
                Code::InvalidArgument,
                "NOTHING_TO_UPDATE",
                ours,
                false,
            ),
            (
                Error::NoSuchUsername,
                Code::NotFound,
                "CUSTOMER_NOT_FOUND",
                ours,
                false,
            ),
            (
                Error::RecordIncomplete {
                    fields: vec!["name"],
                },
                Code::InvalidArgument,
                "INVALID_FIELD",
                ours,
                false,
            ),
            (
                Error::CredentialsRejected { vendor: None },
                Code::FailedPrecondition,
                "PARTNER_CREDENTIALS_REJECTED",
                ours,
                false,
            ),
            (
                Error::CredentialsRejected {
                    vendor: Some(vendor),
                },
                Code::FailedPrecondition,
                "PARTNER_CREDENTIALS_REJECTED",
                theirs,
                false,
            ),
            (
                Error::TokenRejected { vendor },
                Code::Unavailable,
                "UPSTREAM_TOKEN_REJECTED",
                theirs,
                true,
            ),
            (
                Error::RateLimited {
                    retry_after: None,
                    vendor,
                },
                Code::ResourceExhausted,
                "UPSTREAM_RATE_LIMITED",
                theirs,
                true,
            ),
            (
                Error::Unavailable {
                    operation,
                    vendor: None,
                },
                Code::Unavailable,
                "UPSTREAM_UNAVAILABLE",
                ours,
                true,
            ),
            (
                Error::OutcomeUnknown {
                    operation,
                    vendor: None,
                    resumable: false,
                },
                Code::Unknown,
                "OUTCOME_UNKNOWN",
                ours,
                false,
            ),
            (
                Error::OutcomeUnknown {
                    operation,
                    vendor: None,
                    resumable: true,
                },
                Code::Unavailable,
                "OUTCOME_UNKNOWN",
                ours,
                true,
            ),
            (
                Error::Malformed {
                    operation,
                    problem: "",
                    vendor: None,
                },
                Code::Internal,
                "UPSTREAM_MALFORMED",
                ours,
                false,
            ),
        ] {
            let expected = (code, reason.to_owned(), domain.to_owned(), wait);
            assert_eq!(told(error), expected);
        }
    }

    #[test]
    fn a_refusal_tells_the_vendors_code_status_and_operation() {
        let id: CustomerId = "1005".parse().unwrap();
        let error = Error::Refused {
            refusal: Refusal::CustomerNotFound,
            vendor: VENDOR,
        };
        let status = Subject::Customer(&id).status(error);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (status.code(), info.reason.as_str()),
            (Code::NotFound, "CUSTOMER_NOT_FOUND")
        );
        assert_eq!(info.domain, "api.finicity.com");
        for (key, value) in [
            ("vendor_code", "14001"),
            ("http_status", "404"),
            ("operation", "GetCustomer"),
        ] {
            assert_eq!(info.metadata.get(key).map(String::as_str), Some(value));
        }
        let resource = details.resource_info().unwrap();
        assert_eq!(
            (
                resource.resource_type.as_str(),
                resource.resource_name.as_str()
            ),
            ("openfinance.v1.Customer", "1005")
        );
    }

    #[test]
    fn the_id_of_another_record_is_not_taken_for_the_missing_one() {
        let id: CustomerId = "1005".parse().unwrap();
        let told = |refusal| {
            let status = Subject::Customer(&id).status(Error::Refused {
                refusal,
                vendor: VENDOR,
            });
            let resource = status.get_error_details().resource_info().unwrap().clone();
            (resource.resource_type, resource.resource_name)
        };
        assert_eq!(
            told(Refusal::BusinessExists),
            ("openfinance.v1.Business".to_owned(), String::new())
        );
        assert_eq!(
            told(Refusal::RecordNotFound),
            ("openfinance.v1.Customer".to_owned(), "1005".to_owned())
        );
    }

    #[test]
    fn a_wait_is_the_vendors_where_it_names_one() {
        let wait = Some(Duration::from_secs(7));
        let status = Subject::Nothing.status(Error::RateLimited {
            retry_after: wait,
            vendor: VENDOR,
        });
        assert_eq!(
            status.get_error_details().retry_info().unwrap().retry_delay,
            wait
        );
    }
}
