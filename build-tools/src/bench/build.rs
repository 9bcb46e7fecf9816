//! `cargo xtask bench build`: what it takes to build a crate that depends on `openfinance-rest` alone.
//!
//! The crate has a folder, a target folder and a lock file of its own, the last one ours, so that it has the same versions.
//! Whatever it needs is there already, since it is part of what this workspace needs: nothing is fetched while it is timed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo::cargo;

use super::{
    figures::{Figure, Kind, Place, Plot, Run, Series},
    measured::{self, Cost, cost},
};

/// How often all is built, and how often the crate alone.
const CLEAN: usize = 3;
const INCREMENTAL: usize = 5;

/// A crate that reads one customer, which is the least that a client is for.
const MAIN: &str = include_str!("testdata/reader.rs");

/// What is built by whom: cargo's own settings hold, not those of whoever runs this.
const SETTINGS: [&str; 7] = [
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
];

/// A profile of cargo.
struct Profile {
    name: &'static str,
    arguments: &'static [&'static str],
}

const PROFILES: [Profile; 2] = [
    Profile {
        name: "debug",
        arguments: &[],
    },
    Profile {
        name: "release",
        arguments: &["--release"],
    },
];

/// Measures both profiles.
pub(super) fn measure(root: &Path) -> Result<Run> {
    let folder = tempfile::Builder::new()
        .prefix("build-of-rest-")
        // Where builds go anyhow: a folder for temporary files may be in memory.
        .tempdir_in(crate::target(root))?;
    let reader = Reader::new(folder.path(), root)?;
    let mut figures = Vec::new();
    let [mut clean_bars, mut incremental_bars] = [Vec::new(), Vec::new()];
    for profile in &PROFILES {
        let name = profile.name;
        let mut clean = Vec::new();
        for _ in 0..CLEAN {
            reader.clean()?;
            clean.push(reader.build(profile)?);
        }
        let mut incremental = Vec::new();
        for _ in 0..INCREMENTAL {
            reader.touch()?;
            incremental.push(reader.build(profile)?);
        }
        let group = format!("a crate that depends on openfinance-rest alone, {name}");
        let note = "all crates it needs, from nothing";
        let all = measured::figures([&group, "clean build"], &clean, None, note);
        let note = "its main.rs was touched";
        let own = measured::figures([&group, "incremental build"], &incremental, None, note);
        for (bars, figures) in [(&mut clean_bars, &all), (&mut incremental_bars, &own)] {
            let seconds = figures.first().map(|figure| figure.value);
            bars.extend(seconds.map(|seconds| (Place::Label(name.to_owned()), seconds)));
        }
        figures.extend(all);
        figures.push(count(&group, reader.crates(profile)?));
        figures.extend(own);
    }
    let series = |name: &str, points| Series {
        name: name.to_owned(),
        points,
    };
    let plot = Plot {
        file: "seconds".to_owned(),
        title: "Building a crate that depends on openfinance-rest alone".to_owned(),
        kind: Kind::Bars,
        x: "profile".to_owned(),
        y: "seconds".to_owned(),
        log_x: false,
        log_y: false,
        series: vec![
            series("clean", clean_bars),
            series("incremental", incremental_bars),
        ],
    };
    Ok(Run {
        bench: "build".to_owned(),
        circumstances: None,
        figures,
        plots: vec![plot],
    })
}

fn count(group: &str, crates: usize) -> Figure {
    Figure {
        group: group.to_owned(),
        name: "crates built".to_owned(),
        value: crates as f64,
        unit: String::new(),
        low: None,
        high: None,
        bar: None,
        met: None,
        note: Some("itself included; one with a build script counts once".to_owned()),
    }
}

/// The crate.
struct Reader {
    folder: PathBuf,
}

