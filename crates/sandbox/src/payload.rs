//! The body of an answer on its way out: whole, slow, cut short or never ending.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::{answer::Filler, connection::ResetHandle};

/// One letter, many times: what a filler is made of.
static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// A body that ends as a fault says.
pub(crate) struct Payload {
    /// What is left: the body itself, then the filler, then its tail.
    body: Bytes,
    filler: Option<Filler>,
    /// What the head announces; a cut body announces what it will not send.
    announced: u64,
    cut: Option<Cut>,
    drip: Option<Drip>,
}

/// Where a body breaks off.
struct Cut {
    /// How many bytes still go out before.
    left: u64,
    how: End,
    /// Whether what was sent has been given the time to leave.
    flushed: bool,
}

/// How a body breaks off.
pub(crate) enum End {
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset(ResetHandle),
    /// Nothing more is said until this future ends; then the connection is closed.
    Stall(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// A body in small pieces.
struct Drip {
    piece: usize,
    pause: Duration,
    /// The pause at hand.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The connection broke off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("a fault cut the connection")]
pub(crate) struct Broken;

impl Payload {
    pub(crate) fn new(body: Bytes, filler: Option<Filler>) -> Self {
        let filled = filler
            .as_ref()
            .map_or(0, |filler| filler.bytes + filler.tail.len() as u64);
        Self {
            announced: body.len() as u64 + filled,
            body,
            filler,
            cut: None,
            drip: None,
        }
    }

    /// How many bytes the whole body has.
    pub(crate) fn len(&self) -> u64 {
        self.announced
    }

    /// Breaks off after `bytes`.
    pub(crate) fn cut_after(&mut self, bytes: u64, how: End) {
        self.cut = Some(Cut {
            left: bytes,
            how,
            flushed: false,
        });
    }

    /// Sends so many bytes a second, in at most ten pieces a second.
    pub(crate) fn drip(&mut self, bytes_per_second: u32) {
        let piece = (bytes_per_second / 10).max(1);
        self.drip = Some(Drip {
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
            pause: Duration::from_secs(1) * piece / bytes_per_second.max(1),
            sleep: None,
        });
    }

    /// The next piece, of at most `most` bytes.
    fn take(&mut self, most: usize) -> Option<Bytes> {
        if !self.body.has_remaining() {
            let filler = self.filler.as_mut()?;
            if filler.bytes > 0 {
                let piece = most.min(FILLER.len());
                let piece = usize::try_from(filler.bytes).map_or(piece, |left| piece.min(left));
                filler.bytes -= piece as u64;
                return Some(Bytes::from_static(&FILLER[..piece]));
            }
            self.body = self.filler.take()?.tail;
        }
        let piece = most.min(self.body.len());
        (piece > 0).then(|| self.body.split_to(piece))
    }

    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let Some(cut) = &mut self.cut else {
            return Poll::Ready(None);
        };
        if !cut.flushed {
            // The server writes out what it holds when the body has nothing to say for a moment.
            cut.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match &mut cut.how {
            End::Close => {}
            End::Reset(handle) => handle.reset(),
            End::Stall(until) => std::task::ready!(until.as_mut().poll(context)),
        }
        Poll::Ready(Some(Err(Broken)))
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let mut most = usize::MAX;
        if let Some(cut) = &this.cut {
            if cut.left == 0 {
                return this.poll_cut(context).map_ok(Frame::data);
            }
            most = usize::try_from(cut.left).unwrap_or(usize::MAX);
        }
        if let Some(drip) = &mut this.drip {
            let sleep = drip
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(drip.pause)));
            std::task::ready!(sleep.as_mut().poll(context));
            drip.sleep = None;
            most = most.min(drip.piece);
        }
        let Some(piece) = this.take(most) else {
            // A cut beyond the end cuts nothing off, but a stall or a reset there still happens.
            return this.poll_cut(context).map_ok(Frame::data);
        };
        if let Some(cut) = &mut this.cut {
            cut.left -= piece.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
