//! Where an answer leaves the document: members that it does not know, types that it does not say, members that it
//! requires and that are not there.
//!
//! The vendor adds to its answers without notice, and readers are tolerant, so nobody would hear of it. What is told is
//! a place in the document and never anything of the answer: neither a value nor the name of an unknown member, which
//! may be personal data. So there are no more things to tell than the document has places.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;

use crate::{
    Answer,
    generated::shapes::{REFUSAL, SUCCESSES},
};

/// One way in which an answer leaves the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drift {
    /// In which way.
    pub kind: DriftKind,
    /// Where, as a JSON pointer into the document's idea of the answer: `*` stands for every item of a list, `_other`
    /// for every member that the document does not know.
    pub pointer: &'static str,
}

/// In which way an answer leaves the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftKind {
    /// There is a member that the document does not know.
    UnknownMember,
    /// A value is of a type that the document does not say.
    OtherType,
    /// A member that the document requires is absent or null.
    MissingMember,
}

/// What a value may be, by the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A string that is a whole number: readers take it for one.
    Digits,
    /// A number.
    Number,
    /// A boolean.
    Flag,
    /// An object.
    Object,
    /// An array.
    List,
    /// `null`, which is else as good as absent.
    Null,
}

/// What the document says of a value.
#[derive(Debug)]
pub(crate) struct Shape {
    pointer: &'static str,
    /// Anything if empty.
    kinds: Kinds,
    inside: Inside,
}

/// A set of kinds, a bit for each: one is asked for at each value of each answer.
#[derive(Clone, Copy, Debug)]
struct Kinds(u8);

impl Kinds {
    const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut rest = kinds;
        while let [kind, others @ ..] = rest {
            bits |= 1 << *kind as u8;
            rest = others;
        }
        Self(bits)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn contains(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }
}

