//! One request to the imitated API, from its arrival to its answer.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    answer::Answer,
    fault::Commit,
    operation::{Found, Operation},
    refusal::Refusal,
    request_log::Ticket,
    state::State,
};

/// One request to the imitated API.
pub(crate) struct Call<'request> {
    pub(crate) method: &'request Method,
    pub(crate) path: &'request str,
    pub(crate) found: Found<'request>,
    pub(crate) query: &'request str,
    pub(crate) app_key: Option<&'request str>,
    pub(crate) token: Option<&'request str>,
    pub(crate) content_type: Option<&'request str>,
    /// The body, or why it could not be read.
    pub(crate) body: Result<&'request [u8], Refusal>,
}

impl Call<'_> {
    /// The body as JSON, if it is said to be JSON and is.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        let body = self.body.clone()?;
        if !self.content_type.is_some_and(is_json) {
            return Err(Refusal::WrongMediaType);
        }
        serde_json::from_slice(body).map_err(|_| Refusal::BadRequest)
    }
}

/// What became of a request.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// How long to hold the answer back.
    pub(crate) latency: Duration,
    /// To be handed back once a held answer is sent.
    pub(crate) ticket: Ticket,
    pub(crate) fault: Option<u64>,
}

impl State {
    /// Takes one request: notes it, does the work unless a fault forbids that, and decides on the answer.
    pub(crate) fn handle(&mut self, call: &Call<'_>) -> Outcome {
        let (operation, id) = match call.found {
            Found::Operation(operation, id) => (Some(operation), id),
            Found::WrongMethod { .. } | Found::Nothing => (None, ""),
        };
        let fault = operation.and_then(|operation| self.faults.fire(operation));
        let ticket = self.log.note(
            self.clock.now(),
            operation,
            call.method,
            call.path,
            fault.as_ref().map(|fault| fault.id),
        );
        let work = !fault
            .as_ref()
            .is_some_and(|fault| fault.commit == Commit::Never);
        let real = work.then(|| {
            self.perform(operation, id, call)
                .unwrap_or_else(Refusal::answer)
        });
        let (latency, fault_id, fault_answer) = match fault {
            Some(fault) => (fault.latency, Some(fault.id), fault.answer),
            None => (Duration::ZERO, None, None),
        };
        // With nothing done and nothing else to say, the request ran into a time-out on the vendor's side.
        let answer = fault_answer
            .or(real)
            .unwrap_or_else(|| Answer::empty(StatusCode::GATEWAY_TIMEOUT));
        if latency.is_zero() {
            self.log.answered(ticket, answer.status);
        }
        Outcome {
            answer,
            latency,
            ticket,
            fault: fault_id,
        }
    }

    fn perform(
        &mut self,
        operation: Option<Operation>,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        let Some(operation) = operation else {
            return Err(match &call.found {
                Found::WrongMethod { allow } => Refusal::WrongMethod {
                    allow: allow.clone(),
                },
                Found::Operation(..) | Found::Nothing => Refusal::UnknownRoute,
            });
        };
        if matches!(
            operation,
            Operation::CreateToken | Operation::ModifyPartnerSecret
        ) {
            let app_key = self.known_app_key(call.app_key)?;
            return if operation == Operation::CreateToken {
                self.route_create_token(app_key, call)
            } else {
                self.route_modify_partner_secret(app_key, call)
            };
        }
        let caller = self.authenticate(call.app_key, call.token)?;
        let id = crate::operation::percent_decode(id).ok_or(Refusal::BadRequest)?;
        let id = id.as_ref();
        if !operation.takes_body() {
            // A body nobody asked for is ignored, unless it is too large to take in.
            call.body.clone()?;
        }
        match operation {
            // These two were answered above, before a token was asked for.
            Operation::CreateToken | Operation::ModifyPartnerSecret => Err(Refusal::UnknownRoute),
            Operation::AddTestingCustomer => self.route_add_testing_customer(caller, call),
            Operation::AddCustomer => self.route_add_customer(caller, call),
            Operation::GetCustomers => self.route_customers(caller, call.query),
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        config::Config,
        fault::FaultRule,
        operation::{find, percent_decode},
    };

    fn call<'request>(
        method: &'request Method,
        path: &'request str,
        body: &'request [u8],
    ) -> Call<'request> {
        Call {
            method,
            path,
            found: find(method, path),
            query: "",
            app_key: Some("5a6e64626f786170706b657930303031"),
            token: None,
            content_type: Some("application/json; charset=utf-8"),
            body: Ok(body),
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
        let first = one.handle(&call(&Method::POST, LOG_IN, &body)).answer.body;
        one.reset(None);
        let again = one.handle(&call(&Method::POST, LOG_IN, &body)).answer.body;
        assert_eq!(first, again);
        one.reset(Some(99));
        let other = one.handle(&call(&Method::POST, LOG_IN, &body)).answer.body;
        assert_ne!(first, other);
        assert_eq!(one.config.seed, 99);
    }

    #[test]
    fn a_fault_before_the_answer_leaves_the_work_done() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken).answer(502, None);
        let id = state.faults.add(rule).unwrap();
        let outcome = state.handle(&call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::BAD_GATEWAY);
        assert_eq!(outcome.fault, Some(id));
        assert_eq!(state.live_tokens(), 1);
    }

    #[test]
    fn a_fault_with_commit_never_leaves_the_work_undone() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken)
            .commit(Commit::Never)
            .answer(503, None);
        state.faults.add(rule).unwrap();
        let outcome = state.handle(&call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(state.live_tokens(), 0);
        let outcome = state.handle(&call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::OK);
    }

    #[test]
    fn work_neither_done_nor_answered_is_a_gateway_time_out() {
        let mut state = State::new(Config::for_tests());
        let rule = FaultRule::on(Operation::CreateToken)
            .commit(Commit::Never)
            .latency(Duration::from_secs(5));
        state.faults.add(rule).unwrap();
        let outcome = state.handle(&call(&Method::POST, LOG_IN, &log_in_body()));
        assert_eq!(outcome.answer.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(outcome.latency, Duration::from_secs(5));
    }

    #[test]
    fn a_body_must_be_json_by_name_and_by_content() {
        let mut state = State::new(Config::for_tests());
        let body = log_in_body();
        for content_type in [None, Some("text/plain"), Some("application/jsonx")] {
            let mut call = call(&Method::POST, LOG_IN, &body);
            call.content_type = content_type;
            assert_eq!(
                state.handle(&call).answer.status,
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
            let outcome = state.handle(&call(&Method::POST, LOG_IN, broken.as_bytes()));
            assert_eq!(
                outcome.answer.status,
                StatusCode::BAD_REQUEST,
                "{}",
                broken.len()
            );
        }
        let outcome = state.handle(&call(&Method::POST, LOG_IN, b"\xff\xfe"));
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
                    let mut call = call(&method, &path, body.as_bytes());
                    call.token = Some(&token);
                    let status = state.handle(&call).answer.status;
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
                let mut call = call(&Method::GET, &path, b"");
                call.token = Some(&token);
                let status = state.handle(&call).answer.status;
                let expected = percent_decode(id).is_some();
                assert!(status.is_client_error(), "{path} {status}");
                assert!(
                    expected || status == StatusCode::BAD_REQUEST,
                    "{path} {status}"
                );
            }
        }
    }
}
