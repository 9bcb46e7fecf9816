//! Bodies: one kind for each request and one for each success.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{
    ACCEPT, BOUNDARY, CONTENT_TYPE, Names, essence, is_json, kind, operations_mut, remark,
    schemas_mut,
};
use crate::spec::resolve;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain";

/// Rewrites the bodies of every operation.
pub(super) fn fit(document: &mut Value) -> Result<()> {
    let whole = document.clone();
    let mut nameless = Vec::new();
    for (path, method, operation) in operations_mut(document) {
        if let Some(request) = operation.get("requestBody") {
            let request = resolve(&whole, request)?.clone();
            request_body(&whole, operation, &request);
        }
        if success(&whole, operation, &method)? {
            nameless.push((path, method));
        }
    }
    let mut names = Names::of(schemas_mut(document)?);
    for (path, method) in nameless {
        name(document, &path, &method, &mut names)?;
    }
    Ok(())
}

/// Leaves one media type, the one that says most, in words of the generator.
fn request_body(whole: &Value, operation: &mut Map<String, Value>, request: &Value) {
    let Some(content) = request["content"].as_object() else {
        operation.remove("requestBody");
        return;
    };
    let rank = |media_type: &str| match essence(media_type).as_str() {
        JSON => 0,
        _ if is_json(media_type) => 1,
        FORM => 2,
        "multipart/form-data" => 3,
        TEXT => 5,
        _ => 4,
    };
    let Some((media_type, media)) = content
        .iter()
        .min_by_key(|(media_type, _)| (rank(media_type), media_type.as_str()))
    else {
        operation.remove("requestBody");
        return;
    };
    let essence = essence(media_type);
    let typed = is_json(media_type) || essence == FORM;
    let (generated, schema) = if is_json(media_type) || essence == FORM {
        let schema = media.get("schema").cloned().unwrap_or_else(|| json!({}));
        (if essence == FORM { FORM } else { JSON }, schema)
    } else if essence == TEXT {
        (TEXT, json!({ "type": "string" }))
    } else {
        (BYTES, json!({ "type": "string", "format": "binary" }))
    };
    let plain = media.get("encoding").is_none()
        && media_type.split(';').next() == Some(generated)
        && match media.get("schema") {
            Some(declared) => typed || resolve(whole, declared).is_ok_and(|it| *it == schema),
            None => false,
        };
    if content.len() == 1 && plain {
        return;
    }
    let others: Vec<String> = content
        .keys()
        .filter(|other| *other != media_type)
        .map(|other| format!("`{other}`"))
        .collect();
    let media_type = media_type.clone();
    let mut fitted = request.clone();
    fitted["content"] = json!({ generated: { "schema": schema } });
    operation.insert("requestBody".to_owned(), fitted);
    if !others.is_empty() {
        let text = format!(
            "The body is sent as `{media_type}`; the document allows {} too.",
            others.join(", ")
        );
        remark(operation, &text);
    }
    if essence == "multipart/form-data" {
        let text = format!(
            "The body is sent as it is given: encode it as `multipart/form-data` with the boundary `{BOUNDARY}`."
        );
        remark(operation, &text);
        let sent = format!("multipart/form-data; boundary={BOUNDARY}");
        operation.insert(CONTENT_TYPE.to_owned(), sent.into());
    } else if essence != generated && !essence.contains('*') {
        operation.insert(CONTENT_TYPE.to_owned(), media_type.into());
    }
}

/// How much a success says: a typed body, any body, none.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Says {
    Typed,
    Bytes,
    Nothing,
}

