//! The document: ours, corrected by the overlay, and normalised into what the generator reads.

pub(crate) mod fit;
mod normalise;
mod overlay;
pub(crate) mod path;
mod slice;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::gate;

pub(crate) use self::{
    normalise::{NUMERIC_FORMATS, normalise, rename_schema},
    slice::{escaped, slice},
};

/// Our document, relative to the root of the workspace.
pub(crate) const DOCUMENT: &str = "openapi/open-finance-us.yaml";
/// Our corrections.
pub(crate) const OVERLAY: &str = "openapi/overlay.yaml";
/// What the generator reads.
pub(crate) const NORMALISED: &str = "openapi/openapi.json";

/// The vendor's whole document, where real documents are at hand: `OPENFINANCE_VENDOR_DOCS` names their folder.
pub(crate) fn vendor_document() -> Option<PathBuf> {
    let folder = std::env::var_os("OPENFINANCE_VENDOR_DOCS")?;
    Some(Path::new(&folder).join("open-finance-us-1.42.0.structure.yaml"))
}

/// Keys of OpenAPI under which every key is a name that somebody chose.
pub(crate) const NAMED: [&str; 15] = [
    "callbacks",
    "content",
    "encoding",
    "examples",
    "headers",
    "links",
    "parameters",
    "paths",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "securitySchemes",
    "variables",
];

/// What a document says to people, in any object that is part of it. Extensions (`x-...`) say more.
pub(crate) const WORDS: [&str; 6] = [
    "description",
    "summary",
    "title",
    "example",
    "examples",
    "externalDocs",
];

const SCHEMAS: &str = "#/components/schemas/";
pub(crate) const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Our document, corrected by the overlay and normalised.
pub(crate) fn normalised(root: &Path) -> Result<Value> {
    for_generator(corrected(root, load(&root.join(DOCUMENT))?)?)
}

/// A document in our scope, corrected by the overlay.
///
/// # Errors
/// An action of the overlay that the document makes stale.
pub(crate) fn corrected(root: &Path, mut document: Value) -> Result<Value> {
    overlay::apply(&mut document, &load(&root.join(OVERLAY))?).with_context(|| OVERLAY)?;
    Ok(document)
}

/// A corrected document, normalised into what the generator reads.
///
/// # Errors
/// A document that the generator could not read.
pub(crate) fn for_generator(mut document: Value) -> Result<Value> {
    normalise(&mut document).with_context(|| DOCUMENT)?;
    Ok(sorted(&document))
}

/// Corrected and normalised where the overlay was not written for the document: actions that do not fit are left out.
pub(crate) fn corrected_where_it_fits(root: &Path, mut document: Value) -> Result<Value> {
    let corrections = load(&root.join(OVERLAY))?;
    for action in overlay::actions(&corrections).with_context(|| OVERLAY)? {
        let mut corrected = document.clone();
        if overlay::apply_one(&mut corrected, action).is_ok() {
            document = corrected;
        }
    }
    normalise(&mut document)?;
    Ok(sorted(&document))
}

/// Reads a YAML file.
pub(crate) fn load(path: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_str_with_options(&text, gate::yaml())
        .with_context(|| format!("{} is not YAML we can read", path.display()))
}

/// Formatted JSON.
pub(crate) fn pretty(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The value with sorted keys. Whether a map keeps another order depends on a feature of `serde_json` that anything
/// built beside this tool may turn on, and what is generated must not depend on that.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let keys: BTreeSet<&String> = map.keys().collect();
            Value::Object(
                keys.into_iter()
                    .map(|key| (key.clone(), sorted(&map[key])))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// One operation of a document.
pub(crate) struct Operation<'a> {
    /// The vendor's id.
    pub(crate) id: &'a str,
    /// The HTTP method, in lower case.
    pub(crate) method: &'a str,
    /// The path template.
    pub(crate) path: &'a str,
    /// The operation itself.
    pub(crate) body: &'a Value,
    /// The path item it stands in.
    pub(crate) item: &'a Value,
}

/// Every operation of a document, in the document's order.
pub(crate) fn operations(document: &Value) -> Result<Vec<Operation<'_>>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"]
        .as_object()
        .context("the document has no paths")?
    {
        for (method, body) in item.as_object().context("a path that is no object")? {
            if METHODS.contains(&method.as_str()) {
                let id = body["operationId"]
                    .as_str()
                    .with_context(|| format!("{method} {path} has no operationId"))?;
                operations.push(Operation {
                    id,
                    method,
                    path,
                    body,
                    item,
                });
            }
        }
    }
    Ok(operations)
}

/// The ids of all operations of a document.
pub(crate) fn ids(document: &Value) -> Result<BTreeSet<String>> {
    Ok(operations(document)?
        .iter()
        .map(|operation| operation.id.to_owned())
        .collect())
}

/// What a reference leads to, or the value itself.
pub(crate) fn resolve<'a>(document: &'a Value, value: &'a Value) -> Result<&'a Value> {
    let mut value = value;
    // A chain longer than this is a circle.
    for _ in 0..16 {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            return Ok(value);
        };
        value = reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
            .with_context(|| format!("{reference} leads nowhere"))?;
    }
    bail!("references in a circle")
}

/// Adds every reference within `value`.
pub(crate) fn all_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| all_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| all_references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Leads references elsewhere.
fn redirect(value: &mut Value, moved: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some(new) = moved.get(reference)
            {
                *reference = new.clone();
            }
            map.values_mut().for_each(|value| redirect(value, moved));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| redirect(value, moved)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
