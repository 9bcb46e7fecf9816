//! Businesses: at most one per customer, never deleted.
//!
//! Validation stops at required members and types, unless a quirk says otherwise. The limits in the vendor's document
//! are looser on the wire: its own Java tests send a three-letter country and expect success.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, OptionalMembers},
    auth::{PartnerIndex, is_first},
    call::Call,
    config::PersonallyLiableRule,
    customer::parse_id,
    json::Fields,
    quirk::{BusinessCountry, BusinessDates},
    refusal::Refusal,
    state::State,
};

/// What a business may lack.
const OPTIONAL: &OptionalMembers = &[
    ("", &["url", "email", "type", "taxId"]),
    (
        "address",
        &[
            "addressLine1",
            "addressLine2",
            "city",
            "state",
            "country",
            "postalCode",
        ],
    ),
    ("phoneNumber", &["countryCode", "phoneNo"]),
];

/// One business. No `Debug`: a tax id is in here.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Business {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) partner: PartnerIndex,
    /// Whose it was when it was created; that customer may be gone.
    #[serde(rename = "customerId")]
    pub(crate) customer: u64,
    #[serde(rename = "createdDate")]
    created: Timestamp,
    #[serde(rename = "modifiedDate")]
    modified: Timestamp,
    details: Details,
}

/// What a create and a replacement say, and a read answers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Details {
    name: String,
    personally_liable: bool,
    address: Address,
    phone_number: PhoneNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_id: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_line2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PhoneNumber {
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_no: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BusinessView<'state> {
    #[serde(flatten)]
    details: &'state Details,
    business_id: String,
    created_date: String,
    modified_date: String,
}

/// How a date is written. The vendor's samples have no zone on create and read; the update that its Postman collection
/// saved has a `Z`.
#[derive(Clone, Copy)]
enum Zone {
    Absent,
    Utc,
}

impl State {
    /// Creates the business of `owner` and answers its id.
    pub(crate) fn create_business(
        &mut self,
        caller: PartnerIndex,
        owner: &str,
        details: Details,
    ) -> Result<u64, Refusal> {
        let (owner, customer) = self
            .customer(caller, owner)
            .ok_or(Refusal::NoCustomerForBusiness)?;
        if customer.business.is_some() {
            return Err(Refusal::BusinessExists(owner.to_string()));
        }
        let rule = self.config.personally_liable_rule == PersonallyLiableRule::On;
        if rule && details.personally_liable && customer.consumer.is_none() {
            return Err(Refusal::ConsumerRequired);
        }
        let id = self.next_business;
        self.next_business += 1;
        if let Some(customer) = self.customers.derived_mut(&owner) {
            customer.business = Some(id);
        }
        let now = self.clock.now();
        let business = Business {
            partner: caller,
            customer: owner,
            created: now,
            modified: now,
            details,
        };
        self.businesses.insert(id, business);
        Ok(id)
    }

    /// The caller's business with this id.
    fn business(&self, caller: PartnerIndex, id: &str) -> Result<(u64, &Business), Refusal> {
        let id = parse_id(id).ok_or(Refusal::NoSuchBusiness)?;
        let business = self.businesses.get(&id).ok_or(Refusal::NoSuchBusiness)?;
        if business.partner != caller {
            return Err(Refusal::NoSuchBusiness);
        }
        Ok((id, business))
    }

    /// The business of a customer. No source says what a customer without one gets; the schema forbids an empty
    /// array, so it is the refusal for an unknown business.
    fn business_by_customer(
        &self,
        caller: PartnerIndex,
        owner: &str,
    ) -> Result<(u64, &Business), Refusal> {
        let (_, customer) = self
            .customer(caller, owner)
            .ok_or(Refusal::NoCustomerForBusiness)?;
        let id = customer.business.ok_or(Refusal::NoSuchBusiness)?;
        let business = self.businesses.get(&id).ok_or(Refusal::NoSuchBusiness)?;
        Ok((id, business))
    }

    /// Replaces all that is known of a business. The rule for personally liable owners is about creation only.
    fn update_business(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        details: Details,
    ) -> Result<u64, Refusal> {
        let (id, _) = self.business(caller, id)?;
        let now = self.clock.now();
        let business = self
            .businesses
            .get_mut(&id)
            .ok_or(Refusal::NoSuchBusiness)?;
        business.details = details;
        business.modified = now;
        Ok(id)
    }

    pub(crate) fn route_create_business(
        &mut self,
        caller: PartnerIndex,
        owner: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        self.customer(caller, owner)
            .ok_or(Refusal::NoCustomerForBusiness)?;
        let details = self.read_details(Fields::of(&body)?)?;
        let id = self.create_business(caller, owner, details)?;
        let business = self.businesses.get(&id).ok_or(Refusal::NoSuchBusiness)?;
        // 200, where the other creates answer 201.
        Ok(self.business_answer(&self.business_view(id, business, Zone::Absent)))
    }

