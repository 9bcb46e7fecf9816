//! A failed call, from its reason to the `google.rpc.Status` that leaves the port.
//!
//! Every error of the gateway is made here, so every one has `ErrorInfo`, and the code always fits the reason.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use http::HeaderMap;
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

/// The trailer by which a server has a say in the repeats that gRPC clients make by themselves (gRFC A6): after how many
/// milliseconds, or a negative number for not at all.
pub(crate) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Where a write was sent and nobody waited for what became of it.
const OUTCOME: &str = "outcome";
const OUTCOME_UNKNOWN: &str = "UNKNOWN";

/// Why a call failed, and what is told of it.
pub(crate) struct Failure {
    reason: Reason,
    code: Code,
    message: Cow<'static, str>,
    domain: &'static str,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

/// The status in these headers or trailers, if it is that of a failure.
pub(crate) fn failed(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get(Status::GRPC_STATUS)?;
    // Most calls end well, and all headers are copied where a status is read.
    (Code::from_bytes(code.as_bytes()) != Code::Ok)
        .then(|| Status::from_header_map(headers))
        .flatten()
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
                OUTCOME_UNKNOWN,
                "the deadline passed; a write that was sent goes on and ends by itself",
            ),
            false => ("NOT_SENT", "the deadline passed; nothing was done"),
        };
        let mut failure = Self::new(Reason::DeadlineExceeded, message);
        failure
            .metadata
            .insert(OUTCOME.to_owned(), outcome.to_owned());
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

    /// A wait of `delay` before a repeat makes sense, in whole milliseconds: what clients count in.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        let delay = delay.as_nanos().div_ceil(1_000_000);
        let delay = i32::try_from(delay).unwrap_or(i32::MAX).unsigned_abs();
        let delay = Duration::from_millis(delay.into());
        self.details.set_retry_info(Some(delay));
        self
    }

    /// What clients that repeat by themselves are told: to wait as long as `RetryInfo` says, or not to repeat what would
    /// fail again or might be done twice.
    ///
    /// A wait is told with UNAVAILABLE alone, the one code that our service config lets them repeat: grpc-java obeys a wait
    /// with any code, so a limit that outlasts the deadline would reach its caller as DEADLINE_EXCEEDED, without a reason.
    /// A no counts against a client's budget of repeats, so it comes only with codes that a client may be set to repeat.
    fn pushback(&self) -> Option<i32> {
        if let Some(wait) = self.details.retry_info().and_then(|info| info.retry_delay) {
            let told = self.code == Code::Unavailable;
            return told.then(|| i32::try_from(wait.as_millis()).unwrap_or(i32::MAX));
        }
        let never = match self.code {
            Code::DeadlineExceeded => {
                self.metadata.get(OUTCOME).map(String::as_str) == Some(OUTCOME_UNKNOWN)
            }
            Code::Unknown
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable => !self.reason.entry().retryable,
            Code::Ok
            | Code::Cancelled
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        };
        never.then_some(-1)
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
        let pushback = failure.pushback();
        let Failure {
            reason,
            code,
            message,
            domain,
            metadata,
            mut details,
        } = failure;
        details.set_error_info(reason.as_str(), domain, metadata);
        let mut status = Self::with_error_details(code, message, details);
        if let Some(pushback) = pushback {
            status.metadata_mut().insert(PUSHBACK, pushback.into());
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: Failure) -> (Option<Duration>, Option<String>) {
        let status = Status::from(failure);
        let waits = status.get_details_retry_info();
        let pushback = status.metadata().get(PUSHBACK);
        (
            waits.and_then(|info| info.retry_delay),
            pushback.map(|value| value.to_str().unwrap().to_owned()),
        )
    }

    fn plain(reason: Reason) -> Option<String> {
        let (waits, pushback) = told(Failure::new(reason, "no"));
        assert_eq!(waits, None);
        pushback
    }

    #[test]
    fn a_wait_is_told_in_the_details_and_with_unavailable_to_clients_that_repeat_by_themselves() {
        for (asked, waits) in [
            (Duration::ZERO, 0),
            (Duration::from_secs(7), 7_000),
            (Duration::from_micros(333_333), 334),
            (Duration::from_nanos(1), 1),
            (Duration::MAX, i32::MAX.unsigned_abs().into()),
        ] {
            let told = |reason| told(Failure::new(reason, "wait").retry_after(asked));
            let in_the_details = Some(Duration::from_millis(waits));
            assert_eq!(
                told(Reason::UpstreamUnavailable),
                (in_the_details, Some(waits.to_string()))
            );
            for reason in [Reason::CallerRateLimited, Reason::RequestInFlight] {
                assert_eq!(told(reason), (in_the_details, None), "{reason:?}");
            }
        }
    }

    #[test]
    fn what_fails_again_or_may_be_done_twice_is_not_repeated() {
        for reason in [
            Reason::TestingCustomerLimit,
            Reason::MessageTooLarge,
            Reason::UpdateConflict,
            Reason::ListChanged,
            Reason::OutcomeUnknown,
            Reason::UpstreamMalformed,
            Reason::GatewayInternal,
        ] {
            assert_eq!(plain(reason).as_deref(), Some("-1"), "{reason:?}");
        }
        assert_eq!(told(Failure::deadline_exceeded(true)).1.unwrap(), "-1");
        let waiting = Failure::new(Reason::UpstreamUnavailable, "wait");
        let half_done = waiting.retry_after(Duration::from_secs(1)).half_done();
        assert_eq!(told(half_done), (None, Some("-1".to_owned())));
    }

    #[test]
    fn a_code_that_no_client_repeats_costs_none_of_its_budget_of_repeats() {
        for reason in [
            Reason::InvalidField,
            Reason::CustomerNotFound,
            Reason::UsernameTaken,
            Reason::CallerForbidden,
            Reason::PartnerCredentialsRejected,
            Reason::MethodUnknown,
        ] {
            assert_eq!(plain(reason), None, "{reason:?}");
        }
        // Nothing was done: whoever allows more time may repeat it.
        assert_eq!(told(Failure::deadline_exceeded(false)).1, None);
    }
}
