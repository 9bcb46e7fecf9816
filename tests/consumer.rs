//! ConsumerService, end to end.

mod refused;

use openfinance_rpc::pb;
use openfinance_sandbox::{Operation, Partnership};
use serde_json::json;
use tonic::Status;

use crate::{
    canary,
    world::{World, mask},
};

pub(crate) use refused::CASES;

const UNKNOWN_CUSTOMER: &str = "1234";
const UNKNOWN_CONSUMER: &str = "0bf46322c167b562e6cbed9d40e19a4c";

fn end_user() -> pb::EndUser {
    pb::EndUser {
        name: "Lender Inc".to_owned(),
        address: "1 Main Street".to_owned(),
        city: "Murray".to_owned(),
        state: "UT".to_owned(),
        zip: "84123".to_owned(),
        phone: "801-555-0100".to_owned(),
        email: "office@lender.example".to_owned(),
        url: "https://lender.example".to_owned(),
    }
}

/// A consumer with every field that can be sent.
pub(crate) fn whole() -> pb::Consumer {
    pb::Consumer {
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        suffix: "Jr".to_owned(),
        address: "434 W Ascension Way".to_owned(),
        city: "Murray".to_owned(),
        state: "UT".to_owned(),
        zip: "84123".to_owned(),
        phone: canary::PHONE.to_owned(),
        email: canary::EMAIL.to_owned(),
        ssn: canary::SSN.to_owned(),
        birthday: Some(canary::birthday()),
        end_user: Some(end_user()),
        ..Default::default()
    }
}

/// A consumer with no more than the vendor asks for.
fn least() -> pb::Consumer {
    pb::Consumer {
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        state: "UT".to_owned(),
        email: canary::EMAIL.to_owned(),
        birthday: Some(canary::birthday()),
        ..Default::default()
    }
}

/// What is answered for what was sent.
fn as_read(sent: pb::Consumer, like: &pb::Consumer) -> pb::Consumer {
    let ssn_last_four = sent
        .ssn
        .chars()
        .skip(sent.ssn.len().saturating_sub(4))
        .collect();
    pb::Consumer {
        consumer_id: like.consumer_id.clone(),
        customer_id: like.customer_id.clone(),
        create_time: like.create_time,
        ssn: String::new(),
        ssn_last_four,
        ..sent
    }
}

async fn create(
    world: &World,
    customer_id: &str,
    consumer: pb::Consumer,
) -> Result<pb::Consumer, Status> {
    let request = pb::CreateConsumerRequest {
        customer_id: customer_id.to_owned(),
        consumer: Some(consumer),
        ..Default::default()
    };
    world
        .consumers()
        .create_consumer(request)
        .await
        .map(world.seen())
}

pub(crate) fn for_business(customer_id: &str) -> pb::CreateConsumerForBusinessRequest {
    pb::CreateConsumerForBusinessRequest {
        customer_id: customer_id.to_owned(),
        business_name: "ABC Plumbing".to_owned(),
        business_type: "LLC".to_owned(),
        ein: canary::EIN.to_owned(),
        report_date: Some(pb::Date {
            year: 2026,
            month: 7,
            day: 25,
        }),
        state: "UT".to_owned(),
        phone: "1-801-984-4200".to_owned(),
        ..Default::default()
    }
}

async fn create_for_business(
    world: &World,
    request: pb::CreateConsumerForBusinessRequest,
) -> Result<pb::Consumer, Status> {
    world
        .consumers()
        .create_consumer_for_business(request)
        .await
        .map(world.seen())
}

async fn get(world: &World, consumer_id: &str) -> Result<pb::Consumer, Status> {
    let request = pb::GetConsumerRequest {
        consumer_id: consumer_id.to_owned(),
    };
    world
        .consumers()
        .get_consumer(request)
        .await
        .map(world.seen())
}

async fn get_by_customer(world: &World, customer_id: &str) -> Result<pb::Consumer, Status> {
    let request = pb::GetConsumerByCustomerRequest {
        customer_id: customer_id.to_owned(),
    };
    world
        .consumers()
        .get_consumer_by_customer(request)
        .await
        .map(world.seen())
}

async fn update(
    world: &World,
    consumer: pb::Consumer,
    paths: &[&str],
) -> Result<pb::Consumer, Status> {
    let request = pb::UpdateConsumerRequest {
        consumer: Some(consumer),
        update_mask: mask(paths),
    };
    world
        .consumers()
        .update_consumer(request)
        .await
        .map(world.seen())
}

#[tokio::test]
async fn create_consumer_answers_the_whole_record_without_the_ssn_and_both_reads_the_same() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    assert_eq!(created, as_read(whole(), &created));
    assert_eq!(created.customer_id, customer_id);
    assert_eq!(created.create_time, Some(world.now()));
    assert_eq!(created.consumer_id.len(), 32);
    assert_eq!(get(&world, &created.consumer_id).await.unwrap(), created);
    assert_eq!(
        get_by_customer(&world, &customer_id).await.unwrap(),
        created
    );
    world.stop().await;
}

#[tokio::test]
async fn create_consumer_needs_no_more_than_the_vendor_asks_for() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, least()).await.unwrap();
    assert_eq!(created, as_read(least(), &created));
    assert_eq!(get(&world, &created.consumer_id).await.unwrap(), created);
    world.stop().await;
}

