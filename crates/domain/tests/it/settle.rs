//! Creates whose answer was lost: found out by reading, never sent again on a guess.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use openfinance::{
    Client, Error, Refusal, RequestId,
    business::{NewAddress, NewBusiness, NewPhoneNumber},
    consumer::{Contact, Identity, NewConsumer, NewEndUser},
    customer::{CustomerType, NewCustomer},
    id::CustomerId,
    value::Birthday,
};
use serde_json::{Value, json};

use crate::server::{Answer, World};

/// What is created, and how the vendor answers about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Noun {
    Customer,
    Consumer,
    Business,
}

pub(crate) const NOUNS: [Noun; 3] = [Noun::Customer, Noun::Consumer, Noun::Business];

impl Noun {
    async fn create(self, client: &Client) -> Result<String, Error> {
        let owner: CustomerId = "7".parse().unwrap();
        match self {
            Self::Customer => client
                .create_customer(customer())
                .await
                .map(|made| made.id.to_string()),
            Self::Consumer => client
                .create_consumer(&owner, consumer())
                .await
                .map(|made| made.id.to_string()),
            Self::Business => client
                .create_business(&owner, business())
                .await
                .map(|made| made.id.to_string()),
        }
    }

    pub(crate) async fn create_once(
        self,
        client: &Client,
        request: RequestId,
    ) -> Result<String, Error> {
        let (once, owner): (_, CustomerId) = (client.once(request), "7".parse().unwrap());
        match self {
            Self::Customer => once
                .create_customer(customer())
                .await
                .map(|made| made.id.to_string()),
            Self::Consumer => once
                .create_consumer(&owner, consumer())
                .await
                .map(|made| made.id.to_string()),
            Self::Business => once
                .create_business(&owner, business())
                .await
                .map(|made| made.id.to_string()),
        }
    }

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Customer | Self::Business => "5",
            Self::Consumer => "0123456789abcdef0123456789abcdef",
        }
    }

    /// The record as it would be read if it were created now and as it was sent.
    pub(crate) fn record(self) -> Value {
        let now = Timestamp::now();
        match self {
            Self::Customer => json!({
                "id": self.id(), "username": "household-4711", "type": "testing", "firstName": "Ada",
                "lastName": "Lovelace", "phone": "555-0100", "email": "ada@example.com",
                "createdDate": now.as_second().to_string(),
            }),
            Self::Consumer => json!({
                "id": self.id(), "customerId": 7, "firstName": "Ada", "lastName": "Lovelace", "suffix": "Jr",
                "address": "1 Main St", "city": "Salt Lake City", "state": "UT", "zip": "84101",
                "phone": "555-0100", "email": "ada@example.com", "ssn": "6789",
                "birthday": {"year": 1989, "month": "08", "dayOfMonth": 13},
                "endUser": {"name": "Acme", "address": "2 Main St", "city": "Provo", "state": "UT",
                    "zip": "84601", "phone": "555-0101", "email": "a@example.com", "url": "https://example.com/"},
                "createdDate": now.as_second(),
            }),
            Self::Business => json!({
                "businessId": self.id(), "name": "Acme", "personallyLiable": false,
                "address": {"addressLine1": "1 Main St", "addressLine2": "Suite 2", "city": "Salt Lake City",
                    "state": "UT", "country": "US", "postalCode": "84101"},
                "phoneNumber": {"countryCode": "1", "phoneNo": "5550100"},
                "url": "https://example.com/", "email": "office@example.com", "type": "LLC", "taxId": "123456789",
                "createdDate": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            }),
        }
    }

    /// A read that finds this record.
    pub(crate) fn found(self, record: &Value) -> Answer {
        let body = match self {
            Self::Customer => {
                json!({"displaying": 1, "moreAvailable": false, "customers": [record]})
            }
            Self::Consumer => record.clone(),
            Self::Business => json!([record]),
        };
        Answer::json(200, &body.to_string())
    }

    /// A read that finds none.
    pub(crate) fn absent(self) -> Answer {
        match self {
            Self::Customer => Answer::json(
                200,
                r#"{"displaying": 0, "moreAvailable": false, "customers": []}"#,
            ),
            Self::Consumer => Answer::json(404, r#"{"code": 10100}"#),
            Self::Business => Answer::json(404, r#"{"code": 10003}"#),
        }
    }

    /// A create that succeeds.
    pub(crate) fn created(self) -> Answer {
        let status = match self {
            Self::Customer | Self::Consumer => 201,
            Self::Business => 200,
        };
        Answer::json(status, &self.record().to_string())
    }

    /// A create that is refused because of a record that exists.
    pub(crate) fn taken(self) -> Answer {
        let code = match self {
            Self::Customer => 110_002,
            Self::Consumer => 11_000,
            Self::Business => 10_004,
        };
        Answer::json(409, &json!({"code": code}).to_string())
    }

    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Customer => Refusal::UsernameTaken,
            Self::Consumer => Refusal::ConsumerExists,
            Self::Business => Refusal::BusinessExists,
        }
    }
}

