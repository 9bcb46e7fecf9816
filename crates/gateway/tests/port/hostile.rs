//! Peers that flood the port, fall silent or take all there is: their connections end, and others are served.

use std::time::Duration;

use openfinance_gateway::config::Port;
use tokio::time::{Instant, timeout};

use crate::{
    PATIENCE, client, list,
    peer::{
        CALM, CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PREFACE, PROTOCOL, Peer, RST_STREAM,
        SETTINGS, WINDOW_UPDATE, call, frame, headers,
    },
    with,
};

/// A connection that sends `first` and then `flood` a thousand times ends; three times and `last` are fine. Clients that
/// are there and that come are served.
async fn ends_on(
    change: impl FnOnce(&mut Port),
    first: &[u8],
    flood: impl Fn(u32) -> Vec<u8>,
    last: &[u8],
) {
    let (gateway, before) = with(change).await;
    list(before.clone()).await.unwrap();
    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.send(first).await.unwrap();
    let few: Vec<u8> = (0..3).flat_map(&flood).collect();
    peer.send(&few).await.unwrap();
    peer.send(last).await.unwrap();
    peer.is_served().await;
    drop(peer);

    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.send(first).await.unwrap();
    let flood: Vec<u8> = (0..1_000).flat_map(&flood).collect();
    // The end may come before all is sent.
    let _ = peer.send(&flood).await;
    peer.ends().await;
    list(before).await.unwrap();
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

fn few_frames(port: &mut Port) {
    port.control_frames = 100;
}

#[tokio::test]
async fn a_flood_of_pings_ends_its_connection() {
    ends_on(few_frames, &[], |_| frame(PING, 0, 0, &[0; 8]), &[]).await;
}

#[tokio::test]
async fn pings_within_the_allowance_are_answered() {
    let (gateway, _) = with(few_frames).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    for _ in 0..90 {
        peer.is_served().await;
    }
    drop(peer);
    gateway.stop().await;
}

#[tokio::test]
async fn a_flood_of_settings_ends_its_connection() {
    ends_on(few_frames, &[], |_| frame(SETTINGS, 0, 0, &[]), &[]).await;
}

#[tokio::test]
async fn a_flood_of_empty_data_ends_its_connection() {
    ends_on(few_frames, &call(1), |_| frame(DATA, 0, 1, &[]), &[]).await;
}

#[tokio::test]
async fn a_flood_of_window_updates_ends_its_connection() {
    let update = |_| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    ends_on(few_frames, &[], update, &[]).await;
}

#[tokio::test]
async fn a_flood_of_frames_that_nobody_knows_ends_its_connection() {
    ends_on(few_frames, &[], |_| frame(0xaf, 0, 0, &[]), &[]).await;
}

#[tokio::test]
async fn headers_that_never_end_end_their_connection() {
    let first = frame(HEADERS, 0, 1, &[0x83]);
    let last = frame(CONTINUATION, END_HEADERS, 1, &[]);
    ends_on(|_| (), &first, |_| frame(CONTINUATION, 0, 1, &[]), &last).await;
}

fn call_and_reset(number: u32) -> Vec<u8> {
    let stream = 2 * number + 1;
    // CANCEL.
    let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    [call(stream), reset].concat()
}

#[tokio::test]
async fn calls_that_are_reset_before_they_are_looked_at_end_their_connection() {
    let few = |port: &mut Port| port.unread_resets = 10;
    ends_on(few, &[], call_and_reset, &[]).await;
}

#[tokio::test]
async fn calls_that_are_cancelled_for_ever_end_their_connection() {
    let few = |port: &mut Port| port.cancelled_calls = 100;
    ends_on(few, &[], call_and_reset, &[]).await;
}

#[tokio::test]
async fn headers_that_unfold_to_more_than_allowed_end_their_connection() {
    // A field of 4,000 bytes that goes into the table, and then nothing but references to it: 48 MB.
    let field = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4_000]].concat();
    let bomb = [headers(), field, vec![0xbe; 12_000]].concat();
    let bomb = |number: u32| frame(HEADERS, END_HEADERS, 2 * number + 1, &bomb);
    let (gateway, client) = with(|_| ()).await;
    let mut peer = Peer::new(gateway.grpc_address()).await;
    peer.is_served().await;
    let heard = peer.hears(&bomb(0)).await;
    assert_eq!(heard.goaway, Some(CALM));
    peer.ends().await;
    // A table of more than was agreed.
    let table = [vec![0x3f, 0xe1, 0xff, 0x03], headers()].concat();
    let mut peer = Peer::new(gateway.grpc_address()).await;
    let heard = peer.hears(&frame(HEADERS, END_HEADERS, 1, &table)).await;
    assert_eq!(heard.goaway, Some(PROTOCOL));
    peer.ends().await;
    list(client).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn who_does_not_begin_in_time_is_cut() {
    const TIME: Duration = Duration::from_millis(300);
    let (gateway, client) = with(|port| port.handshake_timeout = TIME).await;
    for beginning in [&[], &PREFACE[..PREFACE.len() - 1], PREFACE] {
        let began = Instant::now();
        let mut peer = Peer::silent(gateway.grpc_address()).await;
        peer.send(beginning).await.unwrap();
        peer.ends().await;
        assert!(began.elapsed() >= TIME, "{} bytes", beginning.len());
        list(client.clone()).await.unwrap();
    }
    gateway.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_those_that_end_make_room() {
    let of_one: fn(&mut Port) = |port| port.connections_per_peer = 3;
    let of_all: fn(&mut Port) = |port| port.connections = 3;
    for limit in [of_one, of_all] {
        let (gateway, client) = with(limit).await;
        let address = gateway.grpc_address();
        let mut first = Peer::new(address).await;
        let mut second = Peer::new(address).await;
        // Whoever has spoken keeps its place.
        first.is_served().await;
        second.is_served().await;
        assert_eq!(Peer::silent(address).await.reads().await, None);
        list(client).await.unwrap();
        drop(first);
        let served = async {
            loop {
                let mut peer = Peer::silent(address).await;
                // It may be closed already.
                let _ = peer.send(PREFACE).await;
                if peer.reads().await == Some(SETTINGS) {
                    break;
                }
            }
        };
        timeout(PATIENCE, served).await.unwrap();
        gateway.stop().await;
    }
}
