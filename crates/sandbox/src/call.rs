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
            Some(Malformed::FilterIgnored) => &without_filter(call.query()),
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

/// What is left of a list's query if it is not filtered: which page.
fn without_filter(query: &str) -> String {
    let pages = |pair: &&str| pair.starts_with("start=") || pair.starts_with("limit=");
    query.split('&').filter(pages).collect::<Vec<_>>().join("&")
}

/// Whether a content type is JSON; parameters such as a charset do not matter.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
pub(crate) mod tests {
    use http::{Method, Request, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::{
        config::Config,
        fault::{FaultRule, Target},
    };

    pub(crate) fn call(method: &Method, path: &str, body: &[u8]) -> Call {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("finicity-app-key", "5a6e64626f786170706b657930303031")
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        let (head, ()) = request.body(()).unwrap().into_parts();
        Call::new(head, Ok(Bytes::copy_from_slice(body)))
    }

    impl State {
        /// Takes a request from its head to its outcome; no barrier may hold it.
        pub(crate) fn take(&mut self, call: Call) -> Outcome {
            self.catch_up();
            let arrival = self.arrive(&call.head);
            match self.submit(call, arrival) {
                Submitted::Done(outcome) => *outcome,
                Submitted::Held(_) => panic!("a barrier holds the request"),
            }
        }
    }

    impl Call {
        pub(crate) fn with_token(mut self, token: &str) -> Self {
            let token = token.parse().unwrap();
            self.head.headers.insert("finicity-app-token", token);
            self
        }
    }

    const LOG_IN: &str = "/aggregation/v2/partners/authentication";

    fn log_in_body() -> Vec<u8> {
        let partner = Config::for_tests().partner;
        json!({"partnerId": partner.id, "partnerSecret": partner.secret})
            .to_string()
            .into()
    }

    #[test]
    fn one_seed_gives_one_history_and_reset_repeats_it() {
        let mut one = State::new(Config::for_tests());
        let body = log_in_body();
        let first = one.take(call(&Method::POST, LOG_IN, &body)).answer.body;
        one.reset(None);
        let again = one.take(call(&Method::POST, LOG_IN, &body)).answer.body;
        assert_eq!(first, again);
        one.reset(Some(99));
        let other = one.take(call(&Method::POST, LOG_IN, &body)).answer.body;
        assert_ne!(first, other);
        assert_eq!(one.config.seed, 99);
    }

    #[test]
    fn a_fault_before_the_answer_leaves_the_work_done() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken).answer(502, None);
        let id = state.faults.add(rule).unwrap();
        let outcome = state.take(call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::BAD_GATEWAY);
        assert_eq!(outcome.arrival.fault.map(|fault| fault.id), Some(id));
        assert_eq!(state.live_tokens(), 1);
    }

    #[test]
    fn a_fault_with_commit_never_leaves_the_work_undone() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken)
            .commit(Commit::Never)
            .answer(503, None);
        state.faults.add(rule).unwrap();
        let outcome = state.take(call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(state.live_tokens(), 0);
        let outcome = state.take(call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::OK);
    }

    #[test]
    fn work_neither_done_nor_answered_is_a_gateway_time_out() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken)
            .commit(Commit::Never)
            .latency(Duration::from_secs(5));
        state.faults.add(rule).unwrap();
        let outcome = state.take(call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::GATEWAY_TIMEOUT);
        let effect = outcome.arrival.fault.unwrap().effect;
        assert_eq!(effect.latency, Duration::from_secs(5));
    }

    #[test]
    fn late_work_is_done_when_its_time_has_come_and_at_that_time() {
        let mut state = State::new(Config::for_tests());
        let start = state.clock.now();
        for seconds in [3, 1] {
            let rule = FaultRule::on(Operation::CreateToken)
                .commit(Commit::Late(Duration::from_secs(seconds)))
                .answer(502, None);
            state.add_fault(rule).unwrap();
            let outcome = state.take(call(&Method::POST, LOG_IN, &log_in_body()));
            assert_eq!(outcome.answer.status, StatusCode::BAD_GATEWAY);
        }
        state.clock.advance(Duration::from_secs(2)).unwrap();
        state.catch_up();
        assert_eq!(state.live_tokens(), 1);
        state.clock.advance(Duration::from_secs(7200)).unwrap();
        state.catch_up();
        // The first token was issued one second after the start, the second three seconds after.
        assert_eq!(state.clock.now().duration_since(start).as_secs(), 7202);
        assert_eq!(state.live_tokens(), 1);
    }

    #[test]
    fn late_work_is_forgotten_by_a_reset() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken)
            .commit(Commit::Late(Duration::from_secs(1)))
            .answer(502, None);
        state.add_fault(rule).unwrap();
        state.take(call(&Method::POST, LOG_IN, &log_in_body()));
        state.reset(None);
        state.clock.advance(Duration::from_secs(2)).unwrap();
        state.catch_up();
        assert_eq!(state.live_tokens(), 0);
    }

    #[test]
    fn the_newest_barrier_holds_a_request_and_release_lets_them_go_in_order() {
        let mut state = State::new(Config::for_tests());
        let any = state.barriers.add(Target::Any);
        let log_in = Target::Operation(Operation::CreateToken);
        let newest = state.barriers.add(log_in);
        let mut waiting = Vec::new();
        for secret in ["wrong", "SandboxSecret1234"] {
            let body = json!({"partnerId": "2445580000001", "partnerSecret": secret});
            let call = call(&Method::POST, LOG_IN, body.to_string().as_bytes());
            let arrival = state.arrive(&call.head);
            let Submitted::Held(outcome) = state.submit(call, arrival) else {
                panic!("the barrier holds it");
            };
            waiting.push(outcome);
        }
        assert_eq!(state.barriers.status(newest).unwrap().waiting, 2);
        assert_eq!(state.barriers.status(any).unwrap().waiting, 0);
        assert_eq!(state.live_tokens(), 0);
        let held = state.barriers.release(newest).unwrap();
        assert_eq!(state.let_go(held), 2);
        let statuses: Vec<_> = waiting
            .iter_mut()
            .map(|outcome| outcome.try_recv().unwrap().answer.status.as_u16())
            .collect();
        assert_eq!(statuses, [401, 200]);
        assert!(state.barriers.status(newest).unwrap().released);
        let held = state.barriers.release(any).unwrap();
        assert_eq!(state.let_go(held), 0);
        assert_eq!(
            state
                .take(call(&Method::POST, LOG_IN, &log_in_body()))
                .answer
                .status,
            StatusCode::OK
        );
    }

    #[test]
    fn a_body_must_be_json_by_name_and_by_content() {
        let mut state = State::new(Config::for_tests());
        let body = log_in_body();
        for content_type in ["", "text/plain", "application/jsonx"] {
            let mut call = call(&Method::POST, LOG_IN, &body);
            let value = content_type.parse().unwrap();
            call.head.headers.insert(CONTENT_TYPE, value);
            assert_eq!(
                state.take(call).answer.status,
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            );
        }
        let deep = "[".repeat(100_000);
        for broken in [
            "",
            "{",
            "[]",
            "nul",
            "{\"partnerId\": 1}",
            deep.as_str(),
            "\u{0}",
        ] {
            let outcome = state.take(call(&Method::POST, LOG_IN, broken.as_bytes()));
            assert_eq!(
                outcome.answer.status,
                StatusCode::BAD_REQUEST,
                "{}",
                broken.len()
            );
        }
        let outcome = state.take(call(&Method::POST, LOG_IN, b"\xff\xfe"));
        assert_eq!(outcome.answer.status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn no_json_value_in_any_member_panics_or_is_taken_for_a_fault_of_ours() {
        let mut state = State::new(Config::for_tests());
        let partner = state.config.partner.clone();
        let token = state
            .create_token(&partner.app_key, &partner.id, &partner.secret)
            .unwrap();
        let id = crate::customer::tests::customer(&mut state, "customer1");
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("\u{0}\u{202e}é"),
            json!("1".repeat(10_000)),
            json!([]),
            json!([{"a": []}]),
            json!({}),
            json!({"year": "x", "name": 1, "countryCode": [], "country": {}}),
            json!({"year": i64::MIN, "month": i64::MAX, "dayOfMonth": "-0"}),
        ];
        let members = [
            "partnerId",
            "partnerSecret",
            "newPartnerSecret",
            "immediate",
            "username",
            "firstName",
            "lastName",
            "applicationId",
            "phone",
            "email",
            "state",
            "ssn",
            "birthday",
            "endUser",
            "name",
            "personallyLiable",
            "address",
            "phoneNumber",
            "url",
            "type",
            "taxId",
        ];
        let routes = [
            (Method::POST, LOG_IN),
            (Method::PUT, LOG_IN),
            (Method::POST, "/aggregation/v2/customers/testing"),
            (Method::PUT, "/aggregation/v1/customers/@"),
            (Method::POST, "/decisioning/v1/customers/@/consumer"),
            (Method::POST, "/business-services/customers/@/businesses"),
        ];
        for (method, template) in routes {
            let path = template.replace('@', &id);
            for member in members {
                for value in &values {
                    // Everything else is in order, so that this one member is what is judged.
                    let mut body = json!({
                        "username": "customer2", "firstName": "Jane", "lastName": "Doe", "state": "UT",
                        "ssn": "123456789", "phone": "1", "name": "A", "personallyLiable": false, "address": {},
                        "phoneNumber": {},
                    });
                    if path.contains("consumer") {
                        body["address"] = json!("1 Main");
                    }
                    body[member] = value.clone();
                    let body = body.to_string();
                    let call = call(&method, &path, body.as_bytes()).with_token(&token);
                    let status = state.take(call).answer.status;
                    assert!(
                        !status.is_server_error(),
                        "{method} {template} {member} {value}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_path_id_reaches_another_record_or_panics() {
        let mut state = State::new(Config::for_tests());
        let partner = state.config.partner.clone();
        let token = state
            .create_token(&partner.app_key, &partner.id, &partner.secret)
            .unwrap();
        for id in [
            "%zz",
            "%ff",
            "..%2f..",
            "%00",
            "-1",
            "99999999999999999999999",
            "%20",
            "1e3",
            "+7",
        ] {
            for template in [
                "/aggregation/v1/customers/@",
                "/aggregation/v1/customers/@/application",
                "/decisioning/v1/customers/@/consumer",
                "/decisioning/v1/consumers/@",
                "/business-services/customers/@/businesses",
                "/business-services/businesses/@",
                "/customers/institution-logins/@/authorization-details",
            ] {
                let path = template.replace('@', id);
                let call = call(&Method::GET, &path, b"").with_token(&token);
                let status = state.take(call).answer.status;
                let expected = operation::percent_decode(id).is_some();
                assert!(status.is_client_error(), "{path} {status}");
                assert!(
                    expected || status == StatusCode::BAD_REQUEST,
                    "{path} {status}"
                );
            }
        }
    }
}
