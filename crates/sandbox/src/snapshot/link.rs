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
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::FORMAT;

    const CUSTOMER: u64 = 1_005_000_007;
    const OTHER: u64 = 1_005_000_008;

    /// Two partners, two customers of the first, and one of everything else.
    fn document() -> Value {
        let at = "2026-01-01T00:00:00Z";
        let partner = Config::for_tests().partner;
        json!({
            "format": FORMAT, "version": 1,
            "meta": {
                "seed": 1, "random": "0", "nextCustomerId": 1_005_000_009, "nextBusinessId": 9,
                "nextInstitutionLoginId": 9, "issuedTokens": 1, "now": at,
            },
            "partners": [
                {"partnerId": partner.id, "partnerSecret": "s", "appKey": "k"},
                {"partnerId": "2", "partnerSecret": "s", "appKey": "k"},
            ],
            "applications": {},
            "customers": {
                CUSTOMER.to_string(): {"username": "hush-1", "type": "testing", "createdDate": at},
                OTHER.to_string(): {"username": "hush-2", "type": "active", "createdDate": at},
            },
            "consumers": {
                "c1": {"customerId": CUSTOMER, "createdDate": at, "details": {"ssn": "1111"}},
                "c2": {"customerId": 7, "createdDate": at, "details": {}},
            },
            "businesses": {
                "7": {
                    "customerId": CUSTOMER, "createdDate": at, "modifiedDate": at,
                    "details": {"name": "n", "personallyLiable": true, "address": {}, "phoneNumber": {}},
                },
            },
            "institutionLogins": {
                "7": {
                    "customerId": CUSTOMER, "connection": "legacy",
                    "authorization": {"authorizationStartDate": at, "authorizationEndDate": at},
                },
            },
            "tokens": {"hush": {"issued": at, "number": 1}},
        })
    }

    fn link(document: &Value) -> Result<Linked, Broken> {
        let content = Content::parse(document.to_string().as_bytes()).unwrap();
        content.link(&Config::for_tests())
    }

    #[test]
    fn what_follows_from_the_rows_is_made_anew() {
        let Linked { content, usernames } = link(&document()).ok().unwrap();
        assert_eq!(
            (usernames["hush-1"], usernames["hush-2"]),
            (CUSTOMER, OTHER)
        );
        let partner = &content.partners[0];
        assert!(partner.customers.iter().eq([CUSTOMER, OTHER]));
        assert!(partner.testing_customers.iter().eq([CUSTOMER]));
        assert!(partner.active_customers.iter().eq([OTHER]));
        let customer = &content.customers[&CUSTOMER];
        assert_eq!(customer.consumer.as_deref(), Some("c1"));
        assert_eq!(customer.business, Some(7));
        assert_eq!(customer.institution_logins, [7]);
    }

    #[test]
    fn contradictions_are_told_by_id_and_without_a_value() {
        for (pointer, value, told) in [
            (
                "/partners/1/partnerId",
                json!("2445580000001"),
                "there are two partners 2445580000001",
            ),
            (
                "/customers/1005000008/username",
                json!("hush-1"),
                "customers 1005000007 and 1005000008 have the same username",
            ),
            (
                "/customers/1005000008/partner",
                json!(2),
                "customer 1005000008 names partner 2, which is not there",
            ),
            (
                "/meta/nextCustomerId",
                json!(OTHER),
                "customer 1005000008 is not below nextCustomerId",
            ),
            (
                "/consumers/c1/partner",
                json!(1),
                "consumer c1 and customer 1005000007 have different partners",
            ),
            (
                "/consumers/c2/customerId",
                json!(CUSTOMER),
                "customer 1005000007 has two consumers",
            ),
            (
                "/consumers/c2/customerId",
                json!(1_005_000_009),
                "consumer c2 names customer 1005000009, which never was",
            ),
            (
                "/consumers/c1/details/ssn",
                json!("999601111"),
                "consumer c1 has an ssn of other than four digits",
            ),
            (
                "/consumers/c1/details/birthday",
                json!({"year": 2026, "month": 2, "dayOfMonth": 30}),
                "a birthday that is no day",
            ),
            (
                "/meta/nextBusinessId",
                json!(7),
                "business 7 is not below nextBusinessId",
            ),
            (
                "/businesses/7/customerId",
                json!(1_005_000_009),
                "business 7 names customer 1005000009, which never was",
            ),
            (
                "/businesses/7/partner",
                json!(1),
                "business 7 and customer 1005000007 have different partners",
            ),
            (
                "/meta/nextInstitutionLoginId",
                json!(7),
                "institution login 7 is not below nextInstitutionLoginId",
            ),
            (
                "/institutionLogins/7/customerId",
                json!(7),
                "institution login 7 names customer 7, which is not there",
            ),
            (
                "/institutionLogins/7/partner",
                json!(1),
                "institution login 7 and customer 1005000007 have different partners",
            ),
            (
                "/tokens/hush/partner",
                json!(2),
                "a token names partner 2, which is not there",
            ),
            (
                "/meta/issuedTokens",
                json!(0),
                "a token has a number above issuedTokens",
            ),
        ] {
            let mut document = document();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap()[name] = value;
            let Err(Broken::Contradiction(what)) = link(&document) else {
                panic!("{pointer} contradicts the rest");
            };
            assert!(
                what.contains(told) && !what.contains("hush"),
                "{pointer}: {what}"
            );
        }
    }

    #[test]
    fn two_businesses_of_one_customer_are_one_too_many() {
        let mut document = document();
        document["businesses"]["8"] = document["businesses"]["7"].clone();
        let expected = contradiction("customer 1005000007 has two businesses");
        assert_eq!(link(&document).err(), Some(expected));
    }

    #[test]
    fn a_snapshot_of_another_partner_is_refused() {
        let mut document = document();
        document["partners"][0]["partnerId"] = json!("another");
        assert_eq!(link(&document).err(), Some(Broken::OtherPartner));
        document["partners"] = json!([]);
        assert_eq!(link(&document).err(), Some(Broken::OtherPartner));
    }

    #[test]
    fn two_partners_may_share_a_username_where_a_quirk_says_so() {
        let mut document = document();
        document["customers"][OTHER.to_string()]["username"] = json!("hush-1");
        document["customers"][OTHER.to_string()]["partner"] = json!(1);
        assert!(link(&document).is_err());
        let mut config = Config::for_tests();
        config.quirks.usernames = crate::quirk::Usernames::Partner;
        let content = Content::parse(document.to_string().as_bytes()).unwrap();
        assert!(content.link(&config).is_ok());
    }
}
