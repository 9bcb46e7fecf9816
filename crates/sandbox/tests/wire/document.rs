//! One tour through everything that the document declares and everything in which the sandbox departs from it.
//!
//! Each answer is held against the document as in every other test, by `held`; here is proved that none is missing.
//! What a request is for is told by the answer that the tour must have had in the end.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use openfinance_sandbox::{
    Config, Connection, Lock, NewInstitutionLogin, Plan, Quirks,
    quirk::{self, TestDriveRefusal},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ACTIVE, CUSTOMERS, LOG_IN, TESTING, World, held,
    records::{acme, jane},
    see,
};
use crate::contract::{Document, Exchange, departures};

/// Declared, but nothing that the sandbox models leads there; a fault rule can answer it.
const UNREACHABLE: [(&str, u16); 3] = [
    // The partner itself is gone.
    ("GetCustomers", 404),
    // A dispute statement, which belongs to reports.
    ("ModifyCustomer", 403),
    // A taken username, which this operation cannot change.
    ("ModifyCustomer", 409),
];

/// The document under the default quirks.
static DOCUMENT: LazyLock<Arc<Document>> = LazyLock::new(|| held::document(&Quirks::default()));

/// Asks for every answer that a sandbox can give under some quirks.
async fn tour(quirks: Quirks) -> Vec<Exchange> {
    let config = Config {
        quirks,
        ..Config::for_tests()
    };
    let world = World::start_with(config).await;
    authentication(&world).await;
    customers(&world).await;
    consumers(&world).await;
    businesses(&world).await;
    authorizations(&world).await;
    every_operation(&world).await;
    if quirks == Quirks::default() {
        // No quirk is about size, and this takes its time.
        too_large(&world).await;
    }
    let mut exchanges = held::exchanges(&world.sandbox);
    if quirks.test_drive_refusal != TestDriveRefusal::default() {
        let config = Config {
            plan: Plan::TestDrive,
            quirks,
            ..Config::for_tests()
        };
        let test_drive = World::start_with(config).await;
        test_drive
            .post(ACTIVE, json!({"username": "customer1"}))
            .await;
        exchanges.extend(held::exchanges(&test_drive.sandbox));
    }
    exchanges
}

async fn authentication(world: &World) {
    let authenticate = async |method: Method, body: Value| {
        let request = world
            .bare(method, LOG_IN)
            .header("Finicity-App-Key", &world.partner.app_key);
        see(request.json(&body)).await
    };
    let (id, secret) = (&world.partner.id, &world.partner.secret);
    for method in [Method::POST, Method::PUT] {
        authenticate(
            method.clone(),
            json!({"partnerId": "7", "partnerSecret": secret, "newPartnerSecret": "x"}),
        )
        .await;
        authenticate(method, json!({"partnerId": id})).await;
    }
    let change = |old: &str, new: &str| {
        authenticate(
            Method::PUT,
            json!({"partnerId": id, "partnerSecret": old, "newPartnerSecret": new, "immediate": true}),
        )
    };
    change(secret, "short").await;
    change(secret, "Another_secret_42").await;
    change("Another_secret_42", secret).await;
    let control = world.sandbox.control();
    control
        .set_partner_locked(None, Lock::Locked)
        .expect("the partner is known");
    world.log_in(secret).await;
    change(secret, secret).await;
    world.get(CUSTOMERS).await;
    control
        .set_partner_locked(None, Lock::Unlocked)
        .expect("the partner is known");
}

