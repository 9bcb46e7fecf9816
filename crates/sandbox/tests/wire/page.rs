//! The page for people and the records behind it, as they are on the wire. What the page does in a browser is tested
//! end to end.

use reqwest::{Method, StatusCode, redirect::Policy};
use serde_json::json;

use super::{World, see};

#[tokio::test]
async fn the_page_and_its_files_come_with_strict_headers() {
    let world = World::start().await;
    for (path, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("?from=bookmark", "text/html; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let request = world.bare(Method::GET, &format!("/__sandbox/{path}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        assert!(!response.text().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn without_its_slash_the_page_is_a_redirect() {
    let world = World::start().await;
    let client = reqwest::Client::builder().redirect(Policy::none());
    let client = client.no_proxy().build().unwrap();
    let url = format!("{}/__sandbox", world.sandbox.base_url());
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "/__sandbox/");
    let seen = see(world.bare(Method::GET, "/__sandbox")).await;
    assert!(seen.text.starts_with("<!doctype html>"));
    let head = world
        .bare(Method::HEAD, "/__sandbox/")
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_the_page_is_404_in_json() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/__sandbox/index.html"),
        (Method::GET, "/__sandbox/page.rs"),
        (Method::GET, "/__sandbox//"),
        (Method::POST, "/__sandbox/"),
        (Method::DELETE, "/__sandbox/page.js"),
        (Method::GET, "/__sandbox/v1"),
        (Method::GET, "/__sandbox/v1/page.js"),
    ] {
        let seen = see(world.bare(method.clone(), path)).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    // Neither the page nor what it asks for is in the log of the imitated API.
    assert_eq!(world.sandbox.control().requests(None).len(), 1);
}

#[tokio::test]
async fn records_come_masked_and_in_pages_and_the_latest_requests_alone() {
    let world = World::start().await;
    for number in 1..=3 {
        world.customer(&format!("customer{number}")).await;
    }
    let seen = see(world.bare(
        Method::GET,
        "/__sandbox/v1/records?kind=customers&start=2&limit=1",
    ))
    .await;
    let body = seen.json();
    assert_eq!((seen.status, &body["found"]), (StatusCode::OK, &json!(3)));
    assert_eq!(body["records"].as_array().unwrap().len(), 1);
    assert!(!seen.text.contains("customer2"));
    let path = "/__sandbox/v1/records?kind=customers&start=2&limit=1&personal=shown";
    let shown = see(world.bare(Method::GET, path)).await;
    assert_eq!(shown.json()["records"][0]["username"], "customer2");

    let requests = |query: &str| {
        let path = format!("/__sandbox/v1/requests?{query}");
        see(world.bare(Method::GET, &path))
    };
    let all = requests("").await.json()["requests"].take();
    let last = requests("last=2&operation=").await.json()["requests"].take();
    assert_eq!(last.as_array().unwrap()[..], all.as_array().unwrap()[2..]);
    assert_eq!(requests("last=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let world = World::start().await;
    let own = world.sandbox.base_url();
    let reset = |origin: &str| {
        let reset = world.bare(Method::POST, "/__sandbox/v1/reset");
        reset
            .header("content-type", "text/plain")
            .header("origin", origin)
    };
    world.customer("customer1").await;
    for origin in ["https://example.com", "null", "http://127.0.0.1:1", ""] {
        let seen = see(reset(origin)).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(seen.json()["error"].is_string());
    }
    let look = world.bare(Method::GET, "/__sandbox/v1/state");
    let seen = see(look.header("origin", "https://example.com")).await;
    assert_eq!(seen.json()["counts"]["customers"], 1);
    assert_eq!(see(reset(&own)).await.status, StatusCode::OK);
    assert_eq!(world.sandbox.control().counts().customers, 0);
}
