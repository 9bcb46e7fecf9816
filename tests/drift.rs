//! Answers of the vendor that leave our document, end to end: counted by their place, and never by what was answered.
//!
//! That answers which do not are counted nowhere is held by every test, when its world stops.

use std::{collections::BTreeMap, path::PathBuf};

use openfinance_gateway::config::{self, Upstream};
use openfinance_rpc::pb;
use openfinance_sandbox::{FaultRule, Malformed, Operation, Quirks, quirk};
use serde_json::json;

use crate::{
    canary,
    customer::testing,
    onboarding::household,
    world::{World, mask},
};

/// The counter.
const DRIFT: &str = "openfinance_upstream_drift_total";

/// What was counted: how often, by operation, kind and pointer.
async fn counted(world: &World) -> BTreeMap<(String, String, String), u64> {
    let page = world.admin("/metrics").await;
    let series = page.lines().filter_map(|line| {
        let (labels, times) = line.strip_prefix(DRIFT)?.split_once(' ')?;
        let labels = labels.strip_prefix('{')?.strip_suffix('}')?;
        let mut values = labels
            .split(',')
            .map(|label| label.split('"').nth(1).unwrap().to_owned());
        let mut value = || values.next().unwrap();
        Some(((value(), value(), value()), times.parse().unwrap()))
    });
    series.collect()
}

/// Holds what was counted against operation, kind, pointer and times.
async fn expect(world: &World, expected: &[(&str, &str, &str, u64)]) {
    let expected = expected.iter().map(|(operation, kind, pointer, times)| {
        let key = [operation, kind, pointer].map(|word| (*word).to_owned());
        (key.into(), *times)
    });
    let expected: BTreeMap<(String, String, String), u64> = expected.collect();
    assert_eq!(counted(world).await, expected);
}

/// A customer as the vendor answers it.
fn customer() -> serde_json::Value {
    json!({
        "id": "1005", "username": "household-4711", "type": "testing", "createdDate": "1767225600",
        "firstName": canary::FIRST_NAME,
    })
}

async fn read(world: &World) {
    let request = pb::GetCustomerRequest {
        customer_id: "1005".to_owned(),
    };
    // Whether it can be used is not what is asked here.
    let answer = world.customers().get_customer(request).await;
    let _ = answer.map(world.seen());
}

