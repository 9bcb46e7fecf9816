//! Spans, beside a log that writes to memory. All are of the level that every test's log has: with fewer levels elsewhere, a
//! thread may have finer ones taken from it for a moment.

use std::{
    io,
    sync::{Arc, Mutex},
};

use opentelemetry::trace::{SpanId, Status, TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tracing::{Instrument as _, Span, field::Empty};

use super::*;

/// Where lines and spans go.
#[derive(Clone, Debug, Default)]
struct Told {
    lines: Arc<Mutex<Vec<u8>>>,
    spans: Arc<Mutex<Vec<SpanData>>>,
}

impl Told {
    /// What takes the spans of a thread, and its lines.
    fn taker(&self) -> impl Subscriber + use<> {
        let lines = self.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || lines.clone());
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(self.clone())
            .build();
        Spans::new(log.finish(), provider.tracer("test"))
    }

    fn lines(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }

    /// The span that has ended and has this name.
    fn span(&self, name: &str) -> Option<SpanData> {
        let spans = self.spans.lock().unwrap();
        spans.iter().find(|span| span.name == name).cloned()
    }
}

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn ours(name: &'static str) -> Span {
    tracing::info_span!(target: TARGET, "ours", otel.name = name, otel.status_code = Empty, later = Empty)
}

#[test]
fn the_log_has_lines_and_no_spans() {
    let told = Told::default();
    tracing::subscriber::with_default(told.taker(), || {
        let _call = ours("call").entered();
        let library = tracing::info_span!("library", size = 3).entered();
        assert!(library.is_disabled());
        tracing::info!("a line");
    });
    let lines = told.lines();
    assert!(
        lines.contains("INFO openfinance_gateway::trace::spans::tests: a line"),
        "{lines}"
    );
}

#[test]
fn a_span_belongs_to_the_one_around_it_in_whatever_thread_and_leaves_when_nobody_holds_it() {
    let told = Told::default();
    let dispatch = Dispatch::new(told.taker());
    let call = tracing::dispatcher::with_default(&dispatch, || ours("call"));
    let held = call.clone();
    let other = dispatch.clone();
    let inside = || {
        let _library = tracing::info_span!("library").entered();
        drop(ours("child"));
        Span::current()
    };
    std::thread::spawn(move || {
        tracing::dispatcher::with_default(&other, || {
            call.in_scope(inside);
            drop(ours("stranger"));
            let current = call.in_scope(Span::current);
            assert_eq!(current.id(), call.id());
            assert!(Span::current().is_none());
        });
    })
    .join()
    .unwrap();
    assert!(told.span("call").is_none());
    drop(held);
    let call = told.span("call").unwrap();
    let child = told.span("child").unwrap();
    assert_eq!(child.parent_span_id, call.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), call.span_context.trace_id());
    assert!(child.start_time >= call.start_time && child.end_time <= call.end_time);
    let stranger = told.span("stranger").unwrap();
    assert_eq!(stranger.parent_span_id, SpanId::INVALID);
    assert_ne!(
        stranger.span_context.trace_id(),
        call.span_context.trace_id()
    );
}

#[tokio::test]
async fn futures_that_take_turns_are_each_in_their_own_trace() {
    let told = Told::default();
    let guard = tracing::subscriber::set_default(told.taker());
    let work = async |name: &'static str| {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        drop(ours(name));
    };
    tokio::join!(
        work("child of one").instrument(ours("one")),
        work("child of two").instrument(ours("two")),
        work("child of none"),
    );
    drop(guard);
    let parent = |name: &str| told.span(name).unwrap().parent_span_id;
    let id = |name: &str| told.span(name).unwrap().span_context.span_id();
    assert_eq!(parent("child of one"), id("one"));
    assert_eq!(parent("child of two"), id("two"));
    assert_eq!(parent("child of none"), SpanId::INVALID);
}

#[test]
fn what_is_noted_in_a_span_leaves_with_it() {
    let told = Told::default();
    tracing::subscriber::with_default(told.taker(), || {
        let span = ours("call");
        span.record("later", "word");
        span.record("otel.status_code", "ERROR");
    });
    let span = told.span("call").unwrap();
    assert_eq!(span.status, Status::error(""));
    let attributes: Vec<_> = span.attributes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(attributes, ["later"]);
}
