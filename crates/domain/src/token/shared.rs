//! The token as all replicas share it: sealed in the store, and fetched by one of them at a time.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Token, UNUSABLE_AFTER, login::Login, pause::PAUSE};
use crate::{
    Client, retry,
    seal::random_word,
    store::{Change, Committed, Kept, Key, Space, Store, StoreError},
};

/// How long a replica may take for a login before another one begins.
const LEASE: Duration = Duration::from_secs(30);
/// How often, and for how long, a replica looks whether another one has the token.
const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
/// What the lease says when nobody has it, and nobody may: a login has just failed.
const PAUSED: &[u8] = b"paused";
/// How often a token is written before it is left to the next look: each time somebody else wrote in between.
const WRITES: usize = 5;

/// Who may log in.
pub(crate) enum Claim {
    /// Nobody needs to: another replica has.
    Token(Token),
    /// This one, under this lease where there is a store to have it from.
    Login(Option<Lease>),
    /// Nobody for so long: another replica has failed, or takes too long.
    Wait(Duration),
}

/// The right to log in, for a while.
pub(crate) struct Lease {
    /// What says in the store that it is ours.
    ours: Vec<u8>,
    /// Until when no login was to go out, where this one does all the same.
    paused_until: Option<Instant>,
}

/// The shared token as it was found.
struct Found {
    /// What the store has, for a change of it.
    sealed: Option<Vec<u8>>,
    generation: u64,
    /// The token; `None` if there is none that we can read.
    token: Option<(SecretString, Instant)>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Text {
    generation: u64,
    token: String,
}

impl Client {
    /// Asks all replicas who logs in, where a token of generation `oldest` or newer is wanted.
    pub(super) async fn claim_login(&self, oldest: u64) -> Claim {
        if !self.store().is_shared() {
            return Claim::Login(None);
        }
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.try_claim(oldest).await {
                Ok(Some(claim)) => return claim,
                Ok(None) if Instant::now() < patience => tokio::time::sleep(POLL).await,
                Ok(None) => return Claim::Wait(PAUSE),
                Err(error) => {
                    // Whether to log in alone is for the guard to say.
                    tracing::warn!(%error, "the shared token can't be asked for");
                    return Claim::Login(None);
                }
            }
        }
    }

    /// What can be said now; `None` while another replica is at it.
    async fn try_claim(&self, oldest: u64) -> Result<Option<Claim>, StoreError> {
        if let Some(token) = self.newer_token(oldest).await? {
            return Ok(Some(Claim::Token(token)));
        }
        if let Some(held) = self.store().get(&self.lease_key()).await? {
            let paused = held.value == PAUSED;
            return Ok(paused.then(|| Claim::Wait(held.left.unwrap_or(PAUSE))));
        }
        let Some(lease) = self.lease_login(None).await? else {
            return Ok(None);
        };
        // Another one may have come and gone between the two looks.
        match self.newer_token(oldest).await {
            Ok(None) => Ok(Some(Claim::Login(Some(lease)))),
            Ok(Some(token)) => {
                self.end_lease(Some(lease), None).await;
                Ok(Some(Claim::Token(token)))
            }
            Err(error) => {
                self.end_lease(Some(lease), None).await;
                Err(error)
            }
        }
    }

    /// Asks all replicas who logs in, where a credential is to be proven, whatever token there is. That other logins have
    /// failed is no reason to wait: this is another credential, or somebody wants to know.
    pub(crate) async fn claim_proof(&self) -> Claim {
        if !self.store().is_shared() {
            return Claim::Login(None);
        }
        match self.try_claim_proof().await {
            Ok(Some(lease)) => Claim::Login(Some(lease)),
            Ok(None) => Claim::Wait(POLL),
            Err(error) => {
                // Whether to log in alone is for the guard to say.
                tracing::warn!(%error, "the right to log in can't be asked for");
                Claim::Login(None)
            }
        }
    }

    /// The right to log in, if no other replica has it now.
    async fn try_claim_proof(&self) -> Result<Option<Lease>, StoreError> {
        match self.store().get(&self.lease_key()).await? {
            Some(held) if held.value != PAUSED => Ok(None),
            pause => self.lease_login(pause).await,
        }
    }

    /// Takes the lease, in the place of a pause if there is one; `None` if something else is there by now.
    async fn lease_login(&self, pause: Option<Kept>) -> Result<Option<Lease>, StoreError> {
        let left = pause.as_ref().and_then(|pause| pause.left);
        let lease = Lease {
            ours: random_word(),
            paused_until: left.map(|left| Instant::now() + left),
        };
        let change = Change {
            key: self.lease_key(),
            expected: pause.map(|pause| pause.value),
            new: Some((lease.ours.clone(), Some(LEASE))),
        };
        match self.store().commit(&[change]).await {
            Ok(Committed::Yes) => Ok(Some(lease)),
            Ok(Committed::Conflict) => Ok(None),
            Err(error) => {
                // It may be ours all the same, and would keep the others waiting.
                self.end_lease(Some(lease), None).await;
                Err(error)
            }
        }
    }

    /// Gives a lease back. With a pause, no replica logs in for so long; without one, for as long as none was to when the
    /// lease was taken.
    pub(crate) async fn end_lease(&self, lease: Option<Lease>, pause: Option<Duration>) {
        let Some(Lease { ours, paused_until }) = lease else {
            return;
        };
        let left = paused_until.and_then(|until| until.checked_duration_since(Instant::now()));
        let pause = pause.or(left).filter(|pause| !pause.is_zero());
        let change = Change {
            key: self.lease_key(),
            expected: Some(ours),
            new: pause.map(|pause| (PAUSED.to_vec(), Some(pause))),
        };
        if let Err(error) = self.store().commit(&[change]).await {
            tracing::warn!(%error, "the right to log in can't be given back: it ends by itself");
        }
    }

