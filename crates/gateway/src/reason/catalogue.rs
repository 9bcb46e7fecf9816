//! What to do about each reason: the one place that callers, documents, dashboards and alert rules have it from.

use openfinance_rpc::code_name;

use super::Reason;

/// A reason, with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The reason.
    pub reason: Reason,
    /// The name of the gRPC code that it comes with, such as `NOT_FOUND`.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What a caller does about it.
    pub caller_action: &'static str,
    /// What an operator does about it; empty where there is nothing for one to do.
    pub operator_action: &'static str,
    /// Whether the same call may be repeated as it is, after the time that RetryInfo names where there is one.
    pub retryable: bool,
    /// How much it matters to whoever runs the gateway.
    pub severity: Severity,
}

/// How much a reason matters to whoever runs the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A defect, or a record in doubt: each one is looked at.
    Defect,
    /// Something does not work as it should: looked at when it lasts.
    Trouble,
    /// Between the caller and the vendor.
    Business,
}

/// Whether the same call may be repeated as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    AsItIs,
    Never,
}

/// Every reason, in the order of their codes.
pub fn entries() -> impl Iterator<Item = Entry> {
    Reason::ALL.iter().copied().map(Reason::entry)
}

impl Reason {
    /// What is known of it.
    #[must_use]
    pub fn entry(self) -> Entry {
        let (caller_action, operator_action, repeat) = self.advice();
        let severity = match self.level() {
            tracing::Level::ERROR => Severity::Defect,
            tracing::Level::WARN => Severity::Trouble,
            _ => Severity::Business,
        };
        Entry {
            reason: self,
            code: code_name(self.code()),
            meaning: self.meaning(),
            caller_action,
            operator_action,
            retryable: repeat == Repeat::AsItIs,
            severity,
        }
    }

