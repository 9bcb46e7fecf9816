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
