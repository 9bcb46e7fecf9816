//! One TCP connection: a socket that a fault can reset.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A socket as the HTTP server wants it. When it is dropped it is closed in good order, or reset if its [`Line`] says so.
pub(crate) struct Connection {
    socket: TokioIo<TcpStream>,
    line: Line,
}

/// A hold on a connection that somebody else reads and writes.
#[derive(Clone, Default)]
pub(crate) struct Line {
    reset: Arc<AtomicBool>,
}

impl Line {
    /// Has the connection end with a reset (TCP RST) in place of a farewell. It ends when its service or its body fails.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }
}

impl Connection {
    pub(crate) fn new(socket: TcpStream) -> Self {
        // Answers are small: without this a kept-alive connection would wait for the client's acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "cannot send small answers at once");
        }
        Self {
            socket: TokioIo::new(socket),
            line: Line::default(),
        }
    }

    pub(crate) fn line(&self) -> Line {
        self.line.clone()
    }
}

/// Ends a connection with a reset: without lingering, the system has nothing left to say but that.
pub(crate) fn reset(socket: &TcpStream) {
    if let Err(error) = socket.set_zero_linger() {
        tracing::debug!(%error, "cannot reset a connection");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.line.reset.load(Ordering::Acquire) {
            reset(self.socket.inner());
        }
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, buffers)
    }
}
