//! `oneOf` and `anyOf`.

use serde_json::{Value, json};

use super::*;

#[test]
fn alternatives_that_come_and_go() {
    let string = || json!({"type": "string"});
    let number = || json!({"type": "number"});
    let flag = || json!({"type": "boolean"});
    let any = |of: &[Value]| json!({"oneOf": of});
    let added = (
        &["additive: request alternative added"],
        &["breaking: response alternative added"],
    );
    let removed = (
        &["breaking: request alternative removed"],
        &["quiet: response alternative removed"],
    );
    let two = || any(&[string(), number()]);
    expect_value(two(), any(&[flag(), number(), string()]), added.0, added.1);
    expect_value(
        any(&[string(), number(), flag()]),
        two(),
        removed.0,
        removed.1,
    );
    // One form alone is a choice of one.
    expect_value(string(), two(), added.0, added.1);
    expect_value(two(), string(), removed.0, removed.1);
    expect_value(two(), any(&[number(), string()]), &[], &[]);
    expect_value(two(), json!({"anyOf": [string(), number()]}), &[], &[]);
    expect_value(string(), any(&[string()]), &[], &[]);
    // The one that is left on both sides changed within.
    expect_value(
        any(&[string(), holding(string())]),
        any(&[string(), holding(number())]),
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
}

#[test]
fn a_word_that_tells_alternatives_apart_is_told() {
    let by = |name: &str| {
        json!({
            "oneOf": [holding(json!({"type": "string"})), holding(json!({"type": "boolean"}))],
            "discriminator": {"propertyName": name},
        })
    };
    expect_value(
        by("a"),
        by("b"),
        &["quiet: request discriminator changed"],
        &["quiet: response discriminator changed"],
    );
}
