//! A peer that may send anything: HTTP/2 written frame by frame.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `ENHANCE_YOUR_CALM`.
pub(crate) const CALM: u32 = 11;
/// `PROTOCOL_ERROR`.
pub(crate) const PROTOCOL: u32 = 1;
/// `FLOW_CONTROL_ERROR`.
pub(crate) const FLOW: u32 = 3;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call, in HPACK.
pub(crate) fn headers() -> Vec<u8> {
    headers_of("ListCustomers")
}

/// The headers of a call of this method of the customers.
pub(crate) fn headers_of(method: &str) -> Vec<u8> {
    headers_at(&format!("/openfinance.v1.CustomerService/{method}"))
}

/// By the static table POST and http, and then names of the table with values of ours.
fn headers_at(path: &str) -> Vec<u8> {
    const TYPE: &[u8] = b"application/grpc";
    let mut headers = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    headers.extend(path.as_bytes());
    headers.extend([0x01, 1, b'a']);
    headers.extend([0x0f, 0x10, u8::try_from(TYPE.len()).unwrap()]);
    headers.extend(TYPE);
    headers
}

/// The headers of a call whose message is still to come.
pub(crate) fn call(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &headers())
}

/// The same, of another method.
pub(crate) fn call_of(path: &str, stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &headers_at(path))
}

/// What came before a sign of life that was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Streams that were reset.
    pub(crate) resets: u32,
    /// The code of the GOAWAY that came in its place.
    pub(crate) goaway: Option<u32>,
}

/// A connection on which anything may be sent.
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// A connection that has said nothing.
    pub(crate) async fn silent(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A connection that has begun as it should.
    pub(crate) async fn new(address: SocketAddr) -> Self {
        let mut peer = Self::silent(address).await;
        peer.send(PREFACE).await.unwrap();
        peer.send(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        peer
    }

    /// A connection that is there.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self(stream)
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// The type of the next frame, unless the connection has ended.
    pub(crate) async fn reads(&mut self) -> Option<u8> {
        self.read().await.map(|(kind, _)| kind)
    }

    /// The type of the next frame and what is in it, unless the connection has ended.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        self.read_all()
            .await
            .map(|(kind, _, payload)| (kind, payload))
    }

    /// Reads until the one call that there is has ended.
    pub(crate) async fn ends_call(&mut self) {
        loop {
            let (kind, flags, _) = self.read_all().await.expect("the connection has ended");
            let last = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if last || kind == RST_STREAM {
                return;
            }
        }
    }

    /// The type of the next frame, its flags and what is in it.
    async fn read_all(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((head[3], head[4], payload))
        };
        timeout(PATIENCE, read).await.expect("nothing comes")
    }

    /// Sends this, asks for a sign of life, and reads until that comes or the connection ends.
    pub(crate) async fn hears(&mut self, bytes: &[u8]) -> Heard {
        const ASKED: [u8; 8] = *b"anybody?";
        let mut heard = Heard::default();
        let asked = [bytes, &frame(PING, 0, 0, &ASKED)].concat();
        // It may have ended already.
        let _ = self.send(&asked).await;
        while let Some((kind, payload)) = self.read().await {
            match kind {
                RST_STREAM => heard.resets += 1,
                GOAWAY => {
                    heard.goaway = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()))
                }
                PING if payload == ASKED => break,
                _ => {}
            }
        }
        heard
    }

    /// Asks for a sign of life, which comes.
    pub(crate) async fn is_served(&mut self) {
        let heard = self.hears(&[]).await;
        assert_eq!(heard.goaway, None, "it has ended");
    }

    /// Reads until the connection ends.
    pub(crate) async fn ends(mut self) {
        while self.reads().await.is_some() {}
    }
}
