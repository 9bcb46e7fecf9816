//! The spans that leave, as a collector gets them.
#![cfg(feature = "sandbox")]

use std::sync::{Arc, Mutex};

use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::{Span as Sent, span::SpanKind, status::StatusCode},
};
use secrecy::SecretBox;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status, transport::Channel};
use tracing::subscriber::NoSubscriber;

use super::*;
use crate::{
    Gateway,
    config::{
        Config, Upstream,
        auth::{Auth, StaticKey},
    },
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Sent>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter();
        let spans = spans.flat_map(|resource| resource.scope_spans);
        let spans = spans.flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Listens in a thread of its own: the exporter blocks the one that flushes.
    fn start(&self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let service = TraceServiceServer::new(self.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                let server = tonic::transport::Server::builder().add_service(service);
                server.serve_with_incoming(incoming).await.unwrap();
            });
        });
        format!("http://{address}")
    }
}

fn text(span: &Sent, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|one| one.key == key)?;
    let value = attribute.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value {
        return Some(text.clone());
    }
    let Value::IntValue(number) = value else {
        panic!("{key} is {value:?}");
    };
    Some(number.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gateway over the embedded sandbox that tells callers apart as this says, and a client of it.
async fn gateway(auth: Auth) -> (Gateway, CustomerServiceClient<Channel>) {
    let sandbox = Upstream::Sandbox {
        listen: ([127, 0, 0, 1], 0).into(),
    };
    let config = Config {
        auth,
        ..Config::for_tests(sandbox)
    };
    let gateway = Gateway::start(config).await.unwrap();
    let url = format!("http://{}", gateway.grpc_address());
    let client = CustomerServiceClient::connect(url).await.unwrap();
    (gateway, client)
}

/// What comes of `work`, and the spans that leave meanwhile.
async fn recorded<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> (T, Vec<Sent>) {
    let collector = Collector::default();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector.start())
        .build()
        .unwrap();
    let traces = Traces::sent_by(exporter, "test".to_owned());
    let subscriber = traces.beside(NoSubscriber::default());
    // All of the work runs in this one thread, so the subscriber of the thread is enough.
    let done = std::thread::spawn(move || {
        let _guard = tracing::subscriber::set_default(subscriber);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work)
    });
    let done = done.join().unwrap();
    traces.stop().await;
    let spans = collector.0.lock().unwrap().clone();
    (done, spans)
}

fn traced<T>(message: T, traceparent: &str) -> Request<T> {
    let mut request = Request::new(message);
    let traceparent = traceparent.parse().unwrap();
    request.metadata_mut().insert("traceparent", traceparent);
    let state = "vendor=canary".parse().unwrap();
    request.metadata_mut().insert("tracestate", state);
    request
}

