//! What takes spans to the collector, and says once when it can't and once when it can again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// An exporter whose failures are told when they begin and when they end. A line for each batch would be one every five
/// seconds, for as long as the collector is away.
#[derive(Debug)]
pub(super) struct Sender<E> {
    inner: E,
    fails: AtomicBool,
}

impl<E> Sender<E> {
    pub(super) fn new(inner: E) -> Self {
        Self {
            inner,
            fails: AtomicBool::new(false),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Sender<E> {
    /// Never fails: whoever hears of a failure would tell it too. The spans are lost all the same.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.inner.export(batch).await;
        let failed_before = self.fails.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !failed_before => {
                let error = error.to_string();
                tracing::warn!(error, spans, "traces can't be sent, and spans are lost");
            }
            Ok(()) if failed_before => tracing::info!("traces are sent again"),
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    /// A collector that answers as it is told, batch by batch.
    #[derive(Debug)]
    struct Moody(Mutex<Vec<bool>>);

    impl SpanExporter for Moody {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            match self.0.lock().unwrap().remove(0) {
                true => Ok(()),
                false => Err(OTelSdkError::InternalFailure("away".to_owned())),
            }
        }
    }

    #[tokio::test]
    async fn a_collector_that_goes_and_comes_back_makes_two_lines() {
        let sender = Sender::new(Moody(Mutex::new(vec![
            true, false, false, false, true, true, false,
        ])));
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Lines(Arc::clone(&writer)))
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let mut lines = Vec::new();
        for _ in 0..7 {
            sender.export(Vec::new()).await.unwrap();
            let text = String::from_utf8(std::mem::take(&mut *log.lock().unwrap())).unwrap();
            lines.push(text.lines().count());
        }
        drop(guard);
        assert_eq!(lines, [0, 1, 0, 0, 1, 0, 1]);
    }

    /// Where a log may be written.
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
