//! The vendor's token: fetched when first needed, shared by all calls and all replicas, renewed before it ends.
//!
//! The vendor lets a token live for two hours and asks to renew it after 90 minutes. Several may be valid at once, so a
//! renewal harms no call in flight, and no call waits for one while the old token is good. Ages are measured by the
//! monotonic clock, and by the store's between replicas, so that no wall clock matters.

mod login;
mod pause;
mod shared;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openfinance_rest as rest;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::OwnedMutexGuard, time::Instant};

use self::pause::{Delay, LoginFailure, PAUSE, Refusals, pause};
pub(crate) use self::{
    login::{is_refusal, is_second_hand},
    shared::Claim,
};
use crate::{Client, Error, Vendor, operation::Operation, retry};

/// The youngest at which a token is renewed, and how much older it may be drawn: not all renew at the same moment.
const RENEW_AFTER: Duration = Duration::from_secs(80 * 60);
const RENEW_SPREAD: Duration = Duration::from_secs(10 * 60);
/// From this age on, a token is not used even if it can't be renewed. The vendor ends it at 120 minutes; the rest is
/// for clocks that differ and calls that take long.
const UNUSABLE_AFTER: Duration = Duration::from_secs(115 * 60);
/// A token in use. Each call has a clone.
#[derive(Clone)]
pub(crate) struct Token {
    value: Arc<SecretString>,
    header: rest::Secret,
    /// Grows with each login, over all replicas.
    generation: u64,
    renew_at: Instant,
    unusable_at: Instant,
}

/// A token that the vendor refused.
pub(crate) struct RefusedToken {
    generation: u64,
    vendor: Vendor,
}

impl Token {
    /// A token that can be used until `unusable_at`. `fraction`, from 0 to 1, draws when it is renewed.
    fn new(value: SecretString, generation: u64, unusable_at: Instant, fraction: f64) -> Self {
        let renew_after = RENEW_AFTER + RENEW_SPREAD.mul_f64(fraction);
        let now = Instant::now();
        let renew_at = unusable_at
            .checked_sub(UNUSABLE_AFTER.saturating_sub(renew_after))
            .unwrap_or(now);
        Self {
            header: rest::Secret::new(value.expose_secret()),
            value: Arc::new(value),
            generation,
            renew_at,
            unusable_at,
        }
    }

    /// What stands in a request.
    pub(crate) fn header(&self) -> &rest::Secret {
        &self.header
    }

    /// This token, now that the vendor has refused it.
    pub(crate) fn refused(self, vendor: Vendor) -> RefusedToken {
        RefusedToken {
            generation: self.generation,
            vendor,
        }
    }

    /// Whether it is time to renew it.
    fn is_due(&self) -> bool {
        Instant::now() >= self.renew_at
    }

    /// For how long it may still be used.
    fn left(&self) -> Duration {
        self.unusable_at.saturating_duration_since(Instant::now())
    }

    fn times(&self) -> TokenAge {
        let now = Instant::now();
        let issued = self.unusable_at.checked_sub(UNUSABLE_AFTER);
        TokenAge {
            age: issued.map_or(Duration::ZERO, |issued| {
                now.saturating_duration_since(issued)
            }),
            renewal_in: self.renew_at.saturating_duration_since(now),
            usable_for: self.left(),
        }
    }
}

