//! An answer before it becomes HTTP.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::quirk::AbsentMembers;

/// The members that a record may lack: paths to objects, or to arrays of them, each with names. An empty path is the
/// record itself.
pub(crate) type OptionalMembers = [(&'static str, &'static [&'static str])];

/// Status, headers and body of one answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// More body, which is made while it is sent.
    pub(crate) filler: Option<Filler>,
}

/// A stretch of one letter, and what comes after it.
#[derive(Clone)]
pub(crate) struct Filler {
    pub(crate) bytes: u64,
    pub(crate) tail: Bytes,
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

impl Answer {
    pub(crate) fn json<T: Serialize + ?Sized>(status: StatusCode, body: &T) -> Self {
        // Writing our own structs into memory cannot fail: every key is a string.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::new(status, Some(JSON), body.into())
    }

    /// JSON that is written already.
    pub(crate) fn written_json(body: String) -> Self {
        Self::new(StatusCode::OK, Some(JSON), body.into())
    }

    /// A record, or an array of them, with what it lacks left out or null.
    pub(crate) fn record<T: Serialize + ?Sized>(
        status: StatusCode,
        record: &T,
        absent: AbsentMembers,
        optional: &OptionalMembers,
    ) -> Self {
        if absent == AbsentMembers::LeftOut {
            return Self::json(status, record);
        }
        let mut record = serde_json::to_value(record).unwrap_or_default();
        for (path, names) in optional {
            name_absent(&mut record, path, names);
        }
        Self::json(status, &record)
    }

    pub(crate) fn text(status: StatusCode, body: &'static str) -> Self {
        Self::new(status, Some(TEXT), Bytes::from_static(body.as_bytes()))
    }

    /// 204 with a content type but no content, as the answers saved in the vendor's Postman collection have it.
    pub(crate) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Some(TEXT), Bytes::new())
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, None, Bytes::new())
    }

    fn new(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            filler: None,
        }
    }
}

/// Adds `null` under those of `names` that are not there.
fn name_absent(value: &mut Value, path: &str, names: &[&str]) {
    match value {
        Value::Array(values) => {
            for value in values {
                name_absent(value, path, names);
            }
        }
        Value::Object(members) if path.is_empty() => {
            for name in names {
                members.entry(*name).or_insert(Value::Null);
            }
        }
        Value::Object(members) => {
            if let Some(value) = members.get_mut(path) {
                name_absent(value, "", names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_members_are_left_out_or_null() {
        let record = json!([{"a": 1, "inner": {}, "list": [{"x": 2}, {}]}]);
        let optional: &OptionalMembers = &[
            ("", &["a", "b"]),
            ("inner", &["c"]),
            ("list", &["x"]),
            ("no", &["d"]),
        ];
        let body = |absent| {
            let answer = Answer::record(StatusCode::OK, &record, absent, optional);
            serde_json::from_slice::<Value>(&answer.body).unwrap()
        };
        assert_eq!(body(AbsentMembers::LeftOut), record);
        let named =
            json!([{"a": 1, "b": null, "inner": {"c": null}, "list": [{"x": 2}, {"x": null}]}]);
        assert_eq!(body(AbsentMembers::Null), named);
    }
}
