//! Who may call an operation: compared by what a scheme is, not by what the document calls it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Class,
    document::{Document, Node, Operation, escaped},
    walk::{Place, Walk},
    words::written,
};

/// One way to be let in: every scheme that it takes, by the document's name, as what it is.
type Way = BTreeMap<String, String>;

/// What an operation asks for, and where it says so.
struct Guard {
    pointer: Option<String>,
    ways: Vec<Way>,
}

impl Guard {
    /// The ways without the names.
    fn asked(&self) -> BTreeSet<BTreeSet<&str>> {
        let ways = self.ways.iter();
        ways.map(|way| way.values().map(String::as_str).collect())
            .collect()
    }
}

/// Tells whether callers must show something else than before.
///
/// # Errors
/// A reference that cannot be resolved.
pub(super) fn compare<'a>(
    walk: &mut Walk<'a>,
    old: &Operation<'a>,
    new: &Operation<'a>,
) -> Result<()> {
    let (before, after) = (guard(walk.old, old)?, guard(walk.new, new)?);
    if before.asked() == after.asked() {
        return Ok(());
    }
    let told = (json!(before.asked()), json!(after.asked()));
    let place = match (scheme(&before, &after), &after.pointer, &before.pointer) {
        (Some(name), _, _) => Place::new(format!("/components/securitySchemes/{}", escaped(name))),
        (None, Some(pointer), _) => Place::new(pointer),
        (None, None, Some(pointer)) => Place::old(pointer),
        (None, None, None) => Place::new(&new.node.pointer),
    };
    walk.tell(Class::Breaking, place, "security changed", told);
    Ok(())
}

/// The scheme that became another one under its name, if the names are the same on both sides.
fn scheme<'g>(before: &Guard, after: &'g Guard) -> Option<&'g str> {
    let named = |guard: &Guard| -> Vec<Vec<String>> {
        let ways = guard.ways.iter();
        ways.map(|way| way.keys().cloned().collect()).collect()
    };
    if named(before) != named(after) {
        return None;
    }
    let pairs = before.ways.iter().zip(&after.ways);
    let mut names = pairs.flat_map(|(before, after)| {
        let changed = after
            .iter()
            .filter(|(name, scheme)| before.get(*name) != Some(*scheme));
        changed.map(|(name, _)| name.as_str())
    });
    names.next()
}

/// What the operation asks for: its own word, else the document's.
fn guard<'a>(document: Document<'a>, operation: &Operation<'a>) -> Result<Guard> {
    let root = document.root();
    let at = [&operation.node, &root]
        .into_iter()
        .find(|at| at.value.get("security").is_some());
    let Some(at) = at else {
        return Ok(Guard {
            pointer: None,
            ways: vec![Way::new()],
        });
    };
    let mut ways = Vec::new();
    for requirement in at.elements("security") {
        let mut way = Way::new();
        for (name, scopes) in requirement.value.as_object().into_iter().flatten() {
            let mut scopes: Vec<String> = scopes
                .as_array()
                .into_iter()
                .flatten()
                .map(written)
                .collect();
            scopes.sort();
            let is = described(document, name)?;
            way.insert(
                name.clone(),
                format!("{is} {}", scopes.join(" ")).trim_end().to_owned(),
            );
        }
        ways.push(way);
    }
    if ways.is_empty() {
        // Nothing is asked.
        ways.push(Way::new());
    }
    Ok(Guard {
        pointer: Some(format!("{}/security", at.pointer)),
        ways,
    })
}

/// What a scheme is: all of it that a request shows.
fn described(document: Document<'_>, name: &str) -> Result<String> {
    let schemes = document.root().child("components");
    let schemes = schemes.map(|components| components.entries("securitySchemes"));
    let Some(scheme) = schemes.as_ref().and_then(|schemes| schemes.get(name)) else {
        return Ok(format!("unknown scheme {name}"));
    };
    let scheme = document.follow(scheme)?;
    let place = scheme.text("in");
    let mut words: Vec<String> = ["type", "in", "name", "scheme", "openIdConnectUrl"]
        .into_iter()
        .filter_map(|key| {
            let text = scheme.text(key)?;
            let caseless = key == "scheme" || (key == "name" && place == Some("header"));
            Some(if caseless {
                text.to_lowercase()
            } else {
                text.to_owned()
            })
        })
        .collect();
    words.extend(flows(&scheme));
    Ok(words.join(" "))
}

/// Where tokens come from, without what the scopes mean.
fn flows(scheme: &Node<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for (name, flow) in scheme.entries("flows") {
        words.push(name.to_owned());
        for key in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
            words.extend(flow.text(key).map(str::to_owned));
        }
        let scopes = flow.value.get("scopes").and_then(Value::as_object);
        let mut scopes: Vec<String> = scopes
            .into_iter()
            .flatten()
            .map(|(scope, _)| scope.clone())
            .collect();
        scopes.sort();
        words.extend(scopes);
    }
    words
}
