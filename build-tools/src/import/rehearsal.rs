//! Imports for real, with compiler and wire corpus, in a copy of the workspace: what continuous integration runs, since
//! it takes too long for a test.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{import, read, replay};
use crate::{output, spec};

/// Where the copy stands, below the folder for build results.
const COPY: &str = "spec-rehearsal";
/// An operation that our document does not have, for trying with the vendor's whole one.
const WIDER: &str = "GetCustomerAccounts";

/// Imports a document that the wire corpus contradicts, which must be refused, and documents with more in them, which
/// must be taken over; then, where the vendor's whole document is at hand, an operation more.
///
/// # Errors
/// What did not come out so.
pub(crate) fn run(root: &Path, whole: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let target = crate::target(root);
    let copy = target.join(COPY);
    replay::renew(root, &copy)?;
    let document = spec::load(&copy.join(spec::DOCUMENT))?;
    let published = target.join("spec-rehearsal.json");
    let taken_over = |document: &Value, add: &[&str]| -> Result<String> {
        fs::write(&published, spec::pretty(document)?)?;
        take_over(&copy, &target, &published, add)
    };

    let mut contradicted = document.clone();
    contradicted["components"]["schemas"]["CustomerUsername"] = json!({ "type": "object" });
    let before = files(&copy)?;
    let Err(refusal) = taken_over(&contradicted, &[]) else {
        anyhow::bail!("a document that the wire corpus contradicts was taken over");
    };
    let refusal = format!("{refusal:#}");
    ensure!(
        refusal.contains("wire corpus") && refusal.contains("GetCustomer"),
        "a document that the wire corpus contradicts was refused for another reason:\n{refusal}"
    );
    ensure!(files(&copy)? == before, "a refusal wrote something");
    writeln!(out, "a document that the wire corpus contradicts: refused")?;

    let mut wider = document;
    wider["paths"]["/aggregation/v1/rehearsals"] = json!({ "get": {
        "operationId": "GetRehearsals",
        "responses": { "200": {
            "description": "None.",
            "content": { "application/json": { "schema": { "type": "object", "properties": {
                "count": { "type": "integer" },
            } } } },
        } },
    } });
    taken(&taken_over(&wider, &["GetRehearsals"])?)?;
    let code = read(&copy.join(crate::rest::OUT))?;
    ensure!(
        code.contains("pub async fn get_rehearsals"),
        "an operation that was added is not in the generated client"
    );
    writeln!(out, "an operation more: taken over")?;

    // The domain takes every field apart by name, so a new one does not compile before somebody decides on it.
    wider["components"]["schemas"]["Customer"]["properties"]["middleName"] =
        json!({ "type": "string" });
    let report = taken_over(&wider, &[])?;
    ensure!(
        report.contains("crates/domain: error") && report.contains("`middle_name`"),
        "a member that the domain does not know was not told as left to do:\n{report}"
    );
    writeln!(
        out,
        "a member more: taken over, and the domain asks for a decision"
    )?;

    if let Some(whole) = whole {
        replay::renew(root, &copy)?;
        taken(&take_over(&copy, &target, whole, &[WIDER])?)?;
        writeln!(out, "the vendor's whole document with {WIDER}: taken over")?;
    }
    Ok(())
}

fn take_over(copy: &Path, target: &Path, published: &Path, add: &[&str]) -> Result<String> {
    let add: Vec<String> = add.iter().map(|name| (*name).to_owned()).collect();
    let mut report = Vec::new();
    let replay = |root: &Path, files: &[_]| replay::replay(target, root, files);
    import(copy, published, &add, &replay, &mut report)?;
    String::from_utf8(report).context("a report that is no text")
}

/// Whether a report tells of a replay that came out well, in the domain too.
fn taken(report: &str) -> Result<()> {
    ensure!(
        report.contains("and the domain makes of each what it did"),
        "the import did not replay the corpus through the domain:\n{report}"
    );
    Ok(())
}

fn files(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for folder in ["openapi", "crates/rest"] {
        for path in output::walk(&root.join(folder))? {
            let contents = fs::read(&path)?;
            files.insert(path.display().to_string(), contents);
        }
    }
    Ok(files)
}
