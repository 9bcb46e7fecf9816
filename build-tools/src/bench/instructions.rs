//! How many instructions the gateway carries out for the calls that matter: counted by callgrind, recorded, and guarded.
//!
//! Unlike times, counts are the same on a busy machine and on an idle one, so that they can be compared with those of
//! another day. They are not the same for another compiler or kind of processor; build-tools/README.md says what follows.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cargo::cargo;

use super::{Bench, compared::Compared, figures::Run, of_bench, record};

/// The cargo profile that the program is built with.
const PROFILE: &str = "instructions";

/// Where the counts are kept that a record has by place of the source.
const PLACES: &str = "docs/bench/instructions-places.json";

/// What writes the counts down.
pub(super) const ACCEPT: &str = "cargo xtask bench instructions --record";

/// How many of the places that have grown are told, and how many functions.
const TOLD: usize = 8;

/// Instructions by place of the source: a file of ours, another crate, or a library.
pub(super) type Places = BTreeMap<String, f64>;

/// Where the instructions of one kind of call are.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Spent {
    pub(super) places: Places,
    /// Those of each function itself, without what it calls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) functions: BTreeMap<String, f64>,
}

/// By the name of the figure.
type Spending = BTreeMap<String, Spent>;

/// Builds the program and counts.
pub(super) fn measure(root: &Path) -> Result<Run> {
    ensure!(
        Command::new("valgrind").arg("--version").output().is_ok(),
        "valgrind is missing: install it (Debian: `apt-get install valgrind`)"
    );
    let folder = folder(root);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let built = cargo()
        .args(["build", "--locked", "--profile", PROFILE])
        // As it ships.
        .args(["--package", "openfinance-gateway", "--no-default-features"])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    ensure!(built.success(), "the program does not build");
    // The caller need not be fast. It is built as the tests are, of all packages at once, so that it is there already
    // where they have run.
    let program = crate::target(root)
        .join(PROFILE)
        .join("openfinance-gateway");
    let arguments = [
        "--profile",
        "dev",
        "--workspace",
        "--bench",
        "instructions",
        "--",
    ];
    let arguments = arguments.map(OsStr::new).into_iter();
    let arguments: Vec<_> = arguments
        .chain([program.as_os_str(), folder.as_os_str()])
        .collect();
    let printed = of_bench(&arguments, root)?;
    ensure!(printed.status.success(), "counting failed");
    let figures = String::from_utf8(printed.stdout)?;
    Run::read(&figures).context("it printed no figures that can be read")
}

/// Where callgrind's files are, until it is counted again.
fn folder(root: &Path) -> PathBuf {
    crate::target(root).join("callgrind")
}

/// Writes down where the instructions were that were counted last, beside the figures.
pub(super) fn keep_places(root: &Path) -> Result<()> {
    let mut spending = spending(&folder(root).join("places.json"))?;
    for spent in spending.values_mut() {
        spent.functions.clear();
    }
    let text = serde_json::to_string_pretty(&spending)? + "\n";
    fs::write(root.join(PLACES), text).with_context(|| format!("cannot write {PLACES}"))
}

fn spending(path: &Path) -> Result<Spending> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// Counts, compares with what was recorded, and answers whether no call has grown.
pub(crate) fn guard(root: &Path, out: &mut dyn Write) -> Result<bool> {
    let recorded = record::last(Bench::Instructions, root)?
        .with_context(|| format!("nothing is recorded: run `{ACCEPT}`"))?;
    let now = measure(root)?;
    let rustc = record::circumstances(root)?.rustc;
    let compared = Compared::of(&recorded, &now, &rustc)?;
    write!(out, "{compared}")?;
    let grown = compared.grown();
    if !grown.is_empty() {
        let folder = folder(root);
        let before = spending(&root.join(PLACES))?;
        let after = spending(&folder.join("places.json"))?;
        for name in grown {
            let of = |spending: &Spending| spending.get(name).cloned().unwrap_or_default();
            let (before, after) = (of(&before), of(&after));
            writeln!(out, "\n{name}: where more instructions are")?;
            for (place, more) in growth(&before.places, &after.places) {
                writeln!(out, "  {more:>+9} {place}")?;
            }
            writeln!(out, "the functions with most, without what they call")?;
            for (function, count) in largest(&after.functions) {
                writeln!(out, "  {count:>9} {function}")?;
            }
        }
        writeln!(
            out,
            "\nAll of it: callgrind_annotate --inclusive=yes {}/NAME.callgrind\n\
             If the change is worth it, this accepts the new counts: {ACCEPT}",
            folder.display()
        )?;
    }
    Ok(compared.is_good())
}

/// The places with more instructions than before, those that grew most first.
fn growth(before: &Places, after: &Places) -> Vec<(String, f64)> {
    let more = after.iter().filter_map(|(place, count)| {
        let more = count - before.get(place).copied().unwrap_or_default();
        (more > 0.0).then_some((place.clone(), more))
    });
    largest(&more.collect())
}

fn largest(counts: &Places) -> Vec<(String, f64)> {
    let mut counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    counts.sort_by(|one, other| other.1.total_cmp(&one.1));
    counts.truncate(TOLD);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_grew_are_told_most_first_and_new_ones_too() {
        let places = |counts: &[(&str, f64)]| {
            let counts = counts
                .iter()
                .map(|(place, count)| ((*place).to_owned(), *count));
            counts.collect::<Places>()
        };
        let before = places(&[("h2", 100.0), ("hyper", 90.0), ("libc", 50.0)]);
        let after = places(&[
            ("h2", 110.0),
            ("hyper", 80.0),
            ("libc", 50.0),
            ("sha2", 70.0),
        ]);
        let expected = [("sha2".to_owned(), 70.0), ("h2".to_owned(), 10.0)];
        assert_eq!(growth(&before, &after), expected);
    }

    #[test]
    fn every_recorded_count_has_its_places() {
        let root = crate::root();
        let recorded = record::last(Bench::Instructions, &root).unwrap().unwrap();
        let spending = spending(&root.join(PLACES)).unwrap();
        let names: Vec<_> = recorded.figures.iter().map(|figure| &figure.name).collect();
        assert_eq!(spending.len(), names.len());
        for name in names {
            let places = &spending[name].places;
            assert!(places.values().all(|count| count.is_finite()), "{name}");
            assert!(!places.is_empty(), "{name}");
        }
    }
}
