//! Schemas: references to components only, and no member that the generator stumbles over.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use heck::{ToPascalCase as _, ToSnakeCase as _};
use serde_json::{Map, Value};

use super::{Names, WIRE_NAMES, folded, parameters::names as mentions, schemas_mut};
use crate::spec::{SCHEMAS, all_references, redirect};

/// Rewrites every schema in place.
pub(super) fn fit(document: &mut Value) -> Result<()> {
    local(document)?;
    each_schema(document, &mut tame);
    distinct(document);
    acyclic(document)
}

/// Makes a component of everything that a reference names otherwise, such as a member of another schema.
fn local(document: &mut Value) -> Result<()> {
    // What is made a component may name further places.
    for _ in 0..16 {
        let mut found = BTreeSet::new();
        all_references(document, &mut found);
        let mut moved = BTreeMap::new();
        let mut names = Names::of(schemas_mut(document)?);
        for reference in found {
            ensure!(
                reference.starts_with("#/"),
                "{reference} is in another file: bundle the document into one file first"
            );
            let Some(target) = document.pointer(&reference[1..]) else {
                bail!("{reference} leads nowhere");
            };
            if is_component(&reference) || reference.starts_with("#/paths/") && is_item(target) {
                continue;
            }
            let target = target.clone();
            let words: Vec<String> = reference
                .split(|letter: char| !letter.is_ascii_alphanumeric())
                .filter(|word| !["", "components", "schemas", "properties", "paths"].contains(word))
                .map(capital)
                .collect();
            let name = names.free(&words.concat());
            schemas_mut(document)?.insert(name.clone(), target);
            moved.insert(reference, format!("{SCHEMAS}{name}"));
        }
        if moved.is_empty() {
            return Ok(());
        }
        redirect(document, &moved);
    }
    bail!("references into other schemas go sixteen deep: give them components of their own")
}

fn is_component(reference: &str) -> bool {
    let parts: Vec<&str> = reference.split('/').collect();
    matches!(parts.as_slice(), ["#", "components", _, _])
}

