//! The binary `openfinance-gateway`; see [`openfinance_gateway::cli`].

use std::{
    env,
    io::{stderr, stdout},
    process::ExitCode,
};

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
