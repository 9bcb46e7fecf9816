//! What has to be on disk before an answer may tell it.

use std::io;

/// A ticket of whoever tells what the state holds.
pub(crate) struct Durable;

impl Durable {
    /// Nothing to wait for.
    pub(crate) fn already() -> Self {
        Self
    }

    /// Waits until it is on disk.
    #[expect(clippy::unused_async, reason = "there is no file yet")]
    pub(crate) async fn wait(self) -> io::Result<()> {
        self.wait_blocking()
    }

    /// Waits until it is on disk, and the thread with it.
    #[expect(clippy::unnecessary_wraps, reason = "there is no file yet")]
    pub(crate) fn wait_blocking(self) -> io::Result<()> {
        let Self = self;
        Ok(())
    }
}
