//! Holds generated methods against the document: no operation is missing, and each answers what its success says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use syn::{File, GenericArgument, ImplItem, Item, PathArguments, ReturnType, Type};

use crate::{
    api::spelling,
    spec::{self, Operation, fit::folded, resolve},
};

/// What a method answers when it succeeds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// A type of the document, or a list of them.
    Named,
    /// Bytes.
    Bytes,
    /// Nothing.
    Nothing,
    /// Something else, as it is written.
    Nameless(String),
}

/// Fails for the first operation whose method is missing or answers something else than its success is.
pub(super) fn check(document: &Value, file: &File) -> Result<()> {
    let methods = methods(file);
    for operation in spec::operations(document)? {
        let Operation { id, .. } = operation;
        let answers = methods
            .get(&folded(id))
            .with_context(|| format!("the generator wrote no method for {id}"))?;
        let answers = answers.map_or(Answers::Nameless("no result".to_owned()), answers_of);
        let expected = expected(document, &operation)?;
        ensure!(
            answers == expected,
            "{id} should answer {expected:?}, and the generated method answers {answers:?}"
        );
    }
    Ok(())
}

/// What the success of an operation is in the normalised document.
fn expected(document: &Value, operation: &Operation<'_>) -> Result<Answers> {
    let responses = operation.body["responses"].as_object();
    let response = responses
        .into_iter()
        .flatten()
        .next()
        .with_context(|| format!("{} has no success", operation.id))?
        .1;
    let content = resolve(document, response)?["content"].as_object();
    Ok(match content {
        Some(content) if content.contains_key("application/json") => Answers::Named,
        Some(content) if !content.is_empty() => Answers::Bytes,
        _ => Answers::Nothing,
    })
}

/// The type that each method of generated code answers, by the method's folded name: `types::Customer`, `()`.
///
/// # Errors
/// Code that does not parse.
pub(crate) fn answer_types(code: &str) -> Result<BTreeMap<String, String>> {
    let file = syn::parse_file(code).context("the generated code does not parse")?;
    Ok(methods(&file)
        .into_iter()
        .filter_map(|(name, answer)| Some((name, spelling::of(answer?))))
        .collect())
}

/// What the generated methods answer, by folded name.
fn methods(file: &File) -> BTreeMap<String, Option<&Type>> {
    let mut methods = BTreeMap::new();
    for item in &file.items {
        let Item::Impl(block) = item else { continue };
        for item in &block.items {
            if let ImplItem::Fn(method) = item
                && method.sig.asyncness.is_some()
                && let ReturnType::Type(_, result) = &method.sig.output
            {
                let answer = inner(result).and_then(inner);
                methods.insert(folded(&method.sig.ident.to_string()), answer);
            }
        }
    }
    methods
}

/// The first type in angle brackets.
fn inner(of: &Type) -> Option<&Type> {
    let Type::Path(path) = of else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

fn answers_of(of: &Type) -> Answers {
    match of {
        Type::Tuple(tuple) if tuple.elems.is_empty() => Answers::Nothing,
        Type::Path(path) => {
            let names: Vec<String> = path
                .path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["types", _] => Answers::Named,
                ["ByteStream"] => Answers::Bytes,
                [.., "Vec"] => inner(of).map_or(Answers::Nameless("a list".to_owned()), answers_of),
                _ => Answers::Nameless(names.join("::")),
            }
        }
        _ => Answers::Nameless("no path".to_owned()),
    }
}
