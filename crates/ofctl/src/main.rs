//! The binary `ofctl`; see [`ofctl::run`].

use std::{
    env,
    io::{self, IsTerminal as _},
    process::{self, Command, ExitCode},
    task::Poll,
};

use ofctl::{Exit, Io};
use tokio::{signal::ctrl_c, sync::watch};

/// Whoever presses Ctrl-C so often waits for nothing any more.
const ENOUGH: usize = 3;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::FAILURE,
    };
    let exit = runtime.block_on(async {
        let (counter, interrupts) = watch::channel(0);
        let mut pressed = Box::pin(ctrl_c());
        // Heard from here on, and not only when the task below gets its turn.
        let listens = std::future::poll_fn(|turn| match pressed.as_mut().poll(turn) {
            Poll::Pending => Poll::Ready(true),
            Poll::Ready(Ok(())) => leave(),
            Poll::Ready(Err(_)) => Poll::Ready(false),
        })
        .await;
        let listener = async move {
            while pressed.await.is_ok() {
                pressed = Box::pin(ctrl_c());
                counter.send_modify(|count| *count += 1);
                // The first receiver is the one that the others are made of; without them nobody does anything about it.
                let heard = counter.receiver_count() > 1;
                if !heard || *counter.borrow() >= ENOUGH {
                    leave();
                }
            }
        };
        if listens {
            tokio::spawn(listener);
        }
        ofctl::run(env::args_os(), &mut Io::of_process(interrupts)).await
    });
    // Without waiting for a thread that still reads the terminal.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}

/// Ends at once. What is noted on disk by then is all that a later run needs.
fn leave() -> ! {
    if io::stdin().is_terminal() {
        // The question for a secret may have switched it off.
        let _ = Command::new("stty").arg("echo").status();
    }
    process::exit(Exit::Interrupted.code().into())
}
