//! One request to the imitated API, from its arrival to its answer.
//!
//! Its head arrives and a fault may meet it; its body arrives and a barrier may hold it; then its work is done, unless
//! the fault forbids that, and its answer decided.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE, request::Parts};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    answer::Answer,
    auth::PartnerIndex,
    barrier::Held,
    commit::RecordChange,
    customer,
    fault::{Commit, Fired, Malformed},
    journal::{Committed, Ticket},
    mask::mask,
    operation::{self, Found, Operation},
    refusal::Refusal,
    state::State,
    store::Durable,
};

/// One complete request to the imitated API.
pub(crate) struct Call {
    head: Parts,
    /// The body, or why it could not be read.
    body: Result<Bytes, Refusal>,
    /// Who calls, if that was settled before: work that is late was let in when it came.
    admitted: Option<PartnerIndex>,
}

/// What is known once the head of a request is there.
pub(crate) struct Arrival {
    pub(crate) ticket: Ticket,
    pub(crate) operation: Option<Operation>,
    pub(crate) fault: Option<Fired>,
}

/// What became of a request.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) arrival: Arrival,
    /// To be waited for before the answer is sent.
    pub(crate) durable: Durable,
}

/// What became of a request for now.
pub(crate) enum Submitted {
    Done(Box<Outcome>),
    /// It waits at a barrier.
    Held(oneshot::Receiver<Outcome>),
}

/// A request that the vendor carries out after its client has given up on it.
pub(crate) struct LateWork {
    due: Timestamp,
    call: Call,
    ticket: Ticket,
    visible_after: Duration,
}

impl Call {
    pub(crate) fn new(head: Parts, body: Result<Bytes, Refusal>) -> Self {
        Self {
            head,
            body,
            admitted: None,
        }
    }

    fn found(&self) -> Found<'_> {
        operation::find(&self.head.method, self.head.uri.path())
    }

    /// Whether it only reads records.
    fn is_read(&self) -> bool {
        matches!(self.found(), Found::Operation(operation, _) if operation.is_read())
    }

    fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        header(&self.head.headers, name)
    }

    /// The body as JSON, if it is said to be JSON and is.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        let body = self.body.as_ref().map_err(Clone::clone)?;
        if !self.header(CONTENT_TYPE.as_str()).is_some_and(is_json) {
            return Err(Refusal::WrongMediaType);
        }
        serde_json::from_slice(body).map_err(|_| Refusal::BadRequest)
    }
}

/// The value of a header. One that is not text is there but cannot be right, so it reads as a word nobody uses.
pub(crate) fn header<'headers>(headers: &'headers HeaderMap, name: &str) -> Option<&'headers str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

impl State {
    /// Takes the head of a request: notes it, and picks the fault that meets it.
    pub(crate) fn arrive(&mut self, head: &Parts) -> Arrival {
        let operation = match operation::find(&head.method, head.uri.path()) {
            Found::Operation(operation, _) => Some(operation),
            Found::WrongMethod { .. } | Found::Nothing => None,
        };
        let fault = operation.and_then(|operation| self.faults.fire(operation));
        let ticket = self.journal.request(
            self.clock.now(),
            operation,
            &head.method,
            head.uri.path(),
            fault.as_ref().map(|fault| fault.id),
        );
        Arrival {
            ticket,
            operation,
            fault,
        }
    }

    /// Takes a complete request: holds it at a barrier or carries it out.
    pub(crate) fn submit(&mut self, call: Call, arrival: Arrival) -> Submitted {
        if let Some(operation) = arrival.operation
            && let Some(barrier) = self.barriers.meets(operation)
        {
            self.signals.held += 1;
            return Submitted::Held(barrier.hold(call, arrival));
        }
        Submitted::Done(Box::new(self.carry_out(call, arrival)))
    }

    /// Carries out what a barrier held, in the order of arrival.
    pub(crate) fn let_go(&mut self, held: Vec<Held>) -> usize {
        let count = held.len();
        for Held {
            call,
            arrival,
            reply,
        } in held
        {
            // Nobody waits for it any more if the client has left.
            let _ = reply.send(self.carry_out(call, arrival));
        }
        count
    }

    /// Does the work unless a fault forbids that, and decides on the answer.
    fn carry_out(&mut self, call: Call, arrival: Arrival) -> Outcome {
        let ticket = arrival.ticket;
        let answer = match &arrival.fault {
            None => self.work(&call, ticket, None, Duration::ZERO),
            Some(fault) => {
                let effect = &fault.effect;
                let real = match fault.commit {
                    Commit::Before => {
                        Some(self.work(&call, ticket, effect.malformed, effect.visible_after))
                    }
                    Commit::Never => None,
                    Commit::Late(by) => {
                        self.postpone(call, ticket, by, effect.visible_after);
                        None
                    }
                };
                effect.answer(real)
            }
        };
        Outcome {
            answer,
            arrival,
            durable: self.durable(),
        }
    }

    /// Does the work of a request and notes what it changed.
    fn work(
        &mut self,
        call: &Call,
        ticket: Ticket,
        malformed: Option<Malformed>,
        visible_after: Duration,
    ) -> Answer {
        let answer = if !visible_after.is_zero() && !call.is_read() {
            let until = self.later(visible_after);
            self.write_unseen(until, |state| state.perform(call, malformed))
        } else if self.unseen.is_empty() {
            self.perform(call, malformed)
        } else if call.is_read() {
            self.read_as_seen(|state| state.perform(call, malformed))
        } else {
            self.write_seen(|state| state.perform(call, malformed))
        };
        self.note_changes(Some(ticket));
        answer.unwrap_or_else(|refusal| refusal.answer(&self.config.quirks))
    }

