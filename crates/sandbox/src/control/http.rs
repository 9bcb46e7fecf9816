//! The control plane as JSON over HTTP. Unknown keys are errors; an error names keys, never values.

mod journal;
mod keys;
mod records;
mod rule;
mod snapshot;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use self::{
    keys::{Keys, Problem, bad, not_found},
    rule::{fault, fault_view, target, target_view},
};
use super::{ControlError, PartnerSummary, Summary};
use crate::{
    answer::Answer,
    auth::{Lock, Revoke},
    authorization::{Connection, InvalidInstitutionLogin, NewInstitutionLogin},
    config::PartnerCredentials,
    operation::Operation,
    page,
    refusal::Refusal,
    shared::Shared,
    state::State,
    store::Durable,
};

/// The control route in a path, if it is one. The vendor has nothing under this prefix.
pub(crate) fn control_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/__sandbox")?;
    if rest.is_empty() || rest.starts_with('/') {
        // What is outside of v1 stays as it is: the page may know it, no route begins with a slash.
        Some(rest.strip_prefix("/v1/").unwrap_or(path))
    } else {
        None
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let text = error.to_string();
        match error {
            ControlError::UnknownPartner
            | ControlError::UnknownFault
            | ControlError::UnknownBarrier
            | ControlError::InstitutionLogin(InvalidInstitutionLogin::UnknownCustomer) => {
                not_found(text)
            }
            ControlError::ClockOverflow
            | ControlError::PartnerExists
            | ControlError::Fault(_)
            | ControlError::Snapshot(_)
            | ControlError::InstitutionLogin(InvalidInstitutionLogin::EndsBeforeStart) => bad(text),
        }
    }
}

/// Answers a control request; `path` is what [`control_path`] made of it. The ticket is to be waited for before.
pub(crate) fn route(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: Result<Bytes, Refusal>,
) -> (Answer, Durable) {
    if let Some(answer) = page::answer(method, path) {
        return (answer, Durable::already());
    }
    let query = query.unwrap_or_default();
    let outcome = match (method, path, body) {
        (_, _, Err(_)) => Err(bad("the body is too large")),
        // Long answers are copied under the lock, but written out after it.
        (&Method::GET, "requests", _) => journal::requests(shared, query),
        (&Method::GET, "journal", _) => journal::journal(shared, query),
        (&Method::GET, "records", _) => records::records(shared, query),
        _ if !query.is_empty() => Err(bad("this route takes no query")),
        (&Method::GET, "snapshot", _) => snapshot::get(shared),
        (&Method::POST, "restore", Ok(body)) => snapshot::post(shared, &body),
        (method, path, Ok(body)) => {
            let (outcome, durable) = shared.with(|state| perform(state, method, path, &body));
            // A refusal may tell of what is not on disk yet: that somebody has the name, say.
            let answer = match outcome {
                Ok(body) => Answer::json(StatusCode::OK, &body),
                Err(problem) => refuse(&problem),
            };
            Ok((answer, durable))
        }
    };
    outcome.unwrap_or_else(|problem| (refuse(&problem), Durable::already()))
}

/// What a page of another site is told, or rather its browser.
pub(crate) fn refuse_another_site() -> Answer {
    refuse(&Problem {
        status: StatusCode::FORBIDDEN,
        text: "a page of another site may not change anything here".to_owned(),
    })
}

fn refuse(Problem { status, text }: &Problem) -> Answer {
    Answer::json(*status, &json!({ "error": text }))
}

