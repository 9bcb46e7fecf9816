//! From bytes to a value: what is wrong with a document before it means anything.

use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Error, Options};

use super::{Kind, Problem, shown};

/// The value in these bytes, as far as there is one, and what is wrong with them. Bytes and characters that YAML does not
/// have do not keep the rest from being judged.
pub(super) fn parse(bytes: &[u8]) -> (Option<Value>, Vec<Kind>) {
    let (text, characters) = decode(bytes);
    let (document, syntax) = value(&text);
    let kinds = vec![
        Kind {
            title: "unreadable characters",
            cure: "a download or a conversion went wrong; download the document again, or wait for the vendor to \
                   replace it",
            problems: characters,
        },
        Kind {
            title: "not YAML",
            cure: "the document is broken or was cut off; download it again, or wait for the vendor to replace it",
            problems: syntax,
        },
    ];
    (document, kinds)
}

/// The text of the bytes with a replacement for whatever is no text.
fn decode(bytes: &[u8]) -> (String, Vec<Problem>) {
    let mut text = String::with_capacity(bytes.len());
    let mut problems = Vec::new();
    let mut here = Here::default();
    let mut offset = 0;
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let first = text.is_empty();
            if allowed(letter, first) {
                text.push(letter);
            } else {
                problems.push(Problem::at(
                    here.to_string(),
                    format!("U+{:04X} is no character of YAML", u32::from(letter)),
                ));
                text.push(char::REPLACEMENT_CHARACTER);
            }
            here.pass(letter);
        }
        offset += chunk.valid().len();
        let invalid = chunk.invalid();
        if !invalid.is_empty() {
            let codes: Vec<String> = invalid.iter().map(|byte| format!("{byte:02X}")).collect();
            problems.push(Problem::at(
                here.to_string(),
                format!("byte {offset} ({}) is not UTF-8", codes.join(" ")),
            ));
            text.push(char::REPLACEMENT_CHARACTER);
            here.pass(char::REPLACEMENT_CHARACTER);
            offset += invalid.len();
        }
    }
    (text, problems)
}

/// The printable characters of YAML 1.2, and the mark that some programs write in front of UTF-8.
fn allowed(letter: char, first: bool) -> bool {
    match letter {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        '\u{FEFF}' => first,
        '\u{20}'..='\u{7E}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'.. => true,
        _ => false,
    }
}

/// A place in a text.
struct Here {
    line: usize,
    column: usize,
    /// Whether the line ended with a carriage return, which a line feed may follow.
    returned: bool,
}

impl Default for Here {
    fn default() -> Self {
        Self {
            line: 1,
            column: 1,
            returned: false,
        }
    }
}

impl Here {
    fn pass(&mut self, letter: char) {
        let returned = std::mem::replace(&mut self.returned, letter == '\r');
        if letter == '\n' && returned {
            return;
        }
        if matches!(letter, '\n' | '\r') {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }
}

impl std::fmt::Display for Here {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What the text says in YAML. A parser stops at the first problem, but a key that is there twice does not keep the rest
/// from being read.
fn value(text: &str) -> (Option<Value>, Vec<Problem>) {
    let first = match serde_saphyr::from_str::<Value>(text) {
        Ok(value) => return (Some(value), Vec::new()),
        Err(error) => error,
    };
    let twice = matches!(first.without_snippet(), Error::DuplicateMappingKey { .. });
    let mut problems = vec![told(&first)];
    if !twice {
        return (None, problems);
    }
    let mut lenient = Options::default();
    lenient.duplicate_keys = DuplicateKeyPolicy::LastWins;
    match serde_saphyr::from_str_with_options::<Value>(text, lenient) {
        Ok(value) => (Some(value), problems),
        Err(error) => {
            problems.push(told(&error));
            (None, problems)
        }
    }
}

fn told(error: &Error) -> Problem {
    let place = error.location().map_or_else(String::new, |place| {
        format!("line {}, column {}", place.line(), place.column())
    });
    let error = error.without_snippet();
    let what = if let Error::DuplicateMappingKey { key, .. } = error {
        let key = key.as_deref().unwrap_or("a key");
        format!("{} is there twice in one object", shown(key))
    } else if matches!(error, Error::MultipleDocuments { .. }) {
        "a second document starts".to_owned()
    } else {
        let said = error.to_string();
        // The place is told already.
        said.strip_suffix(&format!(" at {place}"))
            .unwrap_or(&said)
            .to_owned()
    };
    Problem::at(place, what)
}
