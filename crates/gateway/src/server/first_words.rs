//! Which HTTP a peer speaks where no TLS has told it: what a connection in HTTP/2 begins with is no request in HTTP/1.1.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::watched::{Watch, Watched};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Http {
    One,
    Two,
}

/// What was read of a connection to see what is spoken. Whoever reads on reads that first.
#[derive(Debug, Default)]
pub(super) struct FirstWords {
    words: [u8; PREFACE.len()],
    /// How many of these were read, and how many of them were read again.
    there: usize,
    told: usize,
}

impl FirstWords {
    /// Reads what the peer says until that tells the version apart.
    ///
    /// # Errors
    /// If it can't be read. A peer that ends before it said anything speaks HTTP/1.1, for all that matters.
    pub(super) async fn of<I: AsyncRead + Unpin>(
        mut inner: I,
    ) -> io::Result<(Http, Watched<I, Self>)> {
        let mut watch = Self::default();
        let http = loop {
            let more = inner.read(&mut watch.words[watch.there..]).await?;
            watch.there += more;
            let words = &watch.words[..watch.there];
            if more == 0 || !PREFACE.starts_with(words) {
                break Http::One;
            }
            if words.len() == PREFACE.len() {
                break Http::Two;
            }
        };
        Ok((http, Watched { inner, watch }))
    }
}

impl<I: AsyncRead> Watch<I> for FirstWords {
    fn poll_read(
        &mut self,
        inner: Pin<&mut I>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.told < self.there {
            let next = &self.words[self.told..self.there];
            let next = &next[..next.len().min(buffer.remaining())];
            buffer.put_slice(next);
            self.told += next.len();
            return Poll::Ready(Ok(()));
        }
        inner.poll_read(cx, buffer)
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
