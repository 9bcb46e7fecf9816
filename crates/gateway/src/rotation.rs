//! The change of the partner's secret, so that a secret that works is on disk at every moment.
//!
//! The new secret is staged beside the old one, made known to the vendor, proven by a login, and only then moved to the
//! old one's place. If that is cut short, a staged secret is left behind, and nobody knows what the vendor holds of it:
//! a login with it tells, at the next start, at the next rotation, or as soon as the vendor answers again.

use std::{io, path::Path, sync::Arc, time::Duration};

use openfinance::{
    Client, Deadline, Error,
    partner::{OldSecret, PartnerSecret, Proof},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::secret_file::SecretFile;

/// How long after a secret could not be tried it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Why a secret was not changed.
#[derive(Debug)]
pub(crate) enum RotationError {
    /// It is in no file.
    NoFile,
    /// Its file can't be read or written. Nothing was changed at the vendor.
    File(io::Error),
    /// It was changed at the vendor and is in use, but its file could not be replaced.
    NotPromoted(io::Error),
    /// Another rotation is under way.
    InProgress,
    /// The caller's time was over before anything was done.
    TooLate,
    /// The vendor did not take the new secret: its answer was lost, and a login with the new secret was refused.
    NotTaken,
    /// Nobody knows yet whether the vendor took the new secret.
    Unsettled,
    /// Nothing was changed.
    Vendor(Error),
}

impl From<Error> for RotationError {
    fn from(error: Error) -> Self {
        Self::Vendor(error)
    }
}

/// Changes the partner's secret. Clones are the same.
#[derive(Clone)]
pub(crate) struct Rotator {
    client: Client,
    file: Option<SecretFile>,
    /// Held while the files change.
    turn: Arc<Mutex<()>>,
    /// Tells that another replica has changed the secret, from when this was made on.
    announced: watch::Receiver<u64>,
    /// Whether a staged secret waits to be tried.
    unsettled: watch::Sender<bool>,
}

/// What a login with the staged secret came to.
enum Settled {
    /// The vendor takes it. It is in use, and in the file.
    Taken,
    /// The vendor refuses it. It is gone.
    Refused,
    /// It was refused before, or could not be tried as often as it may be. It is left where it is.
    Barred,
    /// Nothing is known.
    Unknown,
}

impl Rotator {
    /// Changes the secret that `client` logs in with, and that is kept in `file`.
    pub(crate) fn new(client: Client, file: Option<SecretFile>) -> Self {
        Self {
            announced: client.credential_version(),
            client,
            file,
            turn: Arc::default(),
            unsettled: watch::Sender::new(false),
        }
    }

    /// Takes up a rotation that was cut short, before anybody logs in with the secret that it was to replace.
    pub(crate) async fn start(&self) {
        let Some(file) = &self.file else { return };
        let turn = Arc::clone(&self.turn).lock_owned().await;
        self.settle_staged(file, turn).await;
    }

    /// Follows what other replicas announce, and settles what could not be settled yet; for ever.
    pub(crate) async fn follow(self) {
        let Some(file) = &self.file else {
            return std::future::pending().await;
        };
        let mut announced = self.announced.clone();
        let mut unsettled = self.unsettled.subscribe();
        loop {
            let is_unsettled = *unsettled.borrow_and_update();
            tokio::select! {
                changed = announced.changed() => match changed {
                    Ok(()) => self.take_over(file).await,
                    Err(_) => return,
                },
                Ok(()) = unsettled.changed() => {}
                () = tokio::time::sleep(AGAIN), if is_unsettled => {
                    let turn = Arc::clone(&self.turn).lock_owned().await;
                    self.settle_staged(file, turn).await;
                }
            }
        }
    }

    /// Whether the secret is kept in this file, or in none.
    pub(crate) fn keeps_in(&self, file: Option<&Path>) -> bool {
        self.file.as_ref().map(SecretFile::path) == file
    }

    /// Takes up a secret that somebody else has put into the file, or `given` where there is no file. It is tried first:
    /// one that the vendor refuses is not used. Answers whether it is in use now.
    pub(crate) async fn take_up(&self, given: &SecretString) -> bool {
        loop {
            // Given back between two tries: a stop waits for it.
            let _turn = self.turn.lock().await;
            let secret = match &self.file {
                // A rotation may have ended since the settings were read.
                Some(file) => match read_again(file).await {
                    Some(secret) => secret,
                    None => return false,
                },
                None => given.clone(),
            };
            if let Some(is_used) = self.try_out(secret).await {
                return is_used;
            }
        }
    }

    /// Uses a secret if the vendor takes it, and answers whether it does; `None` if other replicas were logging in,
    /// or could not be asked.
    async fn try_out(&self, secret: SecretString) -> Option<bool> {
        if self.client.uses_partner_secret(secret.clone()) {
            return Some(true);
        }
        match self.client.prove_credentials(secret.clone()).await {
            Ok(Proof::Accepted) => {}
            Ok(Proof::NotTried) => return None,
            Err(Error::CredentialsRejected { vendor }) => {
                tracing::error!(
                    "the vendor refuses the partner's secret that was read again; the one before stays in use"
                );
                // Where another replica was refused, it sees to that.
                if vendor.is_some() {
                    self.end_row_of_refusals(self.client.prove_present_credentials())
                        .await;
                }
                return Some(false);
            }
            // Whether another replica has seen it refused can't be asked now.
            Err(Error::StoreUnavailable) => {
                tokio::time::sleep(AGAIN).await;
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "the partner's secret that was read again is used, although it could not be tried");
            }
        }
        self.client.use_partner_secret(secret);
        Some(true)
    }

    /// Uses the secret that another replica has proven and announced, or tries what is in the file in its place by now.
    async fn take_over(&self, file: &SecretFile) {
        let turn = self.turn.lock().await;
        let Some(secret) = read_again(file).await else {
            return;
        };
        if self.client.is_proven(secret.clone()).await {
            self.client.use_partner_secret(secret);
        } else {
            drop(turn);
            self.take_up(&secret).await;
        }
    }

    /// Waits until no rotation is under way.
    pub(crate) async fn idle(&self) {
        drop(self.turn.lock().await);
    }

    /// Replaces the secret. It is seen through when the caller goes away, but not begun for one whose time is over.
    pub(crate) async fn rotate(
        &self,
        new: PartnerSecret,
        old: OldSecret,
        deadline: &Deadline,
    ) -> Result<(), RotationError> {
        let file = self.file.clone().ok_or(RotationError::NoFile)?;
        let turn = Arc::clone(&self.turn).try_lock_owned();
        let turn = turn.map_err(|_| RotationError::InProgress)?;
        if !deadline.begin() {
            return Err(RotationError::TooLate);
        }
        let rotator = Self {
            client: self.client.within(deadline.unlimited()),
            ..self.clone()
        };
        let task = tokio::spawn(async move {
            let right = rotator.client.begin_rotation().await?;
            let right = right.ok_or(RotationError::InProgress)?;
            let result = rotator.replace(&file, &new, old).await;
            rotator.client.end_rotation(right).await;
            drop(turn);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn replace(
        &self,
        file: &SecretFile,
        new: &PartnerSecret,
        old: OldSecret,
    ) -> Result<(), RotationError> {
        let secret = SecretString::from(new.clone());
        if let Some(staged) = on_disk(file, SecretFile::staged).await? {
            if staged.expose_secret() == secret.expose_secret() {
                // Whoever asks for it again wants it tried again.
                self.client.forget_failed_logins(staged.clone()).await?;
            }
            match self.settle(file, staged).await? {
                Settled::Taken | Settled::Refused | Settled::Barred => {}
                Settled::Unknown => {
                    self.unsettled.send_replace(true);
                    return Err(RotationError::Unsettled);
                }
            }
        }
        let present = on_disk(file, SecretFile::read).await?;
        let is_done = present.expose_secret() == secret.expose_secret();
        self.client.use_partner_secret(present.clone());
        if is_done {
            return Ok(());
        }
        // It may have been refused before it was the partner's.
        self.client.forget_failed_logins(secret.clone()).await?;
        let staged = secret.clone();
        on_disk(file, move |file| file.stage(&staged)).await?;
        let changed = self.client.change_partner_secret(new, old).await;
        let not_taken = match changed {
            Ok(()) => None,
            Err(Error::OutcomeUnknown { .. }) => Some(RotationError::NotTaken),
            Err(error) => {
                on_disk(file, SecretFile::unstage).await?;
                return Err(error.into());
            }
        };
        match (self.client.prove_credentials(secret).await, not_taken) {
            (Ok(Proof::Accepted), _) => self.promote(file, new.clone().into()).await,
            (Err(error @ Error::CredentialsRejected { .. }), not_taken) => {
                tracing::error!(
                    "the vendor refuses the new secret, so the old one stays in use; should the vendor take the new one \
                     after all, rotate to it again"
                );
                on_disk(file, SecretFile::unstage).await?;
                self.end_row_of_refusals(self.client.prove_credentials(present))
                    .await;
                Err(not_taken.unwrap_or(error.into()))
            }
            (unknown @ (Err(_) | Ok(Proof::NotTried)), _) => {
                tracing::error!(
                    ?unknown,
                    "nobody knows whether the vendor has the new secret; it is tried until that is known"
                );
                self.unsettled.send_replace(true);
                Err(RotationError::Unsettled)
            }
        }
    }

    /// Logs in with the secret that is good, after a login with another one was refused. The vendor counts refusals in a
    /// row, over all secrets, and a caller who repeats the rotation adds one each time.
    async fn end_row_of_refusals(&self, login: impl Future<Output = Result<Proof, Error>>) {
        match login.await {
            Ok(Proof::Accepted) => {}
            failed @ (Err(_) | Ok(Proof::NotTried)) => tracing::warn!(
                ?failed,
                "no login of this gateway has gone well since the one with the new secret was refused"
            ),
        }
    }

    /// Settles a staged secret if there is one and no other replica is at it. Notes whether it has to be tried again.
    async fn settle_staged(&self, file: &SecretFile, turn: OwnedMutexGuard<()>) {
        let result = self.try_settle_staged(file).await;
        drop(turn);
        let again = match result {
            Ok(None | Some(Settled::Barred)) => false,
            Ok(Some(Settled::Taken)) => {
                tracing::info!("a rotation that was cut short is done: the new secret is in use");
                false
            }
            Ok(Some(Settled::Refused)) => {
                tracing::warn!(
                    "a rotation that was cut short is undone: the vendor refuses the new secret"
                );
                false
            }
            Ok(Some(Settled::Unknown))
            | Err(RotationError::InProgress | RotationError::Vendor(_)) => true,
            Err(
                error @ (RotationError::NoFile
                | RotationError::File(_)
                | RotationError::NotPromoted(_)
                | RotationError::TooLate
                | RotationError::NotTaken
                | RotationError::Unsettled),
            ) => {
                tracing::error!(?error, "a rotation that was cut short can't be settled");
                false
            }
        };
        self.unsettled.send_replace(again);
    }

    async fn try_settle_staged(&self, file: &SecretFile) -> Result<Option<Settled>, RotationError> {
        if on_disk(file, SecretFile::staged).await?.is_none() {
            self.use_file(file).await;
            return Ok(None);
        }
        let right = self.client.begin_rotation().await?;
        let right = right.ok_or(RotationError::InProgress)?;
        // Another replica may have settled it in the meantime.
        let result = match on_disk(file, SecretFile::staged).await {
            Ok(Some(staged)) => self.settle(file, staged).await.map(Some),
            Ok(None) => {
                self.use_file(file).await;
                Ok(None)
            }
            Err(error) => Err(error),
        };
        self.client.end_rotation(right).await;
        result
    }

    /// Logs in with a staged secret and does what follows from it.
    async fn settle(
        &self,
        file: &SecretFile,
        staged: SecretString,
    ) -> Result<Settled, RotationError> {
        match self.client.prove_credentials(staged.clone()).await {
            Ok(Proof::Accepted) => {
                self.promote(file, staged).await?;
                Ok(Settled::Taken)
            }
            Err(Error::CredentialsRejected { vendor: Some(_) }) => {
                on_disk(file, SecretFile::unstage).await?;
                Ok(Settled::Refused)
            }
            Err(Error::CredentialsRejected { vendor: None }) => {
                tracing::error!(
                    "the staged secret was refused or could not be tried, and is not tried again: rotate to it again, or \
                     to another"
                );
                Ok(Settled::Barred)
            }
            unknown @ (Err(_) | Ok(Proof::NotTried)) => {
                tracing::warn!(?unknown, "the staged secret can't be tried");
                Ok(Settled::Unknown)
            }
        }
    }

    /// The vendor has taken the staged secret: puts it in its place, here and everywhere.
    async fn promote(&self, file: &SecretFile, secret: SecretString) -> Result<(), RotationError> {
        let promoted = on_disk(file, SecretFile::promote).await;
        self.client.use_partner_secret(secret);
        if let Err(RotationError::File(error)) = promoted {
            return Err(RotationError::NotPromoted(error));
        }
        if let Err(error) = self.client.announce_partner_secret().await {
            tracing::error!(%error, "the other replicas could not be told to read the new secret");
        }
        tracing::info!("the partner has a new secret");
        Ok(())
    }

    /// Logs in with what the file has from now on.
    async fn use_file(&self, file: &SecretFile) {
        if let Some(secret) = read_again(file).await {
            self.client.use_partner_secret(secret);
        }
    }
}

async fn read_again(file: &SecretFile) -> Option<SecretString> {
    let read = on_disk(file, SecretFile::read).await;
    read.inspect_err(|error| {
        tracing::error!(
            ?error,
            "the file of the partner's secret can't be read again"
        );
    })
    .ok()
}

/// Does what waits for the disk where waiting harms nobody.
async fn on_disk<T: Send + 'static>(
    file: &SecretFile,
    work: impl FnOnce(&SecretFile) -> io::Result<T> + Send + 'static,
) -> Result<T, RotationError> {
    let file = file.clone();
    let done = tokio::task::spawn_blocking(move || work(&file)).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(RotationError::File)
}
