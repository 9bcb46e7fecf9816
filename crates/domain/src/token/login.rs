//! One login: what is sent, and what its answer means for the guard.

use std::time::Duration;

use openfinance_rest::types as wire;
use secrecy::SecretString;
use tokio::time::Instant;

use super::{pause::PAUSE, shared::Lease};
use crate::{
    Client, Error, Vendor,
    credential::Credential,
    guard::{Barred, Ending},
    observe::{Event, LoginEnding},
    operation::Operation,
    outcome::Outcome,
};

/// The longest that a login may take: well within the lease that it is made under.
const LONGEST: Duration = Duration::from_secs(20);

/// A token that was just issued.
pub(crate) struct Login {
    pub(super) value: SecretString,
    /// From before the request: the vendor's two hours can't have begun earlier.
    pub(super) issued: Instant,
}

impl Client {
    /// Logs in, once, if the guard allows it, and tells the guard what came of it. Where there are other replicas, a
    /// `lease` says that none of them does so at the same time.
    pub(crate) async fn guarded_login(
        &self,
        credential: &Credential,
        lease: Option<&Lease>,
    ) -> Result<Login, Error> {
        let store = &*self.inner.config.shared.store;
        let guard = &credential.guard;
        let alone = lease.is_some() || !store.is_shared();
        let attempt = match guard.begin(store).await {
            Ok(attempt) if alone => attempt,
            Ok(attempt) => {
                // The store is back after all, and so are the others: the next try takes its turn among them.
                guard.end(store, attempt, Ending::NotCounted).await;
                return Err(Error::StoreUnavailable);
            }
            Err(Barred::Open) => return Err(Error::CredentialsRejected { vendor: None }),
            Err(Barred::Uncounted(error)) if guard.accepted_here() && !guard.is_open() => {
                tracing::warn!(%error, "logging in although the login can't be counted: the credentials are known to be good");
                self.uncounted_turn().await;
                guard.begin_uncounted()
            }
            Err(Barred::Uncounted(error)) => {
                tracing::warn!(%error, "not logging in: the login can't be counted");
                return Err(Error::StoreUnavailable);
            }
        };
        let issued = Instant::now();
        let (result, ending) = self.create_token(credential).await;
        self.notice(Event::LoggedIn(match ending {
            Ending::Accepted => LoginEnding::Accepted,
            Ending::Refused(_) => LoginEnding::Refused,
            Ending::NotCounted => LoginEnding::Failed,
            Ending::Unknown => LoginEnding::Unknown,
        }));
        guard.end(store, attempt, ending).await;
        result.map(|value| Login { value, issued })
    }

    /// Waits until a second after the previous login that could not be counted.
    async fn uncounted_turn(&self) {
        let now = Instant::now();
        let at = {
            let mut state = self.inner.tokens.state();
            let at = state.uncounted_at.map_or(now, |at| now.max(at + PAUSE));
            state.uncounted_at = Some(at);
            at
        };
        if at > now {
            tokio::time::sleep_until(at).await;
        }
    }

    /// Logs in, once. Never ends in an error about a record: whoever called asked for something else than a login.
    async fn create_token(&self, credential: &Credential) -> (Result<SecretString, Error>, Ending) {
        const OPERATION: Operation = Operation::CreateToken;
        let credentials = &credential.for_login();
        let timeout = self.inner.config.attempt_timeout.min(LONGEST);
        let send =
            |rest: openfinance_rest::Client| async move { rest.create_token(credentials).await };
        let (vendor, otherwise) = match self.attempt(OPERATION, None, timeout, send).await {
            Outcome::Done(wire::AccessToken { token: Some(value) }, _)
                if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                return (Ok(value.into()), Ending::Accepted);
            }
            Outcome::Done(_, vendor) => {
                let error = OPERATION.malformed("it has no token", Some(vendor));
                return (Err(error), Ending::NotCounted);
            }
            Outcome::Rejected(Error::CredentialsRejected {
                vendor: Some(vendor),
            }) => return refused(vendor),
            Outcome::Rejected(Error::Refused { vendor, .. }) | Outcome::StaleToken(vendor) => {
                (Some(vendor), OPERATION.unavailable(Some(vendor)))
            }
            // It can't be sent as it is.
            Outcome::Rejected(error) => return (Err(error), Ending::NotCounted),
            Outcome::RateLimited {
                retry_after,
                vendor,
            } => {
                let error = Error::RateLimited {
                    retry_after,
                    vendor,
                };
                return (Err(error), Ending::NotCounted);
            }
            Outcome::NotSent => return (Err(OPERATION.unavailable(None)), Ending::NotCounted),
            Outcome::Ambiguous { vendor, .. } => (vendor, OPERATION.unavailable(vendor)),
            Outcome::Unreadable(problem, vendor) => {
                (Some(vendor), OPERATION.malformed(problem, Some(vendor)))
            }
        };
        match vendor {
            Some(vendor) if is_refusal(vendor) => refused(vendor),
            Some(vendor) if is_second_hand(vendor) => (Err(otherwise), Ending::Unknown),
            Some(_) => (Err(otherwise), Ending::NotCounted),
            None => (Err(otherwise), Ending::Unknown),
        }
    }
}

fn refused(vendor: Vendor) -> (Result<SecretString, Error>, Ending) {
    let error = Error::CredentialsRejected {
        vendor: Some(vendor),
    };
    (Err(error), Ending::Refused(vendor))
}

/// Whether this status may hide what the vendor's login itself has said: it failed in the middle of it, or a machine between
/// answered in its place. 503 says that it was not even tried.
pub(crate) fn is_second_hand(vendor: Vendor) -> bool {
    matches!(vendor.http_status, 408 | 500 | 502 | 504)
}

/// Whether a login that ended with this status counts as refused, whatever else the answer says or fails to say. With
/// the same credentials it would be refused again, and five times is too often.
pub(crate) fn is_refusal(vendor: Vendor) -> bool {
    (400..500).contains(&vendor.http_status) && !matches!(vendor.http_status, 408 | 429)
}
