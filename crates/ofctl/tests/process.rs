//! The binary as a process: pipes and signals, which the library knows nothing of.
#![cfg(unix)]

use std::{
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
};

fn ofctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ofctl"));
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn a_pipe_that_nobody_reads_ends_it_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = ofctl();
    command.args(["completions", "bash"]).stdout(writer);
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(141));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn ctrl_c_ends_it_where_it_waits_for_input() {
    let mut command = ofctl();
    command.args(["onboard", "-"]).stdin(Stdio::piped());
    let mut running = command.stdout(Stdio::null()).spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    // More than a pipe holds: once all is written, it reads, and goes on reading until the pipe is closed.
    input.write_all(&[b' '; 256 << 10]).unwrap();
    let pressed = Command::new("kill")
        .args(["-INT", &running.id().to_string()])
        .status()
        .unwrap();
    assert!(pressed.success());
    let ended = running.wait().unwrap();
    assert_eq!((ended.signal(), ended.code()), (None, Some(130)));
    drop(input);
}
