//! A reader of the vendor's errors that takes whatever comes.

use std::fmt;

use serde_json::Value;

use crate::{Answer, BodyKind};

/// What an error answer says, as far as it can be made out.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorError {
    /// The vendor's code, whether it came as a number or as a string, flat or in a gateway's wrapper.
    pub code: Option<i64>,
    /// What the body is. Plain text comes with a 401 for a wrong application key, and for an operation that the plan does
    /// not include.
    pub kind: BodyKind,
    message: Option<String>,
}

impl Answer {
    /// Reads the body as one of the vendor's errors. Never fails: what can't be made out is absent.
    pub fn error(&self) -> VendorError {
        let (kind, json) = self.parsed();
        let (code, message) = match &json {
            Some(json) => read(json),
            None if kind == BodyKind::Plain => (
                None,
                Some(String::from_utf8_lossy(&self.body).trim().to_owned()),
            ),
            None => (None, None),
        };
        VendorError {
            code,
            kind,
            message,
        }
    }
}

/// The code and the message of an error in any of its shapes.
fn read(json: &Value) -> (Option<i64>, Option<String>) {
    let first = |value: &Value| value.get(0).cloned().unwrap_or_else(|| value.clone());
    let error = first(json);
    let error = error
        .pointer("/Errors/Error")
        .map_or_else(|| error.clone(), first);
    let code = ["code", "ReasonCode"]
        .iter()
        .find_map(|name| number(error.get(name)?));
    let message = ["message", "user_message", "title", "Description"]
        .iter()
        .find_map(|name| {
            Some(error.get(name)?.as_str()?.to_owned()).filter(|text| !text.is_empty())
        });
    (code, message)
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A code that was written with a point, `14001.0`.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

impl VendorError {
    /// The vendor's words. They may quote what was sent: show them to nobody and log them nowhere without thought.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Debug for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorError")
            .field("code", &self.code)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderMap},
    };

    use super::*;

    fn answer(content_type: &str, body: &'static [u8]) -> Answer {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        Answer {
            status: StatusCode::BAD_REQUEST,
            headers,
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn every_shape_of_an_error_is_read() {
        for (content_type, body, code, kind, message) in [
            (
                "application/json",
                r#"{"code":14001,"message":"Customer not found."}"#,
                Some(14001),
                BodyKind::Json,
                Some("Customer not found."),
            ),
            (
                "application/json",
                r#"{"code":"3003","user_message":"x","tags":""}"#,
                Some(3003),
                BodyKind::Json,
                Some("x"),
            ),
            (
                "application/json",
                r#"{"code":10002.0,"title":null,"message":null}"#,
                Some(10002),
                BodyKind::Json,
                None,
            ),
            (
                "text/plain",
                r#"{"code":10022}"#,
                Some(10022),
                BodyKind::Json,
                None,
            ),
            ("", r#"[{"code":10022}]"#, Some(10022), BodyKind::Json, None),
            (
                "",
                r#"{"Errors":{"Error":[{"ReasonCode":"12401","Description":"d"}]}}"#,
                Some(12401),
                BodyKind::Json,
                Some("d"),
            ),
            (
                "",
                r#"{"Errors":{"Error":{"ReasonCode":12401}}}"#,
                Some(12401),
                BodyKind::Json,
                None,
            ),
            (
                "",
                r#"{"Errors":{"Error":[{"ReasonCode":"UNAUTHORIZED"}]}}"#,
                None,
                BodyKind::Json,
                None,
            ),
            ("", r#"{"Errors":{"Error":[]}}"#, None, BodyKind::Json, None),
            (
                "",
                r#"{"code":{},"message":[]}"#,
                None,
                BodyKind::Json,
                None,
            ),
            (
                "text/plain",
                "Invalid (Finicity-App-Key)\n",
                None,
                BodyKind::Plain,
                Some("Invalid (Finicity-App-Key)"),
            ),
            (
                "text/html",
                "<html>14001</html>",
                None,
                BodyKind::Html,
                None,
            ),
            ("text/html; charset=x", "502", None, BodyKind::Html, None),
            ("", "  \r\n", None, BodyKind::Empty, None),
            (
                "application/json",
                r#"{"code":140"#,
                None,
                BodyKind::Broken,
                None,
            ),
        ] {
            let error = answer(content_type, body.as_bytes()).error();
            assert_eq!(
                (error.code, error.kind, error.message()),
                (code, kind, message),
                "{body}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_deep_nesting_are_broken() {
        assert_eq!(
            answer("text/plain", b"\xff\xfe\x00").kind(),
            BodyKind::Broken
        );
        let deep = Answer {
            body: "[".repeat(100_000).into(),
            ..answer("", b"")
        };
        assert_eq!(deep.kind(), BodyKind::Broken);
    }

    #[test]
    fn printing_shows_no_words() {
        let answer = answer("", br#"{"code":1,"message":"canary"}"#);
        let printed = format!("{answer:?} {:?}", answer.error());
        assert!(!printed.contains("canary"), "{printed}");
        assert_eq!(
            printed,
            "Answer { status: 400, body_len: 29, .. } VendorError { code: Some(1), kind: Json, .. }"
        );
    }
}
