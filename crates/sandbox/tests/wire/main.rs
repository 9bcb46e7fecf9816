//! What the sandbox looks like from outside: shapes, types, headers and statuses, through a real HTTP client.
//!
//! The rules themselves are tested beside the code that keeps them.

mod authentication;
#[path = "../contract/mod.rs"]
mod contract;
mod control;
mod document;
mod faults;
mod held;
mod http;
mod journal;
mod page;
mod quirks;
mod records;
mod reference;

use openfinance_sandbox::{Config, PartnerCredentials, Sandbox};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

const LOG_IN: &str = "/aggregation/v2/partners/authentication";
const TESTING: &str = "/aggregation/v2/customers/testing";
const ACTIVE: &str = "/aggregation/v2/customers/active";
const CUSTOMERS: &str = "/aggregation/v1/customers";

/// One sandbox and one client that is logged in.
struct World {
    sandbox: Sandbox,
    client: Client,
    partner: PartnerCredentials,
    token: String,
}

/// An answer, taken apart.
#[derive(Debug, PartialEq)]
struct Seen {
    status: StatusCode,
    content_type: Option<String>,
    text: String,
    headers: HeaderMap,
}

impl Seen {
    fn json(&self) -> Value {
        assert_eq!(
            self.content_type.as_deref(),
            Some("application/json"),
            "{self:?}"
        );
        serde_json::from_str(&self.text).expect("the body is JSON")
    }

    /// Status and body at once.
    fn parts(&self) -> (u16, Value) {
        (self.status.as_u16(), self.json())
    }

    fn is_empty_204(&self) -> bool {
        self.status == StatusCode::NO_CONTENT
            && self.content_type.as_deref() == Some("text/plain")
            && self.text.is_empty()
    }
}

/// Sends a request and holds the answer against the document.
async fn see(request: RequestBuilder) -> Seen {
    try_see(request).await.expect("the sandbox answers")
}

/// The same where a fault may end the connection instead.
async fn try_see(request: RequestBuilder) -> reqwest::Result<Seen> {
    let (client, request) = request.build_split();
    let request = request?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let response = client.execute(request).await?;
    let content_type = response.headers().get("content-type");
    let seen = Seen {
        status: response.status(),
        content_type: content_type
            .map(|value| value.to_str().expect("a content type is text").to_owned()),
        headers: response.headers().clone(),
        text: response.text().await?,
    };
    held::hold(&method, &url, &seen);
    Ok(seen)
}

fn client() -> Client {
    // A second test in this process finds the provider installed, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Nothing here is TLS, and reading the system's certificates would take longer than most tests.
    Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("the client is well configured")
}

impl World {
    async fn start() -> Self {
        Self::start_with(Config::for_tests()).await
    }

    async fn start_with(config: Config) -> Self {
        let (partner, quirks) = (config.partner.clone(), config.quirks);
        let sandbox = Sandbox::start(config).await.expect("a free port is free");
        held::watch(&sandbox, quirks);
        let mut world = Self {
            sandbox,
            client: client(),
            partner,
            token: String::new(),
        };
        let seen = world.log_in(&world.partner.secret).await;
        world.token = seen.json()["token"]
            .as_str()
            .expect("a token is text")
            .to_owned();
        world
    }

    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.sandbox.base_url()))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .header("Finicity-App-Key", &self.partner.app_key)
            .header("Finicity-App-Token", &self.token)
    }

    async fn get(&self, path: &str) -> Seen {
        see(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Seen {
        see(self.request(Method::POST, path).json(&body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Seen {
        see(self.request(Method::PUT, path).json(&body)).await
    }

    async fn delete(&self, path: &str) -> Seen {
        see(self.request(Method::DELETE, path)).await
    }

    async fn log_in(&self, secret: &str) -> Seen {
        let request = self
            .bare(Method::POST, LOG_IN)
            .header("Finicity-App-Key", &self.partner.app_key);
        see(request.json(&json!({"partnerId": self.partner.id, "partnerSecret": secret}))).await
    }

    /// Creates a testing customer and answers its id.
    async fn customer(&self, username: &str) -> String {
        let seen = self.post(TESTING, json!({ "username": username })).await;
        seen.json()["id"]
            .as_str()
            .expect("an id is text")
            .to_owned()
    }
}

fn short(code: impl Into<Value>, message: &str) -> Value {
    json!({"code": code.into(), "message": message})
}
