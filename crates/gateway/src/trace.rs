//! Traces: spans of calls and of the requests that they make, sent by OTLP where the standard variables name a collector.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, turns them on. The exporter and the sampler read
//! the other `OTEL_*` variables themselves. Spans hold methods, templates of paths, codes and reasons, and nothing of a
//! record. Whatever is wrong with the collector, no call waits for it: spans are dropped.

mod sender;
mod spans;

use std::time::Duration;

use http::HeaderMap;
use openfinance_rpc::code_name;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    SpanExporter, WithTonicConfig as _, tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tonic::Code;
use tracing::{Span, Subscriber, field::Empty};

use self::{sender::Sender, spans::Spans};
use crate::reason::Reason;

/// The target of all spans that make traces. Nothing else has it, and the log leaves it out.
pub(crate) const TARGET: &str = openfinance::observe::SPAN_TARGET;

/// How long the last spans may take to leave when the gateway stops.
const FLUSH: Duration = Duration::from_secs(2);
/// The header by which a caller says which trace its call belongs to, and the longest that is looked at: it has 55
/// characters. Of `tracestate` nothing is taken over: whatever a caller writes there would leave with the spans.
const PARENT: &str = "traceparent";
const LONGEST: usize = 512;

/// Traces that are sent to a collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

/// Why traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TracesError {
    /// A protocol that this build does not speak.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL is {0}: this gateway sends traces as grpc only")]
    Protocol(String),
    /// The exporter can't be made of the variables.
    #[error("traces can't be sent as the OTEL_* variables say: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

impl Traces {
    /// The traces that the variables ask for; `None` if they ask for none. Needs the runtime that the exporter is to use.
    ///
    /// # Errors
    /// [`TracesError`] if they ask for what can't be had.
    pub(crate) fn of(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TracesError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let disabled =
            set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = set("OTEL_TRACES_EXPORTER");
        let endpoint = set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let wanted = match exporter.as_deref() {
            Some("otlp") => true,
            Some(_) => false,
            None => endpoint.is_some(),
        };
        if disabled || !wanted {
            return Ok(None);
        }
        let protocol = set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            .or_else(|| set("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if let Some(other) = protocol.filter(|protocol| protocol != "grpc") {
            return Err(TracesError::Protocol(other));
        }
        let mut exporter = SpanExporter::builder().with_tonic();
        if endpoint.is_some_and(|endpoint| endpoint.starts_with("https://")) {
            exporter = exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
        }
        let name = set("OTEL_SERVICE_NAME").unwrap_or_else(|| "openfinance-gateway".to_owned());
        Ok(Some(Self::sent_by(exporter.build()?, name)))
    }

    /// Traces that leave by this exporter.
    fn sent_by(exporter: SpanExporter, service_name: String) -> Self {
        let resource = Resource::builder().with_service_name(service_name).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(Sender::new(exporter))
            .build();
        Self { provider }
    }

    /// What takes the spans to the collector, and all else to what writes the log.
    pub(crate) fn beside<L: Subscriber>(&self, log: L) -> impl Subscriber + use<L> {
        Spans::new(log, self.provider.tracer("openfinance-gateway"))
    }

    /// Sends what is left, for two seconds at most.
    pub(crate) async fn stop(self) {
        let flush = move || self.provider.shutdown_with_timeout(FLUSH);
        match tokio::task::spawn_blocking(flush).await {
            // A failure has been told by what failed.
            Ok(Ok(()) | Err(_)) => {}
            Err(_) => tracing::warn!("the last traces are lost"),
        }
    }
}

/// Which trace a call belongs to, as far as a caller can say that: in digits and dashes.
fn parent(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(PARENT)?.to_str().ok()?;
    let is_one = |letter: u8| letter.is_ascii_hexdigit() || letter == b'-';
    (value.len() <= LONGEST && value.bytes().all(is_one)).then_some(value)
}

/// The span of a call of the method with this name, in the trace that its headers name where the caller is known: a stranger
/// does not choose what is recorded.
pub(crate) fn call(method: &'static str, headers: &HeaderMap, is_known: bool) -> Span {
    tracing::info_span!(
        target: TARGET,
        "call",
        // Looked at only where there is a collector.
        traceparent = if is_known { parent(headers) } else { None },
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        error.type = Empty,
        openfinance.reason = Empty,
    )
}

/// Notes how a call ended.
pub(crate) fn ended(span: &Span, code: Code, reason: Option<Reason>) {
    if span.is_disabled() {
        return;
    }
    let name = code_name(code);
    span.record("rpc.response.status_code", name);
    if let Some(reason) = reason {
        span.record("openfinance.reason", reason.as_str());
    }
    // What a caller has done wrong is no error of the server's.
    let servers_fault = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if servers_fault {
        span.record("error.type", name);
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(test)]
mod tests;
