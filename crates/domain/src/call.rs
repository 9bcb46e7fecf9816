//! The one function that every call passes through: token, attempts, and what their outcomes mean.

use std::time::Duration;

use openfinance_rest as rest;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;

use crate::{
    Client, Error,
    error::{Refusal, Vendor, Verdict, judge},
    token::Token,
};

/// One of the vendor's operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    name: &'static str,
    kind: Kind,
}

/// What repeating an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it only reads.
    Read,
    /// Nothing that the first time has not done: it writes absolute values, or deletes.
    Repeatable,
    /// A second record, or a refusal because of the first: repeated only when it surely was not sent.
    Create,
}

impl Operation {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }

    pub(crate) fn malformed(self, problem: &'static str) -> Error {
        Error::Malformed {
            operation: self.name,
            problem,
        }
    }

    pub(crate) fn unavailable(self, vendor: Option<Vendor>) -> Error {
        Error::Unavailable {
            operation: self.name,
            vendor,
        }
    }

    pub(crate) fn answered(self, http_status: u16, code: Option<i64>) -> Vendor {
        Vendor {
            operation: self.name,
            http_status,
            code,
        }
    }

    pub(crate) fn refused(self, refusal: Refusal) -> Error {
        // A success that says "there is none" in its own way.
        Error::Refused {
            refusal,
            vendor: self.answered(200, None),
        }
    }

    /// The error of an answer that says "done" and can't be used.
    pub(crate) fn unusable(self, problem: &'static str) -> Error {
        match self.kind {
            Kind::Read | Kind::Repeatable => self.malformed(problem),
            // The record exists, and we can't say under which id.
            Kind::Create => Error::OutcomeUnknown {
                operation: self.name,
                vendor: None,
            },
        }
    }
}

/// What is known of the attempts before the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// None was carried out.
    NotDone,
    /// One may have been.
    MaybeDone,
}

/// What one attempt came to, as far as it can be known.
pub(crate) enum Outcome<T> {
    /// The vendor did it.
    Done(T),
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
    /// The vendor did it, and its answer can't be read.
    Unreadable(Vendor),
    /// The vendor may have done it, or may do it yet.
    Ambiguous {
        /// Its answer, if there was one.
        vendor: Option<Vendor>,
        /// Whether another attempt may fare better.
        passing: bool,
    },
}

impl Client {
    /// Calls `operation` until its outcome is final: with a newer token once, again after a passing failure where
    /// repeating does no harm, at most three times in all.
    pub(crate) async fn call<T, F>(
        &self,
        operation: Operation,
        send: impl Fn(rest::Client) -> F,
    ) -> Result<T, Error>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        self.call_noting(operation, &mut Earlier::NotDone, send)
            .await
    }

    /// As [`Client::call`], and notes in `earlier` whether an attempt before the last one may have been carried out.
    pub(crate) async fn call_noting<T, F>(
        &self,
        operation: Operation,
        earlier: &mut Earlier,
        send: impl Fn(rest::Client) -> F,
    ) -> Result<T, Error>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        let mut tries = self.inner.backoff.tries();
        let mut refused: Option<Token> = None;
        loop {
            let token = self.token(refused.as_ref()).await?;
            let (error, wait) = match self.attempt(operation, Some(&token), &send).await {
                Outcome::Done(value) => return Ok(value),
                Outcome::Rejected(error) => return Err(error),
                Outcome::StaleToken(vendor) if refused.is_some() => {
                    return Err(Error::TokenRejected { vendor });
                }
                Outcome::StaleToken(_) => {
                    refused = Some(token);
                    continue;
                }
                Outcome::RateLimited {
                    retry_after,
                    vendor,
                } => {
                    // A limited create was not done, but a caller who must hurry is told so rather than kept.
                    let wait = (operation.kind != Kind::Create)
                        .then(|| tries.again(retry_after))
                        .flatten();
                    (
                        Error::RateLimited {
                            retry_after,
                            vendor,
                        },
                        wait,
                    )
                }
                Outcome::NotSent => (operation.unavailable(None), tries.again(None)),
                Outcome::Unreadable(vendor) => match operation.kind {
                    Kind::Read | Kind::Repeatable => {
                        return Err(operation.malformed("it can't be read"));
                    }
                    Kind::Create => {
                        return Err(Error::OutcomeUnknown {
                            operation: operation.name,
                            vendor: Some(vendor),
                        });
                    }
                },
                Outcome::Ambiguous { vendor, passing } => match operation.kind {
                    Kind::Create => {
                        return Err(Error::OutcomeUnknown {
                            operation: operation.name,
                            vendor,
                        });
                    }
                    Kind::Read | Kind::Repeatable => {
                        *earlier = Earlier::MaybeDone;
                        let wait = passing.then(|| tries.again(None)).flatten();
                        (operation.unavailable(vendor), wait)
                    }
                },
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    /// Sends one request and judges what came back.
    pub(crate) async fn attempt<T, F>(
        &self,
        operation: Operation,
        token: Option<&Token>,
        send: impl FnOnce(rest::Client) -> F,
    ) -> Outcome<T>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        let config = &self.inner.config;
        let mut call =
            rest::Call::new(config.app_key.expose_secret()).timeout(config.attempt_timeout);
        if let Some(token) = token {
            call = call.token(token.expose());
        }
        let result = call.settle(send(call.client(&self.inner.base_url, &self.inner.http)).await);
        let outcome = self.outcome(operation, result);
        tracing::debug!(
            operation = operation.name,
            http_status = call.answer().map(|answer| answer.status.as_u16()),
            "called the vendor"
        );
        outcome
    }
}

