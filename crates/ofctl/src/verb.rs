//! What a command is: the method that it calls, and the flags that its request is made of.
//!
//! The fields of a request become flags, and their classes decide how: what is restricted (social security numbers, tax
//! ids, secrets) is never a flag's value, since it would stand in the list of processes and in the shell's history. It
//! comes from a file, from standard input, or is asked for.

mod request;

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor};

use crate::schema::{self, Class};

/// A command.
pub(crate) struct Verb {
    /// Its word.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// The method that it calls, such as `CustomerService/GetCustomer`.
    pub(crate) method: &'static str,
    /// The flags of the record that it creates or changes.
    pub(crate) record: &'static [Field],
    /// The flags of the rest of its request.
    pub(crate) rest: &'static [Field],
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
    record: &[],
    rest: &[],
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

impl Asked {
    /// Whether the gateway is to check the request, and to do nothing.
    pub(crate) fn is_only_checked(&self) -> bool {
        self.request
            .get_field_by_name("validate_only")
            .is_some_and(|only| only.as_bool() == Some(true))
    }
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

    /// The flags that its request is made of.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.record.iter().chain(self.rest)
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
        for field in self.fields() {
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
    fn changed(&self) -> impl Iterator<Item = &'static Field> + use<> {
        let flags = self.fields();
        flags.filter(|field| !field.is_argument() && field.path.contains('.'))
    }

    /// How a person knows the field at this path of the request: by the flag, where there is one.
    pub(crate) fn shown(&self, path: &str) -> String {
        let holds = |field: &&'static Field| {
            let rest = path.strip_prefix(field.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let found = self.fields().find(holds).and_then(|field| {
            let input = self.descriptor()?.input();
            Some(field.shown(&schema::field(&input, field.path)?))
        });
        found.unwrap_or_else(|| path.to_owned())
    }
}
