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

/// A socket as the HTTP server wants it. When it is dropped it is closed in good order, or reset if its [`ResetHandle`] says so.
pub(crate) struct Socket {
    stream: TokioIo<TcpStream>,
    handle: ResetHandle,
}

/// A hold on a connection that somebody else reads and writes.
#[derive(Clone, Default)]
pub(crate) struct ResetHandle {
    reset: Arc<AtomicBool>,
}

impl ResetHandle {
    /// Has the connection end with a reset (TCP RST) in place of a farewell. It ends when its service or its body fails.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Answers are small: without this a kept-alive connection would wait for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot send small answers at once");
        }
        Self {
            stream: TokioIo::new(stream),
            handle: ResetHandle::default(),
        }
    }

    pub(crate) fn handle(&self) -> ResetHandle {
        self.handle.clone()
    }
}

/// Ends a connection with a reset: without lingering, the system has nothing left to say but that.
pub(crate) fn reset(socket: &TcpStream) {
    if let Err(error) = socket.set_zero_linger() {
        tracing::debug!(%error, "cannot reset a connection");
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.handle.reset.load(Ordering::Acquire) {
            reset(self.stream.inner());
        }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
