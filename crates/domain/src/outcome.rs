//! What one attempt came to, as far as it can be known.

use std::time::Duration;

use openfinance_rest as rest;
use serde::de::DeserializeOwned;

use crate::{
    Error, Vendor,
    error::{Refusal, Verdict, judge},
    operation::Operation,
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
        /// Whether another attempt may fare better.
        passing: bool,
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
                    passing: true,
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
    fn of_answer(operation: Operation, answer: &rest::Answer) -> Self {
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
                passing: matches!(status, 502..=504),
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

/// How many seconds the vendor asks to wait; it may also send a date or nonsense, which say nothing here.
fn retry_after(answer: &rest::Answer) -> Option<Duration> {
    let seconds = answer
        .headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse::<u32>()
        .ok()?;
    Some(Duration::from_secs(seconds.into()))
}
