//! A look whether the record of a row is there, and whether it is what the row wants.

use openfinance_rpc::{code_name, pb};
use tonic::{Code, Response, Status};

use super::{Answer, Creation, INCOMPLETE, NOT_COMPARABLE, judged, timed};
use crate::{
    connect::{Gateway, kept_back},
    transfer::{
        alike::{self, Likeness},
        journal::{Partly, Reason, word},
    },
};

impl Creation {
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
        code: code_name(Code::AlreadyExists).to_owned(),
        reason: reason.to_owned(),
        fields: Vec::new(),
    }
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
            let (likeness, id) = like(answer.get_ref(), &kept_back(&answer));
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
        code: code_name(Code::Aborted).to_owned(),
        reason: INCOMPLETE.to_owned(),
        fields: Vec::new(),
    };
    Answer::Refused(reason, partly)
}
