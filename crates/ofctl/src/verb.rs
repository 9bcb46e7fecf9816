//! What a command is: the method that it calls, and the flags that its request is made of.
//!
//! The fields of a request become flags, and their classes decide how: what is restricted (social security numbers, tax
//! ids, secrets) is never a flag's value, since it would stand in the list of processes and in the shell's history. It
//! comes from a file, from standard input, or is asked for.

use std::{fs::File, io::Read};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage as _, Value,
};

use crate::{
    exit::Failure,
    io::Io,
    output::json,
    schema::{self, Class},
};

/// A command.
pub(crate) struct Verb {
    /// Its word.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// The method that it calls, such as `CustomerService/GetCustomer`.
    pub(crate) method: &'static str,
    /// The flags that its request is made of.
    pub(crate) fields: &'static [Field],
    /// The message of the request that may come from a file: the path of a field, or the whole.
    pub(crate) file: Option<Source>,
    /// Whether single fields can be cleared.
    pub(crate) clears: bool,
    /// What a person is asked before it is done.
    pub(crate) confirm: Option<&'static str>,
    /// How it is run and shown.
    pub(crate) run: Run,
    /// Examples for its help.
    pub(crate) examples: &'static str,
}

/// A message of the request that may come from a file.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// The field at this path, by the flag `--from`.
    Field(&'static str),
    /// The whole request, by the argument FILE.
    Whole,
}

/// How a command is run and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// One call, and its answer as one record.
    One,
    /// One call, and the messages in this field as rows of these columns.
    Rows(&'static str, &'static [&'static str]),
    /// Pages of customers.
    Customers,
    /// One authorization period.
    Authorization,
    /// Any number of authorization periods.
    Authorizations,
}

/// What most commands have in common.
pub(crate) const VERB: Verb = Verb {
    name: "",
    about: "",
    method: "",
    fields: &[],
    file: None,
    clears: false,
    confirm: None,
    run: Run::One,
    examples: "",
};

/// A field of a request, and its flag or argument.
pub(crate) struct Field {
    /// Where it is in the request.
    pub(crate) path: &'static str,
    /// The name of its flag, without hyphens; of an argument, its name in capitals.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) help: &'static str,
}

/// A field and its flag, or its argument if `name` is in capitals.
pub(crate) const fn field(path: &'static str, name: &'static str, help: &'static str) -> Field {
    Field { path, name, help }
}

/// The request of a command.
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: MethodDescriptor,
    /// What is sent.
    pub(crate) request: DynamicMessage,
}

impl Field {
    fn is_argument(&self) -> bool {
        self.name
            .starts_with(|first: char| first.is_ascii_uppercase())
    }

    /// How a person knows it.
    pub(crate) fn shown(&self, field: &FieldDescriptor) -> String {
        match (self.is_argument(), schema::class(field)) {
            (true, _) => self.name.to_owned(),
            (false, Class::Restricted) => format!("--{}-file", self.name),
            (false, _) => format!("--{}", self.name),
        }
    }

    fn arg(&self, field: &FieldDescriptor) -> Arg {
        let arg = Arg::new(self.path).help(self.help);
        if self.is_argument() {
            let many = field.is_list();
            return arg
                .value_name(self.name)
                .required(true)
                .action(if many {
                    ArgAction::Append
                } else {
                    ArgAction::Set
                })
                .num_args(if many { 1..=usize::MAX } else { 1..=1 });
        }
        if schema::class(field) == Class::Restricted {
            let help = format!(
                "{}: the file that it is in, or - for standard input; on a terminal it is asked for",
                self.help
            );
            return arg
                .long(format!("{}-file", self.name))
                .value_name("FILE")
                .help(help);
        }
        let arg = arg.long(self.name);
        let kind = field.kind();
        if kind == Kind::Bool && !field.supports_presence() {
            arg.action(ArgAction::SetTrue)
        } else if kind == Kind::Bool {
            arg.value_parser(PossibleValuesParser::new(["true", "false"]))
        } else if let Some(words) = kind.as_enum().map(schema::words) {
            arg.value_name("WORD")
                .value_parser(PossibleValuesParser::new(words))
        } else if kind.as_message().is_some() {
            arg.value_name("YYYY-MM-DD")
        } else if matches!(kind, Kind::Int32 | Kind::Int64) {
            arg.value_name("NUMBER")
        } else {
            arg.value_name("TEXT")
        }
    }
}

