//! Two schemas side by side, in the direction that values travel.

mod choice;
mod object;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    slice::from_ref,
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Class, Which,
    document::{Document, Node},
    limits,
    schema::View,
    words,
};

/// Who writes a value: we, or the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

impl Direction {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    /// The keyword that keeps a property from travelling this way.
    fn hidden(self) -> &'static str {
        match self {
            Self::Request => "readOnly",
            Self::Response => "writeOnly",
        }
    }

    /// The class for a request, or that for a response.
    pub(super) fn choose(self, request: Class, response: Class) -> Class {
        match self {
            Self::Request => request,
            Self::Response => response,
        }
    }
}

/// One change, before it is known which of our RPCs and fields it touches.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) place: Place,
    pub(super) change: String,
    pub(super) before: Value,
    pub(super) after: Value,
    /// Whether only words changed that are for people.
    pub(super) words: bool,
    /// For each use, the places of the lineage around it, the nearest first.
    pub(super) uses: BTreeSet<Vec<String>>,
}

/// A pointer, and which document it leads into.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) which: Which,
    pub(super) pointer: String,
}

impl Place {
    pub(super) fn old(pointer: impl Into<String>) -> Self {
        Self {
            which: Which::Old,
            pointer: pointer.into(),
        }
    }

    pub(super) fn new(pointer: impl Into<String>) -> Self {
        Self {
            which: Which::New,
            pointer: pointer.into(),
        }
    }
}

/// Finds what changed between schemas in one direction.
///
/// A pair of schemas is compared once, however many ways lead to it; that also ends recursion. What is found on later
/// ways is where else it matters.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) old: Document<'a>,
    pub(super) new: Document<'a>,
    direction: Direction,
    pub(super) found: Vec<Found>,
    /// What was found in a pair, short of the next property: the property that leads to the pair is what it touches.
    seen: BTreeMap<(String, String), BTreeSet<usize>>,
    /// The pairs that are being compared right now.
    open: BTreeSet<(String, String)>,
    /// The places of the lineage around the present schema, the nearest first.
    around: Vec<String>,
    /// Whether a pair was found to be the same, when alternatives were paired up.
    known: BTreeMap<(String, String), bool>,
    /// Whether it is enough to know that something differs.
    trial: bool,
}

/// Indices into what was found.
type Indices = BTreeSet<usize>;

impl<'a> Walk<'a> {
    pub(super) fn new(old: Document<'a>, new: Document<'a>, direction: Direction) -> Self {
        Self {
            old,
            new,
            direction,
            found: Vec::new(),
            seen: BTreeMap::new(),
            open: BTreeSet::new(),
            around: Vec::new(),
            known: BTreeMap::new(),
            trial: false,
        }
    }

    /// Sets the places of the lineage around what is compared next.
    pub(super) fn around(&mut self, places: Vec<String>) {
        self.around = places;
    }

    /// Writes down a change.
    pub(super) fn tell(
        &mut self,
        class: Class,
        place: Place,
        change: impl Into<String>,
        (before, after): (Value, Value),
    ) -> usize {
        self.found.push(Found {
            class,
            place,
            change: change.into(),
            before,
            after,
            words: false,
            uses: BTreeSet::from([self.around.clone()]),
        });
        self.found.len() - 1
    }

    /// Writes down that words for people changed.
    pub(super) fn tell_words(&mut self, old: &[Node<'a>], new: &[Node<'a>]) -> Option<usize> {
        let keywords = words::changed(old, new);
        let place = new.first().or(old.first())?;
        if keywords.is_empty() {
            return None;
        }
        let change = format!("words: {}", keywords.join(", "));
        let index = self.tell(
            Class::Quiet,
            Place::new(&place.pointer),
            change,
            Default::default(),
        );
        self.found[index].words = true;
        Some(index)
    }

