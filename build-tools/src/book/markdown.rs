//! Links of the Markdown as a forge shows it: to files of the repository, and to their headings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{
    leave,
    site::Marks,
    target::{Target, resolve},
};

/// Folders that are not ours, or hold what no reader is shown.
const SKIPPED: [&str; 3] = ["target", "node_modules", "testdata"];

/// Every link that leads nowhere, with the page it stands on.
///
/// # Errors
/// Files that cannot be read.
pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files(root)? {
        let text = read(&path)?;
        let mut page = Page::of(&text);
        for included in leave::included(&path, &text)? {
            // The site shows these as a part of the page, so that its other pages may link to them.
            page.anchors.extend(Page::of(&read(&included)?).anchors);
        }
        pages.insert(path, page);
    }
    let mut problems = Vec::new();
    for (path, page) in &pages {
        let name = path.strip_prefix(root).unwrap_or(path).display();
        for (line, link) in &page.links {
            // A chapter that is not written yet.
            if link.is_empty() && path.ends_with("SUMMARY.md") {
                continue;
            }
            let found = resolve(path, link).and_then(|target| lead(&target, &pages));
            if let Err(problem) = found {
                problems.push(format!("{name}:{line}: the link `{link}` {problem}"));
            }
        }
    }
    Ok(problems)
}

fn lead(target: &Target, pages: &BTreeMap<PathBuf, Page>) -> Result<(), String> {
    match target {
        Target::Elsewhere => Ok(()),
        Target::File(path, _) if !path.exists() => Err("leads to a file that is not there".into()),
        Target::File(path, Some(anchor)) => match pages.get(path) {
            Some(page) if page.anchors.contains(anchor) => Ok(()),
            Some(_) => Err("leads to a heading that is not there".into()),
            None => Err("leads into a file that has no headings".into()),
        },
        Target::File(_, None) => Ok(()),
    }
}

/// All Markdown of the repository that people read, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || SKIPPED.contains(&name.as_ref()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.extend(files(&path)?);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A parser of what forges and mdBook both understand.
fn parser(text: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS;
    Parser::new_ext(text, options)
}

/// A link or an image in a text.
pub(super) struct Link {
    /// All of it.
    pub(super) range: Range<usize>,
    /// What it shows, as it is written.
    pub(super) shown: Range<usize>,
    /// Where it leads.
    pub(super) to: String,
}

/// The links and images of a text, in order; those inside of others are left out.
pub(super) fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::<Link>::new();
    let mut open = 0_usize;
    for (event, range) in parser(text).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            open += 1;
            if open == 1 {
                links.push(Link {
                    // Nothing is shown until something comes.
                    shown: range.end..range.start,
                    range,
                    to: dest_url.into_string(),
                });
            }
        } else if let Event::End(TagEnd::Link | TagEnd::Image) = event {
            open -= 1;
        } else if let (true, Some(link)) = (open > 0, links.last_mut()) {
            link.shown.start = link.shown.start.min(range.start);
            link.shown.end = link.shown.end.max(range.end);
        }
    }
    links
}

/// What a page has that links lead to and from.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    /// Each with its line.
    links: Vec<(usize, String)>,
}

impl Page {
    fn of(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        for (event, range) in parser(text).into_offset_iter() {
            let line = || text[..range.start].matches('\n').count() + 1;
            if let Event::Start(Tag::Heading { .. }) = event {
                heading = Some(String::new());
            } else if let Event::End(TagEnd::Heading(_)) = event {
                page.head(&heading.take().unwrap_or_default());
            } else if let Event::Text(words) | Event::Code(words) = event {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            } else if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) =
                event
            {
                page.links.push((line(), dest_url.into_string()));
            } else if let Event::Html(html) | Event::InlineHtml(html) = event {
                let Marks { anchors, links } = Marks::of(&html);
                page.anchors.extend(anchors);
                let links = links.into_iter().map(|link| (line(), link));
                page.links.extend(links);
            }
        }
        page
    }

    /// Adds the anchor of a heading, numbered if there is one like it.
    fn head(&mut self, heading: &str) {
        let anchor = slug(heading);
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|anchor| !self.anchors.contains(anchor));
        self.anchors.extend(free);
    }
}

/// The anchor that forges and mdBook give a heading.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository of these files, and what is wrong in it.
    fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        problems(root.path()).unwrap()
    }

    #[test]
    fn links_to_files_folders_and_headings_that_are_there_are_no_problem() {
        let readme = "# One\n\n## `a_b`: it's 2-fold!\n\n## Twice\n\n## Twice\n\n<a id=\"place\"></a>\n\n\
            [1](docs/a.md) [2](docs/) [3](#a_b-its-2-fold) [4](#twice-1) [5](#place) [6](https://example.com/x#y)\n\
            [7][ref] `[8](gone.md)`\n\n```\n[9](gone.md)\n```\n\n[ref]: docs/a.md#one\n";
        let files = [
            ("README.md", readme),
            ("docs/a.md", "# One\n"),
            ("docs/SUMMARY.md", "- [Later]()\n"),
        ];
        assert_eq!(problems_of(&files), [""; 0]);
    }

    #[test]
    fn a_dead_link_and_a_missing_anchor_are_found_with_their_lines() {
        let page = "# One\n\n[1](gone.md)\n\n[2](#two) ![3](gone.svg)\n<img src=\"gone.png\">\n\n| a |\n|---|\n| [4](b.md#one) |\n";
        let files = [
            ("docs/a.md", page),
            ("docs/b.md", "[5](../x.rs#one) [6]()"),
            ("x.rs", ""),
            ("target/c.md", "[7](gone.md)"),
        ];
        assert_eq!(
            problems_of(&files),
            [
                "docs/a.md:3: the link `gone.md` leads to a file that is not there",
                "docs/a.md:5: the link `#two` leads to a heading that is not there",
                "docs/a.md:5: the link `gone.svg` leads to a file that is not there",
                "docs/a.md:6: the link `gone.png` leads to a file that is not there",
                "docs/a.md:10: the link `b.md#one` leads to a heading that is not there",
                "docs/b.md:1: the link `../x.rs#one` leads into a file that has no headings",
                "docs/b.md:1: the link `` is empty",
            ]
        );
    }

    #[test]
    fn headings_that_a_page_includes_are_its_own() {
        let files = [
            ("docs/a.md", "{{#include ../x/README.md}}\n"),
            ("docs/b.md", "[1](a.md#deep)"),
            ("x/README.md", "# Deep\n"),
        ];
        assert_eq!(problems_of(&files), [""; 0]);
    }
}
