//! The guard before every login: five refused ones lock the company out, so there are two at most, ever.
//!
//! Each credential has a record in the store, which all restarts and replicas share. An attempt is written there before
//! it is made, so that a crash in between is counted too. The first refusal opens the guard, and so do two attempts of
//! whose outcome nothing is known, until one has succeeded. An open guard lets nobody log in. Time does not close it:
//! only other credentials do, which have a record of their own, or an operator.

mod record;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use self::record::Ending;
use self::record::{Record, Refused};
use crate::{
    Vendor,
    operation::Operation,
    seal::random_id,
    store::{Change, Committed, Key, Store, StoreError},
};

/// Why no login may be made.
#[derive(Debug)]
pub(crate) enum Barred {
    /// The guard is open.
    Open,
    /// It can't be counted.
    Uncounted(StoreError),
}

/// An attempt that was counted, and must be ended.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt(u64);

/// What is known of a credential, for whoever operates the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) open: bool,
    pub(crate) attempts: u32,
    pub(crate) refusal: Option<Vendor>,
}

/// The guard of one credential.
pub(crate) struct Guard {
    key: Key,
    local: Mutex<Local>,
    /// Held while the store is asked, so that what it said last is what is known.
    asking: tokio::sync::Mutex<()>,
}

/// What this process knows.
#[derive(Default)]
struct Local {
    /// As it was last seen or left.
    record: Record,
    /// What could not be written down.
    owed: Vec<(u64, Ending)>,
    /// Whether this process was the last one to log in with it.
    accepted_here: bool,
}

impl Guard {
    /// The guard whose record is kept under this key.
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            local: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// Under which its record is kept.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether no login may be made, as far as this process knows. Asks nobody.
    pub(crate) fn is_open(&self) -> bool {
        self.local().record.is_open()
    }

    /// Whether a login with the credential has gone well and none was refused since, as far as this process knows.
    pub(crate) fn is_proven(&self) -> bool {
        let local = self.local();
        local.record.accepted && !local.record.is_open()
    }

    /// Whether this process has logged in with the credential, and no other has since, as far as it knows.
    pub(crate) fn accepted_here(&self) -> bool {
        self.local().accepted_here
    }

    /// Notes that another process has logged in since. Were all that ever did to log in where they can't be counted, as
    /// many logins might be refused as there are replicas.
    pub(crate) fn accepted_elsewhere(&self) {
        self.local().accepted_here = false;
    }

    /// What this process knows.
    pub(crate) fn standing(&self) -> Standing {
        let local = self.local();
        Standing {
            open: local.record.is_open(),
            attempts: u32::try_from(local.record.attempts.len()).unwrap_or(u32::MAX),
            refusal: local
                .record
                .refused
                .map(|refused| Operation::CreateToken.answered(refused.http_status, refused.code)),
        }
    }

    /// Counts an attempt, durably. The login may be made when this has returned, and must be ended with [`Guard::end`].
    pub(crate) async fn begin(&self, store: &dyn Store) -> Result<Attempt, Barred> {
        let id = random_id();
        match self.change(store, |record| record.begin(id)).await {
            Ok(true) => Ok(Attempt(id)),
            Ok(false) => Err(Barred::Open),
            Err(error) => {
                // It may have been written all the same.
                self.local().owed.push((id, Ending::NotCounted));
                Err(Barred::Uncounted(error))
            }
        }
    }

    /// An attempt that is not counted: only for a credential that [was accepted](Self::accepted_here).
    pub(crate) fn begin_uncounted(&self) -> Attempt {
        Attempt(random_id())
    }

    /// Notes what an attempt came to. Where it can't be written down now, it will be with whatever is written next.
    pub(crate) async fn end(&self, store: &dyn Store, Attempt(id): Attempt, ending: Ending) {
        if ending == Ending::Accepted {
            self.local().accepted_here = true;
        }
        if let Err(error) = self.change(store, |record| record.end(id, ending)).await {
            tracing::warn!(%error, "what a login came to can't be written down yet");
            let mut local = self.local();
            local.record.end(id, ending);
            local.owed.push((id, ending));
        }
    }

    /// Closes the guard and forgets what was counted.
    pub(crate) async fn reset(&self, store: &dyn Store) -> Result<(), StoreError> {
        let reset = random_id();
        self.change(store, |record| record.close(reset)).await
    }

    /// Learns what others have written, and writes what is owed.
    pub(crate) async fn look(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.change(store, |_| ()).await
    }