/// How old the token in use is, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAge {
    /// How long ago it was issued.
    pub age: Duration,
    /// After how long it is renewed; zero when that is due.
    pub renewal_in: Duration,
    /// After how long it is not used any more, renewed or not.
    pub usable_for: Duration,
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
    /// The latest failure, if no login has succeeded since.
    failure: Option<LoginFailure>,
    /// How many logins have ended.
    ended: u64,
    refusals: Refusals,
    /// When the latest login that could not be counted went out.
    uncounted_at: Option<Instant>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            login: Arc::default(),
        }
    }

    /// How old the token in use is; `None` if there is none.
    pub(crate) fn age(&self) -> Option<TokenAge> {
        self.state().usable(0).map(|token| token.times())
    }

    /// As [`Tokens::age`], and of a token whose time is over as long as there is no other.
    pub(crate) fn latest(&self) -> Option<TokenAge> {
        self.state().current.as_ref().map(Token::times)
    }

    /// Other credentials deserve a login at once.
    pub(crate) fn forget_failure(&self) {
        self.state().failure = None;
    }

    /// The right to log in; nobody else in this process does as long as it is held.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.login).lock_owned().await
    }

    /// What can be said without a login. A token must be of generation `oldest` or newer.
    fn ready(&self, oldest: u64) -> Ready {
        let state = self.state();
        let paused = state.failure.as_ref().and_then(LoginFailure::paused);
        match (state.usable(oldest), paused) {
            (Some(token), _) if !token.is_due() => Ready::Known(Ok(token)),
            (Some(token), Some(_)) => Ready::Known(Ok(token)),
            (Some(token), None) => Ready::Due(token),
            (None, Some(error)) => Ready::Known(Err(error)),
            (None, None) => Ready::Missing,
        }
    }

    /// How many logins have ended.
    fn ended(&self) -> u64 {
        self.state().ended
    }

    /// The error of a login that failed after `ended` had: who waited for it does not begin another.
    fn failed_since(&self, ended: u64) -> Option<Error> {
        let state = self.state();
        let failure = state.failure.as_ref()?;
        (state.ended > ended).then(|| failure.error.clone())
    }

    /// Uses this token from now on, unless there is a newer one.
    fn accept(&self, token: &Token) {
        let mut state = self.state();
        if state.generation() < token.generation {
            state.current = Some(token.clone());
            state.failure = None;
        }
        state.ended += 1;
    }

    /// Notes that a login failed, and answers for how long none goes out.
    fn fail(&self, error: &Error, delay: Delay, fraction: f64) -> Duration {
        let mut state = self.state();
        state.ended += 1;
        let before = state.failure.as_ref().map_or(0, |failure| failure.count);
        let (count, pause) = match delay {
            Delay::Growing => (before + 1, pause(before + 1, error, fraction)),
            Delay::Fixed(pause) => (before, pause),
        };
        tracing::warn!(%error, count, "the login failed");
        state.failure = Some(LoginFailure {
            error: error.clone(),
            count,
            until: Instant::now() + pause,
        });
        pause
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if it did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn generation(&self) -> u64 {
        self.current.as_ref().map_or(0, |token| token.generation)
    }

    /// The token, if it is new enough to be used, or at least to be tried.
    fn usable(&self, oldest: u64) -> Option<Token> {
        let usable = |token: &&Token| token.generation >= oldest && !token.left().is_zero();
        self.current.as_ref().filter(usable).cloned()
    }
}

impl Client {
    /// A usable token, and a newer one than `refused` where the vendor refused that.
    pub(crate) async fn token(&self, refused: Option<&RefusedToken>) -> Result<Token, Error> {
        match self.token_at_once(refused) {
            Some(result) => result,
            None => self.token_by_login(refused).await,
        }
    }

    /// As [`Client::token`], without waiting; `None` if there is none to use and it has to be waited for
    /// ([`Client::token_by_login`]).
    pub(crate) fn token_at_once(
        &self,
        refused: Option<&RefusedToken>,
    ) -> Option<Result<Token, Error>> {
        let tokens = &self.inner.tokens;
        if self.credentials_rejected() {
            return Some(Err(Error::CredentialsRejected { vendor: None }));
        }
        let oldest = refused.map_or(0, |token| token.generation + 1);
        if let Some(RefusedToken { generation, vendor }) = refused {
            let mut state = tokens.state();
            if state.generation() <= *generation && state.refusals.note(*generation) {
                return Some(Err(Error::TokenRejected { vendor: *vendor }));
            }
        }
        match tokens.ready(oldest) {
            Ready::Known(result) => Some(result),
            Ready::Due(token) => {
                self.renew_token(oldest);
                Some(Ok(token))
            }
            Ready::Missing => None,
        }
    }

