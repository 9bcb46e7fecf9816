//! How far the state file has come, and waiting for it.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::not_durable;

/// How far the writer has come.
#[derive(Default)]
pub(crate) struct Progress {
    reached: watch::Sender<Reached>,
    /// For threads that wait without a runtime.
    turnstile: Mutex<()>,
    advanced: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Reached {
    /// The number of the last batch that is on disk.
    number: u64,
    /// Whether that is as far as it goes.
    failed: bool,
}

impl Reached {
    /// Whether a batch is on disk; `None` if that is open.
    fn has(self, number: u64) -> Option<io::Result<()>> {
        if self.number >= number {
            Some(Ok(()))
        } else {
            self.failed.then(|| Err(not_durable()))
        }
    }
}

/// A ticket of whoever tells what the state holds: it is good once all of that is on disk.
pub(crate) struct Durable(Option<(Arc<Progress>, u64)>);

/// Fails all tickets if the writer panics, so that nobody waits for ever.
pub(super) struct FailOnPanic(Arc<Progress>);

impl Progress {
    pub(super) fn reach(&self, number: u64) {
        self.tell(|reached| reached.number = number);
    }

    pub(super) fn fail(&self) {
        self.tell(|reached| reached.failed = true);
    }

    pub(super) fn fail_on_panic(self: &Arc<Self>) -> FailOnPanic {
        FailOnPanic(Arc::clone(self))
    }

    fn tell(&self, change: impl FnOnce(&mut Reached)) {
        self.reached.send_modify(change);
        // Whoever looked before this waits by now, and is woken.
        drop(
            self.turnstile
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.advanced.notify_all();
    }
}

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

impl Durable {
    /// Nothing to wait for.
    pub(crate) fn already() -> Self {
        Self(None)
    }

    pub(super) fn of(progress: &Arc<Progress>, number: u64) -> Self {
        let reached = progress.reached.borrow().number >= number;
        Self((!reached).then(|| (Arc::clone(progress), number)))
    }

    /// Waits until it is on disk.
    ///
    /// # Errors
    /// It never will be.
    pub(crate) async fn wait(self) -> io::Result<()> {
        let Some((progress, number)) = self.0 else {
            return Ok(());
        };
        let mut reached = progress.reached.subscribe();
        let reached = reached.wait_for(|reached| reached.has(number).is_some());
        // The sender is alive, since the ticket holds it.
        let reached = reached.await.map_err(|_| not_durable())?;
        reached.has(number).unwrap_or_else(|| Err(not_durable()))
    }

    /// Waits until it is on disk, and the thread with it.
    ///
    /// # Errors
    /// It never will be.
    pub(crate) fn wait_blocking(self) -> io::Result<()> {
        let Some((progress, number)) = self.0 else {
            return Ok(());
        };
        let turnstile = &progress.turnstile;
        let mut guard = turnstile.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let reached = *progress.reached.borrow();
            if let Some(outcome) = reached.has(number) {
                return outcome;
            }
            let woken = progress.advanced.wait(guard);
            guard = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn tickets_are_good_once_their_batch_is_reached() {
        let progress = Arc::new(Progress::default());
        let waiting: Vec<_> = (1..=3)
            .map(|number| Durable::of(&progress, number))
            .collect();
        let blocking = Durable::of(&progress, 3);
        let blocking = thread::spawn(|| blocking.wait_blocking());
        let writer = Arc::clone(&progress);
        let writer = thread::spawn(move || (1..=3).for_each(|number| writer.reach(number)));
        for ticket in waiting {
            ticket.wait().await.unwrap();
        }
        writer.join().unwrap();
        blocking.join().unwrap().unwrap();
        Durable::of(&progress, 2).wait().await.unwrap();
    }

    #[tokio::test]
    async fn after_a_panic_of_the_writer_no_ticket_waits_for_ever() {
        let progress = Arc::new(Progress::default());
        progress.reach(1);
        let (early, late) = (Durable::of(&progress, 1), Durable::of(&progress, 2));
        let writer = Arc::clone(&progress);
        let writer = thread::spawn(move || {
            let _failing = writer.fail_on_panic();
            panic!("as a broken file might have it");
        });
        assert!(writer.join().is_err());
        assert!(late.wait().await.is_err());
        assert!(Durable::of(&progress, 3).wait_blocking().is_err());
        assert!(early.wait_blocking().is_ok());
        assert!(Durable::already().wait().await.is_ok());
    }
}
