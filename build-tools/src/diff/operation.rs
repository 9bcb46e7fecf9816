//! One operation in two documents: how it is called, who may call it, and what travels each way.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice::from_ref,
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Class, Side, Which, answer,
    document::{Document, Node, Operation},
    lineage_parameter, security,
    walk::{Direction, Found, Place, Walk},
};
use crate::spec::path;

/// Compares an operation; answers what changed and on which side of it.
///
/// # Errors
/// A reference that cannot be resolved.
pub(super) fn compare<'a>(
    documents: (Document<'a>, Document<'a>),
    old: &Operation<'a>,
    new: &Operation<'a>,
) -> Result<Vec<(Side, Found)>> {
    let (before, after) = documents;
    let mut call = Walk::new(before, after, Direction::Request);
    route(&mut call, old, new);
    call.tell_words(from_ref(&old.item), from_ref(&new.item));
    call.tell_words(from_ref(&old.node), from_ref(&new.node));
    call.deprecated(from_ref(&old.node), from_ref(&new.node));
    servers(&mut call, old, new);
    security::compare(&mut call, old, new)?;
    callbacks(&mut call, old, new);

    let mut request = Walk::new(before, after, Direction::Request);
    parameters(&mut request, old, new)?;
    body(&mut request, old, new)?;

    let side = |side: Side| move |found| (side.clone(), found);
    let mut found: Vec<(Side, Found)> = Vec::new();
    found.extend(call.found.into_iter().map(side(Side::Operation)));
    found.extend(request.found.into_iter().map(side(Side::Request)));
    found.extend(answer::compare(documents, old, new)?);
    Ok(found)
}

fn route(walk: &mut Walk<'_>, old: &Operation<'_>, new: &Operation<'_>) {
    if old.id != new.id {
        let place = match new.id {
            Some(_) => Place::new(format!("{}/operationId", new.node.pointer)),
            None => Place::old(format!("{}/operationId", old.node.pointer)),
        };
        let told = (json!(old.id), json!(new.id));
        walk.tell(Class::Quiet, place, "operation id changed", told);
    }
    let ((old_method, old_path), (new_method, new_path)) = (old.route(), new.route());
    let place = || Place::new(&new.node.pointer);
    if old_method != new_method {
        let told = (json!(old.method), json!(new.method));
        walk.tell(Class::Breaking, place(), "method changed", told);
    }
    if old_path != new_path {
        let told = (json!(old.path), json!(new.path));
        walk.tell(Class::Breaking, place(), "path changed", told);
    }
}

/// Where the operation is: its own word, else the path's, else the document's.
fn servers<'a>(walk: &mut Walk<'a>, old: &Operation<'a>, new: &Operation<'a>) {
    let (before, after) = (bases(walk.old, old), bases(walk.new, new));
    let place = match after.first().or(before.first()) {
        Some((_, node)) if !after.is_empty() => Place::new(list_of(node)),
        Some((_, node)) => Place::old(list_of(node)),
        None => return,
    };
    let urls = |bases: &[(String, Node<'_>)]| -> BTreeSet<String> {
        bases.iter().map(|(url, _)| url.clone()).collect()
    };
    let (before, after) = (urls(&before), urls(&after));
    let class = if !before.is_subset(&after) {
        Class::Breaking
    } else if before != after {
        Class::Additive
    } else {
        return;
    };
    let told = (json!(before), json!(after));
    walk.tell(class, place, "servers changed", told);
}

/// The pointer of the list that an element stands in.
fn list_of(node: &Node<'_>) -> String {
    let parent = node.pointer.rsplit_once('/');
    parent.map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// The base addresses, with the defaults of their variables filled in.
fn bases<'a>(document: Document<'a>, operation: &Operation<'a>) -> Vec<(String, Node<'a>)> {
    let lists =
        [&operation.node, &operation.item, &document.root()].map(|at| at.elements("servers"));
    let servers = lists.into_iter().find(|list| !list.is_empty());
    let filled = |server: &Node<'a>| {
        let mut url = server.text("url").unwrap_or("/").to_owned();
        for (name, variable) in server.entries("variables") {
            let value = variable.text("default").unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), value);
        }
        url.trim_end_matches('/').to_owned()
    };
    let servers = servers.unwrap_or_default().into_iter();
    servers.map(|server| (filled(&server), server)).collect()
}

