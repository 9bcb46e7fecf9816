//! Each change of an operation beside its schemas.

use serde_json::{Value, json};

use super::*;

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
fn a_parameter_put_in_a_media_type_is_written_in_another_way() {
    let json = |put: &mut Value| {
        put["parameters"][0] = json!({
            "name": "dry",
            "in": "query",
            "content": {"application/json": {"schema": {"type": "boolean"}}},
        });
    };
    expect_operation(
        Side::Request,
        json,
        &["breaking: query parameter `dry` is written in another way"],
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
    expect_operation(answer(), media, &["additive: response media type added"]);
    let bare = |put: &mut Value| {
        drop(
            put["responses"]["200"]
                .as_object_mut()
                .unwrap()
                .remove("content"),
        )
    };
    expect_operation(answer(), bare, &["breaking: response media type removed"]);
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
        status("default"),
        added,
        &["additive: error status default added"],
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

#[test]
fn a_schema_put_in_anothers_place_is_told_where_it_was_put() {
    let old = document(json!({"type": "array", "items": {"type": "string"}}));
    let mut new = old.clone();
    let schema = "/paths/~1things~1{id}/put/responses/200/content/application~1json/schema";
    *new.pointer_mut(schema).unwrap() = json!({"$ref": "#/components/schemas/Trouble"});
    let found = differences(&old, &new);
    assert_eq!(told(&found, &answer()), ["breaking: response type changed"]);
    assert_eq!(found[0].pointer, schema);
    assert_eq!(
        (&found[0].before, &found[0].after),
        (&json!("array of string"), &json!("object"))
    );
}

#[test]
fn a_parameter_of_the_path_item_counts_for_its_operations_unless_they_have_their_own() {
    let trace = |required: bool| json!({"name": "Trace", "in": "header", "required": required});
    let item = |document: &mut Value| {
        let parameters = &mut document["paths"]["/things/{id}"]["parameters"];
        parameters.as_array_mut().unwrap().push(trace(true));
    };
    let added = "breaking: required header parameter `Trace` added";
    expect_change(Side::Request, item, &[added]);
    let own = |document: &mut Value| {
        item(document);
        let parameters = &mut document["paths"]["/things/{id}"]["put"]["parameters"];
        let mut own = trace(false);
        own["name"] = json!("TRACE");
        parameters.as_array_mut().unwrap().push(own);
    };
    let added = "additive: header parameter `TRACE` added";
    expect_change(Side::Request, own, &[added]);
    let inline = |document: &mut Value| {
        let id = document["components"]["parameters"]["Id"].clone();
        document["paths"]["/things/{id}"]["parameters"] = json!([]);
        let parameters = &mut document["paths"]["/things/{id}"]["put"]["parameters"];
        parameters.as_array_mut().unwrap().push(id);
    };
    expect_change(Side::Request, inline, &[]);
}

#[test]
fn a_header_that_may_be_missing_and_a_form_that_is_written_in_another_way() {
    let mut old = document(json!({"type": "object"}));
    let header = "/paths/~1things~1{id}/put/responses/200/headers/X-Left";
    old.pointer_mut(header).unwrap()["required"] = json!(true);
    let mut new = old.clone();
    new.pointer_mut(header).unwrap()["required"] = json!(false);
    let made = told(&differences(&old, &new), &answer());
    assert_eq!(made, ["breaking: response header `x-left` made optional"]);
    let made = told(&differences(&new, &old), &answer());
    assert_eq!(made, ["additive: response header `x-left` made required"]);

    let encoding = |put: &mut Value| {
        put["requestBody"]["content"]["application/json"]["encoding"] =
            json!({"a": {"style": "form"}});
    };
    expect_operation(
        Side::Request,
        encoding,
        &["breaking: request encoding changed"],
    );
}
