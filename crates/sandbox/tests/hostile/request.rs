//! A request before it is bytes.

use std::fmt;

/// A request that can be changed in every part; whether it is still one is up to whoever changed it.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
    /// How many bytes each chunk has; `None` announces the length instead.
    pub(crate) chunks: Option<usize>,
}

impl Request {
    pub(crate) fn new(method: &str, path: String) -> Self {
        Self {
            method: method.to_owned(),
            path,
            query: None,
            headers: vec![("Host".to_owned(), b"sandbox".to_vec())],
            body: None,
            chunks: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Replaces the value of a header, or drops the header.
    pub(crate) fn set(&mut self, name: &str, value: Option<&[u8]>) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.to_vec()));
        }
    }

    /// Everything before the body but what frames it, without the empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let query = self
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let mut head = format!("{} {}{query} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head
    }

    /// The whole request, well framed.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        let Some(body) = &self.body else {
            bytes.extend_from_slice(b"\r\n");
            return bytes;
        };
        let Some(size) = self.chunks else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
            return bytes;
        };
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        for (number, chunk) in body.chunks(size).enumerate() {
            // One is enough: servers have a limit for them all together.
            let extension = if number == 0 { ";extension=1" } else { "" };
            bytes.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\nTrailer: 1\r\n\r\n");
        bytes
    }
}

/// The request as a person can read and send it again; of a long one the beginning.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        readable(&self.bytes()).fmt(f)
    }
}

/// Bytes as text with escapes, at most some thousand of them.
pub(crate) fn readable(bytes: &[u8]) -> String {
    const MOST: usize = 2000;
    let shown = bytes[..bytes.len().min(MOST)].escape_ascii();
    if bytes.len() > MOST {
        format!("{shown} ... {} bytes in all", bytes.len())
    } else {
        shown.to_string()
    }
}
