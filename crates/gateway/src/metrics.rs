//! What is counted, under the names of OpenTelemetry as Prometheus writes them.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tonic::Code;

/// Everything that is counted. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    calls: Family<Call, Histogram, fn() -> Histogram>,
    unknown_customer_types: Counter,
    /// Calls that have a place at the vendor.
    pub(crate) calls_in_flight: Gauge,
    /// Calls that wait for one.
    pub(crate) calls_waiting: Gauge,
}

/// What tells the durations of calls apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    rpc_system_name: &'static str,
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
}

/// The bounds that OpenTelemetry's conventions give for the duration of calls, in seconds.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let calls = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        let help = "Duration of the calls that the gateway served";
        registry.register_with_unit(
            "rpc_server_call_duration",
            help,
            Unit::Seconds,
            calls.clone(),
        );
        let unknown_customer_types = Counter::default();
        let help = "Customers read whose type this version does not know";
        registry.register(
            "openfinance_unknown_customer_types",
            help,
            unknown_customer_types.clone(),
        );
        let calls_in_flight = Gauge::default();
        let help = "Calls that have a place at the vendor";
        registry.register("openfinance_calls_in_flight", help, calls_in_flight.clone());
        let calls_waiting = Gauge::default();
        let help = "Calls that wait for a place at the vendor";
        registry.register("openfinance_calls_waiting", help, calls_waiting.clone());
        Self {
            registry: Arc::new(registry),
            calls,
            unknown_customer_types,
            calls_in_flight,
            calls_waiting,
        }
    }

    /// Counts a call of the method with this name.
    pub(crate) fn call(&self, method: &'static str, code: Code, took: Duration) {
        let call = Call {
            rpc_system_name: "grpc",
            rpc_method: method,
            rpc_response_status_code: code_name(code),
        };
        self.calls.get_or_create(&call).observe(took.as_secs_f64());
    }

    /// Counts a customer whose type this version does not know.
    pub(crate) fn unknown_customer_type(&self) {
        self.unknown_customer_types.inc();
    }

    /// All figures, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The name of a code, as the protocol writes it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let metrics = Metrics::new();
        metrics.call(
            "openfinance.v1.CustomerService/GetCustomer",
            Code::NotFound,
            Duration::from_millis(20),
        );
        let text = metrics.text();
        let line = "rpc_server_call_duration_seconds_count{rpc_system_name=\"grpc\",\
                    rpc_method=\"openfinance.v1.CustomerService/GetCustomer\",rpc_response_status_code=\"NOT_FOUND\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("openfinance_unknown_customer_types_total 0"),
            "{text}"
        );
    }
}
