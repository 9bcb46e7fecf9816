//! `README.md`, whose example is compiled with the crate's tests.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::credentials::{Scheme, one_line};
use crate::spec;

/// A generated method, as far as an example shows it.
struct Method<'a> {
    name: &'a str,
    arguments: Vec<(String, String)>,
    answers_bytes: bool,
}

impl Method<'_> {
    fn required(&self) -> impl Iterator<Item = &(String, String)> {
        self.arguments
            .iter()
            .filter(|(_, of)| !of.starts_with("Option<"))
    }
}

/// The text of the file.
pub(super) fn readme(
    document: &Value,
    name: &str,
    code: &str,
    schemes: &[Scheme],
) -> Result<String> {
    let title = one_line(document["info"]["title"].as_str().unwrap_or_default());
    let version = one_line(document["info"]["version"].as_str().unwrap_or_default());
    let operations = spec::operations(document)?.len();
    let mut text = format!("# {name}\n\n");
    writeln!(
        text,
        "Client for {} {}, generated from its OpenAPI document: {operations} operations, each a method of `Client`.\n",
        plain(&title),
        plain(&version),
    )?;
    text.push_str(
        "What is sent is as strict as the document. What is read is tolerant: everything may be missing or null, a \
         number may come as a string, and a word may be one that the document does not know. Every answer that is not \
         the success that the document promises is a `Failure` with its status, headers and body, whether the document \
         declares it or not. No type, `Call` or `Failure` prints bodies or credentials; the `Error` that a method answers \
         may hold a body, so settle it before anything prints it.\n\n\
         A `Call` is one attempt, with a deadline and a limit on the size of the answer. Nothing is repeated: tokens \
         and retries are the caller's.\n",
    );
    if let Some(method) = simplest(code) {
        write!(text, "\n{}", example(document, name, schemes, &method)?)?;
    }
    Ok(text)
}

/// The method that takes least, with an answer to show; none takes a body that is not typed.
fn simplest(code: &str) -> Option<Method<'_>> {
    methods(code).min_by_key(|method| (method.answers_bytes, method.required().count()))
}

fn methods(code: &str) -> impl Iterator<Item = Method<'_>> {
    code.split("    pub async fn ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("<'a>(")?;
        let (arguments, rest) = rest.split_once(") -> Result<")?;
        if !name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
        {
            return None;
        }
        let arguments: Vec<(String, String)> = split(arguments)
            .into_iter()
            .filter_map(|argument| {
                let (name, of) = argument.split_once(": ")?;
                Some((name.to_owned(), of.replace("&'a ", "&")))
            })
            .collect();
        Some(Method {
            name,
            arguments,
            answers_bytes: rest.trim_start().starts_with("ResponseValue<ByteStream>"),
        })
    })
}

/// Splits arguments at the commas between them.
fn split(arguments: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for word in arguments.split_whitespace() {
        for letter in word.chars() {
            match letter {
                '<' | '(' | '[' => depth += 1,
                '>' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            match (letter, depth, parts.last_mut()) {
                (',', 0, _) => parts.push(String::new()),
                (_, _, Some(part)) => part.push(letter),
                (_, _, None) => {}
            }
        }
        if let Some(part) = parts.last_mut().filter(|part| !part.is_empty()) {
            part.push(' ');
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn example(
    document: &Value,
    name: &str,
    schemes: &[Scheme],
    method: &Method<'_>,
) -> Result<String> {
    let library = name.replace('-', "_");
    let server = document["servers"][0]["url"]
        .as_str()
        .filter(|url| url.starts_with("https://") && !url.contains(['{', '"', '\\', ' ']))
        .unwrap_or("https://api.example.com");
    let parameters: Vec<String> = method
        .required()
        .map(|(name, of)| format!("{name}: {of}"))
        .collect();
    let arguments: Vec<&str> = method
        .arguments
        .iter()
        .map(|(name, of)| {
            if of.starts_with("Option<") {
                "None"
            } else {
                name
            }
        })
        .collect();
    let types = if parameters
        .iter()
        .any(|parameter| parameter.contains("types::"))
    {
        ", types"
    } else {
        ""
    };
    let credentials: String = schemes.iter().map(Scheme::example).collect();
    let settle = if method.answers_bytes {
        "settle_bytes"
    } else {
        "settle"
    };
    let (method, parameters, arguments) =
        (method.name, parameters.join(", "), arguments.join(", "));
    let mut text = String::new();
    write!(
        text,
        "```rust,no_run
use {library}::{{Call, Credentials, Failure, http_client{types}}};

async fn example({parameters}) -> Result<(), Box<dyn std::error::Error>> {{
    let base_url = {server:?};
    let http = http_client(base_url)?;
    let credentials = Credentials::default(){credentials};

    // One `Call` per attempt: it keeps what the server answered.
    let call = Call::new(&credentials);
    let sent = call.client(base_url, &http).{method}({arguments}).await;
    match call.{settle}(sent) {{
        Ok(_value) => println!(\"done\"),
        Err(Failure::Refused(answer)) => println!(\"refused with {{}}\", answer.status),
        Err(failure) => return Err(failure.into()),
    }}
    Ok(())
}}
```
"
    )
    .context("no room for an example")?;
    Ok(text)
}

/// A text of the document without what Markdown or HTML would make something of.
fn plain(text: &str) -> String {
    text.replace(|letter: char| "<>*_[]\\#|&".contains(letter), " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
