//! `cargo xtask`: regenerates the bindings and keeps the architecture.
//!
//! Exit codes: 0 good, 1 broken, 2 wrong usage, 4 stale. `spec diff` has its own: 0 nothing that matters, 1 additive,
//! 2 breaking, 3 unusable input or wrong usage.

mod api;
mod bench;
mod book;
mod cargo;
mod chaos;
mod ci;
mod compare;
mod deny;
mod diff;
mod fuzz;
mod gate;
mod import;
mod lineage;
mod output;
mod reference;
mod release;
mod rest;
mod rpc;
mod sbom;
mod shown;
mod smoke;
mod spec;
mod standalone;
mod tidy;

use std::{
    io::Write,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};

/// Tools of the workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Regenerates the bindings from openapi/ and proto/.
    Codegen {
        /// Which bindings; all of them by default.
        what: Option<Bindings>,
        /// Write nothing; exit 4 and name the files if any is stale.
        #[arg(long, conflicts_with = "spec")]
        check: bool,
        /// Make a crate of its own from this OpenAPI 3.0 document instead, with every operation in it.
        #[arg(long, value_name = "FILE", requires = "out")]
        spec: Option<PathBuf>,
        /// The folder for that crate; it must not exist, or hold an earlier one.
        #[arg(long, value_name = "FOLDER", requires = "spec")]
        out: Option<PathBuf>,
    },
    /// Takes over what the vendor publishes, or says what changed in it.
    #[command(subcommand)]
    Spec(SpecCommand),
    /// Checks the rules that no compiler knows: who imports whom, headers, the overlay, the lineage of fields.
    Tidy,
    /// Runs all that continuous integration runs.
    Ci {
        /// And then the suites that take too long for every commit.
        #[arg(long)]
        full: bool,
    },
    /// Kills the gateway at every point of every create, many times over, and tries the model with many seeds; exit 1 if
    /// a record is lost or made twice.
    Chaos {
        /// How often each create is killed at each point.
        #[arg(long, default_value_t = chaos::REPEATS)]
        repeats: u64,
        /// What the runs differ by; a failure names the seed that repeats it.
        #[arg(long, default_value_t = chaos::SEED)]
        seed: u64,
    },
    /// Builds the program as the image has it, without the sandbox, and runs it as a container would.
    Smoke {
        /// Build it soon rather than as it ships.
        #[arg(long)]
        debug: bool,
    },
    /// Writes the bill of materials of the gateway as it ships, CycloneDX 1.6, to standard output or to a file.
    Sbom {
        /// The file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Builds the documentation as a site in target/book, and holds its links and those of all Markdown; exit 1 if one leads
    /// nowhere.
    Book {
        /// Build nothing: hold the links of the Markdown alone.
        #[arg(long)]
        check: bool,
        /// The program that builds it.
        #[arg(
            long,
            value_name = "PROGRAM",
            default_value = "mdbook",
            conflicts_with = "check"
        )]
        mdbook: PathBuf,
    },
    /// What mdBook itself runs, by docs/book.toml: the book comes in and goes out as JSON.
    #[command(hide = true)]
    BookPreprocessor {
        /// `supports` and the name of a renderer, which is always answered with yes.
        question: Vec<String>,
    },
    /// Writes the archive of the protos for callers, openfinance-protos-VERSION.tar.gz, and prints its SHA-256.
    Release {
        /// The folder to write it into.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Runs benchmarks; exit 1 if a bar is missed.
    Bench {
        /// Which one; all of them by default.
        which: Option<bench::Bench>,
        /// Write the figures down in docs/bench/, and draw the report and its plots anew.
        #[arg(long)]
        record: bool,
        /// Measure nothing: draw the report and its plots of the figures that were recorded last.
        #[arg(long, conflicts_with_all = ["which", "record"])]
        redraw: bool,
    },
    /// Counts the instructions that the gateway carries out for the calls that matter, with valgrind; exit 1 if one takes over
    /// 5 % more than docs/bench/instructions.json has. `bench instructions --record` writes new ones.
    Instructions,
    /// Compares three clients under the same faults; exit 1 if other figures come out than docs/comparison.md has.
    Compare {
        /// Write the figures down in docs/comparison.md.
        #[arg(long)]
        record: bool,
    },
}