    /// Makes a token that was just issued the one in use, here and, where there are others, with them.
    pub(crate) async fn publish(&self, login: Login, oldest: u64, lease: Option<Lease>) -> Token {
        let unusable_at = login.issued + UNUSABLE_AFTER;
        let generation = self
            .inner
            .tokens
            .state()
            .generation()
            .max(oldest.saturating_sub(1))
            + 1;
        let fraction = retry::fraction();
        let mut token = Token::new(login.value, generation, unusable_at, fraction);
        if self.store().is_shared() {
            // A login has gone well: there is no more reason for a pause.
            let lease = lease.map(|lease| Lease {
                paused_until: None,
                ..lease
            });
            self.share(&mut token, lease).await;
        }
        self.inner.tokens.accept(&token);
        token
    }

    /// Gives a new token to all replicas. Where that fails, [`Client::look_at_shared_token`] does it later.
    async fn share(&self, token: &mut Token, mut lease: Option<Lease>) {
        for _ in 0..WRITES {
            match self.try_share(token, lease.as_ref()).await {
                Ok(Committed::Yes) => return,
                // The lease may have ended: the token is good all the same.
                Ok(Committed::Conflict) => self.end_lease(lease.take(), None).await,
                Err(error) => {
                    tracing::warn!(%error, "the token can't be shared yet");
                    self.end_lease(lease, None).await;
                    return;
                }
            }
        }
    }

    async fn try_share(
        &self,
        token: &mut Token,
        lease: Option<&Lease>,
    ) -> Result<Committed, StoreError> {
        let found = self.find_token().await?;
        token.generation = token.generation.max(found.generation + 1);
        let mut changes = vec![self.token_change(token, found.sealed)];
        changes.extend(lease.map(|lease| Change {
            key: self.lease_key(),
            expected: Some(lease.ours.clone()),
            new: None,
        }));
        self.store().commit(&changes).await
    }

    /// Takes over a newer token of another replica, and gives ours to a store that has lost it.
    pub(crate) async fn look_at_shared_token(&self) -> Result<(), StoreError> {
        let found = self.find_token().await?;
        let Some(ours) = self.inner.tokens.state().usable(0) else {
            return Ok(());
        };
        if found.generation > ours.generation {
            if let Some(token) = self.taken_over(found) {
                self.inner.tokens.accept(&token);
            }
        } else if found.generation < ours.generation {
            // If another replica was faster, the next look will tell.
            self.store()
                .commit(&[self.token_change(&ours, found.sealed)])
                .await?;
        }
        Ok(())
    }

    /// The shared token, if it is newer than ours and of generation `oldest` or newer; or ours, if the regular look has
    /// brought such a one meanwhile.
    async fn newer_token(&self, oldest: u64) -> Result<Option<Token>, StoreError> {
        let ours = self.inner.tokens.state().usable(oldest);
        if let Some(token) = ours.filter(|token| !token.is_due()) {
            return Ok(Some(token));
        }
        let found = self.find_token().await?;
        let ours = self.inner.tokens.state().generation();
        if found.generation < oldest || found.generation <= ours {
            return Ok(None);
        }
        Ok(self.taken_over(found))
    }

    fn taken_over(&self, found: Found) -> Option<Token> {
        let (value, unusable_at) = found.token?;
        self.inner.credentials.current().guard.accepted_elsewhere();
        let fraction = retry::fraction();
        Some(Token::new(value, found.generation, unusable_at, fraction))
    }

    async fn find_token(&self) -> Result<Found, StoreError> {
        let key = self.token_key();
        let Some(kept) = self.store().get(&key).await? else {
            return Ok(Found {
                sealed: None,
                generation: 0,
                token: None,
            });
        };
        let opened = self.inner.keys.open(&key, &kept.value);
        let text = opened.and_then(|text| serde_json::from_slice::<Text>(&text).ok());
        if text.is_none() {
            tracing::warn!("the shared token can't be read: it will be replaced");
        }
        let left = kept.left.unwrap_or_default().min(UNUSABLE_AFTER);
        Ok(Found {
            sealed: Some(kept.value),
            generation: text.as_ref().map_or(0, |text| text.generation),
            token: text.map(|text| (text.token.into(), Instant::now() + left)),
        })
    }

    fn token_change(&self, token: &Token, expected: Option<Vec<u8>>) -> Change {
        let key = self.token_key();
        let text = Text {
            generation: token.generation,
            token: token.value.expose_secret().to_owned(),
        };
        // Numbers and texts always have a text.
        let text = serde_json::to_vec(&text).unwrap_or_default();
        let sealed = self.inner.keys.seal(&key, &text);
        Change {
            key,
            expected,
            new: Some((sealed, Some(token.left()))),
        }
    }

    fn token_key(&self) -> Key {
        Key::new(Space::Token, self.partner_name())
    }

    fn lease_key(&self) -> Key {
        Key::new(Space::Lease, self.partner_name())
    }

    /// What the partner and its app key are called in the store: a token survives a change of the secret.
    pub(crate) fn partner_name(&self) -> String {
        let config = &self.inner.config;
        self.inner.keys.name(&[
            b"partner",
            config.partner_id.as_bytes(),
            config.app_key.expose_secret().as_bytes(),
        ])
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.inner.config.shared.store
    }
}
