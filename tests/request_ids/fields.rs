//! Whatever differs in what is asked makes it another request, which can't have the same id.

use std::{collections::BTreeSet, fmt::Debug};

use openfinance_rpc::{FILE_DESCRIPTOR_SET, pb};
use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::create::{Create, business, consumer, customer, for_business, some};
use crate::{fleet::reason, world::World};

/// A field, and how it is changed.
type Change<M> = (&'static str, fn(&mut M));

/// What a caller can't set, and what is no part of what is asked.
const NO_CONTENT: &[&str] = &[
    "request_id",
    "validate_only",
    "customer.customer_id",
    "customer.create_time",
    "customer.update_time",
    "consumer.consumer_id",
    "consumer.customer_id",
    "consumer.ssn_last_four",
    "consumer.create_time",
    "business.business_id",
    "business.customer_id",
    "business.create_time",
    "business.update_time",
];

fn other() -> String {
    "other.example".to_owned()
}

const CUSTOMER: &[Change<pb::CreateCustomerRequest>] = &[
    ("customer.username", |request| {
        some(&mut request.customer).username = other()
    }),
    ("customer.type", |request| {
        some(&mut request.customer).r#type = pb::CustomerType::Active.into()
    }),
    ("customer.first_name", |request| {
        some(&mut request.customer).first_name = other()
    }),
    ("customer.last_name", |request| {
        some(&mut request.customer).last_name = String::new()
    }),
    ("customer.phone", |request| {
        some(&mut request.customer).phone = other()
    }),
    ("customer.email", |request| {
        some(&mut request.customer).email = String::new()
    }),
    ("customer.application_id", |request| {
        some(&mut request.customer).application_id = "17".to_owned()
    }),
];

fn person(request: &mut pb::CreateConsumerRequest) -> &mut pb::Consumer {
    some(&mut request.consumer)
}

fn end_user(request: &mut pb::CreateConsumerRequest) -> &mut pb::EndUser {
    some(&mut person(request).end_user)
}

fn birthday(request: &mut pb::CreateConsumerRequest) -> &mut pb::Date {
    some(&mut person(request).birthday)
}

const CONSUMER: &[Change<pb::CreateConsumerRequest>] = &[
    ("customer_id", |request| {
        request.customer_id = "1234".to_owned()
    }),
    ("consumer.first_name", |request| {
        person(request).first_name = other()
    }),
    ("consumer.last_name", |request| {
        person(request).last_name = other()
    }),
    ("consumer.suffix", |request| {
        person(request).suffix = String::new()
    }),
    ("consumer.address", |request| {
        person(request).address = other()
    }),
    ("consumer.city", |request| person(request).city = other()),
    ("consumer.state", |request| {
        person(request).state = "NV".to_owned()
    }),
    ("consumer.zip", |request| {
        person(request).zip = "89501".to_owned()
    }),
    ("consumer.phone", |request| {
        person(request).phone = "555-0199".to_owned()
    }),
    ("consumer.email", |request| {
        person(request).email = "other@other.example".to_owned()
    }),
    // The last four digits are the same, and they are all that the vendor ever tells.
    ("consumer.ssn", |request| {
        person(request).ssn = "508-31-8642".to_owned()
    }),
    ("consumer.birthday.year", |request| {
        birthday(request).year -= 1
    }),
    ("consumer.birthday.month", |request| {
        birthday(request).month -= 1
    }),
    ("consumer.birthday.day", |request| {
        birthday(request).day -= 1
    }),
    ("consumer.end_user.name", |request| {
        end_user(request).name = other()
    }),
    ("consumer.end_user.address", |request| {
        end_user(request).address = other()
    }),
    ("consumer.end_user.city", |request| {
        end_user(request).city = other()
    }),
    ("consumer.end_user.state", |request| {
        end_user(request).state = "NV".to_owned()
    }),
    ("consumer.end_user.zip", |request| {
        end_user(request).zip = "89501".to_owned()
    }),
    ("consumer.end_user.phone", |request| {
        end_user(request).phone = "555-0199".to_owned()
    }),
    ("consumer.end_user.email", |request| {
        end_user(request).email = String::new()
    }),
    ("consumer.end_user.url", |request| {
        end_user(request).url = String::new()
    }),
];

fn report_date(request: &mut pb::CreateConsumerForBusinessRequest) -> &mut pb::Date {
    some(&mut request.report_date)
}

const FOR_BUSINESS: &[Change<pb::CreateConsumerForBusinessRequest>] = &[
    ("customer_id", |request| {
        request.customer_id = "1234".to_owned()
    }),
    ("business_name", |request| request.business_name = other()),
    ("business_type", |request| {
        request.business_type = "Inc".to_owned()
    }),
    ("ein", |request| request.ein = "731946529".to_owned()),
    ("report_date.year", |request| report_date(request).year -= 1),
    ("report_date.month", |request| {
        report_date(request).month -= 1
    }),
    ("report_date.day", |request| report_date(request).day -= 1),
    ("address", |request| request.address = other()),
    ("city", |request| request.city = other()),
    ("state", |request| request.state = "NV".to_owned()),
    ("zip", |request| request.zip = "89501".to_owned()),
    ("phone", |request| request.phone = "555-0199".to_owned()),
    ("email", |request| {
        request.email = "other@other.example".to_owned()
    }),
];

fn company(request: &mut pb::CreateBusinessRequest) -> &mut pb::Business {
    some(&mut request.business)
}

fn address(request: &mut pb::CreateBusinessRequest) -> &mut pb::Address {
    some(&mut company(request).address)
}

fn phone_number(request: &mut pb::CreateBusinessRequest) -> &mut pb::PhoneNumber {
    some(&mut company(request).phone_number)
}

const BUSINESS: &[Change<pb::CreateBusinessRequest>] = &[
    ("customer_id", |request| {
        request.customer_id = "1234".to_owned()
    }),
    ("business.name", |request| company(request).name = other()),
    ("business.personally_liable", |request| {
        company(request).personally_liable = Some(true)
    }),
    ("business.address.address_line1", |request| {
        address(request).address_line1 = other()
    }),
    ("business.address.address_line2", |request| {
        address(request).address_line2 = String::new()
    }),
    ("business.address.city", |request| {
        address(request).city = other()
    }),
    ("business.address.state", |request| {
        address(request).state = "NV".to_owned()
    }),
    ("business.address.country", |request| {
        address(request).country = "CA".to_owned()
    }),
    ("business.address.postal_code", |request| {
        address(request).postal_code = "89501".to_owned()
    }),
    ("business.phone_number.country_code", |request| {
        phone_number(request).country_code = "1".to_owned()
    }),
    ("business.phone_number.number", |request| {
        phone_number(request).number = "5550199".to_owned()
    }),
    ("business.url", |request| {
        company(request).url = "https://other.example/".to_owned()
    }),
    ("business.email", |request| {
        company(request).email = "other@other.example".to_owned()
    }),
    ("business.type", |request| company(request).r#type = other()),
    ("business.tax_id", |request| {
        company(request).tax_id = "84-7391653".to_owned()
    }),
];

/// The paths of all fields of a message that hold no message of ours.
fn leaves(message: &str) -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let ours = |name: &str| {
        let name = name.rsplit('.').next().unwrap().to_owned();
        let files = set
            .file
            .iter()
            .filter(|file| file.package() == "openfinance.v1");
        let mut messages = files.flat_map(|file| &file.message_type);
        messages.find(|message| message.name() == name)
    };
    let mut found = BTreeSet::new();
    let mut open = vec![(String::new(), ours(message).unwrap())];
    while let Some((before, message)) = open.pop() {
        for field in &message.field {
            let path = format!("{before}{}", field.name());
            let inner = match field.type_name() {
                name if name.starts_with(".openfinance.v1.") => ours(name),
                _ => None,
            };
            match inner {
                Some(inner) => open.push((format!("{path}."), inner)),
                None => drop(found.insert(path)),
            }
        }
    }
    found
}

/// Creates `first`, and then sends it again with each field changed.
async fn refuses_each<M: Clone + PartialEq + Debug + Into<Create>>(
    world: &World,
    message: &str,
    first: M,
    changes: &[Change<M>],
) {
    let all = leaves(message);
    let content = all
        .iter()
        .map(String::as_str)
        .filter(|path| !NO_CONTENT.contains(path));
    let changed: BTreeSet<&str> = changes.iter().map(|(path, _)| *path).collect();
    assert_eq!(changed, content.collect(), "the fields of {message}");
    let send = async |request: M| request.into().once().send(world.channel()).await;
    let id = send(first.clone()).await.unwrap();
    let calls = world.calls();
    for (path, change) in changes {
        let mut request = first.clone();
        change(&mut request);
        assert!(request != first, "{path} is as it was");
        let refusal = send(request).await.unwrap_err();
        assert_eq!(reason(&refusal), "REQUEST_ID_REUSED", "{path}");
    }
    assert_eq!(send(first).await.unwrap(), id);
    assert_eq!(world.calls(), calls, "the vendor was asked");
}

#[tokio::test]
async fn each_field_that_differs_makes_it_another_request() {
    let world = World::start().await;
    let owner = world.customer().await;
    let other = world.customer().await;
    let first = customer("household-4711");
    refuses_each(&world, "CreateCustomerRequest", first, CUSTOMER).await;
    // The id is the same for all: it counts within one method.
    refuses_each(&world, "CreateConsumerRequest", consumer(&owner), CONSUMER).await;
    let message = "CreateConsumerForBusinessRequest";
    refuses_each(&world, message, for_business(&other), FOR_BUSINESS).await;
    refuses_each(&world, "CreateBusinessRequest", business(&owner), BUSINESS).await;
    world.stop().await;
}
