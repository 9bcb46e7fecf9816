//! What one attempt came to, as far as it can be known.

use std::time::Duration;

use jiff::Timestamp;
use openfinance_rest as rest;
use serde::de::DeserializeOwned;

use crate::{
    Error, Vendor,
    error::{Refusal, Verdict, judge},
    observe::AttemptError,
    operation::{Kind, Operation},
    policy::Class,
};

/// The problem of an answer that is larger than what is read.
pub(crate) const TOO_LARGE: &str = "it is too large";
/// The problem of an answer that is not what the document promises.
const UNREADABLE: &str = "it can't be read";

/// What one attempt came to.
pub(crate) enum Outcome<T> {
    /// The vendor did it.
    Done(T, Vendor),
    /// The vendor did not do it, and won't if it is repeated.
    Rejected(Error),
    /// The vendor did not do it because of the token.
    StaleToken(Vendor),
    /// The vendor did not do it because of too many calls.
    RateLimited {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// Its answer.
        vendor: Vendor,
    },
    /// No connection: nothing was sent.
    NotSent,
    /// The vendor may have done it, and its answer can't be used.
    Unreadable(&'static str, Vendor),
    /// The vendor may have done it, or may do it yet.
    Ambiguous {
        /// Its answer, if there was one.
        vendor: Option<Vendor>,
        /// Whether the vendor itself failed. Otherwise it was what lies between, and another attempt may fare better.
        failed: bool,
    },
}

/// Why an answer of the promised type can't be used for what was asked.
pub(crate) enum Unfit {
    /// It is not what the contract says.
    Malformed(&'static str),
    /// It says "there is none" in a way of its own.
    Refused(Refusal),
}

impl From<&'static str> for Unfit {
    fn from(problem: &'static str) -> Self {
        Self::Malformed(problem)
    }
}

impl<T: DeserializeOwned> Outcome<T> {
    /// Judges what one attempt came to.
    pub(crate) fn of(operation: Operation, call: &rest::Call, sent: rest::Sent<T>) -> Self {
        let status = || call.answer().map_or(0, |answer| answer.status.as_u16());
        match call.settle(sent) {
            Ok(value) => Self::Done(value, operation.answered(status(), None)),
            Err(rest::Failure::Unsendable(problem)) => {
                Self::Rejected(operation.malformed(problem, None))
            }
            Err(rest::Failure::NotSent { cause }) => {
                tracing::warn!(operation = operation.name(), %cause, "the vendor can't be reached");
                Self::NotSent
            }
            Err(rest::Failure::Interrupted { status, cause }) => {
                tracing::warn!(operation = operation.name(), %cause, "the exchange with the vendor broke off");
                let vendor = status.map(|status| operation.answered(status.as_u16(), None));
                Self::Ambiguous {
                    vendor,
                    failed: false,
                }
            }
            Err(rest::Failure::Undecodable { answer, at }) => {
                tracing::warn!(operation = operation.name(), place = %at, "the vendor's answer can't be read");
                Self::Unreadable(UNREADABLE, operation.answered(answer.status.as_u16(), None))
            }
            Err(rest::Failure::TooLarge { status, limit }) => {
                tracing::warn!(
                    operation = operation.name(),
                    limit,
                    "the vendor's answer is too large"
                );
                Self::Unreadable(TOO_LARGE, operation.answered(status.as_u16(), None))
            }
            Err(rest::Failure::Refused(answer)) => Self::of_answer(operation, &answer),
        }
    }

    /// Judges an answer with another status than the one that the document promises.
    pub(crate) fn of_answer(operation: Operation, answer: &rest::Answer) -> Self {
        let status = answer.status.as_u16();
        if status < 400 {
            return Self::of_success(operation, answer);
        }
        let error = answer.error();
        let vendor = operation.answered(status, error.code);
        match judge(
            operation.name(),
            status,
            error.code,
            error.kind == rest::BodyKind::Plain,
        ) {
            Verdict::Refused(refusal) => Self::Rejected(Error::Refused { refusal, vendor }),
            Verdict::Credentials => Self::Rejected(Error::CredentialsRejected {
                vendor: Some(vendor),
            }),
            Verdict::Token => Self::StaleToken(vendor),
            Verdict::RateLimited => Self::RateLimited {
                retry_after: retry_after(answer),
                vendor,
            },
            Verdict::Failed => Self::Ambiguous {
                vendor: Some(vendor),
                failed: !matches!(status, 408 | 502..=504),
            },
            Verdict::Unexpected => Self::Unreadable(UNREADABLE, vendor),
        }
    }

