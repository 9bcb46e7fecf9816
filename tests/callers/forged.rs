//! What any page can make a browser send that holds a certificate: it is no call, also where the certificate is all that
//! tells who calls.

use openfinance_gateway::config::ClientCertificates;
use openfinance_sandbox::Operation;
use prost::Message as _;
use tonic::{
    body::Body,
    codegen::{
        Service as _,
        http::{self, Method, header::CONTENT_TYPE},
    },
    transport::Channel,
};

use super::{
    certificates::{Authority, WRITER, connect, uri, vouched_by},
    *,
};

const CREATE: &str = "/openfinance.v1.CustomerService/CreateCustomer";

/// The bytes of a call that makes a customer.
fn creates(username: &str) -> String {
    let message = pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: username.to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..pb::Customer::default()
        }),
        ..pb::CreateCustomerRequest::default()
    };
    let message = message.encode_to_vec();
    let length = char::from(u8::try_from(message.len()).unwrap());
    format!("\0\0\0\0{length}{}", String::from_utf8(message).unwrap())
}

/// What comes back of such bytes, sent by this method and with these content types: the status in HTTP and in gRPC.
async fn sends(
    channel: &mut Channel,
    method: Method,
    types: &[&str],
    body: String,
) -> (u16, http::HeaderMap) {
    let mut request = http::Request::builder().method(method).uri(CREATE);
    for one in types {
        request = request.header(CONTENT_TYPE, *one);
    }
    // As browsers do for a page of another origin.
    let request = request.header("origin", "https://elsewhere.example.com");
    std::future::poll_fn(|cx| channel.poll_ready(cx))
        .await
        .unwrap();
    let answer = channel.call(request.body(Body::new(body)).unwrap()).await;
    let (parts, _) = answer.unwrap().into_parts();
    (parts.status.as_u16(), parts.headers)
}

#[tokio::test]
async fn a_page_makes_no_call_of_a_browser_that_shows_a_certificate() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let world = vouched_by(&authority, ClientCertificates::Required, |settings| {
        settings.audit_path = Some(audit.clone());
    })
    .await;
    let own = authority.signs(vec![uri(WRITER)]);
    let mut channel = connect(&world, &authority, Some(own)).await.unwrap();
    let mut refused = 0;
    for (method, types, status) in [
        // What a browser sends without asking.
        (Method::POST, &[][..], 415),
        (Method::POST, &["text/plain"], 415),
        (Method::POST, &["text/plain;charset=UTF-8"], 415),
        (Method::POST, &["text/plain; application/grpc"], 415),
        (Method::POST, &["application/x-www-form-urlencoded"], 415),
        (Method::POST, &["multipart/form-data; boundary=x"], 415),
        (Method::GET, &[], 405),
        (Method::HEAD, &[], 405),
        // What it asks about before, and what no browser sends.
        (Method::OPTIONS, &[], 405),
        (Method::PUT, &["application/grpc"], 405),
        (Method::POST, &["application/json"], 415),
        (Method::POST, &["application/grpc+json"], 415),
        (Method::POST, &["application/grpc-web+proto"], 415),
        (Method::POST, &["application/grpc-web-text"], 415),
        (Method::POST, &["application/grpc", "text/plain"], 415),
    ] {
        let told = format!("{method} {types:?}");
        let (http, headers) = sends(&mut channel, method, types, creates("forged")).await;
        assert_eq!(http, status, "{told}");
        let grpc = headers
            .get("grpc-status")
            .and_then(|status| status.to_str().ok());
        assert_eq!(grpc, Some("3"), "{told}");
        let origin = headers.get("access-control-allow-origin");
        assert_eq!(origin, None, "{told}");
        let allowed = headers.get("allow").is_some_and(|allow| allow == "POST");
        assert_eq!(allowed, status == 405, "{told}");
        refused += 1;
    }
    assert_eq!(world.calls(), 0);
    // They are counted as other refusals are.
    let counted = world.admin("/metrics").await;
    let line = format!(
        "openfinance_call_failures_total{{rpc_method=\"{}\",reason=\"INVALID_FIELD\"}} {refused}\n",
        &CREATE[1..]
    );
    assert!(counted.contains(&line), "{counted}");
    // The same bytes are a call when they say so, as clients do.
    for (number, kind) in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
    ]
    .into_iter()
    .enumerate()
    {
        let body = creates(&format!("clerk-{number}"));
        let (http, headers) = sends(&mut channel, Method::POST, &[kind], body).await;
        assert_eq!((http, headers.get("grpc-status")), (200, None), "{kind}");
    }
    assert_eq!(world.called(Operation::AddTestingCustomer), 3);
    drop(channel);
    world.stop().await;
    // And they have their lines, like those of strangers.
    let text = std::fs::read_to_string(audit).unwrap();
    let lines = text.lines().filter(|line| {
        line.contains("\"event\":\"refusal\"")
            && line.contains("\"peer\":\"127.0.0.1\"")
            && line.contains("\"reason\":\"INVALID_FIELD\"")
    });
    assert_eq!(lines.count(), refused, "{text}");
}

#[tokio::test]
async fn a_certificate_does_not_make_up_for_a_content_type_where_pages_may_call_either() {
    let authority = Authority::new();
    let world = vouched_by(&authority, ClientCertificates::Required, |settings| {
        let origins = vec!["https://support.example.com".to_owned()];
        settings.web = Some(config::Web { origins });
    })
    .await;
    let own = authority.signs(vec![uri(WRITER)]);
    let mut channel = connect(&world, &authority, Some(own)).await.unwrap();
    for types in [
        &[][..],
        &["text/plain"],
        &["multipart/form-data; boundary=x"],
    ] {
        let (http, _) = sends(&mut channel, Method::POST, types, creates("forged")).await;
        assert_eq!(http, 415, "{types:?}");
    }
    // What the page of another origin may not send is refused for that.
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let (http, headers) = sends(&mut channel, Method::POST, &[kind], creates("forged")).await;
        let grpc = headers
            .get("grpc-status")
            .and_then(|status| status.to_str().ok());
        assert_eq!((http, grpc), (200, Some("7")), "{kind}");
    }
    assert_eq!(world.calls(), 0);
    world.stop().await;
}
