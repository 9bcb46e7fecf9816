//! What typed callers have to change: the client is generated from both documents, and the two are compared.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::pairs::ids;
use crate::{api, rest, spec};

/// Generates the client of the scope from both documents, each with those of our corrections that fit it, and compares
/// what callers can name.
///
/// # Errors
/// A document that the generator cannot read, and which.
pub(super) fn changes(
    root: &Path,
    old: &Value,
    new: &Value,
    scope: &BTreeSet<String>,
) -> Result<api::Changes> {
    let code = |document: &Value, ids: &BTreeSet<String>| -> Result<String> {
        let document = spec::corrected_where_it_fits(root, spec::slice(document, ids)?)?;
        Ok(rest::client(document)?.1)
    };
    let [old_ids, new_ids] = ids(old, new, scope)?;
    let before = code(old, &old_ids).context("no client can be generated from the old document")?;
    let after = code(new, &new_ids).context("no client can be generated from the new document")?;
    api::changes(&before, &after)
}

/// The advice for people; why there is none, if so.
pub(super) fn text(changes: &Result<api::Changes>) -> String {
    match changes {
        Ok(changes) => changes.text(),
        Err(error) => format!("Rust API: unknown: {error:#}\n"),
    }
}

/// The advice for programs; why there is none, if so.
pub(super) fn json(changes: &Result<api::Changes>) -> Value {
    match changes {
        Ok(changes) => changes.json(),
        Err(error) => json!({"advice": "unknown", "reason": format!("{error:#}")}),
    }
}
