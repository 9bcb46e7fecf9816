//! The gate before anything of the vendor's is used: a document that is broken goes no further.
//!
//! Whatever is wrong is told at once, each problem with its place, for who gets one problem at a time downloads a broken
//! document five times. What no gate can notice is a document that ends early at a lucky place: behind the last word of
//! something complete that nothing needs. What went missing then shows in the comparison with the document before it.

mod places;
mod references;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod validity;
mod walk;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

pub(crate) use self::{scope::scope, text::yaml};
use crate::spec::{METHODS, escaped};

/// How many problems of one kind are listed; the rest is counted.
const LISTED: usize = 10;
/// How many characters of a value out of the document are shown.
const SHOWN: usize = 60;

/// Something wrong with a document.
#[derive(Debug)]
struct Problem {
    /// Line and column, or a JSON pointer.
    place: String,
    /// What is wrong, and where it is not plain, what to do.
    what: String,
}

impl Problem {
    fn at(place: impl Into<String>, what: impl Into<String>) -> Self {
        let place = place.into();
        Self {
            place: if place.is_empty() {
                "the document".to_owned()
            } else {
                place
            },
            what: what.into(),
        }
    }
}

/// Problems of one kind.
struct Kind {
    /// What they have in common, for more than one of them.
    title: &'static str,
    /// What a maintainer does about them.
    cure: &'static str,
    problems: Vec<Problem>,
}

/// Reads a document, YAML or JSON, and refuses it with all that is wrong with it.
///
/// # Errors
/// A file that cannot be read, and a document that is not UTF-8 or not YAML, has a key twice, is not a valid OpenAPI 3.0
/// document, names something that is not in it, or gives two operations one id. Where the text itself is unreadable what
/// lies behind that is not judged.
pub(crate) fn open(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    read(&bytes).map_err(|kinds| {
        anyhow::anyhow!(
            "{} cannot be used:\n{}",
            path.display(),
            listing(&kinds).trim_end()
        )
    })
}

/// The document in these bytes, or all that is wrong with it.
fn read(bytes: &[u8]) -> std::result::Result<Value, Vec<Kind>> {
    let text::Read {
        document,
        places,
        mut kinds,
    } = text::read(bytes);
    if let Some(document) = &document {
        kinds.extend(judge(document));
    }
    kinds.retain(|kind| !kind.problems.is_empty());
    match document {
        Some(document) if kinds.is_empty() => return Ok(document),
        Some(_) | None => {}
    }
    for problem in kinds.iter_mut().flat_map(|kind| &mut kind.problems) {
        if problem.place.starts_with('/')
            && let Some(line) = places.line(&problem.place)
        {
            problem.place += &format!(" (line {line})");
        }
    }
    Err(kinds)
}

/// What is wrong with a document that could be read.
fn judge(document: &Value) -> Vec<Kind> {
    if let Some(problem) = version(document) {
        // Held against the rules of another version a document has a thousand problems that are none.
        return vec![Kind {
            title: "of another kind",
            cure: "only OpenAPI 3.0 is read; see whether the file is the right one",
            problems: vec![problem],
        }];
    }
    let mut kinds = references::problems(document);
    kinds.push(Kind {
        title: "not valid OpenAPI 3.0",
        cure: "the document is broken or was cut off; download it again, or wait for the vendor to replace it",
        problems: validity::problems(document),
    });
    kinds.push(Kind {
        title: "operation ids that more than one operation bears",
        cure: "an operation is known by its id; the vendor has to give each its own",
        problems: shared_ids(document),
    });
    kinds
}

/// What is wrong with the version that the document says it is written in.
fn version(document: &Value) -> Option<Problem> {
    let Some(map) = document.as_object() else {
        let what = if document.is_null() {
            "is empty"
        } else {
            "is not an object with the key openapi"
        };
        return Some(Problem::at("", what));
    };
    match (map.get("openapi"), map.get("swagger")) {
        (Some(Value::String(version)), _) if version.starts_with("3.0.") => None,
        (Some(Value::String(version)), _) => Some(Problem::at(
            "/openapi",
            format!("is OpenAPI {}", shown(version)),
        )),
        (Some(other), _) => Some(Problem::at(
            "/openapi",
            format!(
                "is {}, but a version is a text such as '3.0.3'",
                shown(&other.to_string())
            ),
        )),
        (None, Some(version)) => Some(Problem::at(
            "/swagger",
            format!("is Swagger {}", shown(version.as_str().unwrap_or("2.0"))),
        )),
        (None, None) => Some(Problem::at(
            "",
            "does not say which version of OpenAPI it is written in",
        )),
    }
}

/// Ids that more than one operation bears.
fn shared_ids(document: &Value) -> Vec<Problem> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(id) = item[method]["operationId"].as_str() {
                let place = format!("/paths/{}/{method}", escaped(path));
                places.entry(id).or_default().push(place);
            }
        }
    }
    places
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(id, mut places)| {
            places.sort();
            let first = places.remove(0);
            Problem::at(
                first,
                format!("operationId {} is also at {}", shown(id), places.join(", ")),
            )
        })
        .collect()
}

/// The problems as lines, no more of a kind than a reader takes in.
fn listing(kinds: &[Kind]) -> String {
    let mut lines = String::new();
    for kind in kinds {
        let count = kind.problems.len();
        lines += &format!("{} ({count}): {}\n", kind.title, kind.cure);
        for problem in kind.problems.iter().take(LISTED) {
            lines += &format!("  {}: {}\n", problem.place, problem.what);
        }
        if count > LISTED {
            lines += &format!("  and {} more\n", count - LISTED);
        }
    }
    lines
}

/// A word out of the document, fit for a line: nothing that moves a cursor, and not more than fits.
fn shown(word: &str) -> String {
    let mut shown: String = word
        .chars()
        .take(SHOWN)
        .flat_map(|letter| {
            letter
                .is_control()
                .then(|| letter.escape_default())
                .into_iter()
                .flatten()
                .chain((!letter.is_control()).then_some(letter))
        })
        .collect();
    if word.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

/// Refuses with these problems, if there are any.
fn refuse(title: &'static str, cure: &'static str, problems: Vec<Problem>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let kind = Kind {
        title,
        cure,
        problems,
    };
    bail!("{}", listing(&[kind]).trim_end())
}
