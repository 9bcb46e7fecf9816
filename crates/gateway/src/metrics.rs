//! What is counted, under the names of OpenTelemetry as Prometheus writes them, and our own where it has none.
//!
//! Every label has a closed list of values: methods of the contract, operations of the vendor's document, reasons, and
//! words of ours. Neither a caller nor the vendor can make a series up.

mod exposition;
mod port;
mod standing;
mod upstream;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use openfinance::observe::{Event, Observer};
use openfinance_rpc::code_name;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tonic::Code;

use self::upstream::Upstream;
pub(crate) use self::{
    exposition::Exposition,
    port::{Connections, Cut, Refused},
};
use crate::{
    method::Called,
    reason::{Reason, catalogue::Severity},
};

/// Everything that is counted. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    calls: Durations<Call>,
    /// Of the calls that were served, by the number of their method, so that they are not looked for each time. Like every
    /// series, each is there from the first on.
    served: Box<[OnceLock<Histogram>]>,
    failures: Family<Failed, Counter>,
    open: Gauge,
    at_vendor: Gauge,
    waiting: Gauge,
    unknown_customer_types: Counter,
    preflights: Family<Preflight, Counter>,
    connections: Connections,
    upstream: Upstream,
}

/// Durations, told apart by labels.
type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// What tells the durations of calls apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    rpc_system_name: &'static str,
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
}

/// What tells failures apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    rpc_method: &'static str,
    reason: &'static str,
}

/// What tells the questions of browsers apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Preflight {
    origin: &'static str,
}

/// Where the page is from for which a browser asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// From an origin that the settings name: it may call.
    Named,
    /// From another.
    Other,
}

impl Page {
    const ALL: [Self; 2] = [Self::Named, Self::Other];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Other => "other",
        }
    }
}

/// The bounds that OpenTelemetry's conventions give for the duration of calls, in seconds.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

fn durations<L: Clone + std::hash::Hash + Eq>() -> Durations<L> {
    Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram)
}

/// The failures of which a single one wakes somebody are there from the start, with none of them counted: an increase is
/// seen only of a series that was there before it.
fn failures() -> Family<Failed, Counter> {
    let failures = Family::default();
    let waking = Reason::ALL
        .iter()
        .filter(|reason| reason.entry().severity == Severity::Defect);
    for reason in waking {
        for rpc_method in Called::names() {
            let reason = reason.as_str();
            let _ = failures.get_or_create(&Failed { rpc_method, reason });
        }
    }
    failures
}

/// A counter for each of these labels, at zero: the increase from none to one is seen only of a series that is there.
fn counted<L>(labels: impl Iterator<Item = L>) -> Family<L, Counter>
where
    L: Clone + std::hash::Hash + Eq,
{
    let family = Family::default();
    for label in labels {
        let _ = family.get_or_create(&label);
    }
    family
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            calls: durations(),
            served: Called::names().map(|_| OnceLock::new()).collect(),
            failures: failures(),
            open: Gauge::default(),
            at_vendor: Gauge::default(),
            waiting: Gauge::default(),
            unknown_customer_types: Counter::default(),
            preflights: counted(Page::ALL.into_iter().map(|page| Preflight {
                origin: page.as_str(),
            })),
            connections: Connections::default(),
            upstream: Upstream::default(),
        }
    }
}

