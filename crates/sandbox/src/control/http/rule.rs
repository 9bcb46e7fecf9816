//! Fault rules from and to JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    keys::{Keys, Problem, bad},
    parse_operation,
};
use crate::fault::{
    Commit, ConnectionFault, FaultAnswer, FaultBody, FaultRule, FaultStatus, Malformed, Stage,
    Target,
};

const STAGES: [(&str, Stage); 5] = [
    ("accept", Stage::Accept),
    ("request_headers", Stage::RequestHeaders),
    ("request_body", Stage::RequestBody),
    ("response_headers", Stage::ResponseHeaders),
    ("response_body", Stage::ResponseBody),
];

const MALFORMED: [(&str, Malformed); 8] = [
    ("not_json", Malformed::NotJson),
    ("empty", Malformed::Empty),
    ("missing_field", Malformed::MissingField),
    ("extra_fields", Malformed::ExtraFields),
    ("wrong_record", Malformed::WrongRecord),
    ("filter_ignored", Malformed::FilterIgnored),
    ("deep", Malformed::Deep),
    ("huge", Malformed::Huge),
];

/// Which requests are meant.
pub(super) fn target(keys: &mut Keys) -> Result<Target, Problem> {
    Ok(match keys.required("operation")?.as_str() {
        "*" => Target::Any,
        id => Target::Operation(parse_operation(id)?),
    })
}

pub(super) fn target_view(target: Target) -> &'static str {
    match target {
        Target::Any => "*",
        Target::Operation(operation) => operation.id(),
    }
}

pub(super) fn fault(mut keys: Keys) -> Result<FaultRule, Problem> {
    let target = target(&mut keys)?;
    let after = keys.count("after")?.unwrap_or(0);
    let times = keys.count("times")?.unwrap_or(1);
    let probability = keys.number("probability")?.unwrap_or(1.0);
    let late = Duration::from_millis(keys.count("late_ms")?.unwrap_or(0));
    let commit = match keys.text("commit")?.as_deref() {
        None | Some("before") => Commit::Before,
        Some("never") => Commit::Never,
        Some("late") => Commit::Late(late),
        Some(_) => return Err(bad("commit must be before, never or late")),
    };
    if !late.is_zero() && !matches!(commit, Commit::Late(_)) {
        return Err(bad("late_ms needs commit late"));
    }
    let effect = keys
        .take("effect")
        .ok_or_else(|| bad("effect is required"))?;
    keys.end()?;
    let mut effect = Keys::of(effect, "effect.")?;
    let rule = FaultRule {
        target,
        after,
        times,
        probability,
        commit,
        latency: Duration::from_millis(effect.count("latency_ms")?.unwrap_or(0)),
        answer: answer(&mut effect)?,
        connection: connection(&mut effect)?,
        truncate_bytes: effect.count("truncate_bytes")?,
        drip_bytes_per_second: effect
            .count("drip_bytes_per_s")?
            .map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        redirect_to: effect.text("redirect_to")?,
        malformed: word(&mut effect, "malformed", &MALFORMED)?,
        visible_after: Duration::from_millis(effect.count("visible_after_ms")?.unwrap_or(0)),
    };
    effect.end()?;
    Ok(rule)
}

/// The value that a word stands for.
fn word<T: Copy>(keys: &mut Keys, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(text) = keys.text(key)? else {
        return Ok(None);
    };
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        bad(format!("effect.{key} must be one of {}", words.join(", ")))
    })
}

/// The word that stands for a value.
fn word_of<T: PartialEq>(value: &T, words: &[(&'static str, T)]) -> &'static str {
    let found = words.iter().find(|(_, other)| other == value);
    found.map_or("", |(word, _)| word)
}

fn answer(effect: &mut Keys) -> Result<Option<FaultAnswer>, Problem> {
    let status = effect.count("status")?;
    let body = effect.take("body").map(|body| match body {
        Value::String(text) => FaultBody::Text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            FaultBody::Json(body)
        }
    });
    let content_type = effect.text("content_type")?;
    let headers = match effect.take("headers") {
        Some(Value::Object(headers)) => headers
            .into_iter()
            .map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| bad("effect.headers must be an object of text values"))?,
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        ) => {
            return Err(bad("effect.headers must be an object of text values"));
        }
        None => Vec::new(),
    };
    match status {
        Some(status) => Ok(Some(FaultAnswer {
            status: u16::try_from(status).unwrap_or(u16::MAX),
            body,
            content_type,
            headers,
        })),
        None if body.is_some() || content_type.is_some() || !headers.is_empty() => Err(bad(
            "effect.body, effect.content_type and effect.headers need effect.status",
        )),
        None => Ok(None),
    }
}

