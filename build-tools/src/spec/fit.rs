//! Makes a valid document one that the generator can read: by rules for any document, and by refusing the rest by name.
//!
//! The generator stops, or panics, at much that OpenAPI 3.0 allows: operations without an id, several kinds of body,
//! parameters that are serialised in other ways than its own. Whatever can be said in its terms is rewritten here. What
//! a caller has to know of that becomes a remark: a paragraph of the operation's description, and an entry of
//! [`REMARKS`]. A document that needs none of this comes out as it went in.

mod bodies;
mod parameters;
mod schemas;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::{METHODS, resolve};

/// Member of an operation: what its caller has to know of how it was rewritten.
pub(crate) const REMARKS: &str = "x-remarks";
/// Member of an operation: what it asks for in `Accept`, where that is not JSON.
pub(crate) const ACCEPT: &str = "x-accept";
/// Member of an operation: the media type of its request body, where the generator would send another one.
pub(crate) const CONTENT_TYPE: &str = "x-content-type";
/// Member of the document: for parameters with a name that another argument has, the name on the wire.
pub(crate) const WIRE_NAMES: &str = "x-wire-names";
/// Methods that the generated client has anyway, folded.
const METHODS_OF_CLIENT: [&str; 9] = [
    "new",
    "newwithclient",
    "apiversion",
    "baseurl",
    "client",
    "inner",
    "pre",
    "exec",
    "post",
];
/// What parts of a multipart body stand between. The generated client sends such bodies as they are handed in.
pub(crate) const BOUNDARY: &str = "boundary-of-the-parts";

/// Rewrites the document in place.
///
/// # Errors
/// Whatever cannot be expressed, with the operation and what to do about it.
pub(super) fn fit(document: &mut Value) -> Result<()> {
    let version = document["openapi"].as_str().unwrap_or("3.0.3");
    ensure!(
        version.starts_with("3.0"),
        "the document is of OpenAPI {version}, and only 3.0 is understood: convert it first"
    );
    quote(document);
    paths(document)?;
    identify(document);
    schemas::fit(document)?;
    parameters::fit(document)?;
    bodies::fit(document)
}

/// Has no description hold what Rust's documentation would take for an example of Rust's, and compile.
fn quote(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let (Value::String(text), "description" | "summary") = (&*value, key.as_str()) {
                    if let Some(quoted) = quoted(text) {
                        *value = quoted.into();
                    }
                } else if !["example", "examples"].contains(&key.as_str()) {
                    quote(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quote),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text with its blocks of code marked as text; `None` if it has none.
fn quoted(text: &str) -> Option<String> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let bare = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| bare.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                fence = Some(mark);
                lines.push(format!("{mark}text"));
            }
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                lines.push(mark.to_owned());
            }
            (None, None) if line.starts_with("    ") || line.starts_with('\t') => {
                lines.push(format!("  {bare}"));
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.extend(fence.map(str::to_owned));
    let quoted = lines.join("\n");
    (quoted != text.trim_end_matches('\n')).then_some(quoted)
}

/// Puts the path items that references lead to in their places, and drops what is no path.
fn paths(document: &mut Value) -> Result<()> {
    let whole = document.clone();
    let paths = document["paths"]
        .as_object_mut()
        .context("the document has no paths")?;
    let names: Vec<String> = paths.keys().cloned().collect();
    for path in names {
        if path.starts_with("x-") {
            paths.remove(&path);
            continue;
        }
        ensure!(
            path.starts_with('/') && !path.contains(['?', '#']),
            "{path}: a path starts with / and holds neither ? nor #: make that a parameter"
        );
        let item = &mut paths[&path];
        if let Some(reference) = item.get("$ref").and_then(Value::as_str) {
            let reference = reference.to_owned();
            let mut target = resolve(&whole, item)
                .with_context(|| {
                    format!("{path}: bundle the document, so that {reference} is in it")
                })?
                .clone();
            // What stands beside the reference adds to it.
            if let (Some(target), Some(own)) = (target.as_object_mut(), item.as_object()) {
                for (key, value) in own.iter().filter(|(key, _)| *key != "$ref") {
                    target.insert(key.clone(), value.clone());
                }
            }
            *item = target;
        }
        ensure!(item.is_object(), "{path}: a path that is no object");
    }
    Ok(())
}

