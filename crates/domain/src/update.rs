//! Updates, seen through: one whose answer was lost is found out by reading, before it is sent again.
//!
//! An update writes absolute values, so sending it twice does no harm by itself. But between the two somebody else may
//! have written the same record, and sending it again would undo that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::{Instant, timeout_at};

use crate::{Client, Deadline, Error, call::Earlier, operation::Operation, write};

/// A change of a record, with all that it takes to see it through.
pub(crate) trait Change: Send + Sync + 'static {
    /// The whole record, which the caller gets.
    type Record: Send + 'static;

    /// The vendor's operation.
    fn operation(&self) -> Operation;

    /// The id of the record.
    fn record_id(&self) -> &str;

    /// Sends it, and notes in `earlier` whether it may have been done although it failed. The record, where the vendor
    /// answers with it.
    fn send(
        &self,
        client: &Client,
        earlier: &mut Earlier,
    ) -> impl Future<Output = Result<Option<Self::Record>, Error>> + Send;

    /// Reads the record.
    fn read(&self, client: &Client) -> impl Future<Output = Result<Self::Record, Error>> + Send;

    /// What a record that was read after a lost answer says.
    fn standing(&self, record: &Self::Record) -> Standing;
}

/// What a record says about a change whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the values of the change.
    Done,
    /// It does not have them (yet).
    NotDone,
    /// It is neither as it was nor as it should be: somebody else wrote it.
    Overtaken,
}

impl Client {
    /// Makes a change, finds out what became of it if the answer is lost, and answers with the whole record.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Record, Error> {
        let client = self.clone();
        self.detached(change.operation(), async move {
            let mut turn = client
                .inner
                .writers
                .enter(change.operation(), change.record_id());
            let until = Instant::now() + client.inner.config.write_cap;
            let lost = match client.change_once(&change, &mut turn).await? {
                Sent::Done(record) => return Ok(record),
                Sent::Lost(lost) => lost,
            };
            // From here on it is nobody's choice any more whether to go on.
            let client = client.within(Deadline::none());
            let rest = Box::pin(client.settle_change(&change, turn, lost.clone()));
            let rest = write::for_its_own_sake(timeout_at(until, rest)).await;
            rest.unwrap_or(Err(lost))
        })
        .await
    }

    /// Sends a change, and reads the record if the vendor does not answer with it.
    async fn change_once<C: Change>(
        &self,
        change: &C,
        turn: &mut Turn,
    ) -> Result<Sent<C::Record>, Error> {
        turn.write();
        let mut earlier = Earlier::NotDone;
        match Box::pin(change.send(self, &mut earlier)).await {
            Ok(Some(record)) => Ok(Sent::Done(record)),
            Ok(None) => Ok(Sent::Done(Box::pin(change.read(self)).await?)),
            Err(lost) if earlier == Earlier::MaybeDone => Ok(Sent::Lost(lost)),
            Err(error) => Err(error),
        }
    }

    /// Reads what became of a change that may have been done, and sends it again if it was not.
    async fn settle_change<C: Change>(
        &self,
        change: &C,
        mut turn: Turn,
        mut lost: Error,
    ) -> Result<C::Record, Error> {
        let mut tries = self.inner.retries.tries();
        loop {
            if !self.inner.retries.spare() {
                // Where many calls fail, the vendor is spared the looks: whoever repeats the update does no harm.
                return Err(lost);
            }
            let record = match Box::pin(change.read(self)).await {
                Ok(record) => record,
                Err(gone @ Error::Refused { .. }) => return Err(gone),
                // Nothing was found out, and repeating does no harm that this would not.
                Err(_) => return Err(lost),
            };
            match change.standing(&record) {
                Standing::Done => return Ok(record),
                Standing::NotDone if !turn.is_overtaken() => {}
                Standing::NotDone | Standing::Overtaken => {
                    return Err(Error::UpdateConflict {
                        operation: change.operation().name(),
                    });
                }
            }
            match tries.again(None) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(lost),
            }
            lost = match self.change_once(change, &mut turn).await? {
                Sent::Done(record) => return Ok(record),
                Sent::Lost(lost) => lost,
            };
        }
    }
}

/// What sending a change came to.
enum Sent<R> {
    /// It was done, and this is the record.
    Done(R),
    /// Its answer was lost.
    Lost(Error),
}

/// The records that this client writes at the moment.
#[derive(Clone, Default)]
pub(crate) struct Writers(Arc<Mutex<HashMap<(Operation, String), Writing>>>);

/// A record that is written.
#[derive(Default)]
struct Writing {
    /// How many updates of it are under way.
    updates: usize,
    /// How many times it was written since the first of these began.
    written: u64,
}

/// An update under way.
struct Turn {
    writers: Writers,
    record: (Operation, String),
    /// Which write was the last one of this update.
    written: u64,
}

impl Writers {
    fn writing(&self) -> MutexGuard<'_, HashMap<(Operation, String), Writing>> {
        // Nothing panics while it is held; if it did, the counts would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, operation: Operation, id: &str) -> Turn {
        let record = (operation, id.to_owned());
        self.writing().entry(record.clone()).or_default().updates += 1;
        Turn {
            writers: self.clone(),
            record,
            written: 0,
        }
    }
}

impl Turn {
    /// The record is written now.
    fn write(&mut self) {
        if let Some(writing) = self.writers.writing().get_mut(&self.record) {
            writing.written += 1;
            self.written = writing.written;
        }
    }

    /// Whether another update has written the record since this one did.
    fn is_overtaken(&self) -> bool {
        let writing = self.writers.writing();
        writing
            .get(&self.record)
            .is_some_and(|writing| writing.written != self.written)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut writing = self.writers.writing();
        if let Some(record) = writing.get_mut(&self.record) {
            record.updates -= 1;
            if record.updates == 0 {
                writing.remove(&self.record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_knows_whether_another_wrote_the_record_after_it() {
        let writers = Writers::default();
        let mut one = writers.enter(Operation::ModifyCustomer, "1");
        let mut other = writers.enter(Operation::ModifyCustomer, "1");
        let mut elsewhere = writers.enter(Operation::ModifyCustomer, "2");
        one.write();
        elsewhere.write();
        assert!(!one.is_overtaken());
        other.write();
        assert!(one.is_overtaken() && !other.is_overtaken());
        drop(other);
        assert!(one.is_overtaken());
        one.write();
        assert!(!one.is_overtaken());
        drop((one, elsewhere));
        assert!(writers.writing().is_empty());
    }
}
