//! Records as the control plane shows them: what the vendor's reads answer, with the ids that link one to another.
//!
//! The journal shows one record at a time, the page for people many. Both mask them, unless a person asks otherwise.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::{auth::PartnerIndex, customer::parse_id, mask::mask, state::State};

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A live customer.
    Customer,
    /// A consumer, be its customer deleted or not.
    Consumer,
    /// A business, be its customer deleted or not.
    Business,
    /// An institution login of a live customer.
    InstitutionLogin,
}

/// Whether personal values are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Personal {
    /// A word stands in their place.
    #[default]
    Masked,
    /// They are shown as the vendor's reads show them.
    Shown,
}

/// Which records to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// Of what.
    pub kind: RecordKind,
    /// Of this partner only.
    pub partner: Option<String>,
    /// How many to leave out before the first.
    pub skip: usize,
    /// How many to show at most.
    pub limit: usize,
    /// Whether personal values are seen.
    pub personal: Personal,
}

/// Some records. No `Debug`: personal values may be in here.
#[derive(Serialize)]
pub struct Records {
    /// All that match, shown or not.
    pub found: usize,
    /// As JSON objects, in the order of their ids, which is that of their creation; consumers, whose ids have no order,
    /// in the order of their customers.
    pub records: Vec<Value>,
}

impl RecordQuery {
    /// The first 25 records of a kind, of all partners, masked.
    #[must_use]
    pub fn of(kind: RecordKind) -> Self {
        Self {
            kind,
            partner: None,
            skip: 0,
            limit: 25,
            personal: Personal::Masked,
        }
    }
}

impl Control {
    /// One record of any partner as a JSON object, by the id that its `id` member shows.
    #[must_use]
    pub fn record(&self, kind: RecordKind, id: &str, personal: Personal) -> Option<Value> {
        let mut record = self.with(|state| state.record(kind, id))?;
        if personal == Personal::Masked {
            mask(&mut record);
        }
        Some(record)
    }

    /// Some of the records of one kind.
    ///
    /// A page of customers costs the same however many there are, as long as there is one partner or the query names
    /// one. The others are looked through once.
    ///
    /// # Errors
    /// [`ControlError::UnknownPartner`].
    pub fn records(&self, query: &RecordQuery) -> Result<Records, ControlError> {
        self.with(|state| state.records(query))
    }
}

impl RecordKind {
    /// The word for it in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Consumer => "consumer",
            Self::Business => "business",
            Self::InstitutionLogin => "institutionLogin",
        }
    }
}

impl State {
    /// One record of any partner with everything in it; `None` if there is none. Whoever shows it masks it.
    pub(crate) fn record(&self, kind: RecordKind, id: &str) -> Option<Value> {
        match kind {
            RecordKind::Customer => self.customer_record(parse_id(id)?),
            RecordKind::Consumer => self.consumer_record(id),
            RecordKind::Business => self.business_record(parse_id(id)?),
            RecordKind::InstitutionLogin => self.login_record(id.parse().ok()?),
        }
    }

    pub(super) fn records(&self, query: &RecordQuery) -> Result<Records, ControlError> {
        let partner = match &query.partner {
            Some(id) => Some(self.partner_index(id).ok_or(ControlError::UnknownPartner)?),
            None => None,
        };
        let of_partner = |index: PartnerIndex| partner.is_none_or(|partner| partner == index);
        let (found, mut records) = match query.kind {
            RecordKind::Customer => {
                let (found, ids) = self.customer_ids(partner, query);
                (found, collect(&ids, |id| self.customer_record(*id)))
            }
            RecordKind::Consumer => {
                let all = self.consumers.iter();
                let all = all.filter(|(_, consumer)| of_partner(consumer.partner));
                let (found, ids) = cut(all.map(|(id, consumer)| (consumer.customer, id)), query);
                (
                    found,
                    collect(&ids, |(_, id): &(u64, &String)| self.consumer_record(id)),
                )
            }
            RecordKind::Business => {
                let all = self.businesses.iter();
                let all = all.filter(|(_, business)| of_partner(business.partner));
                let (found, ids) = cut(all.map(|(id, _)| *id), query);
                (found, collect(&ids, |id| self.business_record(*id)))
            }
            RecordKind::InstitutionLogin => {
                let all = self.institution_logins.iter();
                let all = all.filter(|(_, login)| of_partner(login.partner));
                let (found, ids) = cut(all.map(|(id, _)| *id), query);
                (found, collect(&ids, |id| self.login_record(*id)))
            }
        };
        if query.personal == Personal::Masked {
            records.iter_mut().for_each(mask);
        }
        Ok(Records { found, records })
    }

