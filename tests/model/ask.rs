//! A create that a caller asks for, and what the caller knows of it.

use openfinance_rpc::pb;
use openfinance_sandbox::RecordKind;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    canary,
    fleet::{Replica, reason},
    world::{any_business, any_consumer},
};

/// What the caller has to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was created and has this id.
    Told(String),
    /// Nothing was created.
    Nothing,
    /// Whether it was created is open.
    Open,
}

/// One create. Whoever repeats it with its request id asks for the same one.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) kind: RecordKind,
    /// What the vendor keeps unique: the username, or the customer's id.
    pub(super) place: String,
    /// In the record, so that whoever sees the record knows what asked for it.
    pub(super) mark: String,
    pub(super) request_id: String,
    pub(super) active: bool,
    pub(super) known: Known,
}

impl Ask {
    /// Sends it, for so many milliseconds if that is given, and answers the id.
    pub(super) async fn send(
        &self,
        replica: &Replica,
        timeout: Option<u32>,
    ) -> Result<String, Status> {
        let customer_id = self.place.clone();
        let request_id = self.request_id.clone();
        match self.kind {
            RecordKind::Customer => {
                let r#type = if self.active {
                    pb::CustomerType::Active
                } else {
                    pb::CustomerType::Testing
                };
                let customer = pb::Customer {
                    username: self.place.clone(),
                    r#type: r#type.into(),
                    first_name: canary::FIRST_NAME.to_owned(),
                    last_name: self.mark.clone(),
                    ..Default::default()
                };
                let request = pb::CreateCustomerRequest {
                    customer: Some(customer),
                    request_id,
                    ..Default::default()
                };
                let request = within(timeout, request);
                let made = replica.customers().create_customer(request).await;
                made.map(|made| made.into_inner().customer_id)
            }
            RecordKind::Consumer => {
                let consumer = pb::Consumer {
                    last_name: self.mark.clone(),
                    ..any_consumer()
                };
                let request = pb::CreateConsumerRequest {
                    customer_id,
                    consumer: Some(consumer),
                    request_id,
                    ..Default::default()
                };
                let request = within(timeout, request);
                let made = replica.consumers().create_consumer(request).await;
                made.map(|made| made.into_inner().consumer_id)
            }
            RecordKind::Business | RecordKind::InstitutionLogin => {
                let business = pb::Business {
                    name: self.mark.clone(),
                    ..any_business()
                };
                let request = pb::CreateBusinessRequest {
                    customer_id,
                    business: Some(business),
                    request_id,
                    ..Default::default()
                };
                let request = within(timeout, request);
                let made = replica.businesses().create_business(request).await;
                made.map(|made| made.into_inner().business_id)
            }
        }
    }

    /// Takes note of an answer, which must be one that the caller can go by.
    pub(super) fn note(&mut self, answer: Result<String, Status>) {
        let known = match answer {
            Ok(id) => Known::Told(id),
            Err(status) => self.judge(&status),
        };
        match (&self.known, &known) {
            (Known::Told(before), Known::Told(id)) => {
                assert_eq!(before, id, "one request, two ids");
            }
            (Known::Told(before), Known::Nothing) => {
                panic!("the caller was told {before}, and now that nothing was done");
            }
            (Known::Told(_), Known::Open) => return,
            (Known::Open | Known::Nothing, _) => {}
        }
        self.known = known;
    }

    /// What an error says.
    pub(super) fn judge(&self, status: &Status) -> Known {
        if told_by_client(status) {
            return Known::Open;
        }
        let resumable = !self.request_id.is_empty();
        match (status.code(), reason(status).as_str()) {
            (Code::Unavailable, "OUTCOME_UNKNOWN") if resumable => Known::Open,
            (Code::Unknown, "OUTCOME_UNKNOWN") if !resumable => Known::Open,
            (Code::Aborted, "REQUEST_IN_FLIGHT") if resumable => Known::Open,
            (Code::DeadlineExceeded, _) => {
                let details = status.get_error_details();
                let outcome = details
                    .error_info()
                    .unwrap()
                    .metadata
                    .get("outcome")
                    .cloned();
                match outcome.as_deref() {
                    Some("NOT_SENT") if !resumable => Known::Nothing,
                    Some("NOT_SENT" | "UNKNOWN") => Known::Open,
                    other => panic!("a deadline without outcome: {other:?}"),
                }
            }
            // The login that a create needs came back as something that nobody can read: nothing was sent.
            (Code::Internal, "UPSTREAM_MALFORMED") if operation(status) == "CreateToken" => {
                match resumable {
                    true => Known::Open,
                    false => Known::Nothing,
                }
            }
            (_, "OUTCOME_UNKNOWN") => panic!("not what was promised: {status:?}"),
            (Code::Unavailable | Code::ResourceExhausted, _) if resumable => Known::Open,
            (
                Code::Unavailable
                | Code::ResourceExhausted
                | Code::AlreadyExists
                | Code::InvalidArgument
                | Code::NotFound
                | Code::FailedPrecondition,
                _,
            ) => Known::Nothing,
            _ => panic!("nothing that a caller could go by: {status:?}"),
        }
    }
}

/// The vendor's operation that an error is about.
fn operation(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    info.and_then(|info| info.metadata.get("operation").cloned())
        .unwrap_or_default()
}

/// Whether the caller's own side has given up.
pub(super) fn told_by_client(status: &Status) -> bool {
    matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded)
        && status.get_error_details().error_info().is_none()
}

/// A request that may take so many milliseconds.
pub(super) fn within<T>(milliseconds: Option<u32>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(milliseconds) = milliseconds {
        let timeout = format!("{milliseconds}m").parse().unwrap();
        request.metadata_mut().insert("grpc-timeout", timeout);
    }
    request
}