    /// Compares what a value had to be with what it has to be; no schema at all lets everything pass. `at` is where the
    /// new one stands, or would stand.
    ///
    /// # Errors
    /// A reference that cannot be resolved.
    pub(super) fn schemas(
        &mut self,
        old: &[Node<'a>],
        new: &[Node<'a>],
        at: &str,
    ) -> Result<Indices> {
        if self.trial && self.differs() {
            return Ok(Indices::new());
        }
        let pair = Pair {
            old: View::of(self.old, old)?,
            new: View::of(self.new, new)?,
            at,
        };
        let key = (pair.old.key(), pair.new.key());
        if let Some(known) = self.seen.get(&key).cloned() {
            for index in &known {
                self.found[*index].uses.insert(self.around.clone());
            }
            return Ok(known);
        }
        self.seen.insert(key.clone(), Indices::new());
        self.open.insert(key.clone());
        let mine = self.compare(&pair)?;
        self.open.remove(&key);
        if pair.old.parts.is_empty() || pair.new.parts.is_empty() {
            // Nothing says which place that is, so another one must not be taken for it.
            self.seen.remove(&key);
        } else {
            self.seen.insert(key, mine.clone());
        }
        Ok(mine)
    }

    fn compare(&mut self, pair: &Pair<'a, '_>) -> Result<Indices> {
        let Pair { old, new, at } = pair;
        let mut mine = Indices::new();
        if !old.parts.is_empty() && !new.parts.is_empty() {
            mine.extend(self.tell_words(&old.parts, &new.parts));
        }
        mine.extend(self.deprecated(&old.parts, &new.parts));
        let (before, after) = (old.alternatives(), new.alternatives());
        // A schema without a choice is a choice of one.
        if before.is_empty() && !after.is_empty() && new.is_bare() && !old.parts.is_empty() {
            mine.extend(self.choices(from_ref(&old.parts), &each(after), at)?);
            return Ok(mine);
        }
        if after.is_empty() && !before.is_empty() && old.is_bare() && !new.parts.is_empty() {
            mine.extend(self.choices(&each(before), from_ref(&new.parts), at)?);
            return Ok(mine);
        }
        if self.kind(pair, &mut mine)? == Kind::Other {
            return Ok(mine);
        }
        self.values(pair, &mut mine)?;
        if new.kind().as_deref() == Some("object") {
            self.fields(pair)?;
            self.additional(pair, &mut mine)?;
        }
        if new.kind().as_deref() == Some("array") {
            let at = new
                .with("items")
                .map_or_else(|| (*at).to_owned(), |node| node.pointer);
            mine.extend(self.schemas(&old.items(), &new.items(), &at)?);
        }
        mine.extend(self.choices(&each(before), &each(after), at)?);
        Ok(mine)
    }

    /// That something may go away is no change yet, but worth knowing.
    pub(super) fn deprecated(&mut self, old: &[Node<'a>], new: &[Node<'a>]) -> Option<usize> {
        let is = |nodes: &[Node<'_>]| nodes.iter().any(|node| node.flag("deprecated"));
        let (before, after) = (is(old), is(new));
        if before == after {
            return None;
        }
        let (nodes, which, change) = if after {
            (new, Which::New, "deprecated")
        } else {
            (old, Which::Old, "no longer deprecated")
        };
        let node = nodes.iter().find(|node| node.flag("deprecated"))?;
        let pointer = format!("{}/deprecated", node.pointer);
        let place = Place { which, pointer };
        Some(self.tell(Class::Quiet, place, change, (json!(before), json!(after))))
    }

    /// The JSON type, and whether null may stand in for it.
    fn kind(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<Kind> {
        let Pair { old, new, .. } = pair;
        let (before, after) = (old.kind(), new.kind());
        let request = self.direction == Direction::Request;
        let class = match (before.as_deref(), after.as_deref()) {
            (before, after) if before == after => None,
            // Every whole number is a number, but not the other way round.
            (Some("integer"), Some("number")) if request => Some(Class::Additive),
            (Some(_), Some(_)) => Some(Class::Breaking),
            (Some(_), None) => Some(limits::Verdict::Freed.class(self.direction)),
            (None, _) => Some(Class::Breaking),
        };
        if let Some(class) = class {
            let told = (json!(old.shape(self.old)?), json!(new.shape(self.new)?));
            let change = format!("{} type changed", self.direction.word());
            mine.insert(self.tell(class, pair.place_of_type(), change, told));
            let numbers = request && class == Class::Additive && after.is_some();
            return Ok(if numbers { Kind::Same } else { Kind::Other });
        }
        if old.nullable != new.nullable {
            let (class, change) = if new.nullable {
                let class = self.direction.choose(Class::Additive, Class::Breaking);
                (class, "became nullable")
            } else {
                let class = self.direction.choose(Class::Breaking, Class::Additive);
                (class, "no longer nullable")
            };
            let change = format!("{} {change}", self.direction.word());
            let told = (json!(old.nullable), json!(new.nullable));
            mine.insert(self.tell(class, pair.place("nullable"), change, told));
        }
        Ok(Kind::Same)
    }
}

/// Each alternative by itself.
fn each(nodes: Vec<Node<'_>>) -> Vec<Vec<Node<'_>>> {
    nodes.into_iter().map(|node| vec![node]).collect()
}

/// Whether it makes sense to compare what two schemas say of their values.
#[derive(PartialEq, Eq)]
enum Kind {
    Same,
    Other,
}

struct Pair<'a, 'p> {
    old: View<'a>,
    new: View<'a>,
    /// Where the new one stands, or would stand.
    at: &'p str,
}

impl Pair<'_, '_> {
    /// Where the keyword stands: in the new document, or in the old one if it stands there only.
    fn place(&self, keyword: &str) -> Place {
        if let Some(node) = self.new.with(keyword) {
            return Place::new(node.pointer);
        }
        if self.new.parts.is_empty() {
            return Place::new(self.at);
        }
        match self.old.with(keyword) {
            Some(node) => Place::old(node.pointer),
            None => Place::new(self.at),
        }
    }

    /// Where the type changed: at the keyword, or where another schema was put in the place of the old one.
    fn place_of_type(&self) -> Place {
        let typed = self.new.with("type");
        let there = typed.is_none_or(|node| {
            let holder = node.pointer.trim_end_matches("/type");
            let mut olds = self.old.parts.iter();
            holder.starts_with(self.at) || olds.any(|part| part.pointer == holder)
        });
        if there {
            self.place("type")
        } else {
            Place::new(self.at)
        }
    }
}