/// What the vendor would send to us is not compared further: nothing of ours takes it.
fn callbacks(walk: &mut Walk<'_>, old: &Operation<'_>, new: &Operation<'_>) {
    let of = |operation: &Operation<'_>| operation.node.value.get("callbacks").cloned();
    let (before, after) = (of(old), of(new));
    if before == after {
        return;
    }
    let place = match after {
        Some(_) => Place::new(format!("{}/callbacks", new.node.pointer)),
        None => Place::old(format!("{}/callbacks", old.node.pointer)),
    };
    let change = "callbacks changed, which are not compared further";
    walk.tell(Class::Quiet, place, change, Default::default());
}

/// A parameter of an operation.
struct Parameter<'a> {
    name: &'a str,
    location: &'a str,
    node: Node<'a>,
}

impl Parameter<'_> {
    fn required(&self) -> bool {
        self.location == "path" || self.node.flag("required")
    }

    /// How its value is written into the request.
    fn style(&self) -> Value {
        let usual = if matches!(self.location, "query" | "cookie") {
            "form"
        } else {
            "simple"
        };
        let style = self.node.text("style").unwrap_or(usual);
        let explode = self.node.value.get("explode").and_then(Value::as_bool);
        // As a whole in a media type, text is written with quotes.
        if let Some((media, _)) = self.node.entries("content").pop_first() {
            return json!({"content": media});
        }
        json!({
            "style": style,
            "explode": explode.unwrap_or(style == "form"),
            "allowReserved": self.node.flag("allowReserved"),
        })
    }

    fn word(&self) -> String {
        format!("{} parameter `{}`", self.location, self.name)
    }
}

/// The parameters by what tells them apart on the wire: the place in the path, or location and name, which has no case
/// in a header.
fn all<'a>(
    document: Document<'a>,
    operation: &Operation<'a>,
    by_place: bool,
) -> Result<BTreeMap<(String, String), Parameter<'a>>> {
    let mut parameters = BTreeMap::new();
    let places = path::names(operation.path);
    for at in [&operation.item, &operation.node] {
        for node in at.elements("parameters") {
            let node = document.follow(&node)?;
            let (Some(name), Some(location)) = (node.text("name"), node.text("in")) else {
                continue;
            };
            let place = places.iter().position(|place| *place == name);
            let key = match (location, place) {
                ("path", Some(place)) if by_place => place.to_string(),
                ("header", _) => name.to_lowercase(),
                _ => name.to_owned(),
            };
            let parameter = Parameter {
                name,
                location,
                node,
            };
            // The operation's own parameter stands for the path's.
            parameters.insert((location.to_owned(), key), parameter);
        }
    }
    Ok(parameters)
}

fn parameters<'a>(walk: &mut Walk<'a>, old: &Operation<'a>, new: &Operation<'a>) -> Result<()> {
    let by_place = old.route().1 == new.route().1;
    let mut before = all(walk.old, old, by_place)?;
    for (key, parameter) in all(walk.new, new, by_place)? {
        match before.remove(&key) {
            Some(earlier) => compare_parameter(walk, &earlier, &parameter)?,
            None => {
                walk.around(vec![lineage_parameter(parameter.name)]);
                let (class, word) = if parameter.required() {
                    (Class::Breaking, "required ")
                } else {
                    (Class::Additive, "")
                };
                let change = format!("{word}{} added", parameter.word());
                let place = Place::new(&parameter.node.pointer);
                walk.tell(class, place, change, (Value::Null, json!(parameter.name)));
            }
        }
    }
    for parameter in before.into_values() {
        walk.around(vec![lineage_parameter(parameter.name)]);
        let change = format!("{} removed", parameter.word());
        let place = Place::old(&parameter.node.pointer);
        let told = (json!(parameter.name), Value::Null);
        walk.tell(Class::Breaking, place, change, told);
    }
    walk.around(Vec::new());
    Ok(())
}

