//! Settles in the background what was begun and never finished, by reading alone: to send again takes the caller's repeat.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    Held,
    entry::{Ending, Intent, Slot, sent},
    flight::Boarding,
};
use crate::{
    Client, Deadline, Error,
    observe::{Event, Settlement},
    onboarding::MadeBy,
    partner::unusable,
    settle::Look,
    store::{Kept, Space},
    write,
};

/// The longest wait between two rounds, and the shortest.
const ROUND: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_secs(1);

/// What a round left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// How many creates are not settled, those included that are under way.
    pub count: usize,
    /// How many of them were sent longer ago than a call may be at work on a write: nobody sees them through.
    pub overdue: usize,
    /// When another round may get further.
    pub look_again: Duration,
}

impl Client {
    /// Settles again and again, for ever, what was begun and never finished: at once, and then at least every 30 seconds.
    /// Whoever runs a client for long spawns this once.
    pub async fn keep_settling(&self) {
        loop {
            let wait = match self.settle_open_intents().await {
                Ok(unsettled) => unsettled.look_again,
                Err(_) => ROUND,
            };
            sleep(wait).await;
        }
    }

    /// Goes once through the creates that were begun and are not settled, and reads what became of each. What is found is
    /// noted as its answer; what is not there although the vendor can't be at work on it any more is forgotten, so that a
    /// repeat starts anew. Nothing is sent again.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] if the store can't be read.
    pub async fn settle_open_intents(&self) -> Result<Unsettled, Error> {
        let client = self.within(Deadline::none());
        let open = self.inner.config.shared.store.list(Space::Intent).await;
        let mut unsettled = Unsettled {
            count: 0,
            overdue: 0,
            look_again: ROUND,
        };
        for (key, kept) in open.map_err(|error| unusable(&error))? {
            let settling = client.settle_open(Slot::new(&key.name), &key.name);
            let again = match write::for_its_own_sake(Box::pin(settling)).await {
                Ok(None) => continue,
                Ok(Some(again)) => again,
                // One that can't be settled must not keep the others waiting.
                Err(_) => ROUND,
            };
            unsettled.count += 1;
            if sent(&kept, None).elapsed() > self.inner.config.write_cap {
                unsettled.overdue += 1;
            }
            unsettled.look_again = unsettled.look_again.min(again.max(SHORTEST));
        }
        self.notice(Event::Unsettled(unsettled));
        Ok(unsettled)
    }

    /// Settles one; otherwise answers when it may be tried again.
    async fn settle_open(&self, slot: Slot, name: &str) -> Result<Option<Duration>, Error> {
        // Dropped at the end: whoever came meanwhile looks for themselves.
        let Boarding::Pilot(_pilot) = self.inner.flights.board(name, None) else {
            return Ok(Some(ROUND));
        };
        let Some(lease) = self.take_lease(&slot).await? else {
            return Ok(Some(super::LEASE));
        };
        let entry = self.kept_entry(&slot).await?;
        let Some(kept) = self.kept_intent(&slot).await? else {
            self.give_up_lease(&slot, lease).await?;
            return Ok(None);
        };
        let intent = Intent::opened(&self.inner.keys, &slot.intent, &kept);
        let vendor_time = intent.as_ref().and_then(Intent::vendor_time);
        let Some(sought) = intent.and_then(Intent::sought) else {
            tracing::error!("a create that is not settled was noted under another key");
            self.give_up_lease(&slot, lease).await?;
            return Ok(Some(ROUND));
        };
        let held = Held {
            client: self.clone(),
            slot,
            lease,
            request: entry.map(|(bytes, _)| bytes),
            intent: Some(kept.value.clone()),
            sought,
            by: MadeBy::EarlierCall,
        };
        let (ending, again) = self.judge(&held, &kept, vendor_time).await;
        self.notice(Event::Settled(match &ending {
            Ending::Kept(_) => Settlement::InBackground,
            Ending::Released => Settlement::Released,
            Ending::Unsettled => Settlement::Open,
        }));
        held.end(ending).await;
        Ok(again)
    }

    /// Looks once; what that settles, or when to look again.
    async fn judge(
        &self,
        held: &Held,
        kept: &Kept,
        vendor_time: Option<jiff::Timestamp>,
    ) -> (Ending, Option<Duration>) {
        let sent = sent(kept, vendor_time);
        // As it was before the look: what is absent may have come while it was looked for.
        let left = self.inner.config.quiet_time.saturating_sub(sent.elapsed());
        let renewal = held.renewal();
        let look = tokio::select! {
            look = self.look_once(&held.sought, &sent) => look,
            never = renewal => match never {},
        };
        match look {
            Ok(Look::Ours(made)) => (Ending::of(&Ok(made)), None),
            Ok(Look::Other) => (Ending::of(&Err(held.sought.taken())), None),
            Ok(Look::Absent) if left.is_zero() => (Ending::Released, None),
            Ok(Look::Absent) => (Ending::Unsettled, Some(left)),
            Err(error @ Error::Refused { .. }) if held.sought.is_final(&error) => {
                (Ending::of(&Err(error)), None)
            }
            Err(_) => (Ending::Unsettled, Some(ROUND)),
        }
    }
}
