//! JSON in which a member is named twice: readers take one of the two in silence, and nobody knows which one was meant.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What the error says, by which it is known.
const TWICE: &str = "a member is named twice";

/// Whether an object in `text`, at whatever depth, names a member twice, in either spelling that a field has. What is no
/// JSON is left to whoever reads it.
pub(crate) fn names_twice(text: &str) -> bool {
    match serde_json::from_str::<Once>(text) {
        Ok(Once) => false,
        Err(error) => error.to_string().starts_with(TWICE),
    }
}

/// Any value.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let name = name.replace('_', "").to_ascii_lowercase();
            if !names.insert(name) {
                return Err(A::Error::custom(TWICE));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_named_twice_are_seen_at_any_depth_and_in_either_spelling() {
        for (text, twice) in [
            (r#"{"a":1,"a":2}"#, true),
            (r#"{"firstName":"x","first_name":"y"}"#, true),
            (r#"{"a":{"b":1},"c":[{"b":1},{"b":2,"b":3}]}"#, true),
            (r#"{"a":{"b":1},"c":[{"b":1},{"b":2}]}"#, false),
            (r#"{"a":null,"b":true,"c":-1,"d":1.5,"e":"a"}"#, false),
            ("{\"a\":", false),
            ("1", false),
        ] {
            assert_eq!(names_twice(text), twice, "{text}");
        }
    }
}
