//! What a fault rule can say. [`super::Faults`] keeps rules and decides which request meets which.

use std::time::Duration;

use serde_json::Value;

use crate::operation::Operation;

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Requests to any operation; those that lead to none are not counted.
    Any,
    /// Requests to this operation.
    Operation(Operation),
}

impl Target {
    pub(crate) fn includes(self, operation: Operation) -> bool {
        match self {
            Self::Any => true,
            Self::Operation(target) => target == operation,
        }
    }
}

/// Whether the vendor did the work when the fault shows.
///
/// The caller of a request that was lost cannot tell these apart, which is how a second record comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The request was carried out; only its answer is replaced, shaped, held back or lost.
    Before,
    /// The request was not carried out, and never will be.
    Never,
    /// The request is carried out when this much virtual time has passed since it was complete. Whoever looks at the
    /// sandbox after that finds the work done; a sandbox that is reset or killed before that forgets it.
    Late(Duration),
}

/// The body of a fault's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultBody {
    /// Sent as it is, `text/plain` unless said otherwise.
    Text(String),
    /// Sent as JSON.
    Json(Value),
}

/// An answer in place of the real one.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultAnswer {
    /// 200 to 599.
    pub status: u16,
    /// Empty if absent.
    pub body: Option<FaultBody>,
    /// The content type, if not the one that the body suggests.
    pub content_type: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// A moment in the life of one request on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A connection has been accepted and nothing is read from it. A rule with this stage counts new connections, by
    /// what their first request will be, and those on which none comes for half a second; the control plane's are
    /// spared. To make callers connect anew, adding such a rule closes every connection that is idle and the others
    /// after their answer, and none is kept until it is spent.
    Accept,
    /// The head of the request has been read, its body not. Nothing is carried out, whatever [`Commit`] says.
    RequestHeaders,
    /// About half of the request's body has been read. Nothing is carried out, whatever [`Commit`] says.
    RequestBody,
    /// The request is complete, and nothing of the answer has been sent.
    ResponseHeaders,
    /// The head and half of the answer's body have been sent, or [`FaultRule::truncate_bytes`] of it.
    ResponseBody,
}

impl Stage {
    /// Whether the request is cut off before it is complete, so that nothing can come of it.
    pub(crate) fn is_before_work(self) -> bool {
        matches!(
            self,
            Self::Accept | Self::RequestHeaders | Self::RequestBody
        )
    }
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// It is reset (TCP RST).
    ResetAt(Stage),
    /// It stays open and nothing more is said, until the client leaves, the rule is removed or the sandbox stops.
    StallAt(Stage),
}

impl ConnectionFault {
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::ResetAt(stage) | Self::StallAt(stage) => stage,
        }
    }
}

/// How the body of an answer is spoilt. Its status stays, but 204 becomes 200 where a body must be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// An HTML page that is announced as JSON.
    NotJson,
    /// No body at all, announced as JSON.
    Empty,
    /// The first member that the answer cannot do without is missing: the id or token, or the list.
    MissingField,
    /// Members that no document has, in every object.
    ExtraFields,
    /// A well-formed answer about another record: every id in it is another one, and so is a username or a token.
    WrongRecord,
    /// GetCustomers answers as though no username, type or search had been given. Counts requests to GetCustomers only.
    FilterIgnored,
    /// One more member, nested 100,000 arrays deep.
    Deep,
    /// One more member, of one GiB.
    Huge,
}

/// One rule. Build it with [`FaultRule::on`] and the methods after it; effects combine.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Which requests are counted.
    pub target: Target,
    /// How many of them pass before the fault shows.
    pub after: u64,
    /// How often the fault shows.
    pub times: u64,
    /// The share of requests that a due rule meets, above 0 and at most 1. The draws follow from the seed.
    pub probability: f64,
    /// Whether the work is done.
    pub commit: Commit,
    /// How long the answer is held back, in real time; at most one day.
    pub latency: Duration,
    /// What is answered; `None` for the real answer, or an empty 504 if there is none.
    pub answer: Option<FaultAnswer>,
    /// What happens to the connection.
    pub connection: Option<ConnectionFault>,
    /// The answer's body ends after so many bytes, and the connection with it, although the head announced all.
    pub truncate_bytes: Option<u64>,
    /// The answer's body is sent at this rate.
    pub drip_bytes_per_second: Option<u32>,
    /// The answer is 308, or the status of [`FaultRule::answer`] if that is from 300 to 399, with this `Location`.
    pub redirect_to: Option<String>,
    /// How the answer's body is spoilt.
    pub malformed: Option<Malformed>,
    /// For how much virtual time reads answer as though this write had not happened; writes see it at once.
    pub visible_after: Duration,
}

