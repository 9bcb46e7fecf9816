//! Which operation of one document is which of the other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::{
    Which,
    document::{Document, Operation},
};

/// An operation of the scope in both documents.
pub(super) struct Pair<'a> {
    pub(super) id: &'a str,
    pub(super) old: Option<Operation<'a>>,
    pub(super) new: Option<Operation<'a>>,
}

/// Finds each operation of the scope on both sides.
///
/// # Errors
/// A path item that cannot be resolved.
pub(super) fn pairs<'a>(
    (old, new): (Document<'a>, Document<'a>),
    scope: &'a BTreeSet<String>,
) -> Result<Vec<Pair<'a>>> {
    let (old, new) = (old.operations()?, new.operations()?);
    let by_id = |operations: &[Operation<'a>]| -> BTreeMap<&'a str, Operation<'a>> {
        let named = operations
            .iter()
            .filter_map(|operation| Some((operation.id?, operation.clone())));
        named.collect()
    };
    let (old_ids, new_ids) = (by_id(&old), by_id(&new));
    // On the same route, but not one that the other side has under its own id.
    let moved = |to: &Operation<'a>,
                 among: &[Operation<'a>],
                 known: &BTreeMap<&str, Operation<'a>>| {
        let candidates = among.iter();
        let mut same = candidates.filter(|candidate| {
            candidate.route() == to.route() && candidate.id.is_none_or(|id| !known.contains_key(id))
        });
        same.next().cloned()
    };
    let mut pairs = Vec::new();
    for id in scope {
        let (mut before, mut after) = (
            old_ids.get(id.as_str()).cloned(),
            new_ids.get(id.as_str()).cloned(),
        );
        if let (Some(operation), None) = (&before, &after) {
            after = moved(operation, &new, &old_ids);
        } else if let (None, Some(operation)) = (&before, &after) {
            before = moved(operation, &old, &new_ids);
        }
        pairs.push(Pair {
            id,
            old: before,
            new: after,
        });
    }
    Ok(pairs)
}

/// The ids that the operations of the scope have in each of two documents.
///
/// # Errors
/// A document without paths, or a path item that cannot be resolved.
pub(super) fn ids(
    old: &Value,
    new: &Value,
    scope: &BTreeSet<String>,
) -> Result<[BTreeSet<String>; 2]> {
    let documents = (
        Document::new(Which::Old, old)?,
        Document::new(Which::New, new)?,
    );
    let mut ids = [BTreeSet::new(), BTreeSet::new()];
    for pair in pairs(documents, scope)? {
        for (ids, operation) in ids.iter_mut().zip([pair.old, pair.new]) {
            ids.extend(operation.and_then(|operation| operation.id.map(str::to_owned)));
        }
    }
    Ok(ids)
}
