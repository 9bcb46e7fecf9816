//! One connection from its first byte to its end.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    server::conn::http2::{self, Builder},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Instant, interval_at, sleep_until, timeout_at},
};
use tonic::body::Body;
use tower::Service;

use super::{
    Speaks,
    admission::Place,
    answer::Answer,
    first_words::{FirstWords, Http},
    frames::Frames,
    http1::Http1,
    peer::Peer,
    tls::{self, Reloader},
    told,
    traffic::{Running, Traffic},
    watched::Watched,
};
use crate::{
    config::Port,
    metrics::{Connections, Cut},
    sample::Sample,
};

/// How long a connection has to end when it is closed for want of calls.
const POLITENESS: Duration = Duration::from_secs(1);

/// What all connections have in common.
pub(super) struct Server<S> {
    pub(super) service: S,
    pub(super) tls: Option<Reloader>,
    pub(super) speaks: Speaks,
    pub(super) port: Port,
    pub(super) builder: Builder<TokioExecutor>,
    pub(super) lines: Sample,
    pub(super) figures: Connections,
}

/// How many connections that are cut, or make no TLS, have a line of their own at once, and how many more each second.
pub(super) fn lines() -> Sample {
    Sample::new(200, 10)
}

/// The limits of HTTP/2, each of them set: the libraries leave some open.
pub(super) fn builder(port: &Port) -> Builder<TokioExecutor> {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(port.streams_per_connection)
        .initial_stream_window_size(port.stream_window_bytes)
        .initial_connection_window_size(port.connection_window_bytes)
        .max_header_list_size(port.header_bytes)
        // The least that HTTP/2 allows, and plenty for messages like ours.
        .max_frame_size(16 * 1024)
        .max_pending_accept_reset_streams(count(port.unread_resets))
        .max_local_error_reset_streams(count(port.forced_resets))
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(port.keepalive_interval)
        .keep_alive_timeout(port.keepalive_timeout);
    builder
}

/// Whether a connection has been asked to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// No.
    No,
    /// Yes, for want of calls. One may have come at the same time.
    Idle,
    /// Yes, and its calls have all the time that they get.
    Last,
}

/// What a connection has until it ends.
struct Stay {
    place: Place,
    /// The word when the server stops.
    stopped: watch::Receiver<bool>,
}

impl Stay {
    /// Waits until a connection that has said nothing yet has to end, and says how.
    async fn is_over(&self) -> End {
        tokio::select! {
            () = told(self.stopped.clone()) => End::Fine,
            () = self.place.is_gone() => End::Cut(Cut::MadeRoom),
        }
    }
}

/// How a connection ended.
enum End {
    /// As connections do.
    Fine,
    /// The peer went away, or broke the rules.
    Early(Box<dyn std::error::Error + Send + Sync>),
    /// The two could not agree on TLS.
    NoTls(io::Error),
    /// We cut it.
    Cut(Cut),
}

