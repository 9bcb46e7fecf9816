//! Words where names stand beside them, and words of what was renamed and changed at once.

use serde_json::json;

use super::*;

#[test]
fn what_looks_like_a_word_and_is_a_name_stays_and_the_other_way_round() {
    let mut document = json!({
        "security": [{"x-key": [], "title": []}],
        "paths": {"/books": {"get": {
            "operationId": "GetBooks",
            "security": [{"x-key": []}],
            "responses": {"200": {"$ref": "#/components/responses/x-books"}, "x-note": {"a": "CANARY"}},
        }}},
        "components": {
            "responses": {"x-books": {"description": "CANARY"}},
            "securitySchemes": {"x-key": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "/token", "scopes": {"read": "CANARY"},
            }}}},
            "schemas": {"Book": {"properties": {"scopes": {"type": "object", "enum": [{"title": "A"}]}}}},
        },
    });
    strip(&mut document);
    let expected = json!({
        "security": [{"x-key": [], "title": []}],
        "paths": {"/books": {"get": {
            "operationId": "GetBooks",
            "security": [{"x-key": []}],
            "responses": {"200": {"$ref": "#/components/responses/x-books"}},
        }}},
        "components": {
            "responses": {"x-books": {}},
            "securitySchemes": {"x-key": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "/token", "scopes": {"read": ""},
            }}}},
            "schemas": {"Book": {"properties": {"scopes": {"type": "object", "enum": [{"title": "A"}]}}}},
        },
    });
    assert_eq!(document, expected);

    let mut ours = document.clone();
    let scopes = "/components/securitySchemes/x-key/flows/clientCredentials/scopes/read";
    *ours.pointer_mut(scopes).unwrap() = "To read.".into();
    graft(&mut document, &ours).unwrap();
    assert_eq!(document.pointer(scopes).unwrap(), "To read.");
}

/// A document whose one answer is a component of this name, with these members.
fn answering(name: &str, members: &[&str], words: &str) -> Value {
    let properties: Map<String, Value> = members
        .iter()
        .map(|member| ((*member).to_owned(), json!({"description": words})))
        .collect();
    let reference = json!({"$ref": format!("#/components/schemas/{name}")});
    json!({
        "paths": {"/books": {"get": {
            "operationId": "GetBook",
            "responses": {"200": {"content": {"application/json": {"schema": reference}}}},
        }}},
        "components": {"schemas": {(name): {"description": words, "properties": properties}}},
    })
}

#[test]
fn words_follow_a_component_that_was_renamed_and_changed_at_once_and_none_that_is_another() {
    let ours = answering("Book", &["id", "title", "pages"], "Ours.");
    for (members, words) in [
        (&["id", "title", "pages", "isbn"][..], json!("Ours.")),
        (&["id", "width", "height"], Value::Null),
    ] {
        let mut new = answering("Volume", members, "CANARY");
        strip(&mut new);
        graft(&mut new, &ours).unwrap();
        let schema = &new["components"]["schemas"]["Volume"];
        assert_eq!(schema["description"], words);
        assert_eq!(schema["properties"]["id"]["description"], words);
    }
}
