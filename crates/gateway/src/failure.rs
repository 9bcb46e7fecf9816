//! A failed call, from its reason to the `google.rpc.Status` that leaves the port.
//!
//! Every error of the gateway is made here, so every one has `ErrorInfo`, and the code always fits the reason.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use openfinance::Vendor;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::reason::Reason;

/// The domain of an error where the gateway refused.
pub(crate) const OURS: &str = "openfinance";

/// The domain of an error where the vendor refused.
pub(crate) const VENDORS: &str = "api.finicity.com";

/// How many fields `BadRequest` names at most. Clients refuse trailers that are longer than 8 KiB.
pub(crate) const MOST_VIOLATIONS: usize = 25;

/// Why a call failed, and what is told of it.
pub(crate) struct Failure {
    reason: Reason,
    code: Code,
    message: Cow<'static, str>,
    domain: &'static str,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Failure {
    /// A refusal by the gateway. `message` is for people and holds nothing personal.
    pub(crate) fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        let (domain, metadata) = (OURS, HashMap::new());
        Self {
            reason,
            code: reason.code(),
            message: message.into(),
            domain,
            metadata,
            details: ErrorDetails::new(),
        }
    }

    /// A defect of ours, of which nothing is told.
    pub(crate) fn internal() -> Self {
        Self::new(Reason::GatewayInternal, "the gateway failed")
    }

    /// The call's time is over. Whether a write was sent tells the caller what may have happened.
    pub(crate) fn deadline_exceeded(sent: bool) -> Self {
        let (outcome, message) = match sent {
            true => (
                "UNKNOWN",
                "the deadline passed; a write that was sent goes on and ends by itself",
            ),
            false => ("NOT_SENT", "the deadline passed; nothing was done"),
        };
        let mut failure = Self::new(Reason::DeadlineExceeded, message);
        failure
            .metadata
            .insert("outcome".to_owned(), outcome.to_owned());
        failure
    }

    /// Comes under UNAVAILABLE, whatever the reason: repeating is safe.
    pub(crate) fn unavailable(mut self) -> Self {
        self.code = Code::Unavailable;
        self
    }

    /// The vendor refused, with this answer.
    pub(crate) fn by_vendor(mut self, vendor: Vendor) -> Self {
        self.domain = VENDORS;
        self.answered(vendor)
    }

    /// The vendor gave this answer, which is not why the call failed, or not all of it.
    pub(crate) fn answered(mut self, vendor: Vendor) -> Self {
        let Vendor {
            operation,
            http_status,
            code,
        } = vendor;
        self.metadata
            .insert("http_status".to_owned(), http_status.to_string());
        if let Some(code) = code {
            self.metadata
                .insert("vendor_code".to_owned(), code.to_string());
        }
        self.operation(operation)
    }

    /// The vendor's operation that it was about.
    pub(crate) fn operation(mut self, operation: &str) -> Self {
        self.metadata
            .insert("operation".to_owned(), operation.to_owned());
        self
    }

    /// One more thing to tell, in `ErrorInfo`: nothing personal.
    pub(crate) fn told(mut self, key: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// The code that it leaves with.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The same failure in the middle of a call that can't be repeated: part of it was done.
    pub(crate) fn half_done(mut self) -> Self {
        let message =
            "part of it was done, and then the vendor or the shared store could not be used";
        let half_done = Self::new(Reason::OutcomeUnknown, message);
        self.reason = half_done.reason;
        self.code = half_done.code;
        self.message = half_done.message;
        self.domain = half_done.domain;
        self.details = half_done.details;
        self
    }

    /// What to do now, added to the message.
    pub(crate) fn advised(mut self, advice: &str) -> Self {
        self.message = format!("{}; {advice}", self.message).into();
        self
    }

    /// A wait of `delay` before a repeat makes sense.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// The record that it was about: its type, and its id where the caller sent one.
    pub(crate) fn resource(mut self, resource_type: &str, id: &str) -> Self {
        self.details.set_resource_info(resource_type, id, "", "");
        self
    }

    /// The fields that were wrong, as paths of the request, each with the rule that it breaks.
    pub(crate) fn fields(mut self, fields: impl IntoIterator<Item = (String, String)>) -> Self {
        let violations: Vec<_> = fields
            .into_iter()
            .take(MOST_VIOLATIONS)
            .map(|(field, rule)| FieldViolation::new(field, rule))
            .collect();
        self.details.set_bad_request(violations);
        self
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let Failure {
            reason,
            code,
            message,
            domain,
            metadata,
            mut details,
        } = failure;
        details.set_error_info(reason.as_str(), domain, metadata);
        Self::with_error_details(code, message, details)
    }
}
