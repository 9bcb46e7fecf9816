//! Headers, tokens, secrets and the lock.

use std::time::Duration;

use openfinance_sandbox::{Config, Lock, PartnerCredentials, Plan, Revoke};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ACTIVE, CUSTOMERS, LOG_IN, TESTING, World, see, short};

#[tokio::test]
async fn the_test_drive_has_no_active_customers() {
    let config = Config {
        plan: Plan::TestDrive,
        ..Config::for_tests()
    };
    let world = World::start_with(config).await;
    let refused = world.post(ACTIVE, json!({"username": "customer1"})).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.content_type.as_deref(), Some("text/plain"));
    assert_eq!(refused.text, "Invalid (Finicity-App-Key)");
    assert_eq!(
        world
            .post(TESTING, json!({"username": "customer1"}))
            .await
            .status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn credentials_are_refused_each_in_its_own_way() {
    let world = World::start().await;
    let key = world.partner.app_key.as_str();
    let get = |headers: &[(&str, &str)]| {
        headers.iter().fold(
            world.bare(Method::GET, CUSTOMERS),
            |request, (name, value)| request.header(*name, *value),
        )
    };
    let refused = |code: u32, text: &str| (401, short(code, text));
    let seen = see(get(&[("Finicity-App-Token", &world.token)])).await;
    assert_eq!(
        seen.parts(),
        refused(10026, "Missing parameter (Finicity-App-Key)")
    );
    let seen = see(get(&[("Finicity-App-Key", key)])).await;
    assert_eq!(
        seen.parts(),
        refused(10024, "Missing parameter (Finicity-App-Token)")
    );
    let seen = see(get(&[
        ("Finicity-App-Key", key),
        ("Finicity-App-Token", "x"),
    ]))
    .await;
    assert_eq!(seen.parts(), refused(10022, "Invalid (Finicity-App-Token)"));
    let seen = see(get(&[
        ("finicity-app-key", "x"),
        ("finicity-app-token", &world.token),
    ]))
    .await;
    assert_eq!(
        (seen.status.as_u16(), seen.content_type.as_deref()),
        (401, Some("text/plain"))
    );
    assert_eq!(seen.text, "Invalid (Finicity-App-Key)");
    let odd = see(world
        .bare(Method::GET, CUSTOMERS)
        .header("Finicity-App-Key", b"\xff\xfe".as_slice()))
    .await;
    assert_eq!(odd.content_type.as_deref(), Some("text/plain"));
    let extra = [
        ("App-Key", "y"),
        ("App-Token", "z"),
        ("Finicity-App-Key", key),
        ("Finicity-App-Token", &world.token),
    ];
    assert_eq!(see(get(&extra)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_expires_by_the_virtual_clock_and_can_be_revoked() {
    let mut world = World::start().await;
    world
        .sandbox
        .control()
        .advance(Duration::from_secs(7190))
        .unwrap();
    assert_eq!(world.get(CUSTOMERS).await.status, StatusCode::OK);
    world
        .sandbox
        .control()
        .advance(Duration::from_secs(10))
        .unwrap();
    let expired = (401, short(10023, "Expired (Finicity-App-Token)"));
    assert_eq!(world.get(CUSTOMERS).await.parts(), expired);
    let seen = world.log_in(&world.partner.secret).await;
    world.token = seen.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(world.get(CUSTOMERS).await.status, StatusCode::OK);
    assert_eq!(world.sandbox.control().revoke_tokens(Revoke::All), 2);
    let unknown = (401, short(10022, "Invalid (Finicity-App-Token)"));
    assert_eq!(world.get(CUSTOMERS).await.parts(), unknown);
}

#[tokio::test]
async fn five_failures_lock_the_partner() {
    let world = World::start().await;
    for _ in 0..5 {
        assert_eq!(
            world.log_in("wrong").await.parts(),
            (401, short(10001, "Invalid credentials"))
        );
    }
    for secret in ["wrong", world.partner.secret.as_str()] {
        let seen = world.log_in(secret).await;
        assert_eq!(
            (seen.status.as_u16(), &seen.json()["code"]),
            (500, &json!(24302))
        );
    }
    assert_eq!(
        world.get(CUSTOMERS).await.status,
        StatusCode::OK,
        "tokens outlive the lock"
    );
    let control = world.sandbox.control();
    let partner = control.summary().partners.remove(0);
    assert!(partner.locked);
    assert_eq!(partner.failed_authentications, 5);
    assert_eq!(partner.max_consecutive_failed_authentications, 5);
    assert_eq!(partner.token_requests, 8);
    control.set_partner_locked(None, Lock::Unlocked).unwrap();
    assert_eq!(
        world.log_in(&world.partner.secret).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn log_in_requests_that_say_too_little_or_name_nobody_are_refused() {
    let world = World::start().await;
    let log_in = |body: Value| {
        let request = world
            .bare(Method::POST, LOG_IN)
            .header("Finicity-App-Key", &world.partner.app_key);
        see(request.json(&body))
    };
    let id = world.partner.id.as_str();
    for (body, status, expected) in [
        (
            json!({}),
            400,
            short(10005, "Missing parameter (partnerId)"),
        ),
        (
            json!({"partnerId": id}),
            400,
            short(10005, "Missing parameter (partnerSecret)"),
        ),
        (
            json!({"partnerId": 7, "partnerSecret": "x"}),
            400,
            short(14020, "Bad request."),
        ),
        (
            json!({"partnerId": "7", "partnerSecret": "x"}),
            404,
            short(12401, "partner not found"),
        ),
    ] {
        assert_eq!(log_in(body).await.parts(), (status, expected));
    }
    let summary = world.sandbox.control().summary();
    assert_eq!(summary.partners[0].failed_authentications, 0);
    let keyless = see(world.bare(Method::POST, LOG_IN).json(&json!({}))).await;
    assert_eq!(
        keyless.parts(),
        (401, short(10026, "Missing parameter (Finicity-App-Key)"))
    );
}

#[tokio::test]
async fn a_secret_is_changed_at_once_or_with_grace() {
    let world = World::start().await;
    let change = |old: &str, new: &str, more: Option<bool>| {
        let mut body = json!({
            "partnerId": world.partner.id, "partnerSecret": old, "newPartnerSecret": new,
        });
        if let Some(immediate) = more {
            body["immediate"] = json!(immediate);
        }
        let request = world
            .bare(Method::PUT, LOG_IN)
            .header("Finicity-App-Key", &world.partner.app_key);
        see(request.json(&body))
    };
    let (first, second, third) = (
        world.partner.secret.as_str(),
        "Second_secret_2",
        "Third_secret_33",
    );
    let refused = change(first, "short1", None).await;
    assert_eq!(
        refused.parts(),
        (400, short(24437, "New password is not as per policy"))
    );
    assert!(change(first, second, None).await.is_empty_204());
    assert_eq!(world.log_in(first).await.status, StatusCode::UNAUTHORIZED);
    assert!(change(second, third, Some(false)).await.is_empty_204());
    assert_eq!(world.log_in(second).await.status, StatusCode::OK);
    assert_eq!(world.log_in(third).await.status, StatusCode::OK);
    assert_eq!(
        world.get(CUSTOMERS).await.status,
        StatusCode::OK,
        "tokens outlive the change"
    );
}

#[tokio::test]
async fn partners_do_not_see_each_other() {
    let mut world = World::start().await;
    let id = world.customer("customer1").await;
    let other = PartnerCredentials {
        id: "2".to_owned(),
        secret: "their-secret".to_owned(),
        app_key: "their-key".to_owned(),
    };
    world.sandbox.control().add_partner(&other).unwrap();
    world.partner = other;
    let seen = world.log_in("their-secret").await;
    world.token = seen.json()["token"].as_str().unwrap().to_owned();
    let path = format!("{CUSTOMERS}/{id}");
    assert_eq!(world.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(CUSTOMERS).await.json()["found"], 0);
    assert_eq!(
        world
            .post(TESTING, json!({"username": "customer1"}))
            .await
            .status,
        StatusCode::CONFLICT
    );
}
