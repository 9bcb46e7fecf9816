//! The moment at which what was done counts: the journal is told which records changed, the state file which rows.

use serde::Serialize;

use crate::{
    auth::PartnerIndex,
    config::Config,
    control::RecordKind,
    journal::Change,
    snapshot::{Broken, Linked, Meta},
    state::State,
    store::{Batch, Durable, Noun, StateFileError, Store},
    table::{Key, Table},
};

/// What a commit did to one record.
pub(crate) struct RecordChange {
    pub(crate) change: Change,
    pub(crate) kind: RecordKind,
    pub(crate) id: String,
    pub(crate) partner: PartnerIndex,
}

impl State {
    /// The state in the configured file, or a fresh one; without a file, a fresh one in memory. The file's own seed,
    /// time, partners and secrets go before the configured ones.
    ///
    /// Reads the whole file, which takes some seconds for a million customers.
    pub(crate) fn open(config: Config) -> Result<Self, StateFileError> {
        let Some(path) = config.state.clone() else {
            return Ok(Self::new(config));
        };
        let (mut store, content) = Store::open(&path)?;
        let mut state = Self::new(config);
        match content {
            Some(content) => {
                let linked = content.link(&state.config).map_err(|broken| match broken {
                    Broken::OtherPartner => StateFileError::OtherPartner {
                        path: path.clone(),
                        wanted: state.config.partner.id.clone(),
                    },
                    Broken::Contradiction(what) => StateFileError::Damaged {
                        path: path.clone(),
                        what,
                    },
                })?;
                state.adopt(linked);
                store.set_meta(state.mark());
                state.store = Some(store);
            }
            None => {
                state.replaced = true;
                state.store = Some(store);
                state.commit();
            }
        }
        let durable = state.durable().wait_blocking();
        durable.map_err(|source| StateFileError::Open { path, source })?;
        Ok(state)
    }

    /// Writes what is still to be written and lets go of the file. From here on the state is in memory only, so a
    /// request that was still on its way may change it but is not answered.
    pub(crate) fn close(&mut self) {
        if let Some(store) = &mut self.store {
            store.close();
        }
    }

    /// Puts a snapshot in place of everything that one holds. What was there before is handed back, since dropping
    /// much takes time.
    pub(crate) fn restore(&mut self, linked: Linked) -> impl Sized + use<> {
        self.replaced = true;
        // These build on what was there before.
        self.late.clear();
        self.unseen.clear();
        self.adopt(linked)
    }

    /// Ends what was done since the last commit, and tells what became of records. If everything was replaced, no
    /// record is told: whoever did that knows.
    pub(crate) fn commit(&mut self) -> Vec<RecordChange> {
        let replaced = std::mem::take(&mut self.replaced);
        let batch = self.store.as_ref().map(|_| Batch::new(replaced));
        let mut changes = Changes {
            batch,
            records: Vec::new(),
        };
        self.partners.take_changes(|position, _, partner| {
            changes.put(Noun::Partner, &position, partner);
        });
        changes.take(&mut self.applications, Noun::Application);
        changes.take(&mut self.tokens, Noun::Token);
        let kind = RecordKind::Customer;
        changes.take_records(&mut self.customers, Noun::Customer, kind, |customer| {
            customer.partner
        });
        let kind = RecordKind::Consumer;
        changes.take_records(&mut self.consumers, Noun::Consumer, kind, |consumer| {
            consumer.partner
        });
        let kind = RecordKind::Business;
        changes.take_records(&mut self.businesses, Noun::Business, kind, |business| {
            business.partner
        });
        let kind = RecordKind::InstitutionLogin;
        let logins = &mut self.institution_logins;
        changes.take_records(logins, Noun::InstitutionLogin, kind, |login| login.partner);
        let Changes { batch, mut records } = changes;
        if replaced {
            records.clear();
        }
        if let Some(batch) = batch {
            self.write(batch, replaced);
        }
        records
    }

    /// A ticket for whoever tells what the state holds, as of the last commit.
    pub(crate) fn durable(&self) -> Durable {
        match &self.store {
            Some(store) => store.durable(),
            None => Durable::already(),
        }
    }

    /// Sends a batch to the file, with the numbers that no table holds, unless nothing has changed.
    fn write(&mut self, mut batch: Batch, replaced: bool) {
        if replaced {
            batch = self.everything();
        }
        let mark = self.mark();
        let mut meta = self.meta();
        meta.host_time = self.clock.host_time();
        let Some(store) = &mut self.store else {
            return;
        };
        if batch.is_empty() && !store.differs(&mark) {
            return;
        }
        batch.put(Noun::Meta, &Noun::META_KEY, &meta);
        store.set_meta(mark);
        store.write(batch);
    }

    /// What has to be written when it changes: the numbers, but not the time as it runs.
    fn mark(&self) -> Meta {
        let mut mark = self.meta();
        mark.now = self.clock.base();
        mark
    }

    fn everything(&self) -> Batch {
        let mut batch = Batch::new(true);
        for (position, partner) in self.partners.iter().enumerate() {
            batch.put(Noun::Partner, &position, partner);
        }
        put_all(&mut batch, Noun::Application, &self.applications);
        put_all(&mut batch, Noun::Customer, &self.customers);
        put_all(&mut batch, Noun::Consumer, &self.consumers);
        put_all(&mut batch, Noun::Business, &self.businesses);
        put_all(&mut batch, Noun::InstitutionLogin, &self.institution_logins);
        put_all(&mut batch, Noun::Token, &self.tokens);
        batch
    }
}

fn put_all<K, V>(batch: &mut Batch, noun: Noun, table: &Table<K, V>)
where
    K: Key + Ord + ToString,
    V: Serialize,
{
    // Rows that come in order are written side by side.
    for (key, row) in table.sorted() {
        batch.put(noun, key, row);
    }
}

/// What one commit collects.
struct Changes {
    /// For the file, if there is one.
    batch: Option<Batch>,
    records: Vec<RecordChange>,
}

impl Changes {
    fn put(&mut self, noun: Noun, key: &impl ToString, row: &impl Serialize) {
        if let Some(batch) = &mut self.batch {
            batch.put(noun, key, row);
        }
    }

    fn note<V: Serialize>(&mut self, noun: Noun, key: &impl ToString, change: Change, row: &V) {
        match (&mut self.batch, change) {
            (Some(batch), Change::Created | Change::Changed) => batch.put(noun, key, row),
            (Some(batch), Change::Deleted) => batch.remove(noun, key),
            (None, _) => {}
        }
    }

    fn take<K, V>(&mut self, table: &mut Table<K, V>, noun: Noun)
    where
        K: Key + ToString,
        V: Serialize,
    {
        table.take_changes(|key, change, row| self.note(noun, key, change, row));
    }

    fn take_records<K, V>(
        &mut self,
        table: &mut Table<K, V>,
        noun: Noun,
        kind: RecordKind,
        partner: impl Fn(&V) -> PartnerIndex,
    ) where
        K: Key + ToString,
        V: Serialize,
    {
        table.take_changes(|key, change, row| {
            self.note(noun, key, change, row);
            self.records.push(RecordChange {
                change,
                kind,
                id: key.to_string(),
                partner: partner(row),
            });
        });
    }
}

#[cfg(test)]
mod tests;