    /// A token that has to be waited for, until there is one or the login has failed.
    pub(crate) async fn token_by_login(
        &self,
        refused: Option<&RefusedToken>,
    ) -> Result<Token, Error> {
        let tokens = &self.inner.tokens;
        let oldest = refused.map_or(0, |token| token.generation + 1);
        // Waited for by the caller, who may go away; only the login itself is seen through.
        let ended = tokens.ended();
        let turn = tokens.turn().await;
        if self.credentials_rejected() {
            return Err(Error::CredentialsRejected { vendor: None });
        }
        match tokens.ready(oldest) {
            Ready::Known(result) => return result,
            Ready::Due(token) => return Ok(token),
            Ready::Missing => {}
        }
        if let Some(error) = tokens.failed_since(ended) {
            return Err(error);
        }
        let client = self.clone();
        self.detached(Operation::CreateToken, async move {
            client.log_in(turn, oldest).await
        })
        .await
    }

    /// Renews the token in the background where it is time to, also one whose time is over. Fetches none where nobody has
    /// needed one.
    pub(crate) fn renew_token_if_due(&self) {
        let tokens = &self.inner.tokens;
        let due = match tokens.ready(0) {
            Ready::Due(_) => true,
            Ready::Missing => tokens.latest().is_some(),
            Ready::Known(_) => false,
        };
        if due && !self.credentials_rejected() {
            self.renew_token(0);
        }
    }

    fn renew_token(&self, oldest: u64) {
        if let Ok(turn) = Arc::clone(&self.inner.tokens.login).try_lock_owned() {
            let client = self.clone();
            self.in_background(async move { client.log_in(turn, oldest).await });
        }
    }

    /// Gets a token, from another replica or by a login, and notes what came of it. Must be seen through: a login that is
    /// cut short may have been refused, and would count all the same.
    async fn log_in(&self, turn: OwnedMutexGuard<()>, oldest: u64) -> Result<Token, Error> {
        let tokens = &self.inner.tokens;
        let result = match self.claim_login(oldest).await {
            Claim::Token(token) => {
                tokens.accept(&token);
                Ok(token)
            }
            Claim::Wait(wait) => {
                let error = Operation::CreateToken.unavailable(None);
                tokens.fail(&error, Delay::Fixed(wait), 0.0);
                Err(error)
            }
            Claim::Login(lease) => {
                let credential = self.inner.credentials.current();
                match self.guarded_login(&credential, lease.as_ref()).await {
                    Ok(login) => Ok(self.publish(login, oldest, lease).await),
                    Err(error) => {
                        let pause = self.note_failed_login(&error);
                        self.end_lease(lease, pause).await;
                        Err(error)
                    }
                }
            }
        };
        drop(turn);
        result.or_else(|error| tokens.state().usable(oldest).ok_or(error))
    }

    /// Notes a login that failed, and answers for how long no replica should try another; `None` if it need not wait.
    fn note_failed_login(&self, error: &Error) -> Option<Duration> {
        let tokens = &self.inner.tokens;
        let fraction = retry::fraction();
        match error {
            // The guard keeps that.
            Error::CredentialsRejected { .. } => None,
            // Nothing went out.
            Error::StoreUnavailable => {
                tokens.fail(error, Delay::Fixed(PAUSE), fraction);
                None
            }
            Error::Refused { .. }
            | Error::NothingToUpdate
            | Error::NoSuchUsername
            | Error::RecordIncomplete { .. }
            | Error::TokenRejected { .. }
            | Error::RateLimited { .. }
            | Error::Unavailable { .. }
            | Error::OutcomeUnknown { .. }
            | Error::DeadlineExceeded { .. }
            | Error::CircuitOpen { .. }
            | Error::RequestInFlight
            | Error::RequestIdReused
            | Error::UpdateConflict { .. }
            | Error::ListChanged
            | Error::Malformed { .. } => Some(tokens.fail(error, Delay::Growing, fraction)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_between_80_and_90_minutes() {
        let now = Instant::now();
        for (fraction, minutes) in [(0.0, 80), (0.5, 85), (1.0, 90)] {
            let token = Token::new("token".into(), 1, now + UNUSABLE_AFTER, fraction);
            assert_eq!(token.renew_at - now, Duration::from_secs(minutes * 60));
        }
    }
}
