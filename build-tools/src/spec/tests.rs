//! The overlay and the normaliser on small documents, and what must hold of our own document.

use std::path::PathBuf;

use serde_json::json;

use super::{overlay::apply, *};

/// Every operation in scope. That the list is by hand is the point: a document that loses one is noticed.
const SCOPE: [(&str, &str, &str); 18] = [
    (
        "CreateToken",
        "post",
        "/aggregation/v2/partners/authentication",
    ),
    (
        "ModifyPartnerSecret",
        "put",
        "/aggregation/v2/partners/authentication",
    ),
    (
        "AddTestingCustomer",
        "post",
        "/aggregation/v2/customers/testing",
    ),
    ("AddCustomer", "post", "/aggregation/v2/customers/active"),
    ("GetCustomers", "get", "/aggregation/v1/customers"),
    (
        "GetCustomer",
        "get",
        "/aggregation/v1/customers/{customerId}",
    ),
    (
        "ModifyCustomer",
        "put",
        "/aggregation/v1/customers/{customerId}",
    ),
    (
        "DeleteCustomer",
        "delete",
        "/aggregation/v1/customers/{customerId}",
    ),
    (
        "GetCustomerWithAppData",
        "get",
        "/aggregation/v1/customers/{customerId}/application",
    ),
    (
        "CreateConsumer",
        "post",
        "/decisioning/v1/customers/{customerId}/consumer",
    ),
    (
        "GetConsumerForCustomer",
        "get",
        "/decisioning/v1/customers/{customerId}/consumer",
    ),
    (
        "GetConsumer",
        "get",
        "/decisioning/v1/consumers/{consumerId}",
    ),
    (
        "ModifyConsumer",
        "put",
        "/decisioning/v1/consumers/{consumerId}",
    ),
    (
        "AddBusinessDetails",
        "post",
        "/business-services/customers/{customer_id}/businesses",
    ),
    (
        "GetBusinessByCustomer",
        "get",
        "/business-services/customers/{customer_id}/businesses",
    ),
    (
        "UpdateBusiness",
        "put",
        "/business-services/businesses/{business_id}",
    ),
    (
        "GetBusinessById",
        "get",
        "/business-services/businesses/{business_id}",
    ),
    (
        "getCustomerAuthorizationDetails",
        "get",
        "/customers/institution-logins/{institution_login_id}/authorization-details",
    ),
];

fn document() -> Value {
    load(&crate::root().join(DOCUMENT)).unwrap()
}

#[test]
fn our_document_has_the_operations_in_scope() {
    let document = document();
    let mut actual: Vec<_> = operations(&document)
        .unwrap()
        .iter()
        .map(|operation| (operation.id, operation.method, operation.path))
        .collect();
    let mut expected = SCOPE.to_vec();
    actual.sort_unstable();
    expected.sort_unstable();
    assert_eq!(actual, expected);
}

#[test]
fn every_reference_in_our_document_leads_somewhere_and_every_component_is_in_use() {
    let document = document();
    let mut references = BTreeSet::new();
    all_references(&document, &mut references);
    for reference in &references {
        resolve(&document, &json!({ "$ref": reference })).unwrap();
    }
    for (kind, parts) in document["components"].as_object().unwrap() {
        for name in parts
            .as_object()
            .unwrap()
            .keys()
            .filter(|_| kind != "securitySchemes")
        {
            let reference = format!("#/components/{kind}/{name}");
            assert!(
                references.contains(&reference),
                "nothing names {reference}: remove it"
            );
        }
    }
}

#[test]
fn everything_in_our_document_is_described() {
    let document = document();
    let mut silent = Vec::new();
    let mut described = |place: String, value: &Value| {
        if value["description"]
            .as_str()
            .is_none_or(|text| text.trim().len() < 5)
        {
            silent.push(place);
        }
    };
    for operation in operations(&document).unwrap() {
        described(operation.id.to_owned(), operation.body);
        assert!(
            operation.body["summary"].is_string(),
            "{} has no summary",
            operation.id
        );
    }
    for (kind, parts) in document["components"].as_object().unwrap() {
        for (name, part) in parts.as_object().unwrap() {
            described(format!("{kind}/{name}"), part);
            let parts = part["allOf"].as_array().into_iter().flatten().chain([part]);
            for (member, schema) in parts
                .filter_map(|part| part["properties"].as_object())
                .flatten()
            {
                // A reference is described where it leads.
                described(
                    format!("{kind}/{name}/{member}"),
                    resolve(&document, schema).unwrap(),
                );
            }
        }
    }
    assert!(silent.is_empty(), "describe {silent:?} in {DOCUMENT}");
}

