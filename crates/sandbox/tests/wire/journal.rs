//! Barriers and the journal: what a test holds back, and what it can prove afterwards.

use openfinance_sandbox::{Change, JournalEntry, Operation, RecordKind, Target};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CUSTOMERS, TESTING, World, see, try_see};

impl World {
    async fn control(&self, method: Method, route: &str, body: Value) -> (u16, Value) {
        let path = format!("/__sandbox/v1/{route}");
        let mut request = self.bare(method.clone(), &path);
        if method != Method::GET {
            request = request.json(&body);
        }
        see(request).await.parts()
    }

    /// The journal over HTTP, line by line.
    async fn journal(&self, since: u64) -> Vec<Value> {
        let path = format!("/__sandbox/v1/journal?since={since}");
        let seen = see(self.bare(Method::GET, &path)).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert_eq!(seen.content_type.as_deref(), Some("application/x-ndjson"));
        seen.text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }
}

#[tokio::test]
async fn a_barrier_holds_requests_before_their_work_and_lets_them_go_in_order() {
    let world = World::start().await;
    let new = json!({"operation": "AddTestingCustomer"});
    let (status, body) = world.control(Method::POST, "barriers", new).await;
    assert_eq!((status, &body), (200, &json!({"id": 1})));
    let mut waiting = Vec::new();
    for number in 1..=2 {
        let create = world
            .request(Method::POST, TESTING)
            .json(&json!({"username": "customer1", "firstName": number.to_string()}));
        waiting.push(tokio::spawn(see(create)));
        world
            .sandbox
            .control()
            .barrier_holds(1, number)
            .await
            .unwrap();
    }
    assert_eq!(world.sandbox.control().counts().customers, 0);
    // Other operations are not held.
    assert_eq!(world.get(CUSTOMERS).await.json()["found"], 0);
    let (_, body) = world.control(Method::GET, "barriers/1", json!({})).await;
    let expected =
        json!({"id": 1, "operation": "AddTestingCustomer", "waiting": 2, "released": false});
    assert_eq!(body, expected);
    let (_, body) = world
        .control(Method::POST, "barriers/1/release", json!({}))
        .await;
    assert_eq!(body, json!({"released": 2}));
    let second = waiting.pop().unwrap().await.unwrap();
    let first = waiting.pop().unwrap().await.unwrap();
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 409));
    let (_, body) = world.control(Method::GET, "barriers/1", json!({})).await;
    assert_eq!(
        (&body["waiting"], &body["released"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(
        world
            .post(TESTING, json!({"username": "customer2"}))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_held_request_whose_client_left_is_still_carried_out() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let barrier = control.add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let create = world
        .request(Method::POST, TESTING)
        .json(&json!({"username": "customer1"}));
    let held = tokio::spawn(try_see(create));
    control.barrier_holds(barrier, 1).await.unwrap();
    held.abort();
    assert!(held.await.is_err());
    assert_eq!(control.release_barrier(barrier).unwrap(), 1);
    assert_eq!(control.counts().customers, 1);
}

#[tokio::test]
async fn a_reset_breaks_off_what_a_barrier_holds() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let barrier = control.add_barrier(Target::Any);
    let held = tokio::spawn(try_see(world.request(Method::GET, CUSTOMERS)));
    control.barrier_holds(barrier, 1).await.unwrap();
    control.reset(None);
    assert!(held.await.unwrap().is_err());
    assert!(control.barrier(barrier).is_err());
}

#[tokio::test]
async fn the_journal_tells_every_request_and_every_commit_without_personal_data() {
    let world = World::start().await;
    let body =
        json!({"username": "canary-username", "firstName": "CanaryFirst", "phone": "8015550100"});
    let customer = world.post(TESTING, body).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let consumer = json!({
        "firstName": "CanaryFirst", "lastName": "CanaryLast", "state": "UT", "ssn": "123-45-6789",
        "birthday": {"year": 1989, "month": 12, "dayOfMonth": 13}, "email": "canary@example.com",
    });
    let path = format!("/decisioning/v1/customers/{customer}/consumer");
    let created = world.post(&path, consumer).await.json();
    world
        .put(
            &format!("{CUSTOMERS}/{customer}"),
            json!({"lastName": "CanaryLast"}),
        )
        .await;
    world.get(&format!("{CUSTOMERS}?search=CanaryFirst")).await;
    world.delete(&format!("{CUSTOMERS}/{customer}")).await;

    let lines = world.journal(0).await;
    let sequences: Vec<_> = lines
        .iter()
        .map(|line| line["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    let commits: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "commit")
        .map(|line| {
            (
                line["change"].as_str().unwrap(),
                line["kind"].as_str().unwrap(),
                line["id"].as_str().unwrap(),
            )
        })
        .collect();
    let consumer = created["id"].as_str().unwrap();
    assert_eq!(commits[0], ("created", "customer", customer.as_str()));
    assert!(commits.contains(&("created", "consumer", consumer)));
    assert!(commits.contains(&("changed", "customer", customer.as_str())));
    assert_eq!(
        *commits.last().unwrap(),
        ("deleted", "customer", customer.as_str())
    );
    let first = lines.iter().find(|line| line["event"] == "commit").unwrap();
    let request = lines
        .iter()
        .find(|line| line["sequence"] == first["request"])
        .unwrap();
    assert_eq!(request["operation"], "AddTestingCustomer");
    assert_eq!(request["status"], 201);
    assert_eq!(first["partnerId"], world.partner.id);
    assert_eq!(first["record"]["username"], "***");

    let text = format!("{lines:?}").to_lowercase();
    for personal in [
        "canary",
        "8015550100",
        "6789",
        "1989",
        &world.partner.secret.to_lowercase(),
    ] {
        assert!(!text.contains(personal), "the journal shows {personal}");
    }
    let last = *sequences.last().unwrap();
    assert_eq!(world.journal(last).await, Vec::<Value>::new());
    world.get(CUSTOMERS).await;
    assert_eq!(world.journal(last).await.len(), 1);
}

#[tokio::test]
async fn what_the_control_plane_makes_is_in_the_journal_too() {
    let world = World::start().await;
    let customer = world.customer("customer1").await;
    let control = world.sandbox.control();
    let before = control.journal(0).entries.len() as u64;
    let login = json!({"customerId": customer, "connection": "oauth"});
    let (_, body) = world
        .control(Method::POST, "institution-logins", login)
        .await;
    let entries = control.journal(before).entries;
    let logins: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            JournalEntry::Commit(commit) if commit.kind == RecordKind::InstitutionLogin => {
                Some(commit)
            }
            JournalEntry::Commit(_) | JournalEntry::Request(_) => None,
        })
        .collect();
    assert_eq!(logins.len(), 1);
    assert_eq!(
        (logins[0].change, logins[0].request),
        (Change::Created, None)
    );
    assert_eq!(logins[0].id, body["institutionLoginId"].to_string());
}

#[tokio::test]
async fn a_journal_query_that_is_not_understood_is_refused() {
    let world = World::start().await;
    for query in ["since=x", "since=-1", "until=1"] {
        let (status, body) = world
            .control(Method::GET, &format!("journal?{query}"), json!({}))
            .await;
        assert_eq!(status, 400);
        assert!(body["error"].is_string());
    }
}