fn compare_parameter<'a>(
    walk: &mut Walk<'a>,
    old: &Parameter<'a>,
    new: &Parameter<'a>,
) -> Result<()> {
    let mut around = vec![lineage_parameter(new.name), lineage_parameter(old.name)];
    around.dedup();
    walk.around(around);
    let (before, after) = (from_ref(&old.node), from_ref(&new.node));
    walk.tell_words(before, after);
    walk.deprecated(before, after);
    let place = || Place::new(&new.node.pointer);
    if old.name != new.name && new.location == "path" {
        let told = (json!(old.name), json!(new.name));
        walk.tell(Class::Quiet, place(), "path parameter renamed", told);
    }
    let word = new.word();
    if old.required() != new.required() {
        let (class, change) = if new.required() {
            (Class::Breaking, "made required")
        } else {
            (Class::Additive, "made optional")
        };
        let told = (json!(old.required()), json!(new.required()));
        walk.tell(class, place(), format!("{word} {change}"), told);
    }
    let told = (old.style(), new.style());
    if told.0 != told.1 {
        let change = format!("{word} is written in another way");
        walk.tell(Class::Breaking, place(), change, told);
    }
    let empty = |parameter: &Parameter<'_>| parameter.node.flag("allowEmptyValue");
    if empty(old) != empty(new) {
        let (class, change) = if empty(new) {
            (Class::Additive, "may be empty")
        } else {
            (Class::Breaking, "may not be empty any more")
        };
        let told = (json!(empty(old)), json!(empty(new)));
        walk.tell(class, place(), format!("{word} {change}"), told);
    }
    schemas(walk, &old.node, &new.node)
}

/// Compares the schemas of two parameters or headers, each of which may stand in a media type.
pub(super) fn schemas<'a>(walk: &mut Walk<'a>, old: &Node<'a>, new: &Node<'a>) -> Result<()> {
    let of = |node: &Node<'a>| -> Option<Node<'a>> {
        let media = || node.entries("content").into_values().next();
        node.child("schema")
            .or_else(|| media().and_then(|media| media.child("schema")))
    };
    let (before, after) = (of(old), of(new));
    let at = after.as_ref().map_or(&new.pointer, |node| &node.pointer);
    walk.schemas(before.as_slice(), after.as_slice(), at)?;
    Ok(())
}

fn body<'a>(walk: &mut Walk<'a>, old: &Operation<'a>, new: &Operation<'a>) -> Result<()> {
    let of = |document: Document<'a>, operation: &Operation<'a>| -> Result<Option<Node<'a>>> {
        let body = operation.node.child("requestBody");
        body.map(|body| document.follow(&body)).transpose()
    };
    let shown = |which: Which, body: &Node<'_>| Place {
        which,
        pointer: body.pointer.clone(),
    };
    let word = |required| json!(if required { "required" } else { "optional" });
    match (of(walk.old, old)?, of(walk.new, new)?) {
        (None, None) => {}
        (None, Some(body)) => {
            let required = body.flag("required");
            let class = if required {
                Class::Breaking
            } else {
                Class::Additive
            };
            let told = (Value::Null, word(required));
            walk.tell(class, shown(Which::New, &body), "request body added", told);
        }
        (Some(body), None) => {
            let told = (word(body.flag("required")), Value::Null);
            let place = shown(Which::Old, &body);
            walk.tell(Class::Breaking, place, "request body removed", told);
        }
        (Some(before), Some(after)) => {
            walk.tell_words(from_ref(&before), from_ref(&after));
            let (was, is) = (before.flag("required"), after.flag("required"));
            if was != is {
                let (class, change) = if is {
                    (Class::Breaking, "request body made required")
                } else {
                    (Class::Additive, "request body made optional")
                };
                let told = (word(was), word(is));
                walk.tell(class, shown(Which::New, &after), change, told);
            }
            answer::media(walk, &before, &after, "request")?;
        }
    }
    Ok(())
}