    fn customer_ids(
        &self,
        partner: Option<PartnerIndex>,
        query: &RecordQuery,
    ) -> (usize, Vec<u64>) {
        let partners = match partner {
            Some(index) => &self.partners[index..=index],
            None => &self.partners[..],
        };
        if let [partner] = partners {
            let ids = partner.customers.starting_at(query.skip);
            return (partner.customers.len(), ids.take(query.limit).collect());
        }
        let ids = partners.iter().flat_map(|partner| partner.customers.iter());
        cut(ids, query)
    }

    fn customer_record(&self, id: u64) -> Option<Value> {
        let customer = self.customers.get(&id)?;
        let links = json!({
            "consumerId": customer.consumer,
            "businessId": customer.business.map(|id| id.to_string()),
            "institutionLoginIds": customer.institution_logins,
        });
        Some(self.linked(&customer.record(id), customer.partner, links))
    }

    fn consumer_record(&self, id: &str) -> Option<Value> {
        let consumer = self.consumers.get(id)?;
        Some(self.linked(&consumer.record(id), consumer.partner, json!({})))
    }

    fn business_record(&self, id: u64) -> Option<Value> {
        let business = self.businesses.get(&id)?;
        let links = json!({ "id": id.to_string(), "customerId": business.customer.to_string() });
        Some(self.linked(&business.record(id), business.partner, links))
    }

    fn login_record(&self, id: i64) -> Option<Value> {
        let login = self.institution_logins.get(&id)?;
        let record = login.record(id, self.clock.now());
        Some(self.linked(&record, login.partner, json!({ "id": id.to_string() })))
    }

    /// A record with its partner and links, which it lacks at the vendor.
    fn linked(&self, record: &impl Serialize, partner: PartnerIndex, links: Value) -> Value {
        // Writing our own structs into memory cannot fail: every key is a string.
        let mut record = serde_json::to_value(record).unwrap_or_default();
        if let (Value::Object(record), Value::Object(links)) = (&mut record, links) {
            let partner = self.partners.get(partner);
            let partner = json!(partner.map(|partner| &partner.id));
            record.insert("partnerId".to_owned(), partner);
            record.extend(links.into_iter().filter(|(_, link)| !link.is_null()));
        }
        record
    }
}

fn collect<K>(ids: &[K], record: impl Fn(&K) -> Option<Value>) -> Vec<Value> {
    ids.iter().filter_map(record).collect()
}

