//! Where a create is when the gateway is killed.

use openfinance_sandbox::{Commit, FaultRule, Operation, Stage};

/// Where a create is when the gateway is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The intent is about to be written.
    BeforeIntent,
    /// The intent is durable, and nothing was sent.
    AfterIntent,
    /// There is a connection, and nothing was read from it.
    SocketOpen,
    /// Half the body has arrived.
    HalfBody,
    /// All has arrived, and whether the vendor does it is open.
    BodyWritten,
    /// The vendor has done it, and its answer is on its way.
    Committed,
    /// The answer has been read, and nothing is noted of it.
    ResponseRead,
    /// The outcome is durable, and the caller has not been told.
    BeforeReply,
}

/// Where the store stops for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Before an intent is written.
    BeforeIntent,
    /// When an intent has been written.
    AfterIntent,
    /// Before an intent is erased.
    BeforeOutcome,
    /// When an intent has been erased.
    AfterOutcome,
}

impl Point {
    pub(crate) const ALL: [Self; 8] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::SocketOpen,
        Self::HalfBody,
        Self::BodyWritten,
        Self::Committed,
        Self::ResponseRead,
        Self::BeforeReply,
    ];

    /// How a test's name says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before_the_intent",
            Self::AfterIntent => "after_the_intent",
            Self::SocketOpen => "with_an_open_socket",
            Self::HalfBody => "with_half_the_body_written",
            Self::BodyWritten => "with_the_body_written",
            Self::Committed => "when_the_vendor_had_done_it",
            Self::ResponseRead => "with_the_answer_read",
            Self::BeforeReply => "before_the_reply",
        }
    }

    /// Where the store stops, if it does.
    pub(crate) fn stop(self) -> Option<Stop> {
        match self {
            Self::BeforeIntent => Some(Stop::BeforeIntent),
            Self::AfterIntent => Some(Stop::AfterIntent),
            Self::ResponseRead => Some(Stop::BeforeOutcome),
            Self::BeforeReply => Some(Stop::AfterOutcome),
            Self::SocketOpen | Self::HalfBody | Self::BodyWritten | Self::Committed => None,
        }
    }

    /// The fault that holds the request, if one does.
    pub(crate) fn fault(self, operation: Operation) -> Option<FaultRule> {
        let rule = FaultRule::on(operation);
        match self {
            Self::SocketOpen => Some(rule.stall_at(Stage::Accept)),
            Self::HalfBody => Some(rule.stall_at(Stage::RequestBody)),
            Self::BodyWritten => Some(rule.commit(Commit::Never).stall_at(Stage::ResponseHeaders)),
            Self::Committed => Some(rule.stall_at(Stage::ResponseHeaders)),
            Self::BeforeIntent | Self::AfterIntent | Self::ResponseRead | Self::BeforeReply => None,
        }
    }
}

impl Stop {
    /// The word for it on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before-intent",
            Self::AfterIntent => "after-intent",
            Self::BeforeOutcome => "before-outcome",
            Self::AfterOutcome => "after-outcome",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [
            Self::BeforeIntent,
            Self::AfterIntent,
            Self::BeforeOutcome,
            Self::AfterOutcome,
        ]
        .into_iter()
        .find(|stop| stop.as_str() == word)
    }
}
