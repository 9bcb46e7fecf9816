//! `tidy`: the architecture rules that no compiler knows. Every problem is told with its cure.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{bench, cargo::cargo, import, lineage, output, shown, spec};

/// What a package may import of ours, and what it must not import of others'. Tests may import more: `dev` is free.
struct Rule {
    package: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

/// Who may import whom. The generated crates stand alone; the domain knows no gRPC; the sandbox shares no logic with
/// the client that it tests; this tool must build while generated code is broken.
const RULES: [Rule; 8] = [
    Rule {
        package: "openfinance-rest",
        ours: &[],
        never: &["tonic", "axum"],
    },
    Rule {
        package: "openfinance-rpc",
        ours: &[],
        never: &["reqwest", "axum"],
    },
    Rule {
        package: "openfinance",
        ours: &["openfinance-rest"],
        never: &["tonic", "axum"],
    },
    Rule {
        package: "openfinance-gateway",
        ours: &["openfinance", "openfinance-rpc", "openfinance-sandbox"],
        never: &["progenitor-client"],
    },
    Rule {
        package: "openfinance-sandbox",
        ours: &["openfinance-rest"],
        never: &["tonic", "reqwest"],
    },
    Rule {
        package: "ofctl",
        ours: &["openfinance-rpc"],
        never: &["reqwest", "axum"],
    },
    Rule {
        package: "openfinance-client-example",
        ours: &["openfinance-rpc"],
        never: &["axum"],
    },
    Rule {
        package: "build-tools",
        ours: &[],
        never: &[],
    },
];

/// Tests of everything may import everything.
const FREE: [&str; 1] = ["e2e"];

/// Text that must not stand in a file, where the file's name does not end in one of these, and the cure.
const UNWANTED: [(&str, &str, &[&str], &str); 7] = [
    (
        "",
        concat!("danger_", "accept"),
        &[],
        "no certificate is taken unseen",
    ),
    (
        "",
        concat!(".danger", "ous()"),
        &[],
        "no certificate is taken unseen",
    ),
    ("", concat!("to", "do!("), &[], "finish it, or leave it out"),
    (
        "",
        concat!("unimplemented", "!("),
        &[],
        "finish it, or leave it out",
    ),
    (
        "",
        concat!("#[", "ignore"),
        &[],
        "make it run, put it behind the feature `external`, or remove it",
    ),
    (
        "crates/gateway/src",
        "reqwest::",
        &["jwks.rs"],
        "the gateway calls the vendor through the domain only",
    ),
    (
        "crates/sandbox/src",
        "openfinance_rest::Client",
        &[],
        "the sandbox takes only `types` from the client it tests",
    ),
];

/// Everything that breaks a rule, each with its cure.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let metadata = metadata(root)?;
    let mut problems = imports(&metadata);
    problems.extend(unsafe_code(root, &metadata)?);
    for folder in ["crates", "build-tools", "tests"] {
        for file in output::walk(&root.join(folder))? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                problems.extend(source(file.strip_prefix(root)?, &text));
            }
        }
    }
    problems.extend(import::problems(root)?);
    problems.extend(lineage::problems(root)?);
    problems.extend(shown::problems(root)?);
    problems.extend(bench::problems(root)?);
    if let Err(error) = spec::normalised(root) {
        problems.push(format!("{error:#}"));
    }
    Ok(problems)
}

/// What cargo knows of the workspace's packages.
fn metadata(root: &Path) -> Result<Value> {
    let output = cargo()
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Imports that the rules do not allow.
fn imports(metadata: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ours: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if FREE.contains(&name) {
            continue;
        }
        let Some(rule) = RULES.iter().find(|rule| rule.package == name) else {
            problems.push(format!(
                "{name} has no rule of what it may import: add one to build-tools/src/tidy.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let import = dependency["name"].as_str().unwrap_or_default();
            let refused = if ours.contains(&import) {
                !rule.ours.contains(&import)
            } else {
                rule.never.contains(&import)
            };
            if refused && dependency["kind"] != "dev" {
                problems.push(format!(
                    "{name} must not import {import}: move what needs it to where it may"
                ));
            }
        }
    }
    problems
}

/// The line that keeps unsafe code out of a crate, where the workspace's lints don't.
const FORBID: &str = "#![forbid(unsafe_code)]";

/// Targets of ours in which the compiler would let unsafe code pass: generated ones, programs and tests included.
fn unsafe_code(root: &Path, metadata: &Value) -> Result<Vec<String>> {
    let manifest = |path: &Path| -> Result<toml::Table> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.parse()?)
    };
    let workspace = manifest(&root.join("Cargo.toml"))?;
    let forbidden = at(&workspace, &["workspace", "lints", "rust", "unsafe_code"])
        .and_then(toml::Value::as_str)
        == Some("forbid");
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let own = manifest(Path::new(
            package["manifest_path"].as_str().unwrap_or_default(),
        ))?;
        let inherits = at(&own, &["lints", "workspace"]).and_then(toml::Value::as_bool);
        if forbidden && inherits == Some(true) {
            continue;
        }
        for target in package["targets"].as_array().into_iter().flatten() {
            let path = Path::new(target["src_path"].as_str().unwrap_or_default());
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if !text.lines().any(|line| line == FORBID) {
                let shown = path.strip_prefix(root).unwrap_or(path).display();
                problems.push(format!(
                    "{shown} lets unsafe code pass: take the workspace's lints, or write `{FORBID}`"
                ));
            }
        }
    }
    Ok(problems)
}

