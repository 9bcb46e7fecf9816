//! The comments of a proto file, as Markdown that stands in a page.

use std::collections::BTreeMap;

use prost_reflect::FileDescriptor;

/// The place of `syntax` in a file, whose comment is that of the file.
const SYNTAX: [i32; 1] = [12];

/// Comments by the place of what they stand before.
pub(super) struct Comments(BTreeMap<Vec<i32>, String>);

impl Comments {
    pub(super) fn of(file: &FileDescriptor) -> Self {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let locations = info.into_iter().flat_map(|info| &info.location);
        let leading = locations.filter_map(|location| {
            let comment = location.leading_comments.as_ref()?;
            Some((location.path.clone(), unindented(comment)))
        });
        Self(leading.collect())
    }

    /// The comment as it is, with links where tables name reasons.
    pub(super) fn text(&self, path: &[i32]) -> String {
        let text = self.0.get(path).map_or("", String::as_str);
        let lines = text.lines().map(linked);
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }

    /// The comment of the file itself.
    pub(super) fn file(&self) -> String {
        self.text(&SYNTAX)
    }

    /// The comment in one line, fit for a table.
    pub(super) fn cell(&self, path: &[i32]) -> String {
        let text = self.0.get(path).map_or("", String::as_str);
        let words: Vec<_> = text.split_whitespace().collect();
        words.join(" ").replace('|', "\\|")
    }
}

/// Without the space that stands behind each `//`.
fn unindented(comment: &str) -> String {
    let lines = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// A line in which the reason, if it is a row of a table of refusals, links to the catalogue.
fn linked(line: &str) -> String {
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    match cells.as_slice() {
        ["", condition, code, reason, action, ""] if is_word(code) && is_word(reason) => format!(
            "| {condition} | {code} | [`{reason}`](../errors.md#{}) | {action} |",
            reason.to_lowercase()
        ),
        _ => line.replace("`common.proto`", "[`common.proto`](common.md)"),
    }
}

/// Whether this is spelt as codes and reasons are.
fn is_word(cell: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    !cell.is_empty() && cell.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_linked_in_the_rows_of_tables_of_refusals_alone() {
        let row = "| the id is malformed | INVALID_ARGUMENT | INVALID_FIELD | correct it |";
        assert_eq!(
            linked(row),
            "| the id is malformed | INVALID_ARGUMENT | [`INVALID_FIELD`](../errors.md#invalid_field) | correct it |"
        );
        for line in [
            "| condition | code | reason | what the caller does |",
            "|---|---|---|---|",
            "ends with LIST_CHANGED",
        ] {
            assert_eq!(linked(line), line);
        }
    }

    #[test]
    fn the_space_behind_the_slashes_goes_and_the_others_stay() {
        assert_eq!(unindented(" a\n\n   b \n"), "a\n\n  b");
    }
}
