//! The body of an answer, handed over in pieces, so that a peer that does not read them is found out.
//!
//! What a body hands over lies in the connection's buffer until the peer wants it. Small pieces keep that small: the
//! rest waits here, and how long it waits is known.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Status, body::Body};

use super::traffic::{Running, Unread};

/// The largest piece, in bytes: what goes into one frame unless the peer asks for larger ones.
const PIECE: usize = 16 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    inner: Body,
    /// What has been read of the inner body and not been handed over.
    rest: Bytes,
    /// Since when what was handed over last waits for the peer.
    unread: Option<Unread>,
    running: Running,
}

impl Answer {
    pub(super) fn new(inner: Body, running: Running) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            unread: None,
            running,
        }
    }

    /// The connection asks for more, so what it had has been read.
    fn has_been_read(&mut self) {
        if let Some(unread) = self.unread.take() {
            self.running.read(&unread);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.has_been_read();
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = PIECE.min(self.rest.len());
        let piece = self.rest.split_to(length);
        self.unread = Some(self.running.unread());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Only what has no rest is asked: hyper looks before it reads.
        match self.rest.is_empty() {
            true => self.inner.size_hint(),
            false => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.has_been_read();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::{BodyExt as _, Full};

    use super::{super::traffic::Traffic, *};

    #[tokio::test]
    async fn a_large_answer_comes_in_pieces_and_whole() {
        let traffic = Arc::new(Traffic::default());
        let sent: Vec<u8> = (0..40_000_u32).map(|byte| byte as u8).collect();
        let full = Full::new(Bytes::from(sent.clone()));
        let mut answer = Answer::new(Body::new(full), traffic.call());
        let (mut pieces, mut read) = (Vec::new(), Vec::new());
        while let Some(frame) = answer.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            pieces.push(piece.len());
            read.extend_from_slice(&piece);
        }
        assert_eq!(pieces, [PIECE, PIECE, 40_000 - 2 * PIECE]);
        assert_eq!(read, sent);
        drop(answer);
        assert_eq!(traffic.idle(), Some(1));
    }

    #[tokio::test]
    async fn a_piece_waits_until_the_next_is_asked_for() {
        let traffic = Arc::new(Traffic::default());
        let full = Full::new(Bytes::from(vec![0; PIECE + 1]));
        let mut answer = Answer::new(Body::new(full), traffic.call());
        let stalled = || [traffic.turn(), traffic.turn(), traffic.turn()].contains(&true);
        assert!(!stalled(), "nothing has been handed over");
        answer.frame().await.unwrap().unwrap();
        assert!(stalled());
        drop(answer);
        assert!(!stalled());
    }
}