#[derive(Subcommand)]
enum SpecCommand {
    /// Cuts the vendor's document to our operations, takes over its structure, regenerates, and prints what changed.
    /// Refuses a broken document and then writes nothing.
    Import {
        /// The vendor's document.
        vendor: PathBuf,
        /// An operation to take into scope; may be given several times.
        #[arg(long, value_name = "OPERATION")]
        add: Vec<String>,
    },
    /// Says what changed between two documents, in the operations of ours. Exit 0 nothing or words only, 1 additive,
    /// 2 breaking, 3 unusable input or wrong usage.
    Diff {
        /// The older document; ours, or a whole one of the vendor's.
        old: PathBuf,
        /// The newer document.
        new: PathBuf,
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t = diff::Format::Text)]
        format: diff::Format,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Bindings {
    /// openapi/ to crates/rest.
    Rest,
    /// proto/ to crates/rpc.
    Rpc,
}

impl Bindings {
    fn generate(self, root: &Path) -> Result<Vec<output::File>> {
        match self {
            Self::Rest => rest::generate(root),
            Self::Rpc => {
                let protos = rpc::Protos::compile(root)?;
                let lineage = lineage::Lineage::of(&protos, root)?;
                let mut files = rpc::generate(&protos)?;
                files.push(lineage::page(&protos, &lineage));
                files.extend(reference::pages(&protos, &lineage)?);
                Ok(files)
            }
        }
    }

    /// The command that cures stale bindings.
    fn command(self) -> &'static str {
        match self {
            Self::Rest => "cargo xtask codegen rest",
            Self::Rpc => "cargo xtask codegen rpc",
        }
    }
}

const GOOD: u8 = 0;
const BROKEN: u8 = 1;
const USAGE: u8 = 2;
const STALE: u8 = 4;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to do about an output that is closed.
            let _ = error.print();
            return ExitCode::from(usage_code(&error));
        }
    };
    let comparing = matches!(cli.command, Command::Spec(SpecCommand::Diff { .. }));
    let broken = if comparing { diff::UNUSABLE } else { BROKEN };
    let mut out = std::io::stdout().lock();
    match run(cli.command, &root(), &mut out) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nothing is left to do about an error output that is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(broken)
        }
    }
}

/// What wrong usage exits with: 2, but for `spec diff`, where 2 has a meaning of its own.
fn usage_code(error: &clap::Error) -> u8 {
    let mut words = std::env::args().skip(1);
    let diff = words.next().as_deref() == Some("spec") && words.next().as_deref() == Some("diff");
    match (error.exit_code(), diff) {
        (0, _) => GOOD,
        (_, true) => diff::UNUSABLE,
        (_, false) => USAGE,
    }
}

