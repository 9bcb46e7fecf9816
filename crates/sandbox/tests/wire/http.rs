//! Paths, methods, media types, bodies and connections.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use openfinance_sandbox::{Config, FaultRule, Operation, Sandbox};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{CUSTOMERS, TESTING, World, see, short};

#[tokio::test]
async fn requests_off_the_map_get_json_and_no_panic() {
    let world = World::start().await;
    for path in [
        "/",
        "/aggregation/v1/customers/",
        "/aggregation/v3/customers",
        "//",
        "/__sandboxes",
        "/%2e%2e/x",
    ] {
        assert_eq!(
            world.get(path).await.parts(),
            (404, short(404, "Not Found")),
            "{path}"
        );
    }
    let patched = see(world.request(Method::PATCH, &format!("{CUSTOMERS}/1"))).await;
    assert_eq!(patched.headers["allow"], "GET, PUT, DELETE");
    assert_eq!(patched.parts(), (405, short(405, "Method Not Allowed")));
    let head = see(world.request(Method::HEAD, CUSTOMERS)).await;
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn answers_are_dated_by_the_clock_of_the_sandbox() {
    let world = World::start().await;
    let hour = std::time::Duration::from_secs(3600);
    world.sandbox.control().advance(hour).unwrap();
    for path in [CUSTOMERS, "/nowhere", "/__sandbox/v1/state"] {
        let answer = see(world.request(Method::GET, path)).await;
        let dates: Vec<_> = answer.headers.get_all("date").iter().collect();
        assert_eq!(dates, ["Thu, 01 Jan 2026 01:00:00 GMT"], "{path}");
    }
    let mut rule = FaultRule::on(Operation::GetCustomers).answer(503, None);
    let other = "Fri, 02 Jan 2026 00:00:00 GMT";
    let planned = rule.answer.as_mut().expect("it has an answer");
    planned.headers.push(("Date".to_owned(), other.to_owned()));
    world.sandbox.control().add_fault(rule).unwrap();
    let answer = see(world.request(Method::GET, CUSTOMERS)).await;
    let dates: Vec<_> = answer.headers.get_all("date").iter().collect();
    assert_eq!(dates, [other]);
}

#[tokio::test]
async fn an_encoded_path_stays_an_id() {
    let world = World::start().await;
    let id = world.customer("customer1").await;
    let not_found = (404, short(14001, "Customer not found."));
    for path in [
        format!("{CUSTOMERS}/..%2fcustomers"),
        format!("{CUSTOMERS}/x%2f..%2f{id}"),
        format!("{CUSTOMERS}/{id}%2Fapplication"),
        format!("{CUSTOMERS}/{id}%00"),
        format!("{CUSTOMERS}/%3f"),
    ] {
        assert_eq!(world.get(&path).await.parts(), not_found, "{path}");
    }
    let broken = world.get(&format!("{CUSTOMERS}/%ff")).await;
    assert_eq!(broken.parts(), (400, short(14020, "Bad request.")));
    let blank = world.get(&format!("{CUSTOMERS}/%20")).await;
    assert_eq!(
        blank.parts(),
        (400, short(10005, "Missing parameter (customerId)"))
    );
    let encoded = id.replace('1', "%31");
    assert_eq!(
        world.get(&format!("{CUSTOMERS}/{encoded}")).await.json()["id"],
        json!(id)
    );
    let malformed = world.delete(&format!("{CUSTOMERS}/..%2f..")).await;
    let expected = short(14023, "Invalid customer id. customerId = (../..)");
    assert_eq!(malformed.parts(), (400, expected));
    assert_eq!(world.sandbox.control().counts().customers, 1);
}

#[tokio::test]
async fn bodies_must_be_json_of_a_decent_size() {
    let world = World::start().await;
    let post = || world.request(Method::POST, TESTING);
    let form = see(post()
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=abcdef"))
    .await;
    assert_eq!(form.parts(), (415, short(415, "Unsupported Media Type")));
    let untyped = see(post().body("{\"username\":\"abcdef\"}")).await;
    assert_eq!(untyped.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let typed = || post().header("content-type", "Application/JSON ; charset=UTF-8");
    for broken in ["", "{", "{\"username\":}", "\u{feff}{}", "[[[["] {
        assert_eq!(
            see(typed().body(broken)).await.parts(),
            (400, short(14020, "Bad request."))
        );
    }
    let deep = see(typed().body("[".repeat(200_000))).await;
    assert_eq!(deep.status, StatusCode::BAD_REQUEST);
    let too_large = (413, short(413, "Payload Too Large"));
    assert_eq!(
        see(typed().body(vec![b' '; 1024 * 1024 + 1])).await.parts(),
        too_large
    );
    let mut fitting = "{\"username\":\"abcdef\"}".to_owned();
    fitting.push_str(&" ".repeat(1024 * 1024 - fitting.len()));
    assert_eq!(see(typed().body(fitting)).await.status, StatusCode::CREATED);
    assert_eq!(world.sandbox.control().counts().customers, 1);
}

/// Sends bytes as they are and reads until the server closes.
async fn raw(world: &World, request: String) -> String {
    let address = world.sandbox.address();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).expect("the sandbox listens");
        stream
            .write_all(request.as_bytes())
            .expect("the sandbox reads");
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .expect("the sandbox closes in order");
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(exchange)
        .await
        .expect("the exchange does not panic")
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let world = World::start().await;
    let one = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /../nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(&world, format!("{one}{one}{last}")).await;
    assert_eq!(
        answer.matches("HTTP/1.1 404 Not Found").count(),
        3,
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_without_length_is_limited_too() {
    let world = World::start().await;
    let mut request = format!(
        "POST {TESTING} HTTP/1.1\r\nHost: x\r\nFinicity-App-Key: {}\r\nFinicity-App-Token: {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        world.partner.app_key, world.token,
    );
    let chunk = " ".repeat(0x10000);
    for _ in 0..17 {
        request.push_str(&format!("10000\r\n{chunk}\r\n"));
    }
    request.push_str("0\r\n\r\n");
    let answer = raw(&world, request).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_endless_announcement_is_refused_at_once() {
    let world = World::start().await;
    let request =
        format!("POST {TESTING} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
    let answer = raw(&world, request).await;
    assert!(
        answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "authentication comes first: {answer}"
    );
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_address() {
    let first = Sandbox::start(Config::for_tests()).await.unwrap();
    let config = Config {
        listen: first.address(),
        ..Config::for_tests()
    };
    let error = Sandbox::start(config.clone()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}", first.address())
    );
    first.stop().await;
    assert!(
        Sandbox::start(config).await.is_ok(),
        "stopping gives the port back"
    );
}
