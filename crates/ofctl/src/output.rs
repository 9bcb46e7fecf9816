//! How records are shown: as tables for people, as JSON for scripts, and with personal data masked unless asked for.

pub(crate) mod json;
pub(crate) mod table;

use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};

use crate::{
    exit::Failure,
    io::Io,
    schema::{self, Class},
};

/// What is shown of personal data. It is the same for all of it, so it does not even tell how long the value is.
pub(crate) const MASK: &str = "***";

/// The form of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For scripts: the JSON of Protocol Buffers, a line for each record of a list.
    Json,
}

/// How records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// In which form.
    pub(crate) format: Format,
    /// Whether personal data is shown as it is, and not masked.
    pub(crate) reveal: bool,
    /// Whether something was masked so far.
    pub(crate) masked: bool,
}

/// The flags of the output, which every command takes.
pub(crate) fn flags() -> [Arg; 2] {
    let heading = "Output";
    [
        Arg::new("output")
            .long("output")
            .short('o')
            .value_name("FORM")
            .value_parser(PossibleValuesParser::new(["table", "json"]))
            .default_value("table")
            .help("How records are shown")
            .global(true)
            .help_heading(heading),
        Arg::new("reveal")
            .long("reveal")
            .action(ArgAction::SetTrue)
            .help("Show personal data as it is, as far as the caller may see it; without this it is masked")
            .global(true)
            .help_heading(heading),
    ]
}

impl Output {
    /// As the flags say.
    pub(crate) fn of(flags: &ArgMatches) -> Self {
        let json = flags
            .get_one::<String>("output")
            .is_some_and(|form| form == "json");
        Self {
            format: if json { Format::Json } else { Format::Table },
            reveal: flags.get_flag("reveal"),
            masked: false,
        }
    }

    /// Whether the value of this field is to be masked; remembers that something was.
    pub(crate) fn hides(&mut self, field: &FieldDescriptor) -> bool {
        let hides = !self.reveal && schema::class(field) != Class::Internal;
        self.masked |= hides;
        hides
    }

    /// Shows one record.
    ///
    /// # Errors
    ///
    /// [`Failure::Local`] if it can't be written.
    pub(crate) fn record(
        &mut self,
        record: &DynamicMessage,
        more: &[(String, String)],
        io: &mut Io,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => io.line(&json::line(record, self)?),
            Format::Table => {
                let mut lines = Vec::new();
                self.lines("", record, &mut lines);
                lines.extend(more.iter().cloned());
                let width = lines.iter().map(|(name, _)| table::width(name)).max();
                for (name, value) in &lines {
                    let name = table::padded(name, width.unwrap_or_default());
                    io.line(&format!("{name}  {value}"))?;
                }
                Ok(())
            }
        }
    }

    /// The fields that a record has, each with its path and its value as people read it.
    fn lines(&mut self, prefix: &str, record: &DynamicMessage, lines: &mut Vec<(String, String)>) {
        for field in record.descriptor().fields() {
            if !record.has_field(&field) {
                continue;
            }
            let path = format!("{prefix}{}", field.name());
            let value = record.get_field(&field);
            if self.hides(&field) {
                lines.push((path, MASK.to_owned()));
                continue;
            }
            match (&*value, field.kind()) {
                (Value::Message(inner), Kind::Message(kind)) if !is_simple(kind.full_name()) => {
                    self.lines(&format!("{path}."), inner, lines);
                }
                (Value::List(values), Kind::Message(_)) => {
                    for (index, value) in values.iter().enumerate() {
                        if let Value::Message(inner) = value {
                            self.lines(&format!("{path}[{index}]."), inner, lines);
                        }
                    }
                }
                (value, _) => lines.push((path, text(&field, value))),
            }
        }
    }

    /// The value of a field as a cell of a table: on one line, and without characters that steer a terminal.
    pub(crate) fn column(&mut self, record: &DynamicMessage, name: &str) -> String {
        match record.descriptor().get_field_by_name(name) {
            Some(field) if record.has_field(&field) => {
                if self.hides(&field) {
                    MASK.to_owned()
                } else {
                    text(&field, &record.get_field(&field))
                }
            }
            Some(field) if field.kind() == Kind::Bool => "false".to_owned(),
            Some(_) | None => String::new(),
        }
    }

    /// Tells once, beside the records, that something was masked.
    pub(crate) fn note(&self, io: &mut Io) {
        if self.masked {
            io.note(
                "note: personal data is masked; --reveal shows it to whom the gateway lets see it",
            );
        }
    }
}

/// Whether a message is shown as one value.
fn is_simple(message: &str) -> bool {
    matches!(message, "google.protobuf.Timestamp" | "openfinance.v1.Date")
}

/// A value in words.
fn text(field: &FieldDescriptor, value: &Value) -> String {
    match (value, field.kind()) {
        (Value::String(text), _) => table::clean(text),
        (Value::EnumNumber(number), Kind::Enum(kind)) => match kind.get_value(*number) {
            Some(value) => schema::word(&kind, value.name()),
            None => number.to_string(),
        },
        (Value::Bool(truth), _) => truth.to_string(),
        (Value::I32(number), _) => number.to_string(),
        (Value::I64(number), _) => number.to_string(),
        (Value::List(values), _) => {
            let words: Vec<String> = values.iter().map(|value| text(field, value)).collect();
            words.join(", ")
        }
        (Value::Message(message), Kind::Message(kind)) => {
            let part = |name: &str| {
                let part = message.get_field_by_name(name);
                part.and_then(|part| part.as_i64().or_else(|| part.as_i32().map(i64::from)))
                    .unwrap_or_default()
            };
            if schema::is_date(&kind) {
                return format!(
                    "{:04}-{:02}-{:02}",
                    part("year"),
                    part("month"),
                    part("day")
                );
            }
            match jiff::Timestamp::from_second(part("seconds")) {
                Ok(time) => time.to_string(),
                Err(_) => format!("{} s", part("seconds")),
            }
        }
        _ => String::new(),
    }
}
