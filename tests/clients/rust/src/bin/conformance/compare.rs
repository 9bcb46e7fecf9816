//! Holds what was answered against what a row expects.

use anyhow::{Result, ensure};
use serde_json::Value;
use tonic::Code;

/// Holds what was found at `path` against what was expected there.
pub(crate) fn holds(expected: &Value, found: Option<&Value>, path: &str) -> Result<()> {
    if expected == "*" {
        ensure!(!is_default(found), "{path} is empty");
        return Ok(());
    }
    if is_default(Some(expected)) {
        ensure!(is_default(found), "{path} is {found:?} and not empty");
        return Ok(());
    }
    match (expected, found) {
        (Value::Object(expected), Some(Value::Object(found))) => {
            for (name, value) in expected {
                holds(value, found.get(name), &format!("{path}.{name}"))?;
            }
        }
        (Value::Array(expected), Some(Value::Array(found))) => {
            let (wanted, length) = (expected.len(), found.len());
            ensure!(
                wanted == length,
                "{path} has {length} elements and not {wanted}"
            );
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                holds(expected, Some(found), &format!("{path}.{index}"))?;
            }
        }
        (expected, found) => {
            ensure!(
                Some(expected) == found,
                "{path} is {found:?} and not {expected}"
            );
        }
    }
    Ok(())
}

fn is_default(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Bool(value)) => !value,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => {
            text.is_empty() || text == "0" || text.ends_with("_UNSPECIFIED")
        }
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(object)) => object.is_empty(),
    }
}

/// The name of a code as the protocol spells it.
pub(crate) fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
