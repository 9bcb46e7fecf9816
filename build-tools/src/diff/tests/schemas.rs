//! Each change of a schema, in a request and in a response.

use serde_json::{Value, json};

use super::*;

#[test]
fn fields_that_come_and_go() {
    let none = || json!({"type": "object"});
    let optional = || holding(json!({"type": "string"}));
    let required =
        || json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}});
    expect(
        none(),
        optional(),
        &["additive: request field `a` added"],
        &["additive: response field `a` added"],
    );
    expect(
        none(),
        required(),
        &["breaking: request required field `a` added"],
        &["additive: response field `a` added"],
    );
    expect(
        optional(),
        none(),
        &["breaking: request field `a` removed"],
        &["breaking: response field `a` removed"],
    );
    expect(
        optional(),
        required(),
        &["breaking: request field `a` made required"],
        &["additive: response field `a` made required"],
    );
    expect(
        required(),
        optional(),
        &["additive: request field `a` made optional"],
        &["breaking: response field `a` made optional"],
    );
}

#[test]
fn a_field_counts_only_in_the_direction_it_travels() {
    let one_way = |keyword: &str| {
        let mut schema = json!({"type": "string"});
        schema[keyword] = json!(true);
        holding(schema)
    };
    let none = || json!({"type": "object"});
    expect(
        none(),
        one_way("readOnly"),
        &[],
        &["additive: response field `a` added"],
    );
    expect(
        none(),
        one_way("writeOnly"),
        &["additive: request field `a` added"],
        &[],
    );
}

