//! Whether all that a document names is in it.
//!
//! A document that was cut off shows here first: what is cut is the end, and the end holds what the operations name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Kind, Problem, shown};
use crate::spec::{METHODS, escaped};

/// Keys whose members have names of the vendor's choice.
const NAMED: [&str; 14] = [
    "callbacks",
    "content",
    "encoding",
    "examples",
    "headers",
    "links",
    "parameters",
    "paths",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "securitySchemes",
    "variables",
];
/// Keys whose value is data, in which nothing is a reference.
const DATA: [&str; 4] = ["default", "enum", "example", "value"];

/// A reference, and where it stands.
struct Reference<'a> {
    from: String,
    to: &'a str,
}

/// What the document names and has not.
pub(super) fn problems(document: &Value) -> Vec<Kind> {
    let mut found = Vec::new();
    collect(document, false, String::new(), &mut found);
    found.sort_by(|one, other| one.from.cmp(&other.from));
    let (inside, outside): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|reference| reference.to.starts_with('#'));
    let mut dangling: Vec<Problem> = inside
        .iter()
        .filter(|reference| target(document, reference.to).is_none())
        .map(|reference| {
            Problem::at(
                &reference.from,
                format!("{} is not in the document", shown(reference.to)),
            )
        })
        .collect();
    dangling.extend(undeclared(document));
    vec![
        Kind {
            title: "references to what is not there",
            cure: "the document was cut off or published half; download it again, or wait for the vendor to replace it",
            problems: dangling,
        },
        Kind {
            title: "references to other files",
            cure: "only whole documents are read; bundle them into one",
            problems: outside
                .iter()
                .map(|reference| {
                    Problem::at(
                        &reference.from,
                        format!("{} is not in this document", shown(reference.to)),
                    )
                })
                .collect(),
        },
        Kind {
            title: "references in a circle",
            cure: "what leads only to itself says nothing; the vendor has to correct that",
            problems: circles(document, &inside),
        },
    ]
}

/// Adds every reference within a value. In an object with `named` members no key has a meaning of its own.
fn collect<'a>(value: &'a Value, named: bool, place: String, found: &mut Vec<Reference<'a>>) {
    match value {
        Value::Object(map) => {
            for (key, member) in map {
                let here = format!("{place}/{}", escaped(key));
                if named {
                    collect(member, false, here, found);
                } else if let ("$ref", Some(to)) = (key.as_str(), member.as_str()) {
                    found.push(Reference { from: here, to });
                } else if key == "mapping" {
                    mapped(member, &here, found);
                } else if !DATA.contains(&key.as_str()) && !key.starts_with("x-") {
                    collect(member, NAMED.contains(&key.as_str()), here, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, false, format!("{place}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Adds what a discriminator maps to; a plain name there is the name of a schema, and not a reference.
fn mapped<'a>(mapping: &'a Value, place: &str, found: &mut Vec<Reference<'a>>) {
    for (word, to) in mapping.as_object().into_iter().flatten() {
        if let Some(to) = to.as_str().filter(|to| to.contains(['#', '/'])) {
            let from = format!("{place}/{}", escaped(word));
            found.push(Reference { from, to });
        }
    }
}

/// What a reference within the document leads to.
fn target<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

/// Security schemes that are asked for and not declared.
fn undeclared(document: &Value) -> Vec<Problem> {
    let mut asked = vec![("/security".to_owned(), &document["security"])];
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let place = format!("/paths/{}/{method}/security", escaped(path));
            asked.push((place, &item[method]["security"]));
        }
    }
    asked.sort_by(|one, other| one.0.cmp(&other.0));
    let declared = &document["components"]["securitySchemes"];
    let mut problems = Vec::new();
    for (place, security) in asked {
        let names: BTreeSet<&String> = security
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .filter(|name| declared.get(name.as_str()).is_none())
            .collect();
        for name in names {
            problems.push(Problem::at(
                &place,
                format!("the security scheme {} is not in the document", shown(name)),
            ));
        }
    }
    problems
}

/// References that lead back to where they stand by way of references and `allOf` alone: such a thing has no content.
fn circles(document: &Value, references: &[Reference<'_>]) -> Vec<Problem> {
    let mut leads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for reference in references {
        if let Some(target) = target(document, reference.to) {
            let next = leads.entry(reference.to).or_default();
            if next.is_empty() {
                next.extend(sames(target));
            }
        }
    }
    leads
        .keys()
        .filter(|start| {
            let mut seen = BTreeSet::new();
            let mut open = leads[*start].clone();
            while let Some(next) = open.pop() {
                if next == **start {
                    return true;
                }
                if seen.insert(next) {
                    open.extend(leads.get(next).into_iter().flatten());
                }
            }
            false
        })
        .map(|start| Problem::at(start.trim_start_matches('#'), "leads back to itself"))
        .collect()
}

/// The references that a value is nothing but, or is all of.
fn sames(value: &Value) -> Vec<&str> {
    if let Some(reference) = value["$ref"].as_str() {
        return vec![reference];
    }
    value["allOf"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(sames)
        .collect()
}