    /// Commits, and notes in the journal what became of records since the last time.
    pub(crate) fn note_changes(&mut self, request: Option<Ticket>) {
        for RecordChange {
            change,
            kind,
            id,
            partner,
        } in self.commit()
        {
            let record = self.record(kind, &id).map(|mut record| {
                mask(&mut record);
                record
            });
            let partner = self.partners.get(partner);
            let committed = Committed {
                change,
                kind,
                id,
                partner_id: partner
                    .map(|partner| partner.id.clone())
                    .unwrap_or_default(),
                record,
            };
            self.journal.commit(self.clock.now(), request, committed);
        }
    }

    /// The virtual time when so much of it will have passed.
    fn later(&self, by: Duration) -> Timestamp {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(by).unwrap_or(Timestamp::MAX)
    }

    fn postpone(&mut self, mut call: Call, ticket: Ticket, by: Duration, visible_after: Duration) {
        // The vendor lets a request in when it comes: what happens to the token afterwards does not undo that.
        let token = call.header("finicity-app-token");
        let admitted = self.authenticate(call.header("finicity-app-key"), token);
        call.admitted = admitted.ok();
        let due = self.later(by);
        let position = self.late.partition_point(|other| other.due <= due);
        let work = LateWork {
            due,
            call,
            ticket,
            visible_after,
        };
        self.late.insert(position, work);
    }

    /// Does the late work that is due, each at its time. Nobody can tell that it was not done just then, since
    /// everybody who looks comes through here first.
    pub(crate) fn catch_up(&mut self) {
        while let Some(next) = self.late.front()
            && next.due <= self.clock.now()
            && let Some(LateWork {
                due,
                call,
                ticket,
                visible_after,
            }) = self.late.pop_front()
        {
            self.clock.pin(Some(due));
            self.work(&call, ticket, None, visible_after);
            self.clock.pin(None);
        }
    }

    fn perform(&mut self, call: &Call, malformed: Option<Malformed>) -> Result<Answer, Refusal> {
        let (operation, id) = match call.found() {
            Found::Operation(operation, id) => (operation, id),
            Found::WrongMethod { allow } => return Err(Refusal::WrongMethod { allow }),
            Found::Nothing => return Err(Refusal::UnknownRoute),
        };
        let app_key = call.header("finicity-app-key");
        if matches!(
            operation,
            Operation::CreateToken | Operation::ModifyPartnerSecret
        ) {
            let app_key = self.known_app_key(app_key)?;
            return if operation == Operation::CreateToken {
                self.route_create_token(app_key, call)
            } else {
                self.route_modify_partner_secret(app_key, call)
            };
        }
        let caller = match call.admitted {
            Some(partner) => partner,
            None => self.authenticate(app_key, call.header("finicity-app-token"))?,
        };
        let id = operation::percent_decode(id).ok_or(Refusal::BadRequest)?;
        let id = id.as_ref();
        if !operation.takes_body() {
            // A body nobody asked for is ignored, unless it is too large to take in.
            call.body.as_ref().map_err(Clone::clone)?;
        }
        let query = match malformed {
            Some(Malformed::FilterIgnored) => &customer::without_filter(call.query()),
            Some(_) | None => call.query(),
        };
        match operation {
            // These two were answered above, before a token was asked for.
            Operation::CreateToken | Operation::ModifyPartnerSecret => Err(Refusal::UnknownRoute),
            Operation::AddTestingCustomer => self.route_add_testing_customer(caller, call),
            Operation::AddCustomer => self.route_add_customer(caller, call),
            Operation::GetCustomers => self.route_customers(caller, query),
            Operation::GetCustomer => self.route_customer(caller, id),
            Operation::ModifyCustomer => self.route_update_customer(caller, id, call),
            Operation::DeleteCustomer => self.route_delete_customer(caller, id),
            Operation::GetCustomerWithAppData => self.route_customer_application(caller, id),
            Operation::CreateConsumer => self.route_create_consumer(caller, id, call),
            Operation::GetConsumerForCustomer => self.route_consumer_by_customer(caller, id),
            Operation::GetConsumer => self.route_consumer(caller, id),
            Operation::ModifyConsumer => self.route_update_consumer(caller, id, call),
            Operation::AddBusinessDetails => self.route_create_business(caller, id, call),
            Operation::GetBusinessByCustomer => self.route_business_by_customer(caller, id),
            Operation::UpdateBusiness => self.route_update_business(caller, id, call),
            Operation::GetBusinessById => self.route_business(caller, id),
            Operation::GetCustomerAuthorizationDetails => {
                self.route_authorization_details(caller, id)
            }
        }
    }
}

/// A blank id in a path is a missing parameter.
pub(crate) fn check_id(id: &str, name: &'static str) -> Result<(), Refusal> {
    if id.trim().is_empty() {
        return Err(Refusal::MissingParameter(name));
    }
    Ok(())
}

/// Whether a content type is JSON; parameters such as a charset do not matter.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
pub(crate) mod tests;
