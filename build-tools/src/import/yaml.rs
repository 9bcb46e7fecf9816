//! YAML with its keys in order, so that a document that is taken over again comes out byte for byte.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// Widest line of folded text, without its indentation.
const WIDTH: usize = 100;
/// Words that some readers of YAML take for something else than words.
const WORDS_OF_YAML: [&str; 10] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~",
];

/// A part of a document, with the keys of mappings in the order of the file.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    /// A string, a number, a boolean or null.
    Scalar(Value),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values.
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// A value with the keys of each mapping in the order of `ours`, and what is new there in the order of `theirs`.
    pub(crate) fn arranged(value: &Value, ours: Option<&Self>, theirs: Option<&Self>) -> Self {
        match value {
            Value::Object(map) => {
                let mut keys: Vec<&str> = Vec::new();
                for node in [ours, theirs].into_iter().flatten() {
                    insert(&mut keys, node.keys().filter(|key| map.contains_key(*key)));
                }
                // What is in neither is words of ours that were moved here; words stand first.
                let mut moved: Vec<&str> = map
                    .keys()
                    .map(String::as_str)
                    .filter(|key| !keys.contains(key))
                    .collect();
                moved.sort_unstable();
                moved.extend(keys);
                let arranged = |key: &str| {
                    let (ours, theirs) = (
                        ours.and_then(|node| node.get(key)),
                        theirs.and_then(|node| node.get(key)),
                    );
                    Self::arranged(&map[key], ours, theirs)
                };
                Self::Mapping(
                    moved
                        .into_iter()
                        .map(|key| (key.to_owned(), arranged(key)))
                        .collect(),
                )
            }
            Value::Array(items) => {
                let arranged = |(index, item)| {
                    let (ours, theirs) = (
                        ours.and_then(|node| node.item(index)),
                        theirs.and_then(|node| node.item(index)),
                    );
                    Self::arranged(item, ours, theirs)
                };
                Self::Sequence(items.iter().enumerate().map(arranged).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Scalar(value.clone())
            }
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = match self {
            Self::Mapping(entries) => entries.as_slice(),
            Self::Scalar(_) | Self::Sequence(_) => &[],
        };
        entries.iter().map(|(key, _)| key.as_str())
    }

    fn item(&self, index: usize) -> Option<&Self> {
        match self {
            Self::Sequence(items) => items.get(index),
            Self::Scalar(_) | Self::Mapping(_) => None,
        }
    }

    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Mapping(entries) => entries
                .iter()
                .find_map(|(name, node)| (name == key).then_some(node)),
            Self::Scalar(_) | Self::Sequence(_) => None,
        }
    }
}

/// Inserts each new key after the one that it follows in `order`.
fn insert<'a>(keys: &mut Vec<&'a str>, order: impl Iterator<Item = &'a str>) {
    let mut at = 0;
    for key in order {
        match keys.iter().position(|present| *present == key) {
            Some(place) => at = place + 1,
            None => {
                keys.insert(at, key);
                at += 1;
            }
        }
    }
}

/// Reads YAML.
///
/// # Errors
/// Text that is no YAML, with the line and column.
pub(crate) fn read(text: &str) -> Result<Node> {
    serde_saphyr::from_str(text).context("not YAML we can read")
}

/// Writes YAML as a person would: plain words where they are safe, long text folded.
///
/// # Errors
/// A document that would not read back as it is.
pub(crate) fn write(node: &Node) -> Result<String> {
    let mut text = String::new();
    block(node, 0, &mut text);
    ensure!(
        read(&text)? == *node,
        "the document does not survive being written"
    );
    Ok(text)
}

/// Writes the lines of a list or a mapping, each at `indent`.
fn block(node: &Node, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match node {
        Node::Scalar(value) => {
            out.push_str(&margin);
            out.push_str(scalar(value, indent).trim_start());
            out.push('\n');
        }
        Node::Sequence(items) => {
            for item in items {
                let at = out.len();
                block_or_empty(item, indent + 2, out);
                // The dash stands in the margin of what it announces.
                out.replace_range(at..at + indent + 2, &format!("{margin}- "));
            }
        }
        Node::Mapping(entries) => {
            for (key, value) in entries {
                out.push_str(&margin);
                out.push_str(&short(key));
                out.push(':');
                match value {
                    Node::Scalar(value) => out.push_str(&scalar(value, indent + 2)),
                    Node::Sequence(items) if items.is_empty() => out.push_str(" []"),
                    Node::Mapping(entries) if entries.is_empty() => out.push_str(" {}"),
                    Node::Sequence(_) | Node::Mapping(_) => {
                        out.push('\n');
                        block(value, indent + 2, out);
                        continue;
                    }
                }
                out.push('\n');
            }
        }
    }
}

