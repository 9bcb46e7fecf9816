//! Whether a document is valid OpenAPI 3.0, by the JSON schema that the OpenAPI Initiative publishes for that.
//!
//! `openapi-3.0.schema.json` is that schema, unchanged: <https://spec.openapis.org/oas/3.0/schema/2021-09-28>, copyright
//! the OpenAPI Initiative, Apache-2.0.

use std::cmp::Reverse;

use anyhow::{Result, anyhow};
use boon::{Compiler, Draft, ErrorKind, InstanceToken, SchemaIndex, Schemas, ValidationError};
use serde_json::{Map, Value};

use super::{Problem, shown, walk::walk};
use crate::spec::escaped;

const SCHEMA: &str = include_str!("openapi-3.0.schema.json");
/// Under this name the validator knows the schema; nothing is fetched.
const NAME: &str = "schema:openapi-3.0";

/// What is not valid in a document that says it is OpenAPI 3.0.
pub(super) fn problems(document: &Value) -> Vec<Problem> {
    let mut schemas = Schemas::new();
    let compiled = match compiled(&mut schemas) {
        Ok(compiled) => compiled,
        Err(error) => {
            let what = format!("the schema of OpenAPI itself cannot be read: {error:#}");
            return vec![Problem::at("", what)];
        }
    };
    let mut problems = Vec::new();
    if let Err(error) = schemas.validate(document, compiled) {
        leaves(&error, &mut problems);
    }
    problems.extend(lists_of_nothing(document));
    problems.extend(misnamed(document));
    problems
}

/// Components with a name that no component may have. To the schema these are nothing it has to look at.
fn misnamed(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (kind, components) in document["components"].as_object().into_iter().flatten() {
        for name in components.as_object().into_iter().flat_map(Map::keys) {
            let fits = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
            if !kind.starts_with("x-") && (name.is_empty() || !name.chars().all(fits)) {
                problems.push(Problem::at(
                    format!("/components/{}/{}", escaped(kind), escaped(name)),
                    "has a name with other characters than letters, digits, dots, dashes and underscores",
                ));
            }
        }
    }
    problems
}

/// Lists that do not say of what: the specification demands it in words, and the schema forgot.
fn lists_of_nothing(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, &mut |object, kind, place| {
        let list = object.get("type").is_some_and(|word| word == "array");
        if kind == Some("schemas") && list && !object.contains_key("items") {
            problems.push(Problem::at(place, "lacks items"));
        }
    });
    problems
}

fn compiled(schemas: &mut Schemas) -> Result<SchemaIndex> {
    let mut schema: Value = serde_json::from_str(SCHEMA)?;
    without_formats(&mut schema);
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V4);
    compiler
        .add_resource(NAME, schema)
        .map_err(|error| anyhow!("{error}"))?;
    compiler
        .compile(NAME, schemas)
        .map_err(|error| anyhow!("{error}"))
}

