//! `oneOf` and `anyOf`: which alternative of one side is which of the other.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Class, Indices, Node, Place, View, Walk};

impl<'a> Walk<'a> {
    /// Pairs alternatives up: what has the same name, then what is the same, then the last that is left on both sides.
    pub(super) fn choices(
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
    pub(super) fn differs(&self) -> bool {
        self.found.iter().any(|found| !found.words)
    }

    /// Whether nothing but words differs. What is being compared right now counts as the same.
    pub(super) fn same(&mut self, old: &[Node<'a>], new: &[Node<'a>], at: &str) -> Result<bool> {
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
