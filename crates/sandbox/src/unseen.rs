//! Writes that reads do not see yet, as at a vendor whose copies lag behind.
//!
//! A write that is not to be seen is done like any other, and later writes build on it. Reads meanwhile are answered from
//! the rows as they were before it, which are put back for as long as the read takes. A row that a later write has made
//! seen is not put back: no copy shows a write without those to the same row before it.

use jiff::Timestamp;

use crate::{
    authorization::InstitutionLogin, business::Business, consumer::Consumer, customer::Customer,
    state::State, table::Former,
};

/// What one write changed, as it was before. While a read is answered, as it is.
pub(crate) struct Unseen {
    until: Timestamp,
    customers: Vec<Former<u64, Customer>>,
    consumers: Vec<Former<String, Consumer>>,
    businesses: Vec<Former<u64, Business>>,
    institution_logins: Vec<Former<i64, InstitutionLogin>>,
}

impl State {
    /// Does a write that reads shall not see until then.
    pub(crate) fn write_unseen<T>(
        &mut self,
        until: Timestamp,
        write: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.see_what_is_due();
        let (result, written) = self.keep_formers(until, write);
        if !written.is_empty() {
            self.unseen.push(written);
        }
        result
    }

    /// Does a write that reads see at once, and with it all earlier ones to the same rows.
    pub(crate) fn write_seen<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let (result, written) = self.keep_formers(self.clock.now(), write);
        see(&mut self.unseen, &written);
        result
    }

    fn keep_formers<T>(
        &mut self,
        until: Timestamp,
        write: impl FnOnce(&mut Self) -> T,
    ) -> (T, Unseen) {
        self.customers.keep_formers();
        self.consumers.keep_formers();
        self.businesses.keep_formers();
        self.institution_logins.keep_formers();
        let result = write(self);
        let written = Unseen {
            until,
            customers: self.customers.take_formers(),
            consumers: self.consumers.take_formers(),
            businesses: self.businesses.take_formers(),
            institution_logins: self.institution_logins.take_formers(),
        };
        (result, written)
    }

    /// Forgets the writes that are to be seen by now.
    fn see_what_is_due(&mut self) {
        let now = self.clock.now();
        let due = |unseen: &Unseen| unseen.until <= now;
        while let Some(position) = self.unseen.iter().rposition(due) {
            let seen = self.unseen.remove(position);
            see(&mut self.unseen[..position], &seen);
        }
    }

    /// Does a read as though the writes that are not to be seen yet had not happened.
    pub(crate) fn read_as_seen<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.see_what_is_due();
        let mut unseen = std::mem::take(&mut self.unseen);
        // The newest is undone first, since it builds on the others.
        for unseen in unseen.iter_mut().rev() {
            self.swap(unseen);
        }
        let result = read(self);
        for unseen in &mut unseen {
            self.swap(unseen);
        }
        self.unseen = unseen;
        result
    }

    fn swap(&mut self, unseen: &mut Unseen) {
        for (id, login) in &mut unseen.institution_logins {
            *login = self.institution_logins.swap(id, login.take());
        }
        for (id, customer) in &mut unseen.customers {
            self.swap_customer(*id, customer);
        }
        for (id, consumer) in &mut unseen.consumers {
            self.swap_consumer(id, consumer);
        }
        for (id, business) in &mut unseen.businesses {
            self.swap_business(*id, business);
        }
    }

    fn swap_customer(&mut self, id: u64, row: &mut Option<Box<Customer>>) {
        let unique = self.config.quirks.usernames;
        let former = row.take();
        let entering = former.is_some();
        *row = self.customers.swap(&id, former);
        if let Some(leaving) = row {
            let partner = self.partners.derived_mut(leaving.partner);
            leaving.leave(id, unique, &mut self.usernames, partner);
            // Links change with the records that they lead to, and those have an order of their own.
            if let Some(entering) = self.customers.derived_mut(&id) {
                entering.link_like(leaving);
            }
        }
        if entering && let Some(customer) = self.customers.get(&id) {
            let partner = self.partners.derived_mut(customer.partner);
            // If another customer has the username by now, this one is found by its id only.
            customer.enter(id, unique, &mut self.usernames, partner);
        }
    }

    fn swap_consumer(&mut self, id: &String, row: &mut Option<Box<Consumer>>) {
        *row = self.consumers.swap(id, row.take());
        let now = self.consumers.get(id);
        let owner = row.as_deref().or(now).map(|consumer| consumer.customer);
        let link = now.map(|_| id.clone());
        if let Some(customer) = owner.and_then(|owner| self.customers.derived_mut(&owner)) {
            customer.consumer = link;
        }
    }

    fn swap_business(&mut self, id: u64, row: &mut Option<Box<Business>>) {
        *row = self.businesses.swap(&id, row.take());
        let now = self.businesses.get(&id);
        let owner = row.as_deref().or(now).map(|business| business.customer);
        let link = now.map(|_| id);
        if let Some(customer) = owner.and_then(|owner| self.customers.derived_mut(&owner)) {
            customer.business = link;
        }
    }
}

impl Unseen {
    fn is_empty(&self) -> bool {
        let Self {
            until: _,
            customers,
            consumers,
            businesses,
            institution_logins,
        } = self;
        customers.is_empty()
            && consumers.is_empty()
            && businesses.is_empty()
            && institution_logins.is_empty()
    }
}

/// Has no row that `seen` wrote put back for an earlier write.
fn see(earlier: &mut [Unseen], seen: &Unseen) {
    for earlier in earlier {
        see_rows(&mut earlier.customers, &seen.customers);
        see_rows(&mut earlier.consumers, &seen.consumers);
        see_rows(&mut earlier.businesses, &seen.businesses);
        see_rows(&mut earlier.institution_logins, &seen.institution_logins);
    }
}

fn see_rows<K: PartialEq, V>(rows: &mut Vec<Former<K, V>>, seen: &[Former<K, V>]) {
    rows.retain(|(key, _)| seen.iter().all(|(other, _)| other != key));
}

#[cfg(test)]
mod tests;
