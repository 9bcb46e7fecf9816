//! Where spans are while they are open. There are those that make traces, and no others: the log has lines alone.
//!
//! There is a library for this, a layer over the log's own spans. It does much for each time that a call is polled, and took
//! as many instructions as a tenth of a call; two kinds of spans that are named, entered and noted in need little of that.

mod open;
mod words;

use std::cell::RefCell;

use opentelemetry::{
    Context,
    propagation::TextMapPropagator as _,
    trace::{Span as _, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracer};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_core::span::Current;

use self::{
    open::{Number, Open},
    words::{Begun, Noted},
};
use super::TARGET;

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static WITHIN: RefCell<Vec<Number>> = const { RefCell::new(Vec::new()) };
}

/// Takes the spans that make traces, and hands lines on to what writes the log. That gets no spans: a registry of its own would
/// close them by name with whoever takes all spans, which is this one, where the name means another.
pub(super) struct Spans<L> {
    log: L,
    tracer: SdkTracer,
    open: Open,
}

impl<L: Subscriber> Spans<L> {
    pub(super) fn new(log: L, tracer: SdkTracer) -> Self {
        Self {
            log,
            tracer,
            open: Open::default(),
        }
    }

    /// What a span belongs to that begins now: another of ours, or nothing.
    fn parent(&self, attributes: &Attributes<'_>) -> Context {
        let of = |number: Number| self.open.with(number, |span| span.span_context().clone());
        let context = match attributes.parent() {
            Some(parent) => of(Number::of(parent)),
            None if attributes.is_contextual() => within(|within| within.last().copied())
                .flatten()
                .and_then(of),
            None => None,
        };
        context.map_or_else(Context::new, |context| {
            Context::new().with_remote_span_context(context)
        })
    }

    /// Begins a span that makes a trace.
    fn begin(&self, attributes: &Attributes<'_>) -> Id {
        let mut begun = Begun::new(attributes.metadata());
        attributes.record(&mut begun);
        let parent = match begun.parent.take() {
            Some(text) => {
                TraceContextPropagator::new().extract_with_context(&Context::new(), &text)
            }
            None => self.parent(attributes),
        };
        let span = self.tracer.build_with_context(begun.span, &parent);
        self.open.keep(attributes.metadata(), span).id()
    }
}

/// What `look` finds among the spans that this thread is in; nothing in a thread that is at its end.
fn within<T>(look: impl FnOnce(&mut Vec<Number>) -> T) -> Option<T> {
    WITHIN
        .try_with(|within| look(&mut within.borrow_mut()))
        .ok()
}

/// Whether this makes traces.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

impl<L: Subscriber> Subscriber for Spans<L> {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.log.on_register_dispatch(dispatch);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) {
            Interest::always()
        } else if metadata.is_span() {
            Interest::never()
        } else {
            self.log.register_callsite(metadata)
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) || !metadata.is_span() && self.log.enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let log = self.log.max_level_hint()?;
        Some(log.max(LevelFilter::INFO))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let metadata = attributes.metadata();
        if is_ours(metadata) {
            return self.begin(attributes);
        }
        Number::NOBODYS.id()
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.open.with(Number::of(span), |span| {
            if span.is_recording() {
                values.record(&mut Noted(span));
            }
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.log.event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.log.event(event);
    }

    fn enter(&self, span: &Id) {
        let number = Number::of(span);
        if number != Number::NOBODYS {
            within(|within| within.push(number));
        }
    }

    fn exit(&self, span: &Id) {
        let number = Number::of(span);
        within(|within| {
            if let Some(place) = within.iter().rposition(|one| *one == number) {
                within.remove(place);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.open.hold(Number::of(span));
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let ended = self.open.release(Number::of(&span));
        // Its end is now, and it is on its way to the collector.
        ended.map(|mut span| span.end()).is_some()
    }

    fn current_span(&self) -> Current {
        let innermost = within(|within| within.last().copied()).flatten();
        let known = innermost.and_then(|number| Some((number, self.open.metadata(number)?)));
        known.map_or_else(Current::none, |(number, metadata)| {
            Current::new(number.id(), metadata)
        })
    }
}

#[cfg(test)]
mod tests;
