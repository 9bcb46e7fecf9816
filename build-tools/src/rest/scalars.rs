//! How values are read that may be of several scalar types, such as a number that also comes as text.
//!
//! What serde derives for an untagged enum copies the value first, and then tries one variant after the other, writing an
//! error for each that does not fit. A visitor sees at once what there is. It reads the same: a value belongs to the
//! first variant that takes it, and the error for one that none takes holds nothing of it.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::Result;
use syn::{Attribute, Fields, Item, ItemEnum, ItemImpl, Meta, Type};

/// The integers.
const INTEGERS: [&str; 8] = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
/// Other numbers. They take integers too.
const FLOATS: [&str; 2] = ["f32", "f64"];
const FLAG: &str = "bool";
const TEXT: &str = "::std::string::String";

/// Has each untagged enum of nothing but scalars read by a visitor, instead of by what serde derives.
pub(super) fn visit(items: &mut Vec<Item>) -> Result<()> {
    for mut item in std::mem::take(items) {
        let mut reader = None;
        if let Item::Enum(of) = &mut item
            && is_untagged(of)
            && let Some(variants) = scalars(of)
            && super::without(&mut of.attrs, "Deserialize")?
        {
            reader = Some(self::reader(&of.ident.to_string(), &variants)?);
        }
        items.push(item);
        items.extend(reader.map(Item::Impl));
    }
    Ok(())
}

fn is_untagged(of: &ItemEnum) -> bool {
    let says_so = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("serde") && list.tokens.to_string() == "untagged",
        _ => false,
    };
    of.attrs.iter().any(says_so)
}

/// The name and the type of each variant; `None` where one holds something else than one scalar.
fn scalars(of: &ItemEnum) -> Option<Vec<(String, String)>> {
    let scalar = |variant: &syn::Variant| match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 && variant.attrs.is_empty() => {
            let Type::Path(of) = &fields.unnamed.first()?.ty else {
                return None;
            };
            let scalar = super::spelled(&of.path);
            is_scalar(&scalar).then(|| (variant.ident.to_string(), scalar))
        }
        _ => None,
    };
    of.variants.iter().map(scalar).collect()
}

fn is_scalar(of: &str) -> bool {
    INTEGERS.contains(&of) || FLOATS.contains(&of) || of == FLAG || of == TEXT
}

/// What a variant makes of a value.
enum Takes {
    /// This, of any value.
    All(String),
    /// What is in this, if the value is in its range.
    Fitting(String),
}

/// What a variant of a type makes of a value of another, both by name.
fn takes(variant: &str, value: &str) -> Option<Takes> {
    let is_integer = INTEGERS.contains(&value);
    if variant == value {
        return Some(Takes::All("value".to_owned()));
    }
    if is_integer && INTEGERS.contains(&variant) {
        return Some(Takes::Fitting(format!("{variant}::try_from(value)")));
    }
    if FLOATS.contains(&variant) && (is_integer || FLOATS.contains(&value)) {
        return Some(Takes::All(format!("value as {variant}")));
    }
    (variant == TEXT && value == "&str").then(|| Takes::All("value.to_owned()".to_owned()))
}

/// The implementation of `Deserialize`.
fn reader(name: &str, variants: &[(String, String)]) -> Result<ItemImpl> {
    let mut methods = String::new();
    for (method, value) in [
        ("bool", FLAG),
        ("i64", "i64"),
        ("u64", "u64"),
        ("f64", "f64"),
        ("str", "&str"),
        ("string", TEXT),
    ] {
        let body = body(name, variants, value)?;
        let argument = if body == NOTHING { "_" } else { "value" };
        write!(
            methods,
            "fn visit_{method}<E>(self, {argument}: {value}) -> ::std::result::Result<Self::Value, E> {{ {body} }}"
        )?;
    }
    let unfit = format!("data did not match any variant of untagged enum {name}");
    // What is no scalar is read to its end, and the error is made behind it: so it tells the place that serde's tells.
    Ok(syn::parse_str(&format!(
        "impl<'de> ::serde::Deserialize<'de> for {name} {{
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {{
                struct __Visitor;
                impl<'de> ::serde::de::Visitor<'de> for __Visitor {{
                    type Value = ::std::option::Option<{name}>;
                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{
                        f.write_str(\"a scalar\")
                    }}
                    {methods}
                    fn visit_unit<E>(self) -> ::std::result::Result<Self::Value, E> {{ {NOTHING} }}
                    fn visit_seq<A: ::serde::de::SeqAccess<'de>>(
                        self,
                        mut items: A,
                    ) -> ::std::result::Result<Self::Value, A::Error> {{
                        while items.next_element::<::serde::de::IgnoredAny>()?.is_some() {{}}
                        {NOTHING}
                    }}
                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        mut members: A,
                    ) -> ::std::result::Result<Self::Value, A::Error> {{
                        while members
                            .next_entry::<::serde::de::IgnoredAny, ::serde::de::IgnoredAny>()?
                            .is_some() {{}}
                        {NOTHING}
                    }}
                }}
                deserializer
                    .deserialize_any(__Visitor)?
                    .ok_or_else(|| ::serde::de::Error::custom({unfit:?}))
            }}
        }}"
    ))?)
}

/// What the visitor answers where no variant takes the value.
const NOTHING: &str = "Ok(::std::option::Option::None)";

/// The body of the visitor's method for values of one type.
fn body(name: &str, variants: &[(String, String)], value: &str) -> Result<String> {
    let some = |variant: &str, taken: &str| {
        format!("Ok(::std::option::Option::Some({name}::{variant}({taken})))")
    };
    let mut body = String::new();
    for (variant, scalar) in variants {
        match takes(scalar, value) {
            Some(Takes::All(taken)) => return Ok(body + &some(variant, &taken)),
            Some(Takes::Fitting(taken)) => write!(
                body,
                "if let Ok(fitting) = {taken} {{ return {}; }}",
                some(variant, "fitting")
            )?,
            None => {}
        }
    }
    Ok(body + NOTHING)
}
