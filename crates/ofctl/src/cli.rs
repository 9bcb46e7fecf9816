//! The command line: its commands, and the words in which a run ends.

use clap::{ArgMatches, Command};

use crate::{
    Context, Exit, Io,
    connect::{self, Gateway},
    exit::Failure,
    output::{self, Output},
    transfer,
};

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("ofctl")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Customer records of the openfinance gateway, for support and operators")
        .after_long_help(format!("Exit codes:\n{}", Exit::table()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(connect::flags())
        .args(output::flags())
        .subcommands(transfer::commands())
}

/// Shows what the parser of the command line has to say: help, the version, or what is wrong.
pub(crate) fn answer(answer: &clap::Error, io: &mut Io) -> Exit {
    if answer.use_stderr() {
        io.note(answer.to_string().trim_end());
        return Exit::Usage;
    }
    match io
        .line(answer.to_string().trim_end())
        .and_then(|()| io.flush())
    {
        Ok(()) => Exit::Done,
        Err(failure) => failure.exit(),
    }
}

/// Runs the command that the command line names.
pub(crate) async fn dispatch(matches: &ArgMatches, io: &mut Io) -> Result<(), Failure> {
    let Some((name, flags)) = matches.subcommand() else {
        return Err(Failure::Usage("which command?".to_owned()));
    };
    let mut context = Context {
        gateway: Gateway::of(flags, io)?,
        output: Output::of(flags),
        io,
    };
    transfer::run(name, flags, &mut context).await
}

/// Tells why a command did not do what it was asked.
pub(crate) fn explain(failure: &Failure, io: &mut Io) {
    match failure {
        Failure::Local(text) | Failure::Usage(text) => io.note(format_args!("error: {text}")),
        Failure::Refused(refused) => {
            io.note(format_args!("error: {}", refused.status.message()));
            if let Some(request_id) = &refused.request_id {
                io.note(format_args!("request id: {request_id}"));
            }
        }
        Failure::FailedRows => {}
        Failure::Interrupted(advice) => {
            io.note("interrupted");
            if let Some(advice) = advice {
                io.note(advice);
            }
        }
    }
}