#[tokio::test]
async fn create_consumer_validate_only_answers_the_record_and_calls_no_one() {
    let world = World::start().await;
    let request = pb::CreateConsumerRequest {
        customer_id: UNKNOWN_CUSTOMER.to_owned(),
        consumer: Some(whole()),
        validate_only: true,
        ..Default::default()
    };
    let checked = world
        .consumers()
        .create_consumer(request)
        .await
        .map(world.seen())
        .unwrap();
    let expected = pb::Consumer {
        customer_id: UNKNOWN_CUSTOMER.to_owned(),
        ..Default::default()
    };
    assert_eq!(checked, as_read(whole(), &expected));
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn create_consumer_for_business_follows_the_vendors_rule() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create_for_business(&world, for_business(&customer_id))
        .await
        .unwrap();
    assert_eq!(
        (created.first_name.as_str(), created.last_name.as_str()),
        ("ABC Plumbing", "LLC")
    );
    assert_eq!(created.ssn_last_four, canary::EIN[5..]);
    assert_eq!(
        created.birthday,
        Some(pb::Date {
            year: 2026,
            month: 7,
            day: 25
        })
    );
    assert_eq!(get(&world, &created.consumer_id).await.unwrap(), created);
    world.stop().await;
}

#[tokio::test]
async fn a_reseller_creates_a_consumer_with_its_end_user() {
    let world = World::with(|sandbox| sandbox.partnership = Partnership::Reseller).await;
    let customer_id = world.customer().await;
    create(&world, &customer_id, whole()).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn update_consumer_changes_what_the_mask_names_and_nothing_else() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let change = pb::Consumer {
        consumer_id: created.consumer_id.clone(),
        city: "Provo".to_owned(),
        zip: "84601".to_owned(),
        ..Default::default()
    };
    let updated = update(&world, change, &["city"]).await.unwrap();
    assert_eq!(
        updated,
        pb::Consumer {
            city: "Provo".to_owned(),
            ..created.clone()
        }
    );

    let ssn = pb::Consumer {
        consumer_id: created.consumer_id.clone(),
        ssn: canary::EIN.to_owned(),
        ..Default::default()
    };
    let updated = update(&world, ssn, &["ssn"]).await.unwrap();
    assert_eq!(updated.ssn_last_four, canary::EIN[5..]);
    world.stop().await;
}

#[tokio::test]
async fn update_consumer_without_mask_makes_get_edit_update_work() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    create(&world, &customer_id, whole()).await.unwrap();
    let read = get_by_customer(&world, &customer_id).await.unwrap();
    let edited = pb::Consumer {
        city: "Provo".to_owned(),
        ..read
    };
    // The four digits that were read are output only, and never sent back as a number.
    assert_eq!(update(&world, edited.clone(), &[]).await.unwrap(), edited);
    world.stop().await;
}

#[tokio::test]
async fn get_edit_update_works_although_the_vendor_keeps_half_a_birthday() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let body = json!({
        "id": created.consumer_id, "customerId": created.customer_id, "firstName": "A", "lastName": "B", "state": "UT",
        "birthday": {"year": 1990, "month": null}, "createdDate": 1607450357
    });
    world.answers(Operation::GetConsumer, 200, body);
    let read = get(&world, &created.consumer_id).await.unwrap();
    assert_eq!(
        read.birthday,
        Some(pb::Date {
            year: 1990,
            month: 0,
            day: 0
        })
    );
    let edited = pb::Consumer {
        city: "Provo".to_owned(),
        ..read
    };
    assert_eq!(update(&world, edited, &[]).await.unwrap().city, "Provo");
    world.stop().await;
}

#[tokio::test]
async fn all_violations_are_told_at_once_and_nothing_is_sent() {
    let world = World::start().await;
    let consumer = pb::Consumer {
        consumer_id: UNKNOWN_CONSUMER.to_owned(),
        customer_id: UNKNOWN_CUSTOMER.to_owned(),
        first_name: String::new(),
        last_name: "\u{1b}[0m".to_owned(),
        ssn: "6789".to_owned(),
        ssn_last_four: "6789".to_owned(),
        birthday: Some(pb::Date {
            year: 1989,
            month: 2,
            day: 30,
        }),
        phone: "1234567890123456".to_owned(),
        create_time: Some(world.now()),
        end_user: Some(pb::EndUser {
            url: "x".to_owned(),
            ..end_user()
        }),
        ..Default::default()
    };
    let status = create(&world, "abc", consumer).await.unwrap_err();
    let fields = [
        "customer_id",
        "consumer.consumer_id",
        "consumer.customer_id",
        "consumer.first_name",
        "consumer.last_name",
        "consumer.state",
        "consumer.ssn",
        "consumer.ssn_last_four",
        "consumer.birthday",
        "consumer.phone",
        "consumer.create_time",
        "consumer.end_user.url",
    ];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_consumer_without_identity_or_contact_is_refused_for_both() {
    let world = World::start().await;
    let consumer = pb::Consumer {
        birthday: None,
        email: String::new(),
        ..least()
    };
    let status = create(&world, UNKNOWN_CUSTOMER, consumer)
        .await
        .unwrap_err();
    let fields = ["consumer.ssn", "consumer.phone"];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    world.stop().await;
}
