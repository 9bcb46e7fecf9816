//! Reading the members of a JSON object the way the vendor's servers do: unknown members are ignored, `null` and
//! blank text count as absent, a wrong type is a bad request. Errors name the member, never its value.

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The members of one JSON object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'json>(&'json Map<String, Value>);

impl<'json> Fields<'json> {
    pub(crate) fn of(value: &'json Value) -> Result<Self, Refusal> {
        value.as_object().map(Self).ok_or(Refusal::BadRequest)
    }

    fn present(self, key: &str) -> Option<&'json Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The text under `key`; blank is absent.
    pub(crate) fn text(self, key: &str) -> Result<Option<&'json str>, Refusal> {
        let Some(value) = self.present(key) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or(Refusal::BadRequest)?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// Like [`Fields::text`], as an owned string.
    pub(crate) fn owned(self, key: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(key)?.map(str::to_owned))
    }

    pub(crate) fn flag(self, key: &str) -> Result<Option<bool>, Refusal> {
        self.present(key)
            .map(|value| value.as_bool().ok_or(Refusal::BadRequest))
            .transpose()
    }

    pub(crate) fn object(self, key: &str) -> Result<Option<Self>, Refusal> {
        self.present(key).map(Self::of).transpose()
    }

    /// An integer, or the same integer as text with or without leading zeros: old samples of the vendor, and clients
    /// made from them, send `"07"`.
    pub(crate) fn integer_or_text(self, key: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.present(key) else {
            return Ok(None);
        };
        if let Some(text) = value.as_str() {
            if text.trim().is_empty() {
                return Ok(None);
            }
            return text.parse().map(Some).map_err(|_| Refusal::BadRequest);
        }
        value.as_i64().map(Some).ok_or(Refusal::BadRequest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_and_blank_are_absent_and_a_wrong_type_is_refused() {
        let body = json!({"null": null, "blank": " \t", "number": 1, "text": " x "});
        let fields = Fields::of(&body).unwrap();
        assert_eq!(fields.text("null"), Ok(None));
        assert_eq!(fields.text("blank"), Ok(None));
        assert_eq!(fields.text("absent"), Ok(None));
        assert_eq!(fields.text("number"), Err(Refusal::BadRequest));
        assert_eq!(fields.text("text"), Ok(Some(" x ")));
        assert_eq!(fields.flag("text"), Err(Refusal::BadRequest));
        assert!(fields.object("text").is_err());
        assert!(Fields::of(&json!([])).is_err());
    }

    #[test]
    fn integers_may_be_padded_text() {
        let body = json!({"a": 7, "b": "07", "c": "seven", "d": 7.5, "e": "", "f": "99999999999999999999"});
        let fields = Fields::of(&body).unwrap();
        assert_eq!(fields.integer_or_text("a"), Ok(Some(7)));
        assert_eq!(fields.integer_or_text("b"), Ok(Some(7)));
        assert_eq!(fields.integer_or_text("e"), Ok(None));
        for key in ["c", "d", "f"] {
            assert_eq!(fields.integer_or_text(key), Err(Refusal::BadRequest));
        }
    }
}
