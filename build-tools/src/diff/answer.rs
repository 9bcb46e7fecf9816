//! What an operation answers: statuses, headers, media types, bodies.

use std::{collections::BTreeMap, slice::from_ref};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Class, Side, Which,
    document::{Document, Node, Operation},
    operation::schemas,
    walk::{Direction, Found, Place, Walk},
};

/// The responses of an operation by status, in two heaps.
struct Responses<'a> {
    success: BTreeMap<String, Node<'a>>,
    /// All the others; `default` too, which stands for what is not named.
    error: BTreeMap<String, Node<'a>>,
}

/// Compares what an operation answers.
///
/// # Errors
/// A reference that cannot be resolved.
pub(super) fn compare<'a>(
    documents: (Document<'a>, Document<'a>),
    old: &Operation<'a>,
    new: &Operation<'a>,
) -> Result<Vec<(Side, Found)>> {
    let (before, after) = (responses(old), responses(new));
    let mut answers = Answers {
        documents,
        found: Vec::new(),
    };
    answers.success(matched(before.success, after.success))?;
    answers.errors(matched(before.error, after.error))?;
    Ok(answers.found)
}

fn responses<'a>(operation: &Operation<'a>) -> Responses<'a> {
    let all = operation.node.entries("responses").into_iter();
    // No case in the X of `2XX`.
    let all = all.map(|(status, node)| match status {
        "default" => (status.to_owned(), node),
        _ => (status.to_uppercase(), node),
    });
    let (success, error) = all
        .filter(|(status, _)| !status.starts_with("X-"))
        .partition(|(status, _)| status.starts_with('2'));
    Responses { success, error }
}

/// What two maps have in common, and what only one of them has.
struct Matched<'a> {
    both: Vec<(String, Node<'a>, Node<'a>)>,
    old: BTreeMap<String, Node<'a>>,
    new: BTreeMap<String, Node<'a>>,
}

fn matched<'a>(
    old: BTreeMap<String, Node<'a>>,
    mut new: BTreeMap<String, Node<'a>>,
) -> Matched<'a> {
    let (mut both, mut left) = (Vec::new(), BTreeMap::new());
    for (key, before) in old {
        match new.remove(&key) {
            Some(after) => both.push((key, before, after)),
            None => drop(left.insert(key, before)),
        }
    }
    Matched {
        both,
        old: left,
        new,
    }
}

impl<'a> Matched<'a> {
    /// One that went and one that came: the same under another name.
    fn renamed(&mut self) -> Option<[(String, Node<'a>); 2]> {
        if self.old.len() != 1 || self.new.len() != 1 {
            return None;
        }
        Some([self.old.pop_first()?, self.new.pop_first()?])
    }
}

struct Answers<'a> {
    documents: (Document<'a>, Document<'a>),
    found: Vec<(Side, Found)>,
}

impl<'a> Answers<'a> {
    fn walk(&self) -> Walk<'a> {
        Walk::new(self.documents.0, self.documents.1, Direction::Response)
    }

    fn keep(&mut self, status: &str, found: Vec<Found>) {
        let side = Side::Response(status.to_owned());
        let found = found.into_iter();
        self.found.extend(found.map(|found| (side.clone(), found)));
    }

    fn tell(&mut self, status: &str, class: Class, place: Place, change: String) {
        let mut walk = self.walk();
        let told = match place.which {
            Which::Old => (json!(status), Value::Null),
            Which::New => (Value::Null, json!(status)),
        };
        walk.tell(class, place, change, told);
        self.keep(status, walk.found);
    }

    fn success(&mut self, mut all: Matched<'a>) -> Result<()> {
        if let Some([(was, before), (is, after)]) = all.renamed() {
            let mut walk = self.walk();
            let place = Place::new(&after.pointer);
            let told = (json!(was), json!(is));
            walk.tell(Class::Breaking, place, "success status changed", told);
            response(&mut walk, &before, &after)?;
            self.keep(&is, walk.found);
        }
        for (status, before, after) in all.both {
            let mut walk = self.walk();
            response(&mut walk, &before, &after)?;
            self.keep(&status, walk.found);
        }
        for (status, node) in all.old {
            let change = format!("success status {status} removed");
            self.tell(&status, Class::Breaking, Place::old(node.pointer), change);
        }
        for (status, node) in all.new {
            let change = format!("success status {status} added");
            self.tell(&status, Class::Additive, Place::new(node.pointer), change);
        }
        Ok(())
    }

    /// Whatever happens to refusals is additive: a client must cope with any. One entry for each status is enough.
    fn errors(&mut self, all: Matched<'a>) -> Result<()> {
        for (status, before, after) in all.both {
            let mut walk = self.walk();
            response(&mut walk, &before, &after)?;
            let at = self.documents.1.follow(&after)?;
            self.keep(&status, one(walk.found, &at.pointer));
        }
        for (status, node) in all.old {
            let change = format!("error status {status} removed");
            self.tell(&status, Class::Additive, Place::old(node.pointer), change);
        }
        for (status, node) in all.new {
            let change = format!("error status {status} added");
            self.tell(&status, Class::Additive, Place::new(node.pointer), change);
        }
        Ok(())
    }
}

