//! How the gateway is watched, end to end: what it says of itself, and what a scrape finds.

use std::{collections::BTreeMap, time::Duration};

use openfinance_gateway::{
    config::{ClientCertificates, Tls, TlsVersion},
    reason::Reason,
};
use openfinance_rpc::pb::{self, gateway_service_client::GatewayServiceClient};
use openfinance_sandbox::Operation;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{REQUEST_ID, World};

/// The figures of a scrape: a series, labels included, and its value.
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    pub(crate) async fn of(world: &World) -> Self {
        let text = world.admin("/metrics").await;
        assert!(text.ends_with("# EOF\n"), "{text}");
        let line = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(line).collect())
    }

    /// The sum of the series with this name whose labels hold all of these.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        let found: Vec<f64> = self
            .0
            .iter()
            .filter(|(series, _)| series.split('{').next() == Some(name))
            .filter(|(series, _)| labels.iter().all(|label| series.contains(label)))
            .map(|(_, value)| *value)
            .collect();
        found.iter().sum()
    }

    /// Whether there is a series with this name whose labels hold all of these.
    fn has_with(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let held = |series: &str| {
            labels
                .iter()
                .all(|(key, value)| series.contains(&format!("{key}=\"{value}\"")))
        };
        self.0
            .keys()
            .any(|series| series.split('{').next() == Some(name) && held(series))
    }

    /// Whether there is a series with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0
            .keys()
            .any(|series| series.split('{').next() == Some(name))
    }
}

fn gateway(world: &World) -> GatewayServiceClient<tonic::transport::Channel> {
    GatewayServiceClient::new(world.channel())
}

fn read(customer_id: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest {
        customer_id: customer_id.to_owned(),
    }
}

/// A create under a request id.
fn noted(username: &str) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: username.to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        validate_only: false,
    }
}

#[tokio::test]
async fn the_gateway_tells_what_it_is() {
    let world = World::start().await;
    let mut gateway = gateway(&world);
    let info = gateway.get_gateway_info(pb::GetGatewayInfoRequest {});
    let info = info.await.unwrap().into_inner();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    let document = include_str!("../openapi/openapi.json");
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let told = json!({
        "version": info.vendor_document_version,
        "x-structure-sha256": info.vendor_document_sha256,
    });
    for key in ["version", "x-structure-sha256"] {
        assert_eq!(told[key], document["info"][key], "{key}");
    }
    let host = world.sandbox_url().replace("http://", "");
    assert_eq!(info.environment, host);
    assert!(info.start_time.is_some());
    world.stop().await;
}

#[tokio::test]
async fn every_reason_is_listed_with_what_to_do_about_it() {
    let world = World::start().await;
    let mut gateway = gateway(&world);
    let listed = gateway.list_error_reasons(pb::ListErrorReasonsRequest {});
    let listed = listed.await.unwrap().into_inner().reasons;
    let words: Vec<_> = listed.iter().map(|one| one.reason.as_str()).collect();
    let all: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words, all);
    let taken = listed.iter().find(|one| one.reason == "USERNAME_TAKEN");
    let taken = taken.unwrap();
    assert_eq!(taken.code, "ALREADY_EXISTS");
    assert!(!taken.meaning.is_empty() && !taken.caller_action.is_empty() && !taken.retryable);
    world.stop().await;
}