#[test]
fn types_and_null() {
    let string = || json!({"type": "string"});
    let changed = (
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
    expect_value(string(), json!({"type": "integer"}), changed.0, changed.1);
    expect_value(string(), holding(string()), changed.0, changed.1);
    expect_value(
        json!({"type": "number"}),
        json!({"type": "integer"}),
        changed.0,
        changed.1,
    );
    expect_value(
        json!({"type": "integer"}),
        json!({"type": "number"}),
        &["additive: request type changed"],
        &["breaking: response type changed"],
    );
    expect_value(
        string(),
        json!({}),
        &["additive: request type changed"],
        &["breaking: response type changed"],
    );
    expect_value(
        json!({}),
        string(),
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
    let nullable = || json!({"type": "string", "nullable": true});
    expect_value(
        string(),
        nullable(),
        &["additive: request became nullable"],
        &["breaking: response became nullable"],
    );
    expect_value(
        nullable(),
        string(),
        &["breaking: request no longer nullable"],
        &["additive: response no longer nullable"],
    );
}

#[test]
fn formats() {
    let string = |format: &str| json!({"type": "string", "format": format});
    let plain = || json!({"type": "string"});
    expect_value(
        string("date"),
        string("date-time"),
        &["breaking: request format changed"],
        &["breaking: response format changed"],
    );
    expect_value(
        plain(),
        string("date"),
        &["breaking: request format changed"],
        &["breaking: response format changed"],
    );
    expect_value(
        string("date"),
        plain(),
        &["additive: request format dropped"],
        &["breaking: response format dropped"],
    );
    expect_value(
        string("email"),
        plain(),
        &["additive: request format widened"],
        &["quiet: response format widened"],
    );
    let integer = |format: &str| json!({"type": "integer", "format": format});
    expect_value(
        integer("int64"),
        integer("int32"),
        &["breaking: request format narrowed"],
        &["quiet: response format narrowed"],
    );
    expect_value(
        integer("int32"),
        json!({"type": "integer"}),
        &["additive: request format widened"],
        &["breaking: response format widened"],
    );
    expect_value(
        integer("int32"),
        integer("int64"),
        &["additive: request format widened"],
        &["breaking: response format widened"],
    );
    expect_value(
        plain(),
        string("password"),
        &["quiet: words: format"],
        &["quiet: words: format"],
    );
}

#[test]
fn words_of_an_enum() {
    let words = |words: &[&str]| json!({"type": "string", "enum": words});
    let plain = || json!({"type": "string"});
    expect_value(
        words(&["x"]),
        words(&["y", "x"]),
        &["additive: request enum words added"],
        &["additive: response enum words added"],
    );
    expect_value(
        words(&["y", "x"]),
        words(&["x"]),
        &["breaking: request enum words removed"],
        &["quiet: response enum words removed"],
    );
    expect_value(
        plain(),
        words(&["x"]),
        &["breaking: request enum introduced"],
        &["quiet: response enum introduced"],
    );
    expect_value(
        words(&["x"]),
        plain(),
        &["additive: request enum dropped"],
        &["additive: response enum dropped"],
    );
    expect_value(words(&["x", "y"]), words(&["y", "x"]), &[], &[]);
}

#[test]
fn limits_bind_whoever_writes() {
    let rows = [
        ("string", json!({}), json!({"minLength": 1}), "minLength"),
        (
            "string",
            json!({"minLength": 1}),
            json!({"minLength": 2}),
            "minLength",
        ),
        ("string", json!({}), json!({"maxLength": 9}), "maxLength"),
        (
            "string",
            json!({"maxLength": 9}),
            json!({"maxLength": 8}),
            "maxLength",
        ),
        ("string", json!({}), json!({"pattern": "^a"}), "pattern"),
        ("integer", json!({}), json!({"minimum": 0}), "minimum"),
        (
            "integer",
            json!({"minimum": 0}),
            json!({"minimum": 0, "exclusiveMinimum": true}),
            "minimum",
        ),
        (
            "number",
            json!({"maximum": 1.5}),
            json!({"maximum": 1}),
            "maximum",
        ),
        (
            "number",
            json!({"maximum": 1}),
            json!({"maximum": 1, "exclusiveMaximum": true}),
            "maximum",
        ),
        ("integer", json!({}), json!({"multipleOf": 2}), "multipleOf"),
        (
            "integer",
            json!({"multipleOf": 3}),
            json!({"multipleOf": 6}),
            "multipleOf",
        ),
        ("array", json!({}), json!({"minItems": 1}), "minItems"),
        (
            "array",
            json!({"maxItems": 3}),
            json!({"maxItems": 2}),
            "maxItems",
        ),
        (
            "array",
            json!({}),
            json!({"uniqueItems": true}),
            "uniqueItems",
        ),
        (
            "object",
            json!({}),
            json!({"minProperties": 1}),
            "minProperties",
        ),
        (
            "object",
            json!({}),
            json!({"maxProperties": 5}),
            "maxProperties",
        ),
    ];
    for (kind, mut wide, mut narrow, keyword) in rows {
        wide["type"] = json!(kind);
        narrow["type"] = json!(kind);
        expect_value(
            wide.clone(),
            narrow.clone(),
            &[&format!("breaking: request limit {keyword} narrowed")],
            &[&format!("quiet: response limit {keyword} narrowed")],
        );
        expect_value(
            narrow,
            wide,
            &[&format!("additive: request limit {keyword} widened")],
            &[&format!("quiet: response limit {keyword} widened")],
        );
    }
    // Another pattern may refuse what the old one let pass.
    let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
    expect_value(
        pattern("^a"),
        pattern("^b"),
        &["breaking: request limit pattern narrowed"],
        &["quiet: response limit pattern narrowed"],
    );
    let nothing = json!({"type": "string", "minLength": 0});
    expect_value(json!({"type": "string"}), nothing, &[], &[]);
}

#[test]
fn what_an_object_may_hold_beside() {
    let open = || json!({"type": "object"});
    let closed = || json!({"type": "object", "additionalProperties": false});
    let map = |kind: &str| json!({"type": "object", "additionalProperties": {"type": kind}});
    expect(
        open(),
        closed(),
        &["breaking: request additional fields forbidden"],
        &["quiet: response additional fields forbidden"],
    );
    expect(
        closed(),
        open(),
        &["additive: request additional fields allowed"],
        &["additive: response additional fields allowed"],
    );
    expect(
        map("string"),
        closed(),
        &["breaking: request additional fields forbidden"],
        &["breaking: response additional fields forbidden"],
    );
    expect(
        map("string"),
        map("integer"),
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
    expect(
        open(),
        json!({"type": "object", "additionalProperties": true}),
        &[],
        &[],
    );
}

#[test]
fn arrays_and_inner_objects_are_walked() {
    let list = |of: Value| json!({"type": "array", "items": of});
    expect_value(
        list(holding(json!({"type": "string"}))),
        list(holding(json!({"type": "integer"}))),
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
    expect_value(
        list(json!({"type": "string"})),
        json!({"type": "array"}),
        &["additive: request type changed"],
        &["breaking: response type changed"],
    );
}

#[test]
fn defaults_negations_and_notes() {
    let with = |keyword: &str, value: Value| {
        let mut schema = json!({"type": "string"});
        schema[keyword] = value;
        schema
    };
    let plain = || json!({"type": "string"});
    expect_value(
        with("default", json!("a")),
        with("default", json!("b")),
        &["breaking: request default changed"],
        &["quiet: response default changed"],
    );
    let quiet = (
        &["quiet: request default changed"],
        &["quiet: response default changed"],
    );
    expect_value(plain(), with("default", json!("a")), quiet.0, quiet.1);
    expect_value(
        plain(),
        with("not", json!({"enum": ["x"]})),
        &["breaking: request limit not narrowed"],
        &["quiet: response limit not narrowed"],
    );
    expect_value(
        plain(),
        with("deprecated", json!(true)),
        &["quiet: deprecated"],
        &["quiet: deprecated"],
    );
    for keyword in ["description", "title", "example", "externalDocs", "x-note"] {
        let words = format!("quiet: words: {keyword}");
        expect_value(plain(), with(keyword, json!("new")), &[&words], &[&words]);
    }
}

#[test]
fn a_property_that_is_left_in_the_list_of_required_ones_only_is_removed() {
    let described =
        || json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}});
    let named = || json!({"type": "object", "required": ["a"], "properties": {}});
    expect(
        described(),
        named(),
        &["breaking: request field `a` removed"],
        &["breaking: response field `a` removed"],
    );
    expect(
        named(),
        described(),
        &["breaking: request required field `a` added"],
        &["additive: response field `a` added"],
    );
}
