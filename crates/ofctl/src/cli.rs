//! The command line: its commands, and the words in which a run ends.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::{
    Context, Exit, Io, command,
    connect::{self, Gateway},
    exit::Failure,
    health,
    nouns::{NOUNS, ONBOARD},
    output::{self, Output},
    refusal, transfer,
    verb::{Run, Verb},
};

const ABOUT: &str = "Customer records of the openfinance gateway, for support and operators.

Records go to standard output, everything else to standard error. Personal data is masked unless --reveal is given.
Credentials come from files or variables, never from flags.";

/// The whole command line.
pub(crate) fn command() -> Command {
    let nouns = NOUNS.iter().map(|noun| {
        Command::new(noun.name)
            .about(noun.about)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(noun.verbs.iter().map(verb))
    });
    Command::new("ofctl")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Customer records of the openfinance gateway, for support and operators")
        .long_about(ABOUT)
        .after_long_help(format!("Exit codes:\n{}", Exit::table()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .max_term_width(100)
        .args(connect::flags())
        .args(output::flags())
        .subcommands(nouns)
        .subcommand(verb(&ONBOARD))
        .subcommands(transfer::commands())
        .subcommand(Command::new("health").about("Tell whether the gateway is ready to serve"))
        .subcommand(
            Command::new("completions")
                .about("Print the completions of a shell")
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(value_parser!(Shell)),
                )
                .after_help("Examples:\n  ofctl completions bash > /etc/bash_completion.d/ofctl"),
        )
}

/// A command as the parser knows it, with the flags that are no fields of its request.
fn verb(verb: &Verb) -> Command {
    let command = verb.command();
    match verb.run {
        Run::Customers => command.arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("page_size")
                .help("All of them, however many, as they come"),
        ),
        Run::Authorizations => command.arg(command::expiring()),
        Run::One | Run::Rows(..) | Run::Authorization => command,
    }
}

/// Shows what the parser of the command line has to say: help, the version, or what is wrong.
pub(crate) fn answer(answer: &clap::Error, io: &mut Io) -> Exit {
    if answer.use_stderr() {
        io.note(answer.to_string().trim_end());
        return Exit::Usage;
    }
    let shown = io.line(answer.to_string().trim_end());
    match shown.and_then(|()| io.flush()) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            if let Failure::Local(text) = &failure {
                io.note(format_args!("error: {text}"));
            }
            failure.exit()
        }
    }
}

/// Runs the command that the command line names, and tells why if it fails.
pub(crate) async fn dispatch(matches: &ArgMatches, io: &mut Io) -> Exit {
    let Some((word, flags)) = matches.subcommand() else {
        return tell(&Failure::Usage("which command?".to_owned()), None, None, io).await;
    };
    if let Some(shell) = (word == "completions")
        .then(|| flags.get_one::<Shell>("shell"))
        .flatten()
    {
        return match completions(*shell, io) {
            Ok(()) => Exit::Done,
            Err(failure) => tell(&failure, None, None, io).await,
        };
    }
    let (verb, flags) = named(word, flags);
    let gateway = match Gateway::of(flags, io) {
        Ok(gateway) => gateway,
        Err(failure) => return tell(&failure, None, verb, io).await,
    };
    let mut context = Context {
        gateway: gateway.clone(),
        output: Output::of(flags),
        io,
    };
    let ended = match (verb, word) {
        (Some(verb), _) => command::run(verb, flags, &mut context).await,
        (None, "health") => health::run(&mut context).await,
        (None, word) => transfer::run(word, flags, &mut context).await,
    };
    match ended.and_then(|()| io.flush()) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            // What came before the failure is worth having.
            let _ = io.flush();
            tell(&failure, Some(&gateway), verb, io).await
        }
    }
}

/// The command that these words name, if it is one of the tables, and its own flags.
fn named<'a>(word: &str, flags: &'a ArgMatches) -> (Option<&'static Verb>, &'a ArgMatches) {
    static ALONE: Verb = ONBOARD;
    if word == ALONE.name {
        return (Some(&ALONE), flags);
    }
    let noun = NOUNS.iter().find(|noun| noun.name == word);
    match (noun, flags.subcommand()) {
        (Some(noun), Some((word, flags))) => {
            let verb = noun.verbs.iter().find(|verb| verb.name == word);
            (verb, flags)
        }
        _ => (None, flags),
    }
}

fn completions(shell: Shell, io: &mut Io) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "ofctl", &mut script);
    let script = String::from_utf8_lossy(&script);
    io.line(script.trim_end())?;
    io.flush()
}

/// Tells why a command did not do what it was asked.
async fn tell(
    failure: &Failure,
    gateway: Option<&Gateway>,
    verb: Option<&Verb>,
    io: &mut Io,
) -> Exit {
    match failure {
        Failure::Local(text) => io.note(format_args!("error: {text}")),
        Failure::Usage(text) => {
            io.note(format_args!("error: {text}"));
            io.note("For more information, try '--help'.");
        }
        Failure::Refused(refused) => refusal::explain(refused, gateway, verb, io).await,
        Failure::FailedRows | Failure::Unread => {}
        Failure::Interrupted(advice) => {
            io.note("interrupted");
            if let Some(advice) = advice {
                io.note(advice);
            }
        }
    }
    failure.exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }
}
