//! Consumers: one per customer, never deleted. What is known of one is in `details`.

mod details;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::{Answer, OptionalMembers},
    auth::{PartnerIndex, is_first},
    call::{Call, check_id},
    config::Partnership,
    json::Fields,
    quirk::BirthdayMembers,
    refusal::Refusal,
    state::State,
};

use details::Details;

/// What a consumer may lack when it is read.
const OPTIONAL: &OptionalMembers = &[
    (
        "",
        &[
            "address", "city", "zip", "phone", "ssn", "birthday", "email", "suffix", "endUser",
        ],
    ),
    ("endUser", &["email", "url"]),
];

/// One consumer. No `Debug`: a person is in here.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consumer {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) partner: PartnerIndex,
    #[serde(rename = "customerId")]
    pub(crate) customer: u64,
    #[serde(rename = "createdDate")]
    created: Timestamp,
    details: Details,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsumerView<'state> {
    id: &'state str,
    /// A number here, although customer ids are text elsewhere.
    customer_id: u64,
    created_date: i64,
    #[serde(flatten)]
    details: &'state Details,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedConsumer<'state> {
    id: &'state str,
    created_date: i64,
    customer_id: u64,
}

impl State {
    /// Creates the consumer of `customer` and answers its id.
    ///
    /// No source has the order of the checks; ours is 404, 400, 409.
    fn create_consumer(
        &mut self,
        caller: PartnerIndex,
        customer: &str,
        read: impl FnOnce() -> Result<Details, Refusal>,
    ) -> Result<String, Refusal> {
        let (owner, record) = self
            .customer(caller, customer)
            .ok_or(Refusal::NoCustomerForConsumer)?;
        let taken = record.consumer.is_some();
        let details = read()?;
        details.check_complete(self.config.quirks.consumer_fields)?;
        if self.config.partnership == Partnership::Reseller && !details.names_end_user() {
            return Err(Refusal::EndUserRequired);
        }
        if taken {
            return Err(Refusal::ConsumerExists(owner.to_string()));
        }
        // A snapshot that was edited may hold what is yet to be drawn.
        let mut id = self.random.hex_id();
        while self.consumers.get(&id).is_some() {
            id = self.random.hex_id();
        }
        if let Some(record) = self.customers.derived_mut(&owner) {
            record.consumer = Some(id.clone());
        }
        let consumer = Consumer {
            partner: caller,
            customer: owner,
            created: self.clock.now(),
            details,
        };
        self.consumers.insert(id.clone(), consumer);
        Ok(id)
    }

    /// The caller's consumer with this id, whether or not its customer still exists.
    fn consumer(&self, caller: PartnerIndex, id: &str) -> Result<(&str, &Consumer), Refusal> {
        self.consumers
            .get_key_value(id)
            .filter(|(_, consumer)| consumer.partner == caller)
            .map(|(id, consumer)| (id.as_str(), consumer))
            .ok_or_else(|| Refusal::NoSuchConsumer(id.to_owned()))
    }

    fn consumer_by_customer(
        &self,
        caller: PartnerIndex,
        customer: &str,
    ) -> Result<(&str, &Consumer), Refusal> {
        let (owner, record) = self
            .customer(caller, customer)
            .ok_or(Refusal::NoCustomerForConsumer)?;
        let id = record.consumer.as_deref();
        let id = id.ok_or_else(|| Refusal::NoConsumerForCustomer(owner.to_string()))?;
        self.consumer(caller, id)
    }

    /// Changes the members that are given; the others stay.
    fn update_consumer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        changes: Details,
    ) -> Result<(), Refusal> {
        self.consumer(caller, id)?;
        if let Some(consumer) = self.consumers.get_mut(id) {
            consumer.details.take_over(changes);
        }
        Ok(())
    }

    pub(crate) fn route_create_consumer(
        &mut self,
        caller: PartnerIndex,
        customer: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        check_id(customer, "customerId")?;
        let body = call.json()?;
        let id = self.create_consumer(caller, customer, || Details::read(Fields::of(&body)?))?;
        let (id, consumer) = self.consumer(caller, &id)?;
        let created = CreatedConsumer {
            id,
            created_date: consumer.created.as_second(),
            customer_id: consumer.customer,
        };
        Ok(Answer::json(StatusCode::CREATED, &created))
    }

    pub(crate) fn route_consumer(&self, caller: PartnerIndex, id: &str) -> Result<Answer, Refusal> {
        check_id(id, "consumerId")?;
        let (id, consumer) = self.consumer(caller, id)?;
        Ok(self.consumer_answer(id, consumer))
    }

    pub(crate) fn route_consumer_by_customer(
        &self,
        caller: PartnerIndex,
        customer: &str,
    ) -> Result<Answer, Refusal> {
        check_id(customer, "customerId")?;
        let (id, consumer) = self.consumer_by_customer(caller, customer)?;
        Ok(self.consumer_answer(id, consumer))
    }

    fn consumer_answer(&self, id: &str, consumer: &Consumer) -> Answer {
        let quirks = &self.config.quirks;
        let record = consumer.record(id);
        match quirks.birthday {
            BirthdayMembers::Numbers => {
                Answer::record(StatusCode::OK, &record, quirks.absent_members, OPTIONAL)
            }
            BirthdayMembers::Text => {
                let mut record = serde_json::to_value(record).unwrap_or_default();
                birthday_as_text(&mut record);
                Answer::record(StatusCode::OK, &record, quirks.absent_members, OPTIONAL)
            }
        }
    }

    pub(crate) fn route_update_consumer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        check_id(id, "consumerId")?;
        let body = call.json()?;
        self.consumer(caller, id)?;
        self.update_consumer(caller, id, Details::read(Fields::of(&body)?)?)?;
        Ok(Answer::no_content())
    }
}

