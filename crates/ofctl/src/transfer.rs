//! `import` and `export`: records from and to files of any size.

use clap::{ArgMatches, Command};

use crate::{Context, exit::Failure};

/// The commands `import` and `export`.
pub(crate) fn commands() -> Vec<Command> {
    Vec::new()
}

/// Runs the command `name` of those.
///
/// # Errors
///
/// Why it did not do all that it was asked.
pub(crate) async fn run(name: &str, _: &ArgMatches, _: &mut Context<'_>) -> Result<(), Failure> {
    Err(Failure::Usage(format!("there is no command {name}")))
}
