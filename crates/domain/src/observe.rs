//! What a client tells of itself as it works, for whoever counts it: numbers, times and words of its own, never a value
//! of a record, a secret or anything that the vendor could make up.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use openfinance_rest as rest;
use tokio::time::Instant;
use tracing::{Span, field::Empty};

use crate::{
    Client, Unsettled,
    operation::{Kind, Operation},
    token::TokenAge,
};

/// The target of the spans that a client makes, one for each request that goes out. They hold the operation, the template
/// of the path and the status, and nothing of a record.
pub const SPAN_TARGET: &str = "openfinance::trace";

/// Hears of what a client does, in the middle of its work: it must be quick and must not block.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something has happened.
    fn notice(&self, event: Event);
}

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request is about to go out.
    AttemptBegan(Route),
    /// What became of that request.
    AttemptEnded(Route, Ended),
    /// A request failed in a way that allows another, and one will go out.
    Retried(Route, RetryCause),
    /// A login has ended.
    LoggedIn(LoginEnding),
    /// A request id was met, or what is done under it has come to something.
    RequestId(RequestIdState),
    /// A create that was noted before it was sent is no longer open, or has to stay so.
    Settled(Settlement),
    /// A round through the creates that were noted has ended, and these were still open.
    Unsettled(Unsettled),
    /// A record was looked for whose create had lost its answer.
    ReadBack(Route, Sighting),
    /// An answer leaves the vendor's document; told once for each place in it.
    Drifted(Route, Drift),
}

/// One way in which an answer leaves the vendor's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drift {
    /// In which way.
    pub kind: DriftKind,
    /// Where, as a JSON pointer that is made of the document and never of the answer: `*` stands for every item of a
    /// list, `_other` for every member that the document does not know.
    pub pointer: &'static str,
}

/// The operation that a request calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The vendor's name for the operation.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with names in braces where its parameters are.
    pub template: &'static str,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The status of the answer; `None` where none came.
    pub status: Option<u16>,
    /// What went wrong, where the status does not say it.
    pub error: Option<AttemptError>,
    /// How long it took, from before the connection to the last byte.
    pub took: Duration,
}

/// Defines enums that have a word for each variant, as telemetry has it.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    )*};
}

words! {
    /// What went wrong with a request, where no status says it.
    AttemptError {
        /// It can't be made of its arguments; nothing was sent.
        Unsendable = "unsendable",
        /// There was no connection; nothing was sent.
        NotConnected = "not_connected",
        /// The exchange broke off, or its time was over.
        Interrupted = "interrupted",
        /// The answer is not what the contract promises.
        Unreadable = "unreadable",
        /// Whoever wanted the answer has gone.
        Cancelled = "cancelled",
    }

    /// Why a request goes out once more.
    RetryCause {
        /// The vendor refused the token, and there is a new one.
        Token = "token",
        /// It could not be sent, broke off, or the vendor was away.
        Failure = "failure",
        /// The vendor asked to wait.
        RateLimited = "rate_limited",
    }

    /// What a login came to.
    LoginEnding {
        /// There is a new token.
        Accepted = "accepted",
        /// The vendor refused the credentials.
        Refused = "refused",
        /// It was not sent, or the vendor answered something else.
        Failed = "failed",
        /// There was no answer: it may have been refused.
        Unknown = "unknown",
    }

    /// What has happened to a request id.
    RequestIdState {
        /// It was new, and is noted.
        Begun = "begun",
        /// What another call or life had left open is taken up.
        TakenOver = "taken_over",
        /// The answer of an earlier call was told again.
        Replayed = "replayed",
        /// A call waited for the same answer as another.
        Joined = "joined",
        /// It is done, and its answer is kept.
        Done = "done",
        /// Nothing was done: a repeat starts anew.
        Released = "released",
        /// What came of it is not known yet.
        Unsettled = "unsettled",
        /// It was used for something else before.
        Reused = "reused",
        /// Another replica is still at work on it.
        Busy = "busy",
    }

    /// What a noted create came to.
    Settlement {
        /// The call that began it, or repeated it, saw it through.
        ByCall = "by_call",
        /// The background read what came of it.
        InBackground = "in_background",
        /// The background found nothing, and a repeat may start anew.
        Released = "released",
        /// It can't be told yet.
        Open = "open",
    }

    /// What looking for a record has shown.
    Sighting {
        /// It is there, and it is what was sent.
        Ours = "ours",
        /// Another one is in its place.
        Other = "other",
        /// There is none.
        Absent = "absent",
        /// It could not be read.
        Failed = "failed",
    }

    /// In which way an answer leaves the vendor's document.
    DriftKind {
        /// There is a member that the document does not know.
        UnknownMember = "unknown_member",
        /// A value is of a type that the document does not say.
        OtherType = "other_type",
        /// A member that the document requires is absent or null.
        MissingMember = "missing_member",
    }

    /// Whether calls of an operation go out.
    Circuit {
        /// They do.
        Closed = "closed",
        /// The vendor keeps failing, and for a while none does.
        Open = "open",
        /// One call tries whether the vendor is back.
        Trying = "trying",
        /// The vendor asked to wait, and none does until then.
        Limited = "limited",
    }
}

