//! Words and structure: takes the vendor's words out of a document, and puts ours where they belong.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Map, Value};

use crate::spec::{self, escaped};

/// What the keys of an object are.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// Words of OpenAPI.
    Fixed,
    /// Names from somebody's contract.
    Names,
}

impl Keys {
    /// The keys of what stands under `key`.
    fn below(self, key: &str) -> Self {
        if self == Self::Fixed
            && (spec::NAMED.contains(&key) || matches!(key, "mapping" | "scopes"))
        {
            Self::Names
        } else {
            Self::Fixed
        }
    }
}

fn is_word(key: &str) -> bool {
    spec::WORDS.contains(&key) || key.starts_with("x-")
}

/// Values that belong to a contract as they are, whatever keys they hold. What `security` asks for has names that
/// somebody chose, `x-key` for one.
fn is_literal(key: &str) -> bool {
    matches!(key, "default" | "enum" | "security")
}

/// Takes all words out of a document.
pub(crate) fn strip(document: &mut Value) {
    strip_below(document, Keys::Fixed);
    // The extensions beside the answers of an operation, where other keys are statuses.
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = items.into_iter().flatten();
    for (_, operation) in items.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        if let Some(answers) = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
        {
            answers.retain(|status, _| !status.starts_with("x-"));
        }
    }
}

