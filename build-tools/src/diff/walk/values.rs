//! What is said of single values: format, enum, limits, default, `not`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::{Class, Direction, Indices, Node, Pair, Place, View, Walk, limits};

impl<'a> Walk<'a> {
    /// Format, enum, limits, and what else is said of a single value.
    pub(super) fn values(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<()> {
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
}
