//! What changed for Rust callers between two generated sources, and which version has to follow.
//!
//! Compared is what a caller can name: public types with their fields and variants, functions and methods, constants and
//! re-exports, and which traits a type has. Not compared are bodies, documentation, argument lists of attributes such as
//! serde's (what they change is on the wire, and the comparison of the documents tells it), and what macros would make.

mod render;
mod shape;
pub(crate) mod spelling;
mod surface;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use self::surface::{Item, Members, Surface, last};

/// The version of the crates, which all of the workspace share.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What changed between two sources, in the order of the names.
#[derive(Debug)]
pub(crate) struct Changes {
    added: Vec<Change>,
    removed: Vec<Change>,
    changed: Vec<Change>,
    advice: Advice,
    /// The version that the older source is of.
    version: &'static str,
}

/// A change of one item.
#[derive(Debug, PartialEq)]
struct Change {
    /// The item as a caller names it.
    item: String,
    /// What it was; nothing where it is new.
    before: Option<String>,
    /// What it is; nothing where it is gone.
    after: Option<String>,
    effect: Effect,
}

/// What a change does to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Who does not use what is new need not do anything.
    Compatible,
    /// A field more in what only comes back from a call.
    ReadOnly,
    /// A field more in what a caller builds.
    Literal,
    /// A word more in a list that callers may go through.
    Match,
    /// A method more that a trait demands.
    Demanded,
    /// Whoever uses the item has to change.
    Breaking,
}

impl Effect {
    fn breaks(self) -> bool {
        !matches!(self, Self::Compatible | Self::ReadOnly)
    }

    /// What to say besides before and after.
    fn note(self) -> Option<&'static str> {
        match self {
            Self::Compatible | Self::Breaking => None,
            Self::ReadOnly => Some(
                "only comes back from calls; who builds one with a literal, as tests do, has to name the field",
            ),
            Self::Literal => Some("who builds it with a literal has to name the field"),
            Self::Match => Some("who matches on it has to handle the variant"),
            Self::Demanded => Some("who implements the trait has to add it"),
        }
    }
}

/// Which part of the version has to go up. The order is that of the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Advice {
    /// The sources are the same.
    None,
    /// The code differs, and nothing that a caller can name.
    Patch,
    /// There is more than there was.
    Minor,
    /// Callers have to change their code.
    Major,
}

impl Advice {
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::None => "the generated code is the same",
            Self::Patch => "the generated code differs, but nothing in it that a caller can name",
            Self::Minor => "callers can go on as they are",
            Self::Major => "callers may have to change their code",
        }
    }

    /// The version after this one. Before 1.0 Cargo reads the second number as the first, and the third as the second.
    fn next(self, version: &str) -> Option<String> {
        let numbers: Vec<u64> = version
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        let &[first, second, third] = numbers.as_slice() else {
            return None;
        };
        Some(match (self, first) {
            (Self::None, _) => version.to_owned(),
            (Self::Patch, _) | (Self::Minor, 0) => format!("{first}.{second}.{}", third + 1),
            (Self::Minor, _) | (Self::Major, 0) => format!("{first}.{}.0", second + 1),
            (Self::Major, _) => format!("{}.0.0", first + 1),
        })
    }
}

/// What changed from one generated source to another.
///
/// # Errors
/// A source that is not Rust.
pub(crate) fn changes(old: &str, new: &str) -> Result<Changes> {
    let before = Surface::read(old).context("the older source is not Rust")?;
    let after = Surface::read(new).context("the newer source is not Rust")?;
    let mut changes = Changes {
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        advice: Advice::None,
        version: VERSION,
    };
    changes.compare(&before, &after);
    changes.advice = changes.advise(old == new);
    Ok(changes)
}

impl Changes {
    /// Whether nothing that a caller can name differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Which part of the version has to go up.
    pub(crate) fn advice(&self) -> Advice {
        self.advice
    }

    fn all(&self) -> impl Iterator<Item = &Change> {
        self.removed.iter().chain(&self.changed).chain(&self.added)
    }

    fn advise(&self, same: bool) -> Advice {
        match () {
            () if self.all().any(|change| change.effect.breaks()) => Advice::Major,
            () if !self.is_empty() => Advice::Minor,
            () if same => Advice::None,
            () => Advice::Patch,
        }
    }

