//! Parameters: one argument for each, in the one way that the generator serialises it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};

use super::{WIRE_NAMES, folded, kind, refuse, remark};
use crate::spec::{Operation, operations, path, resolve};

/// Names that generated methods use themselves, folded.
const RESERVED: [&str; 2] = ["headermap", "self"];
/// Header parameters that the standard has ignored, folded: bodies and credentials say these.
const IGNORED: [&str; 3] = ["accept", "contenttype", "authorization"];

/// The parameters of one operation, before and after.
struct Fitted {
    path: String,
    method: String,
    changed: bool,
    parameters: Vec<Value>,
    remarks: Vec<String>,
}

/// Rewrites the parameters of every operation that the generator would stumble over.
pub(super) fn fit(document: &mut Value) -> Result<()> {
    let mut wire: BTreeMap<String, String> = document[WIRE_NAMES]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(renamed, name)| Some((renamed.clone(), name.as_str()?.to_owned())))
        .collect();
    let mut all = Vec::new();
    for operation in operations(document)? {
        all.push(fitted(document, &operation, &mut wire)?);
    }
    // Where one operation changes, all on its path say their own parameters.
    let changed: BTreeSet<String> = all
        .iter()
        .filter(|fitted| fitted.changed)
        .map(|fitted| fitted.path.clone())
        .collect();
    for fitted in all {
        let item = &mut document["paths"][&fitted.path];
        if !changed.contains(&fitted.path) {
            continue;
        }
        if let Some(operation) = item[&fitted.method].as_object_mut() {
            operation.insert("parameters".to_owned(), fitted.parameters.into());
            for text in fitted.remarks {
                remark(operation, &text);
            }
        }
    }
    for path in changed {
        if let Some(item) = document["paths"][&path].as_object_mut() {
            item.remove("parameters");
        }
    }
    if !wire.is_empty() {
        document[WIRE_NAMES] = json!(wire);
    }
    Ok(())
}

fn fitted(
    document: &Value,
    operation: &Operation<'_>,
    wire: &mut BTreeMap<String, String>,
) -> Result<Fitted> {
    let declared = declared(document, operation)?;
    let mut remarks = Vec::new();
    let mut parameters = Vec::new();
    for parameter in &declared {
        parameters.extend(expressible(document, operation, parameter, &mut remarks)?);
    }
    in_the_path(operation, &parameters)?;
    distinct(document, operation, &mut parameters, wire)?;
    Ok(Fitted {
        path: operation.path.to_owned(),
        method: operation.method.to_owned(),
        changed: parameters != declared,
        parameters,
        remarks,
    })
}

/// The parameters of the path and those of the operation, which win, without references.
fn declared(document: &Value, operation: &Operation<'_>) -> Result<Vec<Value>> {
    let mut declared: Vec<Value> = Vec::new();
    for list in [&operation.item["parameters"], &operation.body["parameters"]] {
        for parameter in list.as_array().into_iter().flatten() {
            let parameter = resolve(document, parameter)?;
            declared.retain(|known| {
                (&known["name"], &known["in"]) != (&parameter["name"], &parameter["in"])
            });
            declared.push(parameter.clone());
        }
    }
    Ok(declared)
}