    pub(crate) fn route_business_by_customer(
        &self,
        caller: PartnerIndex,
        owner: &str,
    ) -> Result<Answer, Refusal> {
        let (id, business) = self.business_by_customer(caller, owner)?;
        Ok(self.business_answer(&[self.business_view(id, business, Zone::Absent)]))
    }

    /// An array of one, even for a read by id.
    pub(crate) fn route_business(&self, caller: PartnerIndex, id: &str) -> Result<Answer, Refusal> {
        let (id, business) = self.business(caller, id)?;
        Ok(self.business_answer(&[self.business_view(id, business, Zone::Absent)]))
    }

    pub(crate) fn route_update_business(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        self.business(caller, id)?;
        let details = self.read_details(Fields::of(&body)?)?;
        let id = self.update_business(caller, id, details)?;
        let business = self.businesses.get(&id).ok_or(Refusal::NoSuchBusiness)?;
        Ok(self.business_answer(&self.business_view(id, business, Zone::Utc)))
    }

    /// What a create and a replacement say. That a country has two letters is a quirk, and the code for another one is
    /// ours, since no 400 is declared.
    fn read_details(&self, fields: Fields<'_>) -> Result<Details, Refusal> {
        let details = Details::read(fields)?;
        if self.config.quirks.business_country == BusinessCountry::TwoLetters {
            let country = details.address.country.as_deref().unwrap_or("US");
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(Refusal::BadRequest);
            }
        }
        Ok(details)
    }

    /// A business as the quirks have it; `captured` is how the answers that the vendor saved write this one.
    fn business_view<'state>(
        &self,
        id: u64,
        business: &'state Business,
        captured: Zone,
    ) -> BusinessView<'state> {
        let zone = match self.config.quirks.business_dates {
            BusinessDates::AsCaptured => captured,
            BusinessDates::NoZone => Zone::Absent,
            BusinessDates::Utc => Zone::Utc,
        };
        business.view(id, zone)
    }

    fn business_answer<T: Serialize + ?Sized>(&self, record: &T) -> Answer {
        let absent = self.config.quirks.absent_members;
        Answer::record(StatusCode::OK, record, absent, OPTIONAL)
    }
}

impl Business {
    /// The record as the vendor answers it.
    pub(crate) fn record(&self, id: u64) -> impl Serialize {
        self.view(id, Zone::Absent)
    }

    fn view(&self, id: u64, zone: Zone) -> BusinessView<'_> {
        let write = |time: Timestamp| match zone {
            Zone::Absent => time.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Zone::Utc => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        BusinessView {
            details: &self.details,
            business_id: id.to_string(),
            created_date: write(self.created),
            modified_date: write(self.modified),
        }
    }
}

impl Details {
    fn read(fields: Fields<'_>) -> Result<Self, Refusal> {
        let missing = Refusal::BusinessParameterMissing;
        let name = fields.owned("name")?.ok_or(missing("name"))?;
        let personally_liable = fields
            .flag("personallyLiable")?
            .ok_or(missing("personallyLiable"))?;
        let address = fields.object("address")?.ok_or(missing("address"))?;
        let phone_number = fields
            .object("phoneNumber")?
            .ok_or(missing("phoneNumber"))?;
        Ok(Self {
            name,
            personally_liable,
            address: Address {
                address_line1: address.owned("addressLine1")?,
                address_line2: address.owned("addressLine2")?,
                city: address.owned("city")?,
                state: address.owned("state")?,
                country: address.owned("country")?,
                postal_code: address.owned("postalCode")?,
            },
            phone_number: PhoneNumber {
                country_code: phone_number.owned("countryCode")?,
                phone_no: phone_number.owned("phoneNo")?,
            },
            url: fields.owned("url")?,
            email: fields.owned("email")?,
            r#type: fields.owned("type")?,
            tax_id: fields.owned("taxId")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::Config,
        consumer::tests::consumer,
        customer::tests::{customer, second_partner, state},
    };

    fn acme() -> Value {
        json!({
            "name": "ABC Tires Inc",
            "personallyLiable": false,
            "address": {
                "addressLine1": "434 W Ascension Way", "addressLine2": "Suite #200", "city": "Murray",
                "state": "UT", "country": "USA", "postalCode": "8412557",
            },
            "phoneNumber": {"countryCode": "372", "phoneNo": "7992222"},
            "url": "https://www.finicity.com/",
            "email": "myname@example.com",
            "type": "Nonprofit",
            "taxId": "A1234561Z",
        })
    }

    fn liable() -> Value {
        let mut body = acme();
        body["personallyLiable"] = json!(true);
        body
    }

    fn create(state: &mut State, owner: &str, body: &Value) -> Result<u64, Refusal> {
        state.create_business(0, owner, Details::read(Fields::of(body)?)?)
    }

    fn body(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[test]
    fn reads_answer_an_array_of_one_with_dates_that_have_no_zone() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = create(&mut state, &owner, &acme()).unwrap().to_string();
        let mut expected = acme();
        expected["businessId"] = json!(id);
        expected["createdDate"] = json!("2026-01-01T00:00:00");
        expected["modifiedDate"] = json!("2026-01-01T00:00:00");
        let expected = json!([expected]);
        assert_eq!(body(&state.route_business(0, &id).unwrap()), expected);
        assert_eq!(
            body(&state.route_business_by_customer(0, &owner).unwrap()),
            expected
        );
    }

    #[test]
    fn one_customer_has_one_business() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        create(&mut state, &owner, &acme()).unwrap();
        assert_eq!(
            create(&mut state, &owner, &acme()),
            Err(Refusal::BusinessExists(owner))
        );
    }

    #[test]
    fn a_personally_liable_owner_needs_a_consumer_unless_the_rule_is_off() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        assert_eq!(
            create(&mut state, &owner, &liable()),
            Err(Refusal::ConsumerRequired)
        );
        consumer(&mut state, &owner);
        assert!(create(&mut state, &owner, &liable()).is_ok());

        let mut config = Config::for_tests();
        config.personally_liable_rule = PersonallyLiableRule::Off;
        let mut state = State::new(config);
        let owner = customer(&mut state, "customer1");
        assert!(create(&mut state, &owner, &liable()).is_ok());
    }

