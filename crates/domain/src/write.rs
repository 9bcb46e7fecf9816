//! Writes run to their end, whoever goes away meanwhile: cancellation never decides an outcome.

use tokio::sync::watch;

use crate::Client;

/// Counts the writes under way.
pub(crate) struct Writes(watch::Sender<usize>);

impl Writes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    fn begin(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(self.0.clone())
    }
}

/// A write under way; it has ended when this is dropped.
struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Client {
    /// Runs a write in a task of its own: a caller who goes away does not cut it short, so that nothing is left half
    /// done.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        write: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let under_way = self.inner.writes.begin();
        let task = tokio::spawn(async move {
            let value = write.await;
            drop(under_way);
            value
        });
        match task.await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                // A panic goes on in the caller's task, as if the write had run there.
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until no write is under way. A write runs to its end although its caller has gone, so whoever ends the
    /// process waits for this first.
    pub async fn idle(&self) {
        let mut count = self.inner.writes.0.subscribe();
        // The sender lives in the client, so there is always one.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}
