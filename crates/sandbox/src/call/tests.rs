//! Requests that faults, barriers and the clock meddle with, and requests that make no sense.

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
