//! What is written down: the figures of each benchmark as JSON, and what follows from them, the report and its plots.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;
use jiff::Timestamp;

use super::{
    Bench,
    figures::{Circumstances, Run},
    headlines::Headline,
    markdown, svg,
};
use crate::output::{self, File};

/// Where figures are written down.
pub(super) const FOLDER: &str = "docs/bench";
/// The report, whose words are written by hand, and whose tables are not.
const REPORT: &str = "docs/bench/report.md";
/// Its first page has a few of the bars.
const README: &str = "README.md";
/// What writes all that follows from the figures.
const CURE: &str = "cargo xtask bench --redraw";
/// The marker of the table of bars.
const BARS: &str = "bars";

/// Writes down what a benchmark found.
pub(super) fn save(run: &Run, root: &Path) -> Result<PathBuf> {
    let path = place(&run.bench);
    let text = serde_json::to_string_pretty(run)? + "\n";
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    fs::write(root.join(&path), text)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The last record of a benchmark, if there is one.
pub(super) fn last(bench: Bench, root: &Path) -> Result<Option<Run>> {
    let path = place(bench.name());
    let text = match fs::read_to_string(root.join(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let run = Run::read(&text).with_context(|| path.display().to_string())?;
    ensure!(
        run.bench == bench.name() && run.circumstances.is_some(),
        "{} is no record of the benchmark {}",
        path.display(),
        bench.name()
    );
    Ok(Some(run))
}

fn place(bench: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{bench}.json"))
}

/// Writes the report and the plots that the recorded figures give, and removes plots that are no more. Answers what it
/// touched.
pub(super) fn redraw(root: &Path) -> Result<Vec<PathBuf>> {
    let files = follows(root)?;
    let touched = output::write(root, &files)?;
    for path in strangers(root, &files)? {
        fs::remove_file(root.join(&path))
            .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(touched)
}

/// What in the folder is not what the recorded figures give, with the cure.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let files = follows(root)?;
    let mut stale = output::stale(root, &files)?;
    stale.extend(strangers(root, &files)?);
    let told = stale.iter().map(|path| {
        format!(
            "{} is not what the figures in {FOLDER} give, and no figure is written by hand: run `{CURE}`",
            path.display()
        )
    });
    Ok(told.collect())
}

/// The report and the plots that the recorded figures give.
fn follows(root: &Path) -> Result<Vec<File>> {
    let mut runs = Vec::new();
    for &bench in Bench::value_variants() {
        runs.push((bench, last(bench, root)?));
    }
    let of = |wanted: Bench| {
        let mut runs = runs.iter();
        runs.find_map(|(bench, run)| run.as_ref().filter(|_| *bench == wanted))
    };
    let mut rows = Vec::new();
    for headline in &Headline::ALL {
        let figure = of(headline.bench).map(|run| headline.find(run));
        rows.push((headline, figure.transpose()?));
    }
    let read = |document: &str| {
        fs::read_to_string(root.join(document)).with_context(|| format!("cannot read {document}"))
    };
    let bars = markdown::headlines(&rows);
    let mut report = replaced(&read(REPORT)?, BARS, &bars).context(REPORT)?;
    rows.retain(|(headline, _)| headline.in_readme);
    let bars = markdown::headlines(&rows);
    let readme = replaced(&read(README)?, BARS, &bars).context(README)?;
    let mut files = vec![File {
        path: README.into(),
        contents: readme.into_bytes(),
    }];
    for (bench, run) in &runs {
        // Every benchmark has its place, whether anything was recorded yet or not.
        let Some(run) = run else {
            replaced(&report, bench.name(), "").context(REPORT)?;
            continue;
        };
        report = replaced(&report, bench.name(), &markdown::section(run)).context(REPORT)?;
        for plot in &run.plots {
            files.push(File {
                path: Path::new(FOLDER).join(markdown::file(run, &plot.file)),
                contents: svg::draw(plot)?.into_bytes(),
            });
        }
    }
    files.push(File {
        path: REPORT.into(),
        contents: report.into_bytes(),
    });
    Ok(files)
}

/// Plots in the folder that follow from nothing.
fn strangers(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let mut strangers = Vec::new();
    for path in output::walk(&root.join(FOLDER))? {
        let path = path.strip_prefix(root)?.to_owned();
        let plot = path.extension().is_some_and(|ending| ending == "svg");
        if plot && !files.iter().any(|file| file.path == path) {
            strangers.push(path);
        }
    }
    Ok(strangers)
}

/// The document with other text between the markers of `name`.
fn replaced(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let missing = || format!("there is no {begin} ... {end}");
    let (before, rest) = document.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim()))
}

/// When and on what figures come about now.
pub(super) fn circumstances(root: &Path) -> Result<Circumstances> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a record names its day, and nothing is tested by it"
    )]
    let now = Timestamp::try_from(SystemTime::now())?;
    let processor = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    // Whatever a record has written is no change of what is measured.
    let changes = [
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ".",
        ":!docs",
    ];
    let commit = said(
        Command::new("git").args(["rev-parse", "--short=12", "HEAD"]),
        root,
    )?;
    let changed = match said(Command::new("git").args(changes), root)?.is_empty() {
        true => "",
        false => ", changed",
    };
    Ok(Circumstances {
        date: now.strftime("%Y-%m-%d").to_string(),
        cores: std::thread::available_parallelism()?.get(),
        processor,
        rustc: said(Command::new(rustc).arg("--version"), root)?,
        commit: format!("{commit}{changed}"),
    })
}

