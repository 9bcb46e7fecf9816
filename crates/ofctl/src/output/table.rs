//! Columns of text.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{exit::Failure, io::Io};

/// Rows below a head. A table may come in parts, as the pages of a list do: a later part keeps to the widths of the
/// earlier ones as far as its own cells let it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    widths: Vec<usize>,
    begun: bool,
}

impl Table {
    /// Writes the next rows, and the head before the first.
    ///
    /// # Errors
    ///
    /// [`Failure::Local`] if they can't be written.
    pub(crate) fn rows(
        &mut self,
        head: &[String],
        rows: &[Vec<String>],
        io: &mut Io,
    ) -> Result<(), Failure> {
        self.widths.resize(head.len(), 0);
        for row in std::iter::once(head).chain(rows.iter().map(Vec::as_slice)) {
            for (column, cell) in self.widths.iter_mut().zip(row) {
                *column = (*column).max(width(cell));
            }
        }
        if !self.begun {
            self.begun = true;
            io.line(&self.line(head))?;
        }
        for row in rows {
            io.line(&self.line(row))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String]) -> String {
        let cells: Vec<String> = cells
            .iter()
            .zip(&self.widths)
            .map(|(cell, width)| padded(cell, *width))
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

/// How many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// A text with spaces behind it.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text without the characters that would steer a terminal or turn the direction of what follows: what comes from a
/// vendor's record must not write over what a person reads.
pub(crate) fn clean(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|letter| match letter {
            letter if steers(letter) => '\u{fffd}',
            letter => letter,
        })
        .filter(|letter| letter.width() != Some(0) || !letter.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(padded("東京", 6), "東京  ");
        assert_eq!(padded("Zoë", 5), "Zoë  ");
        assert_eq!(padded("longer", 3), "longer");
    }

    #[test]
    fn what_would_steer_the_terminal_is_replaced() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\n\u{9b}c"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c"
        );
        assert_eq!(clean("user\u{202e}nimda"), "user\u{fffd}nimda");
        assert_eq!(clean("Zoë Müller 東京"), "Zoë Müller 東京");
    }
}