fn connection(effect: &mut Keys) -> Result<Option<ConnectionFault>, Problem> {
    let reset_at = word(effect, "reset_at", &STAGES)?;
    let stall_at = word(effect, "stall_at", &STAGES)?;
    match (reset_at, stall_at) {
        (Some(_), Some(_)) => Err(bad(
            "effect.reset_at and effect.stall_at exclude each other: leave one out",
        )),
        (Some(stage), None) => Ok(Some(ConnectionFault::ResetAt(stage))),
        (None, Some(stage)) => Ok(Some(ConnectionFault::StallAt(stage))),
        (None, None) => Ok(None),
    }
}

/// The rule as it could be posted again, with what became of it.
pub(super) fn fault_view(status: &FaultStatus) -> Value {
    let FaultStatus { id, rule, fired } = status;
    let (commit, late) = match rule.commit {
        Commit::Before => ("before", Duration::ZERO),
        Commit::Never => ("never", Duration::ZERO),
        Commit::Late(by) => ("late", by),
    };
    json!({
        "id": id,
        "operation": target_view(rule.target),
        "after": rule.after,
        "times": rule.times,
        "probability": rule.probability,
        "commit": commit,
        "late_ms": milliseconds(late),
        "effect": effect_view(rule),
        "fired": fired,
    })
}

