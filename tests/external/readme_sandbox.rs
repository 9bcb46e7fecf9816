//! The README's section on the sandbox, word for word: the program that it installs, the Python test, every command.
//! Needs `python3` on the path, and nothing for it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use super::{ROOT, commands, section};

const HEADING: &str = "Use the sandbox in your own tests";
const PROGRAM: &str = "openfinance-sandbox";
/// Where what is installed and written here goes.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// The path of a user who has run the first command of the section.
static INSTALLED: LazyLock<String> = LazyLock::new(|| {
    let lines = lines();
    let install = &lines[0];
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
});

fn bash(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", script]);
    command
}

/// All commands of the section, one each.
fn lines() -> Vec<String> {
    let blocks = commands(HEADING).concat();
    blocks.lines().map(str::to_owned).collect()
}

#[test]
fn the_python_test_passes() {
    let section = section(HEADING);
    let script = section.iter().find(|block| block.kind == "python");
    let script = &script.unwrap().text;
    // Development mode tells what it would leave open.
    let mut python = Command::new("python3");
    python.args(["-X", "dev", "-W", "error", "-c", script]);
    let output = python.env("PATH", &*INSTALLED).output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    assert!(!complained.contains("Warning"), "{complained}");
    assert!(
        complained.contains("broke off a connection"),
        "{complained}"
    );
}

#[test]
fn every_command_starts_a_sandbox() {
    let mut started = 0;
    for line in lines().iter().filter(|line| line.starts_with(PROGRAM)) {
        // Another program may listen at the default.
        let listen = if line.contains("--listen") {
            ""
        } else {
            " --listen 127.0.0.1:0"
        };
        let _ = std::fs::remove_file(Path::new(FOLDER).join("sandbox.redb"));
        let mut child = bash(&format!("exec {line}{listen}"))
            .current_dir(FOLDER)
            .env("PATH", &*INSTALLED)
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
    assert!(started >= 2, "the section starts the program");
}
