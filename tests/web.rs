//! What pages in browsers may call, by gRPC-Web over HTTP/1.1: calls as a browser makes them, and the question that it asks
//! before. A page in a real browser is in `clients`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openfinance_gateway::config::{self, Web, auth::Role};
use openfinance_rpc::pb;
use prost::Message;
use reqwest::{Client, Method, RequestBuilder, Response, header::HeaderMap};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::StatusExt as _;

use crate::{callers::by_key, canary, world::World};

/// Where the page comes from.
const ORIGIN: &str = "https://support.example.com";
/// Where others come from.
const ELSEWHERE: &str = "https://elsewhere.example.com";

const CREATE: &str = "CustomerService/CreateCustomer";
const GET: &str = "CustomerService/GetCustomer";
const LIST: &str = "CustomerService/ListCustomers";
const STREAM: &str = "CustomerService/StreamCustomers";

const PROTO: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";

fn pages(settings: &mut config::Config) {
    let origins = vec!["http://localhost:5173".to_owned(), ORIGIN.to_owned()];
    settings.web = Some(Web { origins });
}

async fn world() -> World {
    World::with_gateway(|_| (), pages).await
}

/// An answer of gRPC-Web.
#[derive(Debug)]
struct Answer {
    headers: HeaderMap,
    messages: Vec<Vec<u8>>,
    status: Status,
}

impl Answer {
    fn code(&self) -> Code {
        self.status.code()
    }

    fn reason(&self) -> String {
        canary::scan(&format!("{:?}", self.status));
        let details = self.status.get_error_details();
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The one message of a call that went well.
    fn message<M: Message + Default>(&self) -> M {
        assert_eq!(self.code(), Code::Ok, "{:?}", self.status);
        let [message] = &self.messages[..] else {
            panic!("{} messages", self.messages.len());
        };
        M::decode(&message[..]).unwrap()
    }
}

/// Reads an answer: messages, and the trailers behind them unless they are headers.
async fn read(response: Response) -> Answer {
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    let mut body = response.bytes().await.unwrap().to_vec();
    if kind.starts_with(TEXT) {
        // Each piece is encoded by itself.
        let text = String::from_utf8(body).unwrap();
        body = text
            .as_bytes()
            .chunks(4)
            .flat_map(|four| STANDARD.decode(four).unwrap())
            .collect();
    }
    let (mut messages, mut trailers, mut rest) = (Vec::new(), headers.clone(), &body[..]);
    while let Some(([flag, length @ ..], behind)) = rest.split_first_chunk::<5>() {
        let (frame, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        rest = behind;
        if *flag == 0 {
            messages.push(frame.to_vec());
            continue;
        }
        assert_eq!((*flag, rest.len()), (0x80, 0));
        for line in std::str::from_utf8(frame).unwrap().lines() {
            let (name, value) = line.split_once(':').unwrap();
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            trailers.insert(name, value.trim().parse().unwrap());
        }
    }
    let metadata = MetadataMap::from_headers(trailers).into_headers();
    Answer {
        headers,
        messages,
        status: Status::from_header_map(&metadata).expect("there is a status"),
    }
}

fn url(world: &World, method: &str) -> String {
    let address = world.grpc_address();
    format!("http://{address}/openfinance.v1.{method}")
}

fn framed(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat()
}

/// What a page from `origin` asks for.
fn from(origin: &str, world: &World, method: &str, message: &impl Message) -> RequestBuilder {
    Client::new()
        .post(url(world, method))
        .header("origin", origin)
        .header("content-type", PROTO)
        .header("x-grpc-web", "1")
        .body(framed(message))
}

async fn send(request: RequestBuilder) -> Answer {
    read(request.send().await.unwrap()).await
}

/// The same in the form for browsers that can read nothing but text, with this body.
async fn as_text(request: RequestBuilder, body: &str) -> Answer {
    let mut request = request.body(body.to_owned()).build().unwrap();
    for name in ["content-type", "accept"] {
        request.headers_mut().insert(name, TEXT.parse().unwrap());
    }
    read(Client::new().execute(request).await.unwrap()).await
}

async fn call(world: &World, method: &str, message: &impl Message) -> Answer {
    send(from(ORIGIN, world, method, message)).await
}

fn new_customer(username: &str) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: username.to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            first_name: canary::FIRST_NAME.to_owned(),
            last_name: canary::LAST_NAME.to_owned(),
            ..pb::Customer::default()
        }),
        ..pb::CreateCustomerRequest::default()
    }
}

