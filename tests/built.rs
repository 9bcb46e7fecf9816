//! Our programs as the tests have built them, and cargo as a person calls it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use crate::docs::ROOT;

/// The folder with our programs. They are built as all tests of the workspace are, which is done already where those have run:
/// cargo builds the programs of a package for its integration tests, which each of these has.
pub(crate) fn programs() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["test", "--workspace", "--features", "e2e/external"])
            .args(["--no-run", "--quiet", "--locked"])
            .current_dir(ROOT);
        let status = by_hand(&mut build).status();
        assert!(status.unwrap().success(), "our programs can't be built");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        target.join("debug")
    });
    &FOLDER
}

/// Cargo, or what calls it, as a person starts it: without what cargo tells these tests of their package. ring would be built
/// anew for it, and all that stands on it, here and again by whoever comes next. `build-tools/src/cargo.rs` does the same.
pub(crate) fn by_hand(command: &mut Command) -> &mut Command {
    let of_a_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if of_a_package.iter().any(|begin| text.starts_with(begin)) {
            command.env_remove(name);
        }
    }
    command
}
