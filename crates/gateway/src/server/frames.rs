//! Counting what comes in on a connection, frame by frame, before HTTP/2 is spoken on it.
//!
//! The library below ends connections that reset too many calls or never finish their headers. It answers every PING and
//! every SETTINGS, though, for as long as they come. Here frames that carry nothing of a call have an allowance, which
//! calls and answers add to: clients that measure their line or cancel a lot do so per call.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::traffic::Traffic;

/// What each connection begins with.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// What each frame begins with: three bytes of length, one of type, one of flags, four that name the stream.
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// Data frames with less than this, in bytes, and more to come are no way to send a message.
const LITTLE: usize = 64;

/// How many frames a call may bring with it, and a piece of an answer: window updates, measurements, a cancellation.
const PER_CALL: u32 = 4;

/// A stream of bytes from a peer, whose frames are counted.
#[derive(Debug)]
pub(super) struct Frames<I> {
    inner: I,
    counter: Counter,
}

impl<I> Frames<I> {
    /// Counts what comes from `inner`, with an allowance of `most` frames that carry nothing.
    pub(super) fn new(inner: I, traffic: Arc<Traffic>, most: u32) -> Self {
        Self {
            inner,
            counter: Counter {
                traffic,
                at: At::Preface(PREFACE),
                most,
                left: most,
                refilled: Instant::now(),
            },
        }
    }
}

#[derive(Debug)]
struct Counter {
    traffic: Arc<Traffic>,
    at: At,
    most: u32,
    left: u32,
    /// When time was last turned into allowance.
    refilled: Instant,
}

/// Where in the stream of bytes we are.
#[derive(Debug)]
enum At {
    /// So many bytes of the preface are missing.
    Preface(usize),
    /// So many bytes of a frame's head are there.
    Head([u8; HEAD], usize),
    /// So many bytes of what is in a frame are missing.
    Inside(usize),
}

/// The peer has sent more frames without a purpose than it may.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many frames that carry nothing of a call")]
pub(super) struct TooMany;

impl Counter {
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Preface(missing) => {
                    let here = bytes.len().min(*missing);
                    *missing -= here;
                    bytes = &bytes[here..];
                    if *missing == 0 {
                        self.at = At::Head([0; HEAD], 0);
                    }
                }
                At::Head(head, there) => {
                    let here = bytes.len().min(HEAD - *there);
                    head[*there..*there + here].copy_from_slice(&bytes[..here]);
                    *there += here;
                    bytes = &bytes[here..];
                    if *there == HEAD {
                        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                        let (kind, flags) = (head[3], head[4]);
                        self.begin(length, kind, flags)?;
                    }
                }
                At::Inside(missing) => {
                    let here = bytes.len().min(*missing);
                    *missing -= here;
                    bytes = &bytes[here..];
                    if *missing == 0 {
                        self.end();
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, length: usize, kind: u8, flags: u8) -> Result<(), TooMany> {
        match kind {
            HEADERS => self.allow(PER_CALL),
            DATA if length >= LITTLE || flags & END_STREAM != 0 => {}
            _ => self.spend()?,
        }
        match length {
            0 => self.end(),
            length => self.at = At::Inside(length),
        }
        Ok(())
    }

    fn end(&mut self) {
        // The first frame is SETTINGS, or the connection ends: either way the peer speaks.
        self.traffic.greet();
        self.at = At::Head([0; HEAD], 0);
    }

    fn allow(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(self.most);
    }

    fn spend(&mut self) -> Result<(), TooMany> {
        if self.left == 0 {
            self.refill();
        }
        self.left = self.left.checked_sub(1).ok_or(TooMany)?;
        Ok(())
    }

    /// Adds what answers and time allow, which only matters when nothing is left.
    fn refill(&mut self) {
        self.allow(self.traffic.take_answered().saturating_mul(PER_CALL));
        let elapsed = self.refilled.elapsed();
        let frames = elapsed.as_millis() * u128::from(self.most) / 100_000;
        if frames > 0 {
            self.refilled = Instant::now();
            self.allow(u32::try_from(frames).unwrap_or(u32::MAX));
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Frames<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        Poll::Ready(
            self.counter
                .see(&buffer.filled()[before..])
                .map_err(io::Error::other),
        )
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Frames<I> {
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
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;

    fn counter(most: u32) -> Counter {
        let mut counter = Frames::new((), Arc::default(), most).counter;
        counter.see(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        counter
    }

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(vec![0xff; length.into()]);
        frame
    }

    #[tokio::test]
    async fn frames_are_told_apart_however_they_arrive() {
        let mut counter = Frames::new((), Arc::default(), 100).counter;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for _ in 0..10 {
            bytes.extend(frame(PING, 0, 8));
            bytes.extend(frame(DATA, 0, 0));
            bytes.extend(frame(DATA, 0, 64));
            bytes.extend(frame(DATA, END_STREAM, 0));
        }
        for (number, byte) in bytes.iter().enumerate() {
            counter.see(&[*byte]).unwrap();
            let greeted = number + 1 >= PREFACE + HEAD + 8;
            assert_eq!(counter.traffic.has_greeted(), greeted, "byte {number}");
        }
        assert_eq!(counter.left, 80);
        let mut at_once = Frames::new((), Arc::default(), 100).counter;
        at_once.see(&bytes).unwrap();
        assert_eq!(at_once.left, 80);
    }

    #[tokio::test(start_paused = true)]
    async fn the_allowance_is_used_up_and_comes_back_with_time() {
        let mut counter = counter(100);
        let ping = frame(PING, 0, 8);
        for _ in 0..100 {
            counter.see(&ping).unwrap();
        }
        assert_eq!(counter.see(&ping), Err(TooMany));
        counter.at = At::Head([0; HEAD], 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        counter.see(&ping).unwrap();
        assert_eq!(counter.see(&ping), Err(TooMany));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_and_answers_bring_frames_with_them() {
        let mut counter = counter(100);
        for _ in 0..10_000 {
            counter.see(&frame(HEADERS, 4, 20)).unwrap();
            for _ in 0..PER_CALL {
                counter.see(&frame(PING, 0, 8)).unwrap();
            }
        }
        let call = counter.traffic.call();
        for _ in 0..1_000 {
            call.read(&call.unread());
            for _ in 0..PER_CALL {
                counter.see(&frame(PING, 0, 8)).unwrap();
            }
        }
    }
}
