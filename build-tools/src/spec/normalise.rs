//! Makes a document fit for the generator: mechanically, and without knowing a name.
//!
//! The generator can express one body type per outcome, so error answers are taken out of the operations; their bodies
//! are read by hand, and their schemas stay as types. And the vendor's answers differ from its document, so whatever
//! is read is tolerant (nothing required, no limits, numbers also as strings), while whatever is sent stays as strict
//! as the document.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::{
    METHODS, SCHEMAS, all_references,
    fit::{Names, fit, folded, schemas_mut},
    operations, redirect, resolve,
};

/// The component that stands for every integer that is read.
const NUMBER_OR_STRING: &str = "NumberOrString";
/// Variants that generated code calls by these names alone, folded: a type of one field would stand in their place.
const PRELUDE: [&str; 4] = ["ok", "err", "some", "none"];
/// What the tolerant form of a schema is called, where the strict one is needed too.
const READ: &str = "Read";
/// Formats by which a string announces a number.
pub(crate) const NUMERIC_FORMATS: [&str; 4] = ["int32", "int64", "uint32", "uint64"];
/// What a reader does not insist on. `default` is here because a member with a default may not be null.
const LIMITS: [&str; 16] = [
    "required",
    "minLength",
    "maxLength",
    "pattern",
    "enum",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "default",
    "maxProperties",
];

/// Makes the document fit for the generator, in place.
pub(crate) fn normalise(document: &mut Value) -> Result<()> {
    fit(document)?;
    make_room(document)?;
    let errors = error_schemas(document)?;
    drop_errors(document)?;
    drop_empty_limits(document);
    tolerate(document, &errors)?;
    prune(document, &errors);
    Ok(())
}

/// The schemas that error answers name, which are kept as types although the operations lose their error answers.
fn error_schemas(document: &Value) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for operation in operations(document)? {
        for (status, response) in operation.body["responses"]
            .as_object()
            .into_iter()
            .flatten()
        {
            if !status.starts_with('2') {
                references(resolve(document, response)?, &mut names);
            }
        }
    }
    Ok(names)
}

/// Renames schemas of the document that have the name of ours, or one that generated code uses for something else.
fn make_room(document: &mut Value) -> Result<()> {
    let schemas = schemas_mut(document)?;
    let mut names = Names::of(schemas);
    let ours = folded(NUMBER_OR_STRING);
    let theirs: Vec<String> = schemas
        .keys()
        .filter(|name| folded(name) == ours || PRELUDE.contains(&folded(name).as_str()))
        .cloned()
        .collect();
    for name in theirs {
        rename_schema(document, &name, &names.free(&format!("{name}Schema")))?;
    }
    Ok(())
}

/// Drops every answer that is no success.
fn drop_errors(document: &mut Value) -> Result<()> {
    each_operation(document, |operation| {
        if let Some(responses) = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
        {
            responses.retain(|status, _| status.starts_with('2'));
        }
        Ok(())
    })
}

fn each_operation(
    document: &mut Value,
    mut change: impl FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    for item in document["paths"]
        .as_object_mut()
        .context("the document has no paths")?
        .values_mut()
    {
        for (method, operation) in item.as_object_mut().context("a path that is no object")? {
            if METHODS.contains(&method.as_str()) {
                change(operation)?;
            }
        }
    }
    Ok(())
}

/// A length of at least zero is no limit; generated code would compare and be warned about it.
fn drop_empty_limits(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for limit in ["minLength", "minItems", "minProperties"] {
                if map.get(limit).is_some_and(|least| *least == 0) {
                    map.remove(limit);
                }
            }
            map.values_mut().for_each(drop_empty_limits);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty_limits),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Gives every schema that is read a tolerant form. Where the strict form is sent too and differs, both exist.
