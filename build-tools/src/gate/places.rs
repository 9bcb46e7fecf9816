//! Where in the text the things of a document stand, and which keys stand there twice.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser};

use super::{Problem, shown};
use crate::spec::escaped;

/// The lines of the things in a document.
#[derive(Default)]
pub(super) struct Places {
    lines: BTreeMap<String, usize>,
    /// Keys that an object has already. The reader of values does not see all of them: to it the number 200 and the text
    /// '200' are two keys, and in JSON they are one.
    pub(super) twice: Vec<Problem>,
}

/// A list or an object that has not ended.
enum Open {
    List {
        /// The pointer to it.
        place: String,
        next: usize,
    },
    Object {
        place: String,
        seen: BTreeMap<String, usize>,
        /// The key whose value comes next.
        key: Option<String>,
    },
}

impl Places {
    /// Reads the text as far as it is YAML.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events start no value and end none"
    )]
    pub(super) fn read(text: &str) -> Self {
        let mut places = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            let (line, column) = (span.start.line(), span.start.col() + 1);
            match event {
                Event::Scalar(word, ..) => match open.last_mut() {
                    Some(Open::Object { place, seen, key }) if key.is_none() => {
                        if let Some(first) = seen.insert(word.to_string(), line) {
                            places.twice.push(Problem::at(
                                format!("line {line}, column {column}"),
                                format!("{} is in line {first} already", shown(&word)),
                            ));
                        }
                        let here = format!("{place}/{}", escaped(&word));
                        places.lines.entry(here).or_insert(line);
                        *key = Some(word.into_owned());
                    }
                    _ => {
                        places.value(&mut open, line);
                    }
                },
                Event::Alias(..) => {
                    places.value(&mut open, line);
                }
                Event::SequenceStart(..) => {
                    let place = places.value(&mut open, line);
                    open.push(Open::List { place, next: 0 });
                }
                Event::MappingStart(..) => {
                    let place = places.value(&mut open, line);
                    open.push(Open::Object {
                        place,
                        seen: BTreeMap::new(),
                        key: None,
                    });
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                }
                // A second document is a problem of its own.
                Event::DocumentEnd => break,
                _ => {}
            }
        }
        places
    }

    /// Notes that a value starts, and answers the pointer to it.
    fn value(&mut self, open: &mut [Open], line: usize) -> String {
        match open.last_mut() {
            None => String::new(),
            Some(Open::List { place, next }) => {
                let here = format!("{place}/{next}");
                *next += 1;
                self.lines.insert(here.clone(), line);
                here
            }
            Some(Open::Object { place, key, .. }) => {
                // A list or an object as a key is refused by the reader of values.
                let key = key.take().unwrap_or_default();
                format!("{place}/{}", escaped(&key))
            }
        }
    }

    /// The line of what a pointer points at, or of the nearest thing around it.
    pub(super) fn line(&self, pointer: &str) -> Option<usize> {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return Some(*line);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }
}