#[tokio::test]
async fn drift_is_counted_by_its_place_and_never_by_what_was_answered() {
    let world = World::start().await;
    // Names and values that must turn up nowhere; the log is watched too.
    let mut more = customer();
    more[canary::LAST_NAME] = json!(canary::SSN);
    more[canary::TAX_ID] = json!({ canary::EMAIL: [canary::PHONE] });
    let mut other = customer();
    other["firstName"] = json!({ canary::LAST_NAME: canary::SSN });
    other["phone"] = json!([canary::PHONE]);
    let mut less = customer();
    less["type"] = json!(null);
    less.as_object_mut().unwrap().remove("username");
    for answer in [&more, &more, &other, &less] {
        world.answers(Operation::GetCustomer, 200, answer.clone());
        read(&world).await;
    }
    let refused = json!({ "errorCode": 14001, "message": { "text": canary::LAST_NAME } });
    world.answers(Operation::GetCustomer, 400, refused);
    read(&world).await;
    expect(
        &world,
        &[
            // Two members of two answers and one of a refusal.
            ("GetCustomer", "unknown_member", "/_other", 3),
            ("GetCustomer", "other_type", "/firstName", 1),
            ("GetCustomer", "other_type", "/phone", 1),
            ("GetCustomer", "missing_member", "/type", 1),
            ("GetCustomer", "missing_member", "/username", 1),
            ("GetCustomer", "other_type", "/message", 1),
        ],
    )
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_vendor_that_changes_its_answers_is_told_at_each_place_once_an_answer() {
    let world = World::start().await;
    for name in ["household-1", "household-2", "household-3"] {
        let request = pb::CreateCustomerRequest {
            customer: Some(testing(name)),
            ..Default::default()
        };
        world.customers().create_customer(request).await.unwrap();
    }
    let list = || async {
        let request = pb::ListCustomersRequest::default();
        let _ = world.customers().list_customers(request).await;
    };
    let spoil = |malformed| {
        let rule = FaultRule::on(Operation::GetCustomers).malformed(malformed);
        world.sandbox().add_fault(rule).unwrap();
    };
    list().await;
    expect(&world, &[]).await;
    spoil(Malformed::ExtraFields);
    list().await;
    let item = ("GetCustomers", "unknown_member", "/customers/*/_other", 1);
    let page = ("GetCustomers", "unknown_member", "/_other", 1);
    expect(&world, &[item, page]).await;
    spoil(Malformed::MissingField);
    list().await;
    let gone = ("GetCustomers", "missing_member", "/customers", 1);
    expect(&world, &[item, page, gone]).await;
    // What has no body by the document: told as such, and as what it is.
    let rule = FaultRule::on(Operation::CreateToken).malformed(Malformed::ExtraFields);
    world.sandbox().add_fault(rule).unwrap();
    world
        .sandbox()
        .revoke_tokens(openfinance_sandbox::Revoke::All);
    list().await;
    let login = ("CreateToken", "unknown_member", "/_other", 1);
    expect(&world, &[item, page, gone, login]).await;
    world.stop().await;
}

/// A world with these quirks, whose gateway may change the partner's secret.
async fn quirky(quirks: Quirks, secret: PathBuf) -> World {
    World::with_gateway(
        |sandbox| sandbox.quirks = quirks,
        |settings: &mut config::Config| {
            let Upstream::Vendor(vendor) = &mut settings.upstream else {
                panic!("the world's gateway calls a sandbox of its own");
            };
            vendor.secret_file = Some(secret);
        },
    )
    .await
}

/// Has each operation answered as it should be, and most refused once.
async fn every_operation(world: &World) {
    world.sandbox().add_application("app-1", "Loans");
    let mut whole = household();
    let customer = whole.customer.as_mut().unwrap();
    customer.r#type = pb::CustomerType::Active.into();
    customer.application_id = "app-1".to_owned();
    let consumer = whole.consumer.as_mut().unwrap();
    // What earlier versions of the document require.
    for field in [&mut consumer.address, &mut consumer.city] {
        *field = "Murray".to_owned();
    }
    consumer.zip = "84123".to_owned();
    let made = world.onboarding().onboard_customer(whole).await;
    let made = made.map(world.seen()).unwrap();
    let bare = world.customer().await;
    let customer_id = made.customer.unwrap().customer_id;
    let consumer = made.consumer.unwrap();
    let business = made.business.unwrap();
    let mut customers = world.customers();
    for customer_id in [customer_id.clone(), bare.clone(), "99999".to_owned()] {
        let request = pb::GetCustomerRequest { customer_id };
        let _ = customers.get_customer(request).await.map(world.seen());
    }
    let of = |customer_id: &str| pb::GetCustomerApplicationRequest {
        customer_id: customer_id.to_owned(),
    };
    let application = customers.get_customer_application(of(&customer_id)).await;
    application.map(world.seen()).unwrap();
    customers
        .get_customer_application(of(&bare))
        .await
        .unwrap_err();
    let listed = customers.list_customers(pb::ListCustomersRequest::default());
    assert_eq!(listed.await.unwrap().into_inner().customers.len(), 2);
    let request = pb::UpdateCustomerRequest {
        customer: Some(pb::Customer {
            customer_id: bare.clone(),
            last_name: canary::LAST_NAME.to_owned(),
            ..Default::default()
        }),
        update_mask: mask(&["last_name"]),
    };
    customers.update_customer(request).await.unwrap();

    let mut consumers = world.consumers();
    let request = pb::GetConsumerRequest {
        consumer_id: consumer.consumer_id.clone(),
    };
    consumers.get_consumer(request).await.unwrap();
    for (customer_id, there) in [(&customer_id, true), (&bare, false)] {
        let request = pb::GetConsumerByCustomerRequest {
            customer_id: customer_id.clone(),
        };
        let found = consumers.get_consumer_by_customer(request).await;
        assert_eq!(found.is_ok(), there);
    }
    let request = pb::UpdateConsumerRequest {
        consumer: Some(pb::Consumer {
            suffix: "Jr.".to_owned(),
            ..consumer
        }),
        update_mask: mask(&["suffix"]),
    };
    consumers.update_consumer(request).await.unwrap();

    let mut businesses = world.businesses();
    let request = pb::GetBusinessByCustomerRequest { customer_id };
    businesses.get_business_by_customer(request).await.unwrap();
    for (business_id, there) in [(&business.business_id, true), (&"99999".to_owned(), false)] {
        let request = pb::GetBusinessRequest {
            business_id: business_id.clone(),
        };
        assert_eq!(businesses.get_business(request).await.is_ok(), there);
    }
    let request = pb::UpdateBusinessRequest {
        business: Some(pb::Business {
            url: "https://plumbing.example".to_owned(),
            ..business
        }),
        update_mask: mask(&["url"]),
    };
    businesses.update_business(request).await.unwrap();

    for (institution_login_id, there) in [(world.institution_login(&bare), true), (1, false)] {
        let request = pb::GetAuthorizationDetailsRequest {
            institution_login_id,
        };
        let mut authorizations = world.authorizations();
        let details = authorizations.get_authorization_details(request).await;
        assert_eq!(details.is_ok(), there);
    }
    let request = pb::DeleteCustomerRequest {
        customer_id: bare,
        allow_missing: false,
    };
    customers.delete_customer(request).await.unwrap();
    let request = pb::RotatePartnerSecretRequest {
        new_secret: canary::NEW_SECRET.to_owned(),
        immediate: true,
    };
    let changed = world.partner().rotate_partner_secret(request).await;
    changed.map(world.seen()).unwrap();
}

/// Quirks in which, all together, each switch has had each of its choices.
fn all_choices() -> Vec<Quirks> {
    let mut rounds: Vec<Vec<quirk::Setting>> = Vec::new();
    let mut switch = None;
    let mut round = 0;
    for setting in quirk::settings() {
        // The choices of a switch follow on each other.
        let this = Some(std::mem::discriminant(&setting));
        round = if this == switch { round + 1 } else { 0 };
        switch = this;
        if rounds.len() == round {
            rounds.push(Vec::new());
        }
        rounds[round].push(setting);
    }
    rounds.into_iter().map(Quirks::from_iter).collect()
}

#[tokio::test]
async fn a_faithful_vendor_drifts_at_no_operation_whatever_its_quirks() {
    let folder = tempfile::tempdir().unwrap();
    let worlds = all_choices();
    assert!(worlds.len() > 1);
    for (number, quirks) in worlds.into_iter().enumerate() {
        let secret = folder.path().join(number.to_string());
        std::fs::write(&secret, "SandboxSecret1234").unwrap();
        let world = quirky(quirks, secret).await;
        every_operation(&world).await;
        for operation in Operation::all() {
            let requests = world.sandbox().requests(Some(operation));
            let answered = requests
                .iter()
                .any(|request| matches!(request.status, Some(200..=299)));
            assert!(answered, "{operation:?} in world {number}");
        }
        expect(&world, &[]).await;
        world.stop().await;
    }
}
