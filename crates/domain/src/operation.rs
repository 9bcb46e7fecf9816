//! The vendor's operations, and the errors that a call of one can end with.

use crate::{Error, Vendor};

/// One of the vendor's operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What repeating an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it only reads.
    Read,
    /// Nothing that the first time has not done: it writes absolute values, or deletes.
    Repeatable,
    /// A second record, or a refusal because of the first: repeated only when it surely was not sent.
    Create,
}

impl Operation {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }

    pub(crate) fn answered(self, http_status: u16, code: Option<i64>) -> Vendor {
        Vendor {
            operation: self.name,
            http_status,
            code,
        }
    }

    pub(crate) fn unavailable(self, vendor: Option<Vendor>) -> Error {
        Error::Unavailable {
            operation: self.name,
            vendor,
        }
    }

    pub(crate) fn malformed(self, problem: &'static str, vendor: Option<Vendor>) -> Error {
        Error::Malformed {
            operation: self.name,
            problem,
            vendor,
        }
    }

    pub(crate) fn outcome_unknown(self, vendor: Option<Vendor>) -> Error {
        Error::OutcomeUnknown {
            operation: self.name,
            vendor,
        }
    }

    /// The error of an answer that says "done", or something like it, and can't be used.
    pub(crate) fn unusable(self, problem: &'static str, vendor: Vendor) -> Error {
        match self.kind {
            Kind::Read | Kind::Repeatable => self.malformed(problem, Some(vendor)),
            // The record may exist, and we can't say under which id.
            Kind::Create => self.outcome_unknown(Some(vendor)),
        }
    }
}