/// What a program prints.
fn said(command: &mut Command, root: &Path) -> Result<String> {
    let name = command.get_program().to_owned();
    let output = command
        .current_dir(root)
        .output()
        .with_context(|| format!("cannot start {}", name.display()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        name.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
    fn the_report_is_what_the_recorded_figures_give() {
        let problems = problems(&crate::root()).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn circumstances_tell_when_and_on_what() {
        let now = circumstances(&crate::root()).unwrap();
        assert_eq!(now.date.len(), 10, "{}", now.date);
        assert!(now.rustc.starts_with("rustc "), "{}", now.rustc);
        assert!(now.cores > 0 && !now.processor.is_empty() && now.commit.len() >= 12);
    }

    /// A folder with a report of all benchmarks, and a record of one of them.
    fn recorded() -> (tempfile::TempDir, Run) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        let mut report = "# Report\n\n<!-- bars -->\n<!-- /bars -->\n".to_owned();
        fs::write(root.path().join(README), &report).unwrap();
        for bench in Bench::value_variants() {
            let name = bench.name();
            report.push_str(&format!("\n<!-- {name} -->\nas it was\n<!-- /{name} -->\n"));
        }
        fs::write(root.path().join(REPORT), report).unwrap();
        let figure = |[group, name]: [&str; 2], value: f64, most: f64| -> Value {
            json!({ "group": group, "name": name, "value": value, "unit": "s", "bar": { "at_most": most }, "met": value <= most })
        };
        let run = json!({
            "bench": "codegen",
            "circumstances": { "date": "2026-11-23", "cores": 2, "processor": "P", "rustc": "rustc 1.90.0", "commit": "0123456789ab" },
            "figures": [figure(super::super::codegen::WHOLE, 3.0, 5.0), figure(super::super::codegen::CHECK, 1.4, 1.0)],
            "plots": [{ "file": "times", "title": "Times", "kind": "bars", "y": "s", "series": [{ "name": "a", "points": [["b", 1]] }] }],
        });
        let run = Run::read(&run.to_string()).unwrap();
        save(&run, root.path()).unwrap();
        (root, run)
    }

    #[test]
    fn a_record_is_drawn_into_the_report_and_what_was_not_recorded_stays() {
        let (root, run) = recorded();
        let root = root.path();
        let touched = redraw(root).unwrap();
        let plot = format!("{FOLDER}/codegen-times.svg");
        assert_eq!(touched, [README, &plot, REPORT].map(PathBuf::from));
        let readme = fs::read_to_string(root.join(README)).unwrap();
        assert!(readme.contains("| start to serving") && !readme.contains("codegen"));
        let report = fs::read_to_string(root.join(REPORT)).unwrap();
        for part in [
            "2026-11-23, 2 cores, P, rustc 1.90.0, commit 0123456789ab:",
            "≤ 1 s, **missed** by 40 %",
            "![Times](codegen-times.svg)",
            "<!-- load -->\nas it was\n<!-- /load -->",
            "| not recorded yet |",
        ] {
            assert!(report.contains(part), "{part} is not in\n{report}");
        }
        assert_eq!(last(Bench::Codegen, root).unwrap(), Some(run));
        assert_eq!(problems(root).unwrap(), [""; 0]);
        assert!(redraw(root).unwrap().is_empty());
    }

    #[test]
    fn figures_and_plots_that_somebody_edited_or_left_are_told_with_the_cure() {
        let (root, _) = recorded();
        let root = root.path();
        redraw(root).unwrap();
        let report = fs::read_to_string(root.join(REPORT)).unwrap();
        fs::write(root.join(REPORT), report.replace("1.40 s", "0.90 s")).unwrap();
        fs::write(root.join(FOLDER).join("old.svg"), "").unwrap();
        let problems = problems(root).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        for (problem, file) in problems.iter().zip(["report.md", "old.svg"]) {
            assert!(
                problem.contains(file) && problem.contains(CURE),
                "{problem}"
            );
        }
        redraw(root).unwrap();
        assert_eq!(super::problems(root).unwrap(), [""; 0]);
    }

    #[test]
    fn a_record_without_a_figure_that_the_bars_need_is_told() {
        let (root, mut run) = recorded();
        run.figures.truncate(1);
        save(&run, root.path()).unwrap();
        let error = redraw(root.path()).unwrap_err().to_string();
        assert!(error.contains("headlines.rs"), "{error}");
    }
}
