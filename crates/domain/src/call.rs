//! The one loop that every call passes through: token, attempts, and what their outcomes mean.

use std::time::Duration;

use openfinance_rest as rest;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    Client, Error,
    operation::{Kind, Operation},
    outcome::{Outcome, Unfit},
    token::Token,
    write,
};

/// What is known of the attempts before the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// None was carried out.
    NotDone,
    /// One may have been.
    MaybeDone,
}

impl Client {
    /// Calls `operation` until its outcome is final: with a newer token once, again after a passing failure where
    /// repeating does no harm, at most three times in all. `read` makes what the caller wants of the answer.
    pub(crate) async fn call<T, F, R>(
        &self,
        operation: Operation,
        send: impl Fn(rest::Client) -> F,
        read: impl FnOnce(T) -> Result<R, Unfit>,
    ) -> Result<R, Error>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        self.call_noting(operation, &mut Earlier::NotDone, send, read)
            .await
    }

    /// As [`Client::call`], and notes in `earlier` whether an attempt before the last one may have been carried out.
    pub(crate) async fn call_noting<T, F, R>(
        &self,
        operation: Operation,
        earlier: &mut Earlier,
        send: impl Fn(rest::Client) -> F,
        read: impl FnOnce(T) -> Result<R, Unfit>,
    ) -> Result<R, Error>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        let mut tries = self.inner.backoff.tries();
        let mut refused: Option<Token> = None;
        let mut first_sent: Option<Instant> = None;
        loop {
            let token = self.token(refused.as_ref()).await?;
            if *earlier == Earlier::NotDone && write::is_abandoned() {
                // Nothing was done, and its caller has been told so by going away: doing it now would surprise.
                return Err(operation.unavailable(None));
            }
            let Some(timeout) =
                self.attempt_timeout(operation, *first_sent.get_or_insert_with(Instant::now))
            else {
                return Err(operation.unavailable(None));
            };
            let (error, wait) = match self.attempt(operation, Some(&token), timeout, &send).await {
                Outcome::Done(value, vendor) => {
                    return read(value).map_err(|unfit| match unfit {
                        Unfit::Malformed(problem) => operation.unusable(problem, vendor),
                        Unfit::Refused(refusal) => Error::Refused { refusal, vendor },
                    });
                }
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
                    let wait = match operation.kind() {
                        Kind::Read | Kind::Repeatable | Kind::Login => tries.again(retry_after),
                        // It was not done, but a caller who must hurry is told so rather than kept.
                        Kind::Create => None,
                    };
                    (
                        Error::RateLimited {
                            retry_after,
                            vendor,
                        },
                        wait,
                    )
                }
                Outcome::NotSent => (operation.unavailable(None), tries.again(None)),
                Outcome::Unreadable(problem, vendor) => {
                    return Err(operation.unusable(problem, vendor));
                }
                Outcome::Ambiguous { vendor, passing } => match operation.kind() {
                    Kind::Create => return Err(operation.outcome_unknown(vendor)),
                    Kind::Read | Kind::Repeatable | Kind::Login => {
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

    /// How long the next attempt may take; `None` if a write has had all its time.
    fn attempt_timeout(&self, operation: Operation, first_sent: Instant) -> Option<Duration> {
        let timeout = self.inner.config.attempt_timeout;
        match operation.kind() {
            Kind::Read => Some(timeout),
            Kind::Repeatable | Kind::Create | Kind::Login => {
                let left = self
                    .inner
                    .config
                    .write_cap
                    .checked_sub(first_sent.elapsed())
                    .filter(|left| !left.is_zero());
                left.map(|left| left.min(timeout))
            }
        }
    }

    /// Sends one request and judges what came back.
    pub(crate) async fn attempt<T, F>(
        &self,
        operation: Operation,
        token: Option<&Token>,
        timeout: Duration,
        send: impl FnOnce(rest::Client) -> F,
    ) -> Outcome<T>
    where
        T: DeserializeOwned,
        F: Future<Output = rest::Sent<T>>,
    {
        let mut call = rest::Call::new(self.inner.config.app_key.expose_secret()).timeout(timeout);
        if let Some(token) = token {
            call = call.token(token.expose());
        }
        let sent = send(call.client(self.inner.config.base_url.as_str(), &self.inner.http)).await;
        tracing::debug!(
            operation = operation.name(),
            http_status = call.answer().map(|answer| answer.status.as_u16()),
            "called the vendor"
        );
        Outcome::of(operation, &call, sent)
    }
}
