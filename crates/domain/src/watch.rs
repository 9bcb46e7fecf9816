//! The regular look at what is shared: what other replicas have found out, and whether the store can be used at all.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::{
    Client, Error,
    partner::unusable,
    store::{Change, Committed, Key, Space, StoreError},
};

/// How often it is looked: what one replica learns, the others know within two seconds.
const PERIOD: Duration = Duration::from_secs(1);

/// What was seen at the latest look.
pub(crate) struct Seen {
    store_usable: AtomicBool,
    credential_version: watch::Sender<u64>,
}

impl Seen {
    /// Nothing yet; the store is taken for usable.
    pub(crate) fn new() -> Self {
        Self {
            store_usable: AtomicBool::new(true),
            credential_version: watch::Sender::new(0),
        }
    }
}

impl Client {
    /// Looks once a second at what is shared, for ever: whether the guard was opened or reset elsewhere, whether another
    /// replica has a newer token, whether a new secret was announced, and whether the store can be used. A token that is
    /// due is renewed even if nobody calls. Whoever runs a client for long spawns this once.
    pub async fn keep_watch(&self) {
        let mut next = Instant::now();
        loop {
            self.look().await;
            self.renew_token_if_due();
            // From the end of a look that took long, so that a slow store is not asked without a pause.
            next = Instant::now().max(next + PERIOD);
            tokio::time::sleep_until(next).await;
        }
    }

    /// Looks once, as [`keep_watch`](Self::keep_watch) does. Answers whether the store can be used.
    pub async fn look(&self) -> bool {
        let result = self.look_at_all().await;
        let usable = result.is_ok();
        let before = self.inner.seen.store_usable.swap(usable, Ordering::Relaxed);
        match (before, result) {
            (true, Err(error)) => tracing::error!(%error, "the shared store can't be used"),
            (false, Ok(())) => tracing::info!("the shared store can be used again"),
            (true, Ok(())) | (false, Err(_)) => {}
        }
        usable
    }

    /// Whether the store could be used at the latest look.
    pub fn store_usable(&self) -> bool {
        self.inner.seen.store_usable.load(Ordering::Relaxed)
    }

    /// The version of the partner's secret that was announced last, here or by another replica; zero before the first.
    /// Changes when whoever keeps the secret should read it again.
    pub fn credential_version(&self) -> watch::Receiver<u64> {
        self.inner.seen.credential_version.subscribe()
    }

    /// Tells all replicas that the partner's secret has changed where they read it from.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if they can't be told, or nobody knows whether they were: repeating does no harm.
    pub async fn announce_partner_secret(&self) -> Result<(), Error> {
        let key = self.notice_key();
        loop {
            let kept = self
                .store()
                .get(&key)
                .await
                .map_err(|error| unusable(&error))?;
            let expected = kept.map(|kept| kept.value);
            let announced = expected.as_deref().and_then(version).unwrap_or(0);
            let next = announced.max(*self.inner.seen.credential_version.borrow()) + 1;
            let change = Change {
                key: key.clone(),
                expected,
                new: Some((next.to_be_bytes().to_vec(), None)),
            };
            let committed = self.store().commit(&[change]).await;
            if committed.map_err(|error| unusable(&error))? == Committed::Yes {
                self.see_version(next);
                return Ok(());
            }
        }
    }

    async fn look_at_all(&self) -> Result<(), StoreError> {
        let credential = self.inner.credentials.current();
        credential.guard.look(self.store()).await?;
        if self.store().is_shared() {
            self.look_at_shared_token().await?;
            let notice = self.store().get(&self.notice_key()).await?;
            if let Some(version) = notice.and_then(|kept| version(&kept.value)) {
                self.see_version(version);
            }
        }
        Ok(())
    }

    /// Each announcement is told once; a store that lost them tells nothing.
    fn see_version(&self, version: u64) {
        self.inner.seen.credential_version.send_if_modified(|seen| {
            let newer = *seen < version;
            *seen = (*seen).max(version);
            newer
        });
    }

    fn notice_key(&self) -> Key {
        Key::new(Space::Notice, self.partner_name())
    }
}

fn version(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