#[tokio::test]
async fn a_scrape_tells_attempts_retries_failures_and_the_token() {
    let world = World::start().await;
    let customer = world.customer().await;
    world.answers(Operation::GetCustomer, 503, json!({}));
    world
        .customers()
        .get_customer(read(&customer))
        .await
        .unwrap();
    world
        .customers()
        .get_customer(read("99999"))
        .await
        .unwrap_err();
    let scrape = Scrape::of(&world).await;
    let requests =
        |labels: &[(&str, &str)]| scrape.sum("http_client_request_duration_seconds_count", labels);
    let template = ("url_template", "/aggregation/v1/customers/{customerId}");
    for (status, times) in [("503", 1.0), ("200", 1.0), ("404", 1.0)] {
        let labels = [
            ("operation", "GetCustomer"),
            ("http_request_method", "GET"),
            template,
            ("http_response_status_code", status),
        ];
        assert_eq!(requests(&labels), times, "{status}");
    }
    let retried = [("operation", "GetCustomer"), ("cause", "failure")];
    assert_eq!(
        scrape.sum("openfinance_upstream_retries_total", &retried),
        1.0
    );
    let failed = [
        ("reason", "CUSTOMER_NOT_FOUND"),
        ("rpc_method", "openfinance.v1.CustomerService/GetCustomer"),
    ];
    assert_eq!(scrape.sum("openfinance_call_failures_total", &failed), 1.0);
    let accepted = [("outcome", "accepted")];
    assert_eq!(scrape.sum("openfinance_logins_total", &accepted), 1.0);
    let age = scrape.sum("openfinance_token_age_seconds", &[]);
    assert!((0.0..60.0).contains(&age), "{age}");
    assert!(scrape.sum("openfinance_token_renewal_in_seconds", &[]) > 4_000.0);
    assert_eq!(scrape.sum("openfinance_login_guard_open", &[]), 0.0);
    assert_eq!(scrape.sum("openfinance_store_usable", &[]), 1.0);
    assert!(scrape.has("openfinance_retry_budget"));
    let closed = [("operation", "GetCustomer"), ("state", "closed")];
    assert_eq!(scrape.sum("openfinance_circuit_state", &closed), 1.0);
    // The gateway is idle but for what asks it.
    for gauge in [
        "openfinance_calls_open",
        "openfinance_calls_in_flight",
        "openfinance_calls_waiting",
        "http_client_active_requests",
        "openfinance_request_ids_in_flight",
    ] {
        assert_eq!(scrape.sum(gauge, &[]), 0.0, "{gauge}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_scrape_tells_what_became_of_request_ids_and_lost_answers() {
    let world = World::start().await;
    world.loses_answer(Operation::AddTestingCustomer, 502, "text/html", "<html/>");
    let request = noted("watched_customer");
    for _ in 0..2 {
        world
            .customers()
            .create_customer(request.clone())
            .await
            .unwrap();
    }
    let scrape = Scrape::of(&world).await;
    for (state, times) in [("begun", 1.0), ("done", 1.0), ("replayed", 1.0)] {
        let state = [("state", state)];
        assert_eq!(
            scrape.sum("openfinance_request_ids_total", &state),
            times,
            "{state:?}"
        );
    }
    let by_call = [("outcome", "by_call")];
    assert_eq!(scrape.sum("openfinance_intents_total", &by_call), 1.0);
    let ours = [("operation", "AddTestingCustomer"), ("finding", "ours")];
    assert_eq!(scrape.sum("openfinance_read_backs_total", &ours), 1.0);
    world.stop().await;
}

#[tokio::test]
async fn a_refused_login_opens_the_guard_for_all_to_see() {
    let world = World::start().await;
    let refused = json!({ "code": 10001, "message": "no" });
    world.answers(Operation::CreateToken, 401, refused);
    world.customers().get_customer(read("1")).await.unwrap_err();
    let scrape = Scrape::of(&world).await;
    assert_eq!(scrape.sum("openfinance_login_guard_open", &[]), 1.0);
    let refused = [("outcome", "refused")];
    assert_eq!(scrape.sum("openfinance_logins_total", &refused), 1.0);
    assert!(!scrape.has("openfinance_token_age_seconds"));
    let failed = [("reason", "PARTNER_CREDENTIALS_REJECTED")];
    assert_eq!(scrape.sum("openfinance_call_failures_total", &failed), 1.0);
    world.stop().await;
}

#[tokio::test]
async fn what_a_single_event_raises_an_alert_for_is_counted_from_zero() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    let world = World::with_gateway(|_| (), |settings| settings.audit_path = Some(audit)).await;
    let scrape = Scrape::of(&world).await;
    let rules = include_str!("../deploy/prometheus/openfinance.rules.yaml");
    let series: Vec<_> = rules
        .lines()
        // Such a rule takes a series that is new for one that has increased.
        .filter(|line| !line.contains("offset"))
        .flat_map(|line| line.split("increase(").skip(1))
        .map(|rest| rest.split('[').next().unwrap())
        .collect();
    assert!(series.len() >= 5, "{series:?}");
    for series in series {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',');
        let labels: Vec<_> = labels
            .filter_map(|label| label.split_once("=\""))
            .map(|(label, value)| (label, value.trim_end_matches('"')))
            .collect();
        let labels: Vec<_> = labels
            .into_iter()
            // What a label is not says nothing of what there is.
            .filter(|(label, _)| !label.ends_with('!'))
            .collect();
        assert!(scrape.has_with(name, &labels), "{series}");
        assert_eq!(scrape.sum(name, &labels), 0.0, "{series}");
    }
    world.stop().await;
}

