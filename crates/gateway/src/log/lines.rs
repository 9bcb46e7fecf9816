//! Lines of the log on their way out. Those of calls that were served are gathered for a moment, so that a busy gateway
//! does not ask the system once for each call; every other line leaves at once, and those before it with it.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The name of the lines that may wait: each tells of a call that was served.
pub(crate) const SERVED: &str = "served call";

/// How long a line waits for others at most.
const MOMENT: Duration = Duration::from_millis(20);

/// As many bytes of lines as may wait. Whoever comes then has them leave.
const MOST: usize = 64 * 1024;

/// Where lines go. Clones are the same.
pub(super) struct Lines<W>(Arc<Shared<W>>);

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<W> {
    waiting: Mutex<Waiting>,
    /// The first line that waits has come, or there will be no more.
    woken: Condvar,
    /// Taken before what waits is taken, and kept until it has left: lines leave in the order in which they came.
    out: Mutex<Out<W>>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    closed: bool,
}

struct Out<W> {
    writer: W,
    /// What leaves; empty in between, and kept for the room that it has.
    leaving: Vec<u8>,
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Lines that leave by `writer`. A thread sees to it that none waits for longer than a moment; where there can be none,
    /// none waits.
    pub(super) fn new(writer: W) -> Self {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            woken: Condvar::new(),
            out: Mutex::new(Out {
                writer,
                leaving: Vec::new(),
            }),
        }));
        let shared = Arc::clone(&lines.0);
        let thread = std::thread::Builder::new().name("log".to_owned());
        if thread.spawn(move || shared.keep_leaving()).is_err() {
            lines.0.waiting().closed = true;
        }
        lines
    }

    /// Has all lines leave. From now on none waits.
    pub(super) fn close(&self) {
        self.0.waiting().closed = true;
        self.0.woken.notify_one();
        // Nobody is left to be told that the log can't be written.
        let _ = self.0.leave();
    }
}

impl<W: Write> Shared<W> {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what waits leave, a moment after its first line, until it is closed.
    fn keep_leaving(&self) {
        loop {
            let mut waiting = self.waiting();
            while waiting.lines.is_empty() && !waiting.closed {
                waiting = self
                    .woken
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.closed {
                return;
            }
            drop(waiting);
            std::thread::sleep(MOMENT);
            let _ = self.leave();
        }
    }

    /// Adds a line, which may wait or not.
    fn add(&self, line: &[u8], may_wait: bool) -> io::Result<()> {
        let mut waiting = self.waiting();
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        let waits = may_wait && !waiting.closed && waiting.lines.len() < MOST;
        drop(waiting);
        if !waits {
            return self.leave();
        }
        if is_first {
            self.woken.notify_one();
        }
        Ok(())
    }

    /// Has what waits leave now.
    fn leave(&self) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Out { writer, leaving } = &mut *out;
        std::mem::swap(&mut self.waiting().lines, leaving);
        let left = writer.write_all(leaving).and_then(|()| writer.flush());
        leaving.clear();
        left
    }
}

/// One line, handed over whole.
pub(super) struct Line<'a, W> {
    shared: &'a Shared<W>,
    may_wait: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.add(line, self.may_wait)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Line<'a, W> {
        Line {
            shared: &self.0,
            may_wait: false,
        }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a, W> {
        Line {
            shared: &self.0,
            may_wait: line.name() == SERVED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Tells what is written, as it is written.
    struct Told(Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .send(String::from_utf8_lossy(bytes).into_owned())
                .unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines<Told>, Receiver<String>) {
        let (told, written) = channel();
        (Lines::new(Told(told)), written)
    }

    #[test]
    fn lines_that_may_wait_leave_together_and_by_themselves() {
        let (lines, written) = lines();
        // The thread may be quick, and the second line late: what counts is that all come, in order, without another.
        for line in ["one\n", "two\n", "three\n"] {
            lines.0.add(line.as_bytes(), true).unwrap();
        }
        let mut all = String::new();
        while !all.ends_with("three\n") {
            all.push_str(&written.recv().unwrap());
        }
        assert_eq!(all, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_line_that_may_not_wait_takes_those_before_it_along() {
        let (lines, written) = lines();
        lines.0.add(b"served\n", true).unwrap();
        lines.0.add(b"failed\n", false).unwrap();
        let all: String = written.try_iter().collect();
        assert_eq!(all, "served\nfailed\n");
    }

    #[test]
    fn what_waits_is_bounded() {
        let (lines, written) = lines();
        let line = vec![b'x'; MOST / 4];
        for _ in 0..16 {
            lines.0.add(&line, true).unwrap();
            assert!(lines.0.waiting().lines.len() < MOST);
        }
        lines.close();
        let left: usize = written.try_iter().map(|text| text.len()).sum();
        assert_eq!(left, 16 * line.len());
    }

    #[test]
    fn after_the_end_nothing_waits() {
        let (lines, written) = lines();
        lines.0.add(b"before\n", true).unwrap();
        lines.close();
        lines.0.add(b"behind\n", true).unwrap();
        let all: String = written.try_iter().collect();
        assert_eq!(all, "before\nbehind\n");
    }
}
