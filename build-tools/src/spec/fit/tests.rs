//! Small documents that are valid and that the generator would stumble over.

use serde_json::{Value, json};

use super::*;

/// A document with one operation, `GET /things/{id}` called `getThing`.
fn document(operation: Value) -> Value {
    let mut whole = json!({
        "openapi": "3.0.3",
        "info": { "title": "Things", "version": "1" },
        "paths": { "/things/{id}": { "get": {
            "operationId": "getThing",
            "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
            "responses": { "200": json_body(json!({ "$ref": "#/components/schemas/Thing" })) },
        } } },
        "components": { "schemas": { "Thing": { "type": "object", "properties": { "a": { "type": "string" } } } } },
    });
    let get = &mut whole["paths"]["/things/{id}"]["get"];
    for (key, value) in operation.as_object().unwrap() {
        match (key.as_str(), value) {
            ("parameters", Value::Array(more)) => get["parameters"]
                .as_array_mut()
                .unwrap()
                .extend(more.iter().cloned()),
            _ => get[key] = value.clone(),
        }
    }
    whole
}

fn json_body(schema: Value) -> Value {
    json!({ "description": "it", "content": { "application/json": { "schema": schema } } })
}

fn fitted(mut document: Value) -> Value {
    fit(&mut document).unwrap();
    document
}

fn get(document: &Value) -> &Value {
    &document["paths"]["/things/{id}"]["get"]
}

fn refusal(mut document: Value) -> String {
    format!("{:#}", fit(&mut document).unwrap_err())
}

/// The code of a document, after all that is done to it.
fn code(document: Value) -> String {
    let mut document = crate::spec::sorted(&document);
    crate::spec::normalise(&mut document).unwrap();
    crate::rest::client(document).unwrap().1
}

#[test]
fn a_document_that_needs_nothing_stays_as_it_is() {
    let plain = document(json!({}));
    assert_eq!(fitted(plain.clone()), plain);
}

#[test]
fn code_in_descriptions_is_no_example_of_rust() {
    for (text, expected) in [
        ("Words.\n", "Words.\n"),
        ("A:\n\n```\n{}\n```\n", "A:\n\n```text\n{}\n```"),
        ("~~~json\n```\n~~~", "~~~text\n```\n~~~"),
        ("```\nopen", "```text\nopen\n```"),
        ("- a\n\n      {}\n\tb", "- a\n\n  {}\n  b"),
    ] {
        let fitted = fitted(document(json!({ "description": text })));
        assert_eq!(get(&fitted)["description"], expected);
    }
}