fn at<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (last, parents) = path.split_last()?;
    let table = parents
        .iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())?;
    table.get(*last)
}

/// What is wrong with one source file.
fn source(path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let shown = path.display();
    let generated = path
        .components()
        .any(|part| part.as_os_str() == "generated");
    if generated {
        if !text.starts_with("// @generated by cargo xtask codegen ") {
            problems.push(format!(
                "{shown} does not say that it is generated: run `cargo xtask codegen`"
            ));
        }
        return problems;
    }
    if !text.starts_with("//!") {
        problems.push(format!(
            "{shown} does not open with `//!`: say what it is for and what it leaves out"
        ));
    }
    for (folder, unwanted, except, cure) in UNWANTED {
        let excepted = except
            .iter()
            .any(|name| path.file_name() == PathBuf::from(name).file_name());
        if path.starts_with(folder) && !excepted && text.contains(unwanted) {
            problems.push(format!("{shown} has `{unwanted}`: {cure}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let problems = problems(&crate::root()).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn imports_against_the_rules_are_named() {
        let dependency = |name: &str, kind: Value| json!({ "name": name, "kind": kind });
        let metadata = json!({ "packages": [
            { "name": "openfinance-rest", "dependencies": [dependency("openfinance-rpc", Value::Null)] },
            { "name": "openfinance-rpc", "dependencies": [dependency("openfinance-rest", json!("dev"))] },
            { "name": "openfinance", "dependencies": [dependency("openfinance-rest", Value::Null), dependency("axum", Value::Null)] },
            { "name": "newcomer", "dependencies": [] },
            { "name": "e2e", "dependencies": [dependency("openfinance", Value::Null)] },
        ] });
        let problems = imports(&metadata);
        assert_eq!(
            problems,
            [
                "openfinance-rest must not import openfinance-rpc: move what needs it to where it may",
                "openfinance must not import axum: move what needs it to where it may",
                "newcomer has no rule of what it may import: add one to build-tools/src/tidy.rs",
            ]
        );
    }

    #[test]
    fn a_crate_that_lets_unsafe_code_pass_is_named() {
        let root = tempfile::tempdir().unwrap();
        let metadata = json!({ "packages": [{
            "manifest_path": root.path().join("one.toml"),
            "targets": [{ "src_path": root.path().join("lib.rs") }, { "src_path": root.path().join("main.rs") }],
        }] });
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        let found = || unsafe_code(root.path(), &metadata).unwrap();
        let inherits = "[lints]\nworkspace = true\n";
        let forbids = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        let forbidden_here = format!("//! Words.\n{FORBID}\n");
        write("lib.rs", &forbidden_here);
        for (workspace, own, main, problems) in [
            (forbids, inherits, "", 0),
            (forbids, "", "", 1),
            (
                "[workspace.lints.rust]\nunsafe_code = \"deny\"\n",
                inherits,
                "",
                1,
            ),
            (forbids, "", forbidden_here.as_str(), 0),
        ] {
            write("Cargo.toml", workspace);
            write("one.toml", own);
            write("main.rs", main);
            assert_eq!(found().len(), problems, "{workspace}{own}{main}");
        }
        write("main.rs", "");
        write("one.toml", "");
        assert_eq!(
            found(),
            [
                "main.rs lets unsafe code pass: take the workspace's lints, or write `#![forbid(unsafe_code)]`"
            ]
        );
    }

    #[test]
    fn sources_against_the_rules_are_named() {
        let found = |path: &str, text: &str| source(Path::new(path), text).len();
        assert_eq!(found("crates/domain/src/lib.rs", "//! Words.\n"), 0);
        assert_eq!(found("crates/domain/src/lib.rs", "use std::fmt;\n"), 1);
        assert_eq!(
            found(
                "crates/domain/src/lib.rs",
                concat!("//! Words.\nto", "do!()")
            ),
            1
        );
        let unseen = [
            concat!("danger_", "accept_invalid_certs(true)"),
            concat!("config.danger", "ous()"),
        ];
        for unseen in unseen {
            for path in [
                "crates/domain/src/lib.rs",
                "tests/world.rs",
                "build-tools/src/ci.rs",
            ] {
                assert_eq!(found(path, &format!("//! Words.\n{unseen}\n")), 1, "{path}");
            }
        }
        assert_eq!(found("crates/rest/src/generated/mod.rs", "//! Words.\n"), 1);
        assert_eq!(
            found(
                "crates/gateway/src/serve.rs",
                "//! Words.\nuse reqwest::Client;"
            ),
            1
        );
        assert_eq!(
            found(
                "crates/gateway/src/jwks.rs",
                "//! Words.\nuse reqwest::Client;"
            ),
            0
        );
    }
}
