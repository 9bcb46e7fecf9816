//! How records are shown.

use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser};

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
        }
    }
}
