//! The binary `ofctl`; see [`ofctl::run`].

use std::{env, process::ExitCode};

use ofctl::Io;
use tokio::sync::watch;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::FAILURE,
    };
    let exit = runtime.block_on(async {
        let (counter, interrupts) = watch::channel(0);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                counter.send_modify(|count| *count += 1);
            }
        });
        ofctl::run(env::args_os(), &mut Io::of_process(interrupts)).await
    });
    // Without waiting for a thread that still reads the terminal.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
