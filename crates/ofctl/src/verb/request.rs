//! The request of a command: made of flags, of files, and of what a person types.

use std::{fs::File, io::Read};

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};

use super::{Asked, Source, Verb};
use crate::{
    exit::Failure,
    io::Io,
    output::json,
    schema::{self, Class},
};

impl Verb {
    /// Makes the request of the flags, of files, and of what a person types.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where a value has not the form of its field, [`Failure::Local`] where a file can't be read.
    pub(crate) fn asked(&self, flags: &ArgMatches, io: &mut Io) -> Result<Asked, Failure> {
        let Some(method) = self.descriptor() else {
            return Err(Failure::Usage(format!(
                "there is no method {}",
                self.method
            )));
        };
        let mut request = DynamicMessage::new(method.input());
        let mut taken = false;
        if let Some(source) = self.file
            && let Some(file) = flags.get_one::<String>("from")
        {
            let wrong = |text: String| Failure::Usage(text);
            match source {
                Source::Whole => request = from_file(file, method.input(), &mut taken, io)?,
                Source::Field(path) => {
                    let kind = schema::field(&method.input(), path).map(|field| field.kind());
                    let Some(Kind::Message(record)) = kind else {
                        return Err(wrong(format!("there is no record {path}")));
                    };
                    let record = from_file(file, record, &mut taken, io)?;
                    schema::set(&mut request, path, Value::Message(record)).map_err(wrong)?;
                }
            }
        }
        for field in self.fields() {
            let Some(descriptor) = schema::field(&method.input(), field.path) else {
                continue;
            };
            let name = field.shown(&descriptor);
            let wrong = |text: String| Failure::Usage(format!("{name}: {text}"));
            let value = if descriptor.is_list() {
                let texts = flags.get_many::<String>(field.path).into_iter().flatten();
                let values = texts.map(|text| schema::value(&descriptor, text));
                let values: Vec<Value> = values.collect::<Result<_, _>>().map_err(wrong)?;
                Value::List(values)
            } else if matches!(descriptor.kind(), Kind::Bool) && !descriptor.supports_presence() {
                Value::Bool(flags.get_flag(field.path))
            } else {
                let Some(text) = flags.get_one::<String>(field.path) else {
                    continue;
                };
                if schema::class(&descriptor) == Class::Restricted {
                    Value::String(secret(&name, text, &mut taken, io)?)
                } else {
                    schema::value(&descriptor, text).map_err(wrong)?
                }
            };
            schema::set(&mut request, field.path, value).map_err(Failure::Usage)?;
        }
        self.mask(flags, &mut request)?;
        let named = method.input().get_field_by_name("request_id").is_some();
        let mut asked = Asked { method, request };
        if named && !asked.is_only_checked() && !asked.request.has_field_by_name("request_id") {
            let id = Value::String((io.new_id)().to_string());
            schema::set(&mut asked.request, "request_id", id).map_err(Failure::Usage)?;
        }
        Ok(asked)
    }

    /// Names the fields that are to be changed, where some are to be cleared: those can't be told from ones that are just
    /// not set.
    fn mask(&self, flags: &ArgMatches, request: &mut DynamicMessage) -> Result<(), Failure> {
        let Some(Source::Field(record)) = self.file.filter(|_| self.clears) else {
            return Ok(());
        };
        let Some(clear) = flags.get_many::<String>("clear") else {
            return Ok(());
        };
        let mut paths = Vec::new();
        if let Some(Value::Message(record)) = request.get_field_by_name(record).as_deref() {
            changes("", record, &mut paths);
        }
        for name in clear {
            let field = self.changed().find(|field| field.name == name);
            let path = field.and_then(|field| field.path.strip_prefix(record)?.strip_prefix('.'));
            let path = path.map(str::to_owned).unwrap_or_default();
            if paths.contains(&path) {
                return Err(Failure::Usage(format!(
                    "--clear {name}: the field is set, too"
                )));
            }
            paths.push(path);
        }
        let paths = paths.into_iter().map(Value::String).collect();
        schema::set(request, "update_mask.paths", Value::List(paths)).map_err(Failure::Usage)
    }
}

/// The paths of the fields of a record that are set and that a caller may change: ids and times it may not.
fn changes(prefix: &str, record: &DynamicMessage, paths: &mut Vec<String>) {
    for (field, value) in record.fields() {
        let path = format!("{prefix}{}", field.name());
        let inner = value.as_message();
        let inner = inner.filter(|inner| !schema::is_date(&inner.descriptor()));
        if let Some(inner) = inner {
            changes(&format!("{path}."), inner, paths);
        } else if schema::class(&field) != Class::Internal {
            paths.push(path);
        }
    }
}

/// Standard input, which can be read once.
fn standard_input<'a>(taken: &mut bool, io: &'a mut Io) -> Result<Box<dyn Read + 'a>, Failure> {
    if std::mem::replace(taken, true) {
        return Err(Failure::Usage(
            "standard input can be read once only".to_owned(),
        ));
    }
    Ok(Box::new(&mut io.stdin))
}

fn from_file(
    file: &str,
    message: MessageDescriptor,
    taken: &mut bool,
    io: &mut Io,
) -> Result<DynamicMessage, Failure> {
    if file == "-" {
        return json::read("standard input", standard_input(taken, io)?, message);
    }
    let opened = File::open(file);
    let opened = opened.map_err(|error| Failure::Local(format!("cannot read {file}: {error}")))?;
    json::read(file, opened, message)
}

/// Reads what must not be seen: the first line of a file or of standard input, or what a person types. Of a file that
/// can't be read not even the name is told: whoever takes the flag for that of the value itself has given the secret.
fn secret(flag: &str, file: &str, taken: &mut bool, io: &mut Io) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        let what = match file {
            "-" => "standard input",
            _ => "the file of that name",
        };
        Failure::Local(format!("{flag}: cannot read {what}: {error}"))
    };
    if file == "-" && io.terminal.stdin {
        let question = format!(
            "{} (not shown): ",
            flag.trim_start_matches('-').trim_end_matches("-file")
        );
        return (io.ask_secret)(&question).map_err(unreadable);
    }
    let source: Box<dyn Read + '_> = match file {
        "-" => standard_input(taken, io)?,
        file => Box::new(File::open(file).map_err(unreadable)?),
    };
    let mut text = String::new();
    source
        .take(4096)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
