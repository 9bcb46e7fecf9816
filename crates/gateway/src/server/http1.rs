//! Connections in HTTP/1.1, for gRPC-Web alone, and within bounds like those of HTTP/2.
//!
//! A request has one time for its headers, an answer one to be read, and a connection without a call is closed like one in
//! HTTP/2. The library below has one time for headers and for the wait between two requests; here each has its own.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use hyper::server::conn::http1::{self, Builder};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tonic::body::Body;
use tower::Service;

use super::{
    connection::{Calls, Connection},
    traffic::{Traffic, Unread},
    watched::{Watch, Watched},
};
use crate::config::Port;

/// What is kept of a body that came and of one that leaves, in bytes: as much as HTTP/2 lets be on its way by default.
const BUFFER: usize = 64 * 1024;

/// For how long, and how much, is read of a peer that was told something while it was still sending. A system that closes
/// at once takes back what the peer has not read yet: it would never learn that its request is too large.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// The bytes of a connection, as the library takes them.
type Line<I> = TokioIo<Watched<I, Lines>>;

/// A connection in HTTP/1.1.
pub(super) struct Http1<I, S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Unpin,
{
    stage: Stage<I, S>,
}

enum Stage<I, S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Unpin,
{
    Speaks(Box<http1::Connection<Line<I>, Calls<S>>>),
    Lingers {
        lines: Watched<I, Lines>,
        until: Pin<Box<Sleep>>,
        left: usize,
        ended: hyper::Result<()>,
    },
    Over,
}

impl<I, S> Http1<I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Unpin
        + 'static,
    S::Future: Unpin + 'static,
{
    /// Serves `calls` within the limits of `port`.
    pub(super) fn new(io: I, calls: Calls<S>, port: &Port, traffic: Arc<Traffic>) -> Self {
        let headers = usize::try_from(port.header_bytes).unwrap_or(usize::MAX);
        let lines = Watched {
            inner: io,
            watch: Lines {
                traffic,
                time: port.handshake_timeout,
                head: None,
                unread: None,
            },
        };
        let mut builder = Builder::new();
        builder
            .auto_date_header(false)
            .header_read_timeout(None)
            .max_header_size(headers)
            .max_buf_size(BUFFER.max(headers));
        let connection = builder.serve_connection(TokioIo::new(lines), calls);
        Self {
            stage: Stage::Speaks(Box::new(connection)),
        }
    }
}

impl<I, S> Future for Http1<I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Unpin
        + 'static,
    S::Future: Unpin + 'static,
{
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let stage = &mut self.stage;
        if let Stage::Speaks(connection) = stage {
            let ended = ready!(connection.poll_without_shutdown(cx));
            if let Stage::Speaks(connection) = std::mem::replace(stage, Stage::Over) {
                *stage = Stage::Lingers {
                    lines: connection.into_parts().io.into_inner(),
                    until: Box::pin(sleep(LINGER)),
                    left: LINGER_BYTES,
                    ended,
                };
            }
        }
        if let Stage::Lingers {
            lines, until, left, ..
        } = stage
        {
            let gone = linger(&mut lines.inner, left, cx);
            if gone.is_pending() {
                ready!(until.as_mut().poll(cx));
            }
        }
        match std::mem::replace(stage, Stage::Over) {
            Stage::Lingers { ended, .. } => Poll::Ready(ended),
            // It has ended already, and is not asked again.
            Stage::Speaks(_) | Stage::Over => Poll::Pending,
        }
    }
}

/// Says that nothing more will come, and reads what the peer still sends until it has stopped too, or has sent too much.
fn linger(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut room = [0; 4 * 1024];
    // It may be asked again and again: the end is told once.
    if ready!(Pin::new(&mut *io).poll_shutdown(cx)).is_err() {
        return Poll::Ready(());
    }
    loop {
        let mut buffer = ReadBuf::new(&mut room);
        let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer));
        let length = buffer.filled().len();
        *left = left.saturating_sub(length);
        if read.is_err() || length == 0 || *left == 0 {
            return Poll::Ready(());
        }
    }
}

impl<I, S> Connection for Http1<I, S>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Unpin
        + 'static,
    S::Future: Unpin + 'static,
{
    fn graceful_shutdown(mut self: Pin<&mut Self>) {
        match &mut self.stage {
            Stage::Speaks(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            Stage::Lingers { .. } | Stage::Over => {}
        }
    }
}

/// Measures how long headers take to come, and how long what was sent waits for the peer.
#[derive(Debug)]
struct Lines {
    traffic: Arc<Traffic>,
    /// How long headers may take.
    time: Duration,
    /// Headers that have begun to come: until when they have time, and how many calls there had been before.
    head: Option<(Pin<Box<Sleep>>, u32)>,
    /// Since when the peer reads nothing of what is there for it.
    unread: Option<Unread>,
}

impl<I: AsyncRead> Watch<I> for Lines {
    fn poll_read(
        &mut self,
        inner: Pin<&mut I>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = inner.poll_read(cx, buffer);
        let Some(calls) = self.traffic.idle() else {
            // What comes while a call runs is its body, which has a time of its own.
            self.head = None;
            return read;
        };
        if self.head.as_ref().is_some_and(|(_, begun)| *begun != calls) {
            self.head = None;
        }
        if self.head.is_none() && read.is_ready() && buffer.filled().len() > before {
            self.head = Some((Box::pin(sleep(self.time)), calls));
        }
        if let Some((end, _)) = &mut self.head
            && end.as_mut().poll(cx).is_ready()
        {
            self.traffic.is_late();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }

    fn note(&mut self, written: &Poll<io::Result<usize>>) {
        match (written, self.unread.take()) {
            (Poll::Pending, unread) => {
                self.unread = Some(unread.unwrap_or_else(|| self.traffic.unread()));
            }
            (Poll::Ready(_), Some(unread)) => self.traffic.read(&unread),
            (Poll::Ready(_), None) => {}
        }
    }
}
