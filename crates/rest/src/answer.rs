//! A complete answer.

use std::fmt;

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What the server answered, to the byte. Prints its status and the length of its body, nothing else.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// What an answer's body is, by its content first: content types are not to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing, or nothing but white space.
    Empty,
    /// A JSON object or array.
    Json,
    /// A page for people, from something that stands before the server.
    Html,
    /// Plain text.
    Plain,
    /// Neither: JSON that is cut short or nested too deep, or bytes that are no text.
    Broken,
}

impl Answer {
    /// What the body is.
    pub fn kind(&self) -> BodyKind {
        self.parsed().0
    }

    /// The value that the body is of.
    pub(crate) fn decoded<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        // To look for bytes that are no text once is cheaper than in every string. Where there are some, strings that
        // nobody reads may still hold them.
        match std::str::from_utf8(&self.body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(&self.body),
        }
    }

    /// What the body is, and its value if that is JSON.
    pub(crate) fn parsed(&self) -> (BodyKind, Option<Value>) {
        let body = self.body.trim_ascii();
        match body.first() {
            None => return (BodyKind::Empty, None),
            Some(b'{' | b'[') => {
                return match serde_json::from_slice(body) {
                    Ok(json) => (BodyKind::Json, Some(json)),
                    Err(_) => (BodyKind::Broken, None),
                };
            }
            Some(_) => {}
        }
        let declared = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = if body.starts_with(b"<") || declared.to_ascii_lowercase().contains("html") {
            BodyKind::Html
        } else if std::str::from_utf8(body).is_ok() {
            BodyKind::Plain
        } else {
            BodyKind::Broken
        };
        (kind, None)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
