//! Each class of change in each direction, on small documents of our own.

mod cli;
mod real;
mod same;

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
        &["quiet: response type changed"],
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
        &["breaking: request format narrowed"],
        &["quiet: response format narrowed"],
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
        &["quiet: response format widened"],
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
fn the_body_of_a_request() {
    let optional = |put: &mut Value| put["requestBody"]["required"] = json!(false);
    expect_operation(
        Side::Request,
        optional,
        &["additive: request body made optional"],
    );
    let gone = |put: &mut Value| drop(put.as_object_mut().unwrap().remove("requestBody"));
    expect_operation(Side::Request, gone, &["breaking: request body removed"]);
    let form = |put: &mut Value| put["requestBody"]["content"]["text/plain"] = json!({});
    expect_operation(Side::Request, form, &["additive: request media type added"]);
    let other = |put: &mut Value| {
        let content = put["requestBody"]["content"].as_object_mut().unwrap();
        let json = content.remove("application/json").unwrap();
        content.insert("application/vnd.thing+json".to_owned(), json);
    };
    expect_operation(
        Side::Request,
        other,
        &["breaking: request media type changed"],
    );
    let charset = |put: &mut Value| {
        let content = put["requestBody"]["content"].as_object_mut().unwrap();
        let json = content.remove("application/json").unwrap();
        content.insert("Application/JSON; charset=utf-8".to_owned(), json);
    };
    expect_operation(Side::Request, charset, &[]);

    let old = document(json!({"type": "object"}));
    let mut without = old.clone();
    gone(&mut without["paths"]["/things/{id}"]["put"]);
    let found = differences(&without, &old);
    assert_eq!(
        told(&found, &Side::Request),
        ["breaking: request body added"]
    );
}

#[test]
fn parameters() {
    let query = |parameter: Value| move |put: &mut Value| put["parameters"][0] = parameter.clone();
    let dry = |more: Value| {
        let mut parameter = json!({"name": "dry", "in": "query", "schema": {"type": "boolean"}});
        for (key, value) in more.as_object().unwrap() {
            parameter[key] = value.clone();
        }
        query(parameter)
    };
    let request = Side::Request;
    expect_operation(
        request.clone(),
        dry(json!({"required": true})),
        &["breaking: query parameter `dry` made required"],
    );
    expect_operation(
        request.clone(),
        dry(json!({"schema": {"type": "string"}})),
        &["breaking: request type changed"],
    );
    expect_operation(
        request.clone(),
        dry(json!({"explode": false})),
        &["breaking: query parameter `dry` is written in another way"],
    );
    expect_operation(
        request.clone(),
        dry(json!({"style": "form", "explode": true})),
        &[],
    );
    expect_operation(
        request.clone(),
        dry(json!({"name": "wet"})),
        &[
            "breaking: query parameter `dry` removed",
            "additive: query parameter `wet` added",
        ],
    );
    expect_operation(
        request.clone(),
        dry(json!({"deprecated": true})),
        &["quiet: deprecated"],
    );
    expect_operation(
        request.clone(),
        dry(json!({"allowEmptyValue": true})),
        &["additive: query parameter `dry` may be empty"],
    );
    let another = |required: bool| {
        move |put: &mut Value| {
            let parameter = json!({"name": "Thing-Note", "in": "header", "required": required});
            put["parameters"].as_array_mut().unwrap().push(parameter);
        }
    };
    expect_operation(
        request.clone(),
        another(false),
        &["additive: header parameter `Thing-Note` added"],
    );
    expect_operation(
        request,
        another(true),
        &["breaking: required header parameter `Thing-Note` added"],
    );
}

#[test]
fn a_path_parameter_has_no_name_on_the_wire() {
    let rename = |document: &mut Value| {
        let paths = document["paths"].as_object_mut().unwrap();
        let item = paths.remove("/things/{id}").unwrap();
        paths.insert("/things/{thing}".to_owned(), item);
        document["components"]["parameters"]["Id"]["name"] = json!("thing");
    };
    expect_change(Side::Request, rename, &["quiet: path parameter renamed"]);
}

#[test]
fn an_id_has_no_name_on_the_wire_but_a_path_and_a_method_have() {
    let id = |put: &mut Value| put["operationId"] = json!("ReplaceThing");
    expect_operation(Side::Operation, id, &["quiet: operation id changed"]);
    let path = |document: &mut Value| {
        let paths = document["paths"].as_object_mut().unwrap();
        let item = paths.remove("/things/{id}").unwrap();
        paths.insert("/v2/things/{id}".to_owned(), item);
    };
    expect_change(Side::Operation, path, &["breaking: path changed"]);
    let method = |document: &mut Value| {
        let item = document["paths"]["/things/{id}"].as_object_mut().unwrap();
        let put = item.remove("put").unwrap();
        item.insert("post".to_owned(), put);
    };
    expect_change(Side::Operation, method, &["breaking: method changed"]);
    let both = |document: &mut Value| {
        path(document);
        document["paths"]["/v2/things/{id}"]["put"]["operationId"] = json!("ReplaceThing");
    };
    expect_change(Side::Operation, both, &["breaking: operation removed"]);
}

#[test]
fn an_operation_that_comes_is_additive_and_only_the_scope_counts() {
    let mut old = document(json!({"type": "object"}));
    let new = old.clone();
    old["paths"] = json!({});
    let found = differences(&old, &new);
    assert_eq!(
        told(&found, &Side::Operation),
        ["additive: operation added"]
    );
    let none = compare(&old, &new, &scope_of(&["Other"]), &Lineage::default()).unwrap();
    assert_eq!(none, []);
}

