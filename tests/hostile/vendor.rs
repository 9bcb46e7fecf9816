//! The vendor as the attacker: it knows nothing of HTTP but where a request ends, so that it can send whatever it likes.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

use super::attack::{Attack, OWN, answer};

/// What a flood offers at most.
const GIBIBYTE: u64 = 1024 * 1024 * 1024;

#[derive(Default)]
struct Seen {
    /// Whether it attacks by now.
    armed: AtomicBool,
    /// How many requests it has attacked.
    attacks: AtomicUsize,
    /// Heads and bodies of requests.
    requests: Mutex<Vec<String>>,
    /// The most bytes of one answer that it got rid of.
    taken: AtomicU64,
}

pub(super) struct Vendor {
    address: SocketAddr,
    seen: Arc<Seen>,
    keeper: JoinHandle<()>,
}

impl Vendor {
    /// A vendor that means well until told otherwise, and then has this for every request: logins included or not.
    pub(super) async fn start(attack: Attack, logins: bool) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What lies in here is not taken by anybody, and must not count for much.
        socket.set_send_buffer_size(64 * 1024).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let keeper = tokio::spawn(keep(listener, Arc::clone(&seen), attack, logins));
        Self {
            address,
            seen,
            keeper,
        }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it attacks.
    pub(super) fn attack(&self) {
        self.seen.armed.store(true, Ordering::Relaxed);
    }

    /// How many requests it has attacked.
    pub(super) fn attacks(&self) -> usize {
        self.seen.attacks.load(Ordering::Relaxed)
    }

    /// The requests that it got, heads and bodies.
    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The most bytes of one answer that it got rid of.
    pub(super) fn taken(&self) -> u64 {
        self.seen.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(listener: TcpListener, seen: Arc<Seen>, attack: Attack, logins: bool) {
    let attack = Arc::new(attack);
    // Dropped with this task, and with it every connection.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(
            stream,
            Arc::clone(&seen),
            Arc::clone(&attack),
            logins,
        ));
    }
}

/// Serves a connection until either side has had enough.
async fn serve(mut stream: TcpStream, seen: Arc<Seen>, attack: Arc<Attack>, logins: bool) {
    while let Some(request) = request(&mut stream).await {
        let login = request.contains("/partners/authentication");
        seen.requests.lock().unwrap().push(request);
        let armed = seen.armed.load(Ordering::Relaxed) && (logins || !login);
        let goes_on = match (armed, login) {
            (true, _) => play(&mut stream, &attack, &seen).await,
            (false, true) => stream
                .write_all(&answer(br#"{"token":"t0ken"}"#))
                .await
                .is_ok(),
            (false, false) => stream.write_all(&answer(OWN)).await.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

/// Attacks, and says whether another request may follow on the connection.
async fn play(stream: &mut TcpStream, attack: &Attack, seen: &Seen) -> bool {
    seen.attacks.fetch_add(1, Ordering::Relaxed);
    let taken = &seen.taken;
    let begin = attack.begin();
    if stream.write_all(begin).await.is_err() {
        return false;
    }
    let mut sent = begin.len() as u64;
    taken.fetch_max(sent, Ordering::Relaxed);
    match attack {
        Attack::Then(_) => true,
        Attack::Close(_) => {
            let _ = stream.shutdown().await;
            false
        }
        Attack::Silence(_) => {
            // Until the gateway hangs up.
            let _ = stream.read(&mut [0]).await;
            false
        }
        Attack::Flood(_, again) => {
            let wave = again.repeat(64 * 1024 / again.len() + 1);
            while sent < GIBIBYTE && stream.write_all(&wave).await.is_ok() {
                sent += wave.len() as u64;
                taken.fetch_max(sent, Ordering::Relaxed);
            }
            false
        }
        Attack::Drip(_, drop) => {
            while stream.write_all(drop).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            false
        }
    }
}

/// The next request, head and body; `None` if the connection ends before.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text.into_owned());
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return None,
        }
    }
}
