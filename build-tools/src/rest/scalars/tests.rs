//! Holds what is written against what serde derives.

#[rustfmt::skip]
#[allow(dead_code, unreachable_pub, reason = "as it is generated, and only printed")]
mod written;

use std::fmt::Debug;

use serde::{Deserialize, de::DeserializeOwned};

use super::*;

/// The enums as they were generated, and as serde would read them.
macro_rules! derived {
    ($($name:ident { $($variant:ident($of:ty),)* })*) => {
        mod derived {
            $(#[derive(Debug, serde::Deserialize)]
            #[serde(untagged)]
            #[allow(dead_code, reason = "only printed")]
            pub(super) enum $name { $($variant($of),)* })*
        }

        /// The file that `written` is compiled from.
        fn source() -> String {
            let mut items = Vec::new();
            $(let variants = [$((stringify!($variant), stringify!($of)),)*];
            items.push(before(stringify!($name), &variants));)*
            visit(&mut items).unwrap();
            let file = syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items };
            format!("//! What is written for the enums of the tests, and nothing else; a test writes it anew where it differs.\n\n{}", prettyplease::unparse(&file))
        }

        #[test]
        fn a_value_is_read_as_serde_would_read_it_and_so_is_an_error() {
            $(same::<written::$name, derived::$name>();)*
        }
    };
}

derived! {
    NumberOrString { Integer(i64), String(String), }
    StringOrNumber { String(String), Number(f64), Integer(i64), }
    Narrow { Small(u8), Signed(i16), Flag(bool), Large(u64), Float(f32), }
    Flag { Flag(bool), }
    Text { Text(String), Again(String), }
    Number { Whole(u32), Any(f64), }
}

/// An untagged enum as progenitor writes it.
fn before(name: &str, variants: &[(&str, &str)]) -> Item {
    let variants: String = variants
        .iter()
        .map(|(variant, of)| match *of {
            "String" => format!("{variant}({TEXT}),"),
            of => format!("{variant}({of}),"),
        })
        .collect();
    syn::parse_str(&format!(
        "#[derive(::serde::Deserialize, ::serde::Serialize, Debug)]
        #[serde(untagged)]
        pub enum {name} {{ {variants} }}"
    ))
    .unwrap()
}

/// What stands in a text for a value that can be told from every other.
const CANARY: &str = "canary-7041";

fn same<Written: DeserializeOwned + Debug, Derived: DeserializeOwned + Debug>() {
    let mut texts: Vec<String> = [
        "0",
        "-0",
        "1",
        "-1",
        "127",
        "128",
        "255",
        "256",
        "-32768",
        "-32769",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "0.0",
        "7041.5",
        "-0.1",
        "1e2",
        "3.4e39",
        "1e999",
        "01",
        "true",
        "false",
        "null",
        "nul",
        "\"\"",
        "\"7\"",
        "\"\\u0041\\n\"",
        "\"\\ud800\"",
        "\"open",
        "[]",
        "[1,[{}]]",
        "[1,",
        "[1e]",
        "{}",
        "{\"canary-7041\":[1,{\"a\":null}]}",
        "{\"a\":1",
        "{1:2}",
        "",
    ]
    .map(str::to_owned)
    .into();
    texts.push(format!("\"{CANARY}\""));
    for text in &texts {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only printed")]
        struct Holder<T> {
            value: Option<T>,
        }
        let list = format!("[\n{text}\n]");
        assert_eq!(
            told::<Vec<Written>>(&list),
            told::<Vec<Derived>>(&list),
            "{list}"
        );
        let object = format!("{{\"value\": {text}, \"other\": 1}}");
        assert_eq!(
            told::<Holder<Written>>(&object),
            told::<Holder<Derived>>(&object),
            "{object}"
        );
        assert_eq!(told::<Written>(text), told::<Derived>(text), "{text}");
    }
}

/// The value, or the error with its place, in which there is nothing of the value.
fn told<T: DeserializeOwned + Debug>(text: &str) -> String {
    match serde_json::from_str::<T>(text) {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains(CANARY), "{error}");
            error
        }
    }
}

#[test]
fn what_was_compared_with_serde_is_what_is_written() {
    let compiled = include_str!("tests/written.rs");
    let now = source();
    if compiled != now {
        let file = tempfile::Builder::new()
            .suffix(".rs")
            .tempfile()
            .unwrap()
            .into_temp_path()
            .keep()
            .unwrap();
        std::fs::write(&file, now).unwrap();
        panic!("copy {} to the file of the tests", file.display());
    }
}

#[test]
fn other_enums_stay_as_they_are() {
    for code in [
        "#[derive(::serde::Deserialize)] pub enum Tagged { Integer(i64), String(::std::string::String) }",
        "#[derive(::serde::Deserialize)] #[serde(untagged)] pub enum Other { Integer(i64), Pet(Pet) }",
        "#[derive(::serde::Deserialize)] #[serde(untagged)] pub enum Pair { Both(i64, i64) }",
        "#[derive(::serde::Deserialize)] #[serde(untagged)] pub enum Named { One { value: i64 } }",
        "#[derive(::serde::Deserialize)] #[serde(untagged)] pub enum Nothing { Null, Integer(i64) }",
        "#[derive(::serde::Serialize)] #[serde(untagged)] pub enum Unread { Integer(i64) }",
    ] {
        let mut items = vec![syn::parse_str(code).unwrap()];
        visit(&mut items).unwrap();
        let [Item::Enum(item)] = items.as_slice() else {
            panic!("something is added to {code}");
        };
        let derives = item.attrs.iter().any(|attribute| match &attribute.meta {
            Meta::List(list) => list.tokens.to_string().contains("Deserialize"),
            _ => false,
        });
        assert_eq!(derives, code.contains("Deserialize"), "{code}");
    }
}