fn tolerate(document: &mut Value, errors: &BTreeSet<String>) -> Result<()> {
    let mut sent = BTreeSet::new();
    let mut read = errors.clone();
    for operation in operations(document)? {
        for parameters in [&operation.item["parameters"], &operation.body["parameters"]] {
            for parameter in parameters.as_array().into_iter().flatten() {
                references(resolve(document, parameter)?, &mut sent);
            }
        }
        if let Some(body) = operation.body.get("requestBody") {
            references(resolve(document, body)?, &mut sent);
        }
        for response in operation.body["responses"]
            .as_object()
            .into_iter()
            .flat_map(Map::values)
        {
            references(resolve(document, response)?, &mut read);
        }
    }
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let sent = closure(&schemas, sent);
    let read = closure(&schemas, read);

    // A tolerant form differs if it does so by itself or names one that differs.
    let same: BTreeMap<String, String> = BTreeMap::new();
    let mut differs: BTreeSet<&String> = BTreeSet::new();
    for name in &read {
        let schema = schemas
            .get(name)
            .with_context(|| format!("no schema {name}"))?;
        if tolerant(schema, &same, &schemas, Place::Component) != *schema {
            differs.insert(name);
        }
    }
    loop {
        let before = differs.len();
        for name in &read {
            let mut named = BTreeSet::new();
            references(&schemas[name], &mut named);
            if named.iter().any(|name| differs.contains(name)) {
                differs.insert(name);
            }
        }
        if differs.len() == before {
            break;
        }
    }
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let components = schemas_mut(document)?;
    let mut names = Names::of(components);
    for name in differs.iter().filter(|name| sent.contains(**name)) {
        renamed.insert((*name).clone(), names.free(&format!("{name}{READ}")));
    }

    for name in &read {
        let form = tolerant(&schemas[name], &renamed, &schemas, Place::Component);
        match renamed.get(name) {
            None => drop(components.insert(name.clone(), form)),
            Some(new) => drop(components.insert(new.clone(), form)),
        }
    }
    components.insert(
        NUMBER_OR_STRING.to_owned(),
        json!({
            "description": "A number as the vendor sends it: as a JSON number, or as a string of digits.",
            "oneOf": [
                { "title": "Integer", "type": "integer", "format": "int64" },
                { "title": "String", "type": "string" },
            ],
        }),
    );

    // Responses, inline or as components, name the tolerant forms.
    let change = |response: &mut Value| {
        for media in response
            .get_mut("content")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if let Some(schema) = media.get_mut("schema") {
                *schema = tolerant(schema, &renamed, &schemas, Place::Body);
            }
        }
    };
    each_operation(document, |operation| {
        operation["responses"]
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
            .for_each(change);
        Ok(())
    })?;
    let responses = document
        .pointer_mut("/components/responses")
        .and_then(Value::as_object_mut);
    responses
        .into_iter()
        .flat_map(Map::values_mut)
        .for_each(change);
    Ok(())
}

/// Where a schema stands, which decides how leniency is written.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The whole body of an answer.
    Body,
    /// A named component, or a part of one that is not a member.
    Component,
    /// A member of an object.
    Member,
}

/// The tolerant form of one schema, with its references led to tolerant forms.
fn tolerant(
    schema: &Value,
    renamed: &BTreeMap<String, String>,
    schemas: &Map<String, Value>,
    place: Place,
) -> Value {
    let Value::Object(strict) = schema else {
        return schema.clone();
    };
    if let Some(name) = schema_name(schema) {
        // A reference to a number is replaced, so that nobody has to open a box to find another.
        return match schemas.get(name) {
            Some(target) if place == Place::Member && is_number(target) => number(target),
            _ => {
                json!({ "$ref": format!("{SCHEMAS}{}", renamed.get(name).map_or(name, String::as_str)) })
            }
        };
    }
    if is_number(schema) {
        return number(schema);
    }
    let mut form = strict.clone();
    let kind = form.get("type").and_then(Value::as_str).map(str::to_owned);
    form.retain(|key, _| {
        !LIMITS.contains(&key.as_str()) || (key == "format" && kind.as_deref() == Some("number"))
    });
    form.remove("minProperties");
    if form.get("additionalProperties") == Some(&Value::Bool(false)) {
        form.remove("additionalProperties");
    }
    if kind.as_deref() == Some("array") && place == Place::Member {
        form.insert("nullable".to_owned(), Value::Bool(true));
    }
    for (key, place) in [
        ("items", Place::Component),
        ("additionalProperties", Place::Component),
    ] {
        if let Some(part) = form.get_mut(key) {
            *part = tolerant(part, renamed, schemas, place);
        }
    }
    for member in form
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        *member = tolerant(member, renamed, schemas, Place::Member);
    }
    alternatives(&mut form, schemas);
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in form
            .get_mut(key)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            *part = tolerant(part, renamed, schemas, Place::Component);
        }
    }
    Value::Object(form)
}

