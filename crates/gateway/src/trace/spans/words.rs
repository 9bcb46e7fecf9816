//! What spans are given, as OpenTelemetry has it.

use std::fmt;

use opentelemetry::{
    KeyValue,
    propagation::Extractor,
    trace::{Span as _, SpanBuilder, SpanKind, Status},
};
use opentelemetry_sdk::trace::Span;
use tracing::{
    Metadata,
    field::{Field, Visit},
};

use crate::trace::PARENT;

/// The names of what is no attribute.
const NAME: &str = "otel.name";
const KIND: &str = "otel.kind";
const STATUS: &str = "otel.status_code";

/// How many attributes a span is given, at most.
const ATTRIBUTES: usize = 8;

/// A caller's word for the trace that its call belongs to.
pub(super) struct Parent(String);

impl Extractor for Parent {
    fn get(&self, key: &str) -> Option<&str> {
        (key == PARENT).then_some(&self.0)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// A span that is about to begin.
pub(super) struct Begun {
    pub(super) span: SpanBuilder,
    /// What its caller says it belongs to.
    pub(super) parent: Option<Parent>,
}

impl Begun {
    pub(super) fn new(metadata: &Metadata<'static>) -> Self {
        let span = SpanBuilder::from_name(metadata.name());
        Self {
            span: span.with_attributes(Vec::with_capacity(ATTRIBUTES)),
            parent: None,
        }
    }
}

impl Visit for Begun {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            NAME => self.span.name = value.to_owned().into(),
            KIND => {
                self.span.span_kind = Some(match value {
                    "server" => SpanKind::Server,
                    "client" => SpanKind::Client,
                    _ => SpanKind::Internal,
                });
            }
            PARENT => self.parent = Some(Parent(value.to_owned())),
            name => {
                let attributes = self.span.attributes.get_or_insert_default();
                attributes.push(KeyValue::new(name, value.to_owned()));
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A span that something is noted in.
pub(super) struct Noted<'a>(pub(super) &'a mut Span);

impl Visit for Noted<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            STATUS => self.0.set_status(Status::error("")),
            name => self.0.set_attribute(KeyValue::new(name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