/// As [`block`], for an item of a list, which may be empty itself.
fn block_or_empty(node: &Node, indent: usize, out: &mut String) {
    let empty = match node {
        Node::Sequence(items) if items.is_empty() => "[]",
        Node::Mapping(entries) if entries.is_empty() => "{}",
        Node::Scalar(_) | Node::Sequence(_) | Node::Mapping(_) => {
            return block(node, indent, out);
        }
    };
    out.push_str(&" ".repeat(indent));
    out.push_str(empty);
    out.push('\n');
}

/// A scalar behind its key, with the space before it; folded text starts on the next line.
fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if text.len() > WIDTH || text.contains('\n') => {
            match folded(text, indent) {
                Some(folded) => folded,
                None => format!(" {}", quoted(text)),
            }
        }
        Value::String(text) => format!(" {}", short(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!(" {value}")
        }
    }
}

/// Text in folded lines, unless it has spaces or line ends that folding would lose.
fn folded(text: &str, indent: usize) -> Option<String> {
    let plain = text
        .split('\n')
        .all(|line| line == line.trim() && !line.contains("  "));
    if !plain
        || text.starts_with('\n')
        || text.ends_with('\n')
        || text.contains(|c: char| c.is_control() && c != '\n')
    {
        return None;
    }
    let mut out = " >-".to_owned();
    let margin = " ".repeat(indent);
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                out.push_str(&format!("\n{margin}{line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        // One line end in folded text is a space; an empty line more makes it a line end.
        out.push_str(&if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("\n{margin}{line}\n")
        });
    }
    out.truncate(out.trim_end().len());
    Some(out)
}

/// Text of one line: plain, if every reader of YAML takes it for the same string.
fn short(text: &str) -> String {
    let plain = text
        .starts_with(|first: char| first.is_ascii_alphanumeric() || "/$_".contains(first))
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.contains(char::is_control)
        && !WORDS_OF_YAML.contains(&text.to_ascii_lowercase().as_str())
        && text.parse::<f64>().is_err()
        && serde_saphyr::from_str::<Value>(text).is_ok_and(|value| value == text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// Text in quotes: single ones, unless it has characters that only double ones can write.
fn quoted(text: &str) -> String {
    if text.contains(char::is_control) {
        Value::from(text).to_string()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list or a scalar")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        for value in [
            json!({"a": [], "b": {}, "c": [[], {}, [1, [2]], {"x": [null, true, -1.5]}]}),
            json!([
                "yes",
                "1.42.0",
                "1e3",
                "0x1F",
                "12:30:00",
                "2020-01-01",
                "~",
                "",
                " a",
                "a ",
                "a: b",
                "a #b"
            ]),
            json!({"200": "#/components", "x: y": "'", "{id}": "*", "é": "\u{1}", "-": "- a", "?": "?"}),
            json!("one\ntwo\n\nthree\n\n\nfour"),
            json!({"a": "\nb", "c": "d\n", "e": "f\n g", "h": "i  j\nk", "l": "m\tn\no"}),
            json!([{"a": format!("{} {}", "word ".repeat(40).trim(), "x".repeat(200))}, [["nested"], "b"]]),
            json!({"a": "# no comment ".repeat(20).trim(), "b": "- no: item ".repeat(20).trim()}),
        ] {
            write(&Node::arranged(&value, None, None)).unwrap();
        }
    }

    #[test]
    fn what_is_new_follows_what_it_follows_in_the_vendors_document() {
        let ours = read("b: 1\na: 1\nc: 1\n").unwrap();
        let theirs = read("first: 1\na: 1\nafter_a: 1\nb: 1\nlast: {z: 1, x: 1}\n").unwrap();
        let value = json!({
            "a": 2, "b": 2, "after_a": 2, "first": 2, "last": {"x": 2, "z": 2}, "words": "moved",
        });
        let written = write(&Node::arranged(&value, Some(&ours), Some(&theirs))).unwrap();
        assert_eq!(
            written,
            "words: moved\nfirst: 2\nb: 2\nlast:\n  z: 2\n  x: 2\na: 2\nafter_a: 2\n"
        );
    }
}