/// Chooses how alternatives are read, now that nothing is required that could tell them apart. Of several objects all
/// that fit are read; of several things of which one is a list or an object, the one that fits; else anything is.
fn alternatives(form: &mut Map<String, Value>, schemas: &Map<String, Value>) {
    let Some(parts) = ["oneOf", "anyOf"].iter().find_map(|key| form.remove(*key)) else {
        return;
    };
    let kinds: Vec<Option<&str>> = parts
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| kind(part, schemas, 0))
        .collect();
    let count = |wanted: &str| kinds.iter().filter(|kind| **kind == Some(wanted)).count();
    let key = if count("object") == kinds.len() {
        "anyOf"
    } else if count("object") <= 1 && count("array") <= 1 && !kinds.contains(&None) {
        "oneOf"
    } else {
        form.retain(|key, _| key == "description");
        return;
    };
    form.insert(key.to_owned(), parts);
}

/// What a schema is, if it is one thing.
fn kind<'a>(schema: &'a Value, schemas: &'a Map<String, Value>, depth: usize) -> Option<&'a str> {
    if depth > 16 {
        return None;
    }
    if let Some(name) = schema_name(schema) {
        return kind(schemas.get(name)?, schemas, depth + 1);
    }
    match schema["type"].as_str() {
        Some(kind) => Some(kind),
        None if schema["properties"].is_object() => Some("object"),
        None => kind(schema["allOf"].as_array()?.first()?, schemas, depth + 1),
    }
}

/// Whether a schema is an integer, or a string that announces one by its format.
fn is_number(schema: &Value) -> bool {
    match schema["type"].as_str() {
        Some("integer") => true,
        Some("string") => schema["format"]
            .as_str()
            .is_some_and(|format| NUMERIC_FORMATS.contains(&format)),
        _ => false,
    }
}

/// The tolerant form of a number: a reference, in a wrapping that leaves room for the words about it.
fn number(strict: &Value) -> Value {
    let mut form = json!({ "allOf": [{ "$ref": format!("{SCHEMAS}{NUMBER_OR_STRING}") }] });
    if let Some(description) = strict.get("description") {
        form["description"] = description.clone();
    }
    form
}

/// Removes components that nothing names any more, to the last.
fn prune(document: &mut Value, errors: &BTreeSet<String>) {
    loop {
        let mut named = BTreeSet::new();
        all_references(&document["paths"], &mut named);
        if let Some(components) = document["components"].as_object() {
            for (kind, parts) in components {
                for (name, part) in parts.as_object().into_iter().flatten() {
                    // A component that names itself is not in use by that.
                    let own = format!("#/components/{kind}/{name}");
                    let mut inner = BTreeSet::new();
                    all_references(part, &mut inner);
                    named.extend(inner.into_iter().filter(|name| *name != own));
                }
            }
        }
        let mut removed = false;
        for (kind, parts) in document["components"].as_object_mut().into_iter().flatten() {
            if kind == "securitySchemes" {
                continue;
            }
            if let Some(parts) = parts.as_object_mut() {
                let before = parts.len();
                parts.retain(|name, _| {
                    named.contains(&format!("#/components/{kind}/{name}"))
                        || (kind == "schemas" && errors.contains(name))
                });
                removed |= parts.len() != before;
            }
        }
        if !removed {
            return;
        }
    }
}

/// Renames a schema component and everything that names it.
pub(crate) fn rename_schema(document: &mut Value, from: &str, to: &str) -> Result<()> {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    let schemas = schemas.context("the document has no schemas")?;
    let schema = schemas
        .remove(from)
        .with_context(|| format!("no schema {from}"))?;
    ensure!(
        !schemas.contains_key(to),
        "cannot rename the schema {from}: {to} is taken"
    );
    schemas.insert(to.to_owned(), schema);
    let moved = BTreeMap::from([(format!("{SCHEMAS}{from}"), format!("{SCHEMAS}{to}"))]);
    redirect(document, &moved);
    Ok(())
}

fn schema_name(value: &Value) -> Option<&str> {
    value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix(SCHEMAS))
}

/// Adds the names of all schemas that `value` names directly.
fn references(value: &Value, names: &mut BTreeSet<String>) {
    let mut all = BTreeSet::new();
    all_references(value, &mut all);
    names.extend(
        all.iter()
            .filter_map(|reference| reference.strip_prefix(SCHEMAS))
            .map(str::to_owned),
    );
}

/// `names` and all that their schemas name in turn.
fn closure(schemas: &Map<String, Value>, names: BTreeSet<String>) -> BTreeSet<String> {
    let mut open: Vec<String> = names.into_iter().collect();
    let mut all = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(schema) = schemas.get(&name) {
            let mut named = BTreeSet::new();
            references(schema, &mut named);
            open.extend(named.into_iter().filter(|name| !all.contains(name)));
        }
        all.insert(name);
    }
    all
}
