//! What a failed attempt came to, told by what may be done about it, without a word of what was sent or answered.

use std::{error::Error, fmt, io, iter::successors};

use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::Answer;

/// What a failed attempt came to.
///
/// Exhaustive on purpose: whoever decides about repeating must decide for each. Neither `Display` nor `Debug` prints
/// personal data, secrets, URLs or bodies; an [`Answer`] is there to be read on purpose.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The request can't be made from its arguments, or its path would lead to another operation. Nothing was sent,
    /// and nothing would be if it were repeated.
    #[error("the request can't be sent: {0}")]
    Unsendable(&'static str),
    /// There was no connection. Surely nothing was sent.
    #[error("no connection: {cause}")]
    NotSent {
        /// Why not.
        cause: Cause,
    },
    /// The exchange broke off after the request may have been sent: the server may have done the work, or may still.
    #[error("the exchange broke off: {cause}")]
    Interrupted {
        /// The status, if the answer got that far.
        status: Option<StatusCode>,
        /// What broke it off.
        cause: Cause,
    },
    /// A complete answer with a status that the document does not promise as this operation's success. That may be a
    /// 2xx too.
    #[error("answered {}", .0.status.as_u16())]
    Refused(Box<Answer>),
    /// The promised status with a body that is not what the document promises. The work was most likely done.
    #[error("answered {} with a body that can't be read: {at}", answer.status.as_u16())]
    Undecodable {
        /// The answer.
        answer: Box<Answer>,
        /// Where reading stopped.
        at: Place,
    },
    /// An answer with a body above the limit, which was not read to its end.
    #[error("answered {} with a body of more than {limit} bytes", status.as_u16())]
    TooLarge {
        /// The status.
        status: StatusCode,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// What broke a connection or kept it from being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What it was, as far as it matters.
    pub kind: CauseKind,
    /// The words of the layers below (TLS, sockets, name lookup), which never see a body; possibly empty.
    pub detail: String,
}

/// What kind of thing a [`Cause`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseKind {
    /// Time ran out.
    Timeout,
    /// The connection was refused, reset, closed or spoke something else than HTTP.
    Connection,
    /// The body ended too early.
    Body,
    /// Something else.
    Other,
}

/// Where in a body reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The member, such as `customers[3].phone`; `.` for the body as a whole.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl Cause {
    /// The words of an error and of those below it, which know neither URL nor body.
    pub(crate) fn of(kind: CauseKind, error: &(dyn Error + 'static)) -> Self {
        let words: Vec<_> = chain(error).map(ToString::to_string).collect();
        Self {
            kind,
            detail: words.join(": "),
        }
    }
}

impl CauseKind {
    /// What kept a connection from being made.
    pub(crate) fn of_connecting(error: &(dyn Error + 'static)) -> Self {
        let is_late = |error: &(dyn Error + 'static)| {
            let io = error.downcast_ref::<io::Error>();
            io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
                || error.is::<tokio::time::error::Elapsed>()
        };
        if chain(error).any(is_late) {
            Self::Timeout
        } else {
            Self::Connection
        }
    }
}

/// An error and those below it.
fn chain<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

impl Place {
    /// Finds the member at which decoding fails, by decoding once more.
    pub(crate) fn find<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Self {
        let mut json = serde_json::Deserializer::from_slice(body);
        let path = match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Err(error) => named(error.path()),
            Ok(_) => ".".to_owned(),
        };
        Self {
            path,
            line: error.line(),
            column: error.column(),
        }
    }
}

/// A path of names that look like names. A key that the document does not know could be anything.
fn named(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let plain = key.len() <= 40
                    && key.starts_with(|first: char| first.is_ascii_alphabetic())
                    && key
                        .chars()
                        .all(|next| next.is_ascii_alphanumeric() || next == '_');
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(if plain { key } else { "?" });
            }
            Segment::Unknown => text.push('?'),
        }
    }
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            CauseKind::Timeout => "time ran out",
            CauseKind::Connection => "the connection failed",
            CauseKind::Body => "the body ended too early",
            CauseKind::Other => "it failed",
        })?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {} (line {}, column {})",
            self.path, self.line, self.column
        )
    }
}
