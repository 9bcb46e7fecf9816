//! Who is at the door: what a new connection is about, looked at while it is still unread.
//!
//! A rule about new connections must not shut out the control plane that removes it, nor strike another operation than
//! its own. So the first bytes are looked at where the system keeps them, and stay there.

use std::time::Duration;

use http::{Method, Uri};
use tokio::net::TcpStream;

use crate::operation::{self, Found, Operation};

/// How long a connection may keep silent before it counts as one.
const SILENCE: Duration = Duration::from_millis(500);
/// How long the rest of a request line is waited for before the next look.
const NEXT_LOOK: Duration = Duration::from_millis(5);
/// Where a longer request line is given up.
const LONGEST_LINE: usize = 8 * 1024;

/// What the first request on a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// One of the vendor's operations.
    Caller(Operation),
    /// The control plane, the page, or no operation at all.
    Other,
    /// Nobody can tell, because nothing that looks like a request has come.
    Silent,
}

impl Visitor {
    /// Waits for the first request line, without taking it off the socket.
    pub(crate) async fn on(socket: &TcpStream) -> Self {
        tokio::time::timeout(SILENCE, look(socket))
            .await
            .ok()
            .flatten()
            .unwrap_or(Self::Silent)
    }

    fn from_line(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let method: Method = words.next()?.parse().ok()?;
        let target: Uri = words.next()?.parse().ok()?;
        Some(match operation::find(&method, target.path()) {
            Found::Operation(operation, _) => Self::Caller(operation),
            Found::WrongMethod { .. } | Found::Nothing => Self::Other,
        })
    }
}

/// `None` if this is no request, or the client left.
async fn look(socket: &TcpStream) -> Option<Visitor> {
    let mut seen = vec![0; LONGEST_LINE];
    loop {
        let length = socket.peek(&mut seen).await.ok()?;
        let bytes = &seen[..length];
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            return Visitor::from_line(&bytes[..end]);
        }
        if length == 0 || length == LONGEST_LINE {
            return None;
        }
        // What was seen stays there, so waiting for more would end at once.
        tokio::time::sleep(NEXT_LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_tells_whom_it_is_for() {
        for (line, visitor) in [
            (
                "GET /aggregation/v1/customers?limit=1 HTTP/1.1\r",
                Some(Visitor::Caller(Operation::GetCustomers)),
            ),
            (
                "POST http://api.finicity.com/aggregation/v2/customers/testing HTTP/1.1\r",
                Some(Visitor::Caller(Operation::AddTestingCustomer)),
            ),
            (
                "PATCH /aggregation/v1/customers HTTP/1.1\r",
                Some(Visitor::Other),
            ),
            ("GET /__sandbox/v1/state HTTP/1.1\r", Some(Visitor::Other)),
            ("GET /__sandbox/ HTTP/1.1", Some(Visitor::Other)),
            ("hello\r", None),
            ("", None),
        ] {
            assert_eq!(Visitor::from_line(line.as_bytes()), visitor, "{line}");
        }
        assert_eq!(Visitor::from_line(b"GET /\xff HTTP/1.1"), None);
    }
}
