//! What it says of itself before it serves, while it does and while it stops, and that a restart costs no call.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use openfinance_sandbox::{Operation, Target};
use rustix::process::Signal;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, channel::Change},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::process::{Process, list};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_alive_and_not_ready_while_its_store_does_not_answer() {
    // Takes connections and says nothing.
    let redis = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", redis.local_addr().unwrap());
    let process = Process::start(&format!("[shared]\nredis_url = \"{url}\"\n")).await;
    assert_eq!(process.health().await, ServingStatus::NotServing);
    assert!(process.says_yes("/livez").await);
    assert!(!process.says_yes("/readyz").await);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_from_the_signal_on_while_calls_finish() {
    let process = Process::start("[drain]\ngrace = \"28s\"\n").await;
    assert_eq!(process.health().await, ServingStatus::Serving);
    assert!(process.says_yes("/livez").await && process.says_yes("/readyz").await);
    let mut watch = HealthClient::new(process.channel().await)
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut said = async || watch.message().await.unwrap().unwrap().status();
    assert_eq!(said().await, ServingStatus::Serving);

    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();
    let sandbox = process.sandbox().clone();
    let barrier = sandbox.add_barrier(Target::Operation(Operation::GetCustomers));
    let call = tokio::spawn(async move { list(&mut customers).await });
    sandbox.barrier_holds(barrier, 1).await.unwrap();
    let told = Instant::now();
    process.signal(Signal::TERM);
    // The watcher hears it without having asked, and before its call is cut.
    assert_eq!(said().await, ServingStatus::NotServing);
    let took = told.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    // It lives, for the call that it waits for, and is not ready.
    assert!(process.says_yes("/livez").await);
    assert!(!process.says_yes("/readyz").await);
    // The port is closed soon after the watchers have heard it.
    while TcpStream::connect(process.grpc).await.is_ok() {
        assert!(!call.is_finished(), "the port stays open");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(!call.is_finished());
    sandbox.release_barrier(barrier).unwrap();
    call.await.unwrap().unwrap();
    process.ends().await;
}

/// How often a replica is replaced by another one.
const RESTARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_replaced_under_load_cost_no_call() {
    let first = Process::start("").await;
    let mut replicas = vec![first.beside("").await, first];
    // What a resolver does for a client that spreads its calls over all addresses.
    let (channel, changes) = Channel::balance_channel(16);
    let address = |process: &Process| {
        let endpoint = Endpoint::from_shared(format!("http://{}", process.grpc));
        Change::Insert(process.grpc, endpoint.unwrap())
    };
    for replica in &replicas {
        changes.send(address(replica)).await.unwrap();
    }
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (channel, ends) = (channel.clone(), Arc::clone(&ends));
            tokio::spawn(calls(caller, CustomerServiceClient::new(channel), ends))
        })
        .collect();
    for _ in 0..RESTARTS {
        let fresh = replicas[0].beside("").await;
        changes.send(address(&fresh)).await.unwrap();
        replicas.insert(0, fresh);
        // Its clients learn of it from itself (GOAWAY), and from their resolver only when it has gone.
        if let Some(old) = replicas.pop() {
            let gone = old.grpc;
            old.stop().await;
            changes.send(Change::Remove(gone)).await.unwrap();
        }
    }
    ends.store(true, Ordering::Relaxed);
    let mut creates = 0;
    for caller in callers {
        creates += caller.await.unwrap();
    }
    let counted = replicas[0].sandbox().counts().customers;
    assert_eq!(
        counted, creates,
        "one record for each create that was answered"
    );
    assert!(creates >= 10, "{creates} creates only");
    for replica in replicas {
        replica.stop().await;
    }
}

/// Reads and creates in turn until they end, and how many creates there were.
async fn calls(
    caller: usize,
    customers: CustomerServiceClient<Channel>,
    ends: Arc<AtomicBool>,
) -> usize {
    let mut creates = 0;
    while !ends.load(Ordering::Relaxed) {
        let read = as_clients_do(|| {
            let mut customers = customers.clone();
            async move { list(&mut customers).await }
        });
        read.await.unwrap();
        creates += 1;
        let request = pb::CreateCustomerRequest {
            customer: Some(pb::Customer {
                username: format!("customer-{caller}-{creates}"),
                r#type: pb::CustomerType::Testing.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = as_clients_do(|| {
            let (mut customers, request) = (customers.clone(), request.clone());
            async move { customers.create_customer(request).await }
        });
        made.await.unwrap();
    }
    creates
}

/// Makes a call as a client does whose service config says that it repeats once what is UNAVAILABLE.
///
/// What no server has taken, gRPC repeats by itself, and chooses among the connections that there are. The client here tells
/// of it as a failure of its own, with a source, and may choose the address once more that has gone. Had such a call been
/// served after all, its repeat would find the username taken.
async fn as_clients_do<T, F>(call: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    const CHOICES: usize = 10;
    let mut is_repeat = false;
    for _ in 0..CHOICES {
        match call().await {
            Err(status) if status.source().is_some() => {}
            Err(status) if status.code() == Code::Unavailable && !is_repeat => is_repeat = true,
            answer => return answer,
        }
    }
    call().await
}