#[tokio::test]
async fn readiness_names_what_fails_and_can_be_asked_without_it() {
    let world = World::start().await;
    assert_eq!(world.admin("/readyz").await, "ready\n");
    let refused = json!({ "code": 10001, "message": "no" });
    world.answers(Operation::CreateToken, 401, refused);
    world.customers().get_customer(read("1")).await.unwrap_err();
    for (path, status, told) in [
        ("/readyz", 503, "not ready: guard\n"),
        ("/readyz?exclude=store", 503, "not ready: guard\n"),
        (
            "/readyz?exclude=store&exclude=guard",
            200,
            "ready but for: guard\n",
        ),
        (
            "/readyz?exclude=serving",
            400,
            "the only parameter is exclude, and its values are: guard, store, audit, callers\n",
        ),
        (
            "/readyz?verbose",
            400,
            "the only parameter is exclude, and its values are: guard, store, audit, callers\n",
        ),
    ] {
        assert_eq!(world.admin_status(path).await, status, "{path}");
        assert_eq!(world.admin(path).await, told, "{path}");
    }
    world.stop().await;
}

/// What the names of our figures begin with.
const FAMILIES: [&str; 4] = ["openfinance_", "rpc_server_", "http_client_", "process_"];

/// The names of figures in a text.
fn names(text: &str) -> std::collections::BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| FAMILIES.iter().any(|family| word.starts_with(family)))
        .collect()
}

/// TLS with a certificate that ends in the year 4096, as those do whose maker says nothing.
fn tls(folder: &std::path::Path) -> Tls {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    Tls {
        cert: write("server.pem", pair.cert.pem()),
        key: write("server.key", pair.signing_key.serialize_pem()),
        client_ca: None,
        min_version: TlsVersion::V1_3,
        client_certificates: ClientCertificates::Required,
    }
}

#[tokio::test]
async fn a_scrape_tells_of_connections_and_of_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with_gateway(|_| (), |settings| settings.tls = Some(tls(folder.path())));
    let world = world.await;
    let scrape = Scrape::of(&world).await;
    let ends = "openfinance_tls_certificate_expiration_timestamp_seconds";
    assert_eq!(scrape.sum(ends, &[]), 67_090_118_400.0);
    let failed = "openfinance_tls_handshakes_failed_total";
    assert_eq!(scrape.sum(failed, &[]), 0.0);
    let mut stranger = TcpStream::connect(world.grpc_address()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // It has been told off, and a moment later that is counted.
    stranger.read_to_end(&mut Vec::new()).await.unwrap();
    let counted = async {
        loop {
            let scrape = Scrape::of(&world).await;
            if scrape.sum(failed, &[]) + scrape.sum("openfinance_connections_open", &[]) == 1.0 {
                return;
            }
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counted).await;
    assert!(counted.is_ok(), "it is not counted");
    world.stop().await;
}

#[tokio::test]
async fn what_dashboard_and_alerts_and_documents_name_is_in_a_scrape() {
    let world = World::start().await;
    // A family without a series is not announced, so each has one.
    let customer = world.customer().await;
    world.answers(Operation::GetCustomer, 503, json!({ "unheardOf": 1 }));
    let found = world.customers().get_customer(read(&customer)).await;
    found.unwrap();
    let lost = world.customers().get_customer(read("99999")).await;
    lost.unwrap_err();
    world.loses_answer(Operation::AddTestingCustomer, 502, "text/html", "<html/>");
    let made = world.customers().create_customer(noted("watched")).await;
    made.unwrap();
    // Some of it is there only with TLS, or with an audit file.
    let folder = tempfile::tempdir().unwrap();
    let more = World::with_gateway(
        |_| (),
        |settings| {
            settings.tls = Some(tls(folder.path()));
            settings.audit_path = Some(folder.path().join("audit"));
        },
    );
    let more = more.await;
    let text = world.admin("/metrics").await + &more.admin("/metrics").await;
    more.stop().await;
    let mut known = std::collections::BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_count", "_sum", "_bucket"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
        if kind == "histogram" {
            known.insert(name.to_owned());
        }
    }
    let mut missing = Vec::new();
    for (place, named) in [
        (
            "alerts",
            include_str!("../deploy/prometheus/openfinance.rules.yaml"),
        ),
        (
            "dashboard",
            include_str!("../deploy/grafana/openfinance.json"),
        ),
        ("runbook", include_str!("../docs/runbook.md")),
        ("operations", include_str!("../docs/operations.md")),
    ] {
        for name in names(named) {
            // A prefix that the text speaks of as such.
            if FAMILIES.contains(&name) {
                continue;
            }
            if !known.contains(name) {
                missing.push((place, name));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    world.stop().await;
}
