//! One rotation of the partner's secret at a time, over all replicas.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    Client, Error,
    partner::unusable,
    seal::random_word,
    store::{Change, Committed, Key, Space},
};

/// How often it is tried to get the right before that is left: each time somebody else wrote in between.
const TRIES: usize = 3;

/// The longest that a proof takes: a wait for a login of this process (half a minute), one for those of other replicas, and
/// a login.
const LONGEST_PROOF: Duration = Duration::from_secs(60);

/// The right to change the partner's secret. It ends by itself if whoever has it is gone, after a time in which a
/// rotation is done.
#[derive(Debug)]
pub struct RotationRight(Vec<u8>);

impl Client {
    /// Takes the right to change the partner's secret; `None` while another replica has it. A store that nobody shares
    /// gives it always: whoever had it is gone. Within one process the caller sees to it that there is one rotation.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if the replicas can't be asked.
    pub async fn begin_rotation(&self) -> Result<Option<RotationRight>, Error> {
        let key = self.rotation_key();
        for _ in 0..TRIES {
            let held = self.store().get(&key).await;
            let held = held.map_err(|error| unusable(&error))?;
            if held.is_some() && self.store().is_shared() {
                return Ok(None);
            }
            let ours = random_word();
            let change = Change {
                key: key.clone(),
                expected: held.map(|kept| kept.value),
                new: Some((ours.clone(), Some(self.rotation_time()))),
            };
            let committed = self.store().commit(&[change]).await;
            if committed.map_err(|error| unusable(&error))? == Committed::Yes {
                return Ok(Some(RotationRight(ours)));
            }
        }
        Ok(None)
    }

    /// Gives the right back.
    pub async fn end_rotation(&self, RotationRight(ours): RotationRight) {
        let change = Change {
            key: self.rotation_key(),
            expected: Some(ours),
            new: None,
        };
        if let Err(error) = self.store().commit(&[change]).await {
            tracing::warn!(%error, "the right to change the secret can't be given back: it ends by itself");
        }
    }

    /// Forgets the logins with `secret` that failed, because it is about to become the partner's, or because an operator
    /// asks to try it again.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if that can't be noted. Nothing changed.
    pub async fn forget_failed_logins(&self, secret: SecretString) -> Result<(), Error> {
        let inner = &self.inner;
        let credential = inner.credentials.with(&inner.config, &inner.keys, secret);
        let reset = credential.guard.reset(self.store()).await;
        reset.map_err(|error| unusable(&error))
    }

    /// Long enough for the change, and for the proofs of a secret that was staged before, of the new one and of the old one.
    fn rotation_time(&self) -> Duration {
        self.inner
            .config
            .attempt_timeout
            .saturating_add(LONGEST_PROOF.saturating_mul(3))
    }

    fn rotation_key(&self) -> Key {
        Key::new(Space::Lease, format!("{}{ROTATION}", self.partner_name()))
    }
}

/// What tells this lease of a partner from that for a login, in hex digits as all names are.
const ROTATION: &str = "0f";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Config, Shared,
        store::{Kept, Memory, Rate, Store, StoreFuture, Taken},
    };

    /// A store that replicas share.
    struct SharedMemory(Memory);

    impl Store for SharedMemory {
        fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
            self.0.get(key)
        }

        fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
            self.0.commit(changes)
        }

        fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
            self.0.list(space)
        }

        fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
            self.0.take(key, rate)
        }

        fn is_shared(&self) -> bool {
            true
        }
    }

    fn client(store: Arc<dyn Store>) -> Client {
        Client::new(Config {
            shared: Shared::new(store, [7; 32]),
            ..Config::new(
                "http://127.0.0.1:1".parse().unwrap(),
                "2445580000001".to_owned(),
                "SandboxSecret1234".to_owned().into(),
                "5a6e64626f786170".to_owned().into(),
            )
        })
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_replica_rotates_at_a_time_and_one_that_is_gone_blocks_nobody_for_long() {
        let store: Arc<dyn Store> = Arc::new(SharedMemory(Memory::new()));
        let (one, other) = (client(Arc::clone(&store)), client(store));
        let right = one.begin_rotation().await.unwrap().unwrap();
        assert!(other.begin_rotation().await.unwrap().is_none());
        one.end_rotation(right).await;
        // Taken, and never given back.
        let lost = other.begin_rotation().await.unwrap().unwrap();
        assert!(one.begin_rotation().await.unwrap().is_none());
        tokio::time::advance(one.rotation_time()).await;
        let taken = one.begin_rotation().await.unwrap().unwrap();
        other.end_rotation(lost).await;
        assert!(other.begin_rotation().await.unwrap().is_none());
        one.end_rotation(taken).await;
    }

    #[tokio::test]
    async fn a_process_that_is_alone_takes_over_from_its_former_life() {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        client(Arc::clone(&store))
            .begin_rotation()
            .await
            .unwrap()
            .unwrap();
        assert!(client(store).begin_rotation().await.unwrap().is_some());
    }
}
