//! Whatever an id holds, it stays one segment of the path, or the request does not go out.

use openfinance_rest::{Failure, http_client, types};

use crate::{operations::call, server::Server};

#[tokio::test]
async fn an_id_stays_one_segment() {
    for (id, segment) in [
        ("1005061234", "1005061234"),
        ("../x", "..%2Fx"),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("%2f", "%252f"),
        ("%2e%2e", "%252e%252e"),
        ("a?b=c", "a%3Fb=c"),
        ("a\r\nx: y", "a%0D%0Ax:%20y"),
        ("a#b", "a%23b"),
        ("a b", "a%20b"),
        (" ", "%20"),
        ("...", "..."),
        ("é", "%C3%A9"),
    ] {
        let server = Server::answering(418, &[], b"");
        let outcome = consumer_of(id, &server.base_url).await;
        assert!(
            matches!(outcome, Failure::Refused(_)),
            "{id:?}: {outcome:?}"
        );
        let [sent] = server.received().try_into().unwrap();
        let line = sent.lines().next().unwrap();
        assert_eq!(
            line,
            format!("GET /decisioning/v1/customers/{segment}/consumer HTTP/1.1"),
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_not_sent() {
    let server = Server::answering(418, &[], b"");
    for id in ["", ".", "..", "a\\b", "..\\..", "\\"] {
        let outcome = consumer_of(id, &server.base_url).await;
        assert!(
            matches!(outcome, Failure::Unsendable(_)),
            "{id:?}: {outcome:?}"
        );
        let call = call("DeleteCustomer");
        let client = call.client(&server.base_url, &http_client(&server.base_url).unwrap());
        let deleted = call.settle(
            client
                .delete_customer(&types::CustomerId(id.to_owned()))
                .await,
        );
        assert!(
            matches!(deleted, Err(Failure::Unsendable(_))),
            "{id:?}: {deleted:?}"
        );
    }
    assert!(server.received().is_empty());
}

async fn consumer_of(id: &str, base_url: &str) -> Failure {
    let call = call("GetConsumerForCustomer");
    let client = call.client(base_url, &http_client(base_url).unwrap());
    let id = types::CustomerId(id.to_owned());
    call.settle(client.get_consumer_for_customer(&id).await)
        .unwrap_err()
}
