//! Records as the control plane shows them: what the vendor's reads answer, with the ids that link one to another.
//!
//! The journal shows one record at a time, the page for people many. Both mask them, unless a person asks otherwise.

mod list;

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
    /// A page of customers costs the same however many there are, if it is of one partner. The others are looked through
    /// once; with a million of them that takes less than a tenth of a second, in which nobody else is served.
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        authorization::{Connection, NewInstitutionLogin},
        consumer::tests::consumer,
        customer::tests::{customer, state},
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
