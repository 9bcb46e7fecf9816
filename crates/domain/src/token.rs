//! The vendor's token: fetched when first needed, shared by all calls, renewed when it is 90 minutes old.
//!
//! The vendor lets a token live for two hours and asks to renew it after 90 minutes. Several may be valid at once, so a
//! renewal harms no call in flight. Five refused logins lock the company out: after the first one no further login
//! goes out, until the client is made anew with other credentials.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use openfinance_rest::types as wire;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    Client, Error,
    call::{Kind, Operation, Outcome},
};

/// From this age on, a token is renewed before it is used.
const RENEW_AFTER: Duration = Duration::from_secs(90 * 60);
/// From this age on, a token is not used even if it can't be renewed. The vendor ends it at 120 minutes; the rest is
/// for clocks that differ and calls that take long.
const UNUSABLE_AFTER: Duration = Duration::from_secs(115 * 60);

const CREATE_TOKEN: Operation = Operation::new("CreateToken", Kind::Repeatable);

/// A token in use.
#[derive(Clone)]
pub(crate) struct Token {
    value: SecretString,
    issued: Instant,
    generation: u64,
}

impl Token {
    /// The value for the header.
    pub(crate) fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

/// The token that all calls of a client share.
pub(crate) struct Tokens {
    /// Locked while a token is fetched, so that one fetch serves all who wait.
    current: Mutex<Option<Token>>,
    rejected: AtomicBool,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            current: Mutex::new(None),
            rejected: AtomicBool::new(false),
        }
    }

    /// Whether the vendor has refused the credentials. Never taken back.
    pub(crate) fn credentials_rejected(&self) -> bool {
        self.rejected.load(Ordering::Acquire)
    }
}

impl Client {
    /// A usable token, and a newer one than `refused` where the vendor refused that.
    pub(crate) async fn token(&self, refused: Option<&Token>) -> Result<Token, Error> {
        let tokens = &self.inner.tokens;
        let mut current = tokens.current.lock().await;
        if tokens.credentials_rejected() {
            return Err(Error::CredentialsRejected { vendor: None });
        }
        let oldest = refused.map_or(0, |token| token.generation + 1);
        let usable = current.clone().filter(|token| token.generation >= oldest);
        if let Some(token) = usable
            .as_ref()
            .filter(|token| token.issued.elapsed() < RENEW_AFTER)
        {
            return Ok(token.clone());
        }
        let generation = current.as_ref().map_or(1, |token| token.generation + 1);
        match self.create_token(generation).await {
            Ok(token) => Ok(current.insert(token).clone()),
            Err(error @ Error::CredentialsRejected { .. }) => {
                tokens.rejected.store(true, Ordering::Release);
                tracing::error!(
                    "the vendor refuses the partner's credentials; no further call goes out: correct them and restart"
                );
                Err(error)
            }
            Err(error) => match usable.filter(|token| token.issued.elapsed() < UNUSABLE_AFTER) {
                Some(token) => {
                    tracing::warn!(%error, "the token could not be renewed; the old one serves on");
                    Ok(token)
                }
                None => Err(error),
            },
        }
    }

    /// Logs in, once: a login is never repeated here, since each refused one counts towards the lock.
    async fn create_token(&self, generation: u64) -> Result<Token, Error> {
        let credentials = &wire::PartnerCredentials {
            partner_id: self.inner.config.partner_id.clone().into(),
            partner_secret: self.inner.config.partner_secret.expose_secret().to_owned(),
        };
        // From before the request: the vendor's two hours can't have begun earlier.
        let issued = Instant::now();
        let outcome = self
            .attempt(CREATE_TOKEN, None, |rest| async move {
                rest.create_token(credentials).await
            })
            .await;
        match outcome {
            Outcome::Done(wire::AccessToken { token: Some(value) }) if !value.is_empty() => {
                Ok(Token {
                    value: value.into(),
                    issued,
                    generation,
                })
            }
            Outcome::Done(_) => Err(CREATE_TOKEN.malformed("it has no token")),
            Outcome::Rejected(error) => Err(error),
            Outcome::StaleToken(vendor) => Err(Error::CredentialsRejected {
                vendor: Some(vendor),
            }),
            Outcome::RateLimited {
                retry_after,
                vendor,
            } => Err(Error::RateLimited {
                retry_after,
                vendor,
            }),
            Outcome::NotSent => Err(CREATE_TOKEN.unavailable(None)),
            Outcome::Ambiguous { vendor, .. } => Err(CREATE_TOKEN.unavailable(vendor)),
            Outcome::Unreadable(_) => Err(CREATE_TOKEN.malformed("it can't be read")),
        }
    }
}
