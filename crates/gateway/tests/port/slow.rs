//! Peers that take their time, at each layer: what they hold is given back in time, and others are served.

use std::{net::SocketAddr, time::Duration};

use openfinance_gateway::config::Port;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    PATIENCE, client, gateway, list,
    peer::{
        DATA, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, Peer, RST_STREAM, SETTINGS, call_of,
        frame,
    },
    with,
};

/// Short for a limit, and longer than anything else here should take.
const TIME: Duration = Duration::from_millis(400);

/// How often a slow peer sends a byte.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends the bytes one by one, and is silent then, until the connection ends.
async fn trickles(stream: TcpStream, bytes: Vec<u8>) {
    let (mut reader, mut writer) = stream.into_split();
    let trickles = async {
        for byte in bytes {
            sleep(PAUSE).await;
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
        }
        std::future::pending().await
    };
    let ends = async {
        let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
    };
    let ended = async {
        tokio::select! {
            () = trickles => {}
            () = ends => {}
        }
    };
    timeout(PATIENCE, ended).await.expect("it goes on");
}

#[tokio::test]
async fn a_beginning_byte_by_byte_is_cut_in_time() {
    let (gateway, client) = with(|port| port.handshake_timeout = TIME).await;
    let began = Instant::now();
    let stream = TcpStream::connect(gateway.grpc_address()).await.unwrap();
    trickles(stream, PREFACE.repeat(100)).await;
    assert!(began.elapsed() >= TIME);
    list(client).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn headers_byte_by_byte_are_no_call_and_end_with_an_idle_connection() {
    let (gateway, client) = with(|port| port.idle_timeout = TIME).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.is_served().await;
    let began = Instant::now();
    trickles(peer.into_inner(), frame(HEADERS, 0, 1, &[0x83; 16_000])).await;
    assert!(began.elapsed() >= TIME);
    list(client).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_never_arrives_ends_its_call_in_time_whatever_is_called() {
    let gateway = gateway(|config| {
        config.port.message_timeout = TIME;
        config.deadline.max = TIME;
    })
    .await;
    for path in [
        "/openfinance.v1.CustomerService/ListCustomers",
        "/openfinance.v1.CustomerService/StreamCustomers",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        for there in [0, 1, 5] {
            let mut peer = Peer::new(gateway.grpc_address()).await;
            peer.is_served().await;
            let began = Instant::now();
            // So many bytes of a message that says that it has nine.
            let some = &[0, 0, 0, 0, 9][..there];
            let begins = [call_of(path, 1), frame(DATA, 0, 1, some)].concat();
            peer.send(&begins).await.unwrap();
            peer.ends_call().await;
            assert!(began.elapsed() >= TIME, "{path}");
            peer.is_served().await;
        }
    }
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn who_does_not_read_an_answer_is_cut() {
    let (gateway, client) = with(|port| port.stall_timeout = TIME).await;
    let mut peer = Peer::silent(gateway.grpc_address()).await;
    // SETTINGS_INITIAL_WINDOW_SIZE: nothing.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    peer.send(&[PREFACE, &settings].concat()).await.unwrap();
    let began = Instant::now();
    let asks = [
        call_of("/openfinance.v1.GatewayService/ListErrorReasons", 1),
        frame(DATA, END_STREAM, 1, &[0; 5]),
    ];
    peer.send(&asks.concat()).await.unwrap();
    peer.ends().await;
    assert!(began.elapsed() >= TIME);
    list(client).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_cut() {
    let quick = |port: &mut Port| (port.keepalive_interval, port.keepalive_timeout) = (TIME, TIME);
    let (gateway, client) = with(quick).await;
    let peer = Peer::new(gateway.grpc_address()).await;
    let began = Instant::now();
    peer.ends().await;
    assert!(began.elapsed() >= TIME);
    list(client).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn an_old_connection_ends_when_its_call_has_been_answered() {
    let (gateway, _) = with(|port| port.connection_age = TIME).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.send(&call_of("/openfinance.v1.CustomerService/ListCustomers", 1))
        .await
        .unwrap();
    // It is asked to end, and to say that it has heard so.
    while let Some((kind, payload)) = peer.read().await {
        match kind {
            PING => peer.send(&frame(PING, 1, 0, &payload)).await.unwrap(),
            GOAWAY if payload[..4] == 1_u32.to_be_bytes() => break,
            _ => {}
        }
    }
    peer.send(&frame(DATA, END_STREAM, 1, &[0; 5]))
        .await
        .unwrap();
    let mut said = Vec::new();
    while let Some(kind) = peer.reads().await {
        said.push(kind);
    }
    assert!(said.contains(&DATA), "{said:?}");
    assert!(!said.contains(&RST_STREAM), "{said:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn silent_connections_of_one_address_leave_room_for_another() {
    let (gateway, _) = with(|_| ()).await;
    let address = gateway.grpc_address();
    let mut silent = Vec::new();
    for _ in 0..100 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        silent.push(socket.connect(address).await.unwrap());
    }
    list(client(&gateway).await).await.unwrap();
    // Those beyond the limit have been closed as they came.
    for stream in silent.split_off(64) {
        Peer::over(stream).ends().await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn silent_connections_of_many_addresses_make_room_for_whoever_speaks() {
    let (gateway, before) = with(|port| {
        (port.connections, port.connections_per_peer) = (8, 2);
        // Nothing but a new connection ends them.
        (port.handshake_timeout, port.idle_timeout) = (PATIENCE * 10, PATIENCE * 10);
    })
    .await;
    list(before.clone()).await.unwrap();
    let address = gateway.grpc_address();
    let from = |last: u8| async move {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::from(([127, 0, 1, last], 0)))
            .unwrap();
        Peer::over(socket.connect(address).await.unwrap())
    };
    // One that has spoken is as old as any, and keeps its place.
    let mut speaks = from(1).await;
    speaks
        .send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
        .await
        .unwrap();
    speaks.is_served().await;
    let mut silent = Vec::new();
    for last in 1..=30 {
        silent.push(from(last).await);
    }
    // Some have said a part of the beginning.
    for peer in silent.iter_mut().skip(20) {
        let _ = peer.send(&PREFACE[..10]).await;
    }
    for _ in 0..3 {
        list(client(&gateway).await).await.unwrap();
    }
    list(before).await.unwrap();
    speaks.is_served().await;
    // The oldest have ended.
    for peer in silent.drain(..20) {
        peer.ends().await;
    }
    gateway.stop().await;
}
