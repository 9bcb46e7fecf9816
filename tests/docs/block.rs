//! Takes the fenced blocks out of a page, with what the page includes in its place, as mdBook does it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::ROOT;

/// A fenced block of a page.
#[derive(Debug)]
pub(crate) struct Block {
    /// The first word behind the fence, such as `sh`.
    pub(crate) kind: String,
    /// What is inside.
    pub(crate) text: String,
    /// The file that it begins in, as a path below the root.
    pub(crate) file: PathBuf,
    /// The line of that file.
    pub(crate) line: usize,
    /// Only blank lines are between this block and the one before.
    pub(crate) follows: bool,
    /// All of it comes from another file.
    pub(crate) included: bool,
}

impl Block {
    /// Where it begins, for people.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// A line with where it comes from.
struct Line {
    text: String,
    file: PathBuf,
    number: usize,
}

/// The blocks of the page at this path below the root, in order.
pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    let mut follows = false;
    for line in lines(page, None) {
        let trimmed = line.text.trim_start();
        let indent = line.text.len() - trimmed.len();
        let fence = trimmed.strip_prefix("```").map(str::trim);
        match (open.as_mut(), fence) {
            (None, Some(info)) => {
                let kind = info.split([' ', ',']).next().unwrap_or_default().to_owned();
                let block = Block {
                    kind,
                    text: String::new(),
                    file: line.file,
                    line: line.number,
                    follows,
                    included: true,
                };
                // Where the fence stands tells what is the page's own.
                open = Some((block, indent));
            }
            (Some(_), Some("")) => {
                blocks.extend(open.take().map(|(block, _)| block));
                follows = true;
            }
            (Some((block, indent)), _) => {
                block.included &= block.file != line.file;
                let text = line.text.get(*indent..).unwrap_or(trimmed);
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, None) => follows &= trimmed.is_empty(),
        }
    }
    assert!(open.is_none(), "a block of {} has no end", page.display());
    blocks
}

/// The lines of a file, or of the part of it that an include names, with those of the files that it includes.
fn lines(file: &Path, part: Option<&str>) -> Vec<Line> {
    let read = fs::read_to_string(Path::new(ROOT).join(file));
    let text = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let numbered = text.lines().enumerate().map(|(index, text)| Line {
        text: text.to_owned(),
        file: file.to_owned(),
        number: index + 1,
    });
    let mut found = Vec::new();
    for line in taken(numbered.collect(), file, part) {
        let target = line.text.trim().strip_prefix("{{#include ");
        let Some(target) = target.and_then(|rest| rest.strip_suffix("}}")) else {
            found.push(line);
            continue;
        };
        let (name, part) = match target.trim().split_once(':') {
            Some((name, part)) => (name, Some(part)),
            None => (target.trim(), None),
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        found.extend(lines(&plain(&folder.join(name)), part));
    }
    found
}

/// Of a file's lines those of the part: an anchor, or the numbers of the first and last line.
fn taken(lines: Vec<Line>, file: &Path, part: Option<&str>) -> Vec<Line> {
    let Some(part) = part else { return lines };
    let marks = |line: &Line, word: &str| {
        let mark = format!("{word}: {part}");
        // In Markdown it stands in a comment.
        let text = line.text.trim_end().trim_end_matches("-->");
        text.trim_end().ends_with(&mark)
    };
    if let Some(start) = lines.iter().position(|line| marks(line, "ANCHOR")) {
        let inside = lines.into_iter().skip(start + 1);
        let mut inside: Vec<_> = inside.collect();
        let end = inside.iter().position(|line| marks(line, "ANCHOR_END"));
        inside.truncate(end.unwrap_or_else(|| panic!("{}: {part} has no end", file.display())));
        inside
            .retain(|line| !line.text.contains("ANCHOR: ") && !line.text.contains("ANCHOR_END: "));
        return inside;
    }
    let (first, last) = part.split_once(':').unwrap_or((part, part));
    let number = |text: &str, empty: usize| match text {
        "" => empty,
        text => text
            .parse()
            .unwrap_or_else(|_| panic!("{} has no anchor {part}", file.display())),
    };
    let range = number(first, 1)..=number(last, usize::MAX);
    let mut lines = lines;
    lines.retain(|line| range.contains(&line.number));
    lines
}

/// The path without `..`, so that it reads as one below the root.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part.as_os_str() == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}
