//! One call of an import: a create, or a look at what is there.

use std::time::Duration;

use openfinance_rpc::pb;
use prost_reflect::DynamicMessage;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{
    alike::{self, Likeness},
    journal::{Partly, Reason, word},
    layout::Noun,
};
use crate::{connect::Gateway, refusal};

/// Fields that come back empty because the caller may not see them are listed here.
const REDACTED: &str = "x-openfinance-redacted";
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

    /// Looks whether the record is there, and whether it is what the row wants.
    pub(crate) async fn look(&self, gateway: &Gateway) -> Answer {
        let looked = match self {
            Self::Customer(wanted) => customer_like(gateway, wanted).await,
            Self::Consumer(customer_id, wanted) => {
                let likeness = |found: &_, hidden: &_| alike::consumer(wanted, found, hidden);
                consumer_like(gateway, customer_id, likeness).await
            }
            Self::Business(customer_id, wanted) => {
                business_like(gateway, customer_id, wanted).await
            }
            Self::Onboarding(wanted) => {
                return onboarded_like(gateway, wanted).await.unwrap_or_else(judged);
            }
        };
        let taken = match self {
            Self::Customer(_) | Self::Onboarding(_) => "USERNAME_TAKEN",
            Self::Consumer(..) => "CONSUMER_EXISTS",
            Self::Business(..) => "BUSINESS_EXISTS",
        };
        match looked {
            Ok(Sight::Nothing) => Answer::Absent,
            Ok(Sight::Record(likeness, id)) => found(likeness, id, taken, Partly::default()),
            Err(status) => judged(status),
        }
    }
}

fn already_exists(reason: &str) -> Reason {
    Reason {
        code: refusal::name(Code::AlreadyExists).to_owned(),
        reason: reason.to_owned(),
        fields: Vec::new(),
    }
}

fn timed<T>(gateway: &Gateway, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(gateway.deadline);
    request
}

/// What a look found.
enum Sight {
    Nothing,
    /// A record with this id, more or less like the one that is wanted.
    Record(Likeness, String),
}

/// A record that was found, and which of its fields are kept from the caller.
fn seen<T>(
    answer: Result<Response<T>, Status>,
    like: impl FnOnce(&T, &[String]) -> (Likeness, String),
) -> Result<Sight, Status> {
    match answer {
        Ok(answer) => {
            let hidden = answer
                .metadata()
                .get(REDACTED)
                .and_then(|paths| paths.to_str().ok());
            let hidden = hidden.unwrap_or_default().split(',').map(str::to_owned);
            let (likeness, id) = like(answer.get_ref(), &hidden.collect::<Vec<_>>());
            Ok(Sight::Record(likeness, word(&id)))
        }
        Err(status) if status.code() == Code::NotFound => Ok(Sight::Nothing),
        Err(status) => Err(status),
    }
}

async fn customer_like(gateway: &Gateway, wanted: &pb::Customer) -> Result<Sight, Status> {
    let message = pb::LookupCustomerRequest {
        username: wanted.username.clone(),
    };
    let answer = gateway
        .customers()
        .lookup_customer(timed(gateway, message))
        .await;
    seen(answer, |found, hidden| {
        (
            alike::customer(wanted, found, hidden),
            found.customer_id.clone(),
        )
    })
}

async fn consumer_like(
    gateway: &Gateway,
    customer_id: &str,
    likeness: impl Fn(&pb::Consumer, &[String]) -> Likeness,
) -> Result<Sight, Status> {
    let message = pb::GetConsumerByCustomerRequest {
        customer_id: customer_id.to_owned(),
    };
    let answer = gateway
        .consumers()
        .get_consumer_by_customer(timed(gateway, message))
        .await;
    seen(answer, |found, hidden| {
        (likeness(found, hidden), found.consumer_id.clone())
    })
}

async fn business_like(
    gateway: &Gateway,
    customer_id: &str,
    wanted: &pb::Business,
) -> Result<Sight, Status> {
    let message = pb::GetBusinessByCustomerRequest {
        customer_id: customer_id.to_owned(),
    };
    let answer = gateway
        .businesses()
        .get_business_by_customer(timed(gateway, message))
        .await;
    seen(answer, |found, hidden| {
        (
            alike::business(wanted, found, hidden),
            found.business_id.clone(),
        )
    })
}

/// All the records of an onboarding. Where the customer is there and the rest is not, the gateway no longer knows under
/// which request id to go on, and whoever does so by hand must know which customer it is.
async fn onboarded_like(
    gateway: &Gateway,
    wanted: &pb::OnboardCustomerRequest,
) -> Result<Answer, Status> {
    let customer = wanted.customer.clone().unwrap_or_default();
    let (likeness, customer_id) = match customer_like(gateway, &customer).await? {
        Sight::Nothing => return Ok(Answer::Absent),
        Sight::Record(likeness, customer_id) => (likeness, customer_id),
    };
    if likeness != Likeness::Same {
        return Ok(found(
            likeness,
            customer_id,
            "USERNAME_TAKEN",
            Partly::default(),
        ));
    }
    let mut partly = Partly {
        customer_id: customer_id.clone(),
        consumer_id: String::new(),
    };
    let consumer = match (
        &wanted.consumer,
        &wanted.consumer_from_business,
        &wanted.business,
    ) {
        (Some(consumer), _, _) => {
            let likeness = |found: &_, hidden: &_| alike::consumer(consumer, found, hidden);
            Some(consumer_like(gateway, &customer_id, likeness).await?)
        }
        (None, Some(from), Some(business)) => {
            let likeness = |found: &_, hidden: &_| alike::stand_in(business, from, found, hidden);
            Some(consumer_like(gateway, &customer_id, likeness).await?)
        }
        (None, _, _) => None,
    };
    match consumer {
        Some(Sight::Nothing) => return Ok(incomplete(partly)),
        Some(Sight::Record(Likeness::Same, consumer_id)) => partly.consumer_id = consumer_id,
        Some(Sight::Record(likeness, id)) => {
            return Ok(found(likeness, id, "CONSUMER_EXISTS", partly));
        }
        None => {}
    }
    if let Some(business) = &wanted.business {
        match business_like(gateway, &customer_id, business).await? {
            Sight::Nothing => return Ok(incomplete(partly)),
            Sight::Record(Likeness::Same, _) => {}
            Sight::Record(likeness, id) => {
                return Ok(found(likeness, id, "BUSINESS_EXISTS", partly));
            }
        }
    }
    Ok(Answer::Done(customer_id))
}

/// What it means that a record is there.
fn found(likeness: Likeness, id: String, taken: &str, partly: Partly) -> Answer {
    match likeness {
        Likeness::Same => Answer::Done(id),
        Likeness::Different => Answer::Refused(already_exists(taken), partly),
        Likeness::Hidden => Answer::Refused(already_exists(NOT_COMPARABLE), partly),
    }
}

fn incomplete(partly: Partly) -> Answer {
    let reason = Reason {
        code: refusal::name(Code::Aborted).to_owned(),
        reason: INCOMPLETE.to_owned(),
        fields: Vec::new(),
    };
    Answer::Refused(reason, partly)
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
            nothing_done: status.code() == Code::ResourceExhausted && info.is_some(),
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
        code: refusal::name(status.code()).to_owned(),
        reason: details
            .error_info()
            .map(|info| word(&info.reason))
            .unwrap_or_default(),
        fields: fields.take(20).collect(),
    }
}
