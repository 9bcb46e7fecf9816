//! A server that logs everybody in and answers everything else by script.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use openfinance::{
    Client, Config, Shared,
    store::{
        Change, Committed, Kept, Key, Memory, Rate, Space, Store, StoreError, StoreFuture, Taken,
    },
};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with a status, a content type and a body.
    Send(u16, &'static str, Vec<u8>),
    /// Hangs up without a word.
    HangUp,
    /// Sends this head and hangs up before the body that it promises.
    CutShort(u16),
    /// Waits for the gate to open, then does this.
    Behind(Gate, Box<Answer>),
}

/// Holds answers back until it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Send(status, "application/json", body.as_bytes().to_vec())
    }

    /// Too many calls, and how many seconds to wait.
    pub(crate) fn limited(seconds: u32) -> Self {
        // The content type is the last header that is written as it is.
        Self::Send(
            429,
            format!("text/plain\r\nretry-after: {seconds}").leak(),
            Vec::new(),
        )
    }

    /// The token is unknown or has expired.
    pub(crate) fn stale() -> Self {
        Self::json(
            401,
            r#"{"code": "10022", "message": "Invalid (Finicity-App-Token)"}"#,
        )
    }

    /// The credentials are wrong.
    pub(crate) fn refused() -> Self {
        Self::json(401, r#"{"code": 10001, "message": "Invalid credentials"}"#)
    }

    pub(crate) fn customer() -> Self {
        Self::json(
            200,
            r#"{"id": "5", "username": "household-4711", "type": "testing", "createdDate": "0"}"#,
        )
    }
}

/// What reads are answered, by how many writes have come.
type Reads = Box<dyn Fn(usize) -> Answer + Send>;

#[derive(Default)]
struct Script {
    logins: VecDeque<Answer>,
    answers: VecDeque<Answer>,
    reads: Option<Reads>,
    writes: usize,
    tokens: u32,
    revoked: Revoked,
    received: Vec<String>,
}

/// The tokens that are refused.
#[derive(Default)]
enum Revoked {
    #[default]
    None,
    UpTo(u32),
    All,
}

impl Revoked {
    fn refuses(&self, head: &str) -> bool {
        let number = head
            .lines()
            .find_map(|line| line.strip_prefix("finicity-app-token: token-"));
        match (self, number) {
            (Self::None, _) | (_, None) => false,
            (Self::UpTo(last), Some(number)) => number.parse::<u32>().unwrap() <= *last,
            (Self::All, Some(_)) => true,
        }
    }
}

/// The server, and a client to it.
pub(crate) struct World {
    pub(crate) client: Client,
    config: Config,
    script: Arc<Mutex<Script>>,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    /// A server, and a client to it with other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        // Threads, and not tasks: the tests hold tokio's clock.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(&mut stream.unwrap(), &shared));
            }
        });
        let mut config = Config {
            attempt_timeout: Duration::from_secs(5),
            ..Config::new(
                base_url,
                "1".to_owned(),
                "canary-secret".to_owned().into(),
                "canary-key".to_owned().into(),
            )
        };
        change(&mut config);
        Self {
            client: Client::new(config.clone()).unwrap(),
            config,
            script,
        }
    }

    /// Another client, as a restart or a replica with this store would be.
    pub(crate) fn client_over(&self, store: Arc<dyn Store>) -> Client {
        let config = Config {
            shared: Shared::new(store, [7; 32]),
            ..self.config.clone()
        };
        Client::new(config).unwrap()
    }

    /// From now on all tokens that were issued are refused.
    pub(crate) fn revoke_tokens(&self) {
        let mut script = self.script.lock().unwrap();
        script.revoked = Revoked::UpTo(script.tokens);
    }

    /// From now on every token is refused, however new.
    pub(crate) fn refuse_every_token(&self) {
        self.script.lock().unwrap().revoked = Revoked::All;
    }

    /// From now on each login gets a new token, and each token is good.
    pub(crate) fn heal(&self) {
        let mut script = self.script.lock().unwrap();
        script.logins.clear();
        script.revoked = Revoked::None;
    }

    /// The answers to the next logins; afterwards each gets a new token.
    pub(crate) fn logins(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().logins.extend(answers);
    }

    /// The answers to the next requests other than logins; afterwards each gets a customer.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().answers.extend(answers);
    }

    /// The answer to every GET from now on, by how many other requests have come, logins aside.
    pub(crate) fn reads(&self, answer: impl Fn(usize) -> Answer + Send + 'static) {
        self.script.lock().unwrap().reads = Some(Box::new(answer));
    }

    /// Waits until a request has come whose first line has this in it.
    pub(crate) async fn until_received(&self, part: &str) {
        while self.received(part).is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// All requests whose first line has this in it.
    pub(crate) fn received(&self, part: &str) -> Vec<String> {
        let script = self.script.lock().unwrap();
        script
            .received
            .iter()
            .filter(|head| head.lines().next().unwrap().contains(part))
            .cloned()
            .collect()
    }
}