/// Leaves the success that says most, and those that say the same with another status. Answers whether its type would
/// have no name.
fn success(whole: &Value, operation: &mut Map<String, Value>, method: &str) -> Result<bool> {
    let declared = operation
        .get("responses")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut successes: Vec<(Says, String, Value, Value)> = Vec::new();
    for (status, response) in &declared {
        if !status.starts_with('2') {
            continue;
        }
        let bodiless = method == "head" || status == "204" || status == "205";
        let resolved = resolve(whole, response)?;
        let (says, fitted) = answer(whole, resolved, bodiless);
        // What needs no change stays a reference.
        let fitted = match fitted {
            Some(fitted) => fitted,
            None => response.clone(),
        };
        successes.push((says, status.to_uppercase(), fitted, resolved.clone()));
    }
    if successes.is_empty() {
        // An answer for every status stands for the successes, unless it can only be the errors'.
        let (says, mut fitted) = (
            Says::Nothing,
            json!({ "description": "Any success; the document says nothing of it." }),
        );
        let mut chosen = says;
        if let Some(default) = declared.get("default")
            && declared.len() == 1
        {
            let resolved = resolve(whole, default)?;
            let (says, changed) = answer(whole, resolved, method == "head");
            fitted = changed.unwrap_or_else(|| resolved.clone());
            chosen = says;
        }
        let resolved = fitted.clone();
        successes.push((chosen, "2XX".to_owned(), fitted, resolved));
    }
    successes.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let (says, _, _, chosen) = successes[0].clone();
    let (kept, others): (Vec<_>, Vec<_>) = successes
        .into_iter()
        .partition(|(_, _, _, response)| response.get("content") == chosen.get("content"));
    if !others.is_empty() {
        let list = |successes: &[(Says, String, Value, Value)]| {
            let statuses: Vec<&str> = successes.iter().map(|success| success.1.as_str()).collect();
            statuses.join(" and ")
        };
        let text = format!(
            "Only an answer with {} is a success here. One with {} is `Error::UnexpectedResponse`, with its status, \
             headers and body.",
            list(&kept),
            list(&others)
        );
        remark(operation, &text);
    }
    let accept = accepted(&kept[0].3, says);
    let nameless = says == Says::Typed && {
        let media = kept[0].2.get("content").cloned();
        let media = match media {
            Some(media) => media,
            None => resolve(whole, &kept[0].2)?["content"].clone(),
        };
        is_nameless(&media[JSON]["schema"])
    };
    let mut responses: Map<String, Value> = declared
        .into_iter()
        .filter(|(status, _)| !status.starts_with('2'))
        .collect();
    for (_, status, mut response, resolved) in kept {
        if nameless && response.get("$ref").is_some() {
            response = resolved;
        }
        responses.insert(status, response);
    }
    operation.insert("responses".to_owned(), responses.into());
    if accept != JSON {
        operation.insert(ACCEPT.to_owned(), accept.into());
    }
    Ok(nameless)
}

/// What a success says, and its form for the generator where that differs.
fn answer(whole: &Value, response: &Value, bodiless: bool) -> (Says, Option<Value>) {
    let content = response["content"].as_object();
    let Some(content) = content.filter(|content| !content.is_empty()) else {
        return (Says::Nothing, None);
    };
    let mut fitted = response.clone();
    if bodiless {
        if let Some(fitted) = fitted.as_object_mut() {
            fitted.remove("content");
        }
        return (Says::Nothing, Some(fitted));
    }
    let Some(media_type) = json_type(whole, content) else {
        return (Says::Bytes, None);
    };
    let media = &content[media_type];
    if media_type == JSON && media.get("encoding").is_none() && media["schema"].is_object() {
        return (Says::Typed, None);
    }
    let schema = media.get("schema").cloned().unwrap_or_else(|| json!({}));
    fitted["content"] = json!({ JSON: { "schema": schema } });
    (Says::Typed, Some(fitted))
}

/// The media type that is JSON. `*/*` is, where its schema is of more than text: servers that do not say what they send
/// send that.
fn json_type<'a>(whole: &Value, content: &'a Map<String, Value>) -> Option<&'a str> {
    let mut names: Vec<&str> = content.keys().map(String::as_str).collect();
    names.sort_by_key(|name| (*name != JSON, *name));
    names
        .iter()
        .copied()
        .find(|name| is_json(name))
        .or_else(|| {
            names.into_iter().find(|name| {
                essence(name) == "*/*"
                    && matches!(
                        kind(whole, &content[*name]["schema"]),
                        Some("object" | "array")
                    )
            })
        })
}

/// What the operation asks for.
fn accepted(response: &Value, says: Says) -> String {
    let content = response["content"].as_object();
    let mut names: Vec<&str> = content
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    match says {
        Says::Nothing => JSON.to_owned(),
        Says::Bytes => names.join(", "),
        Says::Typed => names
            .iter()
            .copied()
            .filter(|name| is_json(name))
            .min_by_key(|name| (essence(name) != JSON, *name))
            .map(essence)
            .unwrap_or_else(|| JSON.to_owned()),
    }
}

/// Whether the generator would make no type of its own of an answer's schema.
fn is_nameless(schema: &Value) -> bool {
    if schema.get("$ref").is_some() || schema["properties"].is_object() {
        return false;
    }
    let members = schema["allOf"].as_array();
    if members.is_some_and(|parts| parts.len() > 1) {
        return false;
    }
    match schema["type"].as_str() {
        Some("array") => is_nameless(&schema["items"]),
        _ => true,
    }
}

/// Makes the schema of an operation's success a component.
fn name(document: &mut Value, path: &str, method: &str, names: &mut Names) -> Result<()> {
    let operation = document["paths"][path][method].clone();
    let id = operation["operationId"].as_str().unwrap_or_default();
    let name = names.free(&format!("{id}Response"));
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if status.starts_with('2') {
            let schema = &mut document["paths"][path][method]["responses"][status]["content"][JSON]
                ["schema"];
            *schema = json!({ "$ref": format!("#/components/schemas/{name}") });
            let schema = response["content"][JSON]["schema"].clone();
            schemas_mut(document)?.insert(name.clone(), schema);
        }
    }
    Ok(())
}
