//! Snapshots over HTTP.

use openfinance_sandbox::{Config, Sandbox};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

struct World {
    sandbox: Sandbox,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build();
        Self {
            sandbox: Sandbox::start(Config::for_tests())
                .await
                .expect("a free port is free"),
            client: client.expect("the client is well configured"),
        }
    }

    fn url(&self, route: &str) -> String {
        format!("{}/__sandbox/v1/{route}", self.sandbox.base_url())
    }

    async fn get(&self, route: &str) -> Value {
        let response = self.client.get(self.url(route)).send().await;
        let response = response.expect("the sandbox answers");
        assert_eq!(response.headers()["content-type"], "application/json");
        response.json().await.expect("the body is JSON")
    }

    async fn post(&self, route: &str, body: String) -> (StatusCode, Value) {
        let request = self.client.post(self.url(route)).body(body);
        let response = request.send().await.expect("the sandbox answers");
        let status = response.status();
        (status, response.json().await.expect("the body is JSON"))
    }
}

/// A snapshot with many customers, which takes some megabytes.
async fn large(world: &World, count: u64) -> Value {
    let mut snapshot = world.get("snapshot").await;
    let first = snapshot["meta"]["nextCustomerId"].as_u64();
    let first = first.expect("an id is a number");
    snapshot["meta"]["nextCustomerId"] = json!(first + count);
    for id in first..first + count {
        snapshot["customers"][id.to_string()] = json!({
            "username": format!("customer{id}"), "type": "testing", "createdDate": "2026-01-01T00:00:00Z",
        });
    }
    snapshot
}

#[tokio::test]
async fn a_restored_snapshot_is_answered_as_the_state_and_read_back_as_it_was() {
    let world = World::start().await;
    let snapshot = large(&world, 20_000).await;
    let document = snapshot.to_string();
    assert!(
        document.len() > 1024 * 1024,
        "smaller than other bodies may be"
    );
    let (status, answer) = world.post("restore", document).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["counts"]["customers"], 20_000);
    assert_eq!(answer, world.get("state").await);
    assert_eq!(world.get("snapshot").await, snapshot);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_document_that_is_none_is_400_with_the_reason() {
    let world = World::start().await;
    let before = world.get("snapshot").await;
    let mut twice = large(&world, 2).await;
    let customers = twice["customers"].as_object_mut().unwrap();
    customers
        .values_mut()
        .for_each(|customer| customer["username"] = json!("hush"));
    for (body, told) in [
        ("{".to_owned(), "the snapshot is not JSON"),
        (
            "{}".to_owned(),
            r#"the snapshot has no "format": "openfinance-sandbox""#,
        ),
        (twice.to_string(), "have the same username"),
    ] {
        let (status, answer) = world.post("restore", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(told) && !error.contains("hush"), "{error}");
        assert_eq!(world.get("snapshot").await, before);
    }
    world.sandbox.stop().await;
}

#[tokio::test]
async fn faults_and_the_journal_stay_when_a_snapshot_is_restored() {
    let world = World::start().await;
    let rule = json!({"operation": "GetCustomer", "effect": {"status": 503}});
    world.post("faults", rule.to_string()).await;
    let snapshot = world.get("snapshot").await;
    let path = format!("{}/aggregation/v1/customers", world.sandbox.base_url());
    world.client.get(path).send().await.unwrap();
    world.post("restore", snapshot.to_string()).await;
    assert_eq!(world.sandbox.control().faults().len(), 1);
    assert_eq!(world.sandbox.control().requests(None).len(), 1);
    world.sandbox.stop().await;
}