#[tokio::test]
async fn a_page_creates_reads_lists_and_streams() {
    let world = world().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let created = call(&world, CREATE, &new_customer(&format!("page-{number}"))).await;
        assert_eq!(created.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(created.header("vary"), Some("origin"));
        let exposed = created.header("access-control-expose-headers").unwrap();
        for name in [
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "grpc-retry-pushback-ms",
            "x-openfinance-redacted",
        ] {
            assert!(exposed.split(',').any(|one| one == name), "{exposed}");
        }
        assert_eq!(created.header("access-control-allow-credentials"), None);
        ids.push(created.message::<pb::Customer>().customer_id);
    }
    let get = pb::GetCustomerRequest {
        customer_id: ids[0].clone(),
    };
    let text = as_text(
        from(ORIGIN, &world, GET, &get),
        &STANDARD.encode(framed(&get)),
    )
    .await;
    assert_eq!(text.message::<pb::Customer>().username, "page-0");
    let list = call(&world, LIST, &pb::ListCustomersRequest::default()).await;
    let list = list.message::<pb::ListCustomersResponse>();
    assert_eq!(list.customers.len(), 3);
    let stream = call(&world, STREAM, &pb::StreamCustomersRequest::default()).await;
    assert_eq!(stream.code(), Code::Ok);
    let streamed: Vec<_> = stream
        .messages
        .iter()
        .map(|message| pb::StreamCustomersResponse::decode(&message[..]).unwrap())
        .flat_map(|message| message.customers)
        .map(|customer| customer.customer_id)
        .collect();
    assert_eq!(streamed, ids);
    // They are counted as what they are, and gRPC goes on beside them.
    let counted = world.admin("/metrics").await;
    for (method, times) in [(CREATE, 3), (GET, 1), (LIST, 1), (STREAM, 1)] {
        let line = format!(
            "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",rpc_method=\"openfinance.v1.{method}\",\
             rpc_response_status_code=\"OK\"}} {times}\n"
        );
        assert!(counted.contains(&line), "{line}");
    }
    world.customer().await;
    world.stop().await;
}

#[tokio::test]
async fn whoever_refuses_a_call_the_page_reads_why() {
    let auth = by_key(&[("reader", &[Role::Reader], &[]), ("nobody", &[], &[])]);
    let world = World::with_gateway(
        |_| (),
        |settings| {
            pages(settings);
            settings.auth = auth;
        },
    )
    .await;
    let get = pb::GetCustomerRequest {
        customer_id: "1005061234".to_owned(),
    };
    let by = |name: &str, method: &str, body: Vec<u8>| {
        let key = crate::callers::key_of(name);
        from(ORIGIN, &world, method, &get)
            .header("x-api-key", key)
            .body(body)
    };
    let whole = framed(&get);
    let large = framed(&pb::GetCustomerRequest {
        customer_id: "1".repeat(200_000),
    });
    for (request, code, reason) in [
        (
            from(ORIGIN, &world, GET, &get),
            Code::Unauthenticated,
            "CALLER_UNAUTHENTICATED",
        ),
        (
            by("nobody", GET, whole.clone()),
            Code::PermissionDenied,
            "CALLER_FORBIDDEN",
        ),
        (
            by("reader", CREATE, whole.clone()),
            Code::PermissionDenied,
            "CALLER_FORBIDDEN",
        ),
        (
            by("reader", GET, whole.clone()),
            Code::NotFound,
            "CUSTOMER_NOT_FOUND",
        ),
        (
            by("reader", "CustomerService/None", whole.clone()),
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
        (
            by("reader", GET, whole.clone()).header("grpc-timeout", "soon"),
            Code::InvalidArgument,
            "INVALID_DEADLINE",
        ),
        (
            by("reader", GET, whole.clone()).header("grpc-timeout", "1n"),
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
        ),
        (
            by("reader", GET, large),
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        ),
        (
            by("reader", GET, b"\0\0\0\0\x01\xff".to_vec()),
            Code::InvalidArgument,
            "INVALID_FIELD",
        ),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.code(), answer.reason().as_str()), (code, reason));
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(answer.header("access-control-expose-headers").is_some());
    }
    let answer = as_text(by("reader", GET, whole.clone()), "no base64!").await;
    assert_eq!(answer.reason(), "INVALID_FIELD");
    world.stop().await;
}

