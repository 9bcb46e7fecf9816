//! Parts of Rust as one line of text, spelled the same wherever they mean the same.

use std::collections::BTreeSet;

use syn::{File, Item, ItemFn, ItemType, Signature, Type, parse_quote};

/// A type.
pub(crate) fn of(spelled: &Type) -> String {
    let alias: ItemType = parse_quote!(type T = #spelled;);
    let line = item(Item::Type(alias));
    line.strip_prefix("type T = ").unwrap_or(&line).to_owned()
}

/// A function without its body.
pub(super) fn signature(signature: &Signature) -> String {
    let function: ItemFn = parse_quote!(#signature {});
    item(Item::Fn(function))
        .trim_end_matches([' ', '{', '}'])
        .to_owned()
}

/// An item.
pub(super) fn item(item: Item) -> String {
    let file = File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items: vec![item],
    };
    let text = prettyplease::unparse(&file);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    // Traces of a line that was broken because it was long.
    for (broken, whole) in [("( ", "("), ("< ", "<"), (", )", ")"), (", >", ">")] {
        line = line.replace(broken, whole);
    }
    short(line.trim_end_matches(';'))
}

/// Takes the path off what is the standard library's; generated code spells it out.
fn short(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|letter: char| is_path(letter)) {
        out += &rest[..start];
        rest = &rest[start..];
        let end = rest
            .find(|letter: char| !is_path(letter))
            .unwrap_or(rest.len());
        let path = &rest[..end];
        let bare = path.trim_start_matches("::");
        let standard = ["std::", "core::", "alloc::"]
            .iter()
            .any(|library| bare.starts_with(library));
        out += if standard {
            super::surface::last(path)
        } else {
            path
        };
        rest = &rest[end..];
    }
    out + rest
}

fn is_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | ':')
}

/// Every name in a type, each without its path.
pub(super) fn names(spelled: &str) -> BTreeSet<String> {
    spelled
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