/// A call that has not ended, until this is dropped.
pub(crate) struct Open(Metrics);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Counts a call that has come in.
    pub(crate) fn begin(&self) -> Open {
        self.0.open.inc();
        Open(self.clone())
    }

    /// Counts a call, and why it failed, if it did.
    pub(crate) fn call(&self, called: Called, code: Code, reason: Option<Reason>, took: Duration) {
        let figures = &*self.0;
        let calls = || {
            let call = Call {
                rpc_system_name: "grpc",
                rpc_method: called.name,
                rpc_response_status_code: code_name(code),
            };
            figures.calls.get_or_create_owned(&call)
        };
        match figures.served.get(called.number) {
            Some(served) if code == Code::Ok => {
                served.get_or_init(calls).observe(took.as_secs_f64())
            }
            Some(_) | None => calls().observe(took.as_secs_f64()),
        }
        if let Some(reason) = reason {
            let failed = Failed {
                rpc_method: called.name,
                reason: reason.as_str(),
            };
            figures.failures.get_or_create(&failed).inc();
        }
    }

    /// How many calls have a place at the vendor.
    pub(crate) fn calls_in_flight(&self) -> &Gauge {
        &self.0.at_vendor
    }

    /// How many calls wait for one.
    pub(crate) fn calls_waiting(&self) -> &Gauge {
        &self.0.waiting
    }

    /// What is counted of connections.
    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// Counts a customer whose type this version does not know.
    pub(crate) fn unknown_customer_type(&self) {
        self.0.unknown_customer_types.inc();
    }

    /// Counts the question of a browser whether this page may call.
    pub(crate) fn preflight(&self, page: Page) {
        let origin = page.as_str();
        let preflights = &self.0.preflights;
        preflights.get_or_create(&Preflight { origin }).inc();
    }

    /// All that is counted on the gRPC port, for a scrape.
    fn register(&self, registry: &mut Registry) {
        let Figures {
            calls,
            served: _,
            failures,
            open,
            at_vendor,
            waiting,
            unknown_customer_types,
            preflights,
            connections,
            upstream: _,
        } = &*self.0;
        connections.register(registry);
        registry.register_with_unit(
            "rpc_server_call_duration",
            "Duration of the calls that the gateway served",
            Unit::Seconds,
            calls.clone(),
        );
        registry.register(
            "openfinance_call_failures",
            "Calls that failed, by the reason in their status",
            failures.clone(),
        );
        registry.register(
            "openfinance_calls_open",
            "Calls that came in on the gRPC port and have not ended",
            open.clone(),
        );
        registry.register(
            "openfinance_calls_in_flight",
            "Calls that have a place at the vendor",
            at_vendor.clone(),
        );
        registry.register(
            "openfinance_calls_waiting",
            "Calls that wait for a place at the vendor",
            waiting.clone(),
        );
        registry.register(
            "openfinance_unknown_customer_types",
            "Customers read whose type this version does not know",
            unknown_customer_types.clone(),
        );
        registry.register(
            "openfinance_preflights",
            "Questions of browsers whether a page may call, by whether grpc.web_origins names its origin",
            preflights.clone(),
        );
    }
}

impl Observer for Metrics {
    fn notice(&self, event: Event) {
        self.0.upstream.notice(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "openfinance.v1.CustomerService/GetCustomer";
    const PATH: &str = "/openfinance.v1.CustomerService/GetCustomer";

    #[test]
    fn calls_are_counted_by_method_and_code_and_failures_by_reason() {
        let metrics = Metrics::new();
        let reason = Some(Reason::CustomerNotFound);
        let called = Called::at(PATH);
        metrics.call(called, Code::NotFound, reason, Duration::from_millis(20));
        let text = metrics.text();
        let line = "rpc_server_call_duration_seconds_count{rpc_system_name=\"grpc\",\
                    rpc_method=\"openfinance.v1.CustomerService/GetCustomer\",rpc_response_status_code=\"NOT_FOUND\"} 1";
        assert!(text.contains(line), "{text}");
        let line = "openfinance_call_failures_total{rpc_method=\"openfinance.v1.CustomerService/GetCustomer\",\
                    reason=\"CUSTOMER_NOT_FOUND\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("openfinance_unknown_customer_types_total 0"),
            "{text}"
        );
    }

    #[test]
    fn failures_that_wake_somebody_are_there_before_the_first() {
        let text = Metrics::new().text();
        for reason in Reason::ALL {
            let defect = reason.entry().severity == Severity::Defect;
            for method in [METHOD, "grpc.health.v1.Health/Check", "_OTHER"] {
                let line = format!(
                    "openfinance_call_failures_total{{rpc_method=\"{method}\",reason=\"{}\"}} 0\n",
                    reason.as_str()
                );
                assert_eq!(text.contains(&line), defect, "{line}");
            }
        }
    }

    #[test]
    fn questions_of_browsers_are_counted_by_whether_their_page_may_call_and_from_zero() {
        let metrics = Metrics::new();
        metrics.preflight(Page::Other);
        let text = metrics.text();
        for line in [
            "openfinance_preflights_total{origin=\"named\"} 0\n",
            "openfinance_preflights_total{origin=\"other\"} 1\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_call_is_open_until_it_has_ended() {
        let metrics = Metrics::new();
        let (one, other) = (metrics.begin(), metrics.begin());
        drop(one);
        let line = "openfinance_calls_open 1\n";
        assert!(metrics.text().contains(line));
        drop(other);
        assert!(!metrics.text().contains(line));
    }
}
