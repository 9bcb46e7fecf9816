//! BusinessService, end to end.

mod refused;

use openfinance_rpc::pb;
use openfinance_sandbox::{Operation, PersonallyLiableRule};
use serde_json::json;
use tonic::Status;

use crate::{
    canary,
    world::{World, mask},
};

pub(crate) use refused::CASES;

const UNKNOWN_CUSTOMER: &str = "1234";
const UNKNOWN_BUSINESS: &str = "999999";

/// A business with every field that can be sent, of an owner who is not liable.
pub(crate) fn whole() -> pb::Business {
    pb::Business {
        name: "ABC Tires Inc".to_owned(),
        personally_liable: Some(false),
        address: Some(pb::Address {
            address_line1: "434 W Ascension Way".to_owned(),
            address_line2: "Suite 200".to_owned(),
            city: "Murray".to_owned(),
            state: "UT".to_owned(),
            country: "US".to_owned(),
            postal_code: "84123".to_owned(),
        }),
        phone_number: Some(pb::PhoneNumber {
            country_code: "141".to_owned(),
            number: "7992222".to_owned(),
        }),
        url: "https://www.example.com/".to_owned(),
        email: canary::EMAIL.to_owned(),
        r#type: "Nonprofit".to_owned(),
        tax_id: canary::TAX_ID.to_owned(),
        ..Default::default()
    }
}

async fn create(
    world: &World,
    customer_id: &str,
    business: pb::Business,
) -> Result<pb::Business, Status> {
    let request = pb::CreateBusinessRequest {
        customer_id: customer_id.to_owned(),
        business: Some(business),
        ..Default::default()
    };
    world
        .businesses()
        .create_business(request)
        .await
        .map(world.seen())
}

async fn get(world: &World, business_id: &str) -> Result<pb::Business, Status> {
    let request = pb::GetBusinessRequest {
        business_id: business_id.to_owned(),
    };
    world
        .businesses()
        .get_business(request)
        .await
        .map(world.seen())
}

async fn get_by_customer(world: &World, customer_id: &str) -> Result<pb::Business, Status> {
    let request = pb::GetBusinessByCustomerRequest {
        customer_id: customer_id.to_owned(),
    };
    world
        .businesses()
        .get_business_by_customer(request)
        .await
        .map(world.seen())
}

async fn update(
    world: &World,
    business: pb::Business,
    paths: &[&str],
) -> Result<pb::Business, Status> {
    let request = pb::UpdateBusinessRequest {
        business: Some(business),
        update_mask: mask(paths),
    };
    world
        .businesses()
        .update_business(request)
        .await
        .map(world.seen())
}

#[tokio::test]
async fn create_business_answers_the_whole_record_and_both_reads_the_same() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let expected = pb::Business {
        business_id: created.business_id.clone(),
        customer_id: customer_id.clone(),
        create_time: Some(world.now()),
        update_time: Some(world.now()),
        ..whole()
    };
    assert!(!created.business_id.is_empty());
    assert_eq!(created, expected);
    assert_eq!(
        get_by_customer(&world, &customer_id).await.unwrap(),
        expected
    );
    // By its own id, the vendor does not say whose it is.
    let by_id = pb::Business {
        customer_id: String::new(),
        ..expected
    };
    assert_eq!(get(&world, &created.business_id).await.unwrap(), by_id);
    world.stop().await;
}

#[tokio::test]
async fn create_business_needs_no_more_than_the_vendor_asks_for() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let least = pb::Business {
        name: "ABC".to_owned(),
        personally_liable: Some(false),
        address: Some(pb::Address::default()),
        phone_number: Some(pb::PhoneNumber::default()),
        ..Default::default()
    };
    assert_eq!(
        create(&world, &customer_id, least).await.unwrap().name,
        "ABC"
    );
    world.stop().await;
}

#[tokio::test]
async fn create_business_of_a_liable_owner_comes_after_the_consumer() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let liable = pb::Business {
        personally_liable: Some(true),
        ..whole()
    };
    create(&world, &customer_id, liable.clone())
        .await
        .unwrap_err();
    world.consumer_of(&customer_id).await;
    let created = create(&world, &customer_id, liable).await.unwrap();
    assert_eq!(created.personally_liable, Some(true));
    world.stop().await;
}

#[tokio::test]
async fn create_business_of_a_liable_owner_alone_where_the_vendor_does_not_mind() {
    let world =
        World::with(|sandbox| sandbox.personally_liable_rule = PersonallyLiableRule::Off).await;
    let customer_id = world.customer().await;
    create(
        &world,
        &customer_id,
        pb::Business {
            personally_liable: Some(true),
            ..whole()
        },
    )
    .await
    .unwrap();
    world.stop().await;
}

