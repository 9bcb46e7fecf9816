//! What is done once under a request id, over callers who repeat, replicas, restarts and crashes.
//!
//! Before the first byte of a create leaves, three things are noted in one durable step: that the id is taken and by what
//! content, what to look for if the answer is lost (the intent), and who is at work (the lease). Afterwards one step
//! notes the answer and removes the other two. Whoever finds an id that was begun and nobody at work on it finds out by
//! reading what became of it, before anything else.

mod background;
mod entry;
mod flight;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

pub use self::background::Unsettled;
pub(crate) use self::flight::Flights;
use self::{
    entry::{Ending, Entry, Intent, KEEP, Slot, sent},
    flight::{Boarding, Landed},
};
use crate::{
    Client, Error,
    observe::{Event, RequestIdState, Settlement},
    onboarding::{MadeBy, Step},
    partner::unusable,
    request::RequestId,
    seal::random_word,
    settle::{Creation, Journal, Made, Sent, Sought},
    store::{Change, Committed, Kept, Key},
};

/// For how long an answer is kept.
const ANSWER_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long whoever is at work says so, and how often it is said again.
const LEASE: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_secs(3);
/// For how long another replica's work is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(250);

impl Client {
    /// Creates a record under a request id, or under a step of one, and tells which call made it.
    pub(crate) async fn create_once<C: Creation>(
        &self,
        request: &RequestId,
        step: Option<Step>,
        creation: C,
    ) -> Result<(C::Record, MadeBy), Error> {
        let keys = &self.inner.keys;
        let name = request.name(keys, step);
        let fingerprint = keys.fingerprint(&creation.content()?);
        let operation = creation.operation();
        let creation = Arc::new(creation);
        loop {
            let boarding = self.inner.flights.board(&name, Some(&fingerprint));
            let (made, by) = match boarding {
                Boarding::Stranger => {
                    self.notice(Event::RequestId(RequestIdState::Reused));
                    return Err(Error::RequestIdReused);
                }
                Boarding::Pilot(pilot) => {
                    let (client, work) = (self.clone(), Arc::clone(&creation));
                    let (slot, fingerprint) = (Slot::new(&name), fingerprint.clone());
                    let work = async move {
                        let answer = client.attend(slot, &fingerprint, &*work).await;
                        pilot.land(answer.as_ref().map(|(made, _)| made));
                        answer
                    };
                    self.detached(operation, Box::pin(work)).await?
                }
                Boarding::Passenger(mut flight) => {
                    // What is waited for may have been sent.
                    self.deadline.note_sent();
                    let landed = async {
                        let landed = flight.wait_for(Option::is_some).await;
                        landed.ok().and_then(|landed| landed.clone())
                    };
                    let landed = self.in_time_or_to_the_end(operation, landed, || ());
                    match landed.await? {
                        Some(Landed::Answer(answer)) => {
                            self.notice(Event::RequestId(RequestIdState::Joined));
                            (answer?, MadeBy::EarlierCall)
                        }
                        Some(Landed::Again) | None => continue,
                    }
                }
            };
            return Ok((creation.record(made)?, by));
        }
    }

    /// Notes for 24 hours that a request id stands for this content, which takes several steps. That it does is noted
    /// before any of them, and stays whatever becomes of them.
    pub(crate) async fn claim(&self, request: &RequestId, content: &[u8]) -> Result<(), Error> {
        let keys = &self.inner.keys;
        let slot = Slot::new(&request.name(keys, None));
        let fingerprint = keys.fingerprint(content);
        loop {
            if let Some((_, entry)) = self.kept_entry(&slot).await? {
                return match entry.fingerprint == fingerprint {
                    true => Ok(()),
                    false => Err(Error::RequestIdReused),
                };
            }
            let entry = Some(bytes(&Entry::open(&fingerprint)));
            let claim = change(&slot.request, None, entry, Some(ANSWER_KEPT));
            if self.commit(&[claim]).await? == Committed::Yes {
                return Ok(());
            }
        }
    }

