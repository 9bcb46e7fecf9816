//! What of a document is for people only.

use serde_json::Value;

use super::document::Node;
use crate::spec;

/// What is for people too, where it is no matter of whose words they are.
const MORE_WORDS: [&str; 2] = ["tags", "xml"];

/// The keywords for people that say something else in `new` than in `old`. How often and in which order parts say it is
/// no matter.
pub(super) fn changed(old: &[Node<'_>], new: &[Node<'_>]) -> Vec<String> {
    let (old, new) = (said(old), said(new));
    let differs = |one: &[(String, String)], other: &[(String, String)]| -> Vec<String> {
        let only = one.iter().filter(|word| !other.contains(word));
        only.map(|(keyword, _)| keyword.clone()).collect()
    };
    let mut keywords = differs(&old, &new);
    keywords.extend(differs(&new, &old));
    keywords.sort();
    keywords.dedup();
    keywords
}

fn said(nodes: &[Node<'_>]) -> Vec<(String, String)> {
    let members = nodes
        .iter()
        .filter_map(|node| node.value.as_object())
        .flatten();
    members
        .filter(|(keyword, value)| {
            spec::WORDS.contains(&keyword.as_str())
                || MORE_WORDS.contains(&keyword.as_str())
                || keyword.starts_with("x-")
                || (*keyword == "format" && value.as_str() == Some("password"))
        })
        .map(|(keyword, value)| (keyword.clone(), written(value)))
        .collect()
}

/// The value as text that does not depend on the order of keys.
pub(super) fn written(value: &Value) -> String {
    spec::sorted(value).to_string()
}
