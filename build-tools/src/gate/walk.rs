//! Goes through a document and knows what is structure in it and what is data or a name of the vendor's choice.

use serde_json::{Map, Value};

use crate::spec::{NAMED, escaped};

/// Keys whose value is data, in which no key has a meaning.
const DATA: [&str; 5] = ["default", "enum", "example", "mapping", "value"];

/// Calls `visit` with every object that is part of the structure, the kind of component that it could be instead of being
/// where it is, and the pointer to it.
pub(super) fn walk<'a>(
    document: &'a Value,
    visit: &mut impl FnMut(&'a Map<String, Value>, Option<&'static str>, &str),
) {
    if let Some(map) = document.as_object() {
        object(map, None, "", visit);
    }
}

fn object<'a>(
    map: &'a Map<String, Value>,
    kind: Option<&'static str>,
    place: &str,
    visit: &mut impl FnMut(&'a Map<String, Value>, Option<&'static str>, &str),
) {
    visit(map, kind, place);
    for (key, member) in map {
        if DATA.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let here = format!("{place}/{}", escaped(key));
        let kind = component(key);
        match member {
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                for (name, member) in named {
                    if let Some(member) = member.as_object() {
                        let here = format!("{here}/{}", escaped(name));
                        object(member, kind, &here, visit);
                    }
                }
            }
            Value::Object(member) => object(member, kind, &here, visit),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(item) = item.as_object() {
                        object(item, kind, &format!("{here}/{index}"), visit);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// The kind of component that a reference behind this key may lead to.
fn component(key: &str) -> Option<&'static str> {
    Some(match key {
        "additionalProperties"
        | "allOf"
        | "anyOf"
        | "items"
        | "not"
        | "oneOf"
        | "properties"
        | "schema"
        | "schemas" => "schemas",
        "callbacks" => "callbacks",
        "examples" => "examples",
        "headers" => "headers",
        "links" => "links",
        "parameters" => "parameters",
        "requestBody" | "requestBodies" => "requestBodies",
        "responses" => "responses",
        "securitySchemes" => "securitySchemes",
        _ => return None,
    })
}
