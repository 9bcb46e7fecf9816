//! `spec diff`: what changed between two documents, in words of our RPCs.
//!
//! Only what can be seen on the wire counts, and in which direction it travels decides what it means: a field that the
//! vendor no longer sends breaks us, one that it no longer asks for does not. Ways of writing (references, `allOf`,
//! names of components, order) are no difference at all, words for people are `quiet`.
//!
//! Where the contract leaves it open: a word that goes from a response's enum is quiet, as is an enum that it gets where
//! it had none, since every value that comes now could come before. A type, or a format that says how a value is written
//! (`date`), is breaking wherever it comes, goes or changes: the field is another to whoever reads it typed. A form that is added to a
//! response's `oneOf` is breaking, since readers may not know it, and so is a wider format of a response's
//! number, for which they may have no room. Another default in a request is breaking.

mod answer;
mod document;
mod limits;
mod operation;
mod pairs;
mod report;
mod schema;
mod security;
#[cfg(test)]
mod tests;
mod typed;
mod walk;
mod words;

use std::{collections::BTreeSet, io::Write, path::Path, slice::from_ref};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::{Value, json};

pub(crate) use self::report::markdown;
use self::{
    document::{Document, Operation},
    pairs::pairs,
    walk::{Direction, Found, Walk},
};
use crate::{gate, lineage::Lineage, spec};

/// What `spec diff` exits with when it cannot compare.
pub(crate) const UNUSABLE: u8 = 3;

/// How the differences are printed.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What a change means for whoever calls the vendor, on the wire. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// What worked may fail.
    Breaking,
    /// What worked works, and there is more.
    Additive,
    /// Nothing that matters.
    Quiet,
}

impl Class {
    /// The word for it, as in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Additive => "additive",
            Self::Quiet => "quiet",
        }
    }

    /// What `spec diff` exits with when nothing is worse.
    fn exit_code(self) -> u8 {
        match self {
            Self::Quiet => 0,
            Self::Additive => 1,
            Self::Breaking => 2,
        }
    }
}

/// One of the two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    Old,
    New,
}

impl Which {
    /// The word for it, as in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// What of an operation a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Nothing of an operation: of the document as a whole.
    Document,
    /// How and where it is called, and by whom.
    Operation,
    /// Parameters and body.
    Request,
    /// The answer of that status.
    Response(String),
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Document => f.write_str("document"),
            Self::Operation => f.write_str("operation"),
            Self::Request => f.write_str("request"),
            Self::Response(status) => write!(f, "response {status}"),
        }
    }
}

/// One change of one operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) class: Class,
    /// The vendor's id; none if it is about the document as a whole.
    pub(crate) operation: Option<String>,
    pub(crate) side: Side,
    /// Which document the pointer leads into: the old one only for what is gone.
    pub(crate) document: Which,
    /// The JSON pointer to where the change stands, through references.
    pub(crate) pointer: String,
    /// What changed, in words.
    pub(crate) change: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// Our RPCs that it touches, as `Service.Method`.
    pub(crate) rpcs: Vec<String>,
    /// Our fields that it touches, as `Message.field`.
    pub(crate) fields: Vec<String>,
    /// Whether only words changed that are for people.
    pub(crate) words: bool,
}

/// Compares two documents and prints what changed; answers the exit code.
///
/// # Errors
/// A document that cannot be used.
pub(crate) fn run(
    root: &Path,
    old: &Path,
    new: &Path,
    format: Format,
    out: &mut dyn Write,
) -> Result<u8> {
    let (before, after) = (gate::open(old)?, gate::open(new)?);
    let scope = spec::ids(&spec::load(&root.join(spec::DOCUMENT))?)?;
    let lineage = Lineage::load(root)?;
    let differences = compare(&before, &after, &scope, &lineage)
        .with_context(|| format!("cannot compare {} with {}", old.display(), new.display()))?;
    let known = pairs::ids(&before, &after, &scope)?;
    if matches!(format, Format::Text) && known.iter().all(BTreeSet::is_empty) {
        writeln!(out, "Neither document has an operation of ours.")?;
    }
    // On the wire nothing hangs on it, so that a side which cannot be generated is no reason to say nothing.
    let typed = typed::changes(root, &before, &after, &scope);
    match format {
        Format::Text => write!(
            out,
            "{}\n{}",
            report::text(&differences),
            typed::text(&typed)
        )?,
        Format::Json => write!(out, "{}", report::json(&differences, typed::json(&typed))?)?,
    }
    Ok(worst(&differences).map_or(0, Class::exit_code))
}

/// The worst class there is; none if nothing changed.
pub(crate) fn worst(differences: &[Difference]) -> Option<Class> {
    differences.iter().map(|difference| difference.class).min()
}

