//! One call of an import: a create, or a look at what is there.

mod look;

use std::time::Duration;

use openfinance_rpc::{code_name, pb};
use prost_reflect::DynamicMessage;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{
    journal::{Partly, Reason, word},
    layout::Noun,
};
use crate::{connect::Gateway, exit::unsent};

/// What this program says of a record whose fields it may not see.
pub(crate) const NOT_COMPARABLE: &str = "RECORD_NOT_COMPARABLE";
/// What this program says of a customer that is there without all that should come with it.
pub(crate) const INCOMPLETE: &str = "ONBOARDING_INCOMPLETE";

/// What a row asks for.
#[derive(Clone)]
pub(crate) enum Creation {
    Customer(pb::Customer),
    Consumer(String, pb::Consumer),
    Business(String, pb::Business),
    Onboarding(Box<pb::OnboardCustomerRequest>),
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The record is there, as the row wants it.
    Done(String),
    /// The row can't be carried out as it is.
    Refused(Reason, Partly),
    /// No row can be, until somebody acts.
    Stop(Status),
    /// A repeat with the same request id is the way on.
    Again {
        status: Status,
        wait: Option<Duration>,
        /// Whether nothing was done, for sure.
        nothing_done: bool,
    },
    /// The record is there already, or was asked for with other content: to be looked at where the row was in doubt.
    Exists(Reason),
    /// A look found no record.
    Absent,
}

/// Whether a call is only to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Create,
    CheckOnly,
}

impl Creation {
    pub(crate) fn of(noun: Noun, row: &DynamicMessage) -> Option<Self> {
        Some(match noun {
            Noun::Customers => Self::Customer(row.transcode_to().ok()?),
            Noun::Consumers => {
                let mut consumer: pb::Consumer = row.transcode_to().ok()?;
                Self::Consumer(std::mem::take(&mut consumer.customer_id), consumer)
            }
            Noun::Businesses => {
                let mut business: pb::Business = row.transcode_to().ok()?;
                Self::Business(std::mem::take(&mut business.customer_id), business)
            }
            Noun::Onboarding => Self::Onboarding(Box::new(row.transcode_to().ok()?)),
        })
    }

    /// Sends the row.
    pub(crate) async fn send(
        self,
        gateway: &Gateway,
        request_id: Option<Uuid>,
        mode: Mode,
    ) -> Answer {
        let request_id = request_id.map(|id| id.to_string()).unwrap_or_default();
        let validate_only = mode == Mode::CheckOnly;
        let sent = match self {
            Self::Customer(customer) => {
                let message = pb::CreateCustomerRequest {
                    customer: Some(customer),
                    request_id,
                    validate_only,
                };
                let answer = gateway
                    .customers()
                    .create_customer(timed(gateway, message))
                    .await;
                answer.map(|answer| answer.into_inner().customer_id)
            }
            Self::Consumer(customer_id, consumer) => {
                let message = pb::CreateConsumerRequest {
                    customer_id,
                    consumer: Some(consumer),
                    request_id,
                    validate_only,
                };
                let answer = gateway
                    .consumers()
                    .create_consumer(timed(gateway, message))
                    .await;
                answer.map(|answer| answer.into_inner().consumer_id)
            }
            Self::Business(customer_id, business) => {
                let message = pb::CreateBusinessRequest {
                    customer_id,
                    business: Some(business),
                    request_id,
                    validate_only,
                };
                let answer = gateway
                    .businesses()
                    .create_business(timed(gateway, message))
                    .await;
                answer.map(|answer| answer.into_inner().business_id)
            }
            Self::Onboarding(message) => {
                let message = pb::OnboardCustomerRequest {
                    request_id,
                    ..*message
                };
                let answer = gateway
                    .onboarding()
                    .onboard_customer(timed(gateway, message))
                    .await;
                answer.map(|answer| answer.into_inner().customer.unwrap_or_default().customer_id)
            }
        };
        match sent {
            Ok(record_id) => Answer::Done(record_id),
            Err(status) => judged(status),
        }
    }
}

fn timed<T>(gateway: &Gateway, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(gateway.deadline);
    request
}

/// What is to be done about a status.
fn judged(status: Status) -> Answer {
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.map(|info| info.reason.as_str()).unwrap_or_default();
    let wait = details.retry_info().and_then(|retry| retry.retry_delay);
    match (status.code(), reason) {
        (Code::AlreadyExists, _) | (Code::InvalidArgument, "REQUEST_ID_REUSED") => {
            Answer::Exists(reason_of(&status))
        }
        (Code::FailedPrecondition, "PARTNER_CREDENTIALS_REJECTED" | "PLAN_NOT_ENTITLED")
        | (Code::ResourceExhausted, "TESTING_CUSTOMER_LIMIT")
        | (Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented, _) => {
            Answer::Stop(status)
        }
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
        | (
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange,
            _,
        ) => {
            let partly = info.map(|info| {
                let id = |name: &str| {
                    info.metadata
                        .get(name)
                        .map(|id| word(id))
                        .unwrap_or_default()
                };
                Partly {
                    customer_id: id("customer_id"),
                    consumer_id: id("consumer_id"),
                }
            });
            Answer::Refused(reason_of(&status), partly.unwrap_or_default())
        }
        (
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss,
            _,
        ) => Answer::Again {
            nothing_done: unsent(&status)
                || status.code() == Code::ResourceExhausted && info.is_some(),
            wait,
            status,
        },
    }
}

/// What the report and the journal say of a status.
pub(crate) fn reason_of(status: &Status) -> Reason {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.as_slice());
    let fields = violations
        .unwrap_or_default()
        .iter()
        .map(|violation| word(&violation.field));
    Reason {
        code: code_name(status.code()).to_owned(),
        reason: details
            .error_info()
            .map(|info| word(&info.reason))
            .unwrap_or_default(),
        fields: fields.take(20).collect(),
    }
}
