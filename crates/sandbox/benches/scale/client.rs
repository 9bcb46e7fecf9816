//! One connection that is kept alive, with HTTP/1.1 by hand so that the client adds little of its own. The benchmarks of
//! other packages include this file.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

/// Nothing in here takes longer unless something hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The credentials of the sandbox's first partner, which are no secret.
const APP_KEY: &str = "5a6e64626f786170706b657930303031";
const LOG_IN: &str = r#"{"partnerId":"2445580000001","partnerSecret":"SandboxSecret1234"}"#;

/// A connection that is logged in.
pub(crate) struct Client {
    stream: TcpStream,
    headers: String,
    received: Vec<u8>,
    /// How much of `received` has been handed out.
    used: usize,
}

impl Client {
    /// Connects and logs in.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut client = Self {
            stream,
            headers: format!(
                "Host: {address}\r\nAccept: application/json\r\nFinicity-App-Key: {APP_KEY}\r\n"
            ),
            received: Vec::new(),
            used: 0,
        };
        let path = "/aggregation/v2/partners/authentication";
        let answer = client.call("POST", path, LOG_IN, 200)?;
        let token = text_member(&answer, "token").context("no token")?;
        client.headers = format!("{}Finicity-App-Token: {token}\r\n", client.headers);
        Ok(client)
    }

    /// One request as it goes over the wire.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> String {
        let content = if body.is_empty() {
            String::new()
        } else {
            let length = body.len();
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
        };
        format!(
            "{method} {path} HTTP/1.1\r\n{}{content}\r\n{body}",
            self.headers
        )
    }

    /// Sends one request, waits for its answer and gives its body.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        status: u16,
    ) -> Result<String> {
        let request = self.request(method, path, body);
        self.send(&request)?;
        self.answer(status)
            .with_context(|| format!("{method} {path}"))
    }

    /// Sends requests without waiting for an answer.
    pub(crate) fn send(&mut self, requests: &str) -> Result<()> {
        Ok(self.stream.write_all(requests.as_bytes())?)
    }

    /// Waits for the next answer, which must have this status, and gives its body.
    pub(crate) fn answer(&mut self, expected: u16) -> Result<String> {
        let head = loop {
            let waiting = &self.received[self.used..];
            if let Some(end) = waiting.windows(4).position(|four| four == b"\r\n\r\n") {
                break String::from_utf8_lossy(&waiting[..end]).into_owned();
            }
            self.receive()?;
        };
        self.used += head.len() + 4;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, length)| length.trim().parse::<usize>())?;
        while self.received.len() < self.used + length {
            self.receive()?;
        }
        let body = String::from_utf8_lossy(&self.received[self.used..self.used + length]);
        let body = body.into_owned();
        self.used += length;
        ensure!(
            status == Some(expected.to_string().as_str()),
            "answered {status:?} instead of {expected}"
        );
        Ok(body)
    }

    fn receive(&mut self) -> Result<()> {
        self.received.drain(..self.used);
        self.used = 0;
        let mut chunk = [0; 64 * 1024];
        let count = self.stream.read(&mut chunk)?;
        ensure!(count > 0, "the sandbox closed the connection");
        self.received.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

/// The value of a text member whose text needs no escapes.
pub(crate) fn text_member<'body>(body: &'body str, name: &str) -> Option<&'body str> {
    let (_, rest) = body.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
