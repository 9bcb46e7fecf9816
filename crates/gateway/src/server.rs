//! The gRPC port: HTTP/2 connections, their limits, and how they end.
//!
//! Connections are served with hyper rather than with tonic's server: that one would read `grpc-timeout` before any
//! layer of ours and end calls with CANCELLED, and it waits without end for peers that have gone silent.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2::Builder};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tonic::body::Body;
use tower::Service;

/// How long to wait before accepting again when the system refuses, for instance for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How long connections have to end when no call is in flight any more.
const POLITENESS: Duration = Duration::from_secs(1);

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `service` to whoever connects to `listener`.
    pub(crate) fn start<S>(listener: TcpListener, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let (stopping, stopped) = watch::channel(false);
        Self {
            stopping,
            task: tokio::spawn(accept(listener, service, stopped)),
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

async fn accept<S>(listener: TcpListener, service: S, stopped: watch::Receiver<bool>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let builder = builder();
    // Dropped with this task, the set cuts what is left in it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(builder.clone(), stream, service.clone(), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told(stopped.clone()) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until the server is told to stop, or is gone.
async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The limits of each connection. Those on resets end floods of them, and leave alone callers who cancel a lot.
fn builder() -> Arc<Builder<TokioExecutor>> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(100)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(8 * 1024)
        .max_pending_accept_reset_streams(200)
        .max_local_error_reset_streams(1_024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    Arc::new(builder)
}

async fn serve<S>(
    builder: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    service: S,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    // Answers are small: without this they would wait for the peer's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let connection = builder.serve_connection(TokioIo::new(stream), Calls(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A tower service, as hyper calls it.
struct Calls<S>(S);

impl<S> hyper::service::Service<Request<Incoming>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        // The services below are always ready: nothing here waits for room.
        self.0.clone().call(request.map(Body::new))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tower::service_fn;

    use super::*;

    /// What begins a connection, and empty settings.
    const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    async fn server() -> (Server, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        (Server::start(listener, service), address)
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
