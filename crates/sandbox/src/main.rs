//! The sandbox as a program of its own.

mod cli;

use std::process::ExitCode;

/// The system's allocator is no match for a million customers: the free places of a large heap lie far apart, and with
/// them a create takes half as long again as among a thousand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}
