//! Calls progenitor, and turns whatever it does with a document that it does not like into an error that names the
//! operation.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail};
use openapiv3::OpenAPI;
use proc_macro2::{TokenStream, TokenTree};
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TagStyle, TypeImpl};
use schemars::schema::{InstanceType, SchemaObject};
use serde_json::Value;

use crate::spec;

/// The thread that progenitor works in.
const THREAD: &str = "generator";
/// Room for schemas that are nested deep.
const STACK: usize = 64 * 1024 * 1024;
/// The types of dates: those of the library that the workspace has for time.
const DATES: [(&str, &str); 2] = [
    ("date", "::jiff::civil::Date"),
    ("date-time", "::jiff::Timestamp"),
];

/// Does work with [`code`] in a thread of its own: for the depth of its stack, and so that its panics are told once.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    keep_panics_quiet();
    thread::scope(|scope| {
        thread::Builder::new()
            .name(THREAD.to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .context("cannot start a thread")?
            .join()
            .map_err(|panic| anyhow!("the generator gave up: {}", words(&*panic)))?
    })
}

/// The code for a normalised document.
///
/// # Errors
/// A document that progenitor refuses or panics at, with the operations at which it does.
pub(super) fn code(document: &Value) -> Result<TokenStream> {
    let error = match attempt(document) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let guilty = guilty(document)?;
    if guilty.is_empty() {
        return Err(error);
    }
    bail!(
        "no client can be generated for {}: simplify it, or take it out of the document",
        guilty.join("; nor for ")
    )
}

/// Names that more than one type bears: typify flattens `allOf` and names inline types without looking around.
pub(super) fn duplicates(code: &TokenStream) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for module in follows(code.clone(), &["mod"]) {
        let TokenTree::Ident(name) = &module[0] else {
            continue;
        };
        let TokenTree::Group(body) = &module[1] else {
            continue;
        };
        if name != "types" {
            continue;
        }
        for of in follows(body.stream(), &["struct", "enum"]) {
            let name = of[0].to_string();
            if !seen.insert(name.clone()) {
                twice.insert(name);
            }
        }
    }
    twice
}

/// The two tokens after each of these words.
fn follows(code: TokenStream, words: &[&str]) -> Vec<[TokenTree; 2]> {
    let mut found = Vec::new();
    let mut tokens = code.into_iter();
    while let Some(token) = tokens.next() {
        if let TokenTree::Ident(word) = token
            && words.iter().any(|expected| word == expected)
            && let (Some(first), Some(second)) = (tokens.next(), tokens.next())
        {
            found.push([first, second]);
        }
    }
    found
}

/// The operations that no code can be generated for, even alone.
fn guilty(document: &Value) -> Result<Vec<String>> {
    let mut guilty = Vec::new();
    for operation in spec::operations(document)? {
        let alone = spec::slice(document, &BTreeSet::from([operation.id.to_owned()]))?;
        if let Err(error) = attempt(&alone) {
            guilty.push(format!(
                "{} ({} {}): {error:#}",
                operation.id,
                operation.method.to_uppercase(),
                operation.path
            ));
        }
    }
    Ok(guilty)
}

/// One run, whose panic is an error.
fn attempt(document: &Value) -> Result<TokenStream> {
    let document: OpenAPI =
        serde_json::from_value(document.clone()).context("not an OpenAPI 3.0 document")?;
    panic::catch_unwind(AssertUnwindSafe(|| tokens(&document)))
        .map_err(|panic| anyhow!("progenitor gave up: {}", words(&*panic)))?
}

fn tokens(document: &OpenAPI) -> Result<TokenStream> {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_tag(TagStyle::Merged)
        .with_hooks(HooksMode::Expected)
        .with_inner_type(
            "crate::call::Attempt"
                .parse()
                .map_err(|error| anyhow!("{error}"))?,
        )
        .with_derive("PartialEq");
    for (format, of) in DATES {
        let schema = SchemaObject {
            instance_type: Some(InstanceType::String.into()),
            format: Some(format.to_owned()),
            ..SchemaObject::default()
        };
        let can = [TypeImpl::Display, TypeImpl::FromStr];
        settings.with_conversion(schema, of, can.into_iter());
    }
    Generator::new(&settings)
        .generate_tokens(document)
        .map_err(|error| anyhow!("progenitor refused the document: {error}"))
}

/// Has panics of the generator's thread printed nowhere, since they are told as errors.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(THREAD) {
                usual(panic);
            }
        }));
    });
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