fn perform(state: &mut State, method: &Method, path: &str, body: &[u8]) -> Result<Value, Problem> {
    let (noun, rest) = path.split_once('/').unwrap_or((path, ""));
    match (method.as_str(), noun, rest) {
        ("POST", "reset", "") => reset(state, Keys::read(body)?),
        ("GET", "state", "") => Ok(summary_view(&state.summary())),
        ("POST", "clock", "advance") => advance(state, Keys::read(body)?),
        ("POST", "tokens", "revoke") => revoke(state, Keys::read(body)?),
        ("POST", "partners", "") => add_partner(state, Keys::read(body)?),
        ("POST", "partner", "") => change_partner(state, Keys::read(body)?),
        ("POST", "applications", "") => add_application(state, Keys::read(body)?),
        ("POST", "institution-logins", "") => add_institution_login(state, Keys::read(body)?),
        ("POST", "faults", "") => {
            let rule = fault(Keys::read(body)?)?;
            let id = state.add_fault(rule).map_err(ControlError::from)?;
            Ok(json!({ "id": id }))
        }
        ("GET", "faults", "") => {
            let faults: Vec<_> = state.faults.list().iter().map(fault_view).collect();
            Ok(json!({ "faults": faults }))
        }
        ("DELETE", "faults", "") => Ok(json!({ "removed": state.clear_faults() })),
        ("DELETE", "faults", id) => {
            if id.parse().is_ok_and(|id| state.remove_fault(id)) {
                Ok(json!({ "removed": 1 }))
            } else {
                Err(ControlError::UnknownFault.into())
            }
        }
        ("POST", "barriers", "") => add_barrier(state, Keys::read(body)?),
        ("GET", "barriers", id) => barrier(state, id),
        ("POST", "barriers", rest) => match rest.strip_suffix("/release") {
            Some(id) => release_barrier(state, id, Keys::read(body)?),
            None => Err(not_found("no such control route")),
        },
        _ => Err(not_found("no such control route")),
    }
}

fn add_barrier(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let target = target(&mut keys)?;
    keys.end()?;
    Ok(json!({ "id": state.barriers.add(target) }))
}

fn barrier(state: &State, id: &str) -> Result<Value, Problem> {
    let status = id.parse().ok().and_then(|id| state.barriers.status(id));
    let status = status.ok_or(ControlError::UnknownBarrier)?;
    Ok(json!({
        "id": status.id,
        "operation": target_view(status.target),
        "waiting": status.waiting,
        "released": status.released,
    }))
}

fn release_barrier(state: &mut State, id: &str, keys: Keys) -> Result<Value, Problem> {
    keys.end()?;
    let held = id.parse().ok().and_then(|id| state.barriers.release(id));
    let held = held.ok_or(ControlError::UnknownBarrier)?;
    Ok(json!({ "released": state.let_go(held) }))
}

fn reset(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let seed = keys.count("seed")?;
    keys.end()?;
    state.reset(seed);
    Ok(json!({ "seed": state.config.seed }))
}

fn summary_view(summary: &Summary) -> Value {
    let partners: Vec<_> = summary.partners.iter().map(partner_view).collect();
    json!({
        "now": summary.now.to_string(),
        "seed": summary.seed,
        "counts": {
            "customers": summary.counts.customers,
            "consumers": summary.counts.consumers,
            "businesses": summary.counts.businesses,
            "institutionLogins": summary.counts.institution_logins,
            "tokens": summary.counts.tokens,
        },
        "partners": partners,
    })
}

fn partner_view(partner: &PartnerSummary) -> Value {
    json!({
        "partnerId": partner.partner_id,
        "locked": partner.locked,
        "failedAuthentications": partner.failed_authentications,
        "maxConsecutiveFailedAuthentications": partner.max_consecutive_failed_authentications,
        "tokenRequests": partner.token_requests,
    })
}

fn advance(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let seconds = keys
        .take("seconds")
        .ok_or_else(|| bad("seconds is required"))?;
    keys.end()?;
    let by = seconds
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| bad("seconds must be a number that is not negative"))?;
    let now = state.clock.advance(by).ok_or(ControlError::ClockOverflow)?;
    Ok(json!({ "now": now.to_string() }))
}

fn revoke(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let which = match keys.text("revoke")?.as_deref() {
        None | Some("all") => Revoke::All,
        Some("last") => Revoke::Last,
        Some(_) => return Err(bad("revoke must be all or last")),
    };
    keys.end()?;
    Ok(json!({ "revoked": state.revoke_tokens(which) }))
}

fn add_partner(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let credentials = PartnerCredentials {
        id: keys.required("partnerId")?,
        secret: keys.required("partnerSecret")?,
        app_key: keys.required("appKey")?,
    };
    keys.end()?;
    state.add_partner(&credentials)?;
    Ok(json!({ "partnerId": credentials.id }))
}

