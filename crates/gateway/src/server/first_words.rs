//! Which HTTP a peer speaks where no TLS has told it: what a connection in HTTP/2 begins with is no request in HTTP/1.1.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http {
    One,
    Two,
}

/// A connection of which something was read to see what is spoken. Whoever reads on reads that first.
#[derive(Debug)]
pub(super) struct FirstWords<I> {
    words: [u8; PREFACE.len()],
    /// How many of these were read, and how many of them were read again.
    there: usize,
    told: usize,
    inner: I,
}

impl<I: AsyncRead + Unpin> FirstWords<I> {
    /// Reads what the peer says until that tells the version apart.
    ///
    /// # Errors
    /// If it can't be read. A peer that ends before it said anything speaks HTTP/1.1, for all that matters.
    pub(super) async fn of(inner: I) -> io::Result<(Http, Self)> {
        let mut read = Self {
            words: [0; PREFACE.len()],
            there: 0,
            told: 0,
            inner,
        };
        loop {
            let more = read.inner.read(&mut read.words[read.there..]).await?;
            read.there += more;
            let words = &read.words[..read.there];
            if more == 0 || !PREFACE.starts_with(words) {
                return Ok((Http::One, read));
            }
            if words.len() == PREFACE.len() {
                return Ok((Http::Two, read));
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FirstWords<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            words,
            there,
            told,
            inner,
        } = &mut *self;
        if told < there {
            let next = &words[*told..*there];
            let next = &next[..next.len().min(buffer.remaining())];
            buffer.put_slice(next);
            *told += next.len();
            return Poll::Ready(Ok(()));
        }
        Pin::new(inner).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FirstWords<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
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
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    /// What is taken for the version, and all that is read then, of a peer that says this in pieces of so many bytes.
    async fn heard(said: &[u8], piece: usize) -> (Http, Vec<u8>) {
        let (ours, mut theirs) = duplex(piece);
        let said = said.to_vec();
        let peer = tokio::spawn(async move { theirs.write_all(&said).await.unwrap() });
        let (http, mut words) = FirstWords::of(ours).await.unwrap();
        let mut read = Vec::new();
        words.read_to_end(&mut read).await.unwrap();
        peer.await.unwrap();
        (http, read)
    }

    #[tokio::test]
    async fn the_version_is_told_by_the_first_words_and_none_of_them_is_lost() {
        let http2 = [PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
        for (said, http) in [
            (&http2[..], Http::Two),
            (b"POST /x HTTP/1.1\r\nhost: here\r\n\r\nbody", Http::One),
            (b"PRI * HTTP/1.1\r\n\r\n and more than a preface", Http::One),
            (b"P", Http::One),
            (b"", Http::One),
            (b"GET", Http::One),
        ] {
            for piece in [1, 7, 1_024] {
                assert_eq!(heard(said, piece).await, (http, said.to_vec()));
            }
        }
    }
}