impl Client {
    /// Judges what one attempt came to.
    fn outcome<T: DeserializeOwned>(
        &self,
        operation: Operation,
        result: Result<T, rest::Failure>,
    ) -> Outcome<T> {
        match result {
            Ok(value) => Outcome::Done(value),
            Err(rest::Failure::Unsendable(problem)) => {
                Outcome::Rejected(operation.malformed(problem))
            }
            Err(rest::Failure::NotSent { cause }) => {
                tracing::debug!(operation = operation.name, %cause, "the vendor can't be reached");
                Outcome::NotSent
            }
            Err(rest::Failure::Interrupted { status, cause }) => {
                tracing::debug!(operation = operation.name, %cause, "the exchange with the vendor broke off");
                let vendor = status.map(|status| operation.answered(status.as_u16(), None));
                // The vendor has failed in its own words, though not in full ones.
                Outcome::Ambiguous {
                    vendor,
                    passing: true,
                }
            }
            Err(rest::Failure::Undecodable { answer, at }) => {
                tracing::warn!(operation = operation.name, place = %at, "the vendor's answer can't be read");
                Outcome::Unreadable(operation.answered(answer.status.as_u16(), None))
            }
            Err(rest::Failure::TooLarge { status, limit }) => {
                tracing::warn!(
                    operation = operation.name,
                    limit,
                    "the vendor's answer is too large"
                );
                Outcome::Unreadable(operation.answered(status.as_u16(), None))
            }
            Err(rest::Failure::Refused(answer)) => answered(operation, &answer),
        }
    }
}

/// Judges an answer with another status than the one that the document promises.
fn answered<T: DeserializeOwned>(operation: Operation, answer: &rest::Answer) -> Outcome<T> {
    let status = answer.status.as_u16();
    // The vendor uses 200, 201 and 204 without much system: a body of the promised type is a success under each.
    if matches!(status, 200 | 201 | 204) {
        // A 204 decodes as the unit value that its operations promise, whatever text may come with it.
        let body = if std::mem::size_of::<T>() == 0 {
            b"null".as_slice()
        } else {
            &answer.body
        };
        return match serde_json::from_slice(body) {
            Ok(value) => Outcome::Done(value),
            Err(_) => Outcome::Unreadable(operation.answered(status, None)),
        };
    }
    let error = answer.error();
    let vendor = operation.answered(status, error.code);
    match judge(
        operation.name,
        status,
        error.code,
        error.kind == rest::BodyKind::Plain,
    ) {
        Verdict::Refused(refusal) => Outcome::Rejected(Error::Refused { refusal, vendor }),
        Verdict::Credentials => Outcome::Rejected(Error::CredentialsRejected {
            vendor: Some(vendor),
        }),
        Verdict::Token => Outcome::StaleToken(vendor),
        Verdict::RateLimited => Outcome::RateLimited {
            retry_after: retry_after(answer),
            vendor,
        },
        Verdict::Failed => Outcome::Ambiguous {
            vendor: Some(vendor),
            passing: matches!(status, 502..=504),
        },
        Verdict::Unexpected => Outcome::Unreadable(vendor),
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
