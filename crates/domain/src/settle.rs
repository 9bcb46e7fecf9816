//! Creates, seen through: one whose answer was lost is found out by reading what came of it.
//!
//! Nothing that may have been done is sent again on a guess. What was created is found by what the vendor keeps unique,
//! the username or the customer, and is ours if it is what was sent and is no older than the sending. Absence says nothing
//! as long as the vendor may still be at work; after that time the create may be sent once more, and the vendor's
//! uniqueness keeps the two from becoming two records.

mod sought;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until, timeout_at};

pub(crate) use sought::{Likeness, Place, Sought};

use crate::{
    Client, Deadline, Error, Refusal,
    observe::{Event, Sighting},
    operation::Operation,
    retry, write,
};

/// How long after a lost answer the record is looked for first, and by how much the first waits grow.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// By how much a record may seem older than the request that made it: clocks differ, and both times are to the second.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// A record that is to be created, with all that it takes to see it through.
pub(crate) trait Creation: Send + Sync + 'static {
    /// What the caller gets.
    type Record: Send + 'static;

    /// The vendor's operation.
    fn operation(&self) -> Operation;

    /// What identifies the request and everything in it, as bytes.
    fn content(&self) -> Result<Vec<u8>, Error>;

    /// Where its record would be found, and what it would look like.
    fn sought(&self) -> Result<Sought, Error>;

    /// Sends it. [`Error::OutcomeUnknown`] alone says that it may have been done.
    fn send(
        &self,
        client: &Client,
        handed: &Handed,
    ) -> impl Future<Output = Result<Made, Error>> + Send;

    /// The record that was made of it.
    fn record(&self, made: Made) -> Result<Self::Record, Error>;
}

/// What the vendor adds to what it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) created: Option<Timestamp>,
    pub(crate) updated: Option<Timestamp>,
}

/// Notes when a request was last handed to the network.
#[derive(Default)]
pub(crate) struct Handed(Mutex<Option<Instant>>);

impl Handed {
    /// It is handed over now.
    pub(crate) fn note(&self) {
        // Nothing panics while it is held.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn at(&self) -> Instant {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.unwrap_or_else(Instant::now)
    }
}

/// When a create was sent, perhaps by a process that is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// How long ago that was...
    ago: Duration,
    /// ...at this moment.
    noted: Instant,
    /// The vendor's time then, if it had told it.
    vendor_time: Option<Timestamp>,
}

impl Sent {
    /// It was sent at this moment of this process.
    fn at(at: Instant, vendor_time: Option<Timestamp>) -> Self {
        Self {
            ago: Duration::ZERO,
            noted: at,
            vendor_time,
        }
    }

    /// It was sent that long ago, when the vendor's time was this as far as was known.
    pub(crate) fn ago(ago: Duration, vendor_time: Option<Timestamp>) -> Self {
        Self {
            ago,
            noted: Instant::now(),
            vendor_time,
        }
    }

    /// How long ago it was sent.
    pub(crate) fn elapsed(&self) -> Duration {
        self.ago + self.noted.elapsed()
    }

    /// The vendor's time then, told from its time `now`. Of what another life of this process has sent it is the earlier
    /// of that and what was noted at the time: a clock that was put forward in between, as a simulator's may be, would
    /// make the record seem older than it is. What this life has sent needs no such lenience, and a stranger's record
    /// must not profit from it.
    fn moment(&self, now: Timestamp) -> Timestamp {
        let from_now = now.checked_sub(self.elapsed()).unwrap_or(Timestamp::MIN);
        match self.vendor_time {
            Some(known) if !self.ago.is_zero() => known.min(from_now),
            Some(_) | None => from_now,
        }
    }
}

/// What one look came to.
pub(crate) enum Look {
    /// The record is there, and it is what was sent.
    Ours(Made),
    /// Another one is in its place: other in content, or older than the sending.
    Other,
    /// There is none.
    Absent,
}