/// How a client stands at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The token in use, or the one whose time was over before there was another; `None` before the first.
    pub token: Option<TokenAge>,
    /// Whether the guard of the logins is open, so that no call goes out.
    pub guard_open: bool,
    /// How many logins have failed since one was accepted, as far as this process knows.
    pub failed_logins: u32,
    /// Whether the store could be used at the latest look.
    pub store_usable: bool,
    /// How many retries may be made now.
    pub retry_budget: f64,
    /// How many were not made because there was none left.
    pub retries_denied: u64,
    /// How many request ids this process is at work on.
    pub requests_in_flight: usize,
    /// Each operation's name, and whether its calls go out.
    pub circuits: Vec<(&'static str, Circuit)>,
}

impl Client {
    /// How this client stands now. Asks nobody.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let inner = &self.inner;
        let guard = inner.credentials.current().guard.standing();
        Standing {
            token: inner.tokens.latest(),
            guard_open: guard.open,
            failed_logins: guard.attempts,
            store_usable: self.store_usable(),
            retry_budget: inner.retries.left(),
            retries_denied: inner.retries.denied(),
            requests_in_flight: inner.flights.count(),
            circuits: inner.gates.circuits(),
        }
    }

    pub(crate) fn notice(&self, event: Event) {
        self.inner.config.observer.notice(event);
    }

    /// Tells where an answer leaves the vendor's document, whatever else becomes of it.
    pub(crate) fn notice_drift(&self, operation: Operation, answer: &rest::Answer) {
        for rest::Drift { kind, pointer } in answer.drift(operation.name()) {
            let kind = match kind {
                rest::DriftKind::UnknownMember => DriftKind::UnknownMember,
                rest::DriftKind::OtherType => DriftKind::OtherType,
                rest::DriftKind::MissingMember => DriftKind::MissingMember,
            };
            self.notice(Event::Drifted(operation.route(), Drift { kind, pointer }));
        }
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn notice(&self, _: Event) {}
}

/// A request on its way. Dropped before its end, whoever wanted the answer has gone.
pub(crate) struct Attempt<'a> {
    observer: &'a Arc<dyn Observer>,
    route: Route,
    began: Instant,
    span: Span,
    ended: bool,
}

impl<'a> Attempt<'a> {
    pub(crate) fn begin(observer: &'a Arc<dyn Observer>, operation: Operation) -> Self {
        let route = operation.route();
        observer.notice(Event::AttemptBegan(route));
        let span = tracing::info_span!(
            target: SPAN_TARGET,
            "request",
            otel.name = [route.method, route.template].join(" "),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = route.method,
            url.template = route.template,
            openfinance.operation = route.operation,
            http.response.status_code = Empty,
            error.type = Empty,
        );
        Self {
            observer,
            route,
            span,
            began: Instant::now(),
            ended: false,
        }
    }

    /// The span of this request.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn end(mut self, status: Option<u16>, error: Option<AttemptError>) {
        self.tell(status, error);
    }

    fn tell(&mut self, status: Option<u16>, error: Option<AttemptError>) {
        self.ended = true;
        if !self.span.is_disabled() {
            if let Some(status) = status {
                self.span.record("http.response.status_code", status);
            }
            match (error, status) {
                (Some(error), _) => {
                    self.span.record("error.type", error.as_str());
                    self.span.record("otel.status_code", "ERROR");
                }
                (None, Some(status)) if status >= 400 => {
                    self.span
                        .record("error.type", tracing::field::display(status));
                    self.span.record("otel.status_code", "ERROR");
                }
                (None, _) => {}
            }
        }
        let ended = Ended {
            status,
            error,
            took: self.began.elapsed(),
        };
        self.observer.notice(Event::AttemptEnded(self.route, ended));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(None, Some(AttemptError::Cancelled));
        }
    }
}

/// In the order of the operations.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let route = |operation: &Operation| {
        let operation = operation.name();
        let found = rest::OPERATIONS.iter().find(|one| one.id == operation);
        // A test sees to it that each is found.
        let (method, template) = found.map_or(("_OTHER", "_OTHER"), |one| (one.method, one.path));
        Route {
            operation,
            method,
            template,
        }
    };
    Operation::ALL.iter().map(route).collect()
});

impl Operation {
    /// How it is called.
    pub(crate) fn route(self) -> Route {
        ROUTES[self as usize]
    }
}

/// The names of all operations that a client calls.
pub fn operations() -> impl Iterator<Item = &'static str> {
    Operation::ALL.iter().map(|operation| operation.name())
}

/// The names of those that create something.
pub fn creates() -> impl Iterator<Item = &'static str> {
    let creates = |operation: &&Operation| operation.kind() == Kind::Create;
    let creates = Operation::ALL.iter().filter(creates);
    creates.map(|operation| operation.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_route_in_the_document() {
        for operation in Operation::ALL {
            assert!(operation.route().template.starts_with('/'), "{operation:?}");
        }
    }
}