fn strip_below(value: &mut Value, keys: Keys) {
    match value {
        Value::Object(map) => {
            if keys == Keys::Fixed {
                map.retain(|key, _| !is_word(key));
            }
            for (key, value) in map {
                if keys == Keys::Fixed {
                    scopes(key, value).for_each(|(_, words)| words.clear());
                }
                if keys == Keys::Names || !is_literal(key) {
                    strip_below(value, keys.below(key));
                }
            }
        }
        // What stands in a list is never a map of names, as `parameters` is in some places and in others a list.
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| strip_below(item, Keys::Fixed)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the scopes of a login are for: words that may be empty and not absent.
fn scopes<'a>(key: &str, value: &'a mut Value) -> impl Iterator<Item = (&'a str, &'a mut String)> {
    let names = value.as_object_mut().filter(|_| key == "scopes");
    names
        .into_iter()
        .flatten()
        .filter_map(|(name, words)| match words {
            Value::String(words) => Some((name.as_str(), words)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        })
}

/// Puts our words into a document without any: operations are found by their ids, components by their names, or by what
/// they are if the vendor renamed them or moved them out of or into another schema.
///
/// # Errors
/// A document without paths.
pub(crate) fn graft(structure: &mut Value, ours: &Value) -> Result<()> {
    let homes = renamed(structure, ours);
    let mut graft = Graft {
        ours,
        structure: structure.clone(),
        known: components(structure)
            .filter(|(pointer, _)| ours.pointer(pointer).is_some())
            .map(|(pointer, _)| pointer)
            .collect(),
        homes,
    };
    let by_id: BTreeMap<String, Value> = spec::operations(ours)?
        .into_iter()
        .map(|operation| (operation.id.to_owned(), operation.body.clone()))
        .collect();
    let places: Vec<(String, String)> = spec::operations(structure)?
        .into_iter()
        .map(|operation| {
            let pointer = format!("/paths/{}/{}", escaped(operation.path), operation.method);
            (pointer, operation.id.to_owned())
        })
        .collect();
    for (pointer, id) in places {
        if let (Some(operation), Some(words)) = (structure.pointer_mut(&pointer), by_id.get(&id)) {
            graft.at(operation, words, Keys::Fixed);
        }
    }
    for (key, part) in structure.as_object_mut().into_iter().flatten() {
        if key != "paths" && key != "components" {
            graft.at(part, &ours[key], Keys::Fixed);
        }
    }
    // A component may be the home of words that only another component leads to.
    let mut done = BTreeSet::new();
    loop {
        let open: Vec<(String, Value)> = components(structure)
            .filter(|(pointer, _)| !done.contains(pointer))
            .filter_map(|(pointer, _)| {
                let words = ours.pointer(&pointer).or_else(|| graft.homes.get(&pointer));
                words.cloned().map(|words| (pointer, words))
            })
            .collect();
        if open.is_empty() {
            break;
        }
        for (pointer, words) in open {
            if let Some(component) = structure.pointer_mut(&pointer) {
                graft.at(component, &words, Keys::Fixed);
            }
            done.insert(pointer);
        }
    }
    describe_responses(structure);
    Ok(())
}

struct Graft<'a> {
    ours: &'a Value,
    /// The new document, before there were words in it.
    structure: Value,
    /// Pointers to the components that have their name from our document.
    known: BTreeSet<String>,
    /// For components that our document does not have: what of it their words are taken from.
    homes: BTreeMap<String, Value>,
}

impl Graft<'_> {
    fn at(&mut self, new: &mut Value, old: &Value, keys: Keys) {
        match (target(new), target(old)) {
            (Some(new), Some(old)) => {
                // Renamed and changed at once: nothing is left of the one, and most of it is in the other.
                if !self.known.contains(&new)
                    && !self.known.contains(&old)
                    && let Some(words) = self.ours.pointer(&old)
                    && self
                        .structure
                        .pointer(&new)
                        .is_some_and(|new| alike(new, words))
                {
                    self.homes.entry(new).or_insert_with(|| words.clone());
                }
            }
            (Some(new), None) => {
                // Moved into a component.
                if !self.known.contains(&new) {
                    self.homes.entry(new).or_insert_with(|| old.clone());
                }
            }
            (None, Some(old)) => {
                // Moved out of a component.
                if let Some(old) = self.ours.pointer(&old) {
                    self.at(new, old, keys);
                }
            }
            (None, None) => self.inside(new, old, keys),
        }
    }

    fn inside(&mut self, new: &mut Value, old: &Value, keys: Keys) {
        match (new, old) {
            (Value::Object(new), Value::Object(old)) => {
                if keys == Keys::Fixed {
                    for (key, words) in old.iter().filter(|(key, _)| is_word(key)) {
                        new.entry(key.clone()).or_insert_with(|| words.clone());
                    }
                }
                for (key, value) in new {
                    if keys == Keys::Fixed {
                        for (name, words) in scopes(key, value) {
                            if let Some(ours) = old[key.as_str()][name].as_str() {
                                ours.clone_into(words);
                            }
                        }
                    }
                    let words = keys == Keys::Fixed && (is_word(key) || is_literal(key));
                    if !words && let Some(old) = old.get(key) {
                        self.at(value, old, keys.below(key));
                    }
                }
            }
            (Value::Array(new), Value::Array(old)) => {
                for (index, value) in new.iter_mut().enumerate() {
                    let same = match identity(value) {
                        Some(name) => old.iter().find(|old| identity(old) == Some(name.clone())),
                        None => old.get(index).filter(|old| identity(old).is_none()),
                    };
                    if let Some(old) = same {
                        self.at(value, old, Keys::Fixed);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What an element of a list is known by, wherever it stands: where it leads, or a parameter's name and place.
fn identity(value: &Value) -> Option<String> {
    let parameter = || {
        Some(format!(
            "{} {}",
            value["in"].as_str()?,
            value["name"].as_str()?
        ))
    };
    target(value).or_else(parameter)
}

/// The JSON pointer that a reference within the document stands for.
fn target(value: &Value) -> Option<String> {
    let reference = value.get("$ref")?.as_str()?;
    reference.strip_prefix('#').map(str::to_owned)
}

/// Every component, by its pointer.
fn components(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let kinds = document["components"].as_object().into_iter().flatten();
    kinds.flat_map(|(kind, parts)| {
        let parts = parts.as_object().into_iter().flatten();
        parts.map(move |(name, part)| (format!("/components/{kind}/{}", escaped(name)), part))
    })
}

/// Components that our document has under another name: the one gone from it that is the same but for words.
fn renamed(structure: &Value, ours: &Value) -> BTreeMap<String, Value> {
    let gone: Vec<(String, Value, &Value)> = components(ours)
        .filter(|(pointer, _)| structure.pointer(pointer).is_none())
        .map(|(pointer, part)| {
            let mut stripped = part.clone();
            strip(&mut stripped);
            (kind(&pointer).to_owned(), stripped, part)
        })
        .collect();
    let mut homes = BTreeMap::new();
    for (pointer, part) in components(structure) {
        if ours.pointer(&pointer).is_some() {
            continue;
        }
        let mut alike = gone
            .iter()
            .filter(|(of, stripped, _)| of == kind(&pointer) && stripped == part);
        // Two that are alike would be a guess.
        if let (Some((_, _, words)), None) = (alike.next(), alike.next()) {
            homes.insert(pointer, (*words).clone());
        }
    }
    homes
}

/// Whether most members of one schema are members of the other too.
fn alike(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (
        one["properties"].as_object(),
        other["properties"].as_object(),
    ) else {
        return false;
    };
    let shared = one.keys().filter(|name| other.contains_key(*name)).count();
    2 * shared > one.len().max(other.len())
}

/// `schemas` of `/components/schemas/Name`.
fn kind(pointer: &str) -> &str {
    pointer.split('/').nth(2).unwrap_or_default()
}

/// Describes answers that nobody has described, since OpenAPI wants it: by their name or status.
fn describe_responses(document: &mut Value) {
    let describe = |responses: &mut Map<String, Value>, words: fn(&str) -> String| {
        for (name, response) in responses {
            if let Some(response) = response
                .as_object_mut()
                .filter(|it| !it.contains_key("$ref"))
            {
                response
                    .entry("description")
                    .or_insert_with(|| words(name).into());
            }
        }
    };
    let items = document["paths"].as_object_mut().into_iter().flatten();
    for operation in items.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        if let Some(responses) = operation
            .1
            .get_mut("responses")
            .and_then(Value::as_object_mut)
        {
            describe(responses, |status| format!("Answer with status {status}."));
        }
    }
    let shared = document.pointer_mut("/components/responses");
    if let Some(responses) = shared.and_then(Value::as_object_mut) {
        describe(responses, str::to_owned);
    }
}

/// Places without a description, as JSON pointers: operations, parameters, schemas and their members.
pub(crate) fn undescribed(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let items = document["paths"].as_object().into_iter().flatten();
    for (path, item) in items {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if operation.get("operationId").is_some() && operation.get("description").is_none() {
                found.insert(format!("/paths/{}/{method}", escaped(path)));
            }
        }
    }
    for (pointer, part) in components(document) {
        match kind(&pointer) {
            "schemas" => schema(part, &pointer, &mut found),
            "parameters" if part.get("description").is_none() => {
                found.insert(pointer);
            }
            // Named like its component if nobody said more.
            "responses" if part["description"].as_str() == pointer.rsplit('/').next() => {
                found.insert(pointer);
            }
            _ => {}
        }
    }
    found
}

fn schema(part: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    if part.get("$ref").is_none() && part.get("description").is_none() {
        found.insert(pointer.to_owned());
    }
    for (name, member) in part["properties"].as_object().into_iter().flatten() {
        schema(
            member,
            &format!("{pointer}/properties/{}", escaped(name)),
            found,
        );
    }
}