/// What was found in a refusal, as one change where it is more than words.
fn one(found: Vec<Found>, at: &str) -> Vec<Found> {
    let (mut words, mut others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| found.words);
    for other in &mut others {
        other.class = Class::Additive;
    }
    if let [other] = others.as_mut_slice() {
        other.change = format!("error answer: {}", other.change);
    }
    if let [first, _, ..] = others.as_slice() {
        let merged = Found {
            place: Place::new(at),
            change: format!("error answer changed in {} places", others.len()),
            before: Value::Null,
            after: others.iter().map(listed).collect(),
            uses: others.iter().flat_map(|found| found.uses.clone()).collect(),
            ..first.clone()
        };
        others = vec![merged];
    }
    words.append(&mut others);
    words
}

/// One of several changes, short.
fn listed(found: &Found) -> Value {
    let place = &found.place;
    json!(format!("{} at {}", found.change, place.pointer))
}

fn response<'a>(walk: &mut Walk<'a>, old: &Node<'a>, new: &Node<'a>) -> Result<()> {
    let (old, new) = (walk.old.follow(old)?, walk.new.follow(new)?);
    walk.tell_words(from_ref(&old), from_ref(&new));
    headers(walk, &old, &new)?;
    media(walk, &old, &new, "response")
}

fn headers<'a>(walk: &mut Walk<'a>, old: &Node<'a>, new: &Node<'a>) -> Result<()> {
    // No case in the names of headers.
    let all = |node: &Node<'a>| -> BTreeMap<String, Node<'a>> {
        let headers = node.entries("headers").into_iter();
        headers
            .map(|(name, node)| (name.to_lowercase(), node))
            .collect()
    };
    let mut before = all(old);
    for (name, after) in all(new) {
        let Some(earlier) = before.remove(&name) else {
            let told = (Value::Null, json!(name));
            let change = format!("response header `{name}` added");
            walk.tell(Class::Additive, Place::new(after.pointer), change, told);
            continue;
        };
        let (earlier, after) = (walk.old.follow(&earlier)?, walk.new.follow(&after)?);
        walk.tell_words(from_ref(&earlier), from_ref(&after));
        walk.deprecated(from_ref(&earlier), from_ref(&after));
        let (was, is) = (earlier.flag("required"), after.flag("required"));
        if was != is {
            let (class, change) = if is {
                (Class::Additive, "made required")
            } else {
                (Class::Breaking, "made optional")
            };
            let change = format!("response header `{name}` {change}");
            walk.tell(
                class,
                Place::new(&after.pointer),
                change,
                (json!(was), json!(is)),
            );
        }
        schemas(walk, &earlier, &after)?;
    }
    for (name, node) in before {
        let told = (json!(name), Value::Null);
        let change = format!("response header `{name}` removed");
        walk.tell(Class::Breaking, Place::old(node.pointer), change, told);
    }
    Ok(())
}

/// Compares the media types of a body, and the schemas in them.
///
/// # Errors
/// A reference that cannot be resolved.
pub(super) fn media<'a>(
    walk: &mut Walk<'a>,
    old: &Node<'a>,
    new: &Node<'a>,
    word: &str,
) -> Result<()> {
    let all = |node: &Node<'a>| -> BTreeMap<String, Node<'a>> {
        let types = node.entries("content").into_iter();
        types.map(|(name, node)| (plain(name), node)).collect()
    };
    let mut types = matched(all(old), all(new));
    if let Some([(was, earlier), (is, now)]) = types.renamed() {
        let place = Place::new(&now.pointer);
        let change = format!("{word} media type changed");
        walk.tell(Class::Breaking, place, change, (json!(was), json!(is)));
        types.both.push((is, earlier, now));
    }
    for (_, earlier, now) in types.both {
        walk.tell_words(from_ref(&earlier), from_ref(&now));
        encoding(walk, &earlier, &now, word);
        schemas(walk, &earlier, &now)?;
    }
    for (name, node) in types.old {
        let change = format!("{word} media type removed");
        let place = Place::old(node.pointer);
        walk.tell(Class::Breaking, place, change, (json!(name), Value::Null));
    }
    for (name, node) in types.new {
        let change = format!("{word} media type added");
        let place = Place::new(node.pointer);
        walk.tell(Class::Additive, place, change, (Value::Null, json!(name)));
    }
    Ok(())
}

/// How the parts of a form are written.
fn encoding<'a>(walk: &mut Walk<'a>, old: &Node<'a>, new: &Node<'a>, word: &str) {
    let of = |node: &Node<'_>| node.value.get("encoding").cloned().unwrap_or_default();
    let told = (of(old), of(new));
    if told.0 != told.1 {
        let change = format!("{word} encoding changed");
        walk.tell(Class::Breaking, Place::new(&new.pointer), change, told);
    }
}

/// A media type without case, blanks, and the character set, of which JSON has one only.
fn plain(name: &str) -> String {
    let parts = name.split(';').map(|part| part.trim().to_lowercase());
    parts
        .filter(|part| !part.starts_with("charset="))
        .collect::<Vec<_>>()
        .join(";")
}
