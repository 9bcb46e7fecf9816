//! Cuts a document to some of its operations and all that these name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Map, Value};

use super::{METHODS, all_references, operations};

/// What of a document's top level belongs to its structure.
const TOP: [&str; 6] = [
    "openapi",
    "info",
    "servers",
    "security",
    "paths",
    "components",
];

/// The document with only the operations of these ids, and only the components that they name.
///
/// # Errors
/// A document without paths, or with an operation that has no id.
pub(crate) fn slice(document: &Value, ids: &BTreeSet<String>) -> Result<Value> {
    let mut kept: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut securities = BTreeSet::new();
    for operation in operations(document)? {
        if ids.contains(operation.id) {
            kept.entry(operation.path)
                .or_default()
                .insert(operation.method);
            let security = operation.body.get("security");
            schemes(security.unwrap_or(&document["security"]), &mut securities);
        }
    }
    let mut cut = Map::new();
    for key in TOP {
        if let Some(part) = document.get(key) {
            cut.insert(key.to_owned(), part.clone());
        }
    }
    if let Some(paths) = cut.get_mut("paths").and_then(Value::as_object_mut) {
        paths.retain(|path, _| kept.contains_key(path.as_str()));
        for (path, item) in paths.iter_mut() {
            if let (Some(methods), Some(item)) = (kept.get(path.as_str()), item.as_object_mut()) {
                item.retain(|key, _| {
                    !METHODS.contains(&key.as_str()) || methods.contains(key.as_str())
                });
            }
        }
    }
    let named = closure(document, &cut["paths"]);
    if let Some(components) = cut.get_mut("components").and_then(Value::as_object_mut) {
        for (kind, parts) in components.iter_mut() {
            if let Some(parts) = parts.as_object_mut() {
                parts.retain(|name, _| {
                    if kind == "securitySchemes" {
                        securities.contains(name)
                    } else {
                        named.contains(&format!("#/components/{kind}/{}", escaped(name)))
                    }
                });
            }
        }
        components.retain(|_, parts| parts.as_object().is_some_and(|parts| !parts.is_empty()));
    }
    Ok(Value::Object(cut))
}

/// Adds the names of the schemes that a security requirement asks for.
fn schemes(security: &Value, names: &mut BTreeSet<String>) {
    for requirement in security.as_array().into_iter().flatten() {
        names.extend(
            requirement
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .cloned(),
        );
    }
}

/// Every reference within `part`, and within what these lead to.
fn closure(document: &Value, part: &Value) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    all_references(part, &mut open);
    let mut all = BTreeSet::new();
    while let Some(reference) = open.pop_first() {
        if let Some(target) = reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
        {
            let mut named = BTreeSet::new();
            all_references(target, &mut named);
            open.extend(named.into_iter().filter(|name| !all.contains(name)));
        }
        all.insert(reference);
    }
    all
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_operations_name_stays_and_nothing_else() {
        let document = json!({
            "openapi": "3.0.3",
            "info": {"title": "Small", "version": "1"},
            "tags": [{"name": "Things"}],
            "security": [{"Key": []}],
            "paths": {
                "/things": {
                    "parameters": [{"$ref": "#/components/parameters/Page"}],
                    "get": {"operationId": "ListThings", "responses": {"200": {"$ref": "#/components/responses/Things"}}},
                    "post": {"operationId": "AddThing", "responses": {"201": {"$ref": "#/components/responses/Other"}}},
                },
                "/others": {"get": {"operationId": "ListOthers", "security": [{"Token": []}], "responses": {}}},
            },
            "components": {
                "securitySchemes": {"Key": {"type": "apiKey"}, "Token": {"type": "http"}},
                "parameters": {"Page": {"name": "page", "in": "query", "schema": {"$ref": "#/components/schemas/Page"}}},
                "responses": {"Things": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}, "Other": {}},
                "schemas": {
                    "Thing": {"properties": {"parent": {"$ref": "#/components/schemas/Thing"}, "a/b": {"$ref": "#/components/schemas/a~1b"}}},
                    "a/b": {"type": "string"},
                    "Page": {"type": "integer"},
                    "Other": {"type": "string"},
                },
                "headers": {"Unused": {}},
            },
        });
        let cut = slice(&document, &["ListThings".to_owned()].into()).unwrap();
        assert_eq!(
            cut["paths"],
            json!({"/things": {
                "parameters": [{"$ref": "#/components/parameters/Page"}],
                "get": {"operationId": "ListThings", "responses": {"200": {"$ref": "#/components/responses/Things"}}},
            }})
        );
        let names = |kind: &str| -> BTreeSet<String> {
            cut["components"][kind]
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .cloned()
                .collect()
        };
        assert_eq!(
            names("schemas"),
            ["Page", "Thing", "a/b"].map(str::to_owned).into()
        );
        assert_eq!(names("responses"), ["Things".to_owned()].into());
        assert_eq!(names("securitySchemes"), ["Key".to_owned()].into());
        assert!(cut["components"].get("headers").is_none());
        assert!(cut.get("tags").is_none());
    }

    #[test]
    fn our_document_is_its_own_slice() {
        let document = super::super::load(&crate::root().join(super::super::DOCUMENT)).unwrap();
        let ids = super::super::ids(&document).unwrap();
        assert_eq!(slice(&document, &ids).unwrap(), document);
    }
}
