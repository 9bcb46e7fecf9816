//! The partner itself: how its authentication stands, and what changes its secret.
//!
//! A rotation is made of four steps, so that it survives a crash between any two: keep the new secret beside the old one,
//! [`change_partner_secret`](Client::change_partner_secret), [`prove_credentials`](Client::prove_credentials) with the new
//! one, [`use_partner_secret`](Client::use_partner_secret); then
//! [`announce_partner_secret`](Client::announce_partner_secret) to the other replicas.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! use openfinance::{Error, partner::Guard};
//!
//! # sandbox.control().set_partner_secret(None, "Another1secret")?;
//! // Somebody has changed the secret at the vendor: the first refused login is the last one.
//! let error = client.customer(&"1005061234".parse()?).await.unwrap_err();
//! assert!(matches!(error, Error::CredentialsRejected { vendor: Some(_) }));
//! let stands = client.partner_authentication().await;
//! assert_eq!((stands.guard, stands.failed_attempts), (Guard::Open, 1));
//!
//! // With the right one it goes on.
//! client.use_partner_secret("Another1secret".to_owned().into());
//! assert_eq!(client.partner_authentication().await.guard, Guard::Closed);
//! # Ok(())
//! # }
//! ```

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::time::Instant;

use crate::{
    Client, Error, Vendor,
    credential::Credential,
    guard::{Barred, Ending},
    operation::Operation,
    outcome::Outcome,
    token::{Claim, is_refusal, is_second_hand},
};
pub use crate::{credential::PartnerSecret, token::TokenAge};

/// How the partner's authentication stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerAuthentication {
    /// The token in use; `None` before the first call, and when it could not be renewed in time.
    pub token: Option<TokenAge>,
    /// Whether logins may go out.
    pub guard: Guard,
    /// How many logins with these credentials were refused or had no known outcome. Two are the most that there can be.
    pub failed_attempts: u32,
    /// The refusal that opened the guard.
    pub refusal: Option<Vendor>,
}

/// Whether logins may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// They may.
    Closed,
    /// The credentials were refused: none may go out, and no call either, until other credentials are used or
    /// [`Client::reset_authentication_guard`] is called.
    Open,
}

/// What becomes of the present secret when there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldSecret {
    /// It works on for 30 days.
    WorksOn,
    /// It ends at once: whoever still uses it fails to log in, and five such failures lock the company out.
    EndsNow,
}

/// What came of a login that was to prove credentials, where it is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Proof {
    /// The vendor takes them.
    Accepted,
    /// Nothing was tried: other replicas have logged in for five seconds. Nothing is known, and a later try is in order.
    NotTried,
}

/// How long a proof waits for other replicas that log in, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

impl Client {
    /// How the partner's authentication stands. Sends nothing to the vendor; where the shared store can't be asked, it
    /// is what this process knows.
    pub async fn partner_authentication(&self) -> PartnerAuthentication {
        let credential = self.inner.credentials.current();
        self.look_at_guard(&credential).await;
        let standing = credential.guard.standing();
        PartnerAuthentication {
            token: self.inner.tokens.age(),
            guard: if standing.open {
                Guard::Open
            } else {
                Guard::Closed
            },
            failed_attempts: standing.attempts,
            refusal: standing.refusal,
        }
    }

    /// Lets logins go out again, after an operator has found out why they were refused, and forgets those that failed.
    /// With credentials that are still wrong, each time costs one more of the five failures that lock the company out.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if the other replicas, and this one's next start, can't be told. Nothing changed.
    pub async fn reset_authentication_guard(&self) -> Result<(), Error> {
        let credential = self.inner.credentials.current();
        credential
            .guard
            .reset(self.store())
            .await
            .map_err(|error| unusable(&error))?;
        self.inner.tokens.forget_failure();
        Ok(())
    }

    /// Asks the vendor to take `new` as the partner's secret. Uses the present one and goes on with it.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] if the answer was lost: whether the new secret is good,
    /// [`prove_credentials`](Self::prove_credentials) tells. [`Error::CredentialsRejected`] if the present secret was
    /// refused, which opens the guard, or the guard is open. [`Error::Refused`] if the vendor does not like the new one.
    /// After any other error nothing was changed.
    pub async fn change_partner_secret(
        &self,
        new: &PartnerSecret,
        old: OldSecret,
    ) -> Result<(), Error> {
        let (client, new) = (self.clone(), new.clone());
        self.detached(Operation::ModifyPartnerSecret, async move {
            client.change_secret(&new, old).await
        })
        .await
    }

    async fn change_secret(&self, new: &PartnerSecret, old: OldSecret) -> Result<(), Error> {
        let credential = self.inner.credentials.current();
        let attempt = match credential.guard.begin(self.store()).await {
            Ok(attempt) => attempt,
            Err(Barred::Open) => return Err(Error::CredentialsRejected { vendor: None }),
            Err(Barred::Uncounted(error)) => return Err(unusable(&error)),
        };
        let body = &credential.for_change(new, old == OldSecret::EndsNow);
        let timeout = self.inner.config.attempt_timeout;
        let send =
            |rest: openfinance_rest::Client| async move { rest.modify_partner_secret(body).await };
        // What was begun for the same call before stays noted, whatever becomes of this.
        let is_first = !self.deadline.is_sent();
        self.deadline.note_sent();
        let outcome = self
            .attempt(Operation::ModifyPartnerSecret, None, timeout, send)
            .await;
        if is_first && matches!(outcome, Outcome::NotSent) {
            self.deadline.note_not_sent();
        }
        let (result, ending) = change_ending(outcome);
        credential.guard.end(self.store(), attempt, ending).await;
        result
    }

