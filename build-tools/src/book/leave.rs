//! mdBook's preprocessor: what the site can't have is taken out of its pages.
//!
//! The pages are read in a forge too, where they link to all of the repository. In the site such a link would be dead, so
//! that it becomes what it shows, with the path beside it. A page may also be a file from elsewhere,
//! `{{#include ../README.md}}`: its links are then written anew from where it stands, and links to the file lead to the
//! page. Includes of anything but Markdown are left to mdBook.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::{
    PAGES,
    markdown::{links, read},
    target::{Target, relative, resolve},
};

/// Rewrites each chapter of the book.
///
/// # Errors
/// A chapter that includes what is not there.
pub(super) fn rewrite(root: &Path, book: &mut Value) -> Result<()> {
    let mut shown = Shown::default();
    each_chapter(book, &mut |page, content| {
        let page = root.join(PAGES).join(page);
        for (_, include) in includes(content) {
            if include.anchor.is_none() {
                shown.0.insert(place(&page, include.file)?, page.clone());
            }
        }
        shown.0.insert(page.clone(), page);
        Ok(())
    })?;
    each_chapter(book, &mut |page, content| {
        let page = root.join(PAGES).join(page);
        let own = leave(root, &page, &page, content, &shown);
        *content = expand(root, &page, &own, &shown)?;
        Ok(())
    })
}

/// The files of Markdown that are shown as pages of the site, whole, and these pages.
#[derive(Default)]
struct Shown(BTreeMap<PathBuf, PathBuf>);

