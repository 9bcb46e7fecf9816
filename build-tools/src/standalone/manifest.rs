//! `Cargo.toml`: a name that cargo takes, and the libraries that the code uses, in the versions of our workspace.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use toml::{Table, Value as Toml};

use super::credentials::Scheme;

/// Our workspace, which every version comes from.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
/// Our own client, whose hand-written files this one has too, with all that they use.
const OURS: &str = include_str!("../../../crates/rest/Cargo.toml");
/// What generated types may use, and the feature that they need of it.
const SOMETIMES: [(&str, &str); 3] = [("jiff", "serde"), ("regress", ""), ("uuid", "serde")];

/// The package's name: from the document's title, or else from the folder's name.
pub(super) fn name(document: &Value, folder: &Path) -> String {
    let title = document["info"]["title"].as_str().unwrap_or_default();
    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
    let stem = [title, &folder]
        .into_iter()
        .map(kebab)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "api".to_owned());
    // The ending keeps the name from being a word of Rust, a library of Rust's, or one of those above.
    let is_library = ours().is_ok_and(|ours| ours.contains_key(&format!("{stem}-client")));
    let ending = if is_library {
        "-api-client"
    } else if stem.ends_with("-client") || stem == "client" {
        ""
    } else {
        "-client"
    };
    format!("{stem}{ending}")
}

fn kebab(text: &str) -> String {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut name = words.join("-");
    name.truncate(48);
    let name = name.trim_end_matches('-');
    match name.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("api-{name}"),
        _ => name.to_owned(),
    }
}

/// The manifest of the crate.
pub(super) fn manifest(
    document: &Value,
    name: &str,
    code: &str,
    schemes: &[Scheme],
) -> Result<String> {
    let workspace: Table = WORKSPACE.parse().context("our own Cargo.toml")?;
    let package = &workspace["workspace"]["package"];
    let libraries = workspace["workspace"]["dependencies"]
        .as_table()
        .context("our workspace has no dependencies")?;
    ensure!(
        !code.contains("::chrono::"),
        "a date with limits of its own is not supported: take them out of the document"
    );

    let mut wanted: BTreeMap<String, Vec<Toml>> = ours()?
        .into_iter()
        .map(|(library, ours)| (library, features(&ours)))
        .collect();
    for (library, feature) in SOMETIMES {
        if code.contains(&format!("::{library}::")) {
            let feature = Some(feature).filter(|feature| !feature.is_empty());
            let feature = feature.map(|feature| Toml::String(feature.to_owned()));
            wanted.insert(library.to_owned(), feature.into_iter().collect());
        }
    }
    if schemes.iter().any(Scheme::is_basic) {
        wanted.insert("base64".to_owned(), Vec::new());
    }

    let title = document["info"]["title"].as_str().unwrap_or_default();
    let description = format!(
        "Generated client for {}",
        super::credentials::one_line(title)
    );
    let mut text = String::new();
    writeln!(text, "[package]")?;
    writeln!(text, "name = {}", quoted(name))?;
    writeln!(text, "description = {}", quoted(description.trim_end()))?;
    writeln!(text, "version = {}", quoted(&version(document)))?;
    for key in ["edition", "rust-version"] {
        writeln!(text, "{key} = {}", inline(&package[key])?)?;
    }
    // The one test there is, the example of the README, is no unit test.
    writeln!(
        text,
        "publish = false\n\n[lib]\ntest = false\n\n[dependencies]"
    )?;
    for (library, features) in wanted {
        let ours = libraries
            .get(&library)
            .with_context(|| format!("our workspace does not use {library}"))?;
        writeln!(text, "{library} = {}", dependency(ours, features)?)?;
    }
    // Its own workspace, wherever it stands.
    writeln!(text, "\n[workspace]")?;
    Ok(text)
}

/// The document's version if that is one of cargo's.
fn version(document: &Value) -> String {
    let version = document["info"]["version"].as_str().unwrap_or_default();
    let numbers: Vec<&str> = version.split('.').collect();
    let plain = |number: &&str| {
        number
            .parse::<u32>()
            .is_ok_and(|value| value.to_string() == **number)
    };
    if numbers.len() == 3 && numbers.iter().all(plain) {
        version.to_owned()
    } else {
        "0.1.0".to_owned()
    }
}

/// What our own client depends on.
fn ours() -> Result<Table> {
    let mut manifest: Table = OURS.parse().context("the Cargo.toml of crates/rest")?;
    match manifest.remove("dependencies") {
        Some(Toml::Table(dependencies)) => Ok(dependencies),
        _ => bail!("crates/rest has no dependencies"),
    }
}

fn features(dependency: &Toml) -> Vec<Toml> {
    let features = dependency.get("features").and_then(Toml::as_array);
    features.cloned().unwrap_or_default()
}

/// A dependency as our workspace has it, with more features.
fn dependency(ours: &Toml, more: Vec<Toml>) -> Result<String> {
    let version = ours.get("version").unwrap_or(ours);
    let features = [features(ours), more].concat();
    if features.is_empty() && ours.is_str() {
        return inline(version);
    }
    let mut parts = vec![format!("version = {}", inline(version)?)];
    if let Some(value) = ours.get("default-features") {
        parts.push(format!("default-features = {}", inline(value)?));
    }
    if !features.is_empty() {
        parts.push(format!("features = {}", inline(&Toml::Array(features))?));
    }
    Ok(format!("{{ {} }}", parts.join(", ")))
}

fn inline(value: &Toml) -> Result<String> {
    Ok(match value {
        Toml::String(text) => quoted(text),
        Toml::Boolean(value) => value.to_string(),
        Toml::Array(values) => {
            let values: Result<Vec<String>> = values.iter().map(inline).collect();
            format!("[{}]", values?.join(", "))
        }
        Toml::Integer(_) | Toml::Float(_) | Toml::Datetime(_) | Toml::Table(_) => {
            bail!(
                "{} in our own Cargo.toml is not understood",
                value.type_str()
            )
        }
    })
}

/// A text of TOML. What a basic string of TOML escapes, one of JSON does too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