    /// Reads the record, changes it and writes it, unless another changed it meanwhile: then again.
    async fn change<T>(
        &self,
        store: &dyn Store,
        change: impl Fn(&mut Record) -> T,
    ) -> Result<T, StoreError> {
        let _turn = self.asking.lock().await;
        loop {
            let expected = store.get(&self.key).await?.map(|kept| kept.value);
            let stored = expected.as_deref().map(Record::read).transpose()?;
            let (mut record, paid) = self.local().merged(stored.as_ref());
            let value = change(&mut record);
            if record != stored.unwrap_or_default() {
                let change = Change {
                    key: self.key.clone(),
                    expected,
                    new: Some((record.written(), None)),
                };
                match store.commit(&[change]).await? {
                    Committed::Yes => {}
                    Committed::Conflict => continue,
                }
            }
            self.local().learn(record, paid);
            return Ok(value);
        }
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        // Nothing panics while it is held; if it did, the state would still be whole.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    /// What is stored, with what this process knows better, and how much of what is owed is in it.
    fn merged(&self, stored: Option<&Record>) -> (Record, usize) {
        let mut record = match stored {
            // Lost, or not yet there.
            None => self.record.clone(),
            Some(stored) => {
                let mut record = stored.clone();
                // Closed by a reset, it has another number. Closed without one, the store has lost what it had.
                let was_reset = record.reset != 0 && record.reset != self.record.reset;
                if record.refused.is_none() && !was_reset {
                    record.refused = self.record.refused;
                }
                record
            }
        };
        for (id, ending) in &self.owed {
            record.end(*id, *ending);
        }
        (record, self.owed.len())
    }

    fn learn(&mut self, record: Record, paid: usize) {
        self.owed.drain(..paid);
        let was_open = std::mem::replace(&mut self.record, record).is_open();
        match (was_open, self.record.is_open(), self.record.refused) {
            (false, true, Some(Refused { http_status, code })) => tracing::error!(
                http_status,
                code,
                "the vendor refuses the partner's credentials; no login goes out until there are others or the guard is reset"
            ),
            (false, true, None) => tracing::error!(
                "nobody knows whether the vendor accepts the partner's credentials; no further login goes out until there are others or the guard is reset"
            ),
            (true, false, _) => tracing::warn!("logins may go out again"),
            (true, true, _) | (false, false, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Memory, Space};

    const REFUSED: Ending = Ending::Refused(Vendor {
        operation: "CreateToken",
        http_status: 401,
        code: Some(10_001),
    });

    fn guard() -> Guard {
        Guard::new(Key::new(Space::Guard, "1"))
    }

    async fn attempt(guard: &Guard, store: &Memory, ending: Ending) -> bool {
        match guard.begin(store).await {
            Ok(attempt) => {
                guard.end(store, attempt, ending).await;
                true
            }
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn the_first_refusal_opens_it_for_all_who_share_the_store() {
        let (store, first) = (Memory::new(), guard());
        assert!(attempt(&first, &store, REFUSED).await);
        assert!(first.is_open());
        for _ in 0..10 {
            assert!(!attempt(&guard(), &store, Ending::Accepted).await);
        }
        assert_eq!(first.standing().attempts, 1);
        assert_eq!(first.standing().refusal.unwrap().code, Some(10_001));
    }

    #[tokio::test]
    async fn two_unknown_outcomes_open_it_unless_the_credential_was_accepted_before() {
        let store = Memory::new();
        let made = [
            attempt(&guard(), &store, Ending::Unknown).await,
            attempt(&guard(), &store, Ending::Unknown).await,
            attempt(&guard(), &store, Ending::Unknown).await,
        ];
        assert_eq!(made, [true, true, false]);

        let store = Memory::new();
        assert!(attempt(&guard(), &store, Ending::Accepted).await);
        for _ in 0..10 {
            assert!(attempt(&guard(), &store, Ending::Unknown).await);
        }
    }

    #[tokio::test]
    async fn an_attempt_that_was_never_ended_counts() {
        let store = Memory::new();
        for _ in 0..2 {
            let _died = guard().begin(&store).await.unwrap();
        }
        let barred = guard().begin(&store).await;
        assert!(matches!(barred, Err(Barred::Open)), "{barred:?}");
    }

    #[tokio::test]
    async fn what_is_taken_back_is_as_if_it_had_never_been() {
        let (store, guard) = (Memory::new(), guard());
        for _ in 0..10 {
            assert!(attempt(&guard, &store, Ending::NotCounted).await);
        }
        assert_eq!(guard.standing().attempts, 0);
    }

    #[tokio::test]
    async fn others_learn_of_an_opening_and_of_a_reset() {
        let (store, one, other) = (Memory::new(), guard(), guard());
        assert!(attempt(&one, &store, REFUSED).await);
        other.look(&store).await.unwrap();
        assert!(other.is_open());
        one.reset(&store).await.unwrap();
        assert!(!one.is_open());
        other.look(&store).await.unwrap();
        assert!(!other.is_open());
        assert!(attempt(&other, &store, REFUSED).await);
        one.look(&store).await.unwrap();
        assert!(one.is_open());
    }

    #[tokio::test]
    async fn a_store_that_lost_it_is_told_again() {
        let guard = guard();
        assert!(attempt(&guard, &Memory::new(), REFUSED).await);
        let wiped = Memory::new();
        guard.look(&wiped).await.unwrap();
        assert!(guard.is_open());
        assert!(!attempt(&super::tests::guard(), &wiped, Ending::Accepted).await);
        // One that was begun again by somebody who did not know.
        let begun_again = Memory::new();
        assert!(attempt(&super::tests::guard(), &begun_again, Ending::NotCounted).await);
        assert!(attempt(&super::tests::guard(), &begun_again, Ending::Accepted).await);
        guard.look(&begun_again).await.unwrap();
        assert!(guard.is_open());
        assert!(!attempt(&super::tests::guard(), &begun_again, Ending::Accepted).await);
    }
}
