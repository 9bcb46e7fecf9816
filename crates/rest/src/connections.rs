//! Connections to one server, each polled by the request that it carries.
//!
//! A connection has no task of its own, so that nothing is handed from task to task and nobody else is woken for a
//! request and its answer, and one that is given up closes its connection. In return nobody watches a connection while
//! it is idle: it is looked at before it is used again, and closed when it was idle for long.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{SendRequest, handshake},
    },
    rt::{Read, Write},
};
use reqwest::Body;
use tokio::time::{Instant, sleep};

use crate::connector::{ConnectError, Connector};

/// Shorter than what is common for servers, so that a request seldom meets a connection that is being closed.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// Those to one server.
pub(crate) struct Connections {
    connector: Connector,
    idle: Mutex<Idle>,
}

/// Those that no request has.
#[derive(Default)]
struct Idle {
    /// With the time since when, those that are longest idle first.
    connections: Vec<(Instant, Connection)>,
    /// Whether there is a task that closes the old ones.
    is_watched: bool,
}

impl Connections {
    pub(crate) fn new(connector: Connector) -> Self {
        Self {
            connector,
            idle: Mutex::default(),
        }
    }

    /// An idle one, the last that was used, or else `None`.
    pub(crate) fn take(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.idle().connections.pop()?;
            if since.elapsed() < LONGEST_IDLE && connection.is_idle() {
                return Some(connection);
            }
        }
    }

    /// A new one.
    pub(crate) async fn open(&self) -> Result<Connection, ConnectError> {
        self.connector.connect().await
    }

    /// Keeps one for another request, unless it is of no more use.
    pub(crate) fn keep(self: &Arc<Self>, mut connection: Connection) {
        // One that has asked for another request is idle already. Whether it still is, is looked at before it is used; whoever
        // it would wake until then has ended.
        if !connection.is_ready() && !connection.is_idle() {
            return;
        }
        let mut idle = self.idle();
        idle.connections.push((Instant::now(), connection));
        if !idle.is_watched {
            idle.is_watched = true;
            drop(idle);
            self.watch();
        }
    }

    /// Closes those that have been idle for long, until there is none.
    fn watch(self: &Arc<Self>) {
        let connections = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(LONGEST_IDLE / 2).await;
                let Some(connections) = connections.upgrade() else {
                    return;
                };
                let mut idle = connections.idle();
                let old = idle
                    .connections
                    .partition_point(|(since, _)| since.elapsed() >= LONGEST_IDLE);
                let old: Vec<_> = idle.connections.drain(..old).collect();
                idle.is_watched = !idle.connections.is_empty();
                let goes_on = idle.is_watched;
                drop(idle);
                drop(old);
                if !goes_on {
                    return;
                }
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing panics while it is held; if it did, the list would still be whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What reads and writes when it is polled, and ends with the connection.
type Io = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection, which does nothing while nobody polls it.
pub(crate) struct Connection {
    requests: SendRequest<Body>,
    /// `None` once it has ended.
    io: Option<Io>,
}

impl Connection {
    /// Speaks HTTP/1.1 over a stream of bytes.
    pub(crate) async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let (requests, io) = handshake(stream).await?;
        Ok(Self {
            requests,
            io: Some(Box::pin(io)),
        })
    }

    /// Sends a request and answers the head of what comes back.
    ///
    /// # Errors
    /// With the request, if surely nothing of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Box<TrySendError<Request<Body>>>> {
        let head = self.requests.try_send_request(request);
        until(&mut self.io, head).await.map_err(Box::new)
    }

    /// What `wanted` of an answer comes to.
    pub(crate) async fn bring<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        until(&mut self.io, wanted).await
    }

    /// Whether it had come to its next request when it was last looked at.
    fn is_ready(&self) -> bool {
        self.io.is_some() && self.requests.is_ready()
    }

    /// Looks whether it can take another request, and has nobody woken for its sake.
    fn is_idle(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        let is_open = match &mut self.io {
            Some(io) => io.as_mut().poll(&mut nobody).is_pending(),
            None => false,
        };
        if !is_open {
            self.io = None;
        }
        is_open && self.requests.is_ready()
    }
}

/// Polls a connection until it has brought what is wanted of it, or has ended: then what is wanted fails.
async fn until<T>(io: &mut Option<Io>, wanted: impl Future<Output = T>) -> T {
    let mut wanted = pin!(wanted);
    poll_fn(|cx| {
        // It may be there already, and if not it tells the connection that it is wanted.
        if let Poll::Ready(done) = wanted.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if io
            .as_mut()
            .is_some_and(|io| io.as_mut().poll(cx).is_ready())
        {
            *io = None;
        }
        wanted.as_mut().poll(cx)
    })
    .await
}
