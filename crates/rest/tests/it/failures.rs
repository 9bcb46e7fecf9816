//! What each way to fail comes to, and that none of them prints anything.

use std::{net::TcpListener, time::Duration};

use openfinance_rest::{BodyKind, Call, CauseKind, Failure, http_client, types};
use progenitor_client::{ClientHooks as _, OperationInfo};
use reqwest::{Method, Request};
use serde_json::json;

use crate::{
    operations::{call, perform},
    server::{Server, Then},
};

/// How long a silent server is waited for: longer than a busy machine takes to get what comes before the silence.
const SILENCE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_refused_connection_was_surely_not_sent() {
    let base_url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    // The query holds personal data, which the layers below put into their errors.
    let failure = perform("GetCustomers", &call("GetCustomers"), &base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure, Failure::NotSent { cause } if cause.kind == CauseKind::Connection),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_interrupted() {
    let server = Server::start(Then::Close);
    let failure = perform("AddCustomer", &call("AddCustomer"), &server.base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure, Failure::Interrupted { status: None, cause } if cause.kind == CauseKind::Connection)
    );
    assert_eq!(server.received().len(), 1, "nothing below may send again");
}

#[tokio::test]
async fn a_silent_server_is_interrupted_in_time() {
    let server = Server::start(Then::Stall(Vec::new()));
    let call = call("GetCustomers").timeout(SILENCE);
    let failure = perform("GetCustomers", &call, &server.base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure, Failure::Interrupted { status: None, cause } if cause.kind == CauseKind::Timeout)
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_in_its_body_is_interrupted_in_time() {
    let begun = b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{\"id\":\"canary";
    let server = Server::start(Then::Stall(begun.to_vec()));
    let call = call("AddCustomer").timeout(SILENCE);
    let failure = perform("AddCustomer", &call, &server.base_url)
        .await
        .unwrap_err();
    let Failure::Interrupted {
        status: Some(status),
        cause,
    } = failure
    else {
        panic!("{failure:?}")
    };
    assert_eq!((status.as_u16(), cause.kind), (201, CauseKind::Timeout));
}

#[tokio::test]
async fn a_body_cut_short_is_interrupted_with_its_status() {
    let server = Server::start(Then::Send(
        b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{\"id\":\"canary".to_vec(),
    ));
    let failure = perform("AddCustomer", &call("AddCustomer"), &server.base_url)
        .await
        .unwrap_err();
    let Failure::Interrupted {
        status: Some(status),
        cause,
    } = failure
    else {
        panic!("{failure:?}")
    };
    assert_eq!(
        (status.as_u16(), cause.kind),
        (201, CauseKind::Body),
        "{cause}"
    );
}

#[tokio::test]
async fn garbage_is_interrupted() {
    let server = Server::start(Then::Send(b"canary\r\n\r\n".to_vec()));
    let failure = perform("GetCustomer", &call("GetCustomer"), &server.base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(failure, Failure::Interrupted { status: None, .. }),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let server = Server::answering(
        302,
        &[("location", "/aggregation/v1/customers/1?canary")],
        b"",
    );
    let failure = perform("GetCustomer", &call("GetCustomer"), &server.base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure, Failure::Refused(answer) if answer.status == 302 && answer.headers.contains_key("location"))
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_success_that_is_not_the_promised_one_is_refused_whole() {
    let server = Server::answering(200, &[], b"{}");
    let failure = perform("AddCustomer", &call("AddCustomer"), &server.base_url)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure, Failure::Refused(answer) if answer.status == 200 && *answer.body == *b"{}"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
    let body = serde_json::to_vec(&json!({ "id": "1", "username": "canary" })).unwrap();
    for chunked in [false, true] {
        let server = if chunked {
            let head = format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
                body.len()
            );
            Server::start(Then::Send(
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
            ))
        } else {
            Server::answering(200, &[], &body)
        };
        let at = call("GetCustomer").body_limit(body.len());
        assert!(perform("GetCustomer", &at, &server.base_url).await.is_ok());
        let above = call("GetCustomer").body_limit(body.len() - 1);
        let failure = perform("GetCustomer", &above, &server.base_url)
            .await
            .unwrap_err();
        assert!(
            matches!(failure, Failure::TooLarge { status, limit } if status == 200 && limit == body.len() - 1)
        );
        assert!(above.answer().is_none());
    }
    // Where the body is not decoded, it must not pass for an empty one.
    let server = Server::answering(404, &[], &body);
    let failure = perform(
        "DeleteCustomer",
        &call("DeleteCustomer").body_limit(3),
        &server.base_url,
    )
    .await
    .unwrap_err();
    assert!(
        matches!(failure, Failure::TooLarge { status, .. } if status == 404),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_call_is_for_one_request() {
    let server = Server::answering(204, &[], b"");
    let call = call("DeleteCustomer");
    assert!(
        perform("DeleteCustomer", &call, &server.base_url)
            .await
            .is_ok()
    );
    let failure = perform("DeleteCustomer", &call, &server.base_url)
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::Unsendable(_)), "{failure:?}");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn credentials_that_are_no_header_values_are_not_sent() {
    let server = Server::answering(204, &[], b"");
    for call in [
        Call::new("canary\r\nx: y"),
        Call::new("key").token("canary\0"),
    ] {
        let failure = perform("DeleteCustomer", &call, &server.base_url)
            .await
            .unwrap_err();
        assert!(matches!(failure, Failure::Unsendable(_)), "{failure:?}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn bytes_that_are_no_text_fail_where_they_are_read_and_nowhere_else() {
    let broken = b"{\"id\":\"1\",\n\"username\":\"canary\xff\"}";
    let server = Server::answering(200, &[], broken);
    let failure = perform("GetCustomer", &call("GetCustomer"), &server.base_url)
        .await
        .unwrap_err();
    let Failure::Undecodable { answer, at } = &failure else {
        panic!("{failure:?}");
    };
    assert_eq!(*answer.body, *broken);
    assert_eq!((&*at.path, at.line, at.column), ("username", 2, 19));

    let unread = b"{\"id\":\"1\",\"unknown\":[\"canary\xff\"]}";
    let server = Server::answering(200, &[], unread);
    let value = perform("GetCustomer", &call("GetCustomer"), &server.base_url).await;
    assert_eq!(value.unwrap()["id"], "1");
}

#[tokio::test]
async fn the_answer_is_there_after_success_too() {
    let server = Server::answering(200, &[("x-request-id", "7")], br#"{"id":1005061234}"#);
    let call = call("GetCustomer");
    let client = call.client(&server.base_url, &http_client(&server.base_url).unwrap());
    call.settle(
        client
            .get_customer(&types::CustomerId("1".to_owned()))
            .await,
    )
    .unwrap();
    let answer = call.answer().unwrap();
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.headers["x-request-id"].as_bytes()
        ),
        (200, &b"7"[..])
    );
    assert_eq!(
        (&*answer.body, answer.kind()),
        (&br#"{"id":1005061234}"#[..], BodyKind::Json)
    );
}

#[tokio::test]
async fn a_request_that_the_first_hook_has_not_seen_is_not_sent() {
    let server = Server::start(Then::Close);
    let http = http_client(&server.base_url).unwrap();
    let call = call("GetCustomer");
    let client = call.client(&server.base_url, &http);
    let url = format!("{}/elsewhere", server.base_url);
    let request = Request::new(Method::GET, url.parse().unwrap());
    let info = OperationInfo {
        operation_id: "get_customer",
    };
    let error = client.exec(request, &info).await.unwrap_err();
    let failure = call.settle::<()>(Err(error.into()));
    assert!(
        matches!(failure, Err(Failure::Unsendable(_))),
        "{failure:?}"
    );
    assert_eq!(
        server.received().len(),
        0,
        "nobody has looked where it leads"
    );
}

#[test]
fn generated_types_print_their_names() {
    let name = types::FirstName("canary".to_owned());
    let number = types::NumberOrString::String("canary".to_owned());
    let secret = types::PartnerCredentials {
        partner_id: types::PartnerId("canary".to_owned()),
        partner_secret: "canary".to_owned(),
    };
    assert_eq!(
        format!("{name:?} {number:?} {secret:?}"),
        "FirstName(..) NumberOrString(..) PartnerCredentials { .. }"
    );
    let refused = types::BusinessId::try_from("canary".repeat(10)).unwrap_err();
    assert_eq!(
        format!("{refused} {refused:?}"),
        "longer than 50 characters \"longer than 50 characters\""
    );
}
