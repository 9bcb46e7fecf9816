//! Whether a document has the operations in scope, and whether their paths and parameters agree.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use super::{Problem, refuse, shown};
use crate::spec::{Operation, escaped, operations, path, resolve};

/// Refuses a document that lacks one of these operations, or has one of them with a path that does not fit its
/// parameters. What other operations do wrong is no concern of ours. `before` is the document that the operations were
/// in, which helps to tell what became of one that is missing.
///
/// # Errors
/// All of these problems at once.
pub(crate) fn scope(document: &Value, wanted: &BTreeSet<String>, before: &Value) -> Result<()> {
    let present = operations(document)?;
    let before = operations(before).unwrap_or_default();
    let mut problems = Vec::new();
    for id in wanted {
        match present.iter().find(|operation| operation.id == id) {
            Some(operation) => mismatches(document, operation, &mut problems),
            None => {
                let before = before.iter().find(|operation| operation.id == id);
                problems.push(missing(id, before, document, &present));
            }
        }
    }
    refuse(
        "operations in scope that cannot be used",
        "the vendor renamed, moved or dropped them, or the document is broken; nothing is taken over until each is there",
        problems,
    )
}

/// An operation that is not there, with what looks like it.
fn missing(
    id: &str,
    before: Option<&Operation<'_>>,
    document: &Value,
    present: &[Operation<'_>],
) -> Problem {
    let mut hints: Vec<String> = present
        .iter()
        .filter(|operation| operation.id.eq_ignore_ascii_case(id))
        .map(|operation| format!("{} is there, which differs in case", shown(operation.id)))
        .collect();
    let mut place = "/paths".to_owned();
    if let Some(before) = before {
        place = at(before);
        hints.extend(
            present
                .iter()
                .filter(|operation| {
                    operation.method == before.method
                        && path::erased(operation.path) == path::erased(before.path)
                })
                .map(|operation| {
                    format!(
                        "{} {} is now {}",
                        operation.method,
                        shown(operation.path),
                        shown(operation.id)
                    )
                }),
        );
        if hints.is_empty() {
            let path = document["paths"]
                .as_object()
                .into_iter()
                .flatten()
                .any(|(path, _)| path::erased(path) == path::erased(before.path));
            hints.push(if path {
                format!("its path is there, without the method {}", before.method)
            } else {
                "nor is its path".to_owned()
            });
        }
    }
    let mut what = format!("{} is not in the document", shown(id));
    for hint in hints {
        what += "; ";
        what += &hint;
    }
    Problem::at(place, what)
}

fn at(operation: &Operation<'_>) -> String {
    format!("/paths/{}/{}", escaped(operation.path), operation.method)
}

/// Whether every brace of a path template opens or closes one name.
fn matched(path: &str) -> bool {
    let mut braces = path.matches(['{', '}']);
    while let Some(brace) = braces.next() {
        if (brace, braces.next()) != ("{", Some("}")) {
            return false;
        }
    }
    true
}

/// Where the path of an operation and its parameters do not agree.
fn mismatches(document: &Value, operation: &Operation<'_>, problems: &mut Vec<Problem>) {
    let place = at(operation);
    let id = shown(operation.id);
    let template = path::names(operation.path);
    if !matched(operation.path) {
        problems.push(Problem::at(
            &place,
            format!("the path of {id} has braces that do not match"),
        ));
    }
    let mut declared = BTreeSet::new();
    for (of, list) in [
        ("its path", &operation.item["parameters"]),
        ("itself", &operation.body["parameters"]),
    ] {
        let mut seen = BTreeSet::new();
        for parameter in list.as_array().into_iter().flatten() {
            let parameter = match resolve(document, parameter) {
                Ok(parameter) => parameter,
                Err(error) => {
                    problems.push(Problem::at(&place, format!("{id}: {error}")));
                    continue;
                }
            };
            let name = parameter["name"].as_str().unwrap_or_default();
            let kind = parameter["in"].as_str().unwrap_or_default();
            if !seen.insert((kind, name)) {
                problems.push(Problem::at(
                    &place,
                    format!(
                        "{id} has the {} parameter {} twice on {of}",
                        shown(kind),
                        shown(name)
                    ),
                ));
            }
            if kind == "path" {
                declared.insert(name);
                if parameter["required"] != true {
                    problems.push(Problem::at(
                        &place,
                        format!("{id} does not require its path parameter {}", shown(name)),
                    ));
                }
            }
        }
    }
    for (position, name) in template.iter().enumerate() {
        if template[..position].contains(name) {
            problems.push(Problem::at(
                &place,
                format!("the path of {id} has {{{}}} twice", shown(name)),
            ));
        } else if !declared.contains(name) {
            problems.push(Problem::at(
                &place,
                format!(
                    "the path of {id} has {{{}}}, which is not among its parameters",
                    shown(name)
                ),
            ));
        }
    }
    for name in declared {
        if !template.contains(&name) {
            problems.push(Problem::at(
                &place,
                format!(
                    "{id} has the path parameter {}, which is not in its path",
                    shown(name)
                ),
            ));
        }
    }
}
