//! How it ends.

use std::time::Duration;

use openfinance_sandbox::{FaultRule, Operation, Target};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tonic_types::StatusExt as _;

use crate::process::{Process, list};

/// What begins a connection, and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_silent_peers_do_not_hold_it_up() {
    let process = Process::start("[limits]\nconnections_per_peer = \"128\"\n").await;
    let mut peers = Vec::new();
    for number in 0..100 {
        let mut peer = TcpStream::connect(process.grpc).await.unwrap();
        // Half of them say hello, and nothing after that, not even to a PING.
        if number % 2 == 0 {
            peer.write_all(HELLO).await.unwrap();
            let mut head = [0; 9];
            peer.read_exact(&mut head).await.unwrap();
        }
        peers.push(peer);
    }
    let told = Instant::now();
    process.signal(Signal::TERM);
    process.ends().await;
    let took = told.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_finish_and_those_that_take_too_long_are_told() {
    let process = Process::start("[drain]\ngrace = \"3s\"\n").await;
    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();
    let sandbox = process.sandbox();
    let slow = FaultRule::on(Operation::GetCustomers).latency(Duration::from_secs(60));
    sandbox.add_fault(slow).unwrap();
    let barrier = sandbox.add_barrier(Target::Operation(Operation::GetCustomers));
    let calls = [process.customers().await, process.customers().await]
        .map(|mut customers| tokio::spawn(async move { list(&mut customers).await }));
    sandbox.barrier_holds(barrier, 2).await.unwrap();
    process.signal(Signal::TERM);
    // The admin port says so while calls go on.
    while process.says_yes("/readyz").await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One of them is answered, and the other one is too slow.
    sandbox.release_barrier(barrier).unwrap();
    let mut ends = Vec::new();
    for call in calls {
        ends.push(call.await.unwrap());
    }
    process.ends().await;
    let refused: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    let [refused] = refused.as_slice() else {
        panic!("{refused:?}");
    };
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "DRAINING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_soon() {
    let mut process = Process::start("[drain]\ngrace = \"28s\"\n").await;
    let rule = FaultRule::on(Operation::GetCustomers).latency(Duration::from_secs(60));
    process.sandbox().add_fault(rule).unwrap();
    let mut customers = process.customers().await;
    let call = tokio::spawn(async move { list(&mut customers).await });
    while process
        .sandbox()
        .requests(Some(Operation::GetCustomers))
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.signal(Signal::TERM);
    process.logs("\"message\":\"stopping\"").await;
    let told = Instant::now();
    process.signal(Signal::INT);
    let refused = call.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    process.ends().await;
    let took = told.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_no_core_dump() {
    let process = Process::start("").await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    process.signal(Signal::TERM);
    process.ends().await;
}