#[tokio::test]
async fn a_page_learns_which_fields_are_kept_from_it() {
    let auth = by_key(&[
        ("reader", &[Role::Reader], &[]),
        ("writer", &[Role::Writer], &["pii.read"]),
    ]);
    let world = World::with_gateway(
        |_| (),
        |settings| {
            pages(settings);
            settings.auth = auth;
        },
    )
    .await;
    let by = |name: &str, method: &str, message: Vec<u8>| {
        let key = crate::callers::key_of(name);
        from(ORIGIN, &world, method, &())
            .header("x-api-key", key)
            .body(message)
    };
    let created = send(by("writer", CREATE, framed(&new_customer("seen-by-page")))).await;
    assert_eq!(created.header("x-openfinance-redacted"), None);
    let pb::Customer {
        customer_id,
        first_name,
        ..
    } = created.message();
    assert_eq!(first_name, canary::FIRST_NAME);
    let get = framed(&pb::GetCustomerRequest { customer_id });
    let read = send(by("reader", GET, get)).await;
    let redacted = read.header("x-openfinance-redacted").unwrap();
    assert!(redacted.contains("first_name"), "{redacted}");
    assert_eq!(read.message::<pb::Customer>().first_name, "");
    world.stop().await;
}

/// Asks as a browser asks before a page of `origin` may call.
async fn asks(world: &World, origin: &str) -> Response {
    let asked = Client::new().request(Method::OPTIONS, url(world, CREATE));
    asked
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,grpc-timeout,x-api-key,x-grpc-web,x-user-agent",
        )
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_browser_that_asks_is_told_without_a_credential_and_remembers() {
    let auth = by_key(&[("nobody", &[], &[])]);
    let world = World::with_gateway(
        |_| (),
        |settings| {
            pages(settings);
            settings.auth = auth;
        },
    )
    .await;
    let told = asks(&world, ORIGIN).await;
    assert_eq!(told.status(), 200);
    let header = |name: &str| {
        let value = told.headers().get(name);
        value
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    };
    assert_eq!(header("access-control-allow-origin"), ORIGIN);
    assert_eq!(header("access-control-allow-methods"), "POST");
    assert_eq!(header("access-control-max-age"), "7200");
    assert_eq!(header("access-control-allow-credentials"), "");
    let allowed: Vec<_> = header("access-control-allow-headers").split(',').collect();
    for name in [
        "content-type",
        "authorization",
        "x-api-key",
        "grpc-timeout",
        "x-grpc-web",
        "x-user-agent",
        "traceparent",
    ] {
        assert!(allowed.contains(&name), "{allowed:?}");
    }
    for origin in [
        ELSEWHERE,
        "null",
        "https://support.example.com.evil.example",
    ] {
        let told = asks(&world, origin).await;
        assert_eq!(told.headers().get("access-control-allow-origin"), None);
    }
    let counted = world.admin("/metrics").await;
    for (origin, times) in [("named", 1), ("other", 3)] {
        let line = format!("openfinance_preflights_total{{origin=\"{origin}\"}} {times}\n");
        assert!(counted.contains(&line), "{counted}");
    }
    // A question is no call.
    assert!(!counted.contains("rpc_server_call_duration_seconds_count{"));
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_does_nothing_whether_its_browser_asks_or_not() {
    let world = world().await;
    for origin in [
        ELSEWHERE,
        "null",
        "http://support.example.com",
        "https://support.example.com:8443",
        "https://Support.example.com",
    ] {
        let answer = send(from(origin, &world, CREATE, &new_customer("forged"))).await;
        assert_eq!(
            (answer.code(), answer.reason().as_str()),
            (Code::PermissionDenied, "CALLER_FORBIDDEN"),
            "{origin}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // One that is named does not cover another.
    let both = from(ORIGIN, &world, CREATE, &new_customer("forged")).header("origin", ELSEWHERE);
    assert_eq!(send(both).await.reason(), "CALLER_FORBIDDEN");
    // What browsers send without asking is no call.
    let form = Client::new().post(url(&world, CREATE));
    let form = form
        .header("origin", ELSEWHERE)
        .header("content-type", "text/plain")
        .body(framed(&new_customer("forged")));
    assert_eq!(form.send().await.unwrap().status(), 415);
    assert_eq!(world.calls(), 0);
    let counted = world.admin("/metrics").await;
    let line = format!("rpc_method=\"openfinance.v1.{CREATE}\",reason=\"CALLER_FORBIDDEN\"}} 6\n");
    assert!(counted.contains(&line), "{counted}");
    // A program that is no browser has no origin.
    let program = Client::new().post(url(&world, CREATE));
    let program = program
        .header("content-type", PROTO)
        .body(framed(&new_customer("program")));
    assert_eq!(send(program).await.code(), Code::Ok);
    world.stop().await;
}

#[tokio::test]
async fn nobody_calls_from_a_page_unless_that_is_switched_on() {
    let world = World::start().await;
    let page = from(ORIGIN, &world, CREATE, &new_customer("forged"));
    assert!(page.send().await.is_err());
    let asked = Client::new().request(Method::OPTIONS, url(&world, CREATE));
    assert!(asked.header("origin", ORIGIN).send().await.is_err());
    assert_eq!(world.calls(), 0);
    world.stop().await;
}