#[test]
fn our_document_has_the_vendors_structure() {
    let Some(folder) = std::env::var_os("OPENFINANCE_VENDOR_DOCS").map(PathBuf::from) else {
        return;
    };
    let mut ours = document();
    // What the import notes for itself.
    let info = ours["info"].as_object_mut().unwrap();
    info.retain(|key, _| !key.starts_with("x-"));
    let version = ours["info"]["version"].as_str().unwrap();
    let theirs = load(&folder.join(format!("customer-records-{version}.structure.yaml"))).unwrap();
    assert_eq!(structure(&ours), structure(&theirs));
}

/// A document without its prose.
fn structure(value: &Value) -> Value {
    fn strip(value: &Value, names: bool) -> Value {
        match value {
            // The keys of `properties` and of maps of components are names, whatever they read like.
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| {
                    names
                        || !["description", "summary", "example", "examples"]
                            .contains(&key.as_str())
                })
                .map(|(key, value)| (key.clone(), strip(value, !names && key == "properties")))
                .collect(),
            Value::Array(items) => items.iter().map(|item| strip(item, false)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
    strip(value, false)
}

#[test]
fn an_overlay_updates_and_removes() {
    let mut document = json!({ "a": { "x": 1, "list": [1, 2, 3] }, "b": { "x": 1 } });
    let overlay = json!({ "overlay": "1.0.0", "actions": [
        { "target": "$.*", "description": "why", "update": { "y": { "z": 2 } } },
        { "target": "$.a.x", "description": "why", "remove": true },
        { "target": "$.a.list[?@ < 3]", "description": "why", "remove": true },
    ] });
    apply(&mut document, &overlay).unwrap();
    assert_eq!(
        document,
        json!({ "a": { "y": { "z": 2 }, "list": [3] }, "b": { "x": 1, "y": { "z": 2 } } })
    );
}

#[test]
fn an_overlay_action_that_is_of_no_use_is_an_error_that_names_it() {
    for (action, expected) in [
        (
            json!({ "target": "$.c", "description": "why", "remove": true }),
            "action 1 ($.c): matches nothing",
        ),
        (
            json!({ "target": "$.a", "description": "why", "update": { "x": 1 } }),
            "action 1 ($.a): changes nothing",
        ),
        (
            json!({ "target": "$.a", "update": { "x": 2 } }),
            "action 1 ($.a): no description",
        ),
        (
            json!({ "target": "$.a", "description": "why" }),
            "action 1 ($.a): needs either",
        ),
        (
            json!({ "target": "$.a", "description": "why", "update": {}, "remove": true }),
            "action 1 ($.a): needs either",
        ),
        (
            json!({ "target": "a b", "description": "why", "remove": true }),
            "action 1 (a b): the target is not a JSONPath",
        ),
        (
            json!({ "description": "why", "remove": true }),
            "action 1 (): it has no target",
        ),
    ] {
        let mut document = json!({ "a": { "x": 1 } });
        let good = json!({ "target": "$.a", "description": "why", "update": { "y": 1 } });
        let overlay = json!({ "overlay": "1.0.0", "actions": [good, action] });
        let error = format!("{:#}", apply(&mut document, &overlay).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
}

/// One operation that sends `sent` and is answered `read` or, with 400, `error`.
fn small(schemas: Value) -> Value {
    let body = |name: &str| json!({ "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } } });
    let mut document = json!({
        "paths": { "/things": { "post": {
            "operationId": "MakeThing",
            "requestBody": body("Sent"),
            "responses": { "201": body("Read"), "400": body("Failed"), "200": { "description": "another" } },
        } } },
        "components": { "schemas": {
            "Failed": { "type": "object", "required": ["code"], "properties": { "code": { "type": "integer" } } },
            "Orphan": { "type": "string" },
        } },
    });
    for (name, schema) in schemas.as_object().unwrap() {
        document["components"]["schemas"][name] = schema.clone();
    }
    document
}

#[test]
fn errors_leave_the_operation_and_stay_as_types() {
    let mut document = small(json!({ "Sent": { "type": "string" }, "Read": { "type": "string" } }));
    document["paths"]["/things"]["post"]["responses"]
        .as_object_mut()
        .unwrap()
        .remove("200");
    normalise(&mut document).unwrap();
    let responses = document["paths"]["/things"]["post"]["responses"]
        .as_object()
        .unwrap();
    assert_eq!(responses.keys().collect::<Vec<_>>(), ["201"]);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut names: Vec<_> = schemas.keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["Failed", "NumberOrString", "Read", "Sent"]);
    let code = json!({ "allOf": [{ "$ref": "#/components/schemas/NumberOrString" }] });
    assert_eq!(
        schemas["Failed"],
        json!({ "type": "object", "properties": { "code": code } })
    );
}

#[test]
fn of_successes_that_differ_the_one_that_says_most_stays_and_the_caller_is_told() {
    let mut document = small(json!({ "Sent": { "type": "string" }, "Read": { "type": "string" } }));
    normalise(&mut document).unwrap();
    let operation = &document["paths"]["/things"]["post"];
    let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["201"]);
    assert_eq!(
        operation["description"],
        "Only an answer with 201 is a success here. One with 200 is `Error::UnexpectedResponse`, with its status, \
         headers and body."
    );
}

#[test]
fn what_is_both_sent_and_read_is_split_where_it_differs() {
    let mut document = small(json!({
        "Sent": { "type": "object", "required": ["part", "name"], "properties": {
            "part": { "$ref": "#/components/schemas/Part" }, "name": { "$ref": "#/components/schemas/Name" },
        } },
        "Read": { "type": "object", "required": ["part"], "additionalProperties": false, "properties": {
            "part": { "$ref": "#/components/schemas/Part" }, "name": { "$ref": "#/components/schemas/Name" },
            "parts": { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Part" } },
        } },
        "Part": { "type": "object", "properties": { "leaf": { "$ref": "#/components/schemas/Leaf" } } },
        "Leaf": { "type": "string", "maxLength": 2, "description": "words" },
        "Name": { "type": "string" },
    }));
    document["paths"]["/things"]["post"]["responses"]
        .as_object_mut()
        .unwrap()
        .remove("200");
    let before = document["components"]["schemas"].clone();
    normalise(&mut document).unwrap();
    let schemas = &document["components"]["schemas"];
    for strict in ["Sent", "Part", "Leaf", "Name"] {
        assert_eq!(
            schemas[strict], before[strict],
            "what is sent stays as strict as it was"
        );
    }
    assert_eq!(
        schemas["LeafRead"],
        json!({ "type": "string", "description": "words" })
    );
    // It differs only by what it names.
    assert_eq!(
        schemas["PartRead"]["properties"]["leaf"],
        json!({ "$ref": "#/components/schemas/LeafRead" })
    );
    let part = json!({ "$ref": "#/components/schemas/PartRead" });
    assert_eq!(
        schemas["Read"],
        json!({ "type": "object", "properties": {
            "part": part, "name": { "$ref": "#/components/schemas/Name" },
            "parts": { "type": "array", "items": part, "nullable": true },
        } })
    );
}

#[test]
fn a_tolerant_name_that_is_taken_gets_a_number() {
    let mut document = small(json!({
        "Sent": { "type": "string", "maxLength": 1 }, "sent_read": { "type": "string" },
        "Read": { "type": "object", "properties": {
            "one": { "$ref": "#/components/schemas/Sent" }, "two": { "$ref": "#/components/schemas/sent_read" },
        } },
    }));
    normalise(&mut document).unwrap();
    assert_eq!(
        document["components"]["schemas"]["Read"]["properties"],
        json!({
            "one": { "$ref": "#/components/schemas/SentRead2" },
            "two": { "$ref": "#/components/schemas/sent_read" },
        })
    );
}
