//! Runs the pages, each as somebody who follows it does: a gateway in one terminal, one shell in another.
//!
//! Needs `buf` and `python3` on the path. With `DOCS_PAGE` set, only pages run whose path has that text in it.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::Write as _,
    os::unix::{fs::symlink, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
    sync::{LazyLock, mpsc},
    time::Duration,
};

use tokio::time::Instant;

use super::{Held, ROOT, blocks, held, output, pages};
use crate::{
    built::{by_hand, programs},
    external::gateway::Gateway,
};

/// Longer than any page takes on a busy machine: those of the clients build their programs first.
const PATIENCE: Duration = Duration::from_secs(600);
/// Ends what a block has printed.
const MARK: char = '\u{1e}';
/// What a reader's shell does not do: it stops at the first command that fails, and expects that `!` fails. cargo knows a
/// workspace by its path, so it runs where the workspace is built already.
const PRELUDE: &str = "set -euo pipefail
cargo() { (cd \"$WORKSPACE\" && command cargo \"$@\"); }
exec 2>&1
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
refused() { if \"$@\"; then echo 'this was to fail'; return 1; fi; }
";

/// The path of somebody who has built our programs.
static PATH: LazyLock<OsString> = LazyLock::new(|| {
    let path = env::var_os("PATH").unwrap();
    let folders = [programs().to_owned()].into_iter();
    env::join_paths(folders.chain(env::split_paths(&path))).unwrap()
});

/// Commands that are run, with the output that the page shows for them.
struct Step {
    /// Where they stand.
    place: String,
    script: String,
    /// The kind of the output's block, and what is in it.
    shown: Option<(String, String)>,
}

#[test]
fn every_page_does_what_it_says() {
    let only = env::var("DOCS_PAGE").unwrap_or_default();
    let mut problems = Vec::new();
    let mut ran = 0;
    for page in pages() {
        if !page.to_string_lossy().contains(&only) {
            continue;
        }
        let (files, steps) = followed(&page);
        if steps.is_empty() {
            continue;
        }
        ran += 1;
        let start = Instant::now();
        let result = run(&files, &steps);
        // Past the capture of tests: how long a page takes is told each time.
        let seconds = start.elapsed().as_secs_f64();
        let word = if result.is_ok() { "runs" } else { "FAILS" };
        let (page, count) = (page.display(), steps.len());
        writeln!(
            std::io::stdout(),
            "{page} {word}: {count} blocks, {seconds:.1} s"
        )
        .unwrap();
        problems.extend(result.err());
    }
    assert!(ran > 0, "no page has {only} in its path");
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
}

/// A file that the page shows, with its name.
struct Shown {
    name: String,
    text: String,
}

/// What is written and run of a page.
fn followed(page: &Path) -> (Vec<Shown>, Vec<Step>) {
    let mut files = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut before = None;
    for block in blocks(page) {
        before = held(&block, before).ok();
        let step = |script: String, shown: Option<(String, String)>| Step {
            place: block.place(),
            script,
            shown,
        };
        match before {
            Some(Held::Shell) if block.kind == "console" => {
                // `$ command`, and what it prints up to the next one.
                for part in format!("\n{}", block.text).split("\n$ ").skip(1) {
                    let (command, printed) = part.split_once('\n').unwrap_or((part, ""));
                    let shown = (!printed.is_empty()).then(|| ("text".into(), printed.into()));
                    steps.push(step(format!("{command}\n"), shown));
                }
            }
            Some(Held::Shell) => steps.push(step(block.text.clone(), None)),
            Some(Held::Python) => {
                // Python itself tells what a program leaves open.
                let python = "python3 -X dev -W error - <<'END OF THE BLOCK'";
                let script = format!("{python}\n{}END OF THE BLOCK\n", block.text);
                steps.push(step(script, None));
            }
            Some(Held::Output) => {
                steps.last_mut().unwrap().shown = Some((block.kind, block.text));
            }
            Some(Held::Settings) => {
                let first = block.text.lines().next().unwrap_or_default();
                let name = first.strip_prefix("# ");
                if let Some(name) = name.filter(|name| name.ends_with(".toml")) {
                    files.push(Shown {
                        name: name.to_owned(),
                        text: block.text.clone(),
                    });
                }
            }
            Some(Held::Json | Held::Included | Held::Elsewhere) | None => {}
        }
    }
    (files, steps)
}

/// Runs the blocks in order; the first that fails, or prints something else than the page shows, is told.
fn run(files: &[Shown], steps: &[Step]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    // Readers stand in the root of the repository, and what they write does not stay there.
    for entry in fs::read_dir(ROOT).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "target" {
            symlink(
                entry.path().canonicalize().unwrap(),
                folder.path().join(entry.file_name()),
            )
            .unwrap();
        }
    }
    for file in files {
        fs::write(folder.path().join(&file.name), &file.text).unwrap();
    }
    let (first, second): (Vec<_>, Vec<_>) = steps.iter().partition(|step| is_gateway(step));
    let gateway = match &first[..] {
        [] => "openfinance-gateway --sandbox",
        [one] => one.script.trim(),
        [_, other, ..] => return Err(format!("{}: a second gateway", other.place)),
    };
    // Built as the tests are.
    let gateway = gateway.replace("cargo run --release --", "openfinance-gateway");
    let log = folder.path().join("gateway.log");
    let mut command = bash(&format!("exec env {gateway}"), folder.path());
    let gateway = Gateway::start(command.stderr(File::create(&log).unwrap()));

    let scripts = second
        .iter()
        .map(|step| refusals(&step.script) + "printf '\\036'\n");
    let script = PRELUDE.to_owned() + &scripts.collect::<String>();
    let printed = bash_prints(&script, folder.path())?;
    drop(gateway);
    let mut printed = printed.split(MARK);
    for step in &second {
        let text = printed.next().unwrap_or_default();
        let problem = match &step.shown {
            // The last part is of the block that did not come to its mark.
            _ if printed.clone().next().is_none() => Some(format!("failed and printed\n{text}")),
            Some((kind, shown)) => output::differs(kind, shown, text),
            None => None,
        };
        if let Some(problem) = problem {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let log: Vec<_> = log.lines().rev().take(5).collect();
            let log: Vec<_> = log.into_iter().rev().collect();
            return Err(format!(
                "{}: {problem}\nThe gateway's last lines:\n{}",
                step.place,
                log.join("\n")
            ));
        }
    }
    Ok(())
}

/// The script with its `!` made what `set -e` heeds: a command that is to fail, and does not, ends the page.
fn refusals(script: &str) -> String {
    let lines = script.lines().map(|line| match line.strip_prefix("! ") {
        Some(command) => format!("refused {command}\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// Whether the block is what a reader types into the terminal in which the gateway runs.
fn is_gateway(step: &Step) -> bool {
    let script = step.script.trim();
    script.lines().count() == 1 && script.ends_with(" --sandbox")
}

fn bash(script: &str, folder: &Path) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", &*PATH)
        .env("WORKSPACE", ROOT)
        .stdin(Stdio::null());
    by_hand(&mut command);
    let ours = |name: &str| name.starts_with("OPENFINANCE_") || name.starts_with("OTEL_");
    for (name, _) in env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// What the script prints, on both of its outputs as they would stand on a screen.
fn bash_prints(script: &str, folder: &Path) -> Result<String, String> {
    let file = folder.join("page.log");
    let mut command = bash(script, folder);
    command
        .stdout(File::create(&file).unwrap())
        .stderr(Stdio::inherit());
    let mut child = command.process_group(0).spawn().unwrap();
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::spawn(move || sender.send(child.wait()));
    let ended = receiver.recv_timeout(PATIENCE);
    if ended.is_err() {
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{id}")])
            .status();
    }
    let _ = waiting.join();
    let printed = fs::read(&file)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap();
    match ended {
        Ok(_) => Ok(printed),
        Err(_) => Err(format!(
            "the page did not end in {PATIENCE:?} and printed\n{printed}"
        )),
    }
}