impl Reader {
    /// Writes it.
    fn new(folder: &Path, root: &Path) -> Result<Self> {
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), manifest(root)?)?;
        fs::write(folder.join("src/main.rs"), MAIN)?;
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))
            .context("cannot copy Cargo.lock")?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn cargo(&self, profile: &Profile) -> Command {
        let mut command = cargo();
        command
            .args(["build", "--offline", "--quiet"])
            .args(profile.arguments)
            .arg("--target-dir")
            .arg(self.target())
            .current_dir(&self.folder);
        for name in SETTINGS {
            command.env_remove(name);
        }
        command
    }

    fn clean(&self) -> Result<()> {
        let target = self.target();
        if target.exists() {
            fs::remove_dir_all(&target)
                .with_context(|| format!("cannot remove {}", target.display()))?;
        }
        Ok(())
    }

    /// Makes its source newer than what was built of it, and another one: cargo asks for the time, rustc for the text.
    fn touch(&self) -> Result<()> {
        let main = self.folder.join("src/main.rs");
        let text = fs::read_to_string(&main)?;
        Ok(fs::write(main, text + "// Touched.\n")?)
    }

    fn build(&self, profile: &Profile) -> Result<Cost> {
        cost(&mut self.cargo(profile)).context("cannot build a crate with openfinance-rest")
    }

    /// How many crates its build has, counted in what cargo tells of one that has nothing left to do.
    fn crates(&self, profile: &Profile) -> Result<usize> {
        let output = self
            .cargo(profile)
            .arg("--message-format=json")
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "cargo cannot tell what it built");
        packages(&String::from_utf8_lossy(&output.stdout))
    }
}

/// How many packages cargo's messages tell of.
fn packages(messages: &str) -> Result<usize> {
    let mut packages = BTreeSet::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("cargo told no JSON")?;
        if message["reason"] == "compiler-artifact" {
            packages.insert(message["package_id"].to_string());
        }
    }
    Ok(packages.len())
}

/// What the crate says of itself: a workspace of its own, wherever it lies.
fn manifest(root: &Path) -> Result<String> {
    let rest = root.join("crates/rest");
    let rest = rest.to_str().context("a path that is not UTF-8")?;
    // What JSON escapes in a string, TOML escapes likewise.
    let rest = serde_json::to_string(rest)?;
    Ok(format!(
        "[package]\nname = \"reader\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nopenfinance-rest = {{ path = {rest} }}\n\n[workspace]\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_one_that_cargo_can_build_with_our_versions() {
        let root = crate::root();
        let folder = tempfile::tempdir().unwrap();
        let reader = Reader::new(folder.path(), &root).unwrap();
        // What cargo does to the lock file before it builds.
        let output = cargo()
            .args(["update", "--workspace", "--offline"])
            .current_dir(&reader.folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let packages = |folder: &Path| -> BTreeSet<String> {
            let lock = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
            let lock: toml::Table = lock.parse().unwrap();
            let packages = lock["package"].as_array().unwrap().iter();
            let named = packages.map(|package| {
                let part = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
                format!("{} {}", part("name"), part("version"))
            });
            named.collect()
        };
        let (ours, mut its) = (packages(&root), packages(folder.path()));
        assert!(its.remove("reader 0.0.0"), "{its:?}");
        assert!(
            its.iter()
                .any(|package| package.starts_with("openfinance-rest ")),
            "{its:?}"
        );
        let strange: Vec<_> = its.difference(&ours).collect();
        assert_eq!(strange, [""; 0]);
        assert!(its.len() < ours.len());
    }

    #[test]
    fn packages_are_counted_once_whatever_is_built_of_them() {
        let artifact =
            |id: &str| format!("{{\"reason\":\"compiler-artifact\",\"package_id\":\"{id}\"}}\n");
        let messages = [artifact("a"), artifact("b"), artifact("a")].concat();
        let messages = format!("{messages}{{\"reason\":\"build-finished\",\"success\":true}}\n");
        assert_eq!(packages(&messages).unwrap(), 2);
        assert!(packages("Compiling").is_err());
    }
}
