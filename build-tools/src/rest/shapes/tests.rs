//! Tables of small documents, and of ours.

use serde_json::json;

use super::*;

/// A document with one operation that answers this schema, and refuses with another.
fn document(success: Value, schemas: Value) -> Value {
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    json!({
        "paths": { "/things": { "get": { "operationId": "GetThings", "responses": {
            "200": { "description": "them", "content": content(success) },
            "400": { "description": "no", "content": content(json!({
                "type": "object", "properties": { "code": { "type": "integer" } },
            })) },
        } } } },
        "components": { "schemas": schemas },
    })
}

/// The shape of the success, on one line.
fn success(schema: Value, schemas: Value) -> String {
    let table = table(&document(schema, schemas)).unwrap();
    syn::parse_file(&table).unwrap();
    let shape = table.split_once("static SHAPE_0: Shape = ").unwrap().1;
    let words: Vec<&str> = shape.split_whitespace().collect();
    words.join(" ").replace(" ]", "]")
}

#[test]
fn each_type_has_its_kinds_and_numbers_may_come_as_text() {
    for (schema, kinds) in [
        (json!({ "type": "string" }), "Text"),
        (
            json!({ "type": "string", "format": "int64" }),
            "Text, Number",
        ),
        (json!({ "type": "integer" }), "Digits, Number"),
        (json!({ "type": "number" }), "Number"),
        (json!({ "type": "boolean", "nullable": true }), "Flag, Null"),
        (json!({ "type": "object" }), "Object"),
        (
            json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": true }),
            "Object",
        ),
        (json!({}), ""),
    ] {
        assert_eq!(
            success(schema, json!({})),
            format!("leaf(\"\", &[{kinds}]);")
        );
    }
}

#[test]
fn members_of_all_parts_are_one_object_and_items_have_a_star() {
    let schemas = json!({
        "Thing": {
            "required": ["b", "a/b"],
            "allOf": [
                { "type": "object", "required": ["a/b"], "properties": { "a/b": { "type": "string" } } },
                { "properties": { "b": { "type": "boolean" } } },
            ],
        },
    });
    let list = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Thing" } });
    assert_eq!(
        success(list, schemas),
        "list(\"\", &[List], &object(\"/*\", &[Object], \"/*/_other\", &[ \
         (\"a/b\", true, leaf(\"/*/a~1b\", &[Text])), (\"b\", true, leaf(\"/*/b\", &[Flag])),]));"
    );
}

#[test]
fn of_alternatives_only_what_all_require_is_required() {
    let either = json!({ "oneOf": [
        { "type": "object", "required": ["a", "b"], "properties": { "a": { "type": "string" }, "b": { "type": "string" } } },
        { "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } },
        { "type": "string" },
    ] });
    assert_eq!(
        success(either, json!({})),
        "object(\"\", &[Text, Object], \"/_other\", &[ (\"a\", true, leaf(\"/a\", &[Text, Digits, Number])), \
         (\"b\", false, leaf(\"/b\", &[Text])),]);"
    );
    let mixed = json!({ "anyOf": [
        { "type": "array", "items": { "type": "string" } },
        { "type": "object", "properties": { "a": {} } },
    ] });
    assert_eq!(success(mixed, json!({})), "leaf(\"\", &[Object, List]);");
}

#[test]
fn what_repeats_itself_is_looked_into_once() {
    let schemas = json!({ "Tree": { "type": "object", "properties": {
        "child": { "$ref": "#/components/schemas/Tree" },
    } } });
    assert_eq!(
        success(json!({ "$ref": "#/components/schemas/Tree" }), schemas),
        "object(\"\", &[Object], \"/_other\", &[ (\"child\", false, leaf(\"/child\", &[])),]);"
    );
}

#[test]
fn a_member_that_is_called_like_a_stand_in_is_refused_by_name() {
    let schema = json!({ "type": "object", "properties": { "_other": {} } });
    let error = table(&document(schema, json!({}))).unwrap_err().to_string();
    assert!(error.contains("is called _other"), "{error}");
}

#[test]
fn our_table_is_of_the_corrected_document() {
    let root = crate::root();
    let document = spec::load(&root.join(spec::DOCUMENT)).unwrap();
    let table = table(&spec::corrected(&root, document).unwrap()).unwrap();
    // The overlay types the code of errors, and takes back what is required of consumers.
    for row in [
        "(\"code\", false, leaf(\"/code\", &[Digits, Number]))",
        "(\"ssn\", false, leaf(\"/ssn\", &[Text]))",
        "(\"customerId\", true, leaf(\"/customerId\", &[Digits, Number]))",
        "(\"DeleteCustomer\", &SHAPE_1)",
        "static SHAPE_1: Shape = leaf(\"\", &[Null]);",
    ] {
        assert!(table.contains(row), "{row}\n{table}");
    }
    assert_eq!(table.matches(", &SHAPE_").count(), 18);
}