fn change_partner(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let id = keys.text("partnerId")?;
    let locked = keys.flag("locked")?;
    let secret = keys.text("secret")?;
    keys.end()?;
    if secret.as_deref() == Some("") {
        // Nobody could log in with it, because it would count as missing.
        return Err(bad("secret must not be empty"));
    }
    let partner = state.partner_mut(id.as_deref())?;
    match locked {
        Some(true) => partner.set_lock(Lock::Locked),
        Some(false) => partner.set_lock(Lock::Unlocked),
        None => {}
    }
    if let Some(secret) = secret {
        partner.set_secret(&secret);
    }
    Ok(partner_view(&partner.summary()))
}

fn add_application(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let id = keys.required("applicationId")?;
    let name = keys.required("applicationName")?;
    keys.end()?;
    state.applications.insert(id.clone(), name);
    Ok(json!({ "applicationId": id }))
}

fn add_institution_login(state: &mut State, mut keys: Keys) -> Result<Value, Problem> {
    let customer_id = match keys.take("customerId") {
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            return Err(bad("customerId is required, as text or number"));
        }
    };
    let connection = match keys.required("connection")?.as_str() {
        "oauth" => Connection::Oauth,
        "legacy" => Connection::Legacy,
        "uncaptured" => Connection::Uncaptured,
        _ => return Err(bad("connection must be oauth, legacy or uncaptured")),
    };
    let new = NewInstitutionLogin {
        customer_id,
        connection,
        start: keys.time("authorizationStartDate")?,
        end: keys.time("authorizationEndDate")?,
    };
    keys.end()?;
    let id = state
        .add_institution_login(&new)
        .map_err(ControlError::from)?;
    Ok(json!({ "institutionLoginId": id }))
}

