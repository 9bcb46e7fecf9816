//! `cargo xtask bench`: runs the benchmarks in release, and writes down what they found.
//!
//! The figures of two machines, or of two runs, are not to be compared; the ratios within one run are. A benchmark
//! fails if it misses one of its bars.

use std::{
    fs,
    io::{Read as _, Write},
    path::Path,
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use jiff::Timestamp;

/// Where figures are written down.
const RECORD: &str = "docs/benchmarks.md";

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Bench {
    /// What the sandbox costs at a thousand customers and at a million.
    Sandbox,
    /// What the gateway carries, and what it does when it is offered more.
    Load,
    /// What it costs to hold answers of the vendor against its document.
    Drift,
}

impl Bench {
    fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Load => "load",
            Self::Drift => "drift",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Sandbox => &["--package", "openfinance-sandbox", "--bench", "scale"],
            Self::Load => &["--package", "openfinance-gateway", "--bench", "load"],
            Self::Drift => &["--package", "openfinance-rest", "--bench", "drift"],
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

/// Runs benchmarks, all of them if none is named, and answers whether all bars were met.
pub(crate) fn run(
    which: Option<Bench>,
    record: Record,
    root: &Path,
    out: &mut dyn Write,
) -> Result<bool> {
    let all = Bench::value_variants();
    let chosen = which.as_ref().map_or(all, std::slice::from_ref);
    let mut met = true;
    for &bench in chosen {
        let (good, figures) = measure(bench, root)?;
        out.write_all(figures.as_bytes())?;
        met &= good;
        if record == Record::Yes {
            let path = root.join(RECORD);
            let document =
                fs::read_to_string(&path).with_context(|| format!("reading {RECORD}"))?;
            let figures = format!("{}\n\n{}", circumstances()?, figures.trim());
            fs::write(&path, replaced(&document, bench.name(), &figures)?)
                .with_context(|| format!("writing {RECORD}"))?;
            writeln!(out, "updated {RECORD}")?;
        }
    }
    Ok(met)
}

/// Whether the bars were met, and the figures as Markdown.
fn measure(bench: Bench, root: &Path) -> Result<(bool, String)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args(["bench", "--locked"])
        .args(bench.arguments())
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut figures = String::new();
    let mut stdout = child.stdout.take().context("stdout was not piped")?;
    stdout.read_to_string(&mut figures)?;
    let good = child.wait()?.success();
    ensure!(
        !figures.is_empty(),
        "the {} benchmark measured nothing",
        bench.name()
    );
    Ok((good, figures))
}

/// When and on what the figures came about.
fn circumstances() -> Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a record names its day, and nothing is tested by it"
    )]
    let now = Timestamp::try_from(SystemTime::now())?;
    let cores = std::thread::available_parallelism()?;
    let model = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    Ok(format!(
        "{}, {cores} cores, {model}:",
        now.strftime("%Y-%m-%d")
    ))
}

/// The document with other text between the markers of `name`.
fn replaced(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let missing = || format!("{RECORD} has no {begin} ... {end}");
    let (before, rest) = document.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_between_the_markers_is_replaced_and_nothing_else() {
        let document = "# A\n<!-- x -->\nold\n<!-- /x -->\nB\n<!-- y -->\n<!-- /y -->\n";
        let expected = "# A\n<!-- x -->\nnew\n<!-- /x -->\nB\n<!-- y -->\n<!-- /y -->\n";
        assert_eq!(replaced(document, "x", "new").unwrap(), expected);
        let error = replaced(document, "z", "new").unwrap_err().to_string();
        assert!(error.contains("<!-- z -->"), "{error}");
    }

    #[test]
    fn every_benchmark_has_its_place_in_the_record() {
        let document = fs::read_to_string(crate::root().join(RECORD)).unwrap();
        for bench in Bench::value_variants() {
            assert!(replaced(&document, bench.name(), "").is_ok());
        }
    }

    #[test]
    fn a_record_tells_when_and_where() {
        let text = circumstances().unwrap();
        assert!(text.contains("cores") && text.ends_with(':'), "{text}");
    }
}