impl Consumer {
    /// Whether a rule could have let this in, as far as it does harm if none did.
    pub(crate) fn is_sound(&self) -> bool {
        self.details.is_sound()
    }

    /// The record as the vendor answers it.
    pub(crate) fn record<'state>(&'state self, id: &'state str) -> impl Serialize {
        ConsumerView {
            id,
            customer_id: self.customer,
            created_date: self.created.as_second(),
            details: &self.details,
        }
    }
}

fn birthday_as_text(record: &mut Value) {
    if let Some(Value::Object(members)) = record.get_mut("birthday") {
        for member in members.values_mut() {
            *member = format!("{:0>2}", member.to_string()).into();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        config::Config,
        customer::tests::{customer, second_partner, state},
        refusal::ConsumerField,
    };

    fn jane() -> Value {
        json!({
            "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "999-60-1111", "phone": "1-801-984-4200",
        })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut body = jane();
        body[key] = value;
        body
    }

    fn create(state: &mut State, customer: &str, body: &Value) -> Result<String, Refusal> {
        state.create_consumer(0, customer, || Details::read(Fields::of(body)?))
    }

    /// Gives a customer a consumer.
    pub(crate) fn consumer(state: &mut State, customer: &str) -> String {
        create(state, customer, &jane()).unwrap()
    }

    fn read(state: &State, id: &str) -> Value {
        serde_json::from_slice(&state.route_consumer(0, id).unwrap().body).unwrap()
    }

    fn change(state: &mut State, id: &str, body: &Value) -> Result<(), Refusal> {
        state.update_consumer(0, id, Details::read(Fields::of(body)?)?)
    }

    #[test]
    fn a_consumer_is_read_with_masked_number_and_integer_ids() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = consumer(&mut state, &owner);
        let expected = json!({
            "id": id, "customerId": owner.parse::<u64>().unwrap(), "createdDate": 1_767_225_600,
            "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "1111", "phone": "1-801-984-4200",
        });
        assert_eq!(read(&state, &id), expected);
        let answer = state.route_consumer_by_customer(0, &owner).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&answer.body).unwrap(),
            expected
        );
    }

    #[test]
    fn one_customer_has_one_consumer() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        consumer(&mut state, &owner);
        let refusal = create(&mut state, &owner, &jane());
        assert_eq!(refusal, Err(Refusal::ConsumerExists(owner)));
    }

    #[test]
    fn absent_customers_and_consumers_have_their_own_refusals() {
        let mut state = state();
        let other = second_partner(&mut state);
        let owner = customer(&mut state, "customer1");
        assert_eq!(
            create(&mut state, "1234", &jane()),
            Err(Refusal::NoCustomerForConsumer)
        );
        assert_eq!(
            create(&mut state, "x", &json!({})),
            Err(Refusal::NoCustomerForConsumer)
        );
        let refusal = state.consumer_by_customer(0, "1234").err();
        assert_eq!(refusal, Some(Refusal::NoCustomerForConsumer));
        let refusal = state.consumer_by_customer(0, &owner).err();
        assert_eq!(refusal, Some(Refusal::NoConsumerForCustomer(owner.clone())));
        let refusal = state.consumer(0, "1234").err();
        assert_eq!(refusal, Some(Refusal::NoSuchConsumer("1234".to_owned())));
        let refusal = change(&mut state, "1234", &json!({}));
        assert_eq!(refusal, Err(Refusal::NoSuchConsumer("1234".to_owned())));
        let id = consumer(&mut state, &owner);
        let refusal = state.consumer(other, &id).err();
        assert_eq!(refusal, Some(Refusal::NoSuchConsumer(id)));
    }

    #[test]
    fn required_members_and_one_of_each_pair_must_be_there() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        for (key, name) in [
            ("firstName", "firstName"),
            ("lastName", "lastName"),
            ("state", "state"),
            ("ssn", "ssn or birthday"),
            ("phone", "phone or email"),
        ] {
            for absent in [json!(null), json!(" ")] {
                let refusal = create(&mut state, &owner, &with(key, absent));
                assert_eq!(refusal, Err(Refusal::MissingParameter(name)));
            }
        }
        let mut body = with("ssn", json!(null));
        body["phone"] = json!(null);
        body["birthday"] = json!({"year": 1989, "month": 8, "dayOfMonth": 13});
        body["email"] = json!("jane@example.com");
        assert!(create(&mut state, &owner, &body).is_ok());
    }

    #[test]
    fn formats_are_checked() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let bad = [
            (
                "ssn",
                ConsumerField::Ssn,
                "12345678 1111 12345678x 1234567890 999-60-111é",
            ),
            (
                "phone",
                ConsumerField::Phone,
                "call-me 1234567890123456 --- 12x",
            ),
            (
                "email",
                ConsumerField::Email,
                "jane @example.com jane@ a@b@c",
            ),
        ];
        for (key, field, values) in bad {
            for value in values.split(' ') {
                let refusal = create(&mut state, &owner, &with(key, json!(value)));
                assert_eq!(refusal, Err(Refusal::ConsumerFormat(field)), "{value}");
            }
        }
        assert!(create(&mut state, &owner, &with("ssn", json!("123456789"))).is_ok());
    }

    #[test]
    fn birthdays_may_be_padded_text_and_are_read_as_integers() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        for impossible in [
            json!({"year": 2023, "month": 2, "dayOfMonth": 29}),
            json!({"year": 2023, "month": 13, "dayOfMonth": 1}),
            json!({"year": 99999, "month": 1, "dayOfMonth": 1}),
            json!("1989-08-13"),
        ] {
            let refusal = create(&mut state, &owner, &with("birthday", impossible));
            assert_eq!(refusal, Err(Refusal::BadRequest));
        }
        let refusal = create(
            &mut state,
            &owner,
            &with("birthday", json!({"year": 1989, "month": 8})),
        );
        assert_eq!(
            refusal,
            Err(Refusal::MissingParameter("birthday.dayOfMonth"))
        );
        let text = json!({"year": "1989", "month": "07", "dayOfMonth": "03"});
        let id = create(&mut state, &owner, &with("birthday", text)).unwrap();
        let expected = json!({"year": 1989, "month": 7, "dayOfMonth": 3});
        assert_eq!(read(&state, &id)["birthday"], expected);
    }

    #[test]
    fn a_reseller_names_the_end_user() {
        let mut config = Config::for_tests();
        config.partnership = Partnership::Reseller;
        let mut state = State::new(config);
        let owner = customer(&mut state, "customer1");
        assert_eq!(
            create(&mut state, &owner, &jane()),
            Err(Refusal::EndUserRequired)
        );
        let mut end_user = json!({
            "name": "Bank", "address": "1 Main", "city": "Murray", "state": "UT", "zip": "84123",
        });
        let refusal = create(&mut state, &owner, &with("endUser", end_user.clone()));
        assert_eq!(refusal, Err(Refusal::MissingParameter("endUser.phone")));
        end_user["phone"] = json!("555");
        let id = create(&mut state, &owner, &with("endUser", end_user.clone())).unwrap();
        assert_eq!(read(&state, &id)["endUser"], end_user);
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = consumer(&mut state, &owner);
        let mut expected = read(&state, &id);
        change(
            &mut state,
            &id,
            &json!({"city": "Murray", "ssn": "123456789", "suffix": null}),
        )
        .unwrap();
        expected["city"] = json!("Murray");
        expected["ssn"] = json!("6789");
        assert_eq!(read(&state, &id), expected);
        change(&mut state, &id, &json!({})).unwrap();
        assert_eq!(read(&state, &id), expected);
        let refusal = change(&mut state, &id, &json!({"ssn": "6789"}));
        assert_eq!(refusal, Err(Refusal::ConsumerFormat(ConsumerField::Ssn)));
    }

    #[test]
    fn a_consumer_survives_its_customer() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = consumer(&mut state, &owner);
        state.delete_customer(0, &owner).unwrap();
        assert_eq!(read(&state, &id)["ssn"], "1111");
        assert!(change(&mut state, &id, &json!({"city": "Murray"})).is_ok());
        let refusal = state.consumer_by_customer(0, &owner).err();
        assert_eq!(refusal, Some(Refusal::NoCustomerForConsumer));
    }
}
