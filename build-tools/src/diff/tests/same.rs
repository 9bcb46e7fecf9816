//! Other ways of writing the same: no difference.

use serde_json::{Map, Value, json};

use super::*;

#[track_caller]
fn same(old: Value, new: Value) {
    assert_eq!(differences(&document(old), &document(new)), []);
}

#[test]
fn parts_and_a_flat_schema_are_the_same() {
    let flat = json!({"type": "object", "required": ["a", "c"], "properties": {
        "a": {"type": "string", "maxLength": 3},
        "b": {"type": "integer"},
        "c": {"type": "boolean"},
    }});
    let parts = json!({
        "required": ["a", "c"],
        "allOf": [
            {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}}]},
            {"type": "object", "properties": {"a": {"maxLength": 3}, "b": {"type": "integer"}}},
            {"properties": {"c": {"type": "boolean"}}},
        ],
    });
    same(flat.clone(), parts.clone());
    same(parts, flat);
}

#[test]
fn a_schema_moved_inline_or_into_a_component_is_the_same() {
    let old = document(holding(json!({"$ref": "#/components/schemas/Trouble"})));
    let mut new = old.clone();
    let trouble = new["components"]["schemas"]["Trouble"].clone();
    new["components"]["schemas"]["Thing"]["properties"]["a"] = trouble;
    assert_eq!(differences(&old, &new), []);
    assert_eq!(differences(&new, &old), []);
}

#[test]
fn null_let_into_a_reference_is_told() {
    let reference = || json!({"$ref": "#/components/schemas/Trouble"});
    let nullable = json!({"nullable": true, "allOf": [reference()]});
    expect_value(
        reference(),
        nullable,
        &["additive: request became nullable"],
        &["breaking: response became nullable"],
    );
}

#[test]
fn recursion_ends_and_a_change_within_is_told_once() {
    let tree = |leaf: &str| {
        json!({"type": "object", "properties": {
            "leaf": {"type": leaf},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
            "either": {"oneOf": [{"$ref": "#/components/schemas/Thing"}, {"type": "string"}]},
            "self": {"allOf": [{"$ref": "#/components/schemas/Thing"}]},
        }})
    };
    same(tree("string"), tree("string"));
    expect(
        tree("string"),
        tree("integer"),
        &["breaking: request type changed"],
        &["breaking: response type changed"],
    );
    let circle = json!({"allOf": [{"$ref": "#/components/schemas/Thing"}]});
    same(circle.clone(), circle);
    let choice = json!({"oneOf": [{"$ref": "#/components/schemas/Thing"}, {"$ref": "#/components/schemas/Thing"}]});
    same(choice.clone(), choice);
}

#[test]
fn a_renamed_component_is_the_same_and_still_known_to_the_lineage() {
    let old = document(
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}),
    );
    let mut new = renamed(&old);
    assert_eq!(differences(&old, &new), []);

    new["components"]["schemas"]["ThingX"]["properties"]["a"]["type"] = json!("integer");
    let found = compare(&old, &new, &scope_of(&["PutThing"]), &lineage()).unwrap();
    assert_eq!(found.len(), 2);
    for told in found {
        assert_eq!(told.pointer, "/components/schemas/ThingX/properties/a/type");
        assert_eq!(told.rpcs, ["ThingService.UpdateThing"]);
        assert_eq!(told.fields, ["Thing.a"]);
    }
}

#[test]
fn a_schema_in_two_places_touches_the_fields_of_both() {
    let thing = json!({"type": "object", "properties": {
        "a": {"$ref": "#/components/schemas/Trouble"},
        "b": {"$ref": "#/components/schemas/Trouble"},
    }});
    let old = document(thing);
    let mut new = old.clone();
    new["components"]["schemas"]["Trouble"]["properties"]["code"]["type"] = json!("string");
    // Two uses of the inner property's own place are one; the scalar itself has none, so its users count.
    let scalar = |kind: &str| {
        let mut document = old.clone();
        document["components"]["schemas"]["Trouble"] = json!({"type": kind});
        document
    };
    let found = compare(
        &scalar("string"),
        &scalar("integer"),
        &scope_of(&["PutThing"]),
        &lineage(),
    );
    let found = found.unwrap();
    assert_eq!(found[0].fields, ["Thing.a", "Thing.b"]);
}

/// A lineage of the small document.
fn lineage() -> Lineage {
    Lineage::small(
        &[("PutThing", &["ThingService.UpdateThing"])],
        &[("Thing.a", &["Thing.a"]), ("Thing.b", &["Thing.b"])],
    )
}

/// The document with other names for all components, and the keys in another order.
pub(super) fn renamed(document: &Value) -> Value {
    match document {
        Value::Object(map) => {
            let mut members: Vec<(String, Value)> = map
                .iter()
                .map(|(key, value)| (key.clone(), renamed(value)))
                .collect();
            members.reverse();
            let mut out: Map<String, Value> = members.into_iter().collect();
            if let Some(components) = out.get_mut("components").and_then(Value::as_object_mut) {
                for part in components.values_mut() {
                    let Some(part) = part.as_object_mut() else {
                        continue;
                    };
                    let all = std::mem::take(part).into_iter();
                    part.extend(all.map(|(name, value)| (format!("{name}X"), value)));
                }
            }
            if let Some(Value::String(reference)) = out.get_mut("$ref") {
                reference.push('X');
            }
            if let Some(Value::Array(requirements)) = out.get_mut("security") {
                for requirement in requirements.iter_mut().filter_map(Value::as_object_mut) {
                    let all = std::mem::take(requirement).into_iter();
                    requirement.extend(all.map(|(name, value)| (format!("{name}X"), value)));
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(renamed).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => document.clone(),
    }
}