fn is_item(target: &Value) -> bool {
    [
        "type",
        "$ref",
        "allOf",
        "oneOf",
        "anyOf",
        "properties",
        "enum",
    ]
    .iter()
    .all(|member| target.get(member).is_none())
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

/// Calls `change` for every schema of the document, the inner ones first.
pub(super) fn each_schema(document: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    /// Finds the places outside schemas where schemas stand.
    fn places(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match key.as_str() {
                        "schema" => within(value, change),
                        "schemas" => value
                            .as_object_mut()
                            .into_iter()
                            .flat_map(Map::values_mut)
                            .for_each(|schema| within(schema, change)),
                        "example" | "examples" => {}
                        _ => places(value, change),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|value| places(value, change)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    fn within(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
        let Some(schema) = schema.as_object_mut() else {
            return;
        };
        for (key, value) in schema.iter_mut() {
            match key.as_str() {
                "properties" => value
                    .as_object_mut()
                    .into_iter()
                    .flat_map(Map::values_mut)
                    .for_each(|schema| within(schema, change)),
                "items" | "additionalProperties" | "not" => within(value, change),
                "allOf" | "oneOf" | "anyOf" => value
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                    .for_each(|schema| within(schema, change)),
                _ => {}
            }
        }
        change(schema);
    }
    for key in ["paths", "components"] {
        if let Some(part) = document.get_mut(key) {
            places(part, change);
        }
    }
}

/// Gives members whose field would have the name of another one a name of their own, and notes what they are called on
/// the wire.
fn distinct(document: &mut Value) {
    let whole = document.clone();
    let mut wire = Map::new();
    each_schema(document, &mut |schema| {
        for (name, renamed) in twins(&whole, schema) {
            rename_member(schema, &name, &renamed);
            wire.insert(renamed, name.into());
        }
    });
    if !wire.is_empty() {
        document[WIRE_NAMES] = wire.into();
    }
}

/// Members of one field name but for the first of each, with a new name. Those that are spelled like a field come first.
fn twins(whole: &Value, schema: &Map<String, Value>) -> Vec<(String, String)> {
    let members = schema.get("properties").and_then(Value::as_object);
    let mut names: Vec<&String> = members.into_iter().flat_map(Map::keys).collect();
    names.sort_by_key(|name| (name.to_snake_case() != **name, *name));
    let mut taken = BTreeSet::new();
    let mut twins = Vec::new();
    for name in names {
        // The generator's field for a name without letters is `x`.
        let field = match folded(name) {
            empty if empty.is_empty() => "x".to_owned(),
            field => field,
        };
        if taken.insert(field) {
            continue;
        }
        let mut number = 2;
        let mut renamed = format!("{name}-member");
        // The dash makes the name differ from its field's, so that the generator writes it out.
        while taken.contains(&folded(&renamed)) || mentions(whole, &renamed) {
            renamed = format!("{name}-member-{number}");
            number += 1;
        }
        taken.insert(folded(&renamed));
        twins.push((name.clone(), renamed));
    }
    twins
}

fn rename_member(schema: &mut Map<String, Value>, name: &str, renamed: &str) {
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut)
        && let Some(member) = members.remove(name)
    {
        members.insert(renamed.to_owned(), member);
    }
    let required = schema.get_mut("required").and_then(Value::as_array_mut);
    for word in required.into_iter().flatten().filter(|word| *word == name) {
        *word = renamed.into();
    }
}

/// Drops what says nothing, or nothing that can be held to.
fn tame(schema: &mut Map<String, Value>) {
    for (exclusive, limit) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if !schema.contains_key(limit) {
            schema.remove(exclusive);
        }
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && regress::Regex::new(pattern).is_err()
    {
        schema.remove("pattern");
    }
    if schema
        .get("default")
        .is_some_and(|default| !fits(default, schema))
    {
        schema.remove("default");
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && (words.is_empty() || !have_names(words))
    {
        schema.remove("enum");
    }
    // The types of dates and the like know their limits, and the generator knows them only without.
    let formats = ["date", "date-time", "uuid"];
    if schema
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| formats.contains(&format))
    {
        for limit in ["minLength", "maxLength", "pattern"] {
            schema.remove(limit);
        }
    }
}

/// Whether the generator finds a name for each word: it tries two ways, and gives up where both make one name of two.
fn have_names(words: &[Value]) -> bool {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let distinct = |other: char, also: char| {
        let spelled = |word: &&str| {
            word.replace(
                |letter: char| letter == also || !(letter.is_alphanumeric() || letter == '_'),
                &other.to_string(),
            )
            .to_pascal_case()
        };
        words.iter().map(spelled).collect::<BTreeSet<_>>().len() == words.len()
    };
    distinct('-', '-') || distinct('X', '_')
}

/// Whether a default is a value of its schema, as far as that is told by type and words.
fn fits(default: &Value, schema: &Map<String, Value>) -> bool {
    let kind = schema.get("type").and_then(Value::as_str);
    let typed = match kind {
        Some("string") => default.is_string(),
        Some("integer") => default.is_i64() || default.is_u64(),
        Some("number") => default.is_number(),
        Some("boolean") => default.is_boolean(),
        Some("array") => default.is_array(),
        Some("object") => default.is_object(),
        _ => true,
    };
    let words = schema.get("enum").and_then(Value::as_array);
    let length = default.as_str().map(|text| text.chars().count() as u64);
    let within = |limit: &str, inside: fn(u64, u64) -> bool| match (
        length,
        schema.get(limit).and_then(Value::as_u64),
    ) {
        (Some(length), Some(limit)) => inside(length, limit),
        _ => true,
    };
    typed
        && words.is_none_or(|words| words.contains(default))
        && within("minLength", |length, limit| length >= limit)
        && within("maxLength", |length, limit| length <= limit)
}

/// Refuses schemas that consist of themselves: nothing is a value of those, and the generator would never end.
fn acyclic(document: &Value) -> Result<()> {
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let Some(schemas) = schemas else {
        return Ok(());
    };
    let mut done = BTreeSet::new();
    let mut names: Vec<&String> = schemas.keys().collect();
    names.sort_unstable();
    for name in names {
        descend(schemas, name, &mut Vec::new(), &mut done)?;
    }
    Ok(())
}

fn descend<'a>(
    schemas: &'a Map<String, Value>,
    name: &'a str,
    above: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Result<()> {
    ensure!(
        !above.contains(&name),
        "the schema {name} consists of itself ({}): take it out of its own `$ref`, `allOf`, `oneOf` or `anyOf`",
        above.join(", ")
    );
    if !done.insert(name) {
        return Ok(());
    }
    above.push(name);
    let schema = schemas
        .get(name)
        .with_context(|| format!("{SCHEMAS}{name} leads nowhere"))?;
    let mut parts = Vec::new();
    direct(schema, &mut parts);
    for part in parts {
        descend(schemas, part, above, done)?;
    }
    above.pop();
    Ok(())
}

/// The components that a value of the schema is, whole, a value of.
fn direct<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    if let Some(name) = schema["$ref"].as_str() {
        found.extend(name.strip_prefix(SCHEMAS));
        return;
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            direct(part, found);
        }
    }
}