/// What all looks came to.
enum Finding {
    Ours(Made),
    Other,
    /// There is none, and the vendor can no longer be at work on it.
    Absent,
    /// Time was over before it could be told.
    Unsettled,
}

/// Is told before a create is sent a second time.
pub(crate) trait Journal: Send {
    /// Notes it durably. Without that it is not sent.
    fn resending(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Without a request id there is nothing to note: nobody could ask again.
pub(crate) struct NoJournal;

impl Journal for NoJournal {
    async fn resending(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Client {
    /// Creates a record, and finds out what became of it if the answer is lost.
    pub(crate) async fn create<C: Creation>(&self, creation: C) -> Result<C::Record, Error> {
        let client = self.clone();
        self.detached(creation.operation(), async move {
            let made = client.see_through(&creation, None, &mut NoJournal).await?;
            creation.record(made)
        })
        .await
    }

    /// Sends a creation, unless it was sent before (`earlier`), and settles what became of it within the time that a
    /// write has. [`Error::OutcomeUnknown`] says that it could not be settled; any other error, that nothing was done or
    /// that the record is not ours.
    pub(crate) async fn see_through<C: Creation>(
        &self,
        creation: &C,
        earlier: Option<Sent>,
        journal: &mut impl Journal,
    ) -> Result<Made, Error> {
        let (sent, lost, began) = match earlier {
            Some(sent) => {
                let lost = creation.operation().outcome_unknown(None);
                (sent, lost, Instant::now())
            }
            None => {
                let handed = Handed::default();
                let vendor_time = self.inner.clock.vendor();
                match Box::pin(creation.send(self, &handed)).await {
                    Err(lost @ Error::OutcomeUnknown { .. }) => {
                        (Sent::at(handed.at(), vendor_time), lost, handed.at())
                    }
                    settled => return settled,
                }
            }
        };
        let until = began + self.inner.config.write_cap;
        // From here on it is nobody's choice any more whether to go on: neither the caller's time nor its going away.
        let client = self.within(Deadline::none());
        let rest = client.find_out(creation, sent, lost, until, journal);
        write::for_its_own_sake(Box::pin(rest)).await
    }

    /// Reads what became of a creation that may have been done, and sends it once more if it was not.
    async fn find_out<C: Creation>(
        &self,
        creation: &C,
        sent: Sent,
        lost: Error,
        until: Instant,
        journal: &mut impl Journal,
    ) -> Result<Made, Error> {
        let sought = creation.sought()?;
        match self.look_on(&sought, &sent, &sent, until).await? {
            Finding::Ours(made) => return Ok(made),
            Finding::Other => return Err(sought.taken()),
            Finding::Unsettled => return Err(lost),
            Finding::Absent => {}
        }
        if Instant::now() >= until || journal.resending().await.is_err() {
            return Err(lost);
        }
        let handed = Handed::default();
        let vendor_time = self.inner.clock.vendor();
        let refusal = match timeout_at(until, Box::pin(creation.send(self, &handed))).await {
            Ok(Ok(made)) => return Ok(made),
            Ok(Err(refusal @ Error::Refused { .. })) => Some(refusal),
            Ok(Err(Error::OutcomeUnknown { .. })) | Err(_) => None,
            // This time nothing was sent, which says nothing of the first time.
            Ok(Err(_)) => return Err(lost),
        };
        // The refusal may be because of the first one: the name that is taken, or the last place, may be its.
        let last = Sent::at(handed.at(), vendor_time);
        match (self.look_on(&sought, &sent, &last, until).await?, refusal) {
            (Finding::Ours(made), _) => Ok(made),
            (Finding::Other, Some(refusal)) if sought.is_taken(&refusal) => Err(refusal),
            (Finding::Other, _) => Err(sought.taken()),
            // Something is there that reads do not show yet: it may be the first one.
            (Finding::Absent, Some(refusal)) if sought.is_taken(&refusal) => Err(lost),
            (Finding::Absent, Some(refusal)) => Err(refusal),
            (Finding::Absent | Finding::Unsettled, _) => Err(lost),
        }
    }

    /// Looks for a record that was first sent at `sent` until it is there, or until the vendor can no longer be at work
    /// on what it was sent `last`, or until there is no more time.
    async fn look_on(
        &self,
        sought: &Sought,
        sent: &Sent,
        last: &Sent,
        until: Instant,
    ) -> Result<Finding, Error> {
        let quiet_time = self.inner.config.quiet_time;
        let mut looked_for = Duration::ZERO;
        loop {
            let wait = looked_for.clamp(FIRST_LOOK, LONGEST_WAIT);
            let pause = match looked_for {
                Duration::ZERO => wait.saturating_sub(last.elapsed()),
                _ => wait.mul_f64(0.9 + retry::fraction() / 5.0),
            };
            looked_for += wait;
            let left = quiet_time.saturating_sub(last.elapsed());
            // The look that decides comes as soon as it can.
            let pause = if left.is_zero() {
                pause
            } else {
                pause.min(left)
            };
            sleep_until((Instant::now() + pause).min(until)).await;
            let is_quiet = last.elapsed() >= quiet_time;
            match timeout_at(until, Box::pin(self.look_once(sought, sent))).await {
                Ok(Ok(Look::Ours(made))) => return Ok(Finding::Ours(made)),
                Ok(Ok(Look::Other)) => return Ok(Finding::Other),
                Ok(Ok(Look::Absent)) if is_quiet => return Ok(Finding::Absent),
                Ok(Ok(Look::Absent)) => {}
                Ok(Err(error)) if sought.is_final(&error) => return Err(error),
                // Nothing can be read until somebody acts.
                Ok(Err(Error::CredentialsRejected { .. })) => return Ok(Finding::Unsettled),
                Ok(Err(_)) => {}
                Err(_) => return Ok(Finding::Unsettled),
            }
        }
    }

    /// Looks once for what was sent at `sent`.
    pub(crate) async fn look_once(&self, sought: &Sought, sent: &Sent) -> Result<Look, Error> {
        let look = self.sight(sought, sent).await;
        let sighting = match &look {
            Ok(Look::Ours(_)) => Sighting::Ours,
            Ok(Look::Other) => Sighting::Other,
            Ok(Look::Absent) => Sighting::Absent,
            Err(_) => Sighting::Failed,
        };
        self.notice(Event::ReadBack(sought.operation.route(), sighting));
        look
    }

    async fn sight(&self, sought: &Sought, sent: &Sent) -> Result<Look, Error> {
        let Some(found) = self.sighting(sought).await? else {
            return Ok(Look::Absent);
        };
        let sent_at = sent.moment(self.inner.clock.now());
        let oldest = sent_at.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
        // A record without a time can't be shown to be ours.
        let recent = found.made.created.is_some_and(|created| created >= oldest);
        if recent && found.likeness == sought.likeness {
            return Ok(Look::Ours(found.made));
        }
        tracing::warn!(
            operation = sought.operation.name(),
            recent,
            "another record is in the place of one whose creation was under way"
        );
        Ok(Look::Other)
    }
}

impl Sought {
    /// The error of a creation whose place is taken by another record, as a read has shown.
    pub(crate) fn taken(&self) -> Error {
        Error::Refused {
            refusal: self.taken_refusal(),
            vendor: self.reader().answered(200, None),
        }
    }

    fn is_taken(&self, error: &Error) -> bool {
        matches!(error, Error::Refused { refusal, .. } if *refusal == self.taken_refusal())
    }

    fn taken_refusal(&self) -> Refusal {
        match self.place {
            Place::Username(_) => Refusal::UsernameTaken,
            Place::ConsumerOf(_) => Refusal::ConsumerExists,
            Place::BusinessOf(_) => Refusal::BusinessExists,
        }
    }
}
