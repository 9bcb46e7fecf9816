//! Counting what comes in on a connection, frame by frame, before HTTP/2 is spoken on it.
//!
//! The library below ends connections that reset too many calls or never finish their headers. It answers every PING and
//! every SETTINGS, though, for as long as they come. Here frames that carry nothing of a call have an allowance, which
//! calls and answers add to: clients that measure their line do so per call. Cancelled calls have an allowance of their
//! own, which answers add to: a client that changes its mind is as quick as one that means harm, but not for as long.
//!
//! What comes in is handed over in turns. The library would read all that there is before it looks at the first call,
//! and end the connection of an honest client for calls that were cancelled while we were kept from looking.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Instant,
};

use super::{traffic::Traffic, watched::Watch};

/// What each connection begins with.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// What each frame begins with: three bytes of length, one of type, one of flags, four that name the stream.
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

/// Data frames with less than this, in bytes, and more to come are no way to send a message.
const LITTLE: usize = 64;

/// How many frames a call may bring with it, and a piece of an answer: window updates and measurements.
const PER_CALL: u32 = 4;

/// The most that is read at once, in bytes: 150 calls of the smallest size with their cancellations.
const AT_ONCE: usize = 4 * 1024;

/// After this many calls in a turn nothing more is read before they have been looked at. With what is read at once that
/// is less than the library allows, `limits.unread_resets`, unless that was set to less.
const PER_TURN: u32 = 50;

/// Counts the frames that come from a peer.
#[derive(Debug)]
pub(super) struct Frames {
    traffic: Arc<Traffic>,
    at: At,
    /// Of frames that carry nothing.
    frames: Allowance,
    /// Of calls that are cancelled.
    cancels: Allowance,
    /// Where bytes are read to before they are handed over: the reader's own room would have to be cleared each time.
    room: Box<[u8]>,
}

/// What a peer may do so many times, and again with time and with what it does besides.
#[derive(Debug)]
struct Allowance {
    most: u32,
    left: u32,
    /// When time was last turned into allowance.
    refilled: Instant,
}

impl Allowance {
    fn new(most: u32) -> Self {
        Self {
            most,
            left: most,
            refilled: Instant::now(),
        }
    }

    fn add(&mut self, number: u32) {
        self.left = self.left.saturating_add(number).min(self.most);
    }

    fn spend(&mut self) -> Result<(), TooMany> {
        if self.left == 0 {
            // Only now does it matter how much time has passed.
            let elapsed = self.refilled.elapsed();
            let number = elapsed.as_millis() * u128::from(self.most) / 100_000;
            if number > 0 {
                self.refilled = Instant::now();
                self.add(u32::try_from(number).unwrap_or(u32::MAX));
            }
        }
        self.left = self.left.checked_sub(1).ok_or(TooMany)?;
        Ok(())
    }
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

/// The peer has sent more frames without a purpose, or cancelled more calls, than it may.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many frames that carry nothing of a call, or too many cancelled calls")]
pub(super) struct TooMany;

impl Frames {
    /// With an allowance of so many frames that carry nothing, and of so many calls that are cancelled.
    pub(super) fn new(traffic: Arc<Traffic>, frames: u32, cancels: u32) -> Self {
        Self {
            traffic,
            at: At::Preface(PREFACE),
            frames: Allowance::new(frames),
            cancels: Allowance::new(cancels),
            room: vec![0; AT_ONCE].into(),
        }
    }

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
            HEADERS => {
                self.traffic.read_a_call();
                self.frames.add(PER_CALL);
            }
            DATA if length >= LITTLE || flags & END_STREAM != 0 => {}
            RST_STREAM => {
                self.count_answers(self.cancels.left);
                self.cancels.spend()?;
            }
            _ => {
                self.count_answers(self.frames.left);
                self.frames.spend()?;
            }
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

    /// Adds what answers allow, which only matters when nothing is left.
    fn count_answers(&mut self, left: u32) {
        if left == 0 {
            let answered = self.traffic.take_answered();
            self.frames.add(answered.saturating_mul(PER_CALL));
            self.cancels.add(answered);
        }
    }
}

impl<I: AsyncRead> Watch<I> for Frames {
    fn poll_read(
        &mut self,
        inner: Pin<&mut I>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.traffic.calls_of_this_turn() >= PER_TURN {
            // The rest has its turn after others have had theirs.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (before, most) = (buffer.filled().len(), AT_ONCE.min(buffer.remaining()));
        let mut part = ReadBuf::new(&mut self.room[..most]);
        ready!(inner.poll_read(cx, &mut part))?;
        buffer.put_slice(part.filled());
        let read = &buffer.filled()[before..];
        Poll::Ready(self.see(read).map_err(io::Error::other))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::watched::Watched, *};

    const PING: u8 = 6;

    /// Counts what comes after the preface.
    fn counter(frames: u32, cancels: u32) -> Frames {
        let mut counter = Frames::new(Arc::default(), frames, cancels);
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
        let mut counter = Frames::new(Arc::default(), 100, 100);
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
        assert_eq!(counter.frames.left, 80);
        let mut at_once = Frames::new(Arc::default(), 100, 100);
        at_once.see(&bytes).unwrap();
        assert_eq!(at_once.frames.left, 80);
    }

    #[tokio::test(start_paused = true)]
    async fn the_allowance_is_used_up_and_comes_back_with_time() {
        let mut counter = counter(100, 100);
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
    async fn cancelled_calls_have_an_allowance_of_their_own() {
        let mut counter = counter(100, 1_000);
        let cancelled = [frame(HEADERS, 4, 20), frame(RST_STREAM, 0, 4)].concat();
        for _ in 0..1_000 {
            counter.see(&cancelled).unwrap();
        }
        let call = counter.traffic.call();
        for _ in 0..50 {
            call.read(&call.unread());
        }
        for _ in 0..50 {
            counter.see(&cancelled).unwrap();
        }
        assert_eq!(counter.see(&cancelled), Err(TooMany));
        counter.at = At::Head([0; HEAD], 0);
        tokio::time::advance(Duration::from_secs(2)).await;
        for _ in 0..20 {
            counter.see(&cancelled).unwrap();
        }
        assert_eq!(counter.see(&cancelled), Err(TooMany));
    }

    #[tokio::test]
    async fn a_turn_reads_a_few_calls_and_what_comes_with_them() {
        let traffic = Arc::new(Traffic::default());
        let call = frame(HEADERS, 4, 31);
        let sent = call.repeat(1_000);
        let mut frames = Watched {
            inner: sent.as_slice(),
            watch: Frames::new(Arc::clone(&traffic), 100, 100),
        };
        frames.watch.at = At::Head([0; HEAD], 0);
        let mut turns = 0;
        let mut left = sent.len();
        while left > 0 {
            traffic.begin_turn();
            turns += 1;
            let before = left;
            while let Some(read) = read(&mut frames) {
                left -= read;
                if read == 0 {
                    break;
                }
            }
            let calls = (before - left) / call.len();
            assert!(calls <= PER_TURN as usize + AT_ONCE / call.len(), "{calls}");
        }
        assert!(turns >= 1_000 / 200, "{turns}");
    }

    /// How much is read at once, or `None` if there is nothing for now.
    fn read(frames: &mut Watched<&[u8], Frames>) -> Option<usize> {
        let mut room = [0; 16 * 1024];
        let mut buffer = ReadBuf::new(&mut room);
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(frames).poll_read(&mut context, &mut buffer) {
            Poll::Ready(read) => {
                read.unwrap();
                Some(buffer.filled().len())
            }
            Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_and_answers_bring_frames_with_them() {
        let mut counter = counter(100, 100);
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
