//! Peers that flood the port, fall silent or take all there is: their connections end, and others are served.

use std::{io, net::SocketAddr, time::Duration};

use openfinance_gateway::{Gateway, config::Port};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tonic::transport::{Channel, Endpoint};

use crate::{PATIENCE, gateway, list};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call whose message is still to come.
fn call(stream: u32) -> Vec<u8> {
    const PATH: &[u8] = b"/openfinance.v1.CustomerService/ListCustomers";
    const TYPE: &[u8] = b"application/grpc";
    // By the static table: POST, http, and then names of the table with values of ours.
    let mut headers = vec![0x83, 0x86, 0x04, u8::try_from(PATH.len()).unwrap()];
    headers.extend(PATH);
    headers.extend([0x01, 1, b'a']);
    headers.extend([0x0f, 0x10, u8::try_from(TYPE.len()).unwrap()]);
    headers.extend(TYPE);
    frame(HEADERS, END_HEADERS, stream, &headers)
}

/// A connection on which anything may be sent.
struct Peer(TcpStream);

impl Peer {
    /// A connection that has said nothing.
    async fn silent(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A connection that has begun as it should.
    async fn new(address: SocketAddr) -> Self {
        let mut peer = Self::silent(address).await;
        peer.send(PREFACE).await.unwrap();
        peer.send(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        peer
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// The type of the next frame, unless the connection has ended.
    async fn reads(&mut self) -> Option<u8> {
        self.read().await.map(|(kind, _)| kind)
    }

    /// The type of the next frame and what is in it, unless the connection has ended.
    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((head[3], payload))
        };
        timeout(PATIENCE, read).await.expect("nothing comes")
    }

    /// Asks for a sign of life, which comes.
    async fn is_served(&mut self) {
        const ASKED: [u8; 8] = *b"anybody?";
        self.send(&frame(PING, 0, 0, &ASKED)).await.unwrap();
        while self.read().await.expect("it has ended") != (PING, ASKED.to_vec()) {}
    }

    /// Reads until the connection ends.
    async fn ends(mut self) {
        while self.reads().await.is_some() {}
    }
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

#[tokio::test]
async fn calls_that_are_reset_at_once_end_their_connection() {
    let call_and_reset = |number: u32| {
        let stream = 2 * number + 1;
        // CANCEL.
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [call(stream), reset].concat()
    };
    let few = |port: &mut Port| port.unread_resets = 10;
    ends_on(few, &[], call_and_reset, &[]).await;
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
        assert_eq!(first.reads().await, Some(SETTINGS));
        assert_eq!(second.reads().await, Some(SETTINGS));
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