#[tokio::test]
async fn create_business_validate_only_answers_the_record_and_calls_no_one() {
    let world = World::start().await;
    let request = pb::CreateBusinessRequest {
        customer_id: UNKNOWN_CUSTOMER.to_owned(),
        business: Some(whole()),
        validate_only: true,
        ..Default::default()
    };
    let checked = world
        .businesses()
        .create_business(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(
        checked,
        pb::Business {
            customer_id: UNKNOWN_CUSTOMER.to_owned(),
            ..whole()
        }
    );
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn update_business_merges_what_the_mask_names_and_clears_what_is_empty() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let change = pb::Business {
        business_id: created.business_id.clone(),
        name: "ABC Tires LLC".to_owned(),
        address: Some(pb::Address {
            city: "Provo".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let updated = update(&world, change, &["name", "address.city", "url", "tax_id"])
        .await
        .unwrap();
    let address = pb::Address {
        city: "Provo".to_owned(),
        ..whole().address.unwrap()
    };
    let expected = pb::Business {
        business_id: created.business_id.clone(),
        name: "ABC Tires LLC".to_owned(),
        address: Some(address),
        url: String::new(),
        tax_id: String::new(),
        create_time: created.create_time,
        update_time: updated.update_time,
        ..whole()
    };
    assert_eq!(updated, expected);
    assert_eq!(get(&world, &created.business_id).await.unwrap(), expected);
    world.stop().await;
}

#[tokio::test]
async fn update_business_with_a_star_replaces() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let least = pb::Business {
        business_id: created.business_id.clone(),
        name: "ABC".to_owned(),
        personally_liable: Some(false),
        address: Some(pb::Address {
            city: "Provo".to_owned(),
            ..Default::default()
        }),
        phone_number: Some(pb::PhoneNumber::default()),
        ..Default::default()
    };
    let updated = update(&world, least.clone(), &["*"]).await.unwrap();
    let expected = pb::Business {
        create_time: updated.create_time,
        update_time: updated.update_time,
        phone_number: updated.phone_number.clone(),
        ..least
    };
    assert_eq!(updated, expected);
    assert_eq!(
        updated.phone_number.unwrap_or_default(),
        pb::PhoneNumber::default()
    );
    world.stop().await;
}

#[tokio::test]
async fn update_business_without_mask_makes_get_edit_update_work() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    create(&world, &customer_id, whole()).await.unwrap();
    let read = get_by_customer(&world, &customer_id).await.unwrap();
    let edited = pb::Business {
        name: "ABC Tires LLC".to_owned(),
        ..read
    };
    let updated = update(&world, edited.clone(), &[]).await.unwrap();
    assert_eq!(
        updated,
        pb::Business {
            customer_id: String::new(),
            update_time: updated.update_time,
            ..edited
        }
    );
    world.stop().await;
}

#[tokio::test]
async fn all_violations_are_told_at_once_and_nothing_is_sent() {
    let world = World::start().await;
    let business = pb::Business {
        business_id: "1".to_owned(),
        customer_id: "1".to_owned(),
        name: "x".repeat(151),
        personally_liable: None,
        address: Some(pb::Address {
            country: "United States".to_owned(),
            city: "a\nb".to_owned(),
            ..Default::default()
        }),
        phone_number: Some(pb::PhoneNumber {
            country_code: "1234".to_owned(),
            number: "1".repeat(13),
        }),
        url: "no url".to_owned(),
        email: "\u{0}".to_owned(),
        r#type: "x".repeat(151),
        tax_id: "12345678".to_owned(),
        create_time: Some(world.now()),
        update_time: Some(world.now()),
    };
    let status = create(&world, "abc", business).await.unwrap_err();
    let fields = [
        "customer_id",
        "business.business_id",
        "business.customer_id",
        "business.name",
        "business.personally_liable",
        "business.address.country",
        "business.address.city",
        "business.phone_number.country_code",
        "business.phone_number.number",
        "business.url",
        "business.email",
        "business.type",
        "business.tax_id",
        "business.create_time",
        "business.update_time",
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
async fn a_stored_country_that_we_would_not_send_survives_an_update_of_something_else() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let created = create(&world, &customer_id, whole()).await.unwrap();
    let id = created.business_id;
    let stored = json!([{
        "businessId": id, "name": "ABC", "personallyLiable": false, "address": {"country": "USA"}, "phoneNumber": {},
        "createdDate": "2022-04-12T11:51:23", "modifiedDate": "2022-04-12T11:51:23Z", "url": null
    }]);
    world.answers(Operation::GetBusinessById, 200, stored);
    let change = pb::Business {
        business_id: id.clone(),
        name: "DEF".to_owned(),
        ..Default::default()
    };
    let updated = update(&world, change, &["name"]).await.unwrap();
    assert_eq!(updated.name, "DEF");
    assert_eq!(updated.address.unwrap().country, "USA");
    world.stop().await;
}
