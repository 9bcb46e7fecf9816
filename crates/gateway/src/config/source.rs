//! Where settings come from: the file and the environment, put one above the other.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{Key, Problem, key::Table};

/// Where a setting was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On a line of the settings file.
    File {
        /// The file, as it was named.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// In an environment variable.
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A setting as it was written. Its text may be a secret, so there is no `Debug`.
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) source: Source,
    /// Whether `text` names a file that holds the value.
    pub(super) in_file: bool,
}

/// One table of a list, such as one `[[policy]]`. Its texts may be secrets, so there is no `Debug`.
pub(super) struct Row {
    /// Its name in what is told, such as `policy[0]`.
    name: String,
    pub(super) source: Source,
    pub(super) fields: BTreeMap<&'static str, (Words, Source)>,
    /// Whether something in it can't be used: then it lacks nothing for certain.
    pub(super) is_wrong: bool,
}

impl Row {
    /// The name of one of its fields in what is told, such as `policy[0].roles`.
    pub(super) fn field(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }
}

/// What a field of a table holds.
pub(super) enum Words {
    One(String),
    Many(Vec<String>),
}

/// The settings that were given, each once.
#[derive(Default)]
pub(super) struct Entries {
    by_name: BTreeMap<&'static str, Entry>,
    rows: BTreeMap<&'static str, Vec<Row>>,
    pub(super) problems: Vec<Problem>,
    /// Whether the file can't be read, or not all of it, so that nobody knows what it sets.
    pub(super) file_is_lost: bool,
}

impl Entries {
    pub(super) fn take(&mut self, name: &'static str) -> Option<Entry> {
        self.by_name.remove(name)
    }

    /// The tables of the list `name`, in the order of the file.
    pub(super) fn take_rows(&mut self, name: &str) -> Vec<Row> {
        self.rows.remove(name).unwrap_or_default()
    }

    pub(super) fn source(&self, name: &str) -> Option<Source> {
        self.by_name.get(name).map(|entry| entry.source.clone())
    }

