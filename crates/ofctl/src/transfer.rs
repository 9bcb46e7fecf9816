//! `import` and `export`: records from and to files of any size.

mod alike;
mod call;
mod disk;
mod export;
mod import;
mod journal;
mod keys;
mod layout;
mod pace;
mod patience;
mod progress;
mod rows;

use std::{path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::EnumValueParser, value_parser};
use openfinance_rpc::pb;

use self::{call::Mode, layout::Noun, rows::Format};
use crate::{Context, connect, exit::Failure};

/// Calls at the same time, unless said otherwise: an import is not to take the gateway from others.
const PARALLEL: &str = "4";

/// The commands `import` and `export`.
pub(crate) fn commands() -> Vec<Command> {
    vec![import_command(), export_command()]
}

fn import_command() -> Command {
    Command::new("import")
        .about("Creates a record for each row of a file, none of them twice; goes on where an earlier run stopped")
        .long_about(
            "Creates a record for each row of a file. What is done is noted in FILE.import.jsonl beside it, so the same \
             command goes on where an earlier run was interrupted, and no record is made twice. Rows that are refused \
             are written to a file of their own, with the reasons.",
        )
        .arg(
            Arg::new("noun")
                .value_name("NOUN")
                .required(true)
                .value_parser(EnumValueParser::<Noun>::new())
                .help("What the rows are"),
        )
        .arg(file().required(true).help("The file: .csv with a header, or .jsonl"))
        .arg(format())
        .arg(parallel())
        .arg(
            Arg::new("max-failures")
                .long("max-failures")
                .value_name("COUNT")
                .default_value("100")
                .value_parser(value_parser!(u64))
                .help("Stop when so many rows were refused in this run; 0 for never"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Only check the rows: the gateway creates nothing, and nothing is noted"),
        )
        .arg(patience())
        .arg(quiet())
        .after_help(
            "Examples:\n  ofctl import customers people.csv --dry-run\n  ofctl import customers people.csv\n  \
             ofctl import onboarding shops.jsonl --parallel 8",
        )
}

fn export_command() -> Command {
    let with = ["consumers", "businesses"];
    Command::new("export")
        .about("Writes all customers, or those that a filter finds, to a file; goes on where an earlier run stopped")
        .arg(
            Arg::new("noun")
                .value_name("NOUN")
                .required(true)
                .value_parser(["customers"])
                .help("What to export; the vendor lists nothing but customers"),
        )
        .arg(file().help("The file, .csv or .jsonl; `-` or none for standard output, which needs --format"))
        .arg(format())
        .arg(
            Arg::new("type")
                .long("type")
                .value_name("TYPE")
                .value_parser(["testing", "active"])
                .help("Only customers of this type"),
        )
        .arg(
            Arg::new("search")
                .long("search")
                .value_name("TEXT")
                .help("Only customers with this text in their username or name"),
        )
        .arg(
            Arg::new("with")
                .long("with")
                .value_name("NOUNS")
                .value_delimiter(',')
                .value_parser(with)
                .help("Read each customer's consumer and business too: consumers, businesses or both"),
        )
        .arg(parallel())
        .arg(
            Arg::new("raw-cells")
                .long("raw-cells")
                .action(ArgAction::SetTrue)
                .help("Leave cells of CSV as they are that a spreadsheet would take for formulas; without this they get an apostrophe in front"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .help("Replace the file if it is there"),
        )
        .arg(
            Arg::new("restart")
                .long("restart")
                .action(ArgAction::SetTrue)
                .help("Begin anew what an earlier run has left half-done"),
        )
        .arg(patience())
        .arg(quiet())
        .after_help(
            "Examples:\n  ofctl export customers all.csv\n  ofctl export customers all.jsonl --with consumers,businesses --reveal\n  \
             ofctl export customers --search shop --format csv",
        )
}

fn file() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
}

fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(EnumValueParser::<Format>::new())
        .help("csv or jsonl, where the file's name does not say")
}

fn parallel() -> Arg {
    Arg::new("parallel")
        .long("parallel")
        .value_name("COUNT")
        .default_value(PARALLEL)
        .value_parser(value_parser!(u16).range(1..=256))
        .help("Calls at the same time at most; fewer while the gateway asks for it")
}

fn patience() -> Arg {
    Arg::new("patience")
        .long("patience")
        .value_name("TIME")
        .default_value("5m")
        .value_parser(connect::duration)
        .help("Give up when the gateway has given no final answer for so long")
}

fn quiet() -> Arg {
    Arg::new("quiet")
        .long("quiet")
        .short('q')
        .action(ArgAction::SetTrue)
        .help("Tell no progress")
}

/// Runs the command `name` of those.
///
/// # Errors
///
/// Why it did not do all that it was asked.
pub(crate) async fn run(
    name: &str,
    flags: &ArgMatches,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let asked = flags.get_one::<Format>("format").copied();
    let parallel = flags
        .get_one::<u16>("parallel")
        .copied()
        .unwrap_or(1)
        .into();
    let patience = flags
        .get_one::<Duration>("patience")
        .copied()
        .unwrap_or_default();
    let path = flags.get_one::<PathBuf>("file").cloned();
    let path = path.filter(|path| path.as_os_str() != "-");
    let quiet = flags.get_flag("quiet");
    if name == "import" {
        let (Some(noun), Some(file)) = (flags.get_one::<Noun>("noun"), path) else {
            let text = "an import needs a file: what is done is noted beside it";
            return Err(Failure::Usage(text.to_owned()));
        };
        let plan = import::Plan {
            noun: *noun,
            format: Format::of(asked, &file)?,
            file,
            parallel,
            max_failures: flags.get_one::<u64>("max-failures").copied().unwrap_or(0),
            mode: if flags.get_flag("dry-run") {
                Mode::CheckOnly
            } else {
                Mode::Create
            },
            quiet,
            patience,
        };
        if plan.mode == Mode::CheckOnly && plan.noun == Noun::Onboarding {
            let text = "an onboarding can't be checked without carrying it out; check its customers, consumers and businesses";
            return Err(Failure::Usage(text.to_owned()));
        }
        return import::run(&plan, context).await;
    }
    let with = |noun: &str| {
        let mut nouns = flags.get_many::<String>("with").into_iter().flatten();
        nouns.any(|with| with == noun)
    };
    let format = match (&path, asked) {
        (Some(path), asked) => Format::of(asked, path)?,
        (None, Some(format)) => format,
        (None, None) => {
            return Err(Failure::Usage(
                "standard output needs --format csv or --format jsonl".to_owned(),
            ));
        }
    };
    let plan = export::Plan {
        file: path,
        format,
        kind: match flags.get_one::<String>("type").map(String::as_str) {
            Some("testing") => pb::CustomerType::Testing,
            Some("active") => pb::CustomerType::Active,
            Some(_) | None => pb::CustomerType::Unspecified,
        },
        search: flags
            .get_one::<String>("search")
            .cloned()
            .unwrap_or_default(),
        consumers: with("consumers"),
        businesses: with("businesses"),
        raw_cells: flags.get_flag("raw-cells"),
        parallel,
        force: flags.get_flag("force"),
        restart: flags.get_flag("restart"),
        quiet,
        patience,
    };
    export::run(&plan, context).await
}