    /// Does what is asked under a request id, or finds out what became of it, or answers as before.
    async fn attend<C: Creation>(
        &self,
        slot: Slot,
        fingerprint: &str,
        creation: &C,
    ) -> Result<(Made, MadeBy), Error> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let entry = self.kept_entry(&slot).await?;
            if let Some((_, entry)) = &entry {
                if entry.fingerprint != fingerprint {
                    self.notice(Event::RequestId(RequestIdState::Reused));
                    return Err(Error::RequestIdReused);
                }
                if let Some(answer) = entry.answer() {
                    self.notice(Event::RequestId(RequestIdState::Replayed));
                    return Ok((answer?, MadeBy::EarlierCall));
                }
            }
            let held = match entry {
                // With a token at hand nothing comes between the note and the sending.
                None => {
                    self.token(None).await?;
                    self.begin(&slot, fingerprint, creation).await?
                }
                Some(_) => self.take_over(&slot, creation.sought()?).await?,
            };
            if let Some((held, earlier)) = held {
                let state = match earlier {
                    None => RequestIdState::Begun,
                    Some(_) => RequestIdState::TakenOver,
                };
                self.notice(Event::RequestId(state));
                return self.work(held, creation, earlier).await;
            }
            if Instant::now() >= patience {
                self.notice(Event::RequestId(RequestIdState::Busy));
                return Err(Error::RequestInFlight);
            }
            sleep(GLANCE).await;
        }
    }

    /// Notes that a create is about to be sent; `None` if another was faster.
    async fn begin<C: Creation>(
        &self,
        slot: &Slot,
        fingerprint: &str,
        creation: &C,
    ) -> Result<Option<(Held, Option<Sent>)>, Error> {
        let sought = creation.sought()?;
        let intent = Intent::new(&sought, self.inner.clock.vendor());
        let held = Held {
            client: self.clone(),
            slot: slot.clone(),
            lease: random_word(),
            request: Some(bytes(&Entry::open(fingerprint))),
            intent: Some(intent.seal(&self.inner.keys, &slot.intent)),
            sought,
            by: MadeBy::ThisCall,
        };
        let committed = self
            .commit(&[
                change(&slot.request, None, held.request.clone(), None),
                change(&slot.intent, None, held.intent.clone(), Some(KEEP)),
                change(&slot.lease, None, Some(held.lease.clone()), Some(LEASE)),
            ])
            .await?;
        Ok((committed == Committed::Yes).then_some((held, None)))
    }

    /// Takes over what another has begun, unless that is at work still; `None` if it is, or if all has changed.
    async fn take_over(
        &self,
        slot: &Slot,
        sought: Sought,
    ) -> Result<Option<(Held, Option<Sent>)>, Error> {
        let Some(lease) = self.take_lease(slot).await? else {
            return Ok(None);
        };
        let entry = self.kept_entry(slot).await?;
        let kept = self.kept_intent(slot).await?;
        let open = entry.filter(|(_, entry)| entry.answer().is_none());
        let Some((request, _)) = open else {
            self.give_up_lease(slot, lease).await?;
            return Ok(None);
        };
        let mut held = Held {
            client: self.clone(),
            slot: slot.clone(),
            lease,
            request: Some(request),
            intent: kept.as_ref().map(|kept| kept.value.clone()),
            sought,
            by: MadeBy::EarlierCall,
        };
        let earlier = match kept {
            Some(kept) => {
                let intent = Intent::opened(&self.inner.keys, &slot.intent, &kept);
                sent(&kept, intent.and_then(|intent| intent.vendor_time()))
            }
            // A store that throws away what it should keep has lost the intent alone. As if it had been sent just now,
            // because nobody can say how long ago it was.
            None => {
                let vendor_time = self.inner.clock.vendor();
                let earlier = Sent::ago(Duration::ZERO, vendor_time);
                if held.note_intent(vendor_time).await? == Committed::Conflict {
                    return Ok(None);
                }
                earlier
            }
        };
        Ok(Some((held, Some(earlier))))
    }

    /// Says that this process is at work; `None` if another is.
    async fn take_lease(&self, slot: &Slot) -> Result<Option<Vec<u8>>, Error> {
        let store = &self.inner.config.shared.store;
        let expected = if store.is_shared() {
            None
        } else {
            // Nobody else is there: whoever said so was this process before it was started anew.
            let kept = store.get(&slot.lease).await;
            kept.map_err(|error| unusable(&error))?
                .map(|kept| kept.value)
        };
        let lease = random_word();
        let change = change(&slot.lease, expected, Some(lease.clone()), Some(LEASE));
        let committed = self.commit(&[change]).await?;
        Ok((committed == Committed::Yes).then_some(lease))
    }

    /// Sees a create through and notes what came of it.
    async fn work<C: Creation>(
        &self,
        mut held: Held,
        creation: &C,
        earlier: Option<Sent>,
    ) -> Result<(Made, MadeBy), Error> {
        if earlier.is_some() {
            self.deadline.note_sent();
        }
        let renewal = held.renewal();
        let result = tokio::select! {
            result = self.see_through(creation, earlier, &mut held) => result,
            never = renewal => match never {},
        };
        let by = held.by;
        let ending = Ending::of(&result);
        let (state, settlement) = match &ending {
            Ending::Kept(_) => (RequestIdState::Done, Settlement::ByCall),
            Ending::Released => (RequestIdState::Released, Settlement::ByCall),
            Ending::Unsettled => (RequestIdState::Unsettled, Settlement::Open),
        };
        self.notice(Event::RequestId(state));
        self.notice(Event::Settled(settlement));
        held.end(ending).await;
        match result {
            Ok(made) => Ok((made, by)),
            Err(mut error) => {
                if let Error::OutcomeUnknown { resumable, .. } = &mut error {
                    *resumable = true;
                }
                Err(error)
            }
        }
    }

    /// What is kept of a request id, as it is kept and as it is read.
    async fn kept_entry(&self, slot: &Slot) -> Result<Option<(Vec<u8>, Entry)>, Error> {
        let kept = self.inner.config.shared.store.get(&slot.request).await;
        let Some(kept) = kept.map_err(|error| unusable(&error))? else {
            return Ok(None);
        };
        let Ok(entry) = serde_json::from_slice(&kept.value) else {
            tracing::error!("what is kept of a request id can't be read");
            return Err(Error::StoreUnavailable);
        };
        Ok(Some((kept.value, entry)))
    }

    async fn kept_intent(&self, slot: &Slot) -> Result<Option<Kept>, Error> {
        let kept = self.inner.config.shared.store.get(&slot.intent).await;
        kept.map_err(|error| unusable(&error))
    }

    /// Says that this process is not at work any more.
    async fn give_up_lease(&self, slot: &Slot, lease: Vec<u8>) -> Result<(), Error> {
        let end = change(&slot.lease, Some(lease), None, None);
        self.commit(&[end]).await.map(drop)
    }

    async fn commit(&self, changes: &[Change]) -> Result<Committed, Error> {
        let committed = self.inner.config.shared.store.commit(changes).await;
        committed.map_err(|error| unusable(&error))
    }
}

