//! The differences for people, for programs, and for a pull request.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Class, Difference, Which, worst};
use crate::spec;

const CLASSES: [Class; 3] = [Class::Breaking, Class::Additive, Class::Quiet];

/// The same change at the same place, reached from one or more operations.
struct Group<'d> {
    first: &'d Difference,
    /// `Operation (side)`.
    operations: Vec<String>,
    rpcs: BTreeSet<&'d str>,
    fields: BTreeSet<&'d str>,
}

/// The changes of each class that has any, less words.
fn sections(differences: &[Difference]) -> Vec<(Class, Vec<Group<'_>>)> {
    CLASSES
        .map(|class| (class, groups(differences, class)))
        .into_iter()
        .filter(|(_, groups)| !groups.is_empty())
        .collect()
}

fn groups(differences: &[Difference], class: Class) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let told = differences
        .iter()
        .filter(|told| told.class == class && !told.words);
    for told in told {
        let same = |first: &Difference| {
            (&first.document, &first.pointer, &first.change)
                == (&told.document, &told.pointer, &told.change)
                && (&first.before, &first.after) == (&told.before, &told.after)
        };
        let index = groups.iter().position(|group| same(group.first));
        let index = index.unwrap_or_else(|| {
            groups.push(Group {
                first: told,
                operations: Vec::new(),
                rpcs: BTreeSet::new(),
                fields: BTreeSet::new(),
            });
            groups.len() - 1
        });
        let group = &mut groups[index];
        let operation = told.operation.as_deref().unwrap_or("the document");
        group
            .operations
            .push(format!("{operation} ({})", told.side));
        group.rpcs.extend(told.rpcs.iter().map(String::as_str));
        group.fields.extend(told.fields.iter().map(String::as_str));
    }
    groups
}

/// How many places have other words only.
fn places_of_words(differences: &[Difference]) -> usize {
    let words = differences.iter().filter(|told| told.words);
    let places: BTreeSet<(Which, &str)> = words
        .map(|told| (told.document, told.pointer.as_str()))
        .collect();
    places.len()
}

fn counted(count: usize, what: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {what}{many}")
}

/// For people: the same change reached from several operations is one paragraph, and words are a number.
pub(super) fn text(differences: &[Difference]) -> String {
    let sections = sections(differences);
    let mut text = summary(differences, &sections);
    text.push('\n');
    for (class, groups) in sections {
        let _ = write!(text, "\n{}\n", class.word().to_uppercase());
        for group in groups {
            let _ = write!(text, "\n  {}\n", group.first.change);
            for (word, what) in lines(&group) {
                let _ = writeln!(text, "    {word:<11}{what}");
            }
        }
    }
    text
}

/// In Markdown, for a pull request; a list for each class there is.
pub(crate) fn markdown(differences: &[Difference]) -> String {
    let sections = sections(differences);
    let mut text = summary(differences, &sections);
    text.push('\n');
    for (class, groups) in sections {
        let word = class.word();
        let (initial, rest) = word.split_at(1);
        let _ = write!(text, "\n### {}{rest}\n\n", initial.to_uppercase());
        for group in groups {
            let _ = writeln!(text, "- **{}**", group.first.change);
            for (word, what) in lines(&group) {
                let _ = writeln!(text, "  - {word} {}", code(&what));
            }
        }
    }
    text
}

/// As code, with more backticks around than there are within.
fn code(text: &str) -> String {
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

fn summary(differences: &[Difference], sections: &[(Class, Vec<Group<'_>>)]) -> String {
    let Some(class) = worst(differences) else {
        return "No difference.".to_owned();
    };
    let words = match places_of_words(differences) {
        0 => String::new(),
        places => format!("words differ in {}", counted(places, "place")),
    };
    if differences.iter().all(|told| told.words) {
        return format!("No difference but words: {words}.");
    }
    let mut parts: Vec<String> = sections
        .iter()
        .map(|(class, groups)| format!("{} {}", groups.len(), class.word()))
        .collect();
    if !words.is_empty() {
        parts.push(words);
    }
    let word = class.word();
    format!("On the wire the change is {word}: {}.", parts.join(", "))
}

fn lines(group: &Group<'_>) -> Vec<(&'static str, String)> {
    let first = group.first;
    let at = match first.document {
        Which::Old => "was at",
        Which::New => "at",
    };
    let mut lines = vec![(at, first.pointer.clone())];
    if !(first.before.is_null() && first.after.is_null()) {
        lines.push(("before", shown(&first.before)));
        lines.push(("after", shown(&first.after)));
    }
    lines.push(("operations", group.operations.join(", ")));
    let joined = |words: &BTreeSet<&str>| words.iter().copied().collect::<Vec<_>>().join(", ");
    if !group.rpcs.is_empty() {
        lines.push(("our RPCs", joined(&group.rpcs)));
    }
    if !group.fields.is_empty() {
        lines.push(("our fields", joined(&group.fields)));
    }
    lines
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// For programs: every change of every operation by itself.
///
/// # Errors
/// None that is to be expected: the value is written as JSON.
pub(super) fn json(differences: &[Difference], rust_api: Value) -> Result<String> {
    let count = |class: Class| {
        differences
            .iter()
            .filter(|told| told.class == class)
            .count()
    };
    let changes: Vec<Value> = differences.iter().map(change).collect();
    let class = worst(differences).map_or("none", Class::word);
    spec::pretty(&spec::sorted(&json!({
        "class": class,
        "breaking": count(Class::Breaking),
        "additive": count(Class::Additive),
        "quiet": count(Class::Quiet),
        "changes": changes,
        "rust_api": rust_api,
    })))
}

fn change(told: &Difference) -> Value {
    json!({
        "class": told.class.word(),
        "operation": told.operation,
        "side": told.side.to_string(),
        "document": told.document.word(),
        "pointer": told.pointer,
        "change": told.change,
        "before": told.before,
        "after": told.after,
        "rpcs": told.rpcs,
        "fields": told.fields,
    })
}
