//! What a caller of reflection asks, which has to arrive in time although the call has no deadline of ours.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::{Status, body::Body};

use crate::{failure::Failure, reason::Reason};

/// The body of a request that fails with DEADLINE_EXCEEDED if it is waited for when its time is over.
///
/// Without it a conversation in which nothing is asked would stay for as long as its connection. Calls of one message are
/// taken on when that is there.
pub(crate) struct Arriving {
    inner: Body,
    end: Pin<Box<Sleep>>,
}

impl Arriving {
    /// This body, which has `time` from now on.
    pub(crate) fn within(time: Duration, inner: Body) -> Self {
        Self {
            inner,
            end: Box::pin(sleep(time)),
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.end.as_mut().poll(cx));
        let message = "the request did not arrive in time";
        let failure = Failure::new(Reason::DeadlineExceeded, message);
        Poll::Ready(Some(Err(failure.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::time::Instant;

    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    /// So many bytes, one each second, of a body that does not end then.
    fn slow(bytes: u32) -> Arriving {
        let bytes = stream::unfold(0, move |sent| async move {
            if sent == bytes {
                return std::future::pending().await;
            }
            sleep(Duration::from_secs(1)).await;
            Some((
                Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))),
                sent + 1,
            ))
        });
        Arriving::within(TIME, Body::new(StreamBody::new(bytes.boxed())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_falls_silent_or_comes_byte_by_byte_ends_when_its_time_is_over() {
        for bytes in [0, 1, 1_000] {
            let started = Instant::now();
            let status = slow(bytes).collect().await.unwrap_err();
            assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
            let took = started.elapsed();
            assert!(
                took >= TIME && took < TIME + Duration::from_millis(10),
                "{took:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_arrived_counts_however_late_it_is_read() {
        let body = Body::new(http_body_util::Full::new(Bytes::from_static(b"all of it")));
        let body = Arriving::within(TIME, body);
        sleep(2 * TIME).await;
        let read = body.collect().await.unwrap().to_bytes();
        assert_eq!(read, "all of it".as_bytes());
    }
}
