//! Everything in one document, and everything from one.

use super::{Control, ControlError, Summary};
use crate::{
    shared::Shared,
    snapshot::{Content, InvalidSnapshot, Snapshot},
    store::Durable,
};

impl Control {
    /// Everything that outlives a run, persons and secrets included. Takes about a second for a million customers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::from_json(self.with(|state| state.snapshot()))
    }

    /// Puts a snapshot in place of all records, partners, tokens and counters, and sets the clock to its time. Faults,
    /// barriers and the journal stay, and the journal does not tell of the records. Takes some seconds for a million
    /// customers.
    ///
    /// # Errors
    /// [`ControlError::Snapshot`] if it is none, or contradicts itself; nothing is changed then.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), ControlError> {
        let (_, durable) = restore(&self.shared, snapshot.as_json().as_bytes())?;
        // As in every method.
        let _ = durable.wait_blocking();
        Ok(())
    }
}

/// Reads a document and puts it in place. Both reading it and dropping what was there are done without the lock.
pub(super) fn restore(shared: &Shared, json: &[u8]) -> Result<(Summary, Durable), InvalidSnapshot> {
    let content = Content::parse(json)?;
    let (config, _) = shared.with(|state| state.config.clone());
    let linked = content.link(&config)?;
    let ((replaced, summary), durable) = shared.with(|state| {
        let replaced = state.restore(linked);
        (replaced, state.summary())
    });
    drop(replaced);
    Ok((summary, durable))
}