impl<S> Server<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + Unpin
        + 'static,
    S::Future: Unpin + Send + 'static,
{
    /// Serves the connection `stream`, which may stay while it has its `place` and the server is not `stopped`.
    pub(super) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        stopped: watch::Receiver<bool>,
        place: Place,
    ) {
        let open = self.figures.begin();
        let stay = Stay { place, stopped };
        match self.run(stream, address, &stay).await {
            End::Fine => {}
            End::Early(error) => {
                tracing::debug!(peer = %address.ip(), error = error.to_string(), "a connection ended early");
            }
            End::NoTls(error) => {
                self.figures.fail_tls();
                if let Some(left_out) = self.lines.take() {
                    tracing::info!(peer = %address.ip(), %error, left_out, "TLS was not agreed on");
                }
            }
            End::Cut(why) => {
                self.figures.cut(why);
                if let Some(left_out) = self.lines.take() {
                    tracing::info!(peer = %address.ip(), %why, left_out, "a connection was cut");
                }
            }
        }
        drop((stay, open));
    }

    async fn run(&self, stream: TcpStream, address: SocketAddr, stay: &Stay) -> End {
        let greeted_by = Instant::now() + self.port.handshake_timeout;
        // Answers are small: without this they would wait for the peer's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            return End::Early(error.into());
        }
        let Some(tls) = &self.tls else {
            let peer = Peer::new(address, []);
            return match self.speaks {
                Speaks::Http2 => self.speak(stream, peer, greeted_by, stay).await,
                Speaks::Http1Too => {
                    let words = FirstWords::of(stream);
                    let words = tokio::select! {
                        words = timeout_at(greeted_by, words) => words,
                        end = stay.is_over() => return end,
                    };
                    match words {
                        Ok(Ok((Http::Two, io))) => self.speak(io, peer, greeted_by, stay).await,
                        Ok(Ok((Http::One, io))) => {
                            self.speak_http1(io, peer, greeted_by, stay).await
                        }
                        Ok(Err(error)) => End::Early(error.into()),
                        Err(_) => End::Cut(Cut::NoHttp2InTime),
                    }
                }
            };
        };
        let agreed = tokio::select! {
            agreed = timeout_at(greeted_by, tls.acceptor().accept(stream)) => agreed,
            end = stay.is_over() => return end,
        };
        let stream = match agreed {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if has_gone(&error) => return End::Early(error.into()),
            Ok(Err(error)) => return End::NoTls(error),
            Err(_) => return End::Cut(Cut::NoTlsInTime),
        };
        let (_, session) = stream.get_ref();
        // A peer that says nothing of what it speaks may be led to speak something else by somebody in between.
        let http = match (session.alpn_protocol(), self.speaks) {
            (Some(tls::HTTP2), _) => Http::Two,
            (Some(tls::HTTP1), Speaks::Http1Too) => Http::One,
            (Some(_) | None, _) => return End::Cut(Cut::NoAlpn),
        };
        let certificates = session.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|one| one.clone().into_owned());
        let peer = Peer::new(address, certificates);
        match http {
            Http::Two => self.speak(stream, peer, greeted_by, stay).await,
            Http::One => self.speak_http1(stream, peer, greeted_by, stay).await,
        }
    }

    /// Speaks HTTP/2 to a peer that has to begin by `greeted_by`.
    async fn speak(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        greeted_by: Instant,
        stay: &Stay,
    ) -> End {
        let port = &self.port;
        let (from, traffic) = (peer.address, Arc::new(Traffic::default()));
        let frames = Arc::clone(&traffic);
        let io = Watched {
            inner: io,
            watch: Frames::new(frames, port.control_frames, port.cancelled_calls),
        };
        let calls = self.calls(peer, &traffic);
        let connection = self.builder.serve_connection(TokioIo::new(io), calls);
        let late = Cut::NoHttp2InTime;
        self.attend(connection, &traffic, from, greeted_by, late, stay)
            .await
    }

    /// Speaks HTTP/1.1 to a peer whose first request has to come by `greeted_by`.
    async fn speak_http1(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        greeted_by: Instant,
        stay: &Stay,
    ) -> End {
        let (from, traffic) = (peer.address, Arc::new(Traffic::default()));
        let calls = self.calls(peer, &traffic);
        let connection = Http1::new(io, calls, &self.port, Arc::clone(&traffic));
        let late = Cut::NoHeadersInTime;
        self.attend(connection, &traffic, from, greeted_by, late, stay)
            .await
    }

    fn calls(&self, peer: Peer, traffic: &Arc<Traffic>) -> Calls<S> {
        tracing::debug!(
            peer = %peer.address.ip(),
            certificates = peer.certificates(),
            "a connection begins"
        );
        Calls {
            service: self.service.clone(),
            peer,
            traffic: Arc::clone(traffic),
        }
    }

    /// Drives a connection until it ends. What its peer has not begun by `greeted_by` is cut as `late`.
    async fn attend(
        &self,
        connection: impl Connection,
        traffic: &Traffic,
        from: SocketAddr,
        greeted_by: Instant,
        late: Cut,
        stay: &Stay,
    ) -> End {
        let port = &self.port;
        let mut connection = pin!(connection);
        let end = |ended| match traffic.was_late() {
            true => End::Cut(Cut::NoHeadersInTime),
            false => end(ended),
        };
        let greeted = poll_fn(|cx| {
            traffic.begin_turn();
            match connection.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if traffic.has_greeted() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        tokio::select! {
            ended = greeted => if let Some(ended) = ended { return end(ended) },
            () = sleep_until(greeted_by) => return End::Cut(late),
            end = stay.is_over() => return end,
        }
        if !stay.place.keep() {
            return End::Cut(Cut::MadeRoom);
        }
        let now = Instant::now();
        let half = |time: Duration| (time / 2).max(Duration::from_millis(1));
        let mut turn = interval_at(now + half(port.stall_timeout), half(port.stall_timeout));
        let mut idle = interval_at(now + port.idle_timeout, port.idle_timeout);
        let mut begun = Some(0);
        let mut old = pin!(sleep_until(now + spread(port.connection_age, from)));
        let mut closing = Closing::No;
        let mut stop = pin!(told(stay.stopped.clone()));
        loop {
            let patience = tokio::select! {
                ended = in_turns(connection.as_mut(), traffic) => return end(ended),
                () = stop.as_mut(), if closing == Closing::No => {
                    // Whoever stops the server also cuts what does not end.
                    connection.as_mut().graceful_shutdown();
                    return end(in_turns(connection, traffic).await);
                }
                _ = turn.tick() => {
                    if traffic.turn() {
                        return End::Cut(Cut::AnswersUnread);
                    }
                    continue;
                }
                _ = idle.tick(), if closing == Closing::No => {
                    let before = std::mem::replace(&mut begun, traffic.idle());
                    if begun.is_none() || begun != before {
                        continue;
                    }
                    closing = Closing::Idle;
                    POLITENESS
                }
                () = old.as_mut() => {
                    let is_over = match closing {
                        Closing::No => false,
                        Closing::Idle => traffic.idle().is_some(),
                        Closing::Last => true,
                    };
                    if is_over {
                        return End::Cut(Cut::NotEnded);
                    }
                    closing = Closing::Last;
                    port.connection_grace
                }
            };
            connection.as_mut().graceful_shutdown();
            old.as_mut().reset(Instant::now() + patience);
        }
    }
}

/// A connection in either HTTP.
pub(super) trait Connection: Future<Output = hyper::Result<()>> {
    /// Takes no more calls; it ends when those there are have ended.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S> Connection for http2::Connection<TokioIo<I>, Calls<S>, TokioExecutor>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
    S::Future: Unpin + Send + 'static,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        http2::Connection::graceful_shutdown(self);
    }
}