pub(crate) const LOGIN: &str = "POST /aggregation/v2/partners/authentication";

fn serve(stream: &mut TcpStream, script: &Mutex<Script>) {
    let Some(request) = request(stream) else {
        return;
    };
    let answer = {
        let mut script = script.lock().unwrap();
        let login = request.starts_with(LOGIN);
        let read = request.starts_with("GET ");
        let refused = script.revoked.refuses(&request);
        script.received.push(request);
        script.writes += usize::from(!login && !read);
        let scripted = match &script.reads {
            _ if login => script.logins.pop_front(),
            _ if refused => Some(Answer::stale()),
            Some(reads) if read => Some(reads(script.writes)),
            _ => script.answers.pop_front(),
        };
        match scripted {
            Some(answer) => answer,
            None if login => {
                script.tokens += 1;
                Answer::json(200, &format!(r#"{{"token": "token-{}"}}"#, script.tokens))
            }
            None => Answer::customer(),
        }
    };
    send(stream, answer);
}

fn send(stream: &mut TcpStream, answer: Answer) {
    let (status, content_type, length, body) = match answer {
        Answer::HangUp => return,
        Answer::Behind(gate, answer) => {
            gate.wait();
            return send(stream, *answer);
        }
        Answer::Send(204, content_type, body) => (204, content_type, String::new(), body),
        Answer::Send(status, content_type, body) => (
            status,
            content_type,
            format!("content-length: {}\r\n", body.len()),
            body,
        ),
        Answer::CutShort(status) => (
            status,
            "application/json",
            "content-length: 100\r\n".to_owned(),
            b"{".to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status} Words\r\ncontent-type: {content_type}\r\n{length}connection: close\r\n\r\n"
    );
    // The client may hang up first, which is its right.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body));
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1]);
}

/// One request, with its body; `None` if the connection ends before.
fn request(stream: &mut TcpStream) -> Option<String> {
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

/// A store as replicas share it, which can fail and forget.
#[derive(Default)]
pub(crate) struct SharedStore {
    memory: Mutex<Arc<Memory>>,
    down: AtomicBool,
    /// All that was ever written: the names, and the values as text.
    written: Mutex<Vec<(String, String)>>,
}

impl SharedStore {
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    pub(crate) fn wipe(&self) {
        *self.memory.lock().unwrap() = Arc::default();
    }

    /// All that was ever written, as text.
    pub(crate) fn everything(&self) -> String {
        format!("{:?}", self.written.lock().unwrap())
    }

    fn memory(&self) -> Result<Arc<Memory>, StoreError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError("down".to_owned()));
        }
        Ok(Arc::clone(&self.memory.lock().unwrap()))
    }
}

impl Store for SharedStore {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        Box::pin(async move { self.memory()?.get(key).await })
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Box::pin(async move {
            for Change { key, new, .. } in changes {
                let value = new.as_ref().map(|(value, _)| value.as_slice());
                let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                self.written.lock().unwrap().push((key.name.clone(), text));
            }
            self.memory()?.commit(changes).await
        })
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Box::pin(async move { self.memory()?.list(space).await })
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        Box::pin(async move { self.memory()?.take(key, rate).await })
    }

    fn is_shared(&self) -> bool {
        true
    }
}
