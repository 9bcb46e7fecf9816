//! Two schemas side by side, in the direction that values travel.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice::from_ref,
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Class, Which,
    document::{Document, Node},
    limits, lineage_place,
    schema::{Additional, Field, View},
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
            (None, _) => Some(limits::Verdict::Narrowed.class(self.direction)),
        };
        if let Some(class) = class {
            let told = (json!(old.shape(self.old)?), json!(new.shape(self.new)?));
            let change = format!("{} type changed", self.direction.word());
            mine.insert(self.tell(class, pair.place("type"), change, told));
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

    /// Format, enum, limits, and what else is said of a single value.
    fn values(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<()> {
        let Pair { old, new, .. } = pair;
        let direction = self.direction;
        if let Some(change) = limits::format(old, new) {
            let words = format!("{} format {}", direction.word(), change.verdict.word());
            let class = change.verdict.class(direction);
            let told = (change.before, change.after);
            mine.insert(self.tell(class, pair.place(change.keyword), words, told));
        }
        for change in limits::limits(old, new) {
            let (keyword, verdict) = (change.keyword, change.verdict);
            let words = format!("{} limit {keyword} {}", direction.word(), verdict.word());
            let told = (change.before, change.after);
            mine.insert(self.tell(verdict.class(direction), pair.place(keyword), words, told));
        }
        self.enumeration(pair, mine);
        self.defaults(pair, mine);
        self.excluded(pair, mine)
    }

    fn enumeration(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) {
        let Pair { old, new, .. } = pair;
        let direction = self.direction;
        let list = |words: &BTreeMap<String, &Value>| -> Value {
            words.values().map(|word| (*word).clone()).collect()
        };
        let mut tell = |class, place, change: &str, told| {
            let change = format!("{} {change}", direction.word());
            mine.insert(self.tell(class, place, change, told));
        };
        let place = || pair.place("enum");
        match (old.words_allowed(), new.words_allowed()) {
            (None, None) => {}
            (None, Some(words)) => {
                let class = direction.choose(Class::Breaking, Class::Quiet);
                tell(
                    class,
                    place(),
                    "enum introduced",
                    (Value::Null, list(&words)),
                );
            }
            // Any word may come now, so words were added; and any word is taken now.
            (Some(words), None) => {
                tell(
                    Class::Additive,
                    place(),
                    "enum dropped",
                    (list(&words), Value::Null),
                );
            }
            (Some(mut before), Some(mut after)) => {
                let both: Vec<String> = before
                    .keys()
                    .filter(|word| after.contains_key(*word))
                    .cloned()
                    .collect();
                before.retain(|word, _| !both.contains(word));
                after.retain(|word, _| !both.contains(word));
                if !after.is_empty() {
                    let told = (Value::Null, list(&after));
                    tell(Class::Additive, place(), "enum words added", told);
                }
                if !before.is_empty() {
                    // A reader that knows more words than come is none the worse.
                    let class = direction.choose(Class::Breaking, Class::Quiet);
                    let pointer = old.with("enum").map(|node| node.pointer);
                    let place = pointer.map_or_else(place, Place::old);
                    tell(
                        class,
                        place,
                        "enum words removed",
                        (list(&before), Value::Null),
                    );
                }
            }
        }
    }

    /// Another default in a request answers those who leave the value out differently, and nothing tells them. One that
    /// is only written down now was there before.
    fn defaults(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) {
        let of = |view: &View<'_>| view.with("default").map(|node| node.value.clone());
        let (before, after) = (of(&pair.old), of(&pair.new));
        if before == after {
            return;
        }
        let both = before.is_some() && after.is_some();
        let class = if both && self.direction == Direction::Request {
            Class::Breaking
        } else {
            Class::Quiet
        };
        let change = format!("{} default changed", self.direction.word());
        let told = (before.unwrap_or_default(), after.unwrap_or_default());
        mine.insert(self.tell(class, pair.place("default"), change, told));
    }

    /// `not`, and how alternatives are told apart.
    fn excluded(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<()> {
        let Pair { old, new, at } = pair;
        let nots = |view: &View<'a>| -> Vec<Node<'a>> {
            view.parts
                .iter()
                .filter_map(|part| part.child("not"))
                .collect()
        };
        let (before, after) = (nots(old), nots(new));
        if before.len() != after.len() || !self.same(&before, &after, at)? {
            let freed = after.is_empty();
            let verdict = if freed {
                limits::Verdict::Widened
            } else {
                limits::Verdict::Narrowed
            };
            let change = format!("{} limit not {}", self.direction.word(), verdict.word());
            let class = verdict.class(self.direction);
            mine.insert(self.tell(class, pair.place("not"), change, Default::default()));
        }
        let tag = |view: &View<'_>| {
            let node = view.with("discriminator")?;
            node.value.get("propertyName").cloned()
        };
        let told = (tag(old).unwrap_or_default(), tag(new).unwrap_or_default());
        if told.0 != told.1 {
            let change = format!("{} discriminator changed", self.direction.word());
            mine.insert(self.tell(Class::Quiet, pair.place("discriminator"), change, told));
        }
        Ok(())
    }

    /// What is found behind a property touches that property, not the one that leads to the object.
    fn fields(&mut self, pair: &Pair<'a, '_>) -> Result<()> {
        let hidden = self.direction.hidden();
        let mut before = pair.old.fields(self.old, hidden)?;
        for (name, field) in pair.new.fields(self.new, hidden)? {
            match before.remove(name) {
                None => self.field_added(name, &field)?,
                Some(earlier) => self.field(name, &earlier, &field)?,
            }
        }
        for (name, field) in before {
            let around = self.enter([lineage_place(&field.pointer), None]);
            let view = View::of(self.old, &field.nodes)?;
            let told = (json!(view.shape(self.old)?), Value::Null);
            let change = format!("{} field `{name}` removed", self.direction.word());
            self.tell(Class::Breaking, Place::old(field.pointer), change, told);
            self.around = around;
        }
        Ok(())
    }

    fn field_added(&mut self, name: &str, field: &Field<'a>) -> Result<()> {
        let view = View::of(self.new, &field.nodes)?;
        let told = (Value::Null, json!(view.shape(self.new)?));
        let direction = self.direction;
        let (class, word) = if field.required && direction == Direction::Request {
            (Class::Breaking, "required field")
        } else {
            (Class::Additive, "field")
        };
        let change = format!("{} {word} `{name}` added", direction.word());
        // What is new touches nothing of ours yet, unless the lineage knows it from before.
        let own = lineage_place(&field.pointer).into_iter().collect();
        let around = std::mem::replace(&mut self.around, own);
        self.tell(class, Place::new(&field.pointer), change, told);
        self.around = around;
        Ok(())
    }

    fn field(&mut self, name: &str, old: &Field<'a>, new: &Field<'a>) -> Result<()> {
        let around = self.enter([lineage_place(&new.pointer), lineage_place(&old.pointer)]);
        if old.required != new.required {
            let (class, word) = if new.required {
                let class = self.direction.choose(Class::Breaking, Class::Additive);
                (class, "made required")
            } else {
                let class = self.direction.choose(Class::Additive, Class::Breaking);
                (class, "made optional")
            };
            let change = format!("{} field `{name}` {word}", self.direction.word());
            let word = |required| json!(if required { "required" } else { "optional" });
            let told = (word(old.required), word(new.required));
            self.tell(class, Place::new(&new.pointer), change, told);
        }
        self.schemas(&old.nodes, &new.nodes, &new.pointer)?;
        self.around = around;
        Ok(())
    }

    /// Steps into a property; answers where it was before.
    fn enter(&mut self, nearer: [Option<String>; 2]) -> Vec<String> {
        let mut around: Vec<String> = nearer.into_iter().flatten().collect();
        around.dedup();
        around.extend(self.around.iter().cloned());
        std::mem::replace(&mut self.around, around)
    }

    /// What an object may hold beside its properties: the values of a map.
    fn additional(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<()> {
        let (class, change) = match (pair.old.additional(), pair.new.additional()) {
            (Additional::Closed, Additional::Closed) => return Ok(()),
            (Additional::Open(before), Additional::Open(after)) => {
                let at = after
                    .first()
                    .map_or_else(|| pair.at.to_owned(), |node| node.pointer.clone());
                mine.extend(self.schemas(&before, &after, &at)?);
                return Ok(());
            }
            (Additional::Closed, Additional::Open(_)) => {
                (Class::Additive, "additional fields allowed")
            }
            (Additional::Open(values), Additional::Closed) => {
                // The entries of a map are its fields; unnamed ones of any kind were promised to nobody.
                let response = if values.is_empty() {
                    Class::Quiet
                } else {
                    Class::Breaking
                };
                let class = self.direction.choose(Class::Breaking, response);
                (class, "additional fields forbidden")
            }
        };
        let change = format!("{} {change}", self.direction.word());
        let place = pair.place("additionalProperties");
        mine.insert(self.tell(class, place, change, Default::default()));
        Ok(())
    }

    /// Pairs alternatives up: what has the same name, then what is the same, then the last that is left on both sides.
    fn choices(
        &mut self,
        old: &[Vec<Node<'a>>],
        new: &[Vec<Node<'a>>],
        at: &str,
    ) -> Result<Indices> {
        let mut mine = Indices::new();
        let mut old: Vec<&Vec<Node<'a>>> = old.iter().collect();
        let mut new: Vec<&Vec<Node<'a>>> = new.iter().collect();
        let mut pairs = Vec::new();
        for rule in [Self::named, Self::same] {
            let mut left = Vec::new();
            for before in old {
                let mut found = None;
                for (index, after) in new.iter().enumerate() {
                    if rule(self, before, after, at)? {
                        found = Some(index);
                        break;
                    }
                }
                match found {
                    Some(index) => pairs.push((before, new.remove(index))),
                    None => left.push(before),
                }
            }
            old = left;
        }
        if let ([before], [after]) = (old.as_slice(), new.as_slice()) {
            pairs.push((before, after));
            (old, new) = Default::default();
        }
        for (before, after) in pairs {
            mine.extend(self.schemas(before, after, at)?);
        }
        let direction = self.direction;
        for before in old {
            let shape = View::of(self.old, before)?.shape(self.old)?;
            let pointer = before.first().map_or(at, |node| node.pointer.as_str());
            // Readers that know more forms than come are none the worse.
            let class = direction.choose(Class::Breaking, Class::Quiet);
            let change = format!("{} alternative removed", direction.word());
            let told = (json!(shape), Value::Null);
            mine.insert(self.tell(class, Place::old(pointer), change, told));
        }
        for after in new {
            let shape = View::of(self.new, after)?.shape(self.new)?;
            let pointer = after.first().map_or(at, |node| node.pointer.as_str());
            let class = direction.choose(Class::Additive, Class::Breaking);
            let change = format!("{} alternative added", direction.word());
            let told = (Value::Null, json!(shape));
            mine.insert(self.tell(class, Place::new(pointer), change, told));
        }
        Ok(mine)
    }

    /// Whether more than words differs.
    fn differs(&self) -> bool {
        self.found.iter().any(|found| !found.words)
    }

    /// Whether nothing but words differs. What is being compared right now counts as the same.
    fn same(&mut self, old: &[Node<'a>], new: &[Node<'a>], at: &str) -> Result<bool> {
        let key = (
            View::of(self.old, old)?.key(),
            View::of(self.new, new)?.key(),
        );
        if let Some(same) = self.known.get(&key) {
            return Ok(*same);
        }
        let open = self.open.iter().cloned();
        let mut trial = Self {
            seen: open.map(|pair| (pair, Indices::new())).collect(),
            open: self.open.clone(),
            known: std::mem::take(&mut self.known),
            trial: true,
            ..Self::new(self.old, self.new, self.direction)
        };
        trial.schemas(old, new, at)?;
        let same = !trial.differs();
        self.known = trial.known;
        self.known.insert(key, same);
        Ok(same)
    }

    /// Whether both are components of one name.
    fn named(&mut self, old: &[Node<'a>], new: &[Node<'a>], _at: &str) -> Result<bool> {
        let ([old], [new]) = (old, new) else {
            return Ok(false);
        };
        let name = |node: &Node<'_>| node.text("$ref").map(str::to_owned);
        Ok(name(old).is_some() && name(old) == name(new))
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
}
