//! A server that knows nothing of HTTP but where a request ends, so that tests see and send exact bytes.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the server does with each request.
#[derive(Clone)]
pub(crate) enum Then {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Closes without a byte.
    Close,
    /// Sends these bytes, which may be none, keeps the connection and says nothing more.
    Stall(Vec<u8>),
}

pub(crate) struct Server {
    pub(crate) base_url: String,
    received: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&received);
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = request(&mut stream) else {
                    continue;
                };
                log.lock().unwrap().push(request);
                match &then {
                    Then::Send(bytes) => {
                        // The client may hang up first, which is its right.
                        let _ = stream.write_all(bytes);
                        let _ = stream.shutdown(Shutdown::Write);
                        let _ = stream.read(&mut [0; 1]);
                    }
                    Then::Close => {}
                    Then::Stall(bytes) => {
                        let _ = stream.write_all(bytes);
                        kept.push(stream);
                    }
                }
            }
        });
        Self { base_url, received }
    }

    /// A server that answers with a status, headers and a body of announced length.
    pub(crate) fn answering(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} Words\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        if status == 204 {
            bytes.extend(b"\r\n");
        } else {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
            bytes.extend(body);
        }
        Self::start(Then::Send(bytes))
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

/// One request, head and body; `None` if the connection ends before.
pub(crate) fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
    }
}
