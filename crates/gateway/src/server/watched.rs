//! The bytes of a connection, which somebody looks at on their way.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Looks at what comes in on a connection, and at how what leaves is taken.
pub(super) trait Watch<I> {
    /// Reads what `inner` has, or what is to be read before that.
    fn poll_read(
        &mut self,
        inner: Pin<&mut I>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;

    /// Notes whether the peer takes what it is given: it does unless this is pending.
    fn note(&mut self, _written: &Poll<io::Result<usize>>) {}
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched<I, W> {
    pub(super) inner: I,
    pub(super) watch: W,
}

impl<I: Unpin, W: Watch<I> + Unpin> AsyncRead for Watched<I, W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, watch } = self.get_mut();
        watch.poll_read(Pin::new(inner), cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin, W: Watch<I> + Unpin> AsyncWrite for Watched<I, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch.note(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.watch.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