fn effect_view(rule: &FaultRule) -> Value {
    let mut effect = Map::new();
    let mut insert = |key: &str, value| _ = effect.insert(key.to_owned(), value);
    if !rule.latency.is_zero() {
        insert("latency_ms", json!(milliseconds(rule.latency)));
    }
    if let Some(answer) = &rule.answer {
        insert("status", json!(answer.status));
        match &answer.body {
            Some(FaultBody::Text(text)) => insert("body", json!(text)),
            Some(FaultBody::Json(value)) => insert("body", value.clone()),
            None => {}
        }
        if let Some(content_type) = &answer.content_type {
            insert("content_type", json!(content_type));
        }
        if !answer.headers.is_empty() {
            let headers = answer.headers.iter();
            let headers: Map<_, _> = headers
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            insert("headers", Value::Object(headers));
        }
    }
    match rule.connection {
        Some(ConnectionFault::ResetAt(stage)) => {
            insert("reset_at", json!(word_of(&stage, &STAGES)));
        }
        Some(ConnectionFault::StallAt(stage)) => {
            insert("stall_at", json!(word_of(&stage, &STAGES)));
        }
        None => {}
    }
    if let Some(bytes) = rule.truncate_bytes {
        insert("truncate_bytes", json!(bytes));
    }
    if let Some(rate) = rule.drip_bytes_per_second {
        insert("drip_bytes_per_s", json!(rate));
    }
    if let Some(location) = &rule.redirect_to {
        insert("redirect_to", json!(location));
    }
    if let Some(malformed) = rule.malformed {
        insert("malformed", json!(word_of(&malformed, &MALFORMED)));
    }
    if !rule.visible_after.is_zero() {
        insert("visible_after_ms", json!(milliseconds(rule.visible_after)));
    }
    Value::Object(effect)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{super::tests::Plane, *};

    #[test]
    fn rules_are_listed_with_their_defaults_and_can_be_removed() {
        let plane = Plane::new();
        let effect = json!({"status": 503, "body": {"a": 1}, "headers": {"retry-after": "1"}, "latency_ms": 5});
        let (status, body) = plane.post(
            "faults",
            json!({"operation": "GetCustomer", "effect": effect}),
        );
        assert_eq!((status, &body), (200, &json!({"id": 1})));
        let (_, listed) = plane.get("faults");
        let expected = json!({"faults": [{
            "id": 1, "fired": 0, "operation": "GetCustomer", "after": 0, "times": 1, "probability": 1.0,
            "commit": "before", "late_ms": 0, "effect": effect,
        }]});
        assert_eq!(listed, expected);
        assert_eq!(plane.send(&Method::DELETE, "faults/1", &json!({})).0, 200);
        assert_eq!(plane.send(&Method::DELETE, "faults/1", &json!({})).0, 404);
        assert_eq!(plane.send(&Method::DELETE, "faults", &json!({})).0, 200);
        assert_eq!(plane.get("faults").1, json!({"faults": []}));
    }

    #[test]
    fn every_effect_is_listed_as_it_was_posted() {
        let plane = Plane::new();
        for effect in [
            json!({"latency_ms": 5, "status": 200, "truncate_bytes": 3, "drip_bytes_per_s": 7}),
            json!({"reset_at": "request_body"}),
            json!({"stall_at": "response_body", "malformed": "extra_fields"}),
            json!({"redirect_to": "https://example.com/"}),
            json!({"visible_after_ms": 1500, "malformed": "huge"}),
        ] {
            let rule = json!({
                "operation": "*", "after": 2, "times": 3, "probability": 0.5, "commit": "late", "late_ms": 9,
                "effect": effect,
            });
            let (status, body) = plane.post("faults", rule.clone());
            assert_eq!(status, 200, "{body}");
            let (_, listed) = plane.get("faults");
            let mut listed = listed["faults"].as_array().unwrap().last().unwrap().clone();
            for key in ["id", "fired"] {
                listed.as_object_mut().unwrap().remove(key);
            }
            assert_eq!(listed, rule);
        }
    }

    #[test]
    fn a_rule_that_is_not_understood_is_refused_by_key() {
        let plane = Plane::new();
        let status = json!({"status": 500});
        for (rule, key) in [
            (json!({"effect": status}), "operation"),
            (
                json!({"operation": "getcustomer", "effect": status}),
                "operation",
            ),
            (json!({"operation": "*"}), "effect"),
            (json!({"operation": "*", "effect": 1}), "effect"),
            (json!({"operation": "*", "effect": {}}), "effect"),
            (
                json!({"operation": "*", "effect": {"reset_at": "lunch"}}),
                "effect.reset_at must be one of accept, request_headers",
            ),
            (
                json!({"operation": "*", "effect": {"reset_at": "accept", "stall_at": "accept"}}),
                "effect.stall_at",
            ),
            (
                json!({"operation": "*", "effect": {"malformed": "x"}}),
                "effect.malformed",
            ),
            (
                json!({"operation": "*", "effect": {"drip_bytes_per_s": 0}}),
                "effect.drip_bytes_per_s",
            ),
            (
                json!({"operation": "*", "commit": "never", "effect": {"malformed": "empty"}}),
                "commit never",
            ),
            (
                json!({"operation": "*", "effect": {"body": "x"}}),
                "effect.status",
            ),
            (
                json!({"operation": "*", "effect": {"status": 99}}),
                "effect.status",
            ),
            (
                json!({"operation": "*", "effect": {"status": 500, "headers": {"a": 1}}}),
                "effect.headers",
            ),
            (
                json!({"operation": "*", "effect": {"latency_ms": -1}}),
                "effect.latency_ms",
            ),
            (
                json!({"operation": "*", "effect": status, "probability": 1.5}),
                "probability",
            ),
            (
                json!({"operation": "*", "effect": status, "commit": "x"}),
                "commit",
            ),
            (
                json!({"operation": "*", "effect": status, "late_ms": 5}),
                "late_ms",
            ),
            (
                json!({"operation": "*", "effect": status, "times": 0}),
                "times",
            ),
            (
                json!({"operation": "*", "effect": status, "after": -1}),
                "after",
            ),
            (
                json!({"operation": "*", "effect": status, "surprise": 1}),
                "surprise",
            ),
        ] {
            let error = plane.refusal("faults", rule);
            assert!(error.contains(key), "{error} does not name {key}");
        }
        assert_eq!(plane.get("faults").1, json!({"faults": []}));
    }
}
