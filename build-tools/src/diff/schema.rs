//! A schema as what it asks of a value, however it is put together.
//!
//! References, `allOf`, and a `oneOf` of one are only ways of writing: a [`View`] merges the parts that must all hold,
//! so that two documents that ask the same look the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::document::{Document, Node};

/// The parts of a schema that must all hold.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// Resolved, the outermost first. None at all lets every value pass.
    pub(super) parts: Vec<Node<'a>>,
    pub(super) nullable: bool,
}

/// A property of an object.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// What its value must be; several where more than one part names it, none where it is only required.
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) required: bool,
    /// Where it stands.
    pub(super) pointer: String,
}

/// What an object may hold beside the properties that are named.
#[derive(Debug)]
pub(super) enum Additional<'a> {
    Closed,
    /// Values of these schemas; of any kind where there are none.
    Open(Vec<Node<'a>>),
}

impl<'a> View<'a> {
    /// # Errors
    /// A reference that cannot be resolved.
    pub(super) fn of(document: Document<'a>, nodes: &[Node<'a>]) -> Result<Self> {
        let mut view = Self {
            parts: Vec::new(),
            nullable: true,
        };
        for node in nodes {
            let nullable = view.add(document, node)?;
            view.nullable &= nullable;
        }
        view.nullable |= view.kind().is_none() && view.alternatives().is_empty();
        Ok(view)
    }

    /// Adds a node and all that it is put together of; answers whether it lets null pass. The word on the outside
    /// counts, whatever stands within: that is how null is let into a schema that is referred to.
    fn add(&mut self, document: Document<'a>, node: &Node<'a>) -> Result<bool> {
        let node = document.follow(node)?;
        if self.parts.iter().any(|part| part.pointer == node.pointer) {
            return Ok(true);
        }
        let said = node.value.get("nullable").and_then(Value::as_bool);
        let mut within = node.elements("allOf");
        for keyword in ["oneOf", "anyOf"] {
            let alternatives = node.elements(keyword);
            if alternatives.len() == 1 {
                within.extend(alternatives);
            }
        }
        self.parts.push(node);
        let mut all = !within.is_empty();
        for part in &within {
            all &= self.add(document, part)?;
        }
        Ok(said.unwrap_or(all))
    }

    /// What two views that are the same have in common.
    pub(super) fn key(&self) -> String {
        let pointers: BTreeSet<&str> = self
            .parts
            .iter()
            .map(|part| part.pointer.as_str())
            .collect();
        pointers.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// The first part that has the keyword.
    pub(super) fn with(&self, keyword: &str) -> Option<Node<'a>> {
        self.parts.iter().find_map(|part| part.child(keyword))
    }

    /// Every value of the keyword.
    pub(super) fn all(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.parts
            .iter()
            .filter_map(move |part| part.value.get(keyword))
    }

    /// The JSON type, or several joined where the parts contradict each other; none where every type passes.
    pub(super) fn kind(&self) -> Option<String> {
        let mut said: BTreeSet<&str> = self.all("type").filter_map(Value::as_str).collect();
        if said.contains("integer") {
            said.remove("number");
        }
        if said.is_empty() {
            said.extend(self.implied());
        }
        (!said.is_empty()).then(|| said.into_iter().collect::<Vec<_>>().join(" and "))
    }

    /// The type that a schema without one means.
    fn implied(&self) -> Option<&'static str> {
        let has = |keyword| self.all(keyword).next().is_some();
        if has("properties") || has("additionalProperties") {
            return Some("object");
        }
        if has("items") {
            return Some("array");
        }
        let words = self.words_allowed()?;
        let strings = !words.is_empty() && words.values().all(|word| word.is_string());
        strings.then_some("string")
    }

    /// The values that `enum` lets pass, by what they are written as; none where there is no `enum`. Null is a matter of
    /// `nullable`.
    pub(super) fn words_allowed(&self) -> Option<BTreeMap<String, &'a Value>> {
        let mut allowed: Option<BTreeMap<String, &'a Value>> = None;
        for list in self.all("enum").filter_map(Value::as_array) {
            let words = list.iter().filter(|word| !word.is_null());
            let words: BTreeMap<String, &Value> =
                words.map(|word| (word.to_string(), word)).collect();
            allowed = Some(match allowed {
                None => words,
                Some(mut both) => {
                    both.retain(|word, _| words.contains_key(word));
                    both
                }
            });
        }
        allowed
    }

    /// The values of the keyword `format`, less `password`, which is a word to people and says nothing of the value.
    pub(super) fn format(&self) -> BTreeSet<&'a str> {
        let formats = self.all("format").filter_map(Value::as_str);
        formats.filter(|format| *format != "password").collect()
    }

    /// The properties of an object that travel in a direction: `hidden` is the keyword that keeps one from it.
    ///
    /// # Errors
    /// A reference that cannot be resolved.
    pub(super) fn fields(
        &self,
        document: Document<'a>,
        hidden: &str,
    ) -> Result<BTreeMap<&'a str, Field<'a>>> {
        let mut fields: BTreeMap<&'a str, Field<'a>> = BTreeMap::new();
        for part in &self.parts {
            for (name, node) in part.entries("properties") {
                let field = fields.entry(name).or_insert_with(|| Field {
                    nodes: Vec::new(),
                    required: false,
                    pointer: node.pointer.clone(),
                });
                field.nodes.push(node);
            }
        }
        for required in self.parts.iter().flat_map(|part| part.elements("required")) {
            let Some(name) = required.value.as_str() else {
                continue;
            };
            let field = fields.entry(name).or_insert_with(|| Field {
                nodes: Vec::new(),
                required: true,
                pointer: required.pointer,
            });
            field.required = true;
        }
        let mut out = BTreeMap::new();
        for (name, field) in fields {
            let view = View::of(document, &field.nodes)?;
            if !view.parts.iter().any(|part| part.flag(hidden)) {
                out.insert(name, field);
            }
        }
        Ok(out)
    }

    /// What the elements of an array must be.
    pub(super) fn items(&self) -> Vec<Node<'a>> {
        self.parts
            .iter()
            .filter_map(|part| part.child("items"))
            .collect()
    }

    pub(super) fn additional(&self) -> Additional<'a> {
        let mut schemas = Vec::new();
        for part in &self.parts {
            match part.child("additionalProperties") {
                Some(node) if *node.value == Value::Bool(false) => return Additional::Closed,
                Some(node) if node.value.is_object() => schemas.push(node),
                Some(_) | None => {}
            }
        }
        Additional::Open(schemas)
    }

    /// The schemas of which one has to hold; none where there is no choice.
    pub(super) fn alternatives(&self) -> Vec<Node<'a>> {
        let lists = self
            .parts
            .iter()
            .flat_map(|part| ["oneOf", "anyOf"].map(|keyword| part.elements(keyword)));
        lists.filter(|list| list.len() > 1).flatten().collect()
    }

    /// Whether it says nothing but what its alternatives say.
    pub(super) fn is_bare(&self) -> bool {
        let keywords = ["properties", "required", "items", "enum", "format"];
        let additional =
            matches!(self.additional(), Additional::Open(schemas) if schemas.is_empty());
        additional
            && keywords
                .into_iter()
                .all(|keyword| self.all(keyword).next().is_none())
    }

    /// A few words for people: the type, and what it is of.
    ///
    /// # Errors
    /// A reference that cannot be resolved.
    pub(super) fn shape(&self, document: Document<'a>) -> Result<String> {
        let mut shape = match self.kind() {
            None if self.alternatives().is_empty() => "any value".to_owned(),
            None => "one of several".to_owned(),
            Some(kind) if kind == "array" => {
                // One level is enough for people, and a list of lists of itself has no end.
                let items = View::of(document, &self.items())?.kind();
                format!("array of {}", items.as_deref().unwrap_or("any value"))
            }
            Some(kind) => kind,
        };
        let formats: Vec<&str> = self.format().into_iter().collect();
        if !formats.is_empty() {
            shape = format!("{shape} ({})", formats.join(" and "));
        }
        if self.nullable && self.kind().is_some() {
            shape.push_str(" or null");
        }
        Ok(shape)
    }
}