fn parse_operation(id: &str) -> Result<Operation, Problem> {
    id.parse()
        .map_err(|_| bad("operation must be one of the vendor's operation ids"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    pub(super) struct Plane(pub(super) Shared);

    impl Plane {
        pub(super) fn new() -> Self {
            Self(Shared::new(State::new(Config::for_tests())))
        }

        pub(super) fn send(&self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let body = Bytes::from(body.to_string());
            let (answer, _) = route(&self.0, method, path, Some(query), Ok(body));
            (
                answer.status.as_u16(),
                serde_json::from_slice(&answer.body).unwrap(),
            )
        }

        pub(super) fn post(&self, path: &str, body: Value) -> (u16, Value) {
            self.send(&Method::POST, path, &body)
        }

        pub(super) fn get(&self, path: &str) -> (u16, Value) {
            self.send(&Method::GET, path, &json!({}))
        }

        pub(super) fn refusal(&self, path: &str, body: Value) -> String {
            let (status, body) = self.post(path, body);
            assert_eq!(status, 400, "{body}");
            body["error"].as_str().unwrap().to_owned()
        }
    }

    #[test]
    fn state_has_the_contracts_members() {
        let (status, mut body) = Plane::new().get("state");
        assert_eq!(status, 200);
        let now = body["now"].take();
        assert!(now.as_str().unwrap().starts_with("2026-01-01T00:00:00"));
        let expected = json!({
            "now": null,
            "seed": 1,
            "counts": {"customers": 0, "consumers": 0, "businesses": 0, "institutionLogins": 0, "tokens": 0},
            "partners": [{
                "partnerId": "2445580000001", "locked": false, "failedAuthentications": 0,
                "maxConsecutiveFailedAuthentications": 0, "tokenRequests": 0,
            }],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn unknown_routes_are_404_and_unknown_keys_400_by_name() {
        let plane = Plane::new();
        for (method, path) in [
            (&Method::GET, ""),
            (&Method::GET, "reset"),
            (&Method::POST, "reset/x"),
            (&Method::POST, "clock"),
            (&Method::DELETE, "faults/1"),
            (&Method::DELETE, "faults/x"),
            (&Method::GET, "barriers"),
            (&Method::GET, "barriers/1"),
            (&Method::POST, "barriers/1/release"),
            (&Method::POST, "barriers/x"),
        ] {
            let (status, body) = plane.send(method, path, &json!({}));
            assert_eq!(status, 404, "{method} {path}");
            assert!(body["error"].is_string());
        }
        for path in ["reset", "tokens/revoke", "partner"] {
            assert_eq!(
                plane.refusal(path, json!({"surprise": 1})),
                "unknown key surprise"
            );
        }
        assert_eq!(
            plane.refusal("clock/advance", json!({"seconds": 1, "surprise": 1})),
            "unknown key surprise",
        );
        assert_eq!(plane.get("requests?surprise=1").0, 400);
        assert_eq!(plane.get("state?surprise=1").0, 400);
        assert_eq!(
            plane.refusal("reset", json!([])),
            "the body must be a JSON object"
        );
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        let plane = Plane::new();
        let (answer, _) = route(&plane.0, &Method::POST, "reset", None, Ok(Bytes::new()));
        assert_eq!(answer.status, StatusCode::OK);
        let (answer, _) = route(
            &plane.0,
            &Method::POST,
            "reset",
            None,
            Ok(Bytes::from_static(b"{")),
        );
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_clock_goes_forward_only() {
        let plane = Plane::new();
        let (status, body) = plane.post("clock/advance", json!({"seconds": 7200}));
        assert_eq!(status, 200);
        assert!(
            body["now"]
                .as_str()
                .unwrap()
                .starts_with("2026-01-01T02:00:00")
        );
        assert_eq!(plane.post("clock/advance", json!({"seconds": 0.5})).0, 200);
        for seconds in [
            json!(-1),
            json!("1"),
            json!(1e300),
            json!(null),
            json!(1e15),
        ] {
            plane.refusal("clock/advance", json!({ "seconds": seconds }));
        }
        assert_eq!(
            plane.refusal("clock/advance", json!({})),
            "seconds is required"
        );
    }

    #[test]
    fn partners_are_added_and_changed_without_showing_secrets() {
        let plane = Plane::new();
        let new = json!({"partnerId": "2", "partnerSecret": "hush", "appKey": "key"});
        let (status, body) = plane.post("partners", new.clone());
        assert_eq!((status, body), (200, json!({"partnerId": "2"})));
        assert_eq!(plane.refusal("partners", new), "partnerId is taken");
        let (status, body) = plane.post(
            "partner",
            json!({"partnerId": "2", "locked": true, "secret": "hush2"}),
        );
        assert_eq!((status, &body["locked"]), (200, &json!(true)));
        assert!(!body.to_string().contains("hush"));
        assert_eq!(
            plane
                .post("partner", json!({"partnerId": null, "locked": null}))
                .0,
            200
        );
        assert_eq!(plane.post("partner", json!({"partnerId": "3"})).0, 404);
        assert_eq!(
            plane.refusal("partner", json!({"secret": ""})),
            "secret must not be empty"
        );
        assert_eq!(
            plane.refusal("partner", json!({"locked": 1})),
            "locked must be true or false"
        );
    }

    #[test]
    fn logins_take_ids_as_text_or_number_and_dates_with_or_without_zone() {
        let plane = Plane::new();
        let (id, _) = plane
            .0
            .with(|state| crate::customer::tests::customer(state, "customer1"));
        let number: u64 = id.parse().unwrap();
        let (status, body) = plane.post(
            "institution-logins",
            json!({"customerId": number, "connection": "oauth", "authorizationStartDate": "2026-01-01T00:00:00"}),
        );
        assert_eq!(status, 200);
        assert!(body["institutionLoginId"].is_i64());
        let dated = json!({
            "customerId": id, "connection": "legacy", "authorizationEndDate": "2027-01-01T00:00:00+01:00",
        });
        assert_eq!(plane.post("institution-logins", dated).0, 200);
        let unknown = json!({"customerId": "1234", "connection": "oauth"});
        assert_eq!(plane.post("institution-logins", unknown).0, 404);
        for broken in [
            json!({"connection": "oauth"}),
            json!({"customerId": id}),
            json!({"customerId": id, "connection": "pigeon"}),
            json!({"customerId": id, "connection": "oauth", "authorizationStartDate": "soon"}),
            json!({"customerId": id, "connection": "oauth", "authorizationEndDate": "1999-01-01"}),
        ] {
            plane.refusal("institution-logins", broken);
        }
    }
}
