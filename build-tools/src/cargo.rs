//! The cargo that runs this tool.

use std::{env, ffi::OsStr, process::Command};

/// What cargo tells a program that it runs of the program's package.
const OF_A_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// That cargo, or whichever is found, told of no package, as if a person had called it: ring, and whatever stands on it, is
/// built anew where what cargo has told its caller is not what it told the one before. `tests/built.rs` does the same.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// The end-to-end tests of one module that call tools which are not ours. All packages are asked for, so that the libraries
/// are those that stand there where the tests of the workspace have run.
pub(crate) fn external(module: &str) -> Command {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--features", "e2e/external"])
        .args(["--test", "e2e", "--locked", "--", module]);
    command
}

fn is_of_a_package(name: &OsStr) -> bool {
    let is = |name: &str| OF_A_PACKAGE.iter().any(|begin| name.starts_with(begin));
    name.to_str().is_some_and(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_nothing_of_the_package_that_calls_it() {
        let command = cargo();
        // Tests are told of theirs.
        let told = (OsStr::new("CARGO_PKG_NAME"), None);
        assert!(command.get_envs().any(|variable| variable == told));
    }
}
