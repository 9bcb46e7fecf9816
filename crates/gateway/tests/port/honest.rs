//! A client that means no harm and changes its mind all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use openfinance_gateway::Gateway;
use openfinance_rpc::pb::{GetGatewayInfoRequest, gateway_service_client::GatewayServiceClient};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint, Uri},
};
use tower::service_fn;

use crate::{gateway, list};

/// Calls that are dropped, calls whose deadline passes, and calls that have all the time they want.
const EACH: u32 = 4_300;

/// How many are under way at a time, more than a connection may have.
const AT_A_TIME: usize = 200;

/// A client that counts how often it connects: a connection that ends is another one at the next call.
fn counting(gateway: &Gateway) -> (Channel, Arc<AtomicU32>) {
    let (connects, address) = (Arc::new(AtomicU32::new(0)), gateway.grpc_address());
    let counted = Arc::clone(&connects);
    let connector = service_fn(move |_: Uri| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { TcpStream::connect(address).await.map(TokioIo::new) }
    });
    // An answer that crosses a cancellation is an error to a client that has forgotten the call, and after a thousand of
    // them it ends its connection by itself. That is not what is looked at here.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .http2_max_concurrent_reset_streams(3 * EACH as usize);
    (endpoint.connect_with_connector_lazy(connector), connects)
}

/// Keeps processors busy until it is dropped.
struct Hogs(Arc<AtomicBool>);

impl Hogs {
    fn new(count: u32) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        for _ in 0..count {
            let ends = Arc::clone(&ends);
            thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(ends)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_cancelled_and_expired_calls_of_one_client_cost_no_connection() {
    let gateway = gateway(|_| ()).await;
    let (channel, connects) = counting(&gateway);
    list(channel.clone()).await.unwrap();
    let hogs = Hogs::new(3);
    let (mut dropped, mut expired, mut answered) = (0, 0, 0);
    let mut calls = JoinSet::new();
    for number in 0..3 * EACH {
        let mut client = GatewayServiceClient::new(channel.clone());
        // From before the call is sent to after its answer.
        let patience = Duration::from_micros(u64::from(number * 37 % 100_000));
        calls.spawn(async move {
            let mut request = Request::new(GetGatewayInfoRequest::default());
            match number % 3 {
                0 => Some(client.get_gateway_info(request).await),
                1 => {
                    request.set_timeout(patience);
                    Some(client.get_gateway_info(request).await)
                }
                _ => timeout(patience, client.get_gateway_info(request))
                    .await
                    .ok(),
            }
        });
        while calls.len() >= AT_A_TIME || (number + 1 == 3 * EACH && !calls.is_empty()) {
            match calls.join_next().await.unwrap().unwrap() {
                None => dropped += 1,
                Some(Ok(_)) => answered += 1,
                Some(Err(status)) => {
                    let code = status.code();
                    assert!(
                        matches!(code, Code::Cancelled | Code::DeadlineExceeded),
                        "{status:?}"
                    );
                    expired += 1;
                }
            }
        }
    }
    drop(hogs);
    let ends = [dropped, expired, answered];
    assert!(ends.iter().all(|ends| *ends > EACH / 2), "{ends:?}");
    list(channel).await.unwrap();
    assert_eq!(connects.load(Ordering::Relaxed), 1);
    gateway.stop().await;
}