fn run(command: Command, root: &Path, out: &mut dyn Write) -> Result<u8> {
    match command {
        Command::Codegen {
            what: Some(Bindings::Rpc),
            spec: Some(_),
            ..
        } => {
            writeln!(
                out,
                "`codegen rpc` knows no --spec: only the REST client is made from an OpenAPI document"
            )?;
            Ok(USAGE)
        }
        Command::Codegen {
            spec: Some(spec),
            out: Some(folder),
            ..
        } => standalone::write(&spec, &folder, out).map(|()| GOOD),
        Command::Codegen { what, check, .. } => {
            let all = [Bindings::Rest, Bindings::Rpc];
            let chosen = what.as_ref().map_or(all.as_slice(), std::slice::from_ref);
            codegen(chosen, check, root, out)
        }
        Command::Spec(SpecCommand::Import { vendor, add }) => {
            import::run(root, &vendor, &add, out).map(|()| GOOD)
        }
        Command::Spec(SpecCommand::Diff { old, new, format }) => {
            diff::run(root, &old, &new, format, out)
        }
        Command::Ci { full } => {
            ci::run(root, full, out)?;
            if full {
                smoke::run(smoke::Build::Release, root, out)?;
            }
            let held = !full || chaos::run(chaos::REPEATS, chaos::SEED, root)?;
            Ok(if held { GOOD } else { BROKEN })
        }
        Command::Book { check, mdbook } => {
            let extent = match check {
                true => book::Extent::Markdown,
                false => book::Extent::Site(&mdbook),
            };
            let good = book::run(root, extent, out)?;
            Ok(if good { GOOD } else { BROKEN })
        }
        Command::BookPreprocessor { question } => {
            if question.is_empty() {
                book::preprocess(root, &mut std::io::stdin().lock(), out)?;
            }
            Ok(GOOD)
        }
        Command::Bench { redraw: true, .. } => bench::redraw(root, out).map(|()| GOOD),
        Command::Bench { which, record, .. } => {
            let met = bench::run(which, record.into(), root, out)?;
            Ok(if met { GOOD } else { BROKEN })
        }
        Command::Instructions => {
            let good = bench::instructions::guard(root, out)?;
            Ok(if good { GOOD } else { BROKEN })
        }
        Command::Compare { record } => {
            let same = compare::run(record.into(), root)?;
            Ok(if same { GOOD } else { BROKEN })
        }
        Command::Chaos { repeats, seed } => {
            let held = chaos::run(repeats, seed, root)?;
            Ok(if held { GOOD } else { BROKEN })
        }
        Command::Smoke { debug } => {
            let build = match debug {
                true => smoke::Build::Debug,
                false => smoke::Build::Release,
            };
            smoke::run(build, root, out).map(|()| GOOD)
        }
        Command::Sbom { out: file } => {
            let text = sbom::document(root)?;
            match file {
                Some(file) => std::fs::write(&file, text)
                    .with_context(|| format!("cannot write {}", file.display()))?,
                None => out.write_all(text.as_bytes())?,
            }
            Ok(GOOD)
        }
        Command::Release { out: folder } => release::run(root, &folder, out).map(|()| GOOD),
        Command::Tidy => {
            let problems = tidy::problems(root)?;
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            Ok(if problems.is_empty() { GOOD } else { BROKEN })
        }
    }
}

/// Generates bindings side by side, and writes or compares them when there are all of them.
fn codegen(chosen: &[Bindings], check: bool, root: &Path, out: &mut dyn Write) -> Result<u8> {
    let generated: Vec<_> = thread::scope(|scope| {
        let generators: Vec<_> = chosen
            .iter()
            .map(|&bindings| (bindings, scope.spawn(move || bindings.generate(root))))
            .collect();
        let ends = generators.into_iter();
        ends.map(|(bindings, generator)| (bindings.command(), generator.join()))
            .collect()
    });
    let mut code = GOOD;
    let mut made = Vec::new();
    for (command, files) in generated {
        let files = files.unwrap_or_else(|panic| resume_unwind(panic));
        made.push((command, files.with_context(|| format!("{command} failed"))?));
    }
    for (command, files) in &made {
        if !check {
            for path in output::write(root, files)? {
                writeln!(out, "updated {}", path.display())?;
            }
            continue;
        }
        for path in output::stale(root, files)? {
            writeln!(out, "{} is stale: run `{command}`", path.display())?;
            code = STALE;
        }
    }
    Ok(code)
}

/// The folder for build results.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// The workspace this tool was built in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(bindings: Bindings) {
        let mut report = Vec::new();
        let code = codegen(&[bindings], true, &root(), &mut report).unwrap();
        assert_eq!(code, GOOD, "{}", String::from_utf8_lossy(&report));
    }

    #[test]
    fn protos_from_an_openapi_document_are_wrong_usage() {
        let command = Command::Codegen {
            what: Some(Bindings::Rpc),
            check: false,
            spec: Some("vendor.yaml".into()),
            out: Some("client".into()),
        };
        let mut said = Vec::new();
        assert_eq!(run(command, &root(), &mut said).unwrap(), USAGE);
        assert!(String::from_utf8(said).unwrap().contains("knows no --spec"));
    }

    #[test]
    fn rest_bindings_are_fresh() {
        fresh(Bindings::Rest);
    }

    #[test]
    fn rpc_bindings_are_fresh() {
        fresh(Bindings::Rpc);
    }
}