    #[test]
    fn unknown_customers_and_businesses_have_their_own_refusals() {
        let mut state = state();
        let other = second_partner(&mut state);
        let owner = customer(&mut state, "customer1");
        assert_eq!(
            create(&mut state, "1234", &acme()),
            Err(Refusal::NoCustomerForBusiness)
        );
        let refusal = state.business_by_customer(0, "1234").err();
        assert_eq!(refusal, Some(Refusal::NoCustomerForBusiness));
        let refusal = state.business_by_customer(0, &owner).err();
        assert_eq!(refusal, Some(Refusal::NoSuchBusiness));
        for id in ["1", "x", "01", ""] {
            assert_eq!(state.business(0, id).err(), Some(Refusal::NoSuchBusiness));
        }
        let id = create(&mut state, &owner, &acme()).unwrap().to_string();
        assert_eq!(
            state.business(other, &id).err(),
            Some(Refusal::NoSuchBusiness)
        );
        let refusal = state.business_by_customer(other, &owner).err();
        assert_eq!(refusal, Some(Refusal::NoCustomerForBusiness));
    }

    #[test]
    fn required_members_must_be_there_and_types_must_fit() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        for name in ["name", "personallyLiable", "address", "phoneNumber"] {
            let mut body = acme();
            body[name] = json!(null);
            let refusal = create(&mut state, &owner, &body);
            assert_eq!(refusal, Err(Refusal::BusinessParameterMissing(name)));
            body[name] = json!(7);
            assert_eq!(create(&mut state, &owner, &body), Err(Refusal::BadRequest));
        }
        let least =
            json!({"name": "A", "personallyLiable": false, "address": {}, "phoneNumber": {}});
        assert!(create(&mut state, &owner, &least).is_ok());
    }

    #[test]
    fn an_update_replaces_everything_and_moves_the_modified_date() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = create(&mut state, &owner, &acme()).unwrap().to_string();
        state.clock.advance(Duration::from_secs(60)).unwrap();
        let new = json!({"name": "A", "personallyLiable": true, "address": {"country": "USA"}, "phoneNumber": {}});
        let details = Details::read(Fields::of(&new).unwrap()).unwrap();
        state.update_business(0, &id, details).unwrap();
        let mut expected = new;
        expected["businessId"] = json!(id);
        expected["createdDate"] = json!("2026-01-01T00:00:00");
        expected["modifiedDate"] = json!("2026-01-01T00:01:00");
        assert_eq!(
            body(&state.route_business(0, &id).unwrap()),
            json!([expected])
        );
    }

    #[test]
    fn deleting_the_customer_cuts_the_link_but_keeps_the_record() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = create(&mut state, &owner, &acme()).unwrap().to_string();
        state.delete_customer(0, &owner).unwrap();
        let refusal = state.business_by_customer(0, &owner).err();
        assert_eq!(refusal, Some(Refusal::NoCustomerForBusiness));
        assert!(state.business(0, &id).is_ok());
    }
}
