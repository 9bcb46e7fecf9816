//! `ofctl`: the command line for the support and the operators of the gateway, over gRPC.
//!
//! [`run`] is the whole program; what it takes from the process is in [`Io`], so a test runs it as it is.
//!
//! ```no_run
//! # async fn example(interrupts: tokio::sync::watch::Receiver<usize>) {
//! let mut io = ofctl::Io::of_process(interrupts);
//! let exit = ofctl::run(["ofctl", "gateway", "info"], &mut io).await;
//! assert_eq!(exit, ofctl::Exit::Done);
//! # }
//! ```

mod call;
mod cli;
mod command;
mod connect;
mod exit;
mod health;
mod io;
mod nouns;
mod output;
mod refusal;
mod schema;
mod transfer;
mod verb;

use std::ffi::OsString;

pub use exit::{Call, Exit};
pub use io::{AskSecret, Io, Terminal};

use connect::Gateway;
use output::Output;

/// What a command works with.
pub(crate) struct Context<'a> {
    /// The gateway that it calls.
    pub(crate) gateway: Gateway,
    /// How it shows records.
    pub(crate) output: Output,
    /// What it takes from the process.
    pub(crate) io: &'a mut Io,
}

/// Runs a command line, of which the first word is the program's name, and says how it ended.
pub async fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    io: &mut Io,
) -> Exit {
    let matches = match cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(answer) => return cli::answer(&answer, io),
    };
    cli::dispatch(&matches, io).await
}
