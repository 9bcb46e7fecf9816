//! `cargo xtask bench codegen`: what a maintainer waits for when bindings are generated, in the profile that
//! `cargo xtask` is built with.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{
    figures::{Bar, Figure, Run},
    measured::{self, Cost, cost},
};
use crate::{cargo::cargo, spec};

/// How often each command is measured. It runs once before, so that all files are in memory.
const ROUNDS: usize = 7;

const GROUP: &str = "generating code";
/// The figures that the bars are about.
pub(super) const WHOLE: [&str; 2] = [GROUP, "a client of a whole document"];
pub(super) const CHECK: [&str; 2] = [GROUP, "`codegen --check` of ours"];

/// Measures, one after the other.
pub(super) fn measure(root: &Path) -> Result<Run> {
    let (document, whose) = match spec::vendor_document() {
        Some(document) => (document, "the vendor's whole document"),
        None => (
            root.join(spec::DOCUMENT),
            "our document, for there is none of the vendor's at OPENFINANCE_VENDOR_DOCS",
        ),
    };
    let folder = tempfile::tempdir()?;
    // What runs now, for cargo may replace it when it is asked to run it again.
    let program = folder.path().join("xtask");
    std::fs::copy(std::env::current_exe()?, &program).context("cannot copy this program")?;
    let client = folder.path().join("client");
    let mut whole = xtask(root);
    whole.args(["codegen", "rest", "--spec"]).arg(&document);
    whole.arg("--out").arg(&client);
    // Its first round writes the crate, the others find it as it shall be, which takes as long within what can be measured.
    let whole = rounds(&mut whole)?;
    let (lines, bytes) = size(&client.join("src/generated.rs"))?;

    let check = rounds(xtask(root).args(["codegen", "--check"]))?;
    let mut alone = Command::new(&program);
    alone.args(["codegen", "--check"]).current_dir(root);
    let alone = rounds(&mut alone)?;

    let note =
        format!("`cargo xtask codegen rest --spec` of {whose}, cargo's look for changes included");
    let mut figures = measured::figures(WHOLE, &whole, Some(Bar::AtMost(5.0)), &note);
    for (name, value, unit) in [
        ("lines of its code", lines as f64, ""),
        ("size of its code", bytes as f64 / 1024.0, "KiB"),
    ] {
        figures.push(Figure {
            group: GROUP.to_owned(),
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            low: None,
            high: None,
            bar: None,
            met: None,
            note: None,
        });
    }
    let note = "`cargo xtask codegen --check`, REST and gRPC, cargo's look for changes included";
    figures.extend(measured::figures(
        CHECK,
        &check,
        Some(Bar::AtMost(1.0)),
        note,
    ));
    let name = [GROUP, "the same without cargo"];
    let note = "the program itself, as cargo has built it";
    figures.extend(measured::figures(name, &alone, None, note));
    Ok(Run {
        bench: "codegen".to_owned(),
        circumstances: None,
        figures,
        plots: Vec::new(),
    })
}

/// `cargo xtask`, without the alias, which a folder of cargo's settings elsewhere may hide.
fn xtask(root: &Path) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "build-tools", "--"])
        .current_dir(root);
    command
}

/// Some runs of a command, after one that does not count.
fn rounds(command: &mut Command) -> Result<Vec<Cost>> {
    cost(command)?;
    (0..ROUNDS).map(|_| cost(command)).collect()
}

/// Lines and bytes of a file.
fn size(file: &Path) -> Result<(usize, usize)> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((text.lines().count(), text.len()))
}
