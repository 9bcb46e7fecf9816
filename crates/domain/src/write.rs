//! Writes and logins run to their end, whoever goes away meanwhile: cancellation never decides the outcome of what was
//! sent.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;
use tracing::Instrument as _;

use crate::{Client, Error, operation::Operation};

tokio::task_local! {
    /// Whether the caller of the write or login that this task runs has gone.
    static CALLER_GONE: Arc<AtomicBool>;
}

/// Whether this task runs a write whose caller has gone. What was not sent by then need not be.
pub(crate) fn is_abandoned() -> bool {
    CALLER_GONE
        .try_with(|gone| gone.load(Ordering::Acquire))
        .unwrap_or(false)
}

/// Whether this task runs a write or a login, whatever has become of its caller.
pub(crate) fn is_detached() -> bool {
    CALLER_GONE.try_with(|_| ()).is_ok()
}

/// Runs what follows from a write that was sent. It goes on whether its caller has gone or not.
pub(crate) async fn for_its_own_sake<T>(rest: impl Future<Output = T>) -> T {
    CALLER_GONE.scope(Arc::default(), rest).await
}

/// Counts the tasks that outlive their callers.
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

/// A task under way; it has ended when this is dropped.
struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A caller; when this is dropped, it has gone or has its answer.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Client {
    /// Runs a write, or a login, in a task of its own: a caller who goes away, or whose deadline passes, does not cut it
    /// short once it was sent.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        operation: Operation,
        write: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let caller = Caller(Arc::default());
        let write = self.in_own_task(Arc::clone(&caller.0), write);
        self.in_time_or_to_the_end(operation, write, || drop(caller))
            .await?
    }

    /// Waits until the caller's deadline for what goes on anyway, and then for its end too where somebody wants to know
    /// it. `leave` is called in between.
    pub(crate) async fn in_time_or_to_the_end<T>(
        &self,
        operation: Operation,
        going_on: impl Future<Output = T>,
        leave: impl FnOnce(),
    ) -> Result<T, Error> {
        let mut going_on = pin!(going_on);
        match self.in_time(operation, going_on.as_mut()).await {
            Err(_) if self.deadline.is_to_the_end() => {
                leave();
                Ok(going_on.await)
            }
            ended => ended,
        }
    }

    async fn in_own_task<T: Send + 'static>(
        &self,
        caller_gone: Arc<AtomicBool>,
        write: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let under_way = self.inner.writes.begin();
        let task = async move {
            let value = write.await;
            drop(under_way);
            value
        };
        // In the trace of its caller.
        let task = tokio::spawn(CALLER_GONE.scope(caller_gone, task).in_current_span());
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

    /// Runs a task that nobody waits for.
    pub(crate) fn in_background<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) {
        let under_way = self.inner.writes.begin();
        let task = async move {
            task.await;
            drop(under_way);
        };
        tokio::spawn(task.in_current_span());
    }

    /// Waits until no write and no login is under way. They run to their end although their callers have gone, so
    /// whoever ends the process waits for this first.
    pub async fn idle(&self) {
        let mut count = self.inner.writes.0.subscribe();
        // The sender lives in the client, so there is always one.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}