    /// What a caller does, what an operator does, and whether repeating may help.
    #[rustfmt::skip]
    const fn advice(self) -> (&'static str, &'static str, Repeat) {
        match self {
            Self::InvalidField => (
                "Correct the fields that BadRequest names.",
                "",
                Repeat::Never,
            ),
            Self::InvalidPageToken => (
                "List from the beginning, or with the query that the token belongs to.",
                "",
                Repeat::Never,
            ),
            Self::InvalidDeadline => (
                "Correct the header `grpc-timeout`.",
                "",
                Repeat::Never,
            ),
            Self::FieldNotMutable => (
                "Take the field out of the mask.",
                "",
                Repeat::Never,
            ),
            Self::FieldNotClearable => (
                "Give the field a value, or take it out of the mask.",
                "",
                Repeat::Never,
            ),
            Self::RequestIdReused => (
                "Take a new request id for new content.",
                "",
                Repeat::Never,
            ),
            Self::NothingToUpdate => (
                "Name a field to change, or leave the call out.",
                "",
                Repeat::Never,
            ),
            Self::VendorRejectedField => (
                "Check the values against the vendor's rules; `vendor_code` in the metadata says which rule \
                 it was.",
                "If it comes with values that used to pass, compare the vendor's announcements: it may have \
                 tightened a rule.",
                Repeat::Never,
            ),
            Self::InvalidNameCharacter => (
                "Replace the character in the name.",
                "",
                Repeat::Never,
            ),
            Self::UsernamePolicy => (
                "Choose another username.",
                "",
                Repeat::Never,
            ),
            Self::EndUserRequired => (
                "Name the end user of the consumer.",
                "Make sure that the callers know that the partner is a reseller.",
                Repeat::Never,
            ),
            Self::CustomerNotFound => (
                "Correct the id, or take the customer for deleted.",
                "",
                Repeat::Never,
            ),
            Self::ConsumerNotFound => (
                "Correct the id, or create the consumer.",
                "",
                Repeat::Never,
            ),
            Self::BusinessNotFound => (
                "Correct the id, or create the business.",
                "",
                Repeat::Never,
            ),
            Self::InstitutionLoginNotFound => (
                "Correct the id; only OAuth connections have such details.",
                "",
                Repeat::Never,
            ),
            Self::ApplicationNotFound => (
                "Correct the application id, or register the application with the vendor.",
                "",
                Repeat::Never,
            ),
            Self::RecordNotFound => (
                "Correct the ids in the request.",
                "",
                Repeat::Never,
            ),
            Self::UsernameTaken => (
                "Look the customer up by its username: it may be yours, of an earlier try. Choose another username only if \
                 it is not.",
                "",
                Repeat::Never,
            ),
            Self::ConsumerExists => (
                "Read or update the consumer that is there.",
                "",
                Repeat::Never,
            ),
            Self::BusinessExists => (
                "Read or update the business that is there.",
                "",
                Repeat::Never,
            ),
            Self::ConsumerRequired => (
                "Create the customer's consumer first, or onboard both in one call.",
                "",
                Repeat::Never,
            ),
            Self::AuthorizationNotCaptured => (
                "Let the customer authorize again.",
                "",
                Repeat::Never,
            ),
            Self::DisputeActive => (
                "Wait until the dispute is settled; other fields can be changed.",
                "",
                Repeat::Never,
            ),
            Self::TemporaryCustomer => (
                "Leave the customer to the vendor.",
                "",
                Repeat::Never,
            ),
            Self::PlanNotEntitled => (
                "Use testing customers, or ask an operator for another plan.",
                "Ask the vendor for a plan that has the operation, or for the activation of the app key's \
                 plan.",
                Repeat::Never,
            ),
            Self::SecretFileUnusable => (
                "Ask an operator.",
                "Set `partner.secret_file` to a file in a folder that the gateway can write, and look at the \
                 log for what the system said.",
                Repeat::Never,
            ),
            Self::PartnerCredentialsRejected => (
                "Nothing: an operator must act.",
                "Stop and think before any login: five refused ones lock the company out. Read \
                 `GetPartnerAuthentication` (`ofctl partner authentication`) for the vendor's status and code; check partner \
                 id, secret and app key against the vendor's portal, and that the gateway calls from a country that the \
                 vendor serves; correct what is wrong (a new secret is taken up by itself, a partner id or an app key takes a \
                 restart), or, if nothing was, ask the vendor whether the account is locked, and then call \
                 `ResetAuthenticationGuard` (`ofctl partner reset-guard`) once.",
                Repeat::Never,
            ),
            Self::CallerUnauthenticated => (
                "Send a credential that the gateway knows: a client certificate, a token, or a key.",
                "If a caller that used to be known is refused, look at what has changed of late: its certificate or key, the \
                 issuer's keys, the clocks of both machines, `auth.*`.",
                Repeat::Never,
            ),
            Self::CallerForbidden => (
                "Ask an operator for the permission; `GetCallerIdentity` lists those that are there.",
                "If the caller should be allowed it, give it the role or the permission in `[[policy]]`; a page whose origin \
                 is refused, a place in `grpc.web_origins`.",
                Repeat::Never,
            ),
            Self::TestingCustomerLimit => (
                "Delete testing customers that are no longer needed.",
                "Delete testing customers, or ask the vendor for a higher limit.",
                Repeat::Never,
            ),
            Self::UpstreamRateLimited => (
                "Wait as RetryInfo says, and repeat.",
                "Find out which method is called so much (`rpc_server_call_duration_seconds_count`) and by whom (the audit \
                 file); set `limits.calls_per_second`, which holds for each caller, or ask the vendor for a higher rate.",
                Repeat::AsItIs,
            ),
            Self::CallerRateLimited => (
                "Wait as RetryInfo says, and repeat; call less often.",
                "If callers need more, raise `limits.calls_per_second` or `limits.creates_per_second`: each holds for every \
                 caller by itself.",
                Repeat::AsItIs,
            ),
            Self::Overloaded => (
                "Wait as RetryInfo says, and repeat; spread the calls out.",
                "Look at `openfinance_calls_in_flight` and `openfinance_calls_waiting`. If the vendor has become slow \
                 (`http_client_request_duration_seconds`), wait for it; if callers have become more, add replicas or \
                 set `limits.calls_per_second`, which holds for each caller.",
                Repeat::AsItIs,
            ),
            Self::MessageTooLarge => (
                "Send less, or ask for smaller pages.",
                "If answers are too large, raise `limits.answer_bytes`; a request can't be larger than 64 KiB.",
                Repeat::Never,
            ),
            Self::UpstreamTokenRejected => (
                "Wait as RetryInfo says, and repeat.",
                "The vendor refuses tokens that it has just issued: check that the app key belongs to the \
                 partner id, look at the vendor's status page, and report it.",
                Repeat::AsItIs,
            ),
            Self::UpstreamUnavailable => (
                "Wait as RetryInfo says, and repeat.",
                "Look at `http_client_request_duration_seconds` by `error_type`: `not_connected` points to \
                 the network, the proxy or DNS, a 5xx to the vendor. Look at the vendor's status page, and \
                 report an outage that is not on it.",
                Repeat::AsItIs,
            ),
            Self::UpstreamCircuitOpen => (
                "Wait as RetryInfo says, and repeat.",
                "As for UPSTREAM_UNAVAILABLE; the circuit closes by itself at the first call that succeeds. \
                 `openfinance_circuit_state` says which operations are held back.",
                Repeat::AsItIs,
            ),
            Self::StoreUnavailable => (
                "Wait as RetryInfo says, and repeat.",
                "Bring the store back: Redis (`shared.redis_url`), or the disk of `shared.store_path`. Reads \
                 that need no login go on meanwhile; nothing is created twice.",
                Repeat::AsItIs,
            ),
            Self::AuditUnavailable => (
                "Wait as RetryInfo says, and repeat.",
                "Make room on the disk of `audit.path`, or let the gateway write there; the log says what the system \
                 answers. The gateway goes on by itself once a line can be written.",
                Repeat::AsItIs,
            ),
            Self::Draining => (
                "Repeat at once on another connection.",
                "None, if the gateway was told to stop. If it was not, look at the log for who stopped it.",
                Repeat::AsItIs,
            ),
            Self::DeadlineExceeded => (
                "Allow more time; read before repeating a create without a request id.",
                "If it comes often, compare `http_client_request_duration_seconds` with the deadlines of \
                 callers and `deadline.*`: the vendor is slow, or callers allow too little.",
                Repeat::AsItIs,
            ),
            Self::RequestInFlight => (
                "Wait as RetryInfo says, and repeat with the same request id.",
                "",
                Repeat::AsItIs,
            ),
            Self::RotationInProgress => (
                "Wait as RetryInfo says, and look at what the other rotation came to.",
                "Only if it lasts: look for a replica that hangs in the middle of a rotation.",
                Repeat::AsItIs,
            ),
            Self::UpdateConflict => (
                "Read the record, and decide anew.",
                "",
                Repeat::Never,
            ),
            Self::ListChanged => (
                "List from the beginning.",
                "",
                Repeat::Never,
            ),
            Self::OutcomeUnknown => (
                "With a request id, repeat with the same one; without, read before repeating.",
                "Look at `openfinance_intents_open`: with request ids the gateway settles it by reading \
                 within the minute. If it does not, the vendor's reads fail too: treat it as an outage, and \
                 let callers who gave no request id read before they repeat.",
                Repeat::Never,
            ),
            Self::UpstreamMalformed => (
                "Report it; a write may have been done.",
                "The vendor has changed its answers: the log has a line with the place in the answer. Compare with a new document \
                 of the vendor's (`cargo xtask spec diff`), and upgrade.",
                Repeat::Never,
            ),
            Self::GatewayInternal => (
                "Report it with its time; a write may have been done.",
                "A defect: the log has a line with the place in the code. Report it with the version, and \
                 roll back if it came with an upgrade.",
                Repeat::Never,
            ),
            Self::MethodUnknown => (
                "Correct the name of the method, or ask for an upgrade of the gateway.",
                "If callers are newer than the gateway, upgrade it.",
                Repeat::Never,
            ),
            Self::CompressionUnsupported => (
                "Send requests uncompressed.",
                "",
                Repeat::Never,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn every_reason_says_what_to_do_and_what_is_serious_tells_an_operator() {
        for entry in entries() {
            let word = entry.reason.as_str();
            for text in [entry.meaning, entry.caller_action] {
                assert!(text.len() > 10 && text.ends_with('.'), "{word}: {text}");
                assert!(!text.contains(['|', '\n']), "{word} must fit a table");
            }
            if entry.severity != Severity::Business {
                assert!(!entry.operator_action.is_empty(), "{word}");
            }
        }
    }

    #[test]
    fn what_may_be_repeated_comes_under_a_code_that_says_so() {
        for entry in entries().filter(|entry| entry.retryable) {
            let code = entry.reason.code();
            let passing = matches!(
                code,
                Code::Unavailable
                    | Code::ResourceExhausted
                    | Code::Aborted
                    | Code::DeadlineExceeded
            );
            assert!(passing, "{entry:?}");
        }
        for entry in entries().filter(|entry| entry.reason.code() == Code::Unavailable) {
            assert!(entry.retryable, "{entry:?}");
        }
    }
}
