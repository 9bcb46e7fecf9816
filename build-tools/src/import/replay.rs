//! Replays the wire corpus against code that is about to be written: in a copy of the workspace, first through the
//! generated types, then through those of the domain.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::text;
use crate::{
    cargo::cargo,
    output::{self, File},
    rest::{self, typed},
    spec::{self, fit::folded},
};

/// What decodes the corpus; its `decode` gets an arm for each operation.
const HARNESS: &str = include_str!("harness.rs");
/// Where the arms go in.
const ARMS: &str = "        // The operations of the client.\n";
/// Where the harness goes in the copy.
const PLACE: &str = "crates/rest/tests/replay.rs";
/// Where the copy stands, below the folder for build results.
const COPY: &str = "spec-import";
/// What is not copied: results, history, and what other tools install.
const LEFT_OUT: [&str; 3] = ["target", ".git", "node_modules"];
/// How many compiler messages are told.
const TOLD: usize = 10;

/// What the corpus came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// How many answers decode to what they did.
    pub(super) replayed: usize,
    /// What keeps the domain from compiling; empty if it compiled and its own replay came to the same.
    pub(super) domain: Vec<String>,
}

impl Outcome {
    /// For the report.
    pub(super) fn markdown(&self) -> String {
        let replayed = self.replayed;
        let domain = if self.domain.is_empty() {
            "and the domain makes of each what it did."
        } else {
            "but the domain does not compile with the new code yet, so its own replay is still to come."
        };
        format!("{replayed} answers that the vendor is known to send decode as before, {domain}\n")
    }

    /// What is left to a maintainer.
    pub(super) fn todo(&self) -> Vec<String> {
        self.domain
            .iter()
            .map(|error| format!("crates/domain: {error}"))
            .collect()
    }
}

/// Replays the corpus with these files in place.
///
/// # Errors
/// An answer that does not decode any more, or of which something is lost; or a client that does not compile.
pub(super) fn replay(target: &Path, root: &Path, files: &[File]) -> Result<Outcome> {
    let copy = target.join(COPY);
    renew(root, &copy)?;
    output::write(&copy, files)?;
    let document = serde_json::from_str(text(files, spec::NORMALISED)?)?;
    let harness = harness(&document, text(files, rest::OUT)?)?;
    fs::write(copy.join(PLACE), harness).with_context(|| format!("cannot write {PLACE}"))?;

    let test = |arguments: &[&str]| -> Result<Output> {
        cargo()
            .current_dir(&copy)
            .env("CARGO_TARGET_DIR", target)
            .args(["test", "--locked", "--quiet"])
            .args(arguments)
            .output()
            .context("cannot run cargo")
    };
    let rest = ["--package", "openfinance-rest", "--test", "replay"];
    let built = test(&[&rest[..], &["--no-run"]].concat())?;
    ensure!(
        built.status.success(),
        "the generated client does not compile:\n{}",
        errors(&built).join("\n")
    );
    let run = test(&[&rest[..], &["--", "--nocapture"]].concat())?;
    ensure!(
        run.status.success(),
        "answers of the wire corpus (crates/rest/tests/wire-corpus) do not decode any more:\n{}\nCorrect the document in \
         openapi/overlay.yaml if the vendor still sends them; if it does not, remove the files",
        failure(&run)
    );
    let replayed = String::from_utf8_lossy(&run.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("replayed ")?.parse().ok())
        .context("the replay did not say how many answers it replayed")?;

    let domain = ["--package", "openfinance", "--test", "it"];
    let built = test(&[&domain[..], &["--no-run"]].concat())?;
    if !built.status.success() {
        let domain = errors(&built);
        return Ok(Outcome { replayed, domain });
    }
    let run = test(&[&domain[..], &["corpus"]].concat())?;
    if !run.status.success() {
        bail!(
            "the domain makes something else of the wire corpus:\n{}",
            failure(&run)
        );
    }
    Ok(Outcome {
        replayed,
        domain: Vec::new(),
    })
}

/// The harness with an arm for each operation whose answer is JSON, or nothing.
pub(super) fn harness(document: &Value, code: &str) -> Result<String> {
    let answers = typed::answer_types(code)?;
    let mut arms = String::new();
    for id in spec::ids(document)? {
        let answer = answers.get(&folded(&id));
        arms += &match answer
            .with_context(|| format!("the client has no method for {id}"))?
            .as_str()
        {
            "()" => format!("        {id:?} => Ok(Value::Null),\n"),
            "ByteStream" => continue,
            answer => format!("        {id:?} => read::<{answer}>(body),\n"),
        };
    }
    ensure!(
        HARNESS.contains(ARMS),
        "the harness has no place for the operations"
    );
    Ok(HARNESS.replacen(ARMS, &arms, 1))
}

/// Copies the workspace anew. Files that are the same stay, so that a second import compiles only what changed.
pub(super) fn renew(root: &Path, copy: &Path) -> Result<()> {
    let mut files = Vec::new();
    sources(root, Path::new(""), &mut files)?;
    let mut copied = Vec::new();
    for path in files {
        let contents = fs::read(root.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        copied.push(File { path, contents });
    }
    let mut left = Vec::new();
    if copy.exists() {
        sources(copy, Path::new(""), &mut left)?;
    }
    for path in left {
        if !copied.iter().any(|file| file.path == path) {
            fs::remove_file(copy.join(&path))
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    output::write(copy, &copied)?;
    Ok(())
}

/// Every file of the workspace, relative to it.
fn sources(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let here = root.join(folder);
    for entry in fs::read_dir(&here).with_context(|| format!("cannot read {}", here.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                sources(root, &path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The compiler's errors, one line each: what and where.
fn errors(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().peekable();
    let mut errors = Vec::new();
    while let Some(line) = lines.next() {
        if !line.starts_with("error") || line.contains("could not compile") {
            continue;
        }
        let place = lines
            .peek()
            .and_then(|next| next.trim().strip_prefix("--> "))
            .unwrap_or_default();
        errors.push(format!("{line} {place}").trim().to_owned());
    }
    let more = errors.len().saturating_sub(TOLD);
    errors.truncate(TOLD);
    if more > 0 {
        errors.push(format!("... and {more} errors more"));
    }
    if errors.is_empty() {
        errors.push(format!("cargo failed: {}", text.trim()));
    }
    errors
}

/// What a failed test said.
fn failure(output: &Output) -> String {
    let text = [&*output.stdout, &*output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("note: "));
    let told: Vec<&str> = lines.take(40).collect();
    told.join("\n")
}
