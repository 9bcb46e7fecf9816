//! `cargo xtask bench`: runs the benchmarks of what ships, and writes down what they found.
//!
//! Each benchmark tells its figures in the format of `figures.rs`. With `--record` they are written to
//! `docs/bench/NAME.json`, and the report and its plots, which follow from them, are drawn anew.
//!
//! The figures of two machines, or of two runs, are not to be compared; the ratios within one run are. A benchmark
//! fails if it misses one of its bars.

mod build;
mod codegen;
mod compared;
mod figures;
mod headlines;
pub(crate) mod instructions;
mod markdown;
mod measured;
mod record;
mod svg;
mod words;

use std::{
    ffi::OsStr,
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::cargo::cargo;

use self::figures::Run;
pub(crate) use self::record::problems;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// What the gateway costs beside what its parts cost alone.
    Speed,
    /// What the sandbox costs at a thousand customers and at a million.
    Sandbox,
    /// What the gateway carries, and what it does when it is offered more.
    Load,
    /// How many instructions the gateway carries out for one call.
    Instructions,
    /// What it costs to hold answers of the vendor against its document.
    Drift,
    /// How long it takes to generate the bindings.
    Codegen,
    /// How long it takes to build a crate that depends on the REST client alone.
    Build,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::Speed => "speed",
            Self::Sandbox => "sandbox",
            Self::Load => "load",
            Self::Instructions => "instructions",
            Self::Drift => "drift",
            Self::Codegen => "codegen",
            Self::Build => "build",
        }
    }

    /// Runs it.
    fn measure(self, root: &Path) -> Result<Run> {
        match self {
            Self::Speed => of_cargo(self, "openfinance-gateway", "speed", root),
            Self::Sandbox => of_cargo(self, "openfinance-sandbox", "scale", root),
            Self::Load => of_cargo(self, "openfinance-gateway", "load", root),
            Self::Instructions => instructions::measure(root),
            Self::Drift => of_cargo(self, "openfinance-rest", "drift", root),
            Self::Codegen => codegen::measure(root)?.settled(),
            Self::Build => build::measure(root)?.settled(),
        }
    }
}

/// Whether to write down what was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Yes,
    No,
}

impl From<bool> for Record {
    fn from(record: bool) -> Self {
        if record { Self::Yes } else { Self::No }
    }
}

/// Runs benchmarks, all of them if none is named, and answers whether all bars were met. One that fails to measure
/// anything keeps none of the others from it.
pub(crate) fn run(
    which: Option<Bench>,
    record: Record,
    root: &Path,
    out: &mut dyn Write,
) -> Result<bool> {
    let all = Bench::value_variants();
    let chosen = which.as_ref().map_or(all, std::slice::from_ref);
    // Before anything is written, which would make it another state than the one that is measured.
    let circumstances = record::circumstances(root)?;
    let (mut met, mut failed) = (true, Vec::new());
    for &bench in chosen {
        let mut run = match bench.measure(root) {
            Ok(run) => run,
            Err(error) => {
                failed.push(format!("the benchmark {}: {error:#}", bench.name()));
                continue;
            }
        };
        writeln!(out, "{}", markdown::tables(&run))?;
        met &= run.is_met();
        if record == Record::Yes {
            run.circumstances = Some(circumstances.clone());
            if bench == Bench::Instructions {
                instructions::keep_places(root)?;
            }
            let path = record::save(&run, root)?;
            writeln!(out, "updated {}", path.display())?;
            if let Err(error) = redraw(root, out) {
                failed.push(format!("the report, after {}: {error:#}", bench.name()));
            }
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(met)
}

/// Draws the report and its plots anew, of the figures that were recorded last, and prints what it touched.
pub(crate) fn redraw(root: &Path, out: &mut dyn Write) -> Result<()> {
    for path in record::redraw(root)? {
        writeln!(out, "updated {}", path.display())?;
    }
    Ok(())
}

/// Runs a bench target of a package.
fn of_cargo(bench: Bench, package: &str, target: &str, root: &Path) -> Result<Run> {
    // As it ships.
    let arguments = ["--profile", "dist", "--package", package, "--bench", target];
    let printed = of_bench(&arguments, root)?;
    let good = printed.status.success();
    let figures = String::from_utf8(printed.stdout)?;
    if figures.trim().is_empty() {
        bail!("it measured nothing");
    }
    let run = Run::read(&figures).context("it printed no figures that can be read")?;
    ensure!(
        run.bench == bench.name(),
        "it printed the figures of {}",
        run.bench
    );
    ensure!(
        good || !run.is_met(),
        "it failed, although no figure misses its bar"
    );
    Ok(run)
}

/// Runs `cargo bench`, which tells people what it is at, and answers what it prints.
fn of_bench(arguments: &[impl AsRef<OsStr>], root: &Path) -> Result<Output> {
    cargo()
        .args(["bench", "--locked"])
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")
}
