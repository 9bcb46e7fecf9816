//! Each class of change in each direction, on small documents of our own: what the tests share.

mod choices;
mod cli;
mod operations;
mod real;
mod same;
mod schemas;

use serde_json::{Value, json};

use super::*;

/// A document with one operation that takes a Thing and answers one.
fn document(thing: Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "https://things.example"}],
        "security": [{"Key": []}],
        "paths": {"/things/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "put": {
                "operationId": "PutThing",
                "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {"required": true, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Thing"},
                }}},
                "responses": {
                    "200": {
                        "description": "it",
                        "headers": {"X-Left": {"schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"$ref": "#/components/responses/Missing"},
                },
            },
        }},
        "components": {
            "schemas": {
                "Thing": thing,
                "Trouble": {"type": "object", "required": ["code"], "properties": {
                    "code": {"type": "integer"},
                    "text": {"type": "string"},
                }},
            },
            "parameters": {"Id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}},
            "responses": {"Missing": {"description": "none", "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Trouble"},
            }}}},
            "securitySchemes": {
                "Key": {"type": "apiKey", "in": "header", "name": "Thing-Key"},
                "Other": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    })
}

fn scope_of(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    compare(old, new, &scope_of(&["PutThing"]), &Lineage::default()).unwrap()
}

/// What is told on one side, as `class: change`.
fn told(differences: &[Difference], side: &Side) -> Vec<String> {
    let on_side = differences.iter().filter(|told| told.side == *side);
    on_side
        .map(|told| format!("{}: {}", told.class.word(), told.change))
        .collect()
}

/// Changes the schema that travels both ways, and expects what is told of the request and of the response.
#[track_caller]
fn expect(old: Value, new: Value, request: &[&str], response: &[&str]) {
    let (old, new) = (document(old), document(new));
    let found = differences(&old, &new);
    assert_eq!(told(&found, &Side::Request), request, "request");
    let answer = Side::Response("200".to_owned());
    assert_eq!(told(&found, &answer), response, "response");
    assert_eq!(found.len(), request.len() + response.len(), "{found:?}");
    // Every pointer leads somewhere.
    for difference in &found {
        let document = match difference.document {
            Which::Old => &old,
            Which::New => &new,
        };
        let value = document.pointer(&difference.pointer);
        assert!(value.is_some(), "{}", difference.pointer);
    }
}

/// An object with one property.
fn holding(schema: Value) -> Value {
    json!({"type": "object", "properties": {"a": schema}})
}

/// As [`expect`], for a schema within a property.
#[track_caller]
fn expect_value(old: Value, new: Value, request: &[&str], response: &[&str]) {
    expect(holding(old), holding(new), request, response);
}

/// Changes the document in one place, and expects what is told on one side of the operation.
#[track_caller]
fn expect_change(side: Side, change: impl Fn(&mut Value), expected: &[&str]) {
    let old = document(holding(json!({"type": "string"})));
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "changes nothing");
    let found = differences(&old, &new);
    assert_eq!(told(&found, &side), expected);
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

/// As [`expect_change`], for the operation's own part of the document.
#[track_caller]
fn expect_operation(side: Side, change: impl Fn(&mut Value), expected: &[&str]) {
    let put = |document: &mut Value| change(&mut document["paths"]["/things/{id}"]["put"]);
    expect_change(side, put, expected);
}

fn answer() -> Side {
    Side::Response("200".to_owned())
}
