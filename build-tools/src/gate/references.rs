//! Whether all that a document names is in it.
//!
//! A document that was cut off shows here first: what is cut is the end, and the end holds what the operations name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Kind, Problem, shown, walk::walk};
use crate::spec::{METHODS, escaped};

/// A reference, and where it stands.
struct Reference<'a> {
    from: String,
    to: &'a str,
    /// The kind of component that it has to lead to.
    kind: Option<&'static str>,
}

/// What the document names and has not.
pub(super) fn problems(document: &Value) -> Vec<Kind> {
    let mut found = collect(document);
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
            title: "references to something else",
            cure: "what is there cannot stand in that place; the vendor has to correct that",
            problems: mistaken(&inside),
        },
        Kind {
            title: "references in a circle",
            cure: "what leads only to itself says nothing; the vendor has to correct that",
            problems: circles(document, &inside),
        },
    ]
}

/// Every reference in the document.
fn collect(document: &Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    walk(document, &mut |object, kind, place| {
        if let Some(to) = object.get("$ref").and_then(Value::as_str) {
            found.push(Reference {
                from: format!("{place}/$ref"),
                to,
                kind,
            });
        }
        let mapping = object.get("mapping").and_then(Value::as_object);
        for (word, to) in mapping.into_iter().flatten() {
            // A plain name there is the name of a schema, and not a reference.
            if let Some(to) = to.as_str().filter(|to| to.contains(['#', '/'])) {
                found.push(Reference {
                    from: format!("{place}/mapping/{}", escaped(word)),
                    to,
                    kind: Some("schemas"),
                });
            }
        }
    });
    found
}

/// References to a component of another kind than is wanted where they stand.
fn mistaken(references: &[Reference<'_>]) -> Vec<Problem> {
    references
        .iter()
        .filter_map(|reference| {
            let kind = reference.kind?;
            let named = reference.to.strip_prefix("#/components/")?;
            let fits = named
                .strip_prefix(kind)
                .is_some_and(|rest| rest.starts_with('/'));
            (!fits).then(|| {
                Problem::at(
                    &reference.from,
                    format!("{} is not among the {kind}", shown(reference.to)),
                )
            })
        })
        .collect()
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
