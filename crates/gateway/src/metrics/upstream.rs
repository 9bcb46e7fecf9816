//! What is counted of the calls to the vendor.

use std::sync::OnceLock;

use openfinance::{
    Unsettled,
    observe::{
        self, Drift, Ended, Event, LoginEnding, RequestIdState, RetryCause, Route, Settlement,
        Sighting,
    },
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{Durations, counted, durations};

/// What is counted of the calls to the vendor.
#[derive(Debug)]
pub(super) struct Upstream {
    requests: Durations<Request>,
    active: Family<Method, Gauge>,
    usual: Box<[Usual]>,
    retries: Family<Retry, Counter>,
    logins: Family<Outcome, Counter>,
    request_ids: Family<State, Counter>,
    intents: Family<Outcome, Counter>,
    intents_open: Gauge,
    intents_overdue: Gauge,
    read_backs: Family<ReadBack, Counter>,
    drift: Family<Place, Counter>,
}

/// The figures of an operation that nearly every request of it changes, so that they are not looked for each time.
#[derive(Debug)]
struct Usual {
    operation: &'static str,
    active: OnceLock<Gauge>,
    /// Of those with the status 200. Like every series, it is there from the first on.
    answered: OnceLock<Histogram>,
}

/// What tells the durations of requests apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    http_request_method: &'static str,
    url_template: &'static str,
    http_response_status_code: Option<u32>,
    error_type: ErrorType,
}

/// What OpenTelemetry calls the type of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ErrorType {
    None,
    Status(u16),
    Word(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    http_request_method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Retry {
    operation: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadBack {
    operation: &'static str,
    finding: &'static str,
}

/// A place in the vendor's document that answers have left.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    operation: &'static str,
    kind: &'static str,
    pointer: &'static str,
}

impl EncodeLabelValue for ErrorType {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        match self {
            Self::None => "".encode(encoder),
            Self::Status(status) => u32::from(*status).encode(encoder),
            Self::Word(word) => word.encode(encoder),
        }
    }
}

impl Usual {
    fn of(operation: &'static str) -> Self {
        Self {
            operation,
            active: OnceLock::new(),
            answered: OnceLock::new(),
        }
    }
}

impl Request {
    fn new(route: Route, ended: Ended) -> Self {
        // A hostile vendor has 900 statuses to choose from.
        let known = ended.status.filter(|status| {
            http::StatusCode::from_u16(*status).is_ok_and(|code| code.canonical_reason().is_some())
        });
        let error_type = match (ended.error, known) {
            (Some(error), _) => ErrorType::Word(error.as_str()),
            (None, Some(status)) if status >= 400 => ErrorType::Status(status),
            (None, Some(_)) => ErrorType::None,
            (None, None) => ErrorType::Word("_OTHER"),
        };
        Self {
            operation: route.operation,
            http_request_method: route.method,
            url_template: route.template,
            http_response_status_code: known.map(u32::from),
            error_type,
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        let retries = observe::operations().flat_map(|operation| {
            RetryCause::ALL.iter().map(move |cause| Retry {
                operation,
                cause: cause.as_str(),
            })
        });
        let read_backs = observe::creates().flat_map(|operation| {
            Sighting::ALL.iter().map(move |sighting| ReadBack {
                operation,
                finding: sighting.as_str(),
            })
        });
        let logins = LoginEnding::ALL.iter().map(|ending| Outcome {
            outcome: ending.as_str(),
        });
        let request_ids = RequestIdState::ALL.iter().map(|state| State {
            state: state.as_str(),
        });
        let intents = Settlement::ALL.iter().map(|settlement| Outcome {
            outcome: settlement.as_str(),
        });
        Self {
            requests: durations(),
            active: Family::default(),
            usual: observe::operations().map(Usual::of).collect(),
            retries: counted(retries),
            logins: counted(logins),
            request_ids: counted(request_ids),
            intents: counted(intents),
            intents_open: Gauge::default(),
            intents_overdue: Gauge::default(),
            read_backs: counted(read_backs),
            drift: Family::default(),
        }
    }
}

impl Upstream {
    /// Counts what a client tells of itself.
    pub(super) fn notice(&self, event: Event) {
        match event {
            Event::AttemptBegan(route) => self.active(route, |active| active.inc()),
            Event::AttemptEnded(route, ended) => {
                self.active(route, |active| active.dec());
                self.request(route, ended);
            }
            Event::Retried(Route { operation, .. }, cause) => {
                let cause = cause.as_str();
                let retry = Retry { operation, cause };
                self.retries.get_or_create(&retry).inc();
            }
            Event::LoggedIn(ending) => {
                let outcome = ending.as_str();
                self.logins.get_or_create(&Outcome { outcome }).inc();
            }
            Event::RequestId(state) => {
                let state = state.as_str();
                self.request_ids.get_or_create(&State { state }).inc();
            }
            Event::Settled(settlement) => {
                let outcome = settlement.as_str();
                self.intents.get_or_create(&Outcome { outcome }).inc();
            }
            Event::Unsettled(Unsettled { count, overdue, .. }) => {
                let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
                self.intents_open.set(number(count));
                self.intents_overdue.set(number(overdue));
            }
            Event::ReadBack(Route { operation, .. }, sighting) => {
                let finding = sighting.as_str();
                let read_back = ReadBack { operation, finding };
                self.read_backs.get_or_create(&read_back).inc();
            }
            Event::Drifted(Route { operation, .. }, Drift { kind, pointer }) => {
                let kind = kind.as_str();
                let place = Place {
                    operation,
                    kind,
                    pointer,
                };
                // Once for each place since the start: what goes on is counted.
                if self.drift.get_or_create(&place).inc() == 0 {
                    tracing::warn!(
                        operation,
                        kind,
                        pointer,
                        "the vendor's answers leave our document here"
                    );
                }
            }
        }
    }

