//! From bytes to a value: what is wrong with a document before it means anything.

use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Error, Options};

use super::{Kind, Problem, places::Places, shown};

/// What could be read of a document.
pub(super) struct Read {
    /// The document, if the text makes sense as far as its end.
    pub(super) document: Option<Value>,
    /// Where in the text everything stands.
    pub(super) places: Places,
    /// What is wrong with the text.
    pub(super) kinds: Vec<Kind>,
}

/// Reads a document. Characters that YAML does not have and keys that are there twice do not keep the rest from being
/// judged.
pub(super) fn read(bytes: &[u8]) -> Read {
    let (text, characters) = decode(bytes);
    let mut places = Places::read(&text);
    let twice = std::mem::take(&mut places.twice);
    let (document, syntax) = value(&text, !twice.is_empty());
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
        Kind {
            title: "keys that are there twice",
            cure: "which of the two is meant is for the vendor to say; wait for a corrected document",
            problems: twice,
        },
    ];
    Read {
        document,
        places,
        kinds,
    }
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

/// How YAML is read: a word is what it looks like to YAML 1.2. By the older rules, which this reader has too, `no` would be
/// a truth value, and `0123` and `1_000` numbers; a list of states or codes would be read as something else, silently.
pub(crate) fn yaml() -> Options {
    let mut options = Options::default();
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options
}

/// What the text says. With `twice` it has keys twice, which has been told already.
fn value(text: &str, twice: bool) -> (Option<Value>, Vec<Problem>) {
    let mut options = yaml();
    if twice {
        options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    }
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(value) => (Some(value), Vec::new()),
        Err(error) => (None, vec![told(&error)]),
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