async fn customers(world: &World) {
    let path = format!("{CUSTOMERS}/{}", world.customer("customer1").await);
    let active = world
        .post(
            ACTIVE,
            json!({"username": "active1", "applicationId": "app-1"}),
        )
        .await;
    let of_active = format!(
        "{CUSTOMERS}/{}",
        active.json()["id"].as_str().expect("an id is text")
    );
    for create in [TESTING, ACTIVE] {
        world.post(create, json!({"username": "short"})).await;
        world.post(create, json!({"username": "customer1"})).await;
    }
    world.get(CUSTOMERS).await;
    world.get(&format!("{CUSTOMERS}?start=0")).await;
    world.get(&path).await;
    world.get(&format!("{path}/application")).await;
    world.sandbox.control().add_application("app-1", "Shop");
    world.get(&format!("{of_active}/application")).await;
    world.get(&format!("{CUSTOMERS}/x/application")).await;
    world.put(&path, json!({})).await;
    world.put(&path, json!({"firstName": "Jane"})).await;
    world.get(&path).await;
    world.delete(&path).await;
    world.get(&path).await;
    world.put(&path, json!({"firstName": "A"})).await;
    world.delete(&path).await;
    world.delete(&format!("{CUSTOMERS}/x")).await;
}

async fn consumers(world: &World) {
    let owner = world.customer("customer2").await;
    let of_customer = |owner: &str| format!("/decisioning/v1/customers/{owner}/consumer");
    let mut whole = jane();
    for (key, value) in [
        ("address", "1 Main"),
        ("city", "Murray"),
        ("zip", "84123"),
        ("email", "jane@example.com"),
    ] {
        whole[key] = json!(value);
    }
    whole["birthday"] = json!({"year": 1989, "month": 8, "dayOfMonth": 13});
    let mut malformed = jane();
    malformed["phone"] = json!("nine");
    world.post(&of_customer(&owner), malformed).await;
    world.post(&of_customer("1"), jane()).await;
    world.get(&of_customer(&owner)).await;
    let made = world.post(&of_customer(&owner), whole).await;
    let consumer = format!(
        "/decisioning/v1/consumers/{}",
        made.json()["id"].as_str().expect("an id is text")
    );
    world.post(&of_customer(&owner), jane()).await;
    world.get(&of_customer(&owner)).await;
    world.get(&consumer).await;
    world.put(&consumer, json!({"suffix": "Jr."})).await;
    world.put(&consumer, json!({"ssn": "1111"})).await;
    world.get("/decisioning/v1/consumers/1").await;
    world.put("/decisioning/v1/consumers/1", json!({})).await;
    world.get(&of_customer("1")).await;
    // The least that a consumer can be made of.
    let other = world.customer("customer3").await;
    world.post(&of_customer(&other), jane()).await;
    world.get(&of_customer(&other)).await;
}

async fn businesses(world: &World) {
    let owner = world.customer("customer4").await;
    let of_customer = |owner: &str| format!("/business-services/customers/{owner}/businesses");
    let business = |id: &str| format!("/business-services/businesses/{id}");
    world.post(&of_customer(&owner), acme()).await;
    let mut plain = acme();
    plain["personallyLiable"] = json!(false);
    let made = world.post(&of_customer(&owner), plain.clone()).await;
    let made = business(made.json()["businessId"].as_str().expect("an id is text"));
    world.post(&of_customer(&owner), plain).await;
    let mut loose = acme();
    loose["url"] = json!("not a URL");
    loose["taxId"] = json!("1");
    loose["phoneNumber"] = json!({"countryCode": "1684", "phoneNo": "1234567890123"});
    world.put(&made, loose.clone()).await;
    world.get(&of_customer(&owner)).await;
    world.get(&made).await;
    loose["address"]["country"] = json!("U");
    world.put(&made, loose).await;
    world.put(&made, json!({})).await;
    world.get(&of_customer("1")).await;
    world.post(&of_customer("1"), acme()).await;
    world.get(&business("1")).await;
    world.put(&business("1"), acme()).await;
}