/// Gives an id to operations without one, and another one to those whose id would make the name of another method.
fn identify(document: &mut Value) {
    let mut names = Names(METHODS_OF_CLIENT.map(str::to_owned).into());
    let mut anonymous = Vec::new();
    // The document's own ids come first, whatever the order.
    for (path, method, operation) in operations_mut(document) {
        match operation.get("operationId").and_then(Value::as_str) {
            Some(id) if !folded(id).is_empty() => {
                let id = names.free(id);
                if operation["operationId"] != id.as_str() {
                    operation.insert("operationId".to_owned(), id.into());
                }
            }
            _ => anonymous.push((path, method)),
        }
    }
    for (path, method) in anonymous {
        let words = path
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let id = std::iter::once(method.as_str())
            .chain(words)
            .collect::<Vec<_>>();
        document["paths"][&path][&method]["operationId"] = names.free(&id.join("_")).into();
    }
}

/// Every operation with its path and method, sorted by them.
fn operations_mut(document: &mut Value) -> Vec<(String, String, &mut Map<String, Value>)> {
    let mut operations = Vec::new();
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in items.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let (true, Some(operation)) = (
                METHODS.contains(&method.as_str()),
                operation.as_object_mut(),
            ) {
                operations.push((path.clone(), method.clone(), operation));
            }
        }
    }
    operations.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    operations
}

/// Tells the caller of an operation something, in its description and for the report.
fn remark(operation: &mut Map<String, Value>, text: &str) {
    let description = operation
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim_end();
    let description = format!("{description}\n\n{text}").trim_start().to_owned();
    operation.insert("description".to_owned(), description.into());
    let remarks = operation.entry(REMARKS).or_insert_with(|| json!([]));
    if let Some(remarks) = remarks.as_array_mut() {
        remarks.push(text.into());
    }
}

/// Names that are taken, in the generator's spelling, where two that differ in case or punctuation are one.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The names of a document's schemas.
    pub(super) fn of(schemas: &Map<String, Value>) -> Self {
        Self(schemas.keys().map(|name| folded(name)).collect())
    }

    /// The name, with a number if it is taken; it is then.
    pub(super) fn free(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert(folded(&name)) {
            name = format!("{wanted}{number}");
            number += 1;
        }
        name
    }
}

/// The schemas of the document's components, which are there from now on.
pub(super) fn schemas_mut(document: &mut Value) -> Result<&mut Map<String, Value>> {
    let components = document
        .as_object_mut()
        .context("the document is no object")?
        .entry("components")
        .or_insert_with(|| json!({}));
    let components = components
        .as_object_mut()
        .context("#/components is no object")?;
    let schemas = components.entry("schemas").or_insert_with(|| json!({}));
    schemas
        .as_object_mut()
        .context("#/components/schemas is no object")
}

/// What a schema is, references and `allOf` of one followed, as far as its type goes; `None` if it may be several.
fn kind<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a str> {
    let mut schema = schema;
    for _ in 0..16 {
        schema = resolve(document, schema).ok()?;
        if let Some(kind) = schema["type"].as_str() {
            return Some(kind);
        }
        if schema["properties"].is_object() {
            return Some("object");
        }
        match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([only]) => schema = only,
            Some([first, ..]) if kind(document, first) == Some("object") => return Some("object"),
            _ => return None,
        }
    }
    None
}

/// The media type without its parameters, in lower case.
fn essence(media_type: &str) -> String {
    media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

/// A name without what the generator changes in names: case and punctuation.
pub(crate) fn folded(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "")
        .to_lowercase()
}

/// Fails for one operation.
fn refuse<T>(path: &str, method: &str, id: &str, problem: &str) -> Result<T> {
    bail!("{id} ({} {path}): {problem}", method.to_uppercase())
}