fn customer() -> NewCustomer {
    NewCustomer {
        customer_type: CustomerType::Testing,
        username: "household-4711".parse().unwrap(),
        first_name: Some("Ada".parse().unwrap()),
        last_name: Some("Lovelace".parse().unwrap()),
        phone: Some("555-0100".parse().unwrap()),
        email: Some("ada@example.com".parse().unwrap()),
        application_id: None,
    }
}

fn consumer() -> NewConsumer {
    NewConsumer {
        first_name: "Ada".parse().unwrap(),
        last_name: "Lovelace".parse().unwrap(),
        state: "UT".parse().unwrap(),
        identity: Identity::Both(
            "123-45-6789".parse().unwrap(),
            Birthday::new(1989, 8, 13).unwrap(),
        ),
        contact: Contact::Both(
            "555-0100".parse().unwrap(),
            "ada@example.com".parse().unwrap(),
        ),
        address: Some("1 Main St".parse().unwrap()),
        city: Some("Salt Lake City".parse().unwrap()),
        zip: Some("84101".parse().unwrap()),
        suffix: Some("Jr".parse().unwrap()),
        end_user: Some(NewEndUser {
            name: "Acme".parse().unwrap(),
            address: "2 Main St".parse().unwrap(),
            city: "Provo".parse().unwrap(),
            state: "UT".parse().unwrap(),
            zip: "84601".parse().unwrap(),
            phone: "555-0101".parse().unwrap(),
            email: Some("a@example.com".parse().unwrap()),
            url: Some("https://example.com/".parse().unwrap()),
        }),
    }
}

fn business() -> NewBusiness {
    NewBusiness {
        name: "Acme".parse().unwrap(),
        personally_liable: false,
        address: NewAddress {
            address_line1: Some("1 Main St".parse().unwrap()),
            address_line2: Some("Suite 2".parse().unwrap()),
            city: Some("Salt Lake City".parse().unwrap()),
            state: Some("UT".parse().unwrap()),
            country: Some("US".parse().unwrap()),
            postal_code: Some("84101".parse().unwrap()),
        },
        phone_number: NewPhoneNumber {
            country_code: Some("1".parse().unwrap()),
            number: Some("5550100".parse().unwrap()),
        },
        url: Some("https://example.com/".parse().unwrap()),
        email: Some("office@example.com".parse().unwrap()),
        business_type: Some("LLC".parse().unwrap()),
        tax_id: Some("123456789".parse().unwrap()),
    }
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Made,
    Refused(Refusal),
    Unknown,
    Malformed,
}

fn told(noun: Noun, result: &Result<String, Error>) -> Told {
    match result {
        Ok(id) => {
            assert_eq!(id, noun.id());
            Told::Made
        }
        Err(Error::Refused { refusal, .. }) => Told::Refused(*refusal),
        Err(Error::OutcomeUnknown {
            resumable: false, ..
        }) => Told::Unknown,
        Err(Error::Malformed { .. }) => Told::Malformed,
        Err(error) => panic!("{noun:?}: {error:?}"),
    }
}

/// A vendor that is quiet after a moment, and a client that gives a write some seconds.
fn world() -> World {
    World::with(|config| {
        config.quiet_time = Duration::from_millis(300);
        config.write_cap = Duration::from_secs(3);
    })
}

/// Creates a record where creates are answered in turn and reads by how many creates have come; says what the caller is
/// told and how many creates were sent.
async fn outcome(
    noun: Noun,
    creates: Vec<Answer>,
    read: impl Fn(usize) -> Answer + Send + 'static,
) -> (Told, usize) {
    let world = world();
    world.answers(creates);
    world.reads(read);
    let result = noun.create(&world.client).await;
    (told(noun, &result), world.received("POST ").len() - 1)
}