/// A request id that this process is at work on, and what the store has of it.
struct Held {
    client: Client,
    slot: Slot,
    lease: Vec<u8>,
    /// Missing where the store has lost it.
    request: Option<Vec<u8>>,
    /// Missing where the store has lost it.
    intent: Option<Vec<u8>>,
    sought: Sought,
    /// Which call has sent it last.
    by: MadeBy,
}

impl Held {
    /// Says again and again that it is at work.
    fn renewal(&self) -> impl Future<Output = std::convert::Infallible> + Send + use<> {
        let (client, lease) = (self.client.clone(), self.lease.clone());
        let key = self.slot.lease.clone();
        async move {
            loop {
                sleep(RENEWAL).await;
                let same = Some(lease.clone());
                // If it fails, another may take over, and the vendor's uniqueness stands between the two.
                let _ = client
                    .commit(&[change(&key, same.clone(), same, Some(LEASE))])
                    .await;
            }
        }
    }

    /// Notes what to look for, of a create that is sent at this time of the vendor's.
    async fn note_intent(&mut self, vendor_time: Option<Timestamp>) -> Result<Committed, Error> {
        let Self { client, slot, .. } = self;
        let intent = Intent::new(&self.sought, vendor_time);
        let intent = Some(intent.seal(&client.inner.keys, &slot.intent));
        let (before, same) = (self.intent.clone(), Some(self.lease.clone()));
        let changes = [
            change(&slot.intent, before, intent.clone(), Some(KEEP)),
            change(&slot.lease, same.clone(), same, Some(LEASE)),
        ];
        let committed = client.commit(&changes).await?;
        if committed == Committed::Yes {
            self.intent = intent;
        }
        Ok(committed)
    }

    /// Notes what came of it. If that fails the intent stays, and is settled later.
    async fn end(self, ending: Ending) {
        if matches!(ending, Ending::Unsettled) {
            // If it fails, the lease ends by itself.
            let _ = self.client.give_up_lease(&self.slot, self.lease).await;
            return;
        }
        let fingerprint = self.request.as_deref().and_then(fingerprint);
        let answer = match (ending, fingerprint) {
            (Ending::Kept(state), Some(fingerprint)) => Some(bytes(&Entry { fingerprint, state })),
            (Ending::Kept(_) | Ending::Released | Ending::Unsettled, _) => None,
        };
        let intent = change(&self.slot.intent, self.intent, None, None);
        let lease = change(&self.slot.lease, Some(self.lease), None, None);
        let (key, kept) = (&self.slot.request, Some(ANSWER_KEPT));
        let noted = change(key, self.request.clone(), answer.clone(), kept);
        // Without the lease if it was lost, and anew if the store has lost everything meanwhile.
        let attempts = [
            vec![noted.clone(), intent.clone(), lease],
            vec![noted, intent],
            vec![change(key, None, answer, kept)],
        ];
        for changes in attempts {
            match self.client.commit(&changes).await {
                Ok(Committed::Yes) | Err(_) => return,
                Ok(Committed::Conflict) => {}
            }
        }
        tracing::warn!("what came of a request id was noted by another already");
    }
}

impl Journal for Held {
    async fn resending(&mut self) -> Result<(), Error> {
        let vendor_time = self.client.inner.clock.vendor();
        match self.note_intent(vendor_time).await? {
            Committed::Yes => {
                self.by = MadeBy::ThisCall;
                Ok(())
            }
            // Another has taken over, and decides.
            Committed::Conflict => Err(Error::RequestInFlight),
        }
    }
}

fn change(
    key: &Key,
    expected: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    keep: Option<Duration>,
) -> Change {
    Change {
        key: key.clone(),
        expected,
        new: new.map(|new| (new, keep)),
    }
}

fn bytes(entry: &Entry) -> Vec<u8> {
    // A struct of strings and numbers can always be written.
    serde_json::to_vec(entry).unwrap_or_default()
}

fn fingerprint(request: &[u8]) -> Option<String> {
    let entry: Entry = serde_json::from_slice(request).ok()?;
    Some(entry.fingerprint)
}