/// A parameter as the generator can express it; `None` where the operation does without.
fn expressible(
    document: &Value,
    operation: &Operation<'_>,
    parameter: &Value,
    remarks: &mut Vec<String>,
) -> Result<Option<Value>> {
    let name = parameter["name"].as_str().unwrap_or_default();
    let place = parameter["in"].as_str().unwrap_or_default();
    let required = parameter["required"] == true;
    let mut without = |problem: &str| {
        if required {
            let cure = "make it optional, or take the operation out of the document";
            let problem =
                format!("the {place} parameter {name} is required, but {problem}: {cure}");
            return refuse(operation.path, operation.method, operation.id, &problem);
        }
        remarks.push(format!(
            "The {place} parameter `{name}` can't be sent: {problem}."
        ));
        Ok(None)
    };
    let style = parameter["style"].as_str();
    match (place, style) {
        ("cookie", _) => return without("cookies are not supported"),
        ("query", Some("deepObject")) => return without("the style deepObject is not supported"),
        ("path", Some("label" | "matrix")) => {
            return without("the styles label and matrix are not supported");
        }
        ("header", _) if IGNORED.contains(&folded(name).as_str()) => return Ok(None),
        ("header", _) if !is_token(name) => return without("it is no name of a header"),
        ("path" | "query" | "header", _) => {}
        _ => return without("there is no such place"),
    }

    let mut fitted = parameter.clone();
    if place == "path" {
        fitted["required"] = true.into();
    }
    let text = json!({ "type": "string" });
    if let Some(members) = fitted.as_object_mut()
        && members.remove("content").is_some()
    {
        members.insert("schema".to_owned(), text);
        remarks.push(format!(
            "`{name}` is sent as it is given: as the text of the media type that the document declares for it."
        ));
        return Ok(Some(fitted));
    }
    if !fitted["schema"].is_object() {
        fitted["schema"] = text;
        return Ok(Some(fitted));
    }
    let kind = kind(document, &fitted["schema"]);
    let several = matches!(kind, Some("array" | "object"));
    let between = match (place, style) {
        ("query", Some("spaceDelimited")) => "a space",
        ("query", Some("pipeDelimited")) => "|",
        _ => "a comma",
    };
    let joined = several
        && match place {
            "query" => style.is_some_and(|style| style != "form") || parameter["explode"] == false,
            _ => true,
        };
    if joined {
        if let Some(members) = fitted.as_object_mut() {
            members.remove("style");
            members.remove("explode");
        }
        fitted["schema"] = text;
        remarks.push(format!(
            "`{name}` takes all values in one text, with {between} between them."
        ));
    } else if place != "query" {
        // What is not plain text has no way into a path or a header.
        let schema = resolve(document, &fitted["schema"])?;
        if kind.is_none() {
            fitted["schema"] = text;
        } else if schema["nullable"] == true {
            let mut schema = schema.clone();
            schema["nullable"] = false.into();
            fitted["schema"] = schema;
        }
    }
    Ok(Some(fitted))
}

/// Parameters of the path and names in its template are the same.
fn in_the_path(operation: &Operation<'_>, parameters: &[Value]) -> Result<()> {
    let template: BTreeSet<&str> = path::names(operation.path).into_iter().collect();
    let declared: BTreeSet<&str> = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "path")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    let missing: Vec<_> = template.symmetric_difference(&declared).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "the path and the path parameters do not agree about {}: correct one of them",
        missing.join(", ")
    );
    refuse(operation.path, operation.method, operation.id, &problem)
}

/// Gives parameters whose argument would have the name of another one a name of their own, and notes what they are
/// called on the wire.
fn distinct(
    document: &Value,
    operation: &Operation<'_>,
    parameters: &mut [Value],
    wire: &mut BTreeMap<String, String>,
) -> Result<()> {
    let mut taken: BTreeSet<String> = RESERVED.into_iter().map(str::to_owned).collect();
    if operation.body.get("requestBody").is_some() {
        taken.insert("body".to_owned());
    }
    // Names in the path are not on the wire, but stand in the template, so they keep theirs.
    parameters.sort_by_key(|parameter| parameter["in"] != "path");
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        if taken.insert(folded(&name)) {
            continue;
        }
        if parameter["in"] == "path" {
            let problem = format!(
                "no argument can be called {name}, beside the others: rename it in the path"
            );
            return refuse(operation.path, operation.method, operation.id, &problem);
        }
        let stem = format!("{name}-in-{}", parameter["in"].as_str().unwrap_or_default());
        let mut renamed = stem.clone();
        let mut number = 2;
        while taken.contains(&folded(&renamed))
            || wire.get(&renamed).is_some_and(|known| *known != name)
            || names(document, &renamed)
        {
            renamed = format!("{stem}-{number}");
            number += 1;
        }
        taken.insert(folded(&renamed));
        wire.insert(renamed.clone(), name);
        parameter["name"] = renamed.into();
    }
    Ok(())
}

/// Whether the document has the word as a text anywhere.
pub(super) fn names(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text == word,
        Value::Array(items) => items.iter().any(|item| names(item, word)),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key == word || names(value, word)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text may name a header.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter))
}