#[test]
fn statuses_media_types_and_headers_of_success() {
    let status = |put: &mut Value| {
        let responses = put["responses"].as_object_mut().unwrap();
        let ok = responses.remove("200").unwrap();
        responses.insert("201".to_owned(), ok);
    };
    expect_operation(
        Side::Response("201".to_owned()),
        status,
        &["breaking: success status changed"],
    );
    let more = |put: &mut Value| put["responses"]["202"] = json!({"description": "later"});
    expect_operation(
        Side::Response("202".to_owned()),
        more,
        &["additive: success status 202 added"],
    );
    let fewer = |put: &mut Value| drop(put["responses"].as_object_mut().unwrap().remove("200"));
    expect_operation(answer(), fewer, &["breaking: success status 200 removed"]);
    let media = |put: &mut Value| put["responses"]["200"]["content"]["text/csv"] = json!({});
    expect_operation(answer(), media, &["additive: success media type added"]);
    let bare = |put: &mut Value| {
        drop(
            put["responses"]["200"]
                .as_object_mut()
                .unwrap()
                .remove("content"),
        )
    };
    expect_operation(answer(), bare, &["breaking: success media type removed"]);
    let header = |put: &mut Value| put["responses"]["200"]["headers"]["X-More"] = json!({});
    expect_operation(
        answer(),
        header,
        &["additive: response header `x-more` added"],
    );
    let bare = |put: &mut Value| put["responses"]["200"]["headers"] = json!({});
    expect_operation(
        answer(),
        bare,
        &["breaking: response header `x-left` removed"],
    );
    let retyped = |put: &mut Value| {
        put["responses"]["200"]["headers"]["X-Left"]["schema"]["type"] = json!("string");
    };
    expect_operation(answer(), retyped, &["breaking: response type changed"]);
}

#[test]
fn whatever_happens_to_refusals_is_additive() {
    let status = |status: &str| Side::Response(status.to_owned());
    let added = |put: &mut Value| put["responses"]["default"] = json!({"description": "any"});
    expect_operation(
        status("DEFAULT"),
        added,
        &["additive: error status DEFAULT added"],
    );
    let removed = |put: &mut Value| drop(put["responses"].as_object_mut().unwrap().remove("404"));
    expect_operation(
        status("404"),
        removed,
        &["additive: error status 404 removed"],
    );
    let retyped = |document: &mut Value| {
        document["components"]["schemas"]["Trouble"]["properties"]["code"]["type"] =
            json!("string");
    };
    expect_change(
        status("404"),
        retyped,
        &["additive: error answer: response type changed"],
    );
    let other = |document: &mut Value| {
        document["components"]["schemas"]["Trouble"] =
            json!({"type": "object", "properties": {"errors": {"type": "array"}}});
    };
    expect_change(
        status("404"),
        other,
        &["additive: error answer changed in 3 places"],
    );
    let media = |document: &mut Value| {
        document["components"]["responses"]["Missing"]["content"] = json!({"text/plain": {}});
    };
    expect_change(
        status("404"),
        media,
        &["additive: error answer changed in 2 places"],
    );
}

#[test]
fn security_is_what_a_scheme_is() {
    let side = || Side::Operation;
    let open = |put: &mut Value| put["security"] = json!([]);
    expect_operation(side(), open, &["breaking: security changed"]);
    let other = |put: &mut Value| put["security"] = json!([{"Other": []}]);
    expect_operation(side(), other, &["breaking: security changed"]);
    let same = |put: &mut Value| put["security"] = json!([{"Key": []}]);
    expect_operation(side(), same, &[]);
    let header = |document: &mut Value| {
        document["components"]["securitySchemes"]["Key"]["name"] = json!("Thing-Secret");
    };
    expect_change(side(), header, &["breaking: security changed"]);
    let renamed = |document: &mut Value| {
        let schemes = document["components"]["securitySchemes"]
            .as_object_mut()
            .unwrap();
        let key = schemes.remove("Key").unwrap();
        schemes.insert("AppKey".to_owned(), key);
        document["security"] = json!([{"AppKey": []}]);
    };
    expect_change(side(), renamed, &[]);
}

#[test]
fn servers_and_words_of_an_operation() {
    let moved =
        |document: &mut Value| document["servers"][0]["url"] = json!("https://other.example");
    expect_change(Side::Operation, moved, &["breaking: servers changed"]);
    let slash =
        |document: &mut Value| document["servers"][0]["url"] = json!("https://things.example/");
    expect_change(Side::Operation, slash, &[]);
    let more = |document: &mut Value| {
        let servers = document["servers"].as_array_mut().unwrap();
        servers.push(json!({"url": "https://b.example"}));
    };
    expect_change(Side::Operation, more, &["additive: servers changed"]);
    let info = |document: &mut Value| document["info"]["version"] = json!("2");
    expect_change(Side::Document, info, &["quiet: words: info"]);
    let words = |put: &mut Value| {
        put["summary"] = json!("Replaces it");
        put["tags"] = json!(["Things"]);
    };
    expect_operation(Side::Operation, words, &["quiet: words: summary, tags"]);
    let deprecated = |put: &mut Value| put["deprecated"] = json!(true);
    expect_operation(Side::Operation, deprecated, &["quiet: deprecated"]);
    let callback = |put: &mut Value| put["callbacks"] = json!({"done": {}});
    let expected = "quiet: callbacks changed, which are not compared further";
    expect_operation(Side::Operation, callback, &[expected]);
}
