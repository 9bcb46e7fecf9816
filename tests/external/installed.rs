//! The sandbox, installed and started by the commands of `docs/how-to/vendor-tests.md`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    built::by_hand,
    docs::{ROOT, block::blocks},
};

const PAGE: &str = "docs/how-to/vendor-tests.md";
const PROGRAM: &str = "openfinance-sandbox";
/// Where what is installed and written here goes.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

fn bash(script: &str) -> Command {
    let mut command = Command::new("bash");
    by_hand(&mut command).args(["-c", script]);
    command
}

/// All commands of the page, one each.
fn commands() -> Vec<String> {
    let mut blocks = blocks(Path::new(PAGE));
    blocks.retain(|block| block.kind == "sh");
    let commands = blocks.iter().flat_map(|block| block.text.lines());
    commands.map(str::to_owned).collect()
}

/// The path of a user who has run this command.
fn installed(install: &str) -> String {
    assert!(install.starts_with("cargo install "), "{install}");
    // Built as the tests are: what is proved is that the command works, not that the optimizer does.
    let status = bash(&format!("{install} --debug"))
        .current_dir(ROOT)
        .env("CARGO_INSTALL_ROOT", FOLDER)
        .status();
    assert!(status.unwrap().success(), "{install} failed");
    let bin = Path::new(FOLDER).join("bin");
    assert!(bin.join(PROGRAM).exists(), "{install} installs {PROGRAM}");
    let path = std::env::var_os("PATH").unwrap();
    let paths = [bin].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(paths).unwrap().into_string().unwrap()
}

#[test]
fn every_command_of_the_page_starts_a_sandbox() {
    let commands = commands();
    let path = installed(&commands[0]);
    let mut started = 0;
    for line in commands.iter().filter(|line| line.starts_with(PROGRAM)) {
        // Another program may listen at the default.
        let listen = if line.contains("--listen") {
            ""
        } else {
            " --listen 127.0.0.1:0"
        };
        let _ = std::fs::remove_file(Path::new(FOLDER).join("sandbox.redb"));
        let mut child = bash(&format!("exec {line}{listen}"))
            .current_dir(FOLDER)
            .env("PATH", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        let terminated = Command::new("kill").arg(child.id().to_string()).status();
        assert!(terminated.unwrap().success());
        assert!(child.wait().unwrap().success(), "{line}");
        let address = said.strip_prefix("openfinance-sandbox listening on http://127.0.0.1:");
        assert!(address.is_some(), "{line}: {said}");
        started += 1;
    }
    assert_eq!(started, 2, "{PAGE} starts the program");
}