/// Calls with the path and the content of each chapter that has both.
fn each_chapter(
    value: &mut Value,
    visit: &mut dyn FnMut(&str, &mut String) -> Result<()>,
) -> Result<()> {
    match value {
        Value::Object(members) => {
            let path = members.get("path").and_then(Value::as_str);
            if let Some(path) = path.map(str::to_owned)
                && let Some(Value::String(content)) = members.get_mut("content")
            {
                visit(&path, content).with_context(|| format!("the page {path}"))?;
            }
            members
                .values_mut()
                .try_for_each(|member| each_chapter(member, visit))
        }
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| each_chapter(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Rewrites the links of a file that stands on a page, which may be its own.
fn leave(root: &Path, file: &Path, page: &Path, text: &str, shown: &Shown) -> String {
    let mut written = String::new();
    let mut done = 0;
    for link in links(text) {
        let Ok(Target::File(path, anchor)) = resolve(file, &link.to) else {
            continue;
        };
        let label = text.get(link.shown).unwrap_or_default();
        let replacement = match kept(root, page, &path, shown) {
            Some(to) if file == page && to == link.to.split('#').next().unwrap_or_default() => {
                continue;
            }
            Some(to) => {
                let picture = if text[link.range.clone()].starts_with('!') {
                    "!"
                } else {
                    ""
                };
                let anchor = anchor
                    .map(|anchor| format!("#{anchor}"))
                    .unwrap_or_default();
                format!("{picture}[{label}]({to}{anchor})")
            }
            None => told(label, path.strip_prefix(root).unwrap_or(&path)),
        };
        written.push_str(&text[done..link.range.start]);
        written.push_str(&replacement);
        done = link.range.end;
    }
    written.push_str(&text[done..]);
    written
}

/// How a page of the site links to a file that the site has; nothing for one that it does not have.
fn kept(root: &Path, page: &Path, path: &Path, shown: &Shown) -> Option<String> {
    let markdown = path.extension().is_some_and(|extension| extension == "md");
    let target = match shown.0.get(path) {
        Some(target) if target == page => return Some(String::new()),
        Some(target) => target,
        None if !markdown && path.is_file() && path.starts_with(root.join(PAGES)) => path,
        None => return None,
    };
    Some(relative(page.parent()?, target))
}

/// What stands in place of a link that would leave the site.
fn told(label: &str, path: &Path) -> String {
    let path = path.to_string_lossy();
    let name = path.trim_end_matches('/');
    let last = name.rsplit('/').next().unwrap_or(name);
    match label.contains(last) && label.starts_with('`') {
        true => label.to_owned(),
        false => format!("{label} (`{name}`)"),
    }
}

/// Puts the Markdown that a page includes in place.
fn expand(root: &Path, page: &Path, text: &str, shown: &Shown) -> Result<String> {
    let mut written = String::new();
    let mut done = 0;
    for (range, include) in includes(text) {
        let file = place(page, include.file)?;
        let whole = read(&file)?;
        let part = match include.anchor {
            Some(anchor) => between(&whole, anchor)
                .with_context(|| format!("{} has no anchor {anchor}", file.display()))?,
            None => whole,
        };
        written.push_str(&text[done..range.start]);
        written.push_str(leave(root, &file, page, &part, shown).trim_end());
        done = range.end;
    }
    written.push_str(&text[done..]);
    Ok(written)
}

/// The files of Markdown that a page includes whole.
pub(super) fn included(page: &Path, text: &str) -> Result<Vec<PathBuf>> {
    includes(text)
        .filter(|(_, include)| include.anchor.is_none())
        .map(|(_, include)| place(page, include.file))
        .collect()
}

struct Include<'a> {
    file: &'a str,
    anchor: Option<&'a str>,
}

/// The places where a text includes Markdown.
fn includes(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, Include<'_>)> {
    const OPEN: &str = "{{#include ";
    text.match_indices(OPEN).filter_map(move |(start, _)| {
        let inner = &text[start + OPEN.len()..];
        let length = inner.find("}}")?;
        let (file, anchor) = match inner[..length].trim().split_once(':') {
            Some((file, anchor)) => (file, Some(anchor)),
            None => (inner[..length].trim(), None),
        };
        let range = start..start + OPEN.len() + length + 2;
        // With a backslash before it, it is text.
        let escaped = text[..start].ends_with('\\');
        (file.ends_with(".md") && !escaped).then_some((range, Include { file, anchor }))
    })
}

fn place(page: &Path, file: &str) -> Result<PathBuf> {
    match resolve(page, file) {
        Ok(Target::File(path, _)) => Ok(path),
        Ok(Target::Elsewhere) => Err(anyhow!("{file} is elsewhere")),
        Err(problem) => Err(anyhow!("{file} {problem}")),
    }
}

/// The lines between `ANCHOR: name` and `ANCHOR_END: name`, less those that mark other places.
fn between(text: &str, anchor: &str) -> Option<String> {
    let marks = |line: &str, word: &str| {
        let rest = line.split_once(word).map(|(_, rest)| rest.trim());
        rest.is_some_and(|rest| rest.split_whitespace().next() == Some(anchor))
    };
    let mut lines = text
        .lines()
        .skip_while(|line| !marks(line, "ANCHOR:"))
        .skip(1)
        .peekable();
    lines.peek()?;
    let lines = lines
        .take_while(|line| !marks(line, "ANCHOR_END:"))
        .filter(|line| !line.contains("ANCHOR:") && !line.contains("ANCHOR_END:"));
    Some(lines.fold(String::new(), |text, line| text + line + "\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What becomes of the pages, in a repository that has these files besides.
    fn rewritten(pages: &[(&str, &str)], others: &[(&str, &str)]) -> Result<Vec<String>> {
        let root = tempfile::tempdir()?;
        let docs = pages
            .iter()
            .map(|(path, text)| (format!("docs/{path}"), *text));
        let others = others
            .iter()
            .map(|(path, text)| ((*path).to_owned(), *text));
        for (path, text) in docs.chain(others) {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, text)?;
        }
        let chapter = |(path, text): &(&str, &str)| {
            let sub: [(); 0] = [];
            json!({"Chapter": {"name": "x", "content": text, "path": path, "sub_items": sub}})
        };
        let mut items: Vec<Value> = pages.iter().map(chapter).collect();
        items.push(
            json!({"Chapter": {"name": "draft", "content": "", "path": null, "sub_items": []}}),
        );
        let mut book = json!({"items": items});
        rewrite(root.path(), &mut book)?;
        let contents = pages.iter().enumerate().map(|(index, _)| {
            let content = book["items"][index]["Chapter"]["content"].as_str();
            content.unwrap().to_owned()
        });
        Ok(contents.collect())
    }

    #[test]
    fn links_that_would_leave_the_site_become_what_they_show() {
        let page = "See [the README](../README.md#run), [`x.toml`](../deploy/x.toml), [deploy](../deploy),\n\
            [b](b.md#one), ![p](p.svg), [out](https://example.com) and `[code](../README.md)`.\n";
        let others = [("README.md", ""), ("deploy/x.toml", ""), ("docs/p.svg", "")];
        let pages = rewritten(&[("a.md", page), ("b.md", "# One\n")], &others).unwrap();
        assert_eq!(
            pages[0],
            "See the README (`README.md`), `x.toml`, deploy (`deploy`),\n\
             [b](b.md#one), ![p](p.svg), [out](https://example.com) and `[code](../README.md)`.\n"
        );
    }

    #[test]
    fn a_page_from_elsewhere_links_from_where_it_stands_and_is_linked_to() {
        let go = "# Go\n\n[index](../README.md), [own](#go), [errors](../../docs/errors.md#a), [main](main.go)\n";
        let pages = [
            (
                "clients/go.md",
                "{{#include ../../tests/go/README.md}}\n\n```go\n{{#include ../../tests/go/main.go:x}}\n```\n",
            ),
            (
                "index.md",
                "[Go](../tests/go/README.md#go) \\{{#include gone.md}}",
            ),
            ("errors.md", ""),
        ];
        let others = [("tests/go/README.md", go), ("tests/go/main.go", "")];
        let pages = rewritten(&pages, &others).unwrap();
        assert_eq!(
            pages[0],
            "# Go\n\nindex (`tests/README.md`), [own](#go), [errors](../errors.md#a), main (`tests/go/main.go`)\n\n\
             ```go\n{{#include ../../tests/go/main.go:x}}\n```\n"
        );
        assert_eq!(pages[1], "[Go](clients/go.md#go) \\{{#include gone.md}}");
    }

    #[test]
    fn a_part_of_a_page_is_what_stands_between_its_marks() {
        let other = "no\n<!-- ANCHOR: a -->\nyes\n<!-- ANCHOR: b -->\n[yes](x.rs)\n<!-- ANCHOR_END: a -->\nno\n";
        let page = [("a.md", "{{#include ../x.md:a}}\n")];
        let pages = rewritten(&page, &[("x.md", other), ("x.rs", "")]).unwrap();
        assert_eq!(pages[0], "yes\nyes (`x.rs`)\n");
        let page = [("a.md", "{{#include ../x.md:c}}\n")];
        let error = rewritten(&page, &[("x.md", other)]).unwrap_err();
        assert!(
            format!("{error:#}").contains("has no anchor c"),
            "{error:#}"
        );
    }

    #[test]
    fn an_include_of_nothing_is_refused() {
        let error = rewritten(&[("a.md", "{{#include ../x.md}}\n")], &[]).unwrap_err();
        assert!(format!("{error:#}").contains("cannot read"), "{error:#}");
    }
}