#[test]
fn what_cannot_be_expressed_is_refused_with_the_operation_and_a_cure() {
    let parameter = |value: Value| document(json!({ "parameters": [value] }));
    let mut no_parameter = document(json!({}));
    no_parameter["paths"]["/things/{id}"]["get"]["parameters"] = json!([]);
    let mut moved = document(json!({}));
    moved["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        ["$ref"] = json!("other.yaml#/Thing");
    let mut circle = document(json!({}));
    circle["components"]["schemas"]["Thing"] =
        json!({ "allOf": [{ "$ref": "#/components/schemas/Thing" }] });
    let mut version = document(json!({}));
    version["openapi"] = json!("3.1.0");
    let mut query = document(json!({}));
    query["paths"]["/things?all"] = json!({});
    for (document, expected) in [
        (
            parameter(json!({ "name": "session", "in": "cookie", "required": true, "schema": {} })),
            "getThing (GET /things/{id}): the cookie parameter session is required, but cookies are not supported: \
             make it optional",
        ),
        (
            parameter(
                json!({ "name": "f", "in": "query", "required": true, "style": "deepObject", "schema": {} }),
            ),
            "getThing (GET /things/{id}): the query parameter f is required, but the style deepObject",
        ),
        (
            parameter(
                json!({ "name": "two words", "in": "header", "required": true, "schema": {} }),
            ),
            "it is no name of a header",
        ),
        (
            no_parameter,
            "getThing (GET /things/{id}): the path and the path parameters do not agree about id",
        ),
        (
            moved,
            "other.yaml#/Thing is in another file: bundle the document",
        ),
        (circle, "the schema Thing consists of itself"),
        (
            version,
            "the document is of OpenAPI 3.1.0, and only 3.0 is understood",
        ),
        (
            query,
            "/things?all: a path starts with / and holds neither ? nor #",
        ),
    ] {
        let refusal = refusal(document);
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn a_panic_of_the_generator_becomes_an_error_that_names_the_operation() {
    let mut document = document(json!({ "requestBody": json_body(json!({
        // Types of JSON Schema, which OpenAPI 3.0 does not have.
        "type": "nothing",
    })) }));
    crate::spec::normalise(&mut document).unwrap();
    let error = format!("{:#}", crate::rest::client(document).unwrap_err());
    assert!(
        error.starts_with(
            "no client can be generated for getThing (GET /things/{id}): progenitor gave up"
        ),
        "{error}"
    );
}

#[test]
fn operations_without_an_id_and_with_one_that_is_taken_get_one() {
    let mut document = document(json!({}));
    let operation = json!({ "responses": { "204": { "description": "" } } });
    let mut named = operation.clone();
    named["operationId"] = json!("get_thing");
    document["paths"]["/things"] =
        json!({ "get": operation, "put": named, "x-more": {}, "summary": "" });
    document["paths"]["x-ours"] = json!(["anything"]);
    let fitted = fitted(document);
    assert_eq!(
        fitted["paths"]["/things"]["get"]["operationId"],
        "get_things"
    );
    assert_eq!(
        fitted["paths"]["/things"]["put"]["operationId"],
        "get_thing"
    );
    assert_eq!(get(&fitted)["operationId"], "getThing2");
    assert!(fitted["paths"].get("x-ours").is_none());
}

#[test]
fn a_path_that_is_a_reference_is_put_in_place() {
    let mut document = document(json!({}));
    document["x-paths"]["things"] = document["paths"]["/things/{id}"].clone();
    document["paths"]["/things/{id}"] = json!({ "$ref": "#/x-paths/things" });
    assert_eq!(get(&fitted(document))["operationId"], "getThing");
}

#[test]
fn parameters_that_are_not_needed_are_left_out_and_those_that_are_joined_are_text() {
    let fitted = fitted(document(json!({ "parameters": [
        { "name": "session", "in": "cookie", "schema": { "type": "string" } },
        { "name": "Content-Type", "in": "header", "required": true, "schema": { "type": "string" } },
        { "name": "ids", "in": "query", "explode": false, "schema": { "type": "array", "items": {} } },
        { "name": "all", "in": "query", "schema": { "type": "array", "items": { "type": "string" } } },
        { "name": "X-Names", "in": "header", "schema": { "type": "array", "items": {} } },
        { "name": "filter", "in": "query", "content": { "application/json": { "schema": { "type": "object" } } } },
        { "name": "bare", "in": "query" },
    ] })));
    let parameters = get(&fitted)["parameters"].as_array().unwrap();
    let text = json!({ "type": "string" });
    let of = |name: &str| {
        let found = parameters
            .iter()
            .find(|parameter| parameter["name"] == name);
        found.map(|parameter| parameter["schema"].clone())
    };
    assert_eq!(of("session"), None);
    assert_eq!(of("Content-Type"), None);
    for name in ["ids", "X-Names", "filter", "bare"] {
        assert_eq!(of(name), Some(text.clone()), "{name}");
    }
    assert_eq!(of("all").unwrap()["type"], "array");
    assert_eq!(
        get(&fitted)[REMARKS],
        json!([
            "The cookie parameter `session` can't be sent: cookies are not supported.",
            "`ids` takes all values in one text, with a comma between them.",
            "`X-Names` takes all values in one text, with a comma between them.",
            "`filter` is sent as it is given: as the text of the media type that the document declares for it.",
        ])
    );
}

#[test]
fn parameters_of_one_name_are_several_arguments_and_keep_their_name_on_the_wire() {
    let code = code(document(json!({
        "requestBody": json_body(json!({ "$ref": "#/components/schemas/Thing" })),
        "parameters": [
            { "name": "id", "in": "query", "schema": { "type": "integer" } },
            { "name": "ID", "in": "header", "schema": { "type": "string" } },
            { "name": "body", "in": "query", "schema": { "type": "string" } },
            { "name": "type", "in": "query", "schema": { "type": "string" } },
        ],
    })));
    for expected in [
        "        id: &'a str,",
        "        id_in_query: Option<i64>,",
        "        id_in_header: Option<&'a str>,",
        "        body_in_query: Option<&'a str>,",
        "        type_: Option<&'a str>,",
        "QueryParam::new(\"id\", &id_in_query)",
        "QueryParam::new(\"body\", &body_in_query)",
        "append(\"ID\"",
    ] {
        assert!(code.contains(expected), "{expected} in {code}");
    }
    assert!(!code.contains("\"id-in-query\""));
}

#[test]
fn of_several_media_types_the_one_that_says_most_is_sent() {
    let content = |types: &[&str]| {
        let content: Value = types
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    json!({ "schema": { "type": "object" } }),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        let fitted = fitted(document(json!({ "requestBody": { "content": content } })));
        let operation = get(&fitted);
        let content = operation["requestBody"]["content"].as_object().unwrap();
        (
            content.keys().next().unwrap().clone(),
            operation[CONTENT_TYPE].as_str().map(str::to_owned),
        )
    };
    for (declared, generated, sent) in [
        (
            &["application/xml", "application/json"][..],
            "application/json",
            None,
        ),
        (
            &["application/merge-patch+json"],
            "application/json",
            Some("application/merge-patch+json"),
        ),
        (
            &["application/x-www-form-urlencoded"],
            "application/x-www-form-urlencoded",
            None,
        ),
        (
            &["multipart/form-data", "text/plain"],
            "application/octet-stream",
            Some("multipart/form-data; boundary=boundary-of-the-parts"),
        ),
        (
            &["application/pdf"],
            "application/octet-stream",
            Some("application/pdf"),
        ),
        (&["*/*"], "application/octet-stream", None),
        (&["text/plain; charset=utf-8"], "text/plain", None),
    ] {
        let sent = sent.map(str::to_owned);
        assert_eq!(
            content(declared),
            (generated.to_owned(), sent),
            "{declared:?}"
        );
    }
}

#[test]
fn the_success_with_a_typed_body_is_the_one() {
    let thing = || json_body(json!({ "$ref": "#/components/schemas/Thing" }));
    let file =
        || json!({ "description": "", "content": { "application/pdf": {}, "text/csv": {} } });
    let nothing = || json!({ "description": "" });
    for (responses, status, accept) in [
        (
            json!({ "200": nothing(), "201": thing(), "400": thing() }),
            "201",
            Value::Null,
        ),
        (
            json!({ "200": file(), "202": nothing() }),
            "200",
            json!("application/pdf, text/csv"),
        ),
        (
            json!({ "204": thing(), "400": thing() }),
            "204",
            Value::Null,
        ),
        (json!({ "default": thing() }), "2XX", Value::Null),
        (json!({ "302": nothing() }), "2XX", Value::Null),
        (json!({ "2xx": thing() }), "2XX", Value::Null),
        (
            json!({ "200": { "description": "", "content": { "application/hal+json": {} } } }),
            "200",
            json!("application/hal+json"),
        ),
    ] {
        let fitted = fitted(document(json!({ "responses": responses })));
        let successes: Vec<&String> = get(&fitted)["responses"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|status| status.starts_with('2'))
            .collect();
        assert_eq!(successes, [status], "{responses}");
        assert_eq!(get(&fitted)[ACCEPT], accept, "{responses}");
    }
}

#[test]
fn whatever_a_success_is_its_type_has_a_name() {
    for schema in [
        json!({}),
        json!({ "type": "object" }),
        json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
        json!({ "type": "string", "nullable": true }),
        json!({ "type": "array", "items": {} }),
        json!({ "type": "integer", "enum": [1, 2] }),
        json!({ "allOf": [{ "$ref": "#/components/schemas/Thing" }] }),
        json!({ "oneOf": [{ "type": "string" }, { "$ref": "#/components/schemas/Thing" }] }),
        json!({ "$ref": "#/components/schemas/Thing/properties/a" }),
    ] {
        // That it has one is checked with every generation.
        let code = code(document(
            json!({ "responses": { "200": json_body(schema.clone()) } }),
        ));
        assert!(code.contains("ResponseValue<types::"), "{schema}: {code}");
    }
}

#[test]
fn documents_without_components_and_with_schemas_that_hold_themselves_are_good() {
    let mut bare =
        document(json!({ "responses": { "200": json_body(json!({ "type": "integer" })) } }));
    bare.as_object_mut().unwrap().remove("components");
    assert!(code(bare).contains("GetThingResponse"));
    let mut tree = document(
        json!({ "requestBody": json_body(json!({ "$ref": "#/components/schemas/Thing" })) }),
    );
    tree["components"]["schemas"]["Thing"]["properties"] = json!({
        "mother": { "$ref": "#/components/schemas/Thing" },
        "NumberOrString": { "$ref": "#/components/schemas/numberOrString" },
        "size": { "type": "integer", "enum": [1, 2], "exclusiveMinimum": true },
        "words": { "type": "string", "enum": ["", "a-b", "a_b"], "default": "none of them" },
        "same": { "type": "string", "enum": ["a b", "a-b"] },
        "pattern": { "type": "string", "pattern": "(?<!" },
        "day": { "type": "string", "format": "date", "minLength": 10 },
        "type": { "type": "string", "nullable": true, "enum": ["x", null] },
    });
    tree["components"]["schemas"]["numberOrString"] = json!({ "type": "number" });
    let code = code(tree);
    assert!(code.contains("pub mother: ::std::option::Option<::std::boxed::Box<Thing>>"));
    assert!(code.contains("pub day: ::std::option::Option<::jiff::civil::Date>"));
    assert!(!code.contains("::chrono::"));
}

#[test]
fn members_of_one_field_name_get_fields_of_their_own_and_keep_their_names_on_the_wire() {
    let thing = json!({ "type": "object", "required": ["Type"], "properties": {
        "Type": { "type": "string" }, "type": { "type": "string" },
        "a-b": { "type": "string" }, "a_b": { "type": "string" },
        "$x": { "type": "string" }, "": { "type": "string" },
    } });
    let mut whole = document(json!({ "requestBody": json_body(thing.clone()) }));
    whole["components"]["schemas"]["Thing"] = thing;
    let fitted = fitted(whole.clone());
    let schema = &fitted["components"]["schemas"]["Thing"];
    assert_eq!(schema["required"], json!(["Type-member"]));
    let code = code(whole);
    for field in [
        "pub type_:",
        "pub type_member:",
        "pub a_b:",
        "pub a_b_member:",
    ] {
        assert!(code.contains(field), "{field}:\n{code}");
    }
    for name in ["rename = \"Type\"", "rename = \"a-b\"", "rename = \"$x\""] {
        assert!(code.contains(name), "{name}:\n{code}");
    }
    assert!(!code.contains("-member\""), "{code}");
}

#[test]
fn names_that_generated_code_uses_itself_and_methods_that_reqwest_lacks_make_code_that_compiles() {
    let mut whole = document(json!({ "operationId": "new" }));
    let error = json!({ "type": "object", "additionalProperties": true });
    whole["components"]["schemas"]["Err"] = error;
    let body = json_body(json!({ "$ref": "#/components/schemas/Err" }));
    whole["paths"]["/errors"] = json!({
        "options": { "operationId": "ask", "responses": { "200": body } },
        "trace": { "operationId": "follow", "responses": { "200": { "description": "it" } } },
    });
    let code = code(whole);
    for expected in [
        "pub async fn new2<'a>",
        "pub struct ErrSchema(",
        ".request(::reqwest::Method::OPTIONS, &url)",
        ".request(::reqwest::Method::TRACE, &url)",
    ] {
        assert!(code.contains(expected), "{expected}:\n{code}");
    }
}