/// A member of an object: its name, whether it is required, and its shape.
type Member = (&'static str, bool, Shape);

/// What the document says of what is in a value.
#[derive(Debug)]
enum Inside {
    /// Nothing.
    Unsaid,
    /// Of the members of an object.
    Members {
        /// Where unknown ones are told.
        other: &'static str,
        known: &'static [Member],
        /// A bit for each that is required, by its place among the known ones.
        required: u128,
    },
    /// Of every item of an array.
    Items(&'static Shape),
}

/// A value in which nothing is looked at.
pub(crate) const fn leaf(pointer: &'static str, kinds: &'static [Kind]) -> Shape {
    Shape {
        pointer,
        kinds: Kinds::of(kinds),
        inside: Inside::Unsaid,
    }
}

/// An array.
pub(crate) const fn list(
    pointer: &'static str,
    kinds: &'static [Kind],
    items: &'static Shape,
) -> Shape {
    Shape {
        pointer,
        kinds: Kinds::of(kinds),
        inside: Inside::Items(items),
    }
}

/// An object.
pub(crate) const fn object(
    pointer: &'static str,
    kinds: &'static [Kind],
    other: &'static str,
    known: &'static [Member],
) -> Shape {
    let mut required = 0;
    let mut place = 0;
    while place < known.len() {
        if known[place].1 {
            required |= bit(place);
        }
        place += 1;
    }
    Shape {
        pointer,
        kinds: Kinds::of(kinds),
        inside: Inside::Members {
            other,
            known,
            required,
        },
    }
}

/// The bit of the member at this place; none beyond the first 128, of which the generator requires none.
const fn bit(place: usize) -> u128 {
    if place < u128::BITS as usize {
        1 << place
    } else {
        0
    }
}

/// What is passed over. It is walked too, so that it may not be nested deeper than a reader would take it.
static ANYTHING: Shape = leaf("", &[]);

impl Answer {
    /// Where this answer to the operation with this id leaves the document, each place once. Empty for an answer that is
    /// no JSON, which is a failure of another sort. Of a refusal no member is required: it has one of several forms.
    ///
    /// Reads the body once, within the limits on its size and its nesting, and keeps nothing of it.
    pub fn drift(&self, operation: &str) -> Vec<Drift> {
        let shape = match self.status.as_u16() {
            200..=299 => SUCCESSES
                .iter()
                .find(|(id, _)| *id == operation)
                .map(|(_, shape)| *shape),
            400.. => Some(&REFUSAL),
            _ => None,
        };
        shape.map_or_else(Vec::new, |shape| drift(shape, &self.body))
    }
}

/// Where a body leaves a shape.
fn drift(shape: &'static Shape, body: &[u8]) -> Vec<Drift> {
    // To look for bytes that are no text once is cheaper than in every string. Where there are some, strings that nobody
    // reads may still hold them.
    let found = match std::str::from_utf8(body) {
        Ok(text) => walked(shape, serde_json::Deserializer::from_str(text)),
        Err(_) => walked(shape, serde_json::Deserializer::from_slice(body)),
    };
    found.map_or_else(|_| Vec::new(), |found| found.0)
}

/// What is found in the whole of a text.
fn walked<'de, R: Read<'de>>(
    shape: &'static Shape,
    mut json: serde_json::Deserializer<R>,
) -> serde_json::Result<Found> {
    let mut found = Found::default();
    let look = Look {
        shape,
        found: &mut found,
    };
    let present = look.deserialize(&mut json)?;
    json.end()?;
    refuse_null(shape, present, &mut found);
    Ok(found)
}

/// What was found so far. Seldom anything, and never more than the document has places.
#[derive(Default)]
struct Found(Vec<Drift>);

impl Found {
    fn note(&mut self, kind: DriftKind, pointer: &'static str) {
        let drift = Drift { kind, pointer };
        if !self.0.contains(&drift) {
            self.0.push(drift);
        }
    }
}

/// Looks at one value.
struct Look<'found> {
    shape: &'static Shape,
    found: &'found mut Found,
}

/// Whether a value is more than `null`.
type Present = bool;

impl Look<'_> {
    /// Holds the value, which is of this kind, against the document.
    fn is(&mut self, kind: Kind) {
        self.is_either(kind, || false);
    }

    /// Holds the value against the document: it is of this kind, or one that the document says too.
    fn is_either(&mut self, kind: Kind, other: impl FnOnce() -> bool) {
        let said = self.shape.kinds;
        if !said.is_empty() && !said.contains(kind) && !other() {
            self.found.note(DriftKind::OtherType, self.shape.pointer);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = Present;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Present, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Present;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<Present, E> {
        self.is(Kind::Flag);
        Ok(true)
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<Present, E> {
        self.is(Kind::Number);
        Ok(true)
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<Present, E> {
        self.is(Kind::Number);
        Ok(true)
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<Present, E> {
        self.is(Kind::Number);
        Ok(true)
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Present, E> {
        let kinds = self.shape.kinds;
        self.is_either(Kind::Text, || {
            kinds.contains(Kind::Digits) && is_whole(text)
        });
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<Present, E> {
        // The body and the items of lists have no absence that it could stand for; see there.
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Present, A::Error> {
        self.is(Kind::List);
        let Self { shape, found } = self;
        let Inside::Items(item) = shape.inside else {
            let mut anything = || {
                items.next_element_seed(Look {
                    shape: &ANYTHING,
                    found: &mut *found,
                })
            };
            while anything()?.is_some() {}
            return Ok(true);
        };
        while let Some(present) = items.next_element_seed(Look { shape: item, found })? {
            refuse_null(item, present, found);
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Present, A::Error> {
        self.is(Kind::Object);
        let Self { shape, found } = self;
        let Inside::Members {
            other,
            known,
            required,
        } = shape.inside
        else {
            while members.next_key::<IgnoredAny>()?.is_some() {
                members.next_value_seed(Look {
                    shape: &ANYTHING,
                    found: &mut *found,
                })?;
            }
            return Ok(true);
        };
        let mut missing = required;
        let mut next = 0;
        while let Some(place) = members.next_key_seed(Name { known, next })? {
            let Some(place) = place else {
                found.note(DriftKind::UnknownMember, other);
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let shape = &known[place].2;
            let present = members.next_value_seed(Look { shape, found })?;
            if present || shape.kinds.contains(Kind::Null) {
                missing &= !bit(place);
            }
            next = place + 1;
        }
        while missing != 0 {
            let place = missing.trailing_zeros() as usize;
            found.note(DriftKind::MissingMember, known[place].2.pointer);
            missing &= !bit(place);
        }
        Ok(true)
    }
}

/// Tells of a `null` where nothing can be left out.
fn refuse_null(shape: &'static Shape, present: Present, found: &mut Found) {
    if !present && !shape.kinds.is_empty() && !shape.kinds.contains(Kind::Null) {
        found.note(DriftKind::OtherType, shape.pointer);
    }
}

/// Whether a text is what readers take for a whole number.
fn is_whole(text: &str) -> bool {
    text.trim().parse::<i64>().is_ok()
}

/// Finds the place of a member by its name; `None` for one that is not known.
///
/// Objects have few members, and most names differ in their length alone: to go through them from where the last one
/// was found costs less than to compare halves.
struct Name {
    known: &'static [Member],
    /// Where to begin.
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        let Self { known, next } = self;
        let is_it = |(known, ..): &Member| *known == name;
        let (before, behind) = known.split_at(next);
        let place = behind.iter().position(is_it).map(|place| next + place);
        Ok(place.or_else(|| before.iter().position(is_it)))
    }
}
