//! Credentials: one method for each security scheme that the document declares.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::spec::resolve;

const TEMPLATE: &str = include_str!("templates/credentials.rs");
/// Where the methods go in the template.
const HERE: &str = "    // The document's security schemes.\n";
/// Methods that the type has anyway.
const TAKEN: [&str; 8] = [
    "header", "with", "put", "default", "clone", "fmt", "from", "into",
];

/// A security scheme, as far as a request shows it.
pub(super) struct Scheme {
    /// The method that takes its secret.
    pub(super) method: String,
    /// How the document calls it.
    name: String,
    kind: Kind,
}

/// How a secret goes on a request.
enum Kind {
    /// As it is: in which place, under which name.
    Key(&'static str, String),
    Bearer,
    Basic,
    /// As the value of `Authorization`, with another first word.
    Other(String),
}

impl Scheme {
    /// The call of its method, for an example.
    pub(super) fn example(&self) -> String {
        let arguments = match self.kind {
            Kind::Basic => "\"the user\", \"the password\"",
            Kind::Key(..) => "\"the key\"",
            Kind::Bearer | Kind::Other(_) => "\"the token\"",
        };
        format!(".{}({arguments})", self.method)
    }

    /// Whether it needs an encoder of base64.
    pub(super) fn is_basic(&self) -> bool {
        matches!(self.kind, Kind::Basic)
    }

    fn source(&self) -> String {
        let Self { method, name, kind } = self;
        let (does, arguments, body) = match kind {
            Kind::Key(place, key) => (
                format!(
                    "sent as `{}` in the {}",
                    one_line(key),
                    place.to_lowercase()
                ),
                "key: &str",
                format!("self.with(Place::{place}, {key:?}, key.to_owned())"),
            ),
            Kind::Bearer => (
                "sent as a bearer's in `Authorization`".to_owned(),
                "token: &str",
                "self.header(\"authorization\", &format!(\"Bearer {token}\"))".to_owned(),
            ),
            Kind::Basic => (
                "sent as user and password in `Authorization`".to_owned(),
                "user: &str, password: &str",
                "use base64::Engine as _;
        let both = base64::engine::general_purpose::STANDARD.encode(format!(\"{user}:{password}\"));
        self.header(\"authorization\", &format!(\"Basic {both}\"))"
                    .to_owned(),
            ),
            Kind::Other(word) => (
                format!("sent after `{}` in `Authorization`", one_line(word)),
                "token: &str",
                format!("self.header(\"authorization\", &format!(\"{{}} {{token}}\", {word:?}))"),
            ),
        };
        format!(
            "    /// With what the document calls `{}`: {does}.\n    #[must_use]\n    pub fn {method}(self, {arguments}) -> Self {{\n        {body}\n    }}\n\n",
            one_line(name)
        )
    }
}

/// The schemes of a document, by name.
pub(super) fn schemes(document: &Value) -> Result<Vec<Scheme>> {
    let declared = document
        .pointer("/components/securitySchemes")
        .and_then(Value::as_object);
    let mut taken: BTreeSet<String> = TAKEN.into_iter().map(str::to_owned).collect();
    let mut names: Vec<&String> = declared.into_iter().flat_map(Map::keys).collect();
    names.sort_unstable();
    let mut schemes = Vec::new();
    for name in names {
        let scheme = resolve(document, &document["components"]["securitySchemes"][name])?;
        let Some(kind) = kind(scheme) else { continue };
        let stem = snake(name);
        let mut method = stem.clone();
        let mut number = 2;
        while !taken.insert(method.clone()) {
            method = format!("{stem}_{number}");
            number += 1;
        }
        schemes.push(Scheme {
            method,
            name: name.clone(),
            kind,
        });
    }
    Ok(schemes)
}

/// How a request shows a scheme; `None` where that is not in the request, such as a certificate.
fn kind(scheme: &Value) -> Option<Kind> {
    let text = |member: &str| scheme[member].as_str().unwrap_or_default();
    Some(match (text("type"), text("in")) {
        ("apiKey", "header") => Kind::Key("Header", text("name").to_ascii_lowercase()),
        ("apiKey", "query") => Kind::Key("Query", text("name").to_owned()),
        ("apiKey", "cookie") => Kind::Key("Cookie", text("name").to_owned()),
        ("oauth2" | "openIdConnect", _) => Kind::Bearer,
        ("http", _) => match text("scheme").to_ascii_lowercase().as_str() {
            "bearer" => Kind::Bearer,
            "basic" => Kind::Basic,
            _ => Kind::Other(text("scheme").to_owned()),
        },
        _ => return None,
    })
}

/// The source of the credentials.
pub(super) fn source(schemes: &[Scheme]) -> String {
    let methods: String = schemes.iter().map(Scheme::source).collect();
    TEMPLATE.replace(&format!("{HERE}\n"), &methods)
}

/// A name for a method.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() {
            if before != '_' {
                snake.push('_');
            }
            before = '_';
            continue;
        }
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        before = letter;
    }
    let snake = snake.trim_matches('_');
    match snake.chars().next() {
        // Raw, underscored or numbered: no keyword and no number is a method.
        None => "secret".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("key_{snake}"),
        Some(_) if syn::parse_str::<syn::Ident>(snake).is_err() => format!("{snake}_"),
        Some(_) => snake.to_owned(),
    }
}

/// A text of the document in a line of a comment.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('`', "'")
}