fn create(username: &str) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: username.to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            first_name: "Canaria".to_owned(),
            last_name: "Canarius".to_owned(),
            email: "canary@example.com".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_and_its_requests_are_spans_of_the_callers_trace_and_hold_nothing_personal() {
    let work = async {
        let (gateway, mut client) = gateway(Auth::default()).await;
        let parent = format!("00-{TRACE}-{PARENT}-01");
        let made = client.create_customer(traced(create("canary_user"), &parent));
        let made = made.await.unwrap().into_inner();
        let lost = pb::GetCustomerRequest {
            customer_id: "424242".to_owned(),
        };
        client
            .get_customer(traced(lost, &parent))
            .await
            .unwrap_err();
        let read = pb::GetCustomerRequest {
            customer_id: made.customer_id.clone(),
        };
        // Nonsense begins a trace of its own, and harms nobody.
        client
            .get_customer(traced(read, &"x".repeat(4_000)))
            .await
            .unwrap();
        gateway.stop().await;
        made.customer_id
    };
    let (id, spans) = recorded(work).await;
    let of = |name: &str| -> Vec<&Sent> { spans.iter().filter(|span| span.name == name).collect() };
    let calls = of("openfinance.v1.CustomerService/CreateCustomer");
    let [call] = calls[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(call.kind(), SpanKind::Server);
    assert_eq!(hex(&call.trace_id), TRACE);
    assert_eq!(hex(&call.parent_span_id), PARENT);
    assert_eq!(text(call, "rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(
        text(call, "rpc.response.status_code").as_deref(),
        Some("OK")
    );

    // The create runs in a task of its own, and is in the trace all the same; so is the login.
    let request = of("POST /aggregation/v2/customers/testing");
    let [request] = request[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(request.kind(), SpanKind::Client);
    assert_eq!(request.trace_id, call.trace_id);
    assert_eq!(request.parent_span_id, call.span_id);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("url.template", "/aggregation/v2/customers/testing"),
        ("openfinance.operation", "AddTestingCustomer"),
        ("http.response.status_code", "201"),
    ] {
        assert_eq!(text(request, key).as_deref(), Some(value), "{key}");
    }
    let login = of("POST /aggregation/v2/partners/authentication");
    assert_eq!(login[0].parent_span_id, call.span_id);

    let reads = of("openfinance.v1.CustomerService/GetCustomer");
    let lost = reads
        .iter()
        .find(|span| text(span, "openfinance.reason").as_deref() == Some("CUSTOMER_NOT_FOUND"));
    let lost = lost.unwrap();
    assert_eq!(
        text(lost, "rpc.response.status_code").as_deref(),
        Some("NOT_FOUND")
    );
    // What a caller has done wrong is no error of the server's, and one of the client's.
    assert_eq!(text(lost, "error.type"), None);
    let asked = of("GET /aggregation/v1/customers/{customerId}");
    let asked = asked
        .iter()
        .find(|span| span.parent_span_id == lost.span_id);
    let asked = asked.unwrap();
    assert_eq!(text(asked, "error.type").as_deref(), Some("404"));
    assert_eq!(asked.status.as_ref().unwrap().code(), StatusCode::Error);
    assert!(reads.iter().any(|span| span.parent_span_id.is_empty()));

    let told = format!("{spans:?}").to_lowercase();
    for secret in ["canar", id.as_str(), "424242", "sandboxsecret"] {
        assert!(!told.contains(secret), "{secret} is in a span");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stranger_chooses_neither_the_trace_nor_whether_it_is_recorded() {
    const KEY: &str = "key-0123456789abcdef";
    let auth = Auth {
        keys: vec![StaticKey {
            principal: "web".to_owned(),
            sha256: SecretBox::new(Box::new(Sha256::digest(KEY).into())),
        }],
        ..Auth::default()
    };
    let work = async {
        let (gateway, mut client) = gateway(auth).await;
        let read = || {
            let parent = format!("00-{TRACE}-{PARENT}-01");
            traced(pb::GetCustomerRequest::default(), &parent)
        };
        client.get_customer(read()).await.unwrap_err();
        let mut known = read();
        let key = KEY.parse().unwrap();
        known.metadata_mut().insert("x-api-key", key);
        client.get_customer(known).await.unwrap_err();
        gateway.stop().await;
    };
    let ((), spans) = recorded(work).await;
    let with = |reason: &str| {
        let mut found = spans
            .iter()
            .filter(|span| text(span, "openfinance.reason").as_deref() == Some(reason));
        found.next().unwrap()
    };
    let stranger = with("CALLER_UNAUTHENTICATED");
    assert_ne!(hex(&stranger.trace_id), TRACE);
    assert_eq!(hex(&stranger.parent_span_id), "");
    let known = with("CALLER_FORBIDDEN");
    assert_eq!(hex(&known.trace_id), TRACE);
    assert_eq!(hex(&known.parent_span_id), PARENT);
    assert!(spans.iter().all(|span| span.trace_state.is_empty()));
}

#[test]
fn of_what_a_caller_says_of_its_trace_words_are_not_even_looked_at() {
    let parent_of = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", value.parse().unwrap());
        parent(&headers).map(str::to_owned)
    };
    let good = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(parent_of(&good), Some(good.clone()));
    for bad in [format!("{good}-canary"), "x".to_owned(), "0".repeat(600)] {
        assert_eq!(parent_of(&bad), None, "{bad}");
    }
    assert_eq!(parent(&HeaderMap::new()), None);
}

#[tokio::test]
async fn traces_are_off_until_a_collector_is_named() {
    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let of = |variables: &'static [(&str, &str)]| {
        Traces::of(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    assert!(of(&[]).unwrap().is_none());
    assert!(
        of(&[("OTEL_TRACES_SAMPLER", "always_on")])
            .unwrap()
            .is_none()
    );
    assert!(of(&[ENDPOINT]).unwrap().is_some());
    assert!(
        of(&[ENDPOINT, ("OTEL_SDK_DISABLED", "true")])
            .unwrap()
            .is_none()
    );
    assert!(
        of(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")])
            .unwrap()
            .is_none()
    );
    let refused = of(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]);
    assert!(refused.is_err_and(|error| error.to_string().contains("http/json")));
}