    /// Logs in once with `secret`, which need not be the one in use, under its own guard. The token that this gives is
    /// used from now on. Replicas do so one at a time; a refusal of one of them is to keep the others from trying.
    ///
    /// # Errors
    /// [`Error::CredentialsRejected`] if the vendor refuses it, or has before. After any other error nothing is known of
    /// it, and there is one more attempt at most.
    pub async fn prove_credentials(&self, secret: SecretString) -> Result<Proof, Error> {
        let inner = &self.inner;
        let credential = inner.credentials.with(&inner.config, &inner.keys, secret);
        self.prove(credential).await
    }

    /// As [`Client::prove_credentials`], with the secret in use. Where another one was refused, this ends the row of
    /// refusals that the vendor counts.
    ///
    /// # Errors
    /// As [`Client::prove_credentials`].
    pub async fn prove_present_credentials(&self) -> Result<Proof, Error> {
        self.prove(self.inner.credentials.current()).await
    }

    async fn prove(&self, credential: Arc<Credential>) -> Result<Proof, Error> {
        let patience = Instant::now() + PATIENCE;
        loop {
            // Given back between two tries: whoever waits for a token here may get that of the replica which logs in.
            let turn = self.inner.tokens.turn().await;
            let (client, credential) = (self.clone(), Arc::clone(&credential));
            let proof = self
                .detached(Operation::CreateToken, async move {
                    let proof = client.try_to_prove(&credential).await;
                    drop(turn);
                    proof
                })
                .await?;
            match proof {
                Proof::NotTried if Instant::now() < patience => tokio::time::sleep(POLL).await,
                Proof::NotTried | Proof::Accepted => return Ok(proof),
            }
        }
    }

    async fn try_to_prove(&self, credential: &Credential) -> Result<Proof, Error> {
        let Claim::Login(lease) = self.claim_proof().await else {
            // It may be this very credential that another replica has tried.
            self.look_at_guard(credential).await;
            return match credential.guard.standing().refusal {
                Some(_) => Err(Error::CredentialsRejected { vendor: None }),
                None => Ok(Proof::NotTried),
            };
        };
        match self.guarded_login(credential, lease.as_ref()).await {
            Ok(login) => {
                self.publish(login, 0, lease).await;
                Ok(Proof::Accepted)
            }
            Err(error) => {
                self.end_lease(lease, None).await;
                Err(error)
            }
        }
    }

    /// Whether a login with `secret` has gone well and none was refused since, here or at another replica. Logs in with
    /// nothing; where the shared store can't be asked, it is what this process knows.
    pub async fn is_proven(&self, secret: SecretString) -> bool {
        let inner = &self.inner;
        let credential = inner.credentials.with(&inner.config, &inner.keys, secret);
        self.look_at_guard(&credential).await;
        credential.guard.is_proven()
    }

    /// Learns what other replicas have found out about a credential, as far as the shared store can be asked.
    async fn look_at_guard(&self, credential: &Credential) {
        if let Err(error) = credential.guard.look(self.store()).await {
            tracing::warn!(%error, "the count of failed logins may be out of date");
        }
    }

    /// Whether `secret` is the one that this client logs in with.
    pub fn uses_partner_secret(&self, secret: SecretString) -> bool {
        let inner = &self.inner;
        inner
            .credentials
            .is_current(&inner.config, &inner.keys, secret)
    }

    /// Logs in with `secret` from now on. The token in use stays: the vendor lets it outlive its secret. Asks nobody.
    pub fn use_partner_secret(&self, secret: SecretString) {
        let inner = &self.inner;
        let credential = inner.credentials.with(&inner.config, &inner.keys, secret);
        if inner.credentials.make_current(credential) {
            inner.tokens.forget_failure();
        }
    }
}

/// What the answer to a change of the secret means, for whoever asked for it and for the guard: the present secret goes
/// with it, and a refused one counts as in a login.
fn change_ending(outcome: Outcome<()>) -> (Result<(), Error>, Ending) {
    const OPERATION: Operation = Operation::ModifyPartnerSecret;
    let vendor = match outcome {
        Outcome::Done((), _) => return (Ok(()), Ending::Accepted),
        Outcome::NotSent => return (Err(OPERATION.unavailable(None)), Ending::NotCounted),
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
        Outcome::Rejected(Error::CredentialsRejected {
            vendor: Some(vendor),
        })
        | Outcome::StaleToken(vendor) => return rejected(vendor),
        Outcome::Rejected(Error::Refused { refusal, vendor }) if !counts(vendor) => {
            let error = Error::Refused { refusal, vendor };
            return (Err(error), Ending::NotCounted);
        }
        Outcome::Rejected(Error::Refused { vendor, .. }) => return rejected(vendor),
        // It can't be sent as it is.
        Outcome::Rejected(error) => return (Err(error), Ending::NotCounted),
        Outcome::Unreadable(_, vendor) => Some(vendor),
        Outcome::Ambiguous { vendor, .. } => vendor,
    };
    let ending = match vendor {
        Some(vendor) if counts(vendor) => return rejected(vendor),
        Some(vendor) if is_second_hand(vendor) => Ending::Unknown,
        Some(_) => Ending::NotCounted,
        None => Ending::Unknown,
    };
    (Err(OPERATION.outcome_unknown(vendor)), ending)
}

/// Whether an answer with this status says that the present secret was refused, rather than the new one.
fn counts(vendor: Vendor) -> bool {
    is_refusal(vendor) && vendor.http_status != 400
}

fn rejected(vendor: Vendor) -> (Result<(), Error>, Ending) {
    let error = Error::CredentialsRejected {
        vendor: Some(vendor),
    };
    (Err(error), Ending::Refused(vendor))
}

pub(crate) fn unusable(error: &crate::store::StoreError) -> Error {
    tracing::warn!(%error, "the shared store failed");
    Error::StoreUnavailable
}