impl Verb {
    /// Its method; a test sees to it that every command has one.
    pub(crate) fn descriptor(&self) -> Option<MethodDescriptor> {
        schema::method(self.method)
    }

    /// What the parser of the command line knows of it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.name).about(self.about);
        if !self.examples.is_empty() {
            command = command.after_help(format!("Examples:\n{}", self.examples));
        }
        let Some(method) = self.descriptor() else {
            return command;
        };
        for field in self.fields {
            if let Some(descriptor) = schema::field(&method.input(), field.path) {
                command = command.arg(field.arg(&descriptor));
            }
        }
        match self.file {
            Some(Source::Field(record)) => {
                let help = format!(
                    "The {record} as JSON, in this file or - for standard input; flags win over it"
                );
                command = command.arg(Arg::new("from").long("from").value_name("FILE").help(help));
            }
            Some(Source::Whole) => {
                let help = "The request as JSON, in this file or - for standard input";
                command = command.arg(
                    Arg::new("from")
                        .value_name("FILE")
                        .required(true)
                        .help(help),
                );
            }
            None => {}
        }
        if self.clears {
            let help =
                "Empty this field, named by its flag without hyphens, such as url; may be repeated";
            command = command.arg(
                Arg::new("clear")
                    .long("clear")
                    .value_name("FIELD")
                    .action(ArgAction::Append)
                    .value_parser(PossibleValuesParser::new(
                        self.changed().map(|field| field.name).collect::<Vec<_>>(),
                    ))
                    .hide_possible_values(true)
                    .help(help),
            );
        }
        if self.confirm.is_some() {
            command = command.arg(
                Arg::new("yes")
                    .long("yes")
                    .short('y')
                    .action(ArgAction::SetTrue)
                    .help("Do not ask; needed where nobody can be asked"),
            );
        }
        command
    }

    /// The flags of the record itself, and not of the request around it.
    fn changed(&self) -> impl Iterator<Item = &'static Field> {
        let flags = self.fields.iter();
        flags.filter(|field| !field.is_argument() && field.path.contains('.'))
    }

    /// How a person knows the field at this path of the request: by the flag, where there is one.
    pub(crate) fn shown(&self, path: &str) -> String {
        let holds = |field: &&Field| {
            let rest = path.strip_prefix(field.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let found = self.fields.iter().find(holds).and_then(|field| {
            let input = self.descriptor()?.input();
            Some(field.shown(&schema::field(&input, field.path)?))
        });
        found.unwrap_or_else(|| path.to_owned())
    }

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
        for field in self.fields {
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
        let checked_only = request
            .get_field_by_name("validate_only")
            .is_some_and(|only| only.as_bool() == Some(true));
        let named = method.input().get_field_by_name("request_id").is_some();
        if named && !checked_only && !request.has_field_by_name("request_id") {
            let id = (io.new_id)().to_string();
            schema::set(&mut request, "request_id", Value::String(id)).map_err(Failure::Usage)?;
        }
        Ok(Asked { method, request })
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

/// What a file is called in words.
fn named(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

/// Opens a file, or standard input, which can be read once.
fn open<'a>(file: &str, taken: &mut bool, io: &'a mut Io) -> Result<Box<dyn Read + 'a>, Failure> {
    if file != "-" {
        let opened = File::open(file);
        let opened =
            opened.map_err(|error| Failure::Local(format!("cannot read {file}: {error}")))?;
        return Ok(Box::new(opened));
    }
    if std::mem::replace(taken, true) {
        return Err(Failure::Usage(
            "standard input can be read once only".to_owned(),
        ));
    }
    Ok(Box::new(&mut io.stdin))
}

fn from_file(
    file: &str,
    message: prost_reflect::MessageDescriptor,
    taken: &mut bool,
    io: &mut Io,
) -> Result<DynamicMessage, Failure> {
    json::read(named(file), open(file, taken, io)?, message)
}

/// Reads what must not be seen: the first line of a file or of standard input, or what a person types.
fn secret(flag: &str, file: &str, taken: &mut bool, io: &mut Io) -> Result<String, Failure> {
    let unreadable =
        |error| Failure::Local(format!("{flag}: cannot read {}: {error}", named(file)));
    if file == "-" && io.terminal.stdin {
        let question = format!(
            "{} (not shown): ",
            flag.trim_start_matches('-').trim_end_matches("-file")
        );
        return (io.ask_secret)(&question).map_err(unreadable);
    }
    let mut text = String::new();
    let source = open(file, taken, io)?;
    source
        .take(4096)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
