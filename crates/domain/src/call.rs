//! The one loop that every call passes through: token, gate, attempts, and what their outcomes mean.

use std::time::Duration;

use openfinance_rest as rest;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    Client, Error,
    gate::{Health, Pass, Shut},
    observe::{Attempt, Event, RetryCause},
    operation::{Kind, Operation},
    outcome::{Outcome, Unfit},
    policy::{Class, Next, next},
    retry,
    token::{RefusedToken, Token},
    write,
};

/// With less time than this left, nothing is sent: no answer would be back in time.
const LEAST: Duration = Duration::from_millis(30);
/// The longest that is waited for the vendor's sake where the caller sets no limit.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a failed call's attempts.
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

    /// As [`Client::call`], and notes in `earlier` whether an attempt may have been carried out, although the call failed.
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
        let mut tries = self.inner.retries.tries();
        let mut refused: Option<RefusedToken> = None;
        let mut first_sent: Option<Instant> = None;
        loop {
            let token = match self.token_at_once(refused.as_ref()) {
                Some(token) => token?,
                // In a box: it is large, and nearly no call comes here.
                None => {
                    let login = Box::pin(self.token_by_login(refused.as_ref()));
                    self.in_time(operation, login).await??
                }
            };
            let pass = self.enter(operation, first_sent).await?;
            let Some(timeout) = self.attempt_timeout(operation, first_sent) else {
                return Err(self.out_of_time(operation, first_sent));
            };
            let sent_at = Instant::now();
            // What an earlier write of the same call has noted stays noted, whatever becomes of this one.
            let is_first_write = operation.kind() != Kind::Read && !self.deadline.is_sent();
            if is_first_write {
                self.deadline.note_sent();
            }
            let outcome = self.attempt(operation, Some(&token), timeout, &send).await;
            let class = outcome.class();
            // A caller in a hurry says nothing about the vendor.
            let cut_short = class == Class::Interrupted
                && timeout < self.inner.config.attempt_timeout
                && sent_at.elapsed() >= timeout;
            if !cut_short {
                pass.note(health(class));
            }
            if matches!(class, Class::NotSent | Class::StaleToken) && first_sent.is_none() {
                if is_first_write {
                    self.deadline.note_not_sent();
                }
            } else {
                first_sent.get_or_insert(sent_at);
            }
            let (error, wait) = match (next(operation.kind(), class), outcome) {
                (Next::Answer, Outcome::Done(value, vendor)) => {
                    return read(value).map_err(|unfit| match unfit {
                        Unfit::Malformed(problem) => {
                            *earlier = Earlier::MaybeDone;
                            operation.unusable(problem, vendor)
                        }
                        Unfit::Refused(refusal) => Error::Refused { refusal, vendor },
                    });
                }
                (Next::RenewToken, Outcome::StaleToken(vendor))
                    if refused.is_none() && tries.replay() =>
                {
                    self.notice(Event::Retried(operation.route(), RetryCause::Token));
                    refused = Some(token.refused(vendor));
                    continue;
                }
                (Next::Again, outcome) => {
                    if class == Class::Interrupted {
                        *earlier = Earlier::MaybeDone;
                    }
                    (outcome.error(operation), tries.again(None))
                }
                (Next::AgainWhenAsked, outcome) => {
                    let asked = outcome.retry_after();
                    let error = outcome.error(operation);
                    if let (Some(asked), Error::RateLimited { vendor, .. }) = (asked, &error) {
                        self.inner.gates.limit(operation, asked, *vendor);
                    }
                    (error, tries.again(asked))
                }
                (Next::Answer | Next::Fail | Next::RenewToken | Next::Settle, outcome) => {
                    if matches!(
                        class,
                        Class::Interrupted | Class::Failed | Class::DoneUnreadable
                    ) {
                        *earlier = Earlier::MaybeDone;
                    }
                    return Err(outcome.error(operation));
                }
            };
            match wait.filter(|wait| self.has_time_for(*wait, operation, first_sent)) {
                Some(wait) => {
                    let cause = match class {
                        Class::RateLimited => RetryCause::RateLimited,
                        Class::NotSent
                        | Class::Rejected
                        | Class::StaleToken
                        | Class::Done
                        | Class::DoneUnreadable
                        | Class::Interrupted
                        | Class::Failed => RetryCause::Failure,
                    };
                    self.notice(Event::Retried(operation.route(), cause));
                    tokio::time::sleep(wait).await;
                }
                None => return Err(self.or_out_of_time(operation, error)),
            }
        }
    }

    /// Leave to call `operation`, waited for where the vendor asks for patience and the caller has it.
    async fn enter(
        &self,
        operation: Operation,
        first_sent: Option<Instant>,
    ) -> Result<Pass<'_>, Error> {
        loop {
            match self.inner.gates.enter(operation) {
                Ok(pass) => return Ok(pass),
                Err(Shut::Failing(retry_after)) => {
                    return Err(Error::CircuitOpen {
                        operation: operation.name(),
                        retry_after,
                    });
                }
                Err(Shut::Limited(asked, vendor)) => {
                    // Not all at the same moment.
                    let wait = asked.mul_f64(1.0 + retry::fraction() / 10.0);
                    if !self.has_time_for(wait, operation, first_sent) {
                        return Err(Error::RateLimited {
                            retry_after: Some(asked),
                            vendor,
                        });
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The time that is left for `operation`, which was first sent at `first_sent`; `None` if there is no limit. Before a
    /// write is sent it is the caller's; then, and for what is read for its sake, it is not.
    fn time_left(&self, operation: Operation, first_sent: Option<Instant>) -> Option<Duration> {
        match (operation.kind(), first_sent) {
            (Kind::Read, _) if write::is_detached() => None,
            (Kind::Read, _) | (Kind::Update | Kind::Delete | Kind::Create | Kind::Login, None) => {
                self.deadline.left()
            }
            (Kind::Update | Kind::Delete | Kind::Create | Kind::Login, Some(first_sent)) => {
                let cap = self.inner.config.write_cap;
                Some(cap.saturating_sub(first_sent.elapsed()))
            }
        }
    }

    /// Whether there is time for a wait and an attempt after it.
    fn has_time_for(
        &self,
        wait: Duration,
        operation: Operation,
        first_sent: Option<Instant>,
    ) -> bool {
        match self.time_left(operation, first_sent) {
            Some(left) => wait + LEAST < left,
            None => wait <= PATIENCE,
        }
    }

    /// How long the next attempt may take; `None` if there is no time for one, or nobody left to do it for.
    fn attempt_timeout(
        &self,
        operation: Operation,
        first_sent: Option<Instant>,
    ) -> Option<Duration> {
        let config = &self.inner.config;
        let left = self.time_left(operation, first_sent);
        if left.is_some_and(|left| left < LEAST) {
            return None;
        }
        match (operation.kind(), first_sent) {
            (Kind::Read, _)
            | (Kind::Update | Kind::Delete | Kind::Create | Kind::Login, Some(_)) => {
                Some(left.map_or(config.attempt_timeout, |left| {
                    left.min(config.attempt_timeout)
                }))
            }
            (Kind::Update | Kind::Delete | Kind::Create | Kind::Login, None) => {
                // Nothing was done, and its caller has gone: doing it now would surprise.
                (!write::is_abandoned()).then(|| config.attempt_timeout.min(config.write_cap))
            }
        }
    }

    /// The error of a call that there is no more time for.
    fn out_of_time(&self, operation: Operation, first_sent: Option<Instant>) -> Error {
        match first_sent {
            Some(_) => operation.unavailable(None),
            None => Error::DeadlineExceeded {
                operation: operation.name(),
                sent: self.deadline.is_sent(),
            },
        }
    }

    /// The error of a failed attempt, or of the deadline that ended it.
    fn or_out_of_time(&self, operation: Operation, error: Error) -> Error {
        let ended_by_deadline = operation.kind() == Kind::Read
            && matches!(error, Error::Unavailable { vendor: None, .. })
            && self
                .time_left(operation, None)
                .is_some_and(|left| left < LEAST);
        if ended_by_deadline {
            self.out_of_time(operation, None)
        } else {
            error
        }
    }

    /// Waits for `value` until the caller's deadline.
    pub(crate) async fn in_time<T>(
        &self,
        operation: Operation,
        value: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            value = value => Ok(value),
            () = self.deadline.passed() => Err(Error::DeadlineExceeded {
                operation: operation.name(),
                sent: self.deadline.is_sent(),
            }),
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
        let mut call = rest::Call::new(&self.inner.app_key).timeout(timeout);
        if let Some(token) = token {
            call = call.token(token.header());
        }
        let attempt = Attempt::begin(&self.inner.config.observer, operation);
        let sent = send(call.client(self.inner.config.base_url.as_str(), &self.inner.http))
            .instrument(attempt.span())
            .await;
        self.inner.clock.hear(call.answer());
        tracing::debug!(
            operation = operation.name(),
            http_status = call.answer().map(|answer| answer.status.as_u16()),
            "called the vendor"
        );
        let outcome = Outcome::of(operation, &call, sent);
        attempt.end(outcome.status(), outcome.attempt_error());
        if let Some(answer) = call.answer() {
            self.notice_drift(operation, answer);
        }
        outcome
    }
}

/// What an attempt says about the vendor.
fn health(class: Class) -> Health {
    match class {
        Class::Done
        | Class::DoneUnreadable
        | Class::Rejected
        | Class::StaleToken
        | Class::RateLimited => Health::Answered,
        Class::NotSent | Class::Interrupted | Class::Failed => Health::Failed,
    }
}
