//! Faults and the control plane.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultBody, FaultRule, Operation};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};

use super::{CUSTOMERS, TESTING, World, see, short};

#[tokio::test]
async fn a_fault_before_the_answer_hides_work_that_was_done() {
    let world = World::start().await;
    let page = FaultBody::Text("<html>".to_owned());
    let mut rule = FaultRule::on(Operation::AddTestingCustomer).answer(502, Some(page));
    if let Some(answer) = &mut rule.answer {
        answer.content_type = Some("text/html".to_owned());
        answer
            .headers
            .push(("Retry-After".to_owned(), "7".to_owned()));
    }
    let fault = world.sandbox.control().add_fault(rule).unwrap();
    let request = world
        .request(Method::POST, TESTING)
        .json(&json!({"username": "customer1"}));
    let seen = see(request).await;
    assert_eq!(seen.status, StatusCode::BAD_GATEWAY);
    assert_eq!(seen.headers["retry-after"], "7");
    assert_eq!(seen.content_type.as_deref(), Some("text/html"));
    assert_eq!(seen.text, "<html>");
    let page = world.get(&format!("{CUSTOMERS}?username=customer1")).await;
    assert_eq!(page.json()["found"], 1);
    let requests = world
        .sandbox
        .control()
        .requests(Some(Operation::AddTestingCustomer));
    assert_eq!(
        (requests[0].status, requests[0].fault),
        (Some(502), Some(fault))
    );
}

#[tokio::test]
async fn a_fault_with_commit_never_leaves_nothing_behind() {
    let world = World::start().await;
    let body = FaultBody::Json(json!({"code": 3_300_001, "message": "Slow down."}));
    let rule = FaultRule::on_any()
        .commit(Commit::Never)
        .times(2)
        .answer(429, Some(body));
    world.sandbox.control().add_fault(rule).unwrap();
    for _ in 0..2 {
        let seen = world.post(TESTING, json!({"username": "customer1"})).await;
        assert_eq!(seen.parts(), (429, short(3_300_001, "Slow down.")));
    }
    assert_eq!(world.sandbox.control().counts().customers, 0);
    assert_eq!(
        world
            .post(TESTING, json!({"username": "customer1"}))
            .await
            .status,
        StatusCode::CREATED
    );
    assert_eq!(world.sandbox.control().faults()[0].fired, 2);
}

#[tokio::test]
async fn bodies_where_http_allows_none_do_no_harm() {
    let world = World::start().await;
    for status in [204, 304] {
        let rule = FaultRule::on(Operation::GetCustomers)
            .answer(status, Some(FaultBody::Text("x".to_owned())));
        world.sandbox.control().add_fault(rule).unwrap();
        assert_eq!(world.get(CUSTOMERS).await.status.as_u16(), status);
    }
    assert_eq!(world.get(CUSTOMERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn stopping_releases_an_answer_that_is_held_back() {
    let world = World::start().await;
    let control = world.sandbox.control().clone();
    let rule = FaultRule::on(Operation::GetCustomers).latency(Duration::from_secs(3600));
    control.add_fault(rule).unwrap();
    let held = tokio::spawn(see(world.request(Method::GET, CUSTOMERS)));
    while control.requests(Some(Operation::GetCustomers)).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        control.requests(Some(Operation::GetCustomers))[0].status,
        None
    );
    world.sandbox.stop().await;
    assert_eq!(held.await.unwrap().status, StatusCode::OK);
    assert_eq!(
        control.requests(Some(Operation::GetCustomers))[0].status,
        Some(200)
    );
}

#[tokio::test]
async fn stopping_does_not_wait_for_silent_connections() {
    let world = World::start().await;
    let address = world.sandbox.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let halfway = TcpStream::connect(address).await.unwrap();
    halfway.writable().await.unwrap();
    halfway.try_write(b"GET / HT").unwrap();
    // The request makes sure that both connections have been taken in before.
    world.get(CUSTOMERS).await;
    let begun = Instant::now();
    world.sandbox.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "stopping took {:?}",
        begun.elapsed()
    );
    drop((silent, halfway));
}

#[tokio::test]
async fn the_log_of_requests_has_paths_without_queries() {
    let world = World::start().await;
    world
        .get(&format!("{CUSTOMERS}?search=Secretive&username=x"))
        .await;
    world.get("/nowhere?secretive=1").await;
    let seen = see(world.bare(Method::GET, "/__sandbox/v1/requests")).await;
    assert!(!seen.text.to_lowercase().contains("secretive"));
    let requests = seen.json()["requests"].take();
    let at = requests[1]["at"].as_str().unwrap();
    assert!(at.starts_with("2026-01-01T00:00:0"), "{at}");
    let expected = json!({
        "sequence": 2, "at": at, "operation": "GetCustomers", "method": "GET", "path": CUSTOMERS, "status": 200,
        "fault": null,
    });
    assert_eq!(requests[1], expected);
    assert_eq!(requests[2]["operation"], json!(null));
    let all = see(world.bare(Method::GET, "/__sandbox/v1/requests")).await;
    let any = see(world.bare(Method::GET, "/__sandbox/v1/requests?operation=*")).await;
    assert_eq!(any, all);
    let one = see(world.bare(Method::GET, "/__sandbox/v1/requests?operation=CreateToken")).await;
    assert_eq!(one.json()["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_control_plane_speaks_json_over_http() {
    let world = World::start().await;
    let control = |method: Method, path: &str, body: Value| {
        see(world
            .bare(method, &format!("/__sandbox/v1/{path}"))
            .json(&body))
    };
    let seen = control(Method::POST, "clock/advance", json!({"seconds": 7200})).await;
    assert!(
        seen.json()["now"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-01T02:00:0")
    );
    assert_eq!(world.get(CUSTOMERS).await.json()["code"], 10023);
    let rule =
        json!({"operation": "*", "commit": "never", "effect": {"status": 503, "body": "busy"}});
    assert_eq!(
        control(Method::POST, "faults", rule).await.parts(),
        (200, json!({"id": 1}))
    );
    let busy = world.get(CUSTOMERS).await;
    assert_eq!(
        (busy.status.as_u16(), busy.content_type.as_deref()),
        (503, Some("text/plain"))
    );
    assert_eq!(busy.text, "busy");
    let reset = control(Method::POST, "reset", json!({"seed": 5})).await;
    assert_eq!(reset.parts(), (200, json!({"seed": 5})));
    assert_eq!(world.get(CUSTOMERS).await.json()["code"], 10022);
    let unknown = control(
        Method::POST,
        "faults",
        json!({"operation": "*", "effect": {"drip": 1}}),
    )
    .await;
    assert_eq!(
        unknown.parts(),
        (400, json!({"error": "unknown key effect.drip"}))
    );
    for path in [
        "/__sandbox/v1",
        "/__sandbox/v2/state",
        "/__sandbox/v1/states",
    ] {
        let seen = see(world.bare(Method::GET, path)).await;
        assert_eq!(
            seen.parts(),
            (404, json!({"error": "no such control route"})),
            "{path}"
        );
    }
}
