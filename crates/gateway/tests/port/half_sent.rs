//! Calls whose messages do not come or do not end: they cost others nothing, and are answered soon.

use std::time::Duration;

use openfinance_gateway::Gateway;
use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use tonic::Code;

use crate::{
    PATIENCE, client, gateway, list,
    peer::{DATA, END_HEADERS, HEADERS, Peer, call, frame, headers_of},
    with,
};

/// Calls of these methods whose messages do not come, and whose messages do not end, on three connections: 90 on each.
async fn half_sent(gateway: &Gateway, methods: [&str; 2]) -> Vec<Peer> {
    let call = |method, stream| frame(HEADERS, END_HEADERS, stream, &headers_of(method));
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::new(gateway.grpc_address()).await;
        for stream in (1..180).step_by(4) {
            let whole = frame(DATA, 0, stream + 2, &[0; 5]);
            let calls = [
                call(methods[0], stream),
                call(methods[1], stream + 2),
                whole,
            ];
            peer.send(&calls.concat()).await.unwrap();
        }
        peer.is_served().await;
        peers.push(peer);
    }
    peers
}

#[tokio::test]
async fn calls_whose_messages_do_not_come_take_no_place_from_others() {
    let gateway = gateway(|config| {
        config.port.message_timeout = PATIENCE;
        config.limits.bounds.in_flight = 8;
        config.limits.bounds.reserved_for_writes = 1;
        config.limits.bounds.waiting = 8;
    })
    .await;
    let client = client(&gateway).await;
    let peers = half_sent(&gateway, ["ListCustomers", "DeleteCustomer"]).await;
    for _ in 0..20 {
        list(client.clone()).await.unwrap();
    }
    let gone = CustomerServiceClient::new(client)
        .delete_customer(pb::DeleteCustomerRequest {
            customer_id: "1005061234".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound, "{gone:?}");
    drop(peers);
    gateway.stop().await;
}

#[tokio::test]
async fn calls_whose_messages_do_not_come_are_answered_and_their_connection_goes_on() {
    let (gateway, _) = with(|port| port.message_timeout = Duration::from_millis(300)).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.send(&call(1)).await.unwrap();
    while peer.reads().await.expect("it has ended") != HEADERS {}
    peer.is_served().await;
    drop(peer);
    gateway.stop().await;
}