/// How many ids there are, and those that a query asks for in ascending order, without sorting the others.
fn cut<K: Ord>(ids: impl Iterator<Item = K>, query: &RecordQuery) -> (usize, Vec<K>) {
    let mut ids: Vec<K> = ids.collect();
    let found = ids.len();
    let end = query.skip.saturating_add(query.limit);
    if end < found {
        ids.select_nth_unstable(end);
        ids.truncate(end);
    }
    if query.skip >= ids.len() {
        return (found, Vec::new());
    }
    if query.skip > 0 {
        ids.select_nth_unstable(query.skip);
    }
    let mut ids = ids.split_off(query.skip);
    ids.sort_unstable();
    (found, ids)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        authorization::{Connection, NewInstitutionLogin},
        consumer::tests::consumer,
        customer::tests::{customer, second_partner, state},
        shared::Shared,
    };

    fn login(state: &mut State, customer: &str) -> i64 {
        let new = NewInstitutionLogin {
            customer_id: customer.to_owned(),
            connection: Connection::Legacy,
            start: None,
            end: None,
        };
        state.add_institution_login(&new).unwrap()
    }

    fn ids(state: &State, query: &RecordQuery) -> (usize, Vec<String>) {
        let Records { found, records } = state.records(query).unwrap();
        let id = |record: &Value| record["id"].as_str().unwrap().to_owned();
        (found, records.iter().map(id).collect())
    }

    #[test]
    fn a_customer_is_shown_with_its_links() {
        let mut state = state();
        let id = customer(&mut state, "customer1");
        let consumer = consumer(&mut state, &id);
        let login = login(&mut state, &id);
        let expected = json!({
            "id": id, "username": "customer1", "type": "testing", "createdDate": "1767225600",
            "partnerId": "2445580000001", "consumerId": consumer, "institutionLoginIds": [login],
        });
        assert_eq!(state.record(RecordKind::Customer, &id), Some(expected));
        assert_eq!(state.record(RecordKind::Customer, "x"), None);
        let shown = state.record(RecordKind::Consumer, &consumer).unwrap();
        assert_eq!(
            (&shown["id"], &shown["ssn"]),
            (&json!(consumer), &json!("1111"))
        );
        assert_eq!(shown["partnerId"], "2445580000001");
        for kind in [
            RecordKind::Consumer,
            RecordKind::Business,
            RecordKind::InstitutionLogin,
        ] {
            assert_eq!(state.record(kind, "1"), None);
        }
    }

    #[test]
    fn a_login_expires_by_the_virtual_clock() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = login(&mut state, &owner);
        let expected = json!({
            "id": id.to_string(), "institutionLoginId": id, "customerId": owner, "partnerId": "2445580000001",
            "connection": "legacy", "authorizationStartDate": "2026-01-01T00:00:00.00Z",
            "authorizationEndDate": "2027-01-01T00:00:00.00Z", "expired": false,
        });
        let read = |state: &State| state.record(RecordKind::InstitutionLogin, &id.to_string());
        assert_eq!(read(&state), Some(expected));
        state
            .clock
            .advance(Duration::from_secs(365 * 24 * 60 * 60))
            .unwrap();
        assert_eq!(read(&state).unwrap()["expired"], true);
    }

    #[test]
    fn pages_are_cut_in_order_from_one_partner_or_all() {
        let mut state = state();
        let other = second_partner(&mut state);
        let mut mine = Vec::new();
        for number in 0..30 {
            mine.push(customer(&mut state, &format!("customer{number}")));
        }
        let theirs = state
            .create_customer(
                other,
                crate::customer::CustomerType::Testing,
                crate::customer::tests::named("theirs"),
            )
            .unwrap()
            .to_string();
        let mut query = RecordQuery::of(RecordKind::Customer);
        assert_eq!(ids(&state, &query), (31, mine[..25].to_vec()));
        query.skip = 29;
        assert_eq!(
            ids(&state, &query),
            (31, vec![mine[29].clone(), theirs.clone()])
        );
        query.partner = Some("2".to_owned());
        assert_eq!(ids(&state, &query), (1, Vec::new()));
        query.skip = 0;
        assert_eq!(ids(&state, &query), (1, vec![theirs]));
        query.skip = usize::MAX;
        query.partner = None;
        assert_eq!(ids(&state, &query), (31, Vec::new()));
        query.partner = Some("nobody".to_owned());
        assert!(matches!(
            state.records(&query),
            Err(ControlError::UnknownPartner)
        ));
    }

    #[test]
    fn consumers_are_in_the_order_of_their_customers_and_outlive_them() {
        let mut state = state();
        let mut expected = Vec::new();
        for number in 0..10 {
            let owner = customer(&mut state, &format!("customer{number}"));
            expected.push(consumer(&mut state, &owner));
        }
        let first = state.usernames["customer0"].to_string();
        state.delete_customer(0, &first).unwrap();
        let mut query = RecordQuery::of(RecordKind::Consumer);
        assert_eq!(ids(&state, &query), (10, expected.clone()));
        query.skip = 3;
        query.limit = 4;
        assert_eq!(ids(&state, &query), (10, expected[3..7].to_vec()));
        query.kind = RecordKind::Business;
        assert_eq!(ids(&state, &query), (0, Vec::new()));
    }

    #[test]
    fn personal_values_are_shown_only_on_request() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let consumer = consumer(&mut state, &owner);
        let control = Control::new(Arc::new(Shared::new(state)));
        for personal in [Personal::Masked, Personal::Shown] {
            let mut query = RecordQuery::of(RecordKind::Consumer);
            query.personal = personal;
            let listed = control.records(&query).unwrap().records[0].clone();
            let expected = match personal {
                Personal::Masked => json!("***"),
                Personal::Shown => json!("Jane"),
            };
            assert_eq!(listed["firstName"], expected);
            let one = control.record(RecordKind::Consumer, &consumer, personal);
            assert_eq!(one, Some(listed));
        }
    }
}
