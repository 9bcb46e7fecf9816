//! The binary `openfinance-gateway`; see [`openfinance_gateway::cli`].

use std::{
    env,
    io::{stderr, stdout},
    process::ExitCode,
};

/// A call takes and gives back memory about a hundred times, for which the system's allocator takes three times as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let hardened = openfinance_gateway::harden();
    openfinance_gateway::cli::run(
        hardened,
        env::args_os(),
        env::vars_os(),
        &mut stdout(),
        &mut stderr(),
    )
}
