//! A document to compare, and the places in it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Which;
pub(super) use crate::spec::escaped;
use crate::spec::{METHODS, path};

/// A value and the JSON pointer that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Node<'a> {
    /// The member of that name.
    pub(super) fn child(&self, key: &str) -> Option<Self> {
        Some(Self {
            value: self.value.get(key)?,
            pointer: format!("{}/{}", self.pointer, escaped(key)),
        })
    }

    /// The members of the object that is the member of that name, by key.
    pub(super) fn entries(&self, key: &str) -> BTreeMap<&'a str, Self> {
        let Some(parent) = self.child(key) else {
            return BTreeMap::new();
        };
        let members = parent.value.as_object().into_iter().flatten();
        members
            .map(|(name, value)| {
                let pointer = format!("{}/{}", parent.pointer, escaped(name));
                (name.as_str(), Self { value, pointer })
            })
            .collect()
    }

    /// The elements of the array that is the member of that name.
    pub(super) fn elements(&self, key: &str) -> Vec<Self> {
        let Some(parent) = self.child(key) else {
            return Vec::new();
        };
        let elements = parent.value.as_array().into_iter().flatten().enumerate();
        elements
            .map(|(index, value)| Self {
                value,
                pointer: format!("{}/{index}", parent.pointer),
            })
            .collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    /// Whether the member is there and true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }
}

/// The step of a JSON pointer as a key.
pub(super) fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// One of the two documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'a> {
    pub(super) which: Which,
    root: &'a Value,
}

/// One operation of a document.
#[derive(Clone, Debug)]
pub(super) struct Operation<'a> {
    /// The vendor's id, where it has one.
    pub(super) id: Option<&'a str>,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) node: Node<'a>,
    /// The path item it stands in.
    pub(super) item: Node<'a>,
}

impl Operation<'_> {
    /// What a caller sends first: the method, and the path without the names of its parameters.
    pub(super) fn route(&self) -> (String, String) {
        (self.method.to_owned(), path::erased(self.path))
    }
}

impl<'a> Document<'a> {
    /// # Errors
    /// It has no paths, so it is no OpenAPI document.
    pub(super) fn new(which: Which, root: &'a Value) -> Result<Self> {
        if !root.get("paths").is_some_and(Value::is_object) {
            bail!("the {} document has no paths", which.word());
        }
        Ok(Self { which, root })
    }

    pub(super) fn root(&self) -> Node<'a> {
        Node {
            value: self.root,
            pointer: String::new(),
        }
    }

    /// What a reference leads to, or the node itself.
    ///
    /// # Errors
    /// A reference that leads nowhere or in a circle, and where it stands.
    pub(super) fn follow(&self, node: &Node<'a>) -> Result<Node<'a>> {
        let mut at = node.clone();
        // A chain longer than this is a circle.
        for _ in 0..16 {
            let Some(reference) = at.text("$ref") else {
                return Ok(at);
            };
            let found = reference
                .strip_prefix('#')
                .and_then(|pointer| Some((pointer, self.root.pointer(pointer)?)));
            let (pointer, value) = found.with_context(|| {
                let which = self.which.word();
                format!(
                    "{} of the {which} document: {reference} leads nowhere",
                    at.pointer
                )
            })?;
            at = Node {
                value,
                pointer: pointer.to_owned(),
            };
        }
        bail!(
            "{} of the {} document: references in a circle",
            node.pointer,
            self.which.word()
        )
    }

    /// Every operation, by path and method.
    ///
    /// # Errors
    /// A path item that cannot be resolved.
    pub(super) fn operations(&self) -> Result<Vec<Operation<'a>>> {
        let mut operations = Vec::new();
        for (path, item) in self.root().entries("paths") {
            let item = self.follow(&item)?;
            for method in METHODS {
                let Some(node) = item.child(method) else {
                    continue;
                };
                operations.push(Operation {
                    id: node.text("operationId"),
                    method,
                    path,
                    node,
                    item: item.clone(),
                });
            }
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_leads_through_references_and_escapes_slashes() {
        let root = json!({
            "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/A"}}}}},
            "components": {"responses": {"A": {"content": {"application/json": {"schema": {}}}}}},
        });
        let document = Document::new(Which::Old, &root).unwrap();
        let operations = document.operations().unwrap();
        let [operation] = operations.as_slice() else {
            panic!("{operations:?}");
        };
        let response = document
            .follow(&operation.node.entries("responses")["200"])
            .unwrap();
        let media = &response.entries("content")["application/json"];
        assert_eq!(
            media.pointer,
            "/components/responses/A/content/application~1json"
        );
        assert_eq!(root.pointer(&media.pointer), Some(media.value));
        assert_eq!(unescaped("application~1json"), "application/json");
    }

    #[test]
    fn a_reference_in_a_circle_or_to_nowhere_is_told_with_its_place() {
        let root = json!({"paths": {"/a": {"$ref": "#/paths/~1a"}}});
        let circle = Document::new(Which::Old, &root).unwrap().operations();
        assert_eq!(
            circle.unwrap_err().to_string(),
            "/paths/~1a of the old document: references in a circle"
        );
        let root = json!({"paths": {"/a": {"$ref": "#/nowhere"}}});
        let dangling = Document::new(Which::New, &root).unwrap().operations();
        assert_eq!(
            dangling.unwrap_err().to_string(),
            "/paths/~1a of the new document: #/nowhere leads nowhere"
        );
    }
}
