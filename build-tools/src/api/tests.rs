//! Each kind of change, in both directions, on small sources.

mod render;

use std::{fs, path::Path};

use super::*;
use crate::{rest, spec};

/// A source as the generator writes them: a client, what it takes and what it answers.
const SOURCE: &str = "
pub use elsewhere::{Error, ResponseValue};
pub mod types {
    #[derive(::serde::Serialize, Clone)]
    pub struct Sent { pub name: ::std::string::String, #[serde(default)] pub inner: ::std::option::Option<Inner> }
    #[derive(Clone, Default)]
    pub struct Inner { pub a: i64 }
    #[derive(Clone, Default)]
    pub struct Answer { pub id: ::std::option::Option<Id> }
    pub struct Id(pub ::std::string::String);
    impl ::std::ops::Deref for Id { type Target = ::std::string::String; fn deref(&self) -> &::std::string::String { &self.0 } }
    impl ::std::convert::From<Id> for ::std::string::String { fn from(id: Id) -> Self { id.0 } }
    pub enum Kind { Big, Small(u8) }
    #[non_exhaustive]
    pub enum Open { One }
    pub type Names = ::std::vec::Vec<::std::string::String>;
    mod private { pub struct Unseen; }
}
pub struct Client { pub(crate) baseurl: String }
impl Client {
    pub async fn send<'a>(&'a self, body: &'a types::Sent) -> Result<ResponseValue<types::Answer>, Error<()>> { todo() }
    fn hidden(&self) {}
}
pub trait Info { fn version() -> &'static str; }
pub const ALL: &[u8] = &[1];
pub fn make(kind: types::Kind) {}
fn helper() {}
";

/// What changes in the source if this does, as `- item: before`, `+ item: after` or `~ item: before > after`; and the
/// advice.
#[track_caller]
fn change(from: &str, to: &str) -> (Vec<String>, Advice) {
    assert_eq!(SOURCE.matches(from).count(), 1, "{from}");
    between(SOURCE, &SOURCE.replace(from, to))
}

fn between(old: &str, new: &str) -> (Vec<String>, Advice) {
    let changes = changes(old, new).unwrap();
    let lines = changes
        .all()
        .map(|change| match (&change.before, &change.after) {
            (Some(before), Some(after)) => format!("~ {}: {before} > {after}", change.item),
            (Some(before), None) => format!("- {}: {before}", change.item),
            (None, Some(after)) => format!("+ {}: {after}", change.item),
            (None, None) => change.item.clone(),
        })
        .collect();
    (lines, changes.advice())
}

/// That a change is told so, and the same backwards.
#[track_caller]
fn told(from: &str, to: &str, forth: (&[&str], Advice), back: (&[&str], Advice)) {
    let owned = |(lines, advice): (&[&str], Advice)| {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        (lines, advice)
    };
    assert_eq!(change(from, to), owned(forth));
    assert_eq!(between(&SOURCE.replace(from, to), SOURCE), owned(back));
}

#[test]
fn the_same_source_has_no_changes() {
    assert_eq!(between(SOURCE, SOURCE), (Vec::new(), Advice::None));
    let generated =
        fs::read_to_string(crate::root().join("crates/rest/src/generated/mod.rs")).unwrap();
    let changes = changes(&generated, &generated).unwrap();
    assert!(changes.is_empty());
    assert_eq!(changes.advice(), Advice::None);
}

#[test]
fn order_bodies_words_and_what_is_private_are_no_change_of_the_api() {
    for (from, to) in [
        (
            "pub struct Inner { pub a: i64 }",
            "/// A word.\n pub struct Inner { pub a: i64 }",
        ),
        ("fn helper() {}", "fn helper(more: u8) {}"),
        ("fn hidden(&self) {}", ""),
        ("{ todo() }", "{ done() }"),
        ("pub struct Unseen;", "pub struct Seen;"),
        ("::std::vec::Vec<", "Vec<"),
        (
            "#[derive(::serde::Serialize, Clone)]",
            "#[derive(Clone)]\n #[derive(::serde::Serialize)]",
        ),
        ("#[serde(default)] ", ""),
        ("Big, Small(u8)", "Small(u8), Big"),
        ("pub(crate) baseurl: String", "baseurl: u8, more: u8"),
        ("&[1]", "&[1, 2]"),
        ("{Error, ResponseValue}", "{ResponseValue, Error}"),
    ] {
        assert_eq!(change(from, to), (Vec::new(), Advice::Patch), "{from}");
    }
    let (head, tail) = SOURCE.split_once("pub trait").unwrap();
    assert_eq!(
        between(SOURCE, &format!("pub trait{tail}{head}")),
        (Vec::new(), Advice::Patch)
    );
}

#[test]
fn a_type_that_comes_or_goes_is_told_once_with_all_that_it_brings() {
    told(
        "    pub struct Id(pub ::std::string::String);\n",
        "",
        (&["- types::Id: struct Id"], Advice::Major),
        (&["+ types::Id: struct Id"], Advice::Minor),
    );
    told(
        "pub fn make(kind: types::Kind) {}",
        "",
        (&["- make: fn make(kind: types::Kind)"], Advice::Major),
        (&["+ make: fn make(kind: types::Kind)"], Advice::Minor),
    );
    told(
        "pub mod types",
        "pub mod shapes",
        (
            &[
                "- types::Answer: struct Answer",
                "- types::Id: struct Id",
                "- types::Inner: struct Inner",
                "- types::Kind: enum Kind",
                "- types::Names: type Names = Vec<String>",
                "- types::Open: enum Open",
                "- types::Sent: struct Sent",
                "+ shapes::Answer: struct Answer",
                "+ shapes::Id: struct Id",
                "+ shapes::Inner: struct Inner",
                "+ shapes::Kind: enum Kind",
                "+ shapes::Names: type Names = Vec<String>",
                "+ shapes::Open: enum Open",
                "+ shapes::Sent: struct Sent",
            ],
            Advice::Major,
        ),
        (
            &[
                "- shapes::Answer: struct Answer",
                "- shapes::Id: struct Id",
                "- shapes::Inner: struct Inner",
                "- shapes::Kind: enum Kind",
                "- shapes::Names: type Names = Vec<String>",
                "- shapes::Open: enum Open",
                "- shapes::Sent: struct Sent",
                "+ types::Answer: struct Answer",
                "+ types::Id: struct Id",
                "+ types::Inner: struct Inner",
                "+ types::Kind: enum Kind",
                "+ types::Names: type Names = Vec<String>",
                "+ types::Open: enum Open",
                "+ types::Sent: struct Sent",
            ],
            Advice::Major,
        ),
    );
}

#[test]
fn a_field_more_breaks_who_builds_a_request_and_not_who_reads_an_answer() {
    told(
        "pub a: i64",
        "pub a: i64, pub b: bool",
        (&["+ types::Inner.b: bool"], Advice::Major),
        (&["- types::Inner.b: bool"], Advice::Major),
    );
    told(
        "pub id: ::std::option::Option<Id>",
        "pub id: ::std::option::Option<Id>, pub b: bool",
        (&["+ types::Answer.b: bool"], Advice::Minor),
        (&["- types::Answer.b: bool"], Advice::Major),
    );
}

#[test]
fn a_field_of_another_type_breaks_callers_both_ways() {
    told(
        "pub name: ::std::string::String",
        "pub name: ::std::option::Option<::std::string::String>",
        (
            &["~ types::Sent.name: String > Option<String>"],
            Advice::Major,
        ),
        (
            &["~ types::Sent.name: Option<String> > String"],
            Advice::Major,
        ),
    );
    told(
        "pub struct Id(pub ::std::string::String)",
        "pub struct Id(pub i64)",
        (&["~ types::Id.0: String > i64"], Advice::Major),
        (&["~ types::Id.0: i64 > String"], Advice::Major),
    );
}

#[test]
fn a_struct_that_closes_breaks_who_builds_it() {
    let closed = "~ types::Inner: can be built with a literal > cannot be built with a literal";
    let opened = "~ types::Inner: cannot be built with a literal > can be built with a literal";
    told(
        "pub a: i64",
        "pub a: i64, b: u8",
        (&[closed], Advice::Major),
        (&[opened], Advice::Minor),
    );
    told(
        "pub struct Inner",
        "#[non_exhaustive] pub struct Inner",
        (&[closed], Advice::Major),
        (&[opened], Advice::Minor),
    );
}

#[test]
fn a_variant_more_breaks_who_matches_on_a_list_that_was_closed() {
    told(
        "Big, Small(u8)",
        "Big, Small(u8), Huge",
        (&["+ types::Kind::Huge: Huge"], Advice::Major),
        (&["- types::Kind::Huge: Huge"], Advice::Major),
    );
    told(
        "pub enum Open { One }",
        "pub enum Open { One, Two }",
        (&["+ types::Open::Two: Two"], Advice::Minor),
        (&["- types::Open::Two: Two"], Advice::Major),
    );
    told(
        "Small(u8)",
        "Small { size: u8 }",
        (
            &["~ types::Kind::Small: Small(u8) > Small { size: u8 }"],
            Advice::Major,
        ),
        (
            &["~ types::Kind::Small: Small { size: u8 } > Small(u8)"],
            Advice::Major,
        ),
    );
    told(
        "#[non_exhaustive]\n",
        "",
        (
            &["~ types::Open: needs a wildcard in a match > can be matched without a wildcard"],
            Advice::Minor,
        ),
        (
            &["~ types::Open: can be matched without a wildcard > needs a wildcard in a match"],
            Advice::Major,
        ),
    );
}

#[test]
fn a_type_that_becomes_another_kind_of_type_is_told_by_its_head() {
    told(
        "pub struct Id(pub ::std::string::String);",
        "pub type Id = ::std::string::String;",
        (
            &["~ types::Id: struct Id > type Id = String"],
            Advice::Major,
        ),
        (
            &["~ types::Id: type Id = String > struct Id"],
            Advice::Major,
        ),
    );
    told(
        "pub struct Inner { pub a: i64 }",
        "pub enum Inner { A(i64) }",
        (
            &["~ types::Inner: struct Inner > enum Inner"],
            Advice::Major,
        ),
        (
            &["~ types::Inner: enum Inner > struct Inner"],
            Advice::Major,
        ),
    );
    told(
        "pub struct Inner {",
        "pub struct Inner<T> {",
        (
            &["~ types::Inner: struct Inner > struct Inner<T>"],
            Advice::Major,
        ),
        (
            &["~ types::Inner: struct Inner<T> > struct Inner"],
            Advice::Major,
        ),
    );
    told(
        "Vec<::std::string::String>;",
        "Vec<u8>;",
        (
            &["~ types::Names: type Names = Vec<String> > type Names = Vec<u8>"],
            Advice::Major,
        ),
        (
            &["~ types::Names: type Names = Vec<u8> > type Names = Vec<String>"],
            Advice::Major,
        ),
    );
}

#[test]
fn a_method_is_told_with_its_signature() {
    let send = "async fn send<'a>(&'a self, body: &'a types::Sent) -> Result<ResponseValue<types::Answer>, Error<()>>";
    let more = "async fn send<'a>(&'a self, page: Option<i64>, body: &'a types::Sent) -> \
                Result<ResponseValue<types::Answer>, Error<()>>";
    told(
        "(&'a self, body",
        "(&'a self, page: Option<i64>, body",
        (
            &[&format!("~ Client::send: {send} > {more}")],
            Advice::Major,
        ),
        (
            &[&format!("~ Client::send: {more} > {send}")],
            Advice::Major,
        ),
    );
    told(
        "    fn hidden(&self) {}",
        "    pub fn hidden(&self) {}\n    pub const N: u8 = 1;",
        (
            &[
                "+ Client::N: const N: u8",
                "+ Client::hidden: fn hidden(&self)",
            ],
            Advice::Minor,
        ),
        (
            &[
                "- Client::N: const N: u8",
                "- Client::hidden: fn hidden(&self)",
            ],
            Advice::Major,
        ),
    );
}

#[test]
fn the_traits_of_a_type_are_part_of_the_api() {
    told(
        "#[derive(::serde::Serialize, Clone)]",
        "#[derive(::serde::Serialize)]",
        (&["- impl Clone for types::Sent: "], Advice::Major),
        (&["+ impl Clone for types::Sent: "], Advice::Minor),
    );
    told(
        "type Target = ::std::string::String",
        "type Target = str",
        (
            &["~ impl Deref for types::Id: Target = String > Target = str"],
            Advice::Major,
        ),
        (
            &["~ impl Deref for types::Id: Target = str > Target = String"],
            Advice::Major,
        ),
    );
    told(
        "    impl ::std::convert::From<Id> for ::std::string::String { fn from(id: Id) -> Self { id.0 } }\n",
        "",
        (&["- impl From<Id> for String: "], Advice::Major),
        (&["+ impl From<Id> for String: "], Advice::Minor),
    );
    // By hand or derived, in whichever module: the type has it.
    assert_eq!(
        change(
            "#[derive(::serde::Serialize, Clone)]",
            "impl ::std::clone::Clone for super::types::Sent {}\n #[derive(::serde::Serialize)]",
        ),
        (Vec::new(), Advice::Patch)
    );
}

#[test]
fn constants_traits_and_what_is_exported_again_are_part_of_the_api() {
    told(
        "&[u8] = &[1]",
        "[u8; 1] = [1]",
        (
            &["~ ALL: const ALL: &[u8] > const ALL: [u8; 1]"],
            Advice::Major,
        ),
        (
            &["~ ALL: const ALL: [u8; 1] > const ALL: &[u8]"],
            Advice::Major,
        ),
    );
    told(
        "fn version() -> &'static str;",
        "fn version() -> &'static str; type Inner;",
        (&["+ Info::Inner: type"], Advice::Major),
        (&["- Info::Inner: type"], Advice::Major),
    );
    told(
        "{Error, ResponseValue}",
        "{Error as Failure, ResponseValue}",
        (
            &[
                "- Error: use elsewhere::Error",
                "+ Failure: use elsewhere::Error",
            ],
            Advice::Major,
        ),
        (
            &[
                "- Failure: use elsewhere::Error",
                "+ Error: use elsewhere::Error",
            ],
            Advice::Major,
        ),
    );
}

#[test]
fn a_source_that_is_not_rust_is_named() {
    let error = changes(SOURCE, "pub struct {").unwrap_err();
    assert_eq!(error.to_string(), "the newer source is not Rust");
    let error = changes("pub struct {", SOURCE).unwrap_err();
    assert_eq!(error.to_string(), "the older source is not Rust");
}

#[test]
fn members_of_requests_that_the_vendor_made_optional_break_typed_callers() {
    let Some(folder) = std::env::var_os("OPENFINANCE_VENDOR_DOCS") else {
        return;
    };
    let root = crate::root();
    let ours = spec::load(&root.join(spec::DOCUMENT)).unwrap();
    let operations = spec::operations(&ours).unwrap();
    let ids = operations
        .iter()
        .map(|operation| operation.id.to_owned())
        .collect();
    let code = |version: &str| {
        let file = Path::new(&folder).join(format!("history/{version}.structure.yaml"));
        let cut = spec::slice(&spec::load(&file).unwrap(), &ids).unwrap();
        let (_, code) = rest::client(spec::corrected_where_it_fits(&root, cut).unwrap()).unwrap();
        code
    };
    let changes = changes(&code("1.38.1"), &code("1.38.2")).unwrap();
    assert_eq!(changes.advice(), Advice::Major);
    assert!(changes.removed.is_empty());
    let changed: Vec<&str> = changes
        .changed
        .iter()
        .map(|change| change.item.as_str())
        .collect();
    assert_eq!(
        changed,
        ["address", "birthday", "city", "phone", "ssn", "zip"]
            .map(|field| format!("types::NewConsumer.{field}"))
    );
    assert!(
        changes
            .changed
            .iter()
            .all(|change| change.after.as_ref().unwrap().starts_with("Option<"))
    );
}