/// Takes the formats out of the schema. They would judge what is in a text, an email address or a regular expression, by
/// the rules of this library, and not whether the document is whole.
fn without_formats(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("format").is_some_and(Value::is_string) {
                map.remove("format");
            }
            map.values_mut().for_each(without_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The problems at the ends of a tree of errors. Where the schema has a choice of forms only the form that was meant is
/// followed.
fn leaves(error: &ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    // Both of two forms that exclude each other: that they do is an error of its own.
    if matches!(error.kind, ErrorKind::OneOf(Some(_)))
        && error.schema_url.contains("SchemaXORContent")
    {
        return;
    }
    if error.causes.is_empty() {
        problems.push(Problem::at(pointer(error), what(error)));
        return;
    }
    if matches!(error.kind, ErrorKind::OneOf(_) | ErrorKind::AnyOf) {
        choice(error, problems);
        return;
    }
    for cause in &error.causes {
        leaves(cause, problems);
    }
}

/// The problems of the form that was meant, of those that a value could have and has none of.
fn choice(error: &ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    let root = error.instance_location.tokens.len();
    let forms: Vec<Form<'_, '_, '_>> = error
        .causes
        .iter()
        .map(|cause| Form::new(cause, root))
        .collect();
    let words: Vec<String> = forms
        .iter()
        .filter_map(|form| form.other.as_ref())
        .flat_map(|(_, words)| words.iter().map(Value::to_string))
        .collect();
    if let Some(place) = same_place(&forms) {
        problems.push(Problem::at(place, none_of(&words)));
        return;
    }
    if let Some(meant) = forms.iter().min_by_key(|form| form.distance()) {
        leaves(meant.error, problems);
    }
}

/// Where a value says which form it has, if every form says that it is another.
fn same_place(forms: &[Form<'_, '_, '_>]) -> Option<String> {
    let mut places = forms
        .iter()
        .map(|form| form.other.as_ref().map(|(at, _)| at));
    let first = places.next()??;
    places
        .all(|place| place == Some(first))
        .then(|| first.clone())
}

/// A form that a value could have, and how it differs.
struct Form<'e, 's, 'v> {
    error: &'e ValidationError<'s, 'v>,
    /// Whether it is the reference beside the thing itself, or of another type altogether.
    foreign: bool,
    /// The place where the value says that it has another form, and the words for this one.
    other: Option<(String, &'s Vec<Value>)>,
    depth: usize,
    count: usize,
}

impl<'e, 's, 'v> Form<'e, 's, 'v> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other rule tells forms apart"
    )]
    fn new(error: &'e ValidationError<'s, 'v>, root: usize) -> Self {
        let mut ends = Vec::new();
        collect(error, &mut ends);
        let depth = |end: &&ValidationError<'_, '_>| end.instance_location.tokens.len();
        let foreign = ends
            .iter()
            .filter(|end| depth(end) == root)
            .any(|end| match &end.kind {
                ErrorKind::Required { want } => want.contains(&"$ref"),
                ErrorKind::AdditionalProperties { got } => got.iter().any(|name| name == "$ref"),
                ErrorKind::Type { .. } => true,
                _ => false,
            });
        let other = ends.iter().find_map(|end| match &end.kind {
            ErrorKind::Enum { want } if depth(end) == root + 1 => {
                let place = pointer(end);
                (place.ends_with("/in") || place.ends_with("/type")).then_some((place, *want))
            }
            _ => None,
        });
        Self {
            error,
            foreign,
            other,
            depth: ends.iter().map(depth).max().unwrap_or_default(),
            count: ends.len(),
        }
    }

    /// A form of another kind was not meant, and the deeper a form went into the value the likelier it was.
    fn distance(&self) -> (bool, bool, Reverse<usize>, usize) {
        (
            self.foreign,
            self.other.is_some(),
            Reverse(self.depth),
            self.count,
        )
    }
}

fn collect<'e, 's, 'v>(
    error: &'e ValidationError<'s, 'v>,
    ends: &mut Vec<&'e ValidationError<'s, 'v>>,
) {
    if error.causes.is_empty() {
        ends.push(error);
    }
    for cause in &error.causes {
        collect(cause, ends);
    }
}

fn pointer(error: &ValidationError<'_, '_>) -> String {
    error
        .instance_location
        .tokens
        .iter()
        .map(|token| match token {
            InstanceToken::Prop(name) => format!("/{}", escaped(name)),
            InstanceToken::Item(index) => format!("/{index}"),
        })
        .collect()
}

fn none_of(words: &[String]) -> String {
    match words {
        [word] => format!("is not {word}"),
        words => format!("is none of {}", words.join(", ")),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the words of the library do for the rules that are seldom broken"
)]
fn what(error: &ValidationError<'_, '_>) -> String {
    match &error.kind {
        ErrorKind::Required { want } => format!("lacks {}", want.join(", ")),
        ErrorKind::AdditionalProperties { got } => {
            let names: Vec<String> = got.iter().map(|name| shown(name)).collect();
            format!("OpenAPI 3.0 has no {} here", names.join(", "))
        }
        ErrorKind::Enum { want } => {
            let words: Vec<String> = want.iter().map(Value::to_string).collect();
            none_of(&words)
        }
        ErrorKind::Not if error.schema_url.contains("ExampleXORExamples") => {
            "has both example and examples, of which OpenAPI allows one".to_owned()
        }
        ErrorKind::Not if error.schema_url.contains("SchemaXORContent") => {
            "has both schema and content, of which OpenAPI allows one".to_owned()
        }
        kind => kind.to_string(),
    }
}
