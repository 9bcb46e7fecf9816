//! The README and the pages of `docs/`: every fenced block is run and compared, or held in a way that its kind has.
//!
//! `docs/maintainers/pages.md` tells authors the rules. Here they are kept.

pub(crate) mod block;
mod elsewhere;
#[cfg(feature = "external")]
mod output;
#[cfg(feature = "external")]
mod run;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
};

use openfinance_sandbox::Quirks;

use self::block::{Block, blocks};

/// The root of the workspace.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How a block is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Commands of a shell, run in the page's order.
    Shell,
    /// A program in Python, run in the page's order.
    Python,
    /// What the commands or the program of the block before print.
    Output,
    /// JSON that is no command's output: it can be read.
    Json,
    /// Settings of the gateway, which it takes.
    Settings,
    /// Code of another file, whose own tests hold it.
    Included,
    /// Held elsewhere, or not at all, for a reason that is written down.
    Elsewhere,
}

/// All pages, as paths below the root.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(ROOT).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// How a block is held, or what is wrong with it. `before` is the block before it.
fn held(block: &Block, before: Option<Held>) -> Result<Held, String> {
    if elsewhere::reason(block).is_some() {
        return Ok(Held::Elsewhere);
    }
    let runs = matches!(before, Some(Held::Shell | Held::Python));
    let is_output = block.follows && runs;
    match block.kind.as_str() {
        "sh" => Ok(Held::Shell),
        "console" if block.text.starts_with("$ ") => Ok(Held::Shell),
        "console" | "text" | "json" if is_output => Ok(Held::Output),
        "console" | "text" => Err("is output, and no block of commands is right before it".into()),
        "json" => match serde_json::from_str::<serde_json::Value>(&block.text) {
            Ok(_) => Ok(Held::Json),
            Err(error) => Err(format!("is no JSON: {error}")),
        },
        "toml" => settings::taken(&block.text).map(|()| Held::Settings),
        _ if block.included => Ok(Held::Included),
        "python" => Ok(Held::Python),
        "" => Err("has no kind".into()),
        kind => Err(format!(
            "is {kind}, which is held only where it is included from a file that has tests"
        )),
    }
}

#[test]
fn every_block_of_the_pages_is_of_a_kind_that_is_held() {
    let mut problems = Vec::new();
    let pages = pages();
    assert!(pages.len() > 10, "the pages were not found");
    for page in &pages {
        let mut before = None;
        for block in blocks(page) {
            before = match held(&block, before) {
                Ok(held) => Some(held),
                Err(problem) => {
                    problems.push(format!("{}: the block {problem}", block.place()));
                    None
                }
            };
        }
    }
    let rules = "docs/maintainers/pages.md has the rules";
    assert!(problems.is_empty(), "{}\n{rules}", problems.join("\n"));
}

#[test]
fn every_switch_of_the_sandbox_is_on_the_page_of_what_is_unverified() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/unverified.md")).unwrap();
    let code: Vec<_> = page.split('`').skip(1).step_by(2).collect();
    // Debug names the members, which are called as the switches are.
    let quirks = format!("{:?}", Quirks::default());
    let members = quirks
        .split(['{', ','])
        .filter_map(|member| member.split_once(": "));
    let switches: Vec<_> = members
        .map(|(name, _)| name.trim().replace('_', "-"))
        .collect();
    assert!(switches.len() > 20, "{switches:?}");
    for switch in switches {
        assert!(
            code.contains(&switch.as_str()),
            "docs/unverified.md does not have the switch {switch}"
        );
    }
}
