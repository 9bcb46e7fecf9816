//! Decodes the answers of the wire corpus by the generated types. Written by `cargo xtask spec import` for its own use.

use std::{fs, path::Path};

use openfinance_rest::types;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[test]
fn every_answer_still_decodes_to_at_least_what_it_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire-corpus");
    let mut problems = Vec::new();
    let mut replayed = 0;
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let Some(expected) = case["expect"].get("value") else {
            continue;
        };
        replayed += 1;
        let operation = case["operation"].as_str().unwrap();
        match decode(operation, &body(&case["body"])) {
            Ok(actual) => kept(expected, &actual, "", &mut |problem| {
                problems.push(format!("{name} ({operation}): {problem}"));
            }),
            Err(error) => problems.push(format!("{name} ({operation}): {error}")),
        }
    }
    println!("replayed {replayed}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn body(body: &Value) -> String {
    let Value::Object(parts) = body else {
        return body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    };
    match (parts.get("prefix"), parts.get("repeat"), parts.get("times"), parts.get("suffix")) {
        (Some(Value::String(prefix)), Some(Value::String(repeat)), Some(times), Some(Value::String(suffix))) => {
            let times = usize::try_from(times.as_u64().unwrap()).unwrap();
            format!("{prefix}{}{suffix}", repeat.repeat(times))
        }
        _ => body.to_string(),
    }
}

/// Tells what of the expected value is missing or different in the actual one; more in it does no harm.
fn kept(expected: &Value, actual: &Value, at: &str, tell: &mut dyn FnMut(String)) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                match actual.get(key) {
                    Some(found) => kept(value, found, &format!("{at}/{key}"), tell),
                    None => tell(format!("{at}/{key} is lost")),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (value, found)) in expected.iter().zip(actual).enumerate() {
                kept(value, found, &format!("{at}/{index}"), tell);
            }
        }
        _ if expected == actual => {}
        _ => tell(format!("{at} comes to another value")),
    }
}

fn read<T: DeserializeOwned + serde::Serialize>(body: &str) -> Result<Value, String> {
    let value: T = serde_json::from_str(body).map_err(|error| error.to_string())?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn decode(operation: &str, body: &str) -> Result<Value, String> {
    match operation {
        // The operations of the client.
        _ => Err("the client has no such operation, or none with a typed answer".to_owned()),
    }
}
