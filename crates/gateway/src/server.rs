//! The gRPC port: its connections, their limits, and how they end.
//!
//! Connections are served with hyper rather than with tonic's server: that one would read `grpc-timeout` before any
//! layer of ours and end calls with CANCELLED, and it waits without end for peers that have gone silent.

mod admission;
mod answer;
mod connection;
mod first_words;
mod frames;
mod http1;
pub(crate) mod peer;
pub(crate) mod tls;
mod traffic;
mod watched;

use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep},
};
use tonic::body::Body;
use tower::Service;

use crate::{
    config::Port,
    metrics::{Connections, Refused},
};
use admission::{Admission, Full};
use tls::Reloader;

/// How long to wait before accepting again when the system has nothing left to make a connection of, at first. It
/// doubles until it is [`LONG_PAUSE`].
const PAUSE: Duration = Duration::from_millis(10);
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// How often it is told at most that connections are refused.
const REMINDER: Duration = Duration::from_secs(60);

/// How long connections have to end when no call is in flight any more.
const POLITENESS: Duration = Duration::from_secs(1);

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/2 alone, as gRPC needs it.
    Http2,
    /// HTTP/1.1 too, in which pages make their calls where there is no TLS.
    Http1Too,
}

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `service` to whoever connects to `listener`, over TLS if there is one, in what it `speaks` and within the
    /// limits of `port`. What becomes of connections is counted in `figures`.
    pub(crate) fn start<S>(
        listener: TcpListener,
        service: S,
        tls: Option<Reloader>,
        speaks: Speaks,
        port: Port,
        figures: &Connections,
    ) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + Unpin
            + 'static,
        S::Future: Unpin + Send + 'static,
    {
        let (stopping, stopped) = watch::channel(false);
        let server = connection::Server {
            service,
            tls,
            speaks,
            port,
            builder: connection::builder(&port),
            lines: connection::lines(),
            figures: figures.clone(),
        };
        Self {
            stopping,
            task: tokio::spawn(accept(listener, Arc::new(server), stopped)),
        }
    }

    /// Takes no more connections and no more calls on those there are. Calls in flight go on.
    pub(crate) fn close(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits a moment for the connections to end, which they do when their last answer has been read, and cuts those of
    /// peers that have gone silent.
    pub(crate) async fn finish(mut self) {
        self.close();
        if tokio::time::timeout(POLITENESS, &mut self.task)
            .await
            .is_err()
        {
            tracing::debug!("connections were cut");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<S>(
    listener: TcpListener,
    server: Arc<connection::Server<S>>,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + Unpin
        + 'static,
    S::Future: Unpin + Send + 'static,
{
    let admission = admission(&server.port);
    // Dropped with this task, the set cuts what is left in it.
    let mut connections = JoinSet::new();
    let mut pause = PAUSE;
    let mut refusals = Refusals::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    pause = PAUSE;
                    match admission.enter(address.ip()) {
                        Ok(place) => {
                            let server = Arc::clone(&server);
                            connections.spawn(server.serve(stream, address, stopped.clone(), place));
                        }
                        Err(full) => {
                            server.figures.refuse(full.into());
                            refusals.note(full, address.ip());
                        }
                    }
                }
                Err(error) if is_exhausted(&error) => {
                    server.figures.refuse(Refused::Exhausted);
                    refusals.note_exhausted(&error);
                    // Trying again at once would only use up a processor. Connections that end make room.
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = told(stopped.clone()) => break,
                    }
                    pause = (pause * 2).min(LONG_PAUSE);
                }
                // The peer has gone before we looked: nothing is wrong with the next one.
                Err(error) => tracing::debug!(%error, "a connection could not be accepted"),
            },
            Some(_) = connections.join_next() => {}
            () = told(stopped.clone()) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// As many connections as the settings allow, and no more than leave file descriptors for all else that the gateway
/// does: without them it could call nobody.
fn admission(port: &Port) -> Admission {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = u32::try_from(descriptors / 4 * 3)
        .unwrap_or(u32::MAX)
        .max(1);
    if possible < port.connections {
        tracing::warn!(
            connections = possible,
            limit = port.connections,
            "the process may open few files, so fewer connections are taken than limits.connections allows"
        );
    }
    Admission::new(port.connections.min(possible), port.connections_per_peer)
}

/// Whether accepting failed for want of something that comes back when connections end.
fn is_exhausted(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl From<Full> for Refused {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::Connections,
            Full::OfOne => Self::ConnectionsPerPeer,
        }
    }
}

/// Tells of connections that are refused, now and then: whoever floods the port should not flood the log.
#[derive(Default)]
struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    fn note(&mut self, full: Full, peer: IpAddr) {
        if let Some(refused) = self.count() {
            let limit = match full {
                Full::All => "limits.connections",
                Full::OfOne => "limits.connections_per_peer",
            };
            tracing::warn!(%peer, limit, refused, "connections are refused");
        }
    }

    fn note_exhausted(&mut self, error: &io::Error) {
        if let Some(refused) = self.count() {
            tracing::warn!(%error, refused, "connections can't be accepted");
        }
    }

    /// How many refusals there were since they were last told, if it is time to tell.
    fn count(&mut self) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < REMINDER) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.untold))
    }
}

/// Waits until the server is told to stop, or is gone.
async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tower::service_fn;

    use super::*;
    use crate::metrics::Metrics;

    /// What begins a connection, and empty settings.
    const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    async fn server() -> (Server, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service_fn(|_: Request<Body>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
        });
        let server = Server::start(
            listener,
            service,
            None,
            Speaks::Http2,
            Port::default(),
            Metrics::new().connections(),
        );
        (server, address)
    }

    #[tokio::test]
    async fn the_limits_are_told_to_the_peer() {
        let (_server, address) = server().await;
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(HELLO).await.unwrap();
        let mut head = [0; 9];
        peer.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3], 4, "not a SETTINGS frame");
        let mut settings = vec![0; usize::from(head[2])];
        peer.read_exact(&mut settings).await.unwrap();
        let settings: BTreeMap<_, _> = settings
            .chunks_exact(6)
            .map(|pair| {
                (
                    pair[1],
                    u32::from_be_bytes([pair[2], pair[3], pair[4], pair[5]]),
                )
            })
            .collect();
        // SETTINGS_MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE, _MAX_HEADER_LIST_SIZE.
        for (id, value) in [(3, 100), (4, 64 * 1024), (6, 8 * 1024)] {
            assert_eq!(settings.get(&id), Some(&value), "{settings:?}");
        }
    }

    #[tokio::test]
    async fn silent_peers_do_not_hold_a_stop_up() {
        let (server, address) = server().await;
        let _mute = TcpStream::connect(address).await.unwrap();
        let mut polite = TcpStream::connect(address).await.unwrap();
        polite.write_all(HELLO).await.unwrap();
        let started = tokio::time::Instant::now();
        server.finish().await;
        assert!(started.elapsed() < 3 * POLITENESS);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
