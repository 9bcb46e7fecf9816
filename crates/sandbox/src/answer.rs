//! An answer before it becomes HTTP.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

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
