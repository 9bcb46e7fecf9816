//! Calls progenitor, and turns whatever it does with a document that it does not like into an error that names the
//! operation.

use std::{any::Any, collections::BTreeSet, panic, sync::Once, thread};

use anyhow::{Context as _, Result, anyhow, bail};
use openapiv3::OpenAPI;
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

/// The code for a normalised document.
///
/// # Errors
/// A document that progenitor refuses or panics at, with the operations at which it does.
pub(super) fn code(document: &Value) -> Result<syn::File> {
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

/// One run, in a thread of its own: for the depth of its stack, and so that a panic ends nothing else.
fn attempt(document: &Value) -> Result<syn::File> {
    let document: OpenAPI =
        serde_json::from_value(document.clone()).context("not an OpenAPI 3.0 document")?;
    keep_panics_quiet();
    let tokens = thread::scope(|scope| {
        thread::Builder::new()
            .name(THREAD.to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || tokens(&document))
            .context("cannot start a thread")?
            .join()
            .map_err(|panic| anyhow!("progenitor gave up: {}", words(&*panic)))?
    })?;
    // Tokens cannot be sent between threads.
    syn::parse_str(&tokens).context("progenitor wrote code that does not parse")
}

fn tokens(document: &OpenAPI) -> Result<String> {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_tag(TagStyle::Merged)
        .with_hooks(HooksMode::Expected)
        .with_inner_type("crate::Call".parse().map_err(|error| anyhow!("{error}"))?)
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
    let tokens = Generator::new(&settings)
        .generate_tokens(document)
        .map_err(|error| anyhow!("progenitor refused the document: {error}"))?;
    Ok(tokens.to_string())
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