    /// The file that holds the value of `name`, if it was given as one.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let entry = self.by_name.get(name).filter(|entry| entry.in_file)?;
        Some(PathBuf::from(&entry.text))
    }

    /// Adds what the TOML file at `path` says.
    pub(super) fn read_file(&mut self, path: &Path) {
        match fs::read_to_string(path) {
            Ok(text) => self.add_file(path, &text),
            Err(error) => {
                let path = path.display();
                self.lose_file(
                    None,
                    format!("the settings file {path} can't be read: {error}"),
                );
            }
        }
    }

    fn add_file(&mut self, path: &Path, text: &str) {
        let file = File {
            path: path.display().to_string(),
            text,
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        let before = self.problems.len();
        self.add_table(&file, "", table.get_ref());
        if !errors.is_empty() {
            // What a parser makes of a broken file is not always what was meant, and not to be complained about.
            self.problems.truncate(before);
        }
        for error in errors {
            // The error's `Display` quotes the line, which may hold a secret; its message does not.
            let source = file.source(error.span().map_or(0, |span| span.start));
            self.lose_file(Some(source), error.message().replace('\n', ", "));
        }
    }

    /// Leaves out what could be made of a file that can't be read whole.
    pub(super) fn forget_lost_file(&mut self) {
        let lost = self.file_is_lost;
        self.by_name
            .retain(|_, entry| !lost || matches!(entry.source, Source::Variable(_)));
        self.rows.retain(|_, _| !lost);
    }

    fn lose_file(&mut self, source: Option<Source>, message: String) {
        self.file_is_lost = true;
        self.problems.push(Problem {
            key: String::new(),
            source,
            message,
        });
    }

    /// Whether the setting `name` was given, and so that it can't be used: then it is not missing.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.problems.iter().any(|problem| {
            // A section that is none takes all its settings along.
            let rest = name.strip_prefix(problem.setting());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Whether anything under `section` can't be used.
    pub(super) fn is_wrong_below(&self, section: &str) -> bool {
        self.problems.iter().any(|problem| {
            let rest = problem.setting().strip_prefix(section);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    fn add_table(&mut self, file: &File<'_>, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if above.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{above}.{}", key.get_ref())
            };
            let source = file.source(key.span().start);
            let is_section = Key::ALL
                .iter()
                .any(|known| known.name.starts_with(&format!("{name}.")));
            if let Some(table) = Table::find(&name) {
                self.add_rows(file, table, value.get_ref(), source);
                continue;
            }
            match value.get_ref() {
                DeValue::Table(inner) if is_section => self.add_table(file, &name, inner),
                DeValue::String(text) => self.add(&name, text.to_string(), source, Layer::File),
                list @ DeValue::Array(_) if Key::find(&name).is_some_and(|(key, _)| key.list) => {
                    match words(list) {
                        Some(Words::Many(words)) => {
                            self.add(&name, words.join(","), source, Layer::File);
                        }
                        Some(Words::One(_)) | None => self.problems.push(Problem {
                            key: name,
                            source: Some(source),
                            message: "must be a list of strings in quotes".to_owned(),
                        }),
                    }
                }
                DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => {
                    let message = match Key::find(&name) {
                        Some(_) => "must be a string in quotes".to_owned(),
                        None if is_section => {
                            "is a section: write its settings below it".to_owned()
                        }
                        None => unknown(&name),
                    };
                    self.problems.push(Problem {
                        key: name,
                        source: Some(source),
                        message,
                    });
                }
            }
        }
    }

    fn add_rows(&mut self, file: &File<'_>, table: &'static Table, list: &DeValue<'_>, at: Source) {
        let Table { name, fields } = table;
        let rows: Vec<_> = list
            .as_array()
            .map(|rows| rows.iter().collect())
            .unwrap_or_default();
        let tables: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row.get_ref().as_table()?, row.span())))
            .collect();
        if tables.is_empty() || tables.len() < rows.len() {
            self.problems.push(Problem {
                key: (*name).to_owned(),
                source: Some(at),
                message: format!("is a list of tables: write [[{name}]] above each"),
            });
            return;
        }
        for (index, (given, span)) in tables.into_iter().enumerate() {
            let mut row = Row {
                name: format!("{name}[{index}]"),
                source: file.source(span.start),
                fields: BTreeMap::new(),
                is_wrong: false,
            };
            for (key, value) in given {
                let source = file.source(key.span().start);
                let known = fields
                    .iter()
                    .find(|field| **field == key.get_ref().as_ref());
                let refused = match (known, words(value.get_ref())) {
                    (Some(field), Some(words)) => {
                        row.fields.insert(field, (words, source));
                        continue;
                    }
                    (Some(_), None) => "must be a string in quotes, or a list of them",
                    (None, _) => "there is no such setting",
                };
                row.is_wrong |= known.is_some();
                self.problems.push(Problem {
                    key: row.field(key.get_ref()),
                    source: Some(source),
                    message: refused.to_owned(),
                });
            }
            self.rows.entry(name).or_default().push(row);
        }
    }

    /// Drops what is wrong with the setting `name`, and says whether there was anything.
    pub(super) fn forgive(&mut self, name: &str) -> bool {
        let before = self.problems.len();
        self.problems.retain(|problem| problem.setting() != name);
        self.problems.len() < before
    }

    /// Adds the variables with our prefix.
    pub(super) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) {
        for (variable, text) in variables {
            if let Some(name) = Key::from_variable(&variable) {
                self.add(&name, text, Source::Variable(variable), Layer::Environment);
            }
        }
    }

    fn add(&mut self, name: &str, text: String, source: Source, layer: Layer) {
        let Some((key, in_file)) = Key::find(name) else {
            self.problems.push(Problem {
                key: name.to_owned(),
                source: Some(source),
                message: unknown(name),
            });
            return;
        };
        match self.by_name.get(key.name) {
            // A secret and the file that holds it contradict each other, wherever they were written.
            Some(given) if given.in_file != in_file => {
                let twin = if in_file { "" } else { "_file" };
                let message = format!(
                    "{}{twin} is given too ({}): give one of them",
                    key.name, given.source
                );
                self.problems.push(Problem {
                    key: name.to_owned(),
                    source: Some(source),
                    message,
                });
            }
            Some(_) if layer == Layer::File => {}
            Some(_) | None => {
                self.by_name.insert(
                    key.name,
                    Entry {
                        text,
                        source,
                        in_file,
                    },
                );
            }
        }
    }
}

/// A text, or a list of them.
fn words(value: &DeValue<'_>) -> Option<Words> {
    if let Some(text) = value.as_str() {
        return Some(Words::One(text.to_owned()));
    }
    let list = value.as_array()?.iter();
    let texts = list.map(|text| text.get_ref().as_str().map(str::to_owned));
    texts.collect::<Option<_>>().map(Words::Many)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    File,
    Environment,
}

struct File<'a> {
    path: String,
    text: &'a str,
}

impl File<'_> {
    fn source(&self, offset: usize) -> Source {
        let before = self.text.as_bytes().iter().take(offset);
        Source::File {
            path: self.path.clone(),
            line: 1 + before.filter(|byte| **byte == b'\n').count(),
        }
    }
}

fn unknown(name: &str) -> String {
    if let Some(table) = Table::find(name) {
        return format!("only the settings file can hold [[{}]]", table.name);
    }
    let nearest = Key::ALL.iter().map(|key| key.name).find(|known| {
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().replace('_', "");
        last(known) == last(name)
    });
    match nearest {
        Some(known) => format!("there is no such setting; do you mean {known}?"),
        None => "there is no such setting".to_owned(),
    }
}
