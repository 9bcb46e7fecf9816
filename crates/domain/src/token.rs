//! The vendor's token: fetched when first needed, shared by all calls, renewed when it is 90 minutes old.
//!
//! The vendor lets a token live for two hours and asks to renew it after 90 minutes. Several may be valid at once, so a
//! renewal harms no call in flight, and no call waits for one while the old token is good. Five refused logins lock the
//! company out: after the first one no further login goes out, until the client is made anew with other credentials.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openfinance_rest::types as wire;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::OwnedMutexGuard, time::Instant};

use crate::{Client, Error, Vendor, operation::Operation, outcome::Outcome};

/// From this age on, a token is renewed before it is used.
const RENEW_AFTER: Duration = Duration::from_secs(90 * 60);
/// From this age on, a token is not used even if it can't be renewed. The vendor ends it at 120 minutes; the rest is
/// for clocks that differ and calls that take long.
const UNUSABLE_AFTER: Duration = Duration::from_secs(115 * 60);
/// How long no login goes out after one that failed; each further failure doubles it.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that no login goes out, unless the vendor asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest that the vendor may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

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
    state: Mutex<State>,
    /// Held while a login is under way, so that one serves all who wait.
    login: Arc<tokio::sync::Mutex<()>>,
}

/// What can be said of the token without a login.
enum Ready {
    /// Use this, or fail with that.
    Known(Result<Token, Error>),
    /// Use this, and renew it.
    Due(Token),
    /// There is none to use.
    Missing,
}

#[derive(Default)]
struct State {
    current: Option<Token>,
    /// Never taken back.
    credentials_rejected: bool,
    /// The latest failure, if no login has succeeded since.
    failure: Option<LoginFailure>,
}

struct LoginFailure {
    error: Error,
    /// How many there were in a row.
    count: u32,
    /// Until when no other login goes out.
    until: Instant,
}

