//! `spec import`: the vendor's structure, our words.
//!
//! Everything is prepared and checked before anything is written, so that a refusal leaves the tree as it was.

pub(crate) mod rehearsal;
mod replay;
mod report;
#[cfg(test)]
mod tests;
mod words;
mod yaml;

use std::{collections::BTreeSet, fs, io::Write, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::report::Report;
use crate::{
    api, diff, gate,
    lineage::{self, Lineage},
    output::{self, File},
    rest, spec,
};

/// Where our document tells the hash of the vendor's structure that is in it.
const HASH: &str = "x-structure-sha256";

/// Takes the vendor's document over, with the operations that are in scope already and those of `add`, and prints what
/// changed.
///
/// # Errors
/// A document that is refused, with every reason and its place; nothing is written then.
pub(crate) fn run(root: &Path, vendor: &Path, add: &[String], out: &mut dyn Write) -> Result<()> {
    let target = crate::target(root);
    let replay = |root: &Path, files: &[File]| replay::replay(&target, root, files);
    import(root, vendor, add, &replay, out)
}

/// How the wire corpus is replayed against the files that are about to be written.
type Replay<'a> = &'a dyn Fn(&Path, &[File]) -> Result<replay::Outcome>;

fn import(
    root: &Path,
    vendor: &Path,
    add: &[String],
    replay: Replay<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    let published = gate::open(vendor)?;
    let former = read(&root.join(spec::DOCUMENT))?;
    let ours = spec::load(&root.join(spec::DOCUMENT))?;
    let known: BTreeSet<String> = spec::ids(&ours)?;
    let mut scope = known.clone();
    scope.extend(add.iter().cloned());
    let added: Vec<String> = scope.difference(&known).cloned().collect();
    gate::scope(&published, &scope, &ours)
        .with_context(|| format!("{} is refused", vendor.display()))?;

    let order = yaml::read(&read(vendor)?)?;
    let new = merged(&published, &ours, &scope)?;
    let document = File {
        path: spec::DOCUMENT.into(),
        contents: written(&new, &former, Some(&order))?.into_bytes(),
    };
    let mut files = rest::files(spec::corrected(root, new.clone())?)?;
    files.push(document);
    let stale = output::stale(root, &files)?;
    if stale.is_empty() {
        writeln!(
            out,
            "Nothing changes: {} is version {} already, with the same structure.",
            spec::DOCUMENT,
            version(&ours)
        )?;
        return Ok(());
    }

    let code = text(&files, rest::OUT)?;
    let former_code = read(&root.join(rest::OUT))
        .context("without the present client there is nothing to compare with: `cargo xtask codegen rest` makes it")?;
    let replayed = if former_code == code {
        None
    } else {
        Some(replay(root, &files)?)
    };
    let lineage = Lineage::load(root)?;
    let report = Report {
        ours: &ours,
        new: &new,
        added: &added,
        wire: &diff::compare(&ours, &new, &scope, &lineage)?,
        api: &api::changes(&former_code, code)?,
        replayed: replayed.as_ref(),
        lineage: &lineage::problems_with(root, &new)?,
        files: &stale,
    };
    // First the report: with nobody left to read it, nothing should be written either.
    write!(out, "{}", report.markdown())?;
    out.flush()?;
    output::write(root, &files)?;
    Ok(())
}

/// The vendor's structure in our scope, with our words and the record of where it comes from.
fn merged(published: &Value, ours: &Value, scope: &BTreeSet<String>) -> Result<Value> {
    let mut new = published.clone();
    words::strip(&mut new);
    let mut new = spec::slice(&new, scope)?;
    let hash = structure_hash(&new)?;
    let mut info = Map::new();
    for (key, value) in [
        ("title", &published["info"]["title"]),
        ("version", &published["info"]["version"]),
        (HASH, &hash.into()),
    ] {
        info.insert(key.to_owned(), value.clone());
    }
    new["info"] = Value::Object(info);
    words::graft(&mut new, ours)?;
    Ok(new)
}

/// The SHA-256 of a document's structure: without words, without its title and version, whatever the order of keys.
fn structure_hash(document: &Value) -> Result<String> {
    let mut structure = document.clone();
    words::strip(&mut structure);
    if let Some(structure) = structure.as_object_mut() {
        structure.remove("info");
    }
    let bytes = serde_json::to_vec(&spec::sorted(&structure))?;
    Ok(Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The text of our document: the comment at the head of `former`, and the keys in the order of `former`.
fn written(document: &Value, former: &str, theirs: Option<&yaml::Node>) -> Result<String> {
    let comment: String = former
        .split_inclusive('\n')
        .take_while(|line| line.starts_with('#'))
        .collect();
    let node = yaml::Node::arranged(document, Some(&yaml::read(former)?), theirs);
    Ok(comment + &yaml::write(&node)?)
}

/// What is wrong with our document by itself, each with its cure: structure is the vendor's alone, and the text is as the
/// import would write it.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let text = read(&root.join(spec::DOCUMENT))?;
    let document = spec::load(&root.join(spec::DOCUMENT))?;
    let mut problems = Vec::new();
    let hash = structure_hash(&document)?;
    if document["info"][HASH] != *hash {
        problems.push(format!(
            "{}: its structure is not what info.{HASH} was taken of: take structure over by `cargo xtask spec import`, and \
             put corrections into {}",
            spec::DOCUMENT,
            spec::OVERLAY
        ));
    }
    let written = written(&document, &text, None)?;
    if text != written {
        let line = text
            .lines()
            .zip(written.lines())
            .position(|(here, there)| here != there)
            .unwrap_or_default();
        problems.push(format!(
            "{}: line {} is not as the import writes it ({}): `cargo xtask spec import` of the present document mends it",
            spec::DOCUMENT,
            line + 1,
            written.lines().nth(line).unwrap_or_default().trim()
        ));
    }
    Ok(problems)
}

/// One of the generated files.
fn text<'a>(files: &'a [File], path: &str) -> Result<&'a str> {
    let file = files.iter().find(|file| file.path == Path::new(path));
    let file = file.with_context(|| format!("the generator wrote no {path}"))?;
    std::str::from_utf8(&file.contents).with_context(|| format!("{path} is no text"))
}

fn version(document: &Value) -> &str {
    document["info"]["version"].as_str().unwrap_or("?")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