#[tokio::test]
async fn what_became_of_a_lost_create_is_read() {
    let lost = || Answer::json(502, "<html>");
    let cases = NOUNS.map(async |noun| {
        let found = move || noun.found(&noun.record());
        let taken = Told::Refused(noun.refusal());
        let ours = outcome(noun, vec![lost()], move |_| found()).await;
        assert_eq!(ours, (Told::Made, 1), "{noun:?} landed");

        let other = outcome(noun, vec![lost()], move |_| {
            let mut record = noun.record();
            record["email"] = "other@example.com".into();
            noun.found(&record)
        });
        assert_eq!(other.await, (taken, 1), "{noun:?} of somebody else");

        let again = outcome(noun, vec![lost(), noun.created()], move |_| noun.absent());
        assert_eq!(again.await, (Told::Made, 2), "{noun:?} sent again");

        let late = outcome(noun, vec![lost(), noun.taken()], move |creates| {
            if creates < 2 { noun.absent() } else { found() }
        });
        assert_eq!(late.await, (Told::Made, 2), "{noun:?} landed late");

        // The first one took the last place, and so the second one found none.
        let full = Answer::json(400, r#"{"code": 42000}"#);
        let last_place = outcome(noun, vec![lost(), full.clone()], move |creates| {
            if creates < 2 { noun.absent() } else { found() }
        });
        assert_eq!(last_place.await, (Told::Made, 2), "{noun:?} at the limit");
        let no_place = outcome(noun, vec![lost(), full], move |_| noun.absent());
        assert_eq!(
            no_place.await,
            (Told::Refused(Refusal::TestingCustomerLimit), 2),
            "{noun:?} over the limit"
        );

        let unseen = outcome(noun, vec![lost(), noun.taken()], move |_| noun.absent());
        assert_eq!(
            unseen.await,
            (Told::Unknown, 2),
            "{noun:?} taken out of sight"
        );

        let twice = outcome(noun, vec![lost(), lost()], move |creates| {
            if creates < 2 { noun.absent() } else { found() }
        });
        assert_eq!(twice.await, (Told::Made, 2), "{noun:?} lost twice");
        let never = outcome(noun, vec![lost(), lost()], move |_| noun.absent());
        assert_eq!(never.await, (Told::Unknown, 2), "{noun:?} never there");

        let blind = outcome(noun, vec![lost()], |_| Answer::json(500, ""));
        assert_eq!(blind.await, (Told::Unknown, 1), "{noun:?} can't be read");

        // Without a loss before it there is nothing to find out.
        let first = outcome(noun, vec![noun.taken()], move |_| found());
        assert_eq!(first.await, (taken, 1), "{noun:?} refused at once");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_record_that_is_older_than_the_create_is_not_its() {
    for noun in NOUNS {
        for (age, expected) in [
            (100, Told::Made),
            (10_000, Told::Refused(noun.refusal())),
            // A record without a time can't be shown to be ours.
            (0, Told::Refused(noun.refusal())),
        ] {
            let created = Timestamp::now() - Duration::from_secs(age);
            let found = outcome(noun, vec![Answer::HangUp], move |_| {
                let mut record = noun.record();
                record["createdDate"] = match (noun, age) {
                    (_, 0) => Value::Null,
                    (Noun::Customer | Noun::Consumer, _) => created.as_second().into(),
                    (Noun::Business, _) => created.to_string().into(),
                };
                noun.found(&record)
            });
            assert_eq!(found.await, (expected, 1), "{noun:?} {age} s old");
        }
    }
}

/// The paths of all members, down to the last.
fn leaves(record: &Value, path: &str) -> Vec<String> {
    match record {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| leaves(value, &format!("{path}/{name}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            vec![path.to_owned()]
        }
    }
}

#[tokio::test]
async fn a_record_that_differs_in_any_field_is_not_ours() {
    for noun in NOUNS {
        let others = leaves(&noun.record(), "").into_iter().filter(|path| {
            // What the vendor adds, and whose it is, which a read of another customer's record denies already.
            !["/id", "/businessId", "/customerId", "/createdDate"].contains(&path.as_str())
        });
        let cases = others.map(async |path| {
            // Missing is different too.
            for value in ["null", "\"9\"", "true"] {
                let value: Value = serde_json::from_str(value).unwrap();
                if value.is_boolean() != path.contains("Liable") && !value.is_null() {
                    continue;
                }
                let (path, place) = (path.clone(), path.clone());
                let found = outcome(noun, vec![Answer::HangUp], move |_| {
                    let mut record = noun.record();
                    *record.pointer_mut(&place).unwrap() = value.clone();
                    noun.found(&record)
                });
                let (told, creates) = found.await;
                // A lookup that answers with another username has ignored what was asked.
                let expected = match path.as_str() {
                    "/username" => Told::Unknown,
                    _ => Told::Refused(noun.refusal()),
                };
                assert_eq!((told, creates), (expected, 1), "{noun:?} {path}");
            }
        });
        join_all(cases).await;
    }
}

#[tokio::test]
async fn an_owner_who_is_gone_and_an_owner_of_two_end_the_search() {
    let gone = |code: u32| move |_| Answer::json(404, &json!({ "code": code }).to_string());
    let lost = || vec![Answer::CutShort(201)];
    let expected = (Told::Refused(Refusal::CustomerNotFound), 1);
    assert_eq!(
        outcome(Noun::Consumer, lost(), gone(14_001)).await,
        expected
    );
    assert_eq!(
        outcome(Noun::Business, lost(), gone(10_002)).await,
        expected
    );
    let two = |_| {
        let record = Noun::Business.record();
        Answer::json(200, &json!([record, record]).to_string())
    };
    assert_eq!(
        outcome(Noun::Business, lost(), two).await,
        (Told::Malformed, 1)
    );
}
