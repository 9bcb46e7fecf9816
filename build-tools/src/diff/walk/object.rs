//! What an object holds: properties, and the values of a map.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Class, Direction, Indices, Pair, Place, View, Walk};
use crate::diff::{
    lineage_place,
    schema::{Additional, Field},
};

impl<'a> Walk<'a> {
    /// What is found behind a property touches that property, not the one that leads to the object.
    pub(super) fn fields(&mut self, pair: &Pair<'a, '_>) -> Result<()> {
        let hidden = self.direction.hidden();
        let mut before = pair.old.fields(self.old, hidden)?;
        for (name, field) in pair.new.fields(self.new, hidden)? {
            match before.remove(name) {
                None => self.field_added(name, &field)?,
                // A field that is only asked for by name is described nowhere.
                Some(earlier) if earlier.nodes.is_empty() && !field.nodes.is_empty() => {
                    self.field_added(name, &field)?;
                }
                Some(earlier) if field.nodes.is_empty() && !earlier.nodes.is_empty() => {
                    before.insert(name, earlier);
                }
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
    pub(super) fn additional(&mut self, pair: &Pair<'a, '_>, mine: &mut Indices) -> Result<()> {
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
}