impl LoginFailure {
    /// The error for those who call while no login goes out; `None` when one may.
    fn paused(&self) -> Option<Error> {
        let left = self
            .until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        if let Error::RateLimited {
            retry_after: Some(_),
            vendor,
        } = self.error
        {
            return Some(Error::RateLimited {
                retry_after: Some(left),
                vendor,
            });
        }
        Some(self.error.clone())
    }
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            login: Arc::default(),
        }
    }

    /// Whether the vendor has refused the credentials.
    pub(crate) fn credentials_rejected(&self) -> bool {
        self.state().credentials_rejected
    }

    /// What can be said without a login. A token must be of generation `oldest` or newer.
    fn ready(&self, oldest: u64) -> Ready {
        let state = self.state();
        if state.credentials_rejected {
            return Ready::Known(Err(Error::CredentialsRejected { vendor: None }));
        }
        let paused = state.failure.as_ref().and_then(LoginFailure::paused);
        match (state.usable(oldest), paused) {
            (Some(token), _) if token.issued.elapsed() < RENEW_AFTER => Ready::Known(Ok(token)),
            (Some(token), Some(_)) => Ready::Known(Ok(token)),
            (Some(token), None) => Ready::Due(token),
            (None, Some(error)) => Ready::Known(Err(error)),
            (None, None) => Ready::Missing,
        }
    }

    /// Notes what a login came to, and says what that means for those who waited for it.
    fn note(
        &self,
        oldest: u64,
        login: Result<SecretString, Error>,
        issued: Instant,
    ) -> Result<Token, Error> {
        let mut state = self.state();
        let generation = state
            .current
            .as_ref()
            .map_or(1, |token| token.generation + 1);
        match login {
            Ok(value) => {
                state.failure = None;
                Ok(state
                    .current
                    .insert(Token {
                        value,
                        issued,
                        generation,
                    })
                    .clone())
            }
            Err(error @ Error::CredentialsRejected { .. }) => {
                state.credentials_rejected = true;
                tracing::error!(
                    "the vendor refuses the partner's credentials; no further login goes out: correct them and restart"
                );
                Err(error)
            }
            Err(error) => {
                let count = state.failure.as_ref().map_or(0, |failure| failure.count) + 1;
                let until = Instant::now() + pause(count, &error);
                tracing::warn!(%error, count, "the login failed");
                state.failure = Some(LoginFailure {
                    error: error.clone(),
                    count,
                    until,
                });
                state.usable(oldest).ok_or(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if it did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The token, if it is new enough to be used, or at least to be tried.
    fn usable(&self, oldest: u64) -> Option<Token> {
        let new =
            |token: &&Token| token.generation >= oldest && token.issued.elapsed() < UNUSABLE_AFTER;
        self.current.as_ref().filter(new).cloned()
    }
}

/// How long no login goes out after `count` failures in a row.
fn pause(count: u32, error: &Error) -> Duration {
    let asked = match error {
        Error::RateLimited { retry_after, .. } => retry_after.unwrap_or_default(),
        Error::Refused { .. }
        | Error::NothingToUpdate
        | Error::NoSuchUsername
        | Error::RecordIncomplete { .. }
        | Error::CredentialsRejected { .. }
        | Error::TokenRejected { .. }
        | Error::Unavailable { .. }
        | Error::OutcomeUnknown { .. }
        | Error::DeadlineExceeded { .. }
        | Error::CircuitOpen { .. }
        | Error::StoreUnavailable
        | Error::RequestInFlight
        | Error::RequestIdReused
        | Error::UpdateConflict { .. }
        | Error::ListChanged
        | Error::Malformed { .. } => Duration::ZERO,
    };
    let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE).max(asked.min(LONGEST_ASKED))
}

impl Client {
    /// A usable token, and a newer one than `refused` where the vendor refused that.
    pub(crate) async fn token(&self, refused: Option<&Token>) -> Result<Token, Error> {
        let tokens = &self.inner.tokens;
        let oldest = refused.map_or(0, |token| token.generation + 1);
        match tokens.ready(oldest) {
            Ready::Known(result) => return result,
            Ready::Due(token) => {
                if let Ok(turn) = Arc::clone(&tokens.login).try_lock_owned() {
                    let client = self.clone();
                    self.in_background(async move { client.log_in(turn, oldest).await });
                }
                return Ok(token);
            }
            Ready::Missing => {}
        }
        // Waited for by the caller, who may go away; only the login itself is seen through.
        let turn = Arc::clone(&tokens.login).lock_owned().await;
        match tokens.ready(oldest) {
            Ready::Known(result) => return result,
            Ready::Due(token) => return Ok(token),
            Ready::Missing => {}
        }
        let client = self.clone();
        self.detached(Operation::CreateToken, async move {
            client.log_in(turn, oldest).await
        })
        .await
    }

    /// Logs in and notes what came of it. Must be seen through: a login that is cut short may have been refused, and
    /// would count all the same.
    async fn log_in(&self, turn: OwnedMutexGuard<()>, oldest: u64) -> Result<Token, Error> {
        // From before the request: the vendor's two hours can't have begun earlier.
        let issued = Instant::now();
        let login = self.create_token().await;
        let token = self.inner.tokens.note(oldest, login, issued);
        drop(turn);
        token
    }

    /// Logs in, once. Never ends in an error about a record: whoever called asked for something else than a login.
    async fn create_token(&self) -> Result<SecretString, Error> {
        let credentials = &wire::PartnerCredentials {
            partner_id: self.inner.config.partner_id.clone().into(),
            partner_secret: self.inner.config.partner_secret.expose_secret().to_owned(),
        };
        let timeout = self.inner.config.attempt_timeout;
        let send =
            |rest: openfinance_rest::Client| async move { rest.create_token(credentials).await };
        let (vendor, otherwise) = match self
            .attempt(Operation::CreateToken, None, timeout, send)
            .await
        {
            Outcome::Done(wire::AccessToken { token: Some(value) }, _)
                if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                return Ok(value.into());
            }
            Outcome::Done(_, vendor) => {
                return Err(Operation::CreateToken.malformed("it has no token", Some(vendor)));
            }
            Outcome::Rejected(Error::Refused { vendor, .. }) => (
                Some(vendor),
                Operation::CreateToken.unavailable(Some(vendor)),
            ),
            Outcome::Rejected(error) => return Err(error),
            Outcome::StaleToken(vendor) => (
                Some(vendor),
                Operation::CreateToken.unavailable(Some(vendor)),
            ),
            Outcome::RateLimited {
                retry_after,
                vendor,
            } => {
                return Err(Error::RateLimited {
                    retry_after,
                    vendor,
                });
            }
            Outcome::NotSent => (None, Operation::CreateToken.unavailable(None)),
            Outcome::Ambiguous { vendor, .. } => {
                (vendor, Operation::CreateToken.unavailable(vendor))
            }
            Outcome::Unreadable(problem, vendor) => (
                Some(vendor),
                Operation::CreateToken.malformed(problem, Some(vendor)),
            ),
        };
        match vendor {
            Some(vendor) if is_refusal(vendor) => Err(Error::CredentialsRejected {
                vendor: Some(vendor),
            }),
            Some(_) | None => Err(otherwise),
        }
    }
}

/// Whether a login that ended with this status counts as refused, whatever else the answer says or fails to say. With
/// the same credentials it would be refused again, and five times is too often.
fn is_refusal(vendor: Vendor) -> bool {
    (400..500).contains(&vendor.http_status) && !matches!(vendor.http_status, 408 | 429)
}
