//! The table of `--quirks`: columns for a terminal of 160, and a legend.

use std::iter;

use super::{Claim, Row, SWITCHES, Source, behaviours::BEHAVIOURS};

/// Widths of operation, behaviour, source, switch and default, with two blanks between.
const WIDTHS: [usize; 5] = [31, 48, 35, 24, 14];
const TITLES: [&str; 5] = ["OPERATION", "BEHAVIOUR", "SOURCE", "SWITCH", "DEFAULT"];

/// Every behaviour that may surprise, as lines of 160 columns at most: by operation in the vendor's order, then what
/// all operations share, then what the sources are and how a switch is set.
#[must_use]
pub fn table() -> String {
    let mut text = String::new();
    push_cells(&mut text, TITLES.map(|title| vec![title.to_owned()]));
    let mut group = None;
    for row in rows() {
        let first = row.operations.first();
        if group != Some(first) {
            text.push('\n');
            group = Some(first);
        }
        push_cells(&mut text, cells(row));
    }
    text.push_str("\nSources\n");
    for source in Source::ALL {
        text.push_str(&format!("  {source:<20} {}\n", source.meaning()));
    }
    text.push_str(
        "\nSwitches\n  A name is set with --quirk NAME=VALUE, as often as needed; a flag is set as such. The values stand \
         before the colons\n  in the column of the sources. The default is the answer of a sandbox that is told nothing.\n",
    );
    text
}

/// Behaviours and switches, those of one operation together; those of all operations last.
fn rows() -> Vec<&'static Row> {
    let mut rows: Vec<&Row> = BEHAVIOURS.iter().chain(SWITCHES).collect();
    // Stable, so the order within an operation stays.
    rows.sort_by_key(|row| (row.operations.is_empty(), row.operations.first()));
    rows
}

impl Row {
    /// The word that is in force when nothing is set.
    fn default(&self) -> Option<&'static str> {
        self.switch
            .and(self.claims.first())
            .map(|claim| claim.choice)
    }
}

fn cells(row: &Row) -> [Vec<String>; 5] {
    let [_, behaviour, source, _, _] = WIDTHS;
    let operations = if row.operations.is_empty() {
        vec!["all operations".to_owned()]
    } else {
        row.operations.iter().map(ToString::to_string).collect()
    };
    let claims = row
        .claims
        .iter()
        .flat_map(|claim| wrap(&claim.words(), source));
    [
        operations,
        wrap(row.behaviour.trim(), behaviour),
        claims.collect(),
        row.switch.map(str::to_owned).into_iter().collect(),
        row.default().map(str::to_owned).into_iter().collect(),
    ]
}

impl Claim {
    fn words(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        let sources = sources.join(", ");
        if self.choice.is_empty() {
            sources
        } else {
            format!("{}: {sources}", self.choice)
        }
    }
}

/// Lines of at most `width` letters, broken at blanks; all but the first begin with a blank.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn push_cells(text: &mut String, cells: [Vec<String>; 5]) {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for number in 0..height {
        let mut line = String::new();
        for (cell, width) in iter::zip(&cells, WIDTHS) {
            let words = cell.get(number).map_or("", String::as_str);
            line.push_str(&format!("{words:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    #[test]
    fn every_operation_has_rows_in_the_vendors_order_and_all_operations_come_last() {
        let rows = rows();
        for operation in Operation::all() {
            let own = rows.iter().any(|row| row.operations.contains(&operation));
            assert!(own, "{operation} has no row");
        }
        let firsts: Vec<_> = rows
            .iter()
            .map_while(|row| row.operations.first())
            .collect();
        assert!(firsts.is_sorted());
        assert!(
            firsts.len() < rows.len(),
            "rows of all operations are missing"
        );
    }

    #[test]
    fn no_row_lacks_a_source_or_says_nothing() {
        for row in rows() {
            assert!(!row.behaviour.trim().is_empty());
            assert!(!row.claims.is_empty(), "{}", row.behaviour);
            for claim in row.claims {
                assert!(!claim.sources.is_empty(), "{}", row.behaviour);
            }
        }
    }

    #[test]
    fn what_is_by_a_fault_rule_only_says_so() {
        let rows = rows();
        let by_fault = rows
            .iter()
            .filter(|row| row.behaviour.contains("only by a fault rule"));
        assert_eq!(by_fault.count(), 5);
    }

    #[test]
    fn the_table_fits_a_terminal_of_160_columns_and_keeps_to_its_own() {
        for line in table().lines() {
            assert!(line.chars().count() <= 160, "{line}");
        }
        for row in rows() {
            for (cell, width) in iter::zip(cells(row), WIDTHS) {
                for line in cell {
                    assert!(line.len() <= width, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_switch_is_named_with_its_choices_its_sources_and_its_default() {
        let table = table();
        let line = table
            .lines()
            .find(|line| line.contains(" lock-after "))
            .unwrap();
        assert!(line.starts_with("CreateToken "), "{line}");
        assert!(line.contains("fifth-failure: OpenAPI 1.42.0,"), "{line}");
        assert!(line.ends_with(" fifth-failure"), "{line}");
    }

    #[test]
    fn long_text_is_broken_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", " three"]);
        assert_eq!(wrap("immeasurable", 3), ["immeasurable"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
