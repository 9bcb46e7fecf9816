//! Links of the site as it was built: every page, picture, script and place in a page that one of its pages names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::{
    markdown::read,
    target::{Target, resolve},
};
use crate::output;

/// Every link that leads nowhere, with the page it stands on.
///
/// # Errors
/// Files that cannot be read, or a site without pages.
pub(super) fn problems(site: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in output::walk(site)? {
        if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            pages.insert(path.clone(), Marks::of(&read(&path)?));
        }
    }
    ensure!(
        !pages.is_empty(),
        "{} has no page: the site was built elsewhere",
        site.display()
    );
    let mut problems = Vec::new();
    for (path, marks) in &pages {
        let name = path.strip_prefix(site).unwrap_or(path).display();
        for link in &marks.links {
            let found = resolve(path, link).and_then(|target| lead(site, target, &pages));
            if let Err(problem) = found {
                problems.push(format!("the site's {name}: the link `{link}` {problem}"));
            }
        }
    }
    Ok(problems)
}

fn lead(site: &Path, target: Target, pages: &BTreeMap<PathBuf, Marks>) -> Result<(), String> {
    let Target::File(mut path, anchor) = target else {
        return Ok(());
    };
    if !path.starts_with(site) {
        return Err("leaves the site".into());
    }
    if path.is_dir() {
        path.push("index.html");
    }
    if !path.is_file() {
        return Err("leads to a file that is not there".into());
    }
    match (anchor, pages.get(&path)) {
        (Some(anchor), Some(page)) if !anchor.is_empty() && !page.anchors.contains(&anchor) => {
            Err("leads to a place that is not there".into())
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// What a piece of HTML has that links lead to and from.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The names of its places.
    pub(super) anchors: BTreeSet<String>,
    /// Where its links, pictures, scripts and styles are.
    pub(super) links: Vec<String>,
}

impl Marks {
    /// Reads a page, or a piece of one.
    pub(super) fn of(html: &str) -> Self {
        let mut marks = Self::default();
        let mut emitter = DefaultEmitter::default();
        // What stands in a script is no page.
        emitter.naively_switch_states(true);
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(Token::StartTag(tag)) = token else {
                continue;
            };
            for (name, value) in &tag.attributes {
                let value = || String::from_utf8_lossy(value).into_owned();
                match (name.as_slice(), tag.name.as_slice()) {
                    (b"id", _) | (b"name", b"a") => {
                        marks.anchors.insert(value());
                    }
                    (b"href" | b"src", _) => marks.links.push(value()),
                    _ => {}
                }
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
        let site = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = site.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        problems(site.path()).unwrap()
    }

    #[test]
    fn links_to_what_the_site_has_are_no_problem() {
        let page = "<link href=x.css><script src='x.js?v=1'>'<a href=gone>'</script><h2 id=here>Here</h2>\
            <a href='#here'>1</a> <a href='sub/'>2</a> <a href='sub/index.html#a&amp;b'>3</a> <a href='#'>4</a>\
            <a href='https://example.com/gone'>5</a>";
        let files = [
            ("index.html", page),
            ("sub/index.html", "<p id='a&amp;b'><img src=\"../x.svg\">"),
            ("x.css", ""),
            ("x.js", ""),
            ("x.svg", ""),
        ];
        assert_eq!(problems_of(&files), [""; 0]);
    }

    #[test]
    fn a_dead_link_and_a_missing_anchor_are_found() {
        let page = "<a href=\"gone.html\">1</a><img src=gone.svg><a href='b.html#gone'>2</a><a href='../out.html'>3</a>\
            <a href='/b.html'>4</a>";
        let problems = problems_of(&[("a.html", page), ("b.html", "<p id=here>")]);
        assert_eq!(
            problems,
            [
                "the site's a.html: the link `gone.html` leads to a file that is not there",
                "the site's a.html: the link `gone.svg` leads to a file that is not there",
                "the site's a.html: the link `b.html#gone` leads to a place that is not there",
                "the site's a.html: the link `../out.html` leaves the site",
                "the site's a.html: the link `/b.html` begins at a root, which is another one in every place: write it relative",
            ]
        );
    }

    #[test]
    fn a_site_without_pages_is_refused() {
        let site = tempfile::tempdir().unwrap();
        let error = problems(site.path()).unwrap_err();
        assert!(error.to_string().contains("has no page"), "{error}");
    }
}
