//! What is hardly HTTP: broken lines, lengths and chunks, too much of everything, and noise.

use super::{random::Random, request::Request};

/// Bytes that are no well-framed request. They change nothing: where they reach a rule at all, the token is wrong.
pub(crate) fn bytes(mut request: Request, random: &mut Random) -> Vec<u8> {
    request.set("Finicity-App-Token", Some(b"x"));
    if request.path.ends_with("/authentication") {
        request.set("Finicity-App-Key", Some(b"x"));
    }
    let body = request.body.clone().unwrap_or_default();
    let framed = |request: &Request, framing: &str, body: &[u8]| {
        let mut bytes = request.head();
        bytes.extend_from_slice(framing.as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
        bytes
    };
    match random.below(16) {
        0 => random.bytes(400),
        1 => {
            let mut bytes = request.bytes();
            bytes.truncate(random.below(bytes.len()));
            bytes
        }
        2 => {
            let mut bytes = request.bytes();
            let position = random.below(bytes.len());
            bytes[position] = random.bytes(1).pop().unwrap_or(0);
            bytes
        }
        3 => framed(
            &request,
            &format!("Content-Length: {}", body.len() + 1 + random.below(1000)),
            &body,
        ),
        4 => {
            let length = *random.pick(&[
                "-1",
                "+1",
                "0x10",
                "1e3",
                "99999999999999999999999999",
                "99999999999",
                "",
                "1, 2",
                "one",
            ]);
            framed(&request, &format!("Content-Length: {length}"), &body)
        }
        5 => framed(
            &request,
            &format!(
                "Content-Length: {}\r\nContent-Length: {}",
                body.len(),
                body.len() + 1
            ),
            &body,
        ),
        6 => framed(
            &request,
            &format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked",
                body.len()
            ),
            &body,
        ),
        7 => {
            let chunks = *random.pick(&[
                "zz\r\n{}\r\n",
                "5\r\n{}\r\n0\r\n\r\n",
                "-2\r\n{}\r\n",
                "ffffffffffffffffff\r\n",
                "2\r\n{}",
                "2 {}\r\n",
                "0\r\n",
            ]);
            framed(&request, "Transfer-Encoding: chunked", chunks.as_bytes())
        }
        8 => framed(
            &request,
            "Transfer-Encoding: gzip, chunked, identity",
            &body,
        ),
        9 => {
            let size = random.below(600_000);
            request
                .headers
                .push(("X-Huge".to_owned(), vec![b'z'; size]));
            request.bytes()
        }
        10 => {
            request.headers.extend(
                (0..random.below(400)).map(|number| (format!("X-{number}"), b"1".to_vec())),
            );
            request.bytes()
        }
        11 => {
            request.path = format!("{}/{}", request.path, "x".repeat(random.below(100_000)));
            request.bytes()
        }
        12 => {
            request.path.push_str(
                random.pick::<&str>(&[" ", "\t", "\u{0}", "é", "#x", "<>", "\"", "\r\n x", "\\"]),
            );
            request.bytes()
        }
        13 => {
            let (name, value): (&str, &[u8]) = *random.pick(&[
                ("Bad Name", &b"1"[..]),
                ("", b"1"),
                ("X-Nul", b"\x00"),
                ("X-Line", b"a\rb"),
                ("X-Fold", b"a\r\n b"),
                ("(x)", b"1"),
                ("Connection", b"close"),
                ("Connection", b"upgrade, HTTP2-Settings"),
                ("Upgrade", b"websocket"),
                ("Host", b"second"),
            ]);
            request.headers.push((name.to_owned(), value.to_vec()));
            request.bytes()
        }
        14 => {
            let line = *random.pick(&[
                "GET / HTTP/0.9\r\n\r\n",
                "GET / HTTP/1.0\r\n\r\n",
                "GET / HTTP/2.0\r\n\r\n",
                "GET /\r\n\r\n",
                "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "CONNECT a:1 HTTP/1.1\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\n\r\n",
                "\x16\x03\x01\x02\x00\x01\x00",
                "GET http://other/aggregation/v1/customers HTTP/1.1\r\nHost: x\r\n\r\n",
                " GET / HTTP/1.1\r\n\r\n",
                "GET  /  HTTP/1.1\r\n\r\n",
                "G\u{0}T / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\nHost: x\n\n",
                "GET ?x HTTP/1.1\r\n\r\n",
                "GET /%zz HTTP/1.1\r\n",
            ]);
            line.as_bytes().to_vec()
        }
        _ => {
            let mut bytes = request.bytes();
            bytes.extend(random.bytes(100));
            bytes
        }
    }
}
