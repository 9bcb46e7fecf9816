//! How the program ends: why a command did not do what it was asked, and the exit code that tells scripts so.

use std::fmt::Write as _;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// Something on this machine: a file, a certificate, the output.
    Local,
    /// The command line is wrong. Nothing was sent.
    Usage,
    /// The gateway or the vendor refuses the request as it is.
    WrongRequest,
    /// There is no such record.
    NotFound,
    /// The record exists already, or what is there does not allow it now.
    Conflict,
    /// The caller is unknown, or may not do this.
    NotAllowed,
    /// Nothing was done, or repeating is safe: try again later.
    TryAgain,
    /// A write may or may not have been done.
    OutcomeUnknown,
    /// A defect of the gateway, or an answer outside the vendor's contract.
    Defect,
    /// An import ended, and some of its rows were refused.
    FailedRows,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read the output has gone.
    Unread,
}

impl Exit {
    /// Every way, in the order of the codes.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::Local,
        Self::Usage,
        Self::WrongRequest,
        Self::NotFound,
        Self::Conflict,
        Self::NotAllowed,
        Self::TryAgain,
        Self::OutcomeUnknown,
        Self::Defect,
        Self::FailedRows,
        Self::Interrupted,
        Self::Unread,
    ];

    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Local => 1,
            Self::Usage => 2,
            Self::WrongRequest => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::NotAllowed => 6,
            Self::TryAgain => 7,
            Self::OutcomeUnknown => 8,
            Self::Defect => 9,
            Self::FailedRows => 10,
            Self::Interrupted => 130,
            // What shells tell of a program that such a pipe has ended.
            Self::Unread => 141,
        }
    }

    /// What the code says, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Local => "trouble on this machine: a file, a certificate, the output",
            Self::Usage => "wrong command line; nothing was sent",
            Self::WrongRequest => "the request is refused as it is (INVALID_ARGUMENT)",
            Self::NotFound => "no such record (NOT_FOUND)",
            Self::Conflict => {
                "exists already, or what is there forbids it (ALREADY_EXISTS, FAILED_PRECONDITION)"
            }
            Self::NotAllowed => {
                "the caller is unknown or may not do this (UNAUTHENTICATED, PERMISSION_DENIED)"
            }
            Self::TryAgain => {
                "not done, or safe to repeat: try later (UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED)"
            }
            Self::OutcomeUnknown => "a write may or may not have been done (OUTCOME_UNKNOWN)",
            Self::Defect => "a defect of the gateway or the vendor (INTERNAL and the rest)",
            Self::FailedRows => "an import ended, and some of its rows failed",
            Self::Interrupted => "interrupted (Ctrl-C)",
            Self::Unread => "whoever read the output has gone (a closed pipe)",
        }
    }

    /// The table of all codes, as `--help` shows it.
    #[must_use]
    pub fn table() -> String {
        Self::ALL.iter().fold(String::new(), |mut table, exit| {
            let _ = writeln!(table, "  {:>3}  {}", exit.code(), exit.meaning());
            table
        })
    }

    /// What a status says of a call that only reads (or may be repeated at will), or of a write.
    #[must_use]
    pub fn of(status: &Status, call: Call) -> Self {
        let details = status.get_error_details();
        let told = details.error_info().is_some();
        if details
            .error_info()
            .is_some_and(|info| info.reason == "OUTCOME_UNKNOWN")
        {
            return Self::OutcomeUnknown;
        }
        // Who sent no details is no gateway of ours: a connection that broke, or something in between.
        let lost = match call {
            Call::Write if !unsent(status) => Self::OutcomeUnknown,
            Call::Read | Call::Write => Self::TryAgain,
        };
        match status.code() {
            Code::Ok => Self::Done,
            Code::InvalidArgument | Code::OutOfRange => Self::WrongRequest,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists | Code::FailedPrecondition => Self::Conflict,
            Code::Unauthenticated | Code::PermissionDenied => Self::NotAllowed,
            Code::ResourceExhausted if told && details.retry_info().is_none() => Self::Conflict,
            Code::ResourceExhausted | Code::Aborted => Self::TryAgain,
            Code::Unavailable if told => Self::TryAgain,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => lost,
            Code::Unknown if !told => lost,
            Code::Unknown | Code::Internal | Code::DataLoss | Code::Unimplemented => Self::Defect,
        }
    }
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It reads.
    Read,
    /// It may change a record.
    Write,
}

/// Whether a call never left: there was no connection to send it on.
pub(crate) fn unsent(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something on this machine, in words.
    Local(String),
    /// The command line is wrong, in words.
    Usage(String),
    /// A call was refused or lost.
    Refused(Box<Refused>),
    /// An import ended with failed rows; it has told which.
    FailedRows,
    /// Ctrl-C; what to do is in these words, if anything is.
    Interrupted(Option<String>),
    /// Whoever read the output has gone, and wants to hear no more.
    Unread,
}

/// A call that was refused or lost.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What came instead of the answer.
    pub(crate) status: Status,
    /// What the call does.
    pub(crate) call: Call,
    /// The request id that the call went under, with which it is safe to repeat.
    pub(crate) request_id: Option<String>,
}

impl Failure {
    /// How the program ends on this.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Local(_) => Exit::Local,
            Self::Usage(_) => Exit::Usage,
            Self::Refused(refused) => Exit::of(&refused.status, refused.call),
            Self::FailedRows => Exit::FailedRows,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Unread => Exit::Unread,
        }
    }

    /// A call that reads was refused or lost.
    pub(crate) fn read(status: Status) -> Self {
        Self::Refused(Box::new(Refused {
            status,
            call: Call::Read,
            request_id: None,
        }))
    }
}
