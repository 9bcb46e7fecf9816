//! The gRPC port of a real gateway over sockets: what its TLS takes, and what it does about peers that mean no good.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod exhausted;
mod half_sent;
mod honest;
mod hostile;
mod http1;
mod memory;
mod peer;
#[path = "../running/process.rs"]
mod process;
#[path = "../running/program.rs"]
mod program;
mod resets;
mod served;
mod slow;
mod swap;
mod tls;

use std::{net::SocketAddr, time::Duration};

use openfinance_gateway::{
    Gateway,
    config::{Config, Port, Upstream},
};
use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway to a sandbox of its own.
async fn gateway(change: impl FnOnce(&mut Config)) -> Gateway {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config::for_tests(Upstream::Sandbox { listen });
    change(&mut config);
    Gateway::start(config).await.unwrap()
}

/// A gateway with these limits, and a client that behaves.
async fn with(change: impl FnOnce(&mut Port)) -> (Gateway, Channel) {
    let gateway = gateway(|config| change(&mut config.port)).await;
    let client = client(&gateway).await;
    (gateway, client)
}

async fn client(gateway: &Gateway) -> Channel {
    let address = format!("http://{}", gateway.grpc_address());
    Endpoint::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Lists the customers.
async fn list(channel: Channel) -> Result<(), Status> {
    CustomerServiceClient::new(channel)
        .list_customers(pb::ListCustomersRequest::default())
        .await
        .map(drop)
}
