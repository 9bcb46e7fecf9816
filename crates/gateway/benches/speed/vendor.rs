//! The vendor: the sandbox in a process of its own, and how the others call it.

use std::time::Duration;

use openfinance_sandbox::{Config, Sandbox, Start};
use reqwest::{
    Client,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::role::{Orders, Part, Role, say, until_the_end};

pub(crate) const CUSTOMERS: &str = "/aggregation/v1/customers";
pub(crate) const TESTING: &str = "/aggregation/v2/customers/testing";
pub(crate) const ACTIVE: &str = "/aggregation/v2/customers/active";

const APP_KEY: HeaderName = HeaderName::from_static("finicity-app-key");
const APP_TOKEN: HeaderName = HeaderName::from_static("finicity-app-token");

/// Serves as the vendor.
pub(crate) async fn play(orders: Orders) {
    let sandbox = Sandbox::start(Config {
        start: Start::Host,
        testing_customer_limit: usize::MAX,
        ..Config::for_tests()
    });
    let sandbox = sandbox.await.unwrap();
    say(sandbox.base_url());
    until_the_end(orders).await;
}

/// A vendor, and how it is told what to do.
pub(crate) struct Vendor {
    pub(crate) role: Role,
    access: Access,
}

impl Vendor {
    pub(crate) async fn start() -> Self {
        let role = Role::start(Part::Vendor, "").await;
        let access = Access::log_in(&role.address).await;
        Self { role, access }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.role.address
    }

    /// Makes a customer with all that one can have, and answers its id.
    pub(crate) async fn customer(&self) -> String {
        let url = format!("{}{TESTING}", self.access.base_url);
        let answer = self.access.http.post(url).json(&person("household-4711"));
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    /// From now on it takes this long to answer a read.
    pub(crate) async fn takes(&self, latency: Duration) {
        let millis = latency.as_millis() as u64;
        let rule = json!({
            "operation": "GetCustomer", "times": 1_000_000_000, "effect": {"latency_ms": millis},
        });
        let url = format!("{}/__sandbox/v1/faults", self.access.base_url);
        let answer = self.access.http.post(url).json(&rule).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    pub(crate) async fn stop(self) {
        self.role.stop().await;
    }
}

/// A made-up person under this username.
pub(crate) fn person(username: &str) -> Value {
    json!({
        "username": username, "firstName": "Ada", "lastName": "Lovelace",
        "phone": "8015550123", "email": "ada.lovelace@example.com",
    })
}

/// An HTTP client as it comes, that is logged in.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) http: Client,
    pub(crate) base_url: String,
}

impl Access {
    pub(crate) async fn log_in(base_url: &str) -> Self {
        // There is no other provider in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let partner = Config::for_tests().partner;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(APP_KEY, partner.app_key.parse().unwrap());
        let client = |headers: &HeaderMap| {
            let builder = Client::builder().no_proxy().tls_certs_only([]);
            builder.default_headers(headers.clone()).build().unwrap()
        };
        let url = format!("{base_url}/aggregation/v2/partners/authentication");
        let login = json!({"partnerId": partner.id, "partnerSecret": partner.secret});
        let answer = client(&headers).post(url).json(&login).send();
        let answer: Value = answer.await.unwrap().json().await.unwrap();
        let token = answer["token"].as_str().unwrap();
        headers.insert(APP_TOKEN, token.parse().unwrap());
        Self {
            http: client(&headers),
            base_url: base_url.to_owned(),
        }
    }
}