    /// The vendor uses 200, 201 and 204 without much system, so the promised body is a success under each of them; an
    /// empty one is where none is promised. Anything else below 400 says nothing, whatever is in it.
    fn of_success(operation: Operation, answer: &rest::Answer) -> Self {
        let vendor = operation.answered(answer.status.as_u16(), None);
        let body = match (answer.status.as_u16(), answer.kind()) {
            (200 | 201 | 204, rest::BodyKind::Empty) => b"null".as_slice(),
            (200 | 201, _) => &answer.body,
            _ => return Self::Unreadable(UNREADABLE, vendor),
        };
        match serde_json::from_slice(body) {
            Ok(value) => Self::Done(value, vendor),
            Err(_) => Self::Unreadable(UNREADABLE, vendor),
        }
    }
}

impl<T> Outcome<T> {
    /// What it is, for the table of what follows from it.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Done(..) => Class::Done,
            Self::Rejected(_) => Class::Rejected,
            Self::StaleToken(_) => Class::StaleToken,
            Self::RateLimited { .. } => Class::RateLimited,
            Self::NotSent => Class::NotSent,
            Self::Unreadable(..) => Class::DoneUnreadable,
            Self::Ambiguous { failed: true, .. } => Class::Failed,
            Self::Ambiguous { failed: false, .. } => Class::Interrupted,
        }
    }

    /// The status of the vendor's answer; `None` where none came.
    pub(crate) fn status(&self) -> Option<u16> {
        let vendor = match self {
            Self::Done(_, vendor)
            | Self::StaleToken(vendor)
            | Self::RateLimited { vendor, .. }
            | Self::Unreadable(_, vendor) => Some(vendor),
            Self::Rejected(error) => error.vendor(),
            Self::NotSent => None,
            Self::Ambiguous { vendor, .. } => vendor.as_ref(),
        };
        vendor.map(|vendor| vendor.http_status)
    }

    /// What went wrong, where the status does not say it.
    pub(crate) fn attempt_error(&self) -> Option<AttemptError> {
        match self {
            Self::Rejected(Error::Malformed { vendor: None, .. }) => Some(AttemptError::Unsendable),
            Self::NotSent => Some(AttemptError::NotConnected),
            Self::Unreadable(..) => Some(AttemptError::Unreadable),
            // With the status of an error it is that; with another one the body broke off.
            Self::Ambiguous { vendor, .. } => match vendor {
                Some(vendor) if vendor.http_status >= 400 => None,
                Some(_) | None => Some(AttemptError::Interrupted),
            },
            Self::Done(..) | Self::Rejected(_) | Self::StaleToken(_) | Self::RateLimited { .. } => {
                None
            }
        }
    }

    /// How long the vendor asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            Self::Done(..)
            | Self::Rejected(_)
            | Self::StaleToken(_)
            | Self::NotSent
            | Self::Unreadable(..)
            | Self::Ambiguous { .. } => None,
        }
    }

    /// What the caller is told if this is the end of it.
    pub(crate) fn error(self, operation: Operation) -> Error {
        match self {
            // The call loop takes the value out first.
            Self::Done(_, vendor) => operation.unusable(UNREADABLE, vendor),
            Self::Rejected(error) => error,
            Self::StaleToken(vendor) => Error::TokenRejected { vendor },
            Self::RateLimited {
                retry_after,
                vendor,
            } => Error::RateLimited {
                retry_after,
                vendor,
            },
            Self::NotSent => operation.unavailable(None),
            Self::Unreadable(problem, vendor) => operation.unusable(problem, vendor),
            Self::Ambiguous { vendor, .. } => match operation.kind() {
                Kind::Create => operation.outcome_unknown(vendor),
                Kind::Read | Kind::Update | Kind::Delete | Kind::Login => {
                    operation.unavailable(vendor)
                }
            },
        }
    }
}

/// How long the vendor asks to wait: in seconds, or until a time, which is measured by the vendor's own clock where it
/// tells it. Nonsense and times that have passed say nothing.
fn retry_after(answer: &rest::Answer) -> Option<Duration> {
    let header = |name| answer.headers.get(name)?.to_str().ok().map(str::trim);
    let text = header(http::header::RETRY_AFTER)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // A number beyond all counting is a long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u32::MAX).into()));
    }
    let until = http_date(text)?;
    let now = header(http::header::DATE).and_then(http_date)?;
    Duration::try_from(until.duration_since(now)).ok()
}

/// A time as HTTP headers have it, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_each_form_and_nonsense_says_nothing() {
        let asked = |text: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
            retry_after(&rest::Answer {
                status: http::StatusCode::TOO_MANY_REQUESTS,
                headers,
                body: bytes::Bytes::new(),
            })
            .map(|wait| wait.as_secs())
        };
        assert_eq!(asked("2"), Some(2));
        assert_eq!(asked("0"), Some(0));
        assert_eq!(asked("1000000000"), Some(1_000_000_000));
        assert_eq!(asked("99999999999999999999"), Some(u32::MAX.into()));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        for nonsense in [
            "abc",
            "-1",
            "",
            "1.5",
            "Sun, 06 Nov 1994 08:49:07 GMT",
            "tomorrow",
        ] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }
}
