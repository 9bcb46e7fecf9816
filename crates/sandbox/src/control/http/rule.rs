//! Fault rules from and to JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    keys::{Keys, Problem, bad},
    parse_operation,
};
use crate::fault::{Commit, FaultAnswer, FaultBody, FaultRule, FaultStatus, Target};

pub(super) fn fault(mut keys: Keys) -> Result<FaultRule, Problem> {
    let target = match keys.required("operation")?.as_str() {
        "*" => Target::Any,
        id => Target::Operation(parse_operation(id)?),
    };
    let after = keys.count("after")?.unwrap_or(0);
    let times = keys.count("times")?.unwrap_or(1);
    if keys
        .take("probability")
        .is_some_and(|value| value.as_f64() != Some(1.0))
    {
        return Err(bad("probability: only 1.0 is supported"));
    }
    let commit = match keys.text("commit")?.as_deref() {
        None | Some("before") => Commit::Before,
        Some("never") => Commit::Never,
        Some("late") => {
            return Err(bad(
                "commit: late is not supported yet, only before and never",
            ));
        }
        Some(_) => return Err(bad("commit must be before or never")),
    };
    if keys
        .take("late_ms")
        .is_some_and(|value| value.as_u64() != Some(0))
    {
        return Err(bad(
            "late_ms: only 0 is supported, because commit late is not supported yet",
        ));
    }
    let effect = keys
        .take("effect")
        .ok_or_else(|| bad("effect is required"))?;
    keys.end()?;
    let mut effect = Keys::of(effect, "effect.")?;
    let latency = Duration::from_millis(effect.count("latency_ms")?.unwrap_or(0));
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
    effect.end()?;
    let answer = match status {
        Some(status) => Some(FaultAnswer {
            status: u16::try_from(status).unwrap_or(u16::MAX),
            body,
            content_type,
            headers,
        }),
        None if body.is_some() || content_type.is_some() || !headers.is_empty() => {
            return Err(bad(
                "effect.body, effect.content_type and effect.headers need effect.status",
            ));
        }
        None => None,
    };
    Ok(FaultRule {
        target,
        after,
        times,
        commit,
        latency,
        answer,
    })
}

/// The rule as it could be posted again, with what became of it.
pub(super) fn fault_view(status: &FaultStatus) -> Value {
    let FaultStatus { id, rule, fired } = status;
    let mut effect = Map::new();
    if !rule.latency.is_zero() {
        effect.insert("latency_ms".to_owned(), json!(rule.latency.as_millis()));
    }
    if let Some(answer) = &rule.answer {
        effect.insert("status".to_owned(), json!(answer.status));
        match &answer.body {
            Some(FaultBody::Text(text)) => _ = effect.insert("body".to_owned(), json!(text)),
            Some(FaultBody::Json(value)) => _ = effect.insert("body".to_owned(), value.clone()),
            None => {}
        }
        if let Some(content_type) = &answer.content_type {
            effect.insert("content_type".to_owned(), json!(content_type));
        }
        if !answer.headers.is_empty() {
            let headers: Map<_, _> = answer
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            effect.insert("headers".to_owned(), Value::Object(headers));
        }
    }
    json!({
        "id": id,
        "operation": match rule.target {
            Target::Any => "*",
            Target::Operation(operation) => operation.id(),
        },
        "after": rule.after,
        "times": rule.times,
        "probability": 1.0,
        "commit": match rule.commit {
            Commit::Before => "before",
            Commit::Never => "never",
        },
        "late_ms": 0,
        "effect": effect,
        "fired": fired,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

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
                json!({"operation": "*", "effect": {"reset_at": "accept"}}),
                "effect.reset_at",
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
                json!({"operation": "*", "effect": status, "probability": 0.5}),
                "probability",
            ),
            (
                json!({"operation": "*", "effect": status, "commit": "late"}),
                "late",
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