async fn authorizations(world: &World) {
    let owner = world.post(ACTIVE, json!({"username": "active2"})).await;
    let owner = owner.json()["id"]
        .as_str()
        .expect("an id is text")
        .to_owned();
    for connection in [
        Connection::Oauth,
        Connection::Legacy,
        Connection::Uncaptured,
    ] {
        let new = NewInstitutionLogin {
            customer_id: owner.clone(),
            connection,
            start: None,
            end: None,
        };
        let id = world
            .sandbox
            .control()
            .add_institution_login(&new)
            .expect("the owner is there");
        world
            .get(&format!(
                "/customers/institution-logins/{id}/authorization-details"
            ))
            .await;
    }
}

/// What every operation refuses alike: no key, a wrong one, no token, no JSON, and an id that is no text.
async fn every_operation(world: &World) {
    for (method, path) in operations() {
        let request = || {
            world
                .request(method.clone(), &path)
                .header("content-type", "application/json")
        };
        see(world.bare(method.clone(), &path).json(&json!({}))).await;
        see(world
            .bare(method.clone(), &path)
            .header("Finicity-App-Key", "x")
            .json(&json!({})))
        .await;
        let tokenless = || {
            world
                .bare(method.clone(), &path)
                .header("Finicity-App-Key", &world.partner.app_key)
        };
        see(tokenless().body("{}")).await;
        see(tokenless().header("Finicity-App-Token", "x").body("{}")).await;
        see(world.request(method.clone(), &path).body("{}")).await;
        see(request().body("{")).await;
        see(world.request(method.clone(), &path.replace('7', "%ff"))).await;
        see(world.request(method, &path.replace('7', "%20"))).await;
    }
}

async fn too_large(world: &World) {
    for (method, path) in operations() {
        let request = world
            .request(method, &path)
            .header("content-type", "application/json");
        see(request.body(vec![b' '; 1024 * 1024 + 1])).await;
    }
}

/// Method and path of each operation, with 7 for every id.
fn operations() -> Vec<(Method, String)> {
    let filled = |path: &str| {
        let segments = path.split('/').map(|segment| {
            if segment.starts_with('{') {
                "7"
            } else {
                segment
            }
        });
        segments.collect::<Vec<_>>().join("/")
    };
    DOCUMENT
        .routes()
        .map(|(method, path)| (method.parse().expect("a method is one"), filled(path)))
        .collect()
}

#[tokio::test]
async fn all_that_the_document_declares_is_answered() {
    let exchanges = tour(Quirks::default()).await;
    let met: BTreeSet<(&str, u16)> = exchanges
        .iter()
        .filter_map(|exchange| {
            Some((
                DOCUMENT.operation(&exchange.method, &exchange.path)?,
                exchange.status,
            ))
        })
        .collect();
    for expected in DOCUMENT.statuses() {
        assert_ne!(
            met.contains(&expected),
            UNREACHABLE.contains(&expected),
            "{expected:?} is answered or unreachable"
        );
    }
}

#[tokio::test]
async fn every_departure_is_needed() {
    let by_default = tour(Quirks::default()).await;
    for (position, (target, quirk)) in departures().into_iter().enumerate() {
        let setting: Option<quirk::Setting> = quirk
            .as_ref()
            .map(|quirk| quirk.parse().expect("the quirk is one"));
        let strict = Document::load(|other, quirk| {
            other != position && held::counts(&setting.into_iter().collect(), quirk)
        });
        let under_quirk = match setting {
            None => Vec::new(),
            Some(setting) => tour(Quirks::from_iter([setting])).await,
        };
        let mut exchanges = by_default
            .iter()
            .filter(|_| setting.is_none())
            .chain(&under_quirk);
        assert!(
            exchanges.any(|exchange| strict.judge(exchange).is_err()),
            "no answer departs in the way of {target} ({quirk:?}); remove it from departures.yaml"
        );
    }
}

#[tokio::test]
async fn under_every_quirk_answers_fit_the_document_or_its_departures() {
    let settings = quirk::settings().map(|setting| Quirks::from_iter([setting]));
    for quirks in settings.filter(|quirks| *quirks != Quirks::default()) {
        tour(quirks).await;
    }
}
