//! The vendor's document as a judge: whether an answer is one that the document has for its request.
//!
//! It is `openapi/open-finance-us.yaml` with the corrections of `openapi/overlay.yaml` and, on top, `departures.yaml`:
//! every place where the sandbox knowingly answers what the document lacks, each with its source. No code is shared
//! with the sandbox, so the two cannot agree on a mistake.

#[path = "../../../../build-tools/src/spec/overlay.rs"]
mod overlay;

use std::{collections::BTreeMap, sync::LazyLock};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../../../../openapi/open-finance-us.yaml");
const CORRECTIONS: &str = include_str!("../../../../openapi/overlay.yaml");
const DEPARTURES: &str = include_str!("departures.yaml");
/// Under this name the validator knows the document; nothing is fetched.
const NAME: &str = "document:open-finance-us";
/// A departure with this key is one only under the quirk that it names.
const QUIRK: &str = "x-quirk";

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Exchange {
    /// The method as it was sent.
    pub(crate) method: String,
    /// The path as it was sent, without the query.
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Without parameters such as a charset.
    pub(crate) media_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// The document, ready to judge.
pub(crate) struct Document {
    operations: Vec<Operation>,
    schemas: Schemas,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    /// The segments of the path; `None` takes any value.
    segments: Vec<Option<String>>,
    /// By status, then by media type; a media type without a schema holds nothing.
    responses: BTreeMap<u16, BTreeMap<String, Option<SchemaIndex>>>,
}

/// The document with its corrections. Reading it takes longer than most tests.
static CORRECTED: LazyLock<Value> = LazyLock::new(|| {
    let mut document = yaml(DOCUMENT);
    overlay::apply(&mut document, &yaml(CORRECTIONS)).expect("the corrections apply");
    document
});

static DEPARTED: LazyLock<Value> = LazyLock::new(|| yaml(DEPARTURES));

/// The departures, in their order: what each aims at, and under which quirk.
pub(crate) fn departures() -> Vec<(String, Option<String>)> {
    let actions = DEPARTED["actions"]
        .as_array()
        .expect("departures are a list");
    actions
        .iter()
        .map(|action| {
            (
                text(&action["target"]),
                action[QUIRK].as_str().map(str::to_owned),
            )
        })
        .collect()
}

impl Document {
    /// The document with the departures that `counts` wants, by their position and the quirk that they need.
    pub(crate) fn load(counts: impl Fn(usize, Option<&str>) -> bool) -> Self {
        let mut document = CORRECTED.clone();
        let mut departures = DEPARTED.clone();
        let actions = departures["actions"]
            .as_array_mut()
            .expect("departures are a list");
        let mut position = 0;
        actions.retain(|action| {
            position += 1;
            counts(position - 1, action[QUIRK].as_str())
        });
        overlay::apply(&mut document, &departures).expect("the departures apply");
        Self::compile(&document)
    }

    fn compile(document: &Value) -> Self {
        let mut compiler = Compiler::new();
        // The dialect of OpenAPI 3.0 is made from this draft.
        compiler.set_default_draft(Draft::V4);
        compiler
            .add_resource(NAME, json_schema(document))
            .expect("the document is taken in");
        let mut loaded = Self {
            operations: Vec::new(),
            schemas: Schemas::new(),
        };
        let paths = document["paths"]
            .as_object()
            .expect("the document has paths");
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("a path has methods") {
                let place = format!("/paths/{}/{method}/responses", escape(path));
                let responses = operation["responses"]
                    .as_object()
                    .expect("an operation has responses");
                let responses = responses.keys().map(|status| {
                    let place = format!("{place}/{status}");
                    (
                        status.parse().expect("a status is a number"),
                        loaded.response(document, &mut compiler, place),
                    )
                });
                let responses = responses.collect();
                loaded.operations.push(Operation {
                    id: text(&operation["operationId"]),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    segments: path
                        .split('/')
                        .map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()))
                        .collect(),
                    responses,
                });
            }
        }
        loaded
    }

    /// The media types of the response at `place`, or where it points.
    fn response(
        &mut self,
        document: &Value,
        compiler: &mut Compiler,
        mut place: String,
    ) -> BTreeMap<String, Option<SchemaIndex>> {
        let mut response = document.pointer(&place).expect("a response is there");
        if let Some(reference) = response["$ref"].as_str() {
            place = reference.trim_start_matches('#').to_owned();
            response = document
                .pointer(&place)
                .expect("a reference leads somewhere");
        }
        let none = Map::new();
        let content = response["content"].as_object().unwrap_or(&none);
        let compile = |(media_type, content): (&String, &Value)| {
            let at = format!("{NAME}#{place}/content/{}/schema", escape(media_type));
            // A URL has no braces, and the paths of the document do.
            let at = at.replace('{', "%7B").replace('}', "%7D");
            let schema = content.get("schema").map(|_| {
                compiler
                    .compile(&at, &mut self.schemas)
                    .expect("a schema is one")
            });
            (media_type.clone(), schema)
        };
        content.iter().map(compile).collect()
    }

    /// Method and path of every operation, with the names of ids in braces.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.operations
            .iter()
            .map(|operation| (operation.method.as_str(), operation.path.as_str()))
    }

    /// The ids of all operations with their declared statuses, those of departures included.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&str, u16)> {
        self.operations.iter().flat_map(|operation| {
            operation
                .responses
                .keys()
                .map(|status| (operation.id.as_str(), *status))
        })
    }

    /// The id of the operation that a request asks for.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&str> {
        let found = self.at(path).find(|operation| operation.method == method);
        found.map(|operation| operation.id.as_str())
    }

    fn at(&self, path: &str) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |operation| {
            let mut segments = path.split('/');
            operation
                .segments
                .iter()
                .all(|expected| match (expected, segments.next()) {
                    (Some(expected), Some(segment)) => expected == segment,
                    (None, Some(segment)) => !segment.is_empty(),
                    (Some(_) | None, None) => false,
                })
                && segments.next().is_none()
        })
    }

    /// Whether the answer is one of the document's.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn judge(&self, exchange: &Exchange) -> Result<(), String> {
        let Exchange {
            method,
            path,
            status,
            media_type,
            body,
        } = exchange;
        let Some(operation) = self.at(path).find(|operation| operation.method == *method) else {
            return self.judge_elsewhere(exchange);
        };
        let id = &operation.id;
        let Some(content) = operation.responses.get(status) else {
            let declared: Vec<&u16> = operation.responses.keys().collect();
            return Err(format!("{id} has no {status}, only {declared:?}"));
        };
        if content.is_empty() {
            return match (media_type, body.is_empty()) {
                (None, true) => Ok(()),
                (Some(media_type), true) => Err(format!(
                    "{id} has no content for {status}, yet a {media_type}"
                )),
                (Some(_) | None, false) => Err(format!(
                    "{id} has no content for {status}, yet {} bytes",
                    body.len()
                )),
            };
        }
        let Some(schema) = media_type
            .as_ref()
            .and_then(|media_type| content.get(media_type))
        else {
            return Err(format!(
                "{id} has no {media_type:?} for {status}, only {:?}",
                content.keys()
            ));
        };
        let Some(schema) = schema else {
            return if body.is_empty() {
                Ok(())
            } else {
                Err(format!("{id} says nothing of a body for {status}"))
            };
        };
        let value = if media_type.as_deref() == Some("application/json") {
            serde_json::from_slice(body)
                .map_err(|error| format!("the {status} of {id} is no JSON: {error}"))?
        } else {
            Value::String(String::from_utf8(body.clone()).map_err(|error| error.to_string())?)
        };
        self.schemas
            .validate(&value, *schema)
            .map_err(|error| format!("the {status} of {id}: {error}"))
    }

    /// What the document knows no operation for is 404 where it has no such path, else 405, in the short envelope.
    fn judge_elsewhere(&self, exchange: &Exchange) -> Result<(), String> {
        let Exchange {
            method,
            path,
            status,
            media_type: _,
            body,
        } = exchange;
        let (expected, message) = if self.at(path).next().is_some() {
            (405, "Method Not Allowed")
        } else {
            (404, "Not Found")
        };
        if *status != expected {
            return Err(format!(
                "{method} on a path of its own is {status}, not {expected}"
            ));
        }
        let envelope = json!({"code": expected, "message": message});
        if method != "HEAD" && serde_json::from_slice::<Value>(body).ok() != Some(envelope) {
            return Err(format!("{expected} without its envelope"));
        }
        Ok(())
    }
}

/// The same schemas in the words of JSON Schema, which has no `nullable`.
fn json_schema(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Map<String, Value> = members
                .iter()
                .map(|(key, value)| (key.clone(), json_schema(value)))
                .collect();
            if members.remove("nullable") == Some(Value::Bool(true)) {
                let of_type = members["type"].take();
                members.insert("type".to_owned(), json!([of_type, "null"]));
            }
            Value::Object(members)
        }
        Value::Array(items) => items.iter().map(json_schema).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("the file is YAML")
}

fn text(value: &Value) -> String {
    value.as_str().expect("the value is text").to_owned()
}

/// A key as one step of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
