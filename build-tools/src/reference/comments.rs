//! The comments of a proto file, as Markdown that stands in a page.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FileDescriptor};

use super::stem;
use crate::rpc;

/// The place of `syntax` in a file, whose comment is that of the file.
const SYNTAX: [i32; 1] = [12];

/// The words that lead somewhere, wherever a comment has them: services, methods and the reasons of refusals.
pub(super) struct Words(BTreeMap<String, String>);

impl Words {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let mut words = BTreeMap::new();
        let ours = pool
            .files()
            .filter(|file| file.package_name() == rpc::PACKAGE);
        for file in ours {
            let page = stem(&file);
            for service in file.services() {
                words.insert(service.name().to_owned(), format!("{page}.md"));
                for method in service.methods() {
                    let place = format!("{page}.md#{}", method.name().to_lowercase());
                    words.insert(method.name().to_owned(), place);
                }
            }
            for reason in comments(&file).values().flat_map(|text| reasons(text)) {
                words.insert(
                    reason.to_owned(),
                    format!("../errors.md#{}", reason.to_lowercase()),
                );
            }
        }
        Self(words)
    }

    /// A line with a link for each word that leads somewhere, but for what is code in it already.
    fn link(&self, line: &str) -> String {
        let parts = line.split('`').enumerate().map(|(index, part)| {
            if index % 2 == 1 {
                return part.to_owned();
            }
            let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let words = part.split_inclusive(|letter| !is_word(letter));
            let words = words.map(|word| {
                let end = word.find(|letter| !is_word(letter)).unwrap_or(word.len());
                let (word, rest) = word.split_at(end);
                match self.0.get(word) {
                    Some(place) => format!("[`{word}`]({place}){rest}"),
                    None => format!("{word}{rest}"),
                }
            });
            words.collect()
        });
        let linked = parts.collect::<Vec<String>>().join("`");
        linked.replace("`common.proto`", "[`common.proto`](common.md)")
    }
}

/// Comments by the place of what they stand before.
pub(super) struct Comments<'a> {
    texts: BTreeMap<Vec<i32>, String>,
    words: &'a Words,
}

impl<'a> Comments<'a> {
    pub(super) fn of(file: &FileDescriptor, words: &'a Words) -> Self {
        Self {
            texts: comments(file),
            words,
        }
    }

    /// The comment, with links.
    pub(super) fn text(&self, path: &[i32]) -> String {
        let text = self.texts.get(path).map_or("", String::as_str);
        let lines = text.lines().map(|line| self.words.link(line));
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }

    /// The comment of the file itself.
    pub(super) fn file(&self) -> String {
        self.text(&SYNTAX)
    }

    /// The comment in one line, fit for a table.
    pub(super) fn cell(&self, path: &[i32]) -> String {
        let text = self.texts.get(path).map_or("", String::as_str);
        let words: Vec<_> = text.split_whitespace().collect();
        self.words.link(&words.join(" ").replace('|', "\\|"))
    }
}

fn comments(file: &FileDescriptor) -> BTreeMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.into_iter().flat_map(|info| &info.location);
    let leading = locations.filter_map(|location| {
        let comment = location.leading_comments.as_ref()?;
        Some((location.path.clone(), unindented(comment)))
    });
    leading.collect()
}

/// Without the space that stands behind each `//`.
fn unindented(comment: &str) -> String {
    let lines = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// The reasons in the tables of refusals of a comment.
fn reasons(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", _, code, reason, _, ""] if is_spelt(code) && is_spelt(reason) => Some(*reason),
            _ => None,
        }
    })
}

/// Whether this is spelt as codes and reasons are.
fn is_spelt(cell: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    !cell.is_empty() && cell.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_links_but_for_what_is_code() {
        let word = |word: &str, place: &str| (word.to_owned(), place.to_owned());
        let words = Words(BTreeMap::from([
            word("GetThing", "thing.md#getthing"),
            word("THING_GONE", "../errors.md#thing_gone"),
        ]));
        assert_eq!(
            words.link("| as in GetThing, | NOT_FOUND | THING_GONE | see `GetThing` |"),
            "| as in [`GetThing`](thing.md#getthing), | NOT_FOUND | [`THING_GONE`](../errors.md#thing_gone) | see `GetThing` |"
        );
        for line in [
            "BatchGetThing",
            "GetThings and GetThing_",
            "`common.prot",
            "",
        ] {
            assert_eq!(words.link(line), line);
        }
    }

    #[test]
    fn reasons_are_those_of_the_rows_of_tables_of_refusals() {
        let text = "Ends with A_B.\n\n| condition | code | reason | what the caller does |\n|---|---|---|---|\n\
            | the id is malformed | INVALID_ARGUMENT | INVALID_FIELD | correct it |\n| a | b |\n";
        assert_eq!(reasons(text).collect::<Vec<_>>(), ["INVALID_FIELD"]);
    }

    #[test]
    fn the_space_behind_the_slashes_goes_and_the_others_stay() {
        assert_eq!(unindented(" a\n\n   b \n"), "a\n\n  b");
    }
}
