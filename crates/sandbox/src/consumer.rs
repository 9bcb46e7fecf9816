//! Consumers: one per customer, never deleted, read with the social security number cut to four digits.

use axum::http::StatusCode;
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use crate::{
    answer::Answer,
    auth::PartnerIndex,
    config::Partnership,
    json::Fields,
    refusal::{ConsumerField, Refusal},
    state::{Call, State, check_id},
};

/// One consumer. No `Debug`: a person is in here.
pub(crate) struct Consumer {
    partner: PartnerIndex,
    customer: u64,
    created: Timestamp,
    details: Details,
}

/// What is known of a consumer, as it is read. Absent members are left out: since version 1.38.2 of the document most
/// of them are optional on create, although the read schema still lists them as required.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The last four digits; the rest is not even kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birthday: Option<Birthday>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_user: Option<EndUser>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Birthday {
    year: i16,
    month: i8,
    day_of_month: i8,
}

/// On whose behalf a reseller asks.
#[derive(Serialize)]
struct EndUser {
    name: String,
    address: String,
    city: String,
    state: String,
    zip: String,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
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
        details.check_complete()?;
        if self.config.partnership == Partnership::Reseller && details.end_user.is_none() {
            return Err(Refusal::EndUserRequired);
        }
        if taken {
            return Err(Refusal::ConsumerExists(owner.to_string()));
        }
        let id = self.random.hex_id();
        if let Some(record) = self.customers.get_mut(&owner) {
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
        call: &Call<'_>,
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
        Ok(consumer.answer(id))
    }

    pub(crate) fn route_consumer_by_customer(
        &self,
        caller: PartnerIndex,
        customer: &str,
    ) -> Result<Answer, Refusal> {
        check_id(customer, "customerId")?;
        let (id, consumer) = self.consumer_by_customer(caller, customer)?;
        Ok(consumer.answer(id))
    }

    pub(crate) fn route_update_consumer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        check_id(id, "consumerId")?;
        let body = call.json()?;
        self.consumer(caller, id)?;
        self.update_consumer(caller, id, Details::read(Fields::of(&body)?)?)?;
        Ok(Answer::no_content())
    }
}

impl Consumer {
    fn answer(&self, id: &str) -> Answer {
        let view = ConsumerView {
            id,
            customer_id: self.customer,
            created_date: self.created.as_second(),
            details: &self.details,
        };
        Answer::json(StatusCode::OK, &view)
    }
}

impl Details {
    /// Reads a create or a change: every member is optional here, but what is there must be well-formed.
    fn read(fields: Fields<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            first_name: fields.owned("firstName")?,
            last_name: fields.owned("lastName")?,
            address: fields.owned("address")?,
            city: fields.owned("city")?,
            state: fields.owned("state")?,
            zip: fields.owned("zip")?,
            phone: fields.text("phone")?.map(phone).transpose()?,
            ssn: fields.text("ssn")?.map(last_four).transpose()?,
            birthday: fields.object("birthday")?.map(birthday).transpose()?,
            email: fields.text("email")?.map(email).transpose()?,
            suffix: fields.owned("suffix")?,
            end_user: fields.object("endUser")?.map(end_user).transpose()?,
        })
    }

    /// What a new consumer needs: names and state, and one of each pair. The names of the pairs in the refusal are ours.
    fn check_complete(&self) -> Result<(), Refusal> {
        for (present, name) in [
            (self.first_name.is_some(), "firstName"),
            (self.last_name.is_some(), "lastName"),
            (self.state.is_some(), "state"),
            (
                self.ssn.is_some() || self.birthday.is_some(),
                "ssn or birthday",
            ),
            (
                self.phone.is_some() || self.email.is_some(),
                "phone or email",
            ),
        ] {
            if !present {
                return Err(Refusal::MissingParameter(name));
            }
        }
        Ok(())
    }

    fn take_over(&mut self, changes: Self) {
        fn set<T>(member: &mut Option<T>, change: Option<T>) {
            if change.is_some() {
                *member = change;
            }
        }
        let Self {
            first_name,
            last_name,
            address,
            city,
            state,
            zip,
            phone,
            ssn,
            birthday,
            email,
            suffix,
            end_user,
        } = changes;
        set(&mut self.first_name, first_name);
        set(&mut self.last_name, last_name);
        set(&mut self.address, address);
        set(&mut self.city, city);
        set(&mut self.state, state);
        set(&mut self.zip, zip);
        set(&mut self.phone, phone);
        set(&mut self.ssn, ssn);
        set(&mut self.birthday, birthday);
        set(&mut self.email, email);
        set(&mut self.suffix, suffix);
        set(&mut self.end_user, end_user);
    }
}

/// At most 15 characters, the limit in the document's prose; digits and the usual punctuation, which is our reading of
/// "invalid format".
fn phone(text: &str) -> Result<String, Refusal> {
    let usual = |letter: char| letter.is_ascii_digit() || " +-().".contains(letter);
    if text.len() > 15
        || !text.chars().all(usual)
        || !text.contains(|letter: char| letter.is_ascii_digit())
    {
        return Err(Refusal::ConsumerFormat(ConsumerField::Phone));
    }
    Ok(text.to_owned())
}

/// One `@` with something on both sides and no blanks, which is our reading of "invalid format".
fn email(text: &str) -> Result<String, Refusal> {
    let refusal = Refusal::ConsumerFormat(ConsumerField::Email);
    let Some((local, host)) = text.split_once('@') else {
        return Err(refusal);
    };
    let blank = |letter: char| letter.is_whitespace() || letter.is_control();
    if local.is_empty() || host.is_empty() || host.contains('@') || text.contains(blank) {
        return Err(refusal);
    }
    Ok(text.to_owned())
}

/// The last four of nine digits. Hyphens are allowed in a create, so they are dropped before the digits are counted.
fn last_four(text: &str) -> Result<String, Refusal> {
    let digits = text.replace('-', "");
    if digits.len() != 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::ConsumerFormat(ConsumerField::Ssn));
    }
    Ok(digits[5..].to_owned())
}

/// All three members, which must make a day of the calendar. The generic refusal of an impossible day is our choice.
fn birthday(fields: Fields<'_>) -> Result<Birthday, Refusal> {
    let member = |key, name| {
        fields
            .integer_or_text(key)?
            .ok_or(Refusal::MissingParameter(name))
    };
    let year = member("year", "birthday.year")?;
    let month = member("month", "birthday.month")?;
    let day_of_month = member("dayOfMonth", "birthday.dayOfMonth")?;
    let birthday = Birthday {
        year: i16::try_from(year).map_err(|_| Refusal::BadRequest)?,
        month: i8::try_from(month).map_err(|_| Refusal::BadRequest)?,
        day_of_month: i8::try_from(day_of_month).map_err(|_| Refusal::BadRequest)?,
    };
    Date::new(birthday.year, birthday.month, birthday.day_of_month)
        .map_err(|_| Refusal::BadRequest)?;
    Ok(birthday)
}

fn end_user(fields: Fields<'_>) -> Result<EndUser, Refusal> {
    let required = |key, name| fields.owned(key)?.ok_or(Refusal::MissingParameter(name));
    Ok(EndUser {
        name: required("name", "endUser.name")?,
        address: required("address", "endUser.address")?,
        city: required("city", "endUser.city")?,
        state: required("state", "endUser.state")?,
        zip: required("zip", "endUser.zip")?,
        phone: required("phone", "endUser.phone")?,
        email: fields.owned("email")?,
        url: fields.owned("url")?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::Config,
        customer::tests::{customer, second_partner, state},
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