/// What changed in the operations of `scope`, the worst first, then by operation and place.
///
/// An operation is the same if its id is, or else its method and its path but for the names of parameters. The documents
/// have to be sound; what is wrong outside the scope is not seen.
///
/// # Errors
/// A document without paths, or a reference in scope that cannot be resolved.
pub(crate) fn compare(
    old: &Value,
    new: &Value,
    scope: &BTreeSet<String>,
    lineage: &Lineage,
) -> Result<Vec<Difference>> {
    let documents = (
        Document::new(Which::Old, old)?,
        Document::new(Which::New, new)?,
    );
    let mut differences = Vec::new();
    let mut whole = Walk::new(documents.0, documents.1, Direction::Request);
    about(&mut whole);
    for found in whole.found {
        differences.push(difference(lineage, None, Side::Document, found));
    }
    for pair in pairs(documents, scope)? {
        let found = match (&pair.old, &pair.new) {
            (Some(old), Some(new)) => operation::compare(documents, old, new)?,
            (None, Some(new)) => vec![came(documents, new)],
            (Some(old), None) => vec![went(documents, old)],
            (None, None) => Vec::new(),
        };
        for (side, found) in found {
            differences.push(difference(lineage, Some(pair.id), side, found));
        }
    }
    differences.sort_by_cached_key(|told| {
        let before = (told.before.to_string(), told.after.to_string());
        let place = (told.pointer.clone(), told.side.clone());
        (
            told.class,
            told.operation.clone(),
            place,
            told.change.clone(),
            before,
        )
    });
    differences.dedup();
    Ok(differences)
}

/// Compares what is said of the document as a whole. The schemes, servers and what else is asked of callers belong to the
/// operations.
fn about(walk: &mut Walk<'_>) {
    let roots = [walk.old.root(), walk.new.root()];
    let [before, after] = &roots;
    let mut keywords = words::changed(from_ref(before), from_ref(after));
    if before.value.get("info") != after.value.get("info") {
        keywords.insert(0, "info".to_owned());
    }
    let version = |root: &document::Node<'_>| root.value["info"]["version"].clone();
    for keyword in keywords {
        let told = match keyword.as_str() {
            "info" => (version(before), version(after)),
            _ => Default::default(),
        };
        let pointer = format!("/{}", document::escaped(&keyword));
        let place = match after.value.get(&keyword) {
            Some(_) => walk::Place::new(pointer),
            None => walk::Place::old(pointer),
        };
        let index = walk.tell(Class::Quiet, place, format!("words: {keyword}"), told);
        walk.found[index].words = true;
    }
}

fn came(documents: (Document<'_>, Document<'_>), operation: &Operation<'_>) -> (Side, Found) {
    let mut walk = Walk::new(documents.0, documents.1, Direction::Request);
    let told = (Value::Null, called(operation));
    let place = walk::Place::new(&operation.node.pointer);
    let index = walk.tell(Class::Additive, place, "operation added", told);
    (Side::Operation, walk.found.remove(index))
}

fn went(documents: (Document<'_>, Document<'_>), operation: &Operation<'_>) -> (Side, Found) {
    let mut walk = Walk::new(documents.0, documents.1, Direction::Request);
    let told = (called(operation), Value::Null);
    let place = walk::Place::old(&operation.node.pointer);
    let index = walk.tell(Class::Breaking, place, "operation removed", told);
    (Side::Operation, walk.found.remove(index))
}

fn called(operation: &Operation<'_>) -> Value {
    json!(format!(
        "{} {}",
        operation.method.to_uppercase(),
        operation.path
    ))
}

fn difference(lineage: &Lineage, id: Option<&str>, side: Side, found: Found) -> Difference {
    let mut fields = BTreeSet::new();
    for places in &found.uses {
        fields.extend(lineage.fields(id.unwrap_or_default(), places));
    }
    Difference {
        class: found.class,
        operation: id.map(str::to_owned),
        side,
        document: found.place.which,
        pointer: found.place.pointer,
        change: found.change,
        before: found.before,
        after: found.after,
        rpcs: lineage.rpcs(id.unwrap_or_default()).to_vec(),
        fields: fields.into_iter().collect(),
        words: found.words,
    }
}

/// The place in the lineage of the property that a pointer leads to: `Component.property`. None for a property within an
/// inline one, and for what stands in no component.
fn lineage_place(pointer: &str) -> Option<String> {
    let mut steps = pointer.split('/').skip(1);
    let (components, kind, name) = (steps.next()?, steps.next()?, steps.next()?);
    if components != "components" || !matches!(kind, "schemas" | "responses" | "requestBodies") {
        return None;
    }
    let steps: Vec<&str> = steps.collect();
    let (last, rest) = steps.split_last()?;
    let (keyword, rest) = rest.split_last()?;
    let inline = rest
        .iter()
        .any(|step| matches!(*step, "properties" | "items"));
    (*keyword == "properties" && !inline).then(|| {
        format!(
            "{}.{}",
            document::unescaped(name),
            document::unescaped(last)
        )
    })
}

/// The place in the lineage of a parameter.
fn lineage_parameter(name: &str) -> String {
    format!("parameters.{name}")
}
