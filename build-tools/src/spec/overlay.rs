//! OpenAPI Overlay 1.0.0: our corrections, each of which must have a reason and an effect.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use serde_json_path::JsonPath;

/// Applies an OpenAPI Overlay 1.0.0 to a document.
///
/// # Errors
/// An action without a reason, that matches nothing, or that changes nothing, named by its index and target.
pub(crate) fn apply(document: &mut Value, overlay: &Value) -> Result<()> {
    for (index, action) in actions(overlay)?.iter().enumerate() {
        let target = action["target"].as_str().unwrap_or_default();
        apply_one(document, action).with_context(|| format!("action {index} ({target})"))?;
    }
    Ok(())
}

/// The actions of an overlay, in the order in which they apply.
///
/// # Errors
/// An overlay of another version, or without actions.
pub(crate) fn actions(overlay: &Value) -> Result<&Vec<Value>> {
    ensure!(
        overlay["overlay"] == "1.0.0",
        "the overlay must say `overlay: 1.0.0`"
    );
    overlay["actions"]
        .as_array()
        .context("the overlay has no actions")
}

/// Applies one action.
///
/// # Errors
/// As [`apply`]; the document may be changed in part then.
pub(crate) fn apply_one(document: &mut Value, action: &Value) -> Result<()> {
    let target = action["target"].as_str().context("it has no target")?;
    act(document, action, target)
}

fn act(document: &mut Value, action: &Value, target: &str) -> Result<()> {
    ensure!(
        action["description"]
            .as_str()
            .is_some_and(|reason| !reason.trim().is_empty()),
        "no description: say why"
    );
    let path = JsonPath::parse(target).context("the target is not a JSONPath")?;
    let mut places: Vec<String> = path
        .query_located(document)
        .locations()
        .map(|location| location.to_json_pointer())
        .collect();
    ensure!(
        !places.is_empty(),
        "matches nothing: remove the action, or correct its target"
    );
    let before = document.clone();
    // From the last to the first, so that removing an element of an array leaves the earlier places valid.
    places.reverse();
    for place in &places {
        match (action.get("update"), action.get("remove")) {
            (Some(update), None) => {
                let at = document
                    .pointer_mut(place)
                    .context("a place that vanished")?;
                merge(at, update);
            }
            (None, Some(Value::Bool(true))) => remove(document, place)?,
            _ => bail!("needs either `update` or `remove: true`"),
        }
    }
    ensure!(
        *document != before,
        "changes nothing: the document is right by now, remove the action"
    );
    Ok(())
}

fn merge(at: &mut Value, update: &Value) {
    match (at, update) {
        (Value::Object(at), Value::Object(update)) => {
            for (key, value) in update {
                merge(at.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(at), Value::Array(update)) => at.extend(update.iter().cloned()),
        // Appending one element to an array is how the format adds to it.
        (Value::Array(at), update) => at.push(update.clone()),
        (at, update) => *at = update.clone(),
    }
}

fn remove(document: &mut Value, place: &str) -> Result<()> {
    let (parent, key) = place
        .rsplit_once('/')
        .context("the document itself cannot be removed")?;
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&key)),
        Some(Value::Array(items)) => drop(items.remove(key.parse()?)),
        _ => bail!("a place that vanished"),
    }
    Ok(())
}
