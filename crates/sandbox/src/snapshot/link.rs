//! What follows from the rows: who has which username, which customers a partner has, which records a customer has.
//!
//! Rows that a sandbox wrote itself agree with each other; those that somebody edited may not.

use std::collections::{BTreeSet, HashMap};

use smol_str::SmolStr;

use super::{Content, InvalidSnapshot, Meta};
use crate::{
    auth::{Partner, PartnerIndex},
    config::Config,
    customer::Customer,
    table::{List, Table},
};

/// Above this a JSON reader may take one number for another. Counting on from here never ends.
const LARGEST_NEXT: u64 = 1 << 53;

/// A snapshot with all that follows from it.
pub(crate) struct Linked {
    pub(super) content: Content,
    pub(super) usernames: HashMap<SmolStr, u64>,
}

/// Why rows cannot be taken over.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Broken {
    /// They are of a sandbox with other credentials.
    #[error("the first partner is another one")]
    OtherPartner,
    /// They contradict each other; ids are named, values are not.
    #[error("{0}")]
    Contradiction(String),
}

impl From<Broken> for InvalidSnapshot {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::OtherPartner => Self::OtherPartner,
            Broken::Contradiction(what) => Self::Broken(what),
        }
    }
}

fn contradiction(what: impl Into<String>) -> Broken {
    Broken::Contradiction(what.into())
}

fn check_partner(
    partners: &List<Partner>,
    partner: PartnerIndex,
    of: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if partners.get(partner).is_some() {
        return Ok(());
    }
    let of = of();
    Err(contradiction(format!(
        "{of} names partner {partner}, which is not there"
    )))
}

impl Content {
    /// Derives what is derived, for a sandbox with this configuration. Goes by ascending ids, so that of several
    /// contradictions always the same is told.
    pub(crate) fn link(mut self, config: &Config) -> Result<Linked, Broken> {
        self.check_numbers()?;
        self.check_partners(config)?;
        self.check_tokens()?;
        let usernames = self.link_customers(config)?;
        self.link_consumers()?;
        self.link_businesses()?;
        self.link_institution_logins()?;
        Ok(Linked {
            content: self,
            usernames,
        })
    }

    fn check_numbers(&self) -> Result<(), Broken> {
        let logins = self.meta.next_institution_login_id;
        for (name, next) in [
            ("nextCustomerId", self.meta.next_customer_id),
            ("nextBusinessId", self.meta.next_business_id),
            ("nextInstitutionLoginId", logins.unsigned_abs()),
            ("issuedTokens", self.meta.issued_tokens),
        ] {
            if next > LARGEST_NEXT {
                return Err(contradiction(format!("{name} is above {LARGEST_NEXT}")));
            }
        }
        Ok(())
    }

    fn check_partners(&self, config: &Config) -> Result<(), Broken> {
        let first = self.partners.get(0).map(|partner| &partner.id);
        if first != Some(&config.partner.id) {
            return Err(Broken::OtherPartner);
        }
        let mut ids = BTreeSet::new();
        match self
            .partners
            .iter()
            .find(|partner| !ids.insert(&partner.id))
        {
            Some(twin) => Err(contradiction(format!("there are two partners {}", twin.id))),
            None => Ok(()),
        }
    }

    fn check_tokens(&self) -> Result<(), Broken> {
        for token in self.tokens.values() {
            check_partner(&self.partners, token.partner, || "a token".to_owned())?;
            if token.number > self.meta.issued_tokens {
                return Err(contradiction("a token has a number above issuedTokens"));
            }
        }
        Ok(())
    }

    fn link_customers(&mut self, config: &Config) -> Result<HashMap<SmolStr, u64>, Broken> {
        let mut usernames = HashMap::with_capacity(self.customers.len());
        for (id, customer) in self.customers.sorted() {
            check_partner(&self.partners, customer.partner, || {
                format!("customer {id}")
            })?;
            if *id >= self.meta.next_customer_id {
                return Err(contradiction(format!(
                    "customer {id} is not below nextCustomerId"
                )));
            }
            let partner = self.partners.derived_mut(customer.partner);
            if let Some(other) =
                customer.enter(*id, config.quirks.usernames, &mut usernames, partner)
            {
                return Err(contradiction(format!(
                    "customers {other} and {id} have the same username"
                )));
            }
        }
        Ok(usernames)
    }

    fn link_consumers(&mut self) -> Result<(), Broken> {
        for (id, consumer) in self.consumers.sorted() {
            let of = || format!("consumer {id}");
            check_partner(&self.partners, consumer.partner, of)?;
            if !consumer.is_sound() {
                return Err(contradiction(format!(
                    "consumer {id} has an ssn of other than four digits, or a birthday that is no day"
                )));
            }
            let (owner, partner) = (consumer.customer, consumer.partner);
            check_owner(&self.meta, owner, of)?;
            // A consumer outlives its customer.
            if let Some(customer) = owner_mut(&mut self.customers, owner, partner, of)?
                && customer.consumer.replace(id.clone()).is_some()
            {
                let what = format!("customer {owner} has two consumers");
                return Err(contradiction(what));
            }
        }
        Ok(())
    }

    fn link_businesses(&mut self) -> Result<(), Broken> {
        for (id, business) in self.businesses.sorted() {
            let of = || format!("business {id}");
            check_partner(&self.partners, business.partner, of)?;
            if *id >= self.meta.next_business_id {
                let what = format!("business {id} is not below nextBusinessId");
                return Err(contradiction(what));
            }
            let (owner, partner) = (business.customer, business.partner);
            check_owner(&self.meta, owner, of)?;
            // A business outlives its customer.
            if let Some(customer) = owner_mut(&mut self.customers, owner, partner, of)?
                && customer.business.replace(*id).is_some()
            {
                let what = format!("customer {owner} has two businesses");
                return Err(contradiction(what));
            }
        }
        Ok(())
    }

    fn link_institution_logins(&mut self) -> Result<(), Broken> {
        for (id, login) in self.institution_logins.sorted() {
            let of = || format!("institution login {id}");
            if !(0..self.meta.next_institution_login_id).contains(id) {
                let what = format!("institution login {id} is not below nextInstitutionLoginId");
                return Err(contradiction(what));
            }
            let owner = login.customer;
            let customer = owner_mut(&mut self.customers, owner, login.partner, of)?;
            let customer = customer.ok_or_else(|| {
                let of = of();
                contradiction(format!("{of} names customer {owner}, which is not there"))
            })?;
            customer.institution_logins.push(*id);
        }
        Ok(())
    }
}

/// Whether the customer of a record has ever been, be it deleted since.
fn check_owner(meta: &Meta, owner: u64, of: impl FnOnce() -> String) -> Result<(), Broken> {
    if owner < meta.next_customer_id {
        return Ok(());
    }
    let of = of();
    Err(contradiction(format!(
        "{of} names customer {owner}, which never was"
    )))
}

/// The customer of a record, if it is there still.
fn owner_mut(
    customers: &mut Table<u64, Customer>,
    owner: u64,
    partner: PartnerIndex,
    of: impl FnOnce() -> String,
) -> Result<Option<&mut Customer>, Broken> {
    match customers.derived_mut(&owner) {
        Some(customer) if customer.partner != partner => {
            let of = of();
            Err(contradiction(format!(
                "{of} and customer {owner} have different partners"
            )))
        }
        customer => Ok(customer),
    }
}

#[cfg(test)]
mod tests;