    fn usual(&self, route: Route) -> Option<&Usual> {
        let mut usual = self.usual.iter();
        usual.find(|usual| usual.operation == route.operation)
    }

    fn active(&self, route: Route, change: impl FnOnce(&Gauge) -> i64) {
        let active = || {
            let method = Method {
                http_request_method: route.method,
            };
            self.active.get_or_create_owned(&method)
        };
        match self.usual(route) {
            Some(usual) => change(usual.active.get_or_init(active)),
            None => change(&active()),
        };
    }

    fn request(&self, route: Route, ended: Ended) {
        let took = ended.took.as_secs_f64();
        let request = || {
            let request = Request::new(route, ended);
            self.requests.get_or_create_owned(&request)
        };
        match self.usual(route) {
            Some(usual) if ended.status == Some(200) && ended.error.is_none() => {
                usual.answered.get_or_init(request).observe(took);
            }
            Some(_) | None => request().observe(took),
        }
    }

    /// All of it, for a scrape. `address` is where the vendor is.
    pub(super) fn register(&self, registry: &mut Registry, address: String) {
        let Self {
            requests,
            active,
            usual: _,
            retries,
            logins,
            request_ids,
            intents,
            intents_open,
            intents_overdue,
            read_backs,
            drift,
        } = self;
        let http = registry.sub_registry_with_label(("server_address".into(), address.into()));
        http.register_with_unit(
            "http_client_request_duration",
            "Duration of the requests to the vendor, each attempt by itself",
            Unit::Seconds,
            requests.clone(),
        );
        http.register(
            "http_client_active_requests",
            "Requests to the vendor that are under way",
            active.clone(),
        );
        registry.register(
            "openfinance_upstream_retries",
            "Requests that went out once more, by what made that necessary",
            retries.clone(),
        );
        registry.register(
            "openfinance_logins",
            "Logins at the vendor, by what they came to",
            logins.clone(),
        );
        registry.register(
            "openfinance_request_ids",
            "What happened to the request ids of callers",
            request_ids.clone(),
        );
        registry.register(
            "openfinance_intents",
            "Creates that were noted before they were sent, by what settled them",
            intents.clone(),
        );
        registry.register(
            "openfinance_intents_open",
            "Noted creates that were not settled at the latest look of this replica",
            intents_open.clone(),
        );
        registry.register(
            "openfinance_intents_overdue",
            "Those of them that were sent longer ago than a call may be at work on them",
            intents_overdue.clone(),
        );
        registry.register(
            "openfinance_read_backs",
            "Looks for records whose create had lost its answer, by what they have shown",
            read_backs.clone(),
        );
        registry.register(
            "openfinance_upstream_drift",
            "Answers of the vendor that leave our document, by the place in it; never by what was answered",
            drift.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openfinance::observe::{AttemptError, Observer as _, RetryCause};

    use super::*;
    use crate::metrics::Metrics;

    const ROUTE: Route = Route {
        operation: "GetCustomer",
        method: "GET",
        template: "/aggregation/v1/customers/{customerId}",
    };

    fn ended(status: Option<u16>, error: Option<AttemptError>) -> Event {
        let took = Duration::from_millis(3);
        Event::AttemptEnded(
            ROUTE,
            Ended {
                status,
                error,
                took,
            },
        )
    }

    #[test]
    fn requests_are_counted_by_operation_status_and_error() {
        let metrics = Metrics::new();
        for event in [
            Event::AttemptBegan(ROUTE),
            ended(Some(200), None),
            Event::AttemptBegan(ROUTE),
            ended(Some(503), None),
            Event::Retried(ROUTE, RetryCause::Failure),
            Event::AttemptBegan(ROUTE),
            ended(None, Some(AttemptError::NotConnected)),
            Event::AttemptBegan(ROUTE),
        ] {
            metrics.notice(event);
        }
        let text = metrics.text();
        let count = "http_client_request_duration_seconds_count{server_address=\"test\",operation=\"GetCustomer\",\
                     http_request_method=\"GET\",url_template=\"/aggregation/v1/customers/{customerId}\",";
        for (labels, times) in [
            ("http_response_status_code=\"200\",error_type=\"\"", 1),
            ("http_response_status_code=\"503\",error_type=\"503\"", 1),
            (
                "http_response_status_code=\"\",error_type=\"not_connected\"",
                1,
            ),
        ] {
            let line = format!("{count}{labels}}} {times}");
            assert!(text.contains(&line), "{line}\n{text}");
        }
        let active =
            "http_client_active_requests{server_address=\"test\",http_request_method=\"GET\"} 1";
        assert!(text.contains(active), "{text}");
        let retried =
            "openfinance_upstream_retries_total{operation=\"GetCustomer\",cause=\"failure\"} 1";
        assert!(text.contains(retried), "{text}");
    }

    #[test]
    fn statuses_that_nobody_has_registered_make_one_series() {
        let metrics = Metrics::new();
        for status in 600..=999 {
            metrics.notice(ended(Some(status), None));
        }
        let text = metrics.text();
        let series = text
            .lines()
            .filter(|line| line.starts_with("http_client_request_duration_seconds_count"));
        assert_eq!(series.count(), 1, "{text}");
    }
}