    fn compare(&mut self, before: &Surface, after: &Surface) {
        let mut sent = before.sent();
        sent.extend(after.sent());
        for name in both(&before.items, &after.items) {
            match (before.items.get(name), after.items.get(name)) {
                (Some(old), Some(new)) => self.item(name, old, new, sent.contains(last(name))),
                (Some(old), None) => self.gone(name, &old.head),
                (None, Some(new)) => self.more(name, &new.head, Effect::Compatible),
                (None, None) => {}
            }
        }
        for name in both(&before.foreign, &after.foreign) {
            // What a type brought or took along is no news beside the type.
            let told = spelling::names(name).iter().any(|part| {
                let there = |surface: &Surface| surface.items.keys().any(|path| last(path) == part);
                there(before) != there(after)
            });
            if !told {
                self.one(
                    name,
                    before.foreign.get(name),
                    after.foreign.get(name),
                    Effect::Compatible,
                );
            }
        }
    }

    /// Compares an item that is in both sources.
    fn item(&mut self, name: &str, old: &Item, new: &Item, sent: bool) {
        if old.head != new.head {
            self.different(name, &old.head, &new.head, Effect::Breaking);
        }
        let (joint, effect) = match (&old.members, &new.members) {
            (Members::None, Members::None) => (".", Effect::Compatible),
            (Members::Fields(_), Members::Fields(_)) if old.closed => (".", Effect::Compatible),
            (Members::Fields(_), Members::Fields(_)) if sent => (".", Effect::Literal),
            (Members::Fields(_), Members::Fields(_)) => (".", Effect::ReadOnly),
            (Members::Variants(_), Members::Variants(_)) if old.closed => {
                ("::", Effect::Compatible)
            }
            (Members::Variants(_), Members::Variants(_)) => ("::", Effect::Match),
            (Members::Demanded(_), Members::Demanded(_)) => ("::", Effect::Demanded),
            // Another kind of item altogether, which its head has told.
            (
                Members::None | Members::Fields(_) | Members::Variants(_) | Members::Demanded(_),
                _,
            ) => return,
        };
        if old.closed != new.closed {
            let [open, closed] = match new.members {
                Members::Variants(_) => [
                    "can be matched without a wildcard",
                    "needs a wildcard in a match",
                ],
                Members::Fields(_) | Members::Demanded(_) | Members::None => [
                    "can be built with a literal",
                    "cannot be built with a literal",
                ],
            };
            if new.closed {
                self.different(name, open, closed, Effect::Breaking);
            } else {
                self.different(name, closed, open, Effect::Compatible);
            }
        }
        if let (Some(old), Some(new)) = (old.members.map(), new.members.map()) {
            self.parts(&format!("{name}{joint}"), old, new, effect);
        }
        self.parts(
            &format!("{name}::"),
            &old.methods,
            &new.methods,
            Effect::Compatible,
        );
        for of in both(&old.traits, &new.traits) {
            self.one(
                &format!("impl {of} for {name}"),
                old.traits.get(of),
                new.traits.get(of),
                Effect::Compatible,
            );
        }
    }

    fn parts(
        &mut self,
        of: &str,
        old: &BTreeMap<String, String>,
        new: &BTreeMap<String, String>,
        more: Effect,
    ) {
        for name in both(old, new) {
            self.one(&format!("{of}{name}"), old.get(name), new.get(name), more);
        }
    }

    fn one(&mut self, item: &str, old: Option<&String>, new: Option<&String>, more: Effect) {
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                self.different(item, old, new, Effect::Breaking);
            }
            (Some(old), None) => self.gone(item, old),
            (None, Some(new)) => self.more(item, new, more),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn gone(&mut self, item: &str, before: &str) {
        self.removed.push(Change {
            item: item.to_owned(),
            before: Some(before.to_owned()),
            after: None,
            effect: Effect::Breaking,
        });
    }

    fn more(&mut self, item: &str, after: &str, effect: Effect) {
        self.added.push(Change {
            item: item.to_owned(),
            before: None,
            after: Some(after.to_owned()),
            effect,
        });
    }

    fn different(&mut self, item: &str, before: &str, after: &str, effect: Effect) {
        self.changed.push(Change {
            item: item.to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
            effect,
        });
    }
}

/// The keys of two maps, in their order.
fn both<'a, T>(old: &'a BTreeMap<String, T>, new: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    old.keys().chain(new.keys()).collect()
}
