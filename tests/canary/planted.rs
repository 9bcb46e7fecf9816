//! Canaries that are put on purpose where none may be: a search that would not find them there proves nothing.

use std::{collections::HashMap, process::Command};

use jiff::Timestamp;
use openfinance::{
    observe::SPAN_TARGET,
    store::{Change, Key, Redb, Space, Store as _},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{FORBIDDEN, find, watch_the_log};

/// Makes a test of these the process that leaks.
const CHILD: &str = "E2E_LEAKS";

/// A trace with a span that has this in an attribute, as it is sent.
fn trace(word: &str) -> Vec<u8> {
    let value = Some(Value::StringValue(word.to_owned()));
    let attribute = KeyValue {
        key: "url.query".to_owned(),
        value: Some(AnyValue { value }),
        ..Default::default()
    };
    let span = Span {
        attributes: vec![attribute],
        ..Default::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..Default::default()
    };
    let resource = ResourceSpans {
        scope_spans: vec![scope],
        ..Default::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource],
    }
    .encode_to_vec()
}

/// The details of a refusal that says this.
fn details(word: &str) -> Vec<u8> {
    let metadata = HashMap::from([("vendor_message".to_owned(), word.to_owned())]);
    let mut details = ErrorDetails::with_error_info("REASON", "openfinance", metadata);
    details.add_bad_request_violation("consumer.ssn", "is wrong");
    Status::with_error_details(Code::InvalidArgument, "no", details)
        .details()
        .to_vec()
}

#[test]
fn a_canary_in_a_trace_a_refusal_a_metric_or_an_audit_line_is_found() {
    for word in FORBIDDEN {
        let line = serde_json::json!({ "sequence": 7, "caller": word, "mac": "00" });
        for (artefact, bytes) in [
            ("a trace", trace(word)),
            ("the details of a refusal", details(word)),
            (
                "a metric",
                format!("calls_total{{caller={word:?}}} 1\n").into(),
            ),
            ("an audit line", serde_json::to_vec(&line).unwrap()),
        ] {
            assert!(find(&bytes).is_some(), "not found in {artefact}");
            assert_eq!(find(&bytes[..3]), None);
        }
    }
}

#[tokio::test]
async fn a_canary_in_the_file_of_a_store_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for (number, word) in FORBIDDEN.iter().enumerate() {
        for in_name in [false, true] {
            let path = folder.path().join(format!("{number}-{in_name}"));
            let store = Redb::open(&path, Timestamp::now).unwrap();
            let (name, value) = if in_name { (*word, "") } else { ("1", *word) };
            let change = Change {
                key: Key::new(Space::Intent, name),
                expected: None,
                new: Some((value.into(), None)),
            };
            store.commit(&[change]).await.unwrap();
            drop(store);
            let bytes = std::fs::read(&path).unwrap();
            assert!(find(&bytes).is_some(), "not found: {number}, {in_name}");
        }
    }
}

/// Runs this test again as a process that leaks, and answers how that ended and what it said.
fn leaking(what: &str) -> (Option<i32>, String) {
    let this = "canary::planted::a_canary_in_a_line_or_a_span_ends_the_run";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(CHILD, what)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    (child.status.code(), said)
}

#[test]
fn a_canary_in_a_line_or_a_span_ends_the_run() {
    let word = super::LAST_NAME;
    match std::env::var(CHILD).as_deref() {
        Err(_) => {
            for what in ["line", "span", "later"] {
                let (code, said) = leaking(what);
                assert_eq!(code, Some(101), "{what}: {said}");
                assert!(said.contains("leaked into the log"), "{what}: {said}");
                assert!(!said.contains(word), "{what}: {said}");
            }
            let (code, said) = leaking("nothing");
            assert_eq!(code, Some(0), "{said}");
        }
        Ok(what) => {
            watch_the_log();
            let span =
                tracing::info_span!(target: SPAN_TARGET, "call", who = tracing::field::Empty);
            match what {
                "line" => tracing::trace!(who = word),
                "span" => drop(tracing::info_span!(target: SPAN_TARGET, "call", who = word)),
                "later" => drop(span.record("who", word)),
                _ => tracing::trace!("nothing to see"),
            }
        }
    }
}

/// Also as a number, which Redis packs.
#[cfg(feature = "external")]
#[test]
fn external_a_canary_in_redis_is_found() {
    let server = crate::redis_server::RedisServer::start();
    for word in FORBIDDEN.iter().filter(|word| !word.contains([' ', '"'])) {
        for command in ["SET key", "HSET key field", "RPUSH key"] {
            server.say("FLUSHALL");
            assert_eq!(find(&server.dump()), None);
            server.say(&format!("{command} {word}"));
            assert!(find(&server.dump()).is_some(), "{command}");
        }
    }
}