/// Drives a connection, which reads a part of what there is and looks at that before it reads on.
async fn in_turns<C: Future>(mut connection: Pin<&mut C>, traffic: &Traffic) -> C::Output {
    poll_fn(|cx| {
        traffic.begin_turn();
        connection.as_mut().poll(cx)
    })
    .await
}

/// Whether the peer went away, as those do who only look whether the port is open.
fn has_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn end(ended: hyper::Result<()>) -> End {
    ended.map_or_else(|error| End::Early(error.into()), |()| End::Fine)
}

/// `age`, a tenth more or less by the peer's port: many that began together should not end together.
fn spread(age: Duration, peer: SocketAddr) -> Duration {
    age * 9 / 10 + age * u32::from(peer.port() % 200) / 1_000
}

/// The calls of a connection, from HTTP to the service.
pub(super) struct Calls<S> {
    service: S,
    peer: Peer,
    traffic: Arc<Traffic>,
}

impl<S> hyper::service::Service<Request<Incoming>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Unpin,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Call<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.traffic.greet();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        Call {
            // The services below are always ready: nothing here waits for room.
            answer: self.service.clone().call(request),
            running: Some(self.traffic.call()),
        }
    }
}

/// A call that has not been answered.
pub(super) struct Call<F> {
    answer: F,
    running: Option<Running>,
}

impl<F> Future for Call<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(response) = ready!(Pin::new(&mut self.answer).poll(cx));
        let Some(running) = self.running.take() else {
            // It has been answered already, and is not asked again.
            return Poll::Pending;
        };
        Poll::Ready(Ok(response.map(|body| Answer::new(body, running))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tower::service_fn;

    use super::{super::admission::Admission, *};

    /// What begins a connection, and empty settings.
    const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    /// A call without a body: POST, http and / of the static table.
    const CALL: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x01\x83\x86\x84";

    const HEADERS: u8 = 1;
    const GOAWAY: u8 = 7;

    /// Reads until a frame of this type; whether one comes.
    async fn reads(peer: &mut DuplexStream, wanted: u8) -> bool {
        loop {
            let mut head = [0; 9];
            if peer.read_exact(&mut head).await.is_err() {
                return false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            peer.read_exact(&mut payload).await.unwrap();
            if head[3] == wanted {
                return true;
            }
        }
    }

    /// Serves a connection on which a call that takes so long comes when it is being closed for want of calls. Whether
    /// that is answered, and how the connection ends.
    async fn crossing(takes: Duration) -> (bool, End) {
        let service = service_fn(move |_: Request<Body>| {
            Box::pin(async move {
                tokio::time::sleep(takes).await;
                Ok::<_, Infallible>(Response::new(Body::empty()))
            })
        });
        let port = Port {
            connection_grace: Duration::from_secs(60),
            // Peers of a held clock say no word.
            keepalive_interval: Duration::from_secs(60 * 60),
            ..Port::default()
        };
        let server = Server {
            service,
            tls: None,
            speaks: Speaks::Http2,
            port,
            builder: builder(&port),
            lines: lines(),
            figures: Connections::default(),
        };
        let (ours, mut theirs) = duplex(64 * 1024);
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), []);
        let (_stopping, stopped) = watch::channel(false);
        let place = Admission::new(1, 1).enter(peer.address.ip()).unwrap();
        let stay = Stay { place, stopped };
        let greeted_by = Instant::now() + port.handshake_timeout;
        let client = async move {
            theirs.write_all(HELLO).await.unwrap();
            assert!(reads(&mut theirs, GOAWAY).await);
            theirs.write_all(CALL).await.unwrap();
            reads(&mut theirs, HEADERS).await
        };
        tokio::join!(client, server.speak(ours, peer, greeted_by, &stay))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_crosses_the_end_of_an_idle_connection_has_the_grace() {
        let (answered, _) = crossing(Duration::from_secs(50)).await;
        assert!(answered);
        let (answered, end) = crossing(Duration::from_secs(70)).await;
        assert!(!answered && matches!(end, End::Cut(_)));
    }
}