impl FaultRule {
    /// A rule that meets the next request to `operation` once; say next what it does.
    #[must_use]
    pub fn on(operation: Operation) -> Self {
        Self::target(Target::Operation(operation))
    }

    /// A rule that meets the next request to any operation once; say next what it does.
    #[must_use]
    pub fn on_any() -> Self {
        Self::target(Target::Any)
    }

    fn target(target: Target) -> Self {
        Self {
            target,
            after: 0,
            times: 1,
            probability: 1.0,
            commit: Commit::Before,
            latency: Duration::ZERO,
            answer: None,
            connection: None,
            truncate_bytes: None,
            drip_bytes_per_second: None,
            redirect_to: None,
            malformed: None,
            visible_after: Duration::ZERO,
        }
    }

    /// Lets this many requests pass first.
    #[must_use]
    pub fn after(self, after: u64) -> Self {
        Self { after, ..self }
    }

    /// Shows this often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Shows for this share of the requests that it would meet.
    #[must_use]
    pub fn probability(self, probability: f64) -> Self {
        Self {
            probability,
            ..self
        }
    }

    /// Says whether the work is done.
    #[must_use]
    pub fn commit(self, commit: Commit) -> Self {
        Self { commit, ..self }
    }

    /// Holds the answer back.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Answers this instead.
    #[must_use]
    pub fn answer(self, status: u16, body: Option<FaultBody>) -> Self {
        let answer = FaultAnswer {
            status,
            body,
            content_type: None,
            headers: Vec::new(),
        };
        Self {
            answer: Some(answer),
            ..self
        }
    }

    /// Resets the connection.
    #[must_use]
    pub fn reset_at(self, stage: Stage) -> Self {
        Self {
            connection: Some(ConnectionFault::ResetAt(stage)),
            ..self
        }
    }

    /// Falls silent.
    #[must_use]
    pub fn stall_at(self, stage: Stage) -> Self {
        Self {
            connection: Some(ConnectionFault::StallAt(stage)),
            ..self
        }
    }

    /// Ends the answer's body early.
    #[must_use]
    pub fn truncate_bytes(self, bytes: u64) -> Self {
        Self {
            truncate_bytes: Some(bytes),
            ..self
        }
    }

    /// Sends the answer's body slowly.
    #[must_use]
    pub fn drip_bytes_per_second(self, bytes: u32) -> Self {
        Self {
            drip_bytes_per_second: Some(bytes),
            ..self
        }
    }

    /// Sends the caller elsewhere.
    #[must_use]
    pub fn redirect_to(self, location: impl Into<String>) -> Self {
        Self {
            redirect_to: Some(location.into()),
            ..self
        }
    }

    /// Spoils the answer's body.
    #[must_use]
    pub fn malformed(self, malformed: Malformed) -> Self {
        Self {
            malformed: Some(malformed),
            ..self
        }
    }

    /// Hides this write from reads for so much virtual time.
    #[must_use]
    pub fn visible_after(self, visible_after: Duration) -> Self {
        Self {
            visible_after,
            ..self
        }
    }

    pub(crate) fn is_about_accepting(&self) -> bool {
        self.connection.map(ConnectionFault::stage) == Some(Stage::Accept)
    }
}

/// A rule that cannot be kept to.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidFault {
    #[error("times must be at least 1")]
    Times,
    #[error("probability must be above 0 and at most 1")]
    Probability,
    #[error(
        "effect must have one of latency_ms, status, reset_at, stall_at, truncate_bytes, drip_bytes_per_s, redirect_to, \
         malformed, visible_after_ms"
    )]
    Nothing,
    #[error("effect.latency_ms must be at most one day")]
    Latency,
    #[error("effect.status must be from 200 to 599")]
    Status,
    #[error("effect.content_type is not a legal header value")]
    ContentType,
    #[error("effect.headers has an illegal name or value")]
    Header,
    #[error(
        "effect.headers must not frame the answer: leave out content-length and transfer-encoding"
    )]
    FramingHeader,
    #[error("effect.drip_bytes_per_s must be at least 1")]
    Drip,
    #[error("effect.redirect_to is not a legal header value")]
    Redirect,
    #[error("effect.redirect_to needs a status from 300 to 399, or none")]
    RedirectStatus,
    #[error("effect.malformed filter_ignored is about GetCustomers only")]
    NoFilter,
    #[error(
        "commit never leaves no real answer to shape: leave out truncate_bytes, drip_bytes_per_s, redirect_to, malformed \
         and visible_after_ms"
    )]
    NothingToShape,
}
