//! Why a call failed, in one stable word: the `reason` of `google.rpc.ErrorInfo`.
//!
//! A reason is never renamed and never comes under another code. The `domain` beside it tells who refused:
//! `api.finicity.com` is the vendor, `openfinance` the gateway. What to do about each is in the [`catalogue`], of which
//! `ListErrorReasons`, the documents, the dashboard and the alert rules are made.

pub mod catalogue;
#[cfg(test)]
mod documents;

use tonic::Code;
use tracing::Level;

/// Defines the reasons: the name in code, the name on the wire, the code that goes with it, and the level of
/// its line in the log.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal, $code:ident, $level:ident;)*) => {
        /// Why a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The code that it comes with.
            #[must_use]
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)*
                }
            }

            /// What it means.
            pub(crate) const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_ascii(),)*
                }
            }

            /// How much it matters to whoever runs the gateway: an error is a defect or a record in doubt, a warning
            /// is something that does not work as it should, and the rest is between the caller and the vendor.
            pub(crate) const fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)*
                }
            }

            /// The reason with this word.
            pub(crate) fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }
    };
}

reasons! {
    /// A field is missing or malformed, or the bytes are not a message. `BadRequest` names every such field.
    InvalidField = "INVALID_FIELD", InvalidArgument, INFO;
    /// A page token or resume token is broken, or belongs to another query.
    InvalidPageToken = "INVALID_PAGE_TOKEN", InvalidArgument, INFO;
    /// The header `grpc-timeout` is malformed.
    InvalidDeadline = "INVALID_DEADLINE", InvalidArgument, INFO;
    /// The mask names a field that the vendor can't change.
    FieldNotMutable = "FIELD_NOT_MUTABLE", InvalidArgument, INFO;
    /// The mask names an empty field that the vendor can't clear.
    FieldNotClearable = "FIELD_NOT_CLEARABLE", InvalidArgument, INFO;
    /// The request id was used for something else within the last 24 hours.
    RequestIdReused = "REQUEST_ID_REUSED", InvalidArgument, INFO;
    /// An update without a field to change.
    NothingToUpdate = "NOTHING_TO_UPDATE", InvalidArgument, INFO;
    /// The vendor refuses a value and does not say which in a way that could be relied on.
    VendorRejectedField = "VENDOR_REJECTED_FIELD", InvalidArgument, INFO;
    /// The vendor refuses a character in a name.
    InvalidNameCharacter = "INVALID_NAME_CHARACTER", InvalidArgument, INFO;
    /// The vendor holds the username against its policy.
    UsernamePolicy = "USERNAME_POLICY", InvalidArgument, INFO;
    /// The partner is a reseller and must name the consumer's end user.
    EndUserRequired = "END_USER_REQUIRED", InvalidArgument, INFO;
    /// The partner has no such customer.
    CustomerNotFound = "CUSTOMER_NOT_FOUND", NotFound, INFO;
    /// The partner has no such consumer, or the customer has none.
    ConsumerNotFound = "CONSUMER_NOT_FOUND", NotFound, INFO;
    /// The partner has no such business, or the customer has none.
    BusinessNotFound = "BUSINESS_NOT_FOUND", NotFound, INFO;
    /// There is no such institution login, or it is not an OAuth connection.
    InstitutionLoginNotFound = "INSTITUTION_LOGIN_NOT_FOUND", NotFound, INFO;
    /// No application is registered, or the customer belongs to none.
    ApplicationNotFound = "APPLICATION_NOT_FOUND", NotFound, INFO;
    /// Something does not exist and the vendor does not say what.
    RecordNotFound = "RECORD_NOT_FOUND", NotFound, INFO;
    /// The username is in use, in whatever plan or partner.
    UsernameTaken = "USERNAME_TAKEN", AlreadyExists, INFO;
    /// The customer has a consumer already.
    ConsumerExists = "CONSUMER_EXISTS", AlreadyExists, INFO;
    /// The customer has a business already.
    BusinessExists = "BUSINESS_EXISTS", AlreadyExists, INFO;
    /// The owner is personally liable, and the customer has no consumer yet.
    ConsumerRequired = "CONSUMER_REQUIRED", FailedPrecondition, INFO;
    /// The customer authorized before the vendor kept such details.
    AuthorizationNotCaptured = "AUTHORIZATION_NOT_CAPTURED", FailedPrecondition, INFO;
    /// A dispute freezes the names of the consumer.
    DisputeActive = "DISPUTE_ACTIVE", FailedPrecondition, INFO;
    /// The vendor made the customer itself for a short while.
    TemporaryCustomer = "TEMPORARY_CUSTOMER", FailedPrecondition, INFO;
    /// The partner's plan does not include the operation.
    PlanNotEntitled = "PLAN_NOT_ENTITLED", FailedPrecondition, INFO;
    /// The partner's secret is in no file of the gateway, or in one that can't be read or written. In sandbox mode it is
    /// in none.
    SecretFileUnusable = "SECRET_FILE_UNUSABLE", FailedPrecondition, WARN;
    /// The vendor refuses the gateway's credentials or has locked the account: an operator must act.
    PartnerCredentialsRejected = "PARTNER_CREDENTIALS_REJECTED", FailedPrecondition, WARN;
    /// Nobody knows who calls: there is no credential, or none that holds.
    CallerUnauthenticated = "CALLER_UNAUTHENTICATED", Unauthenticated, INFO;
    /// The caller is known and may not do this.
    CallerForbidden = "CALLER_FORBIDDEN", PermissionDenied, INFO;
    /// The partner has as many testing customers as it may.
    TestingCustomerLimit = "TESTING_CUSTOMER_LIMIT", ResourceExhausted, WARN;
    /// The vendor limits the rate of calls.
    UpstreamRateLimited = "UPSTREAM_RATE_LIMITED", ResourceExhausted, WARN;
    /// The caller makes more calls than the gateway lets it.
    CallerRateLimited = "CALLER_RATE_LIMITED", ResourceExhausted, INFO;
    /// More calls are under way than the gateway carries; nothing was done.
    Overloaded = "OVERLOADED", ResourceExhausted, WARN;
    /// A message is larger than its limit: `limits.request_bytes` (64 KiB unless set) for a request,
    /// `limits.answer_bytes` (4 MiB unless set) for an answer.
    MessageTooLarge = "MESSAGE_TOO_LARGE", ResourceExhausted, INFO;
    /// The vendor refuses a token that it has just issued.
    UpstreamTokenRejected = "UPSTREAM_TOKEN_REJECTED", Unavailable, WARN;
    /// The vendor can't be reached or fails; nothing was done, or repeating is safe.
    UpstreamUnavailable = "UPSTREAM_UNAVAILABLE", Unavailable, WARN;
    /// The vendor keeps failing at the operation, so for a while no call goes out; nothing was done.
    UpstreamCircuitOpen = "UPSTREAM_CIRCUIT_OPEN", Unavailable, WARN;
    /// What restarts and replicas share can't be read or written, and it is not safe without; nothing was done.
    StoreUnavailable = "STORE_UNAVAILABLE", Unavailable, ERROR;
    /// The audit file can't be written, and nothing is done unaudited; nothing was done.
    AuditUnavailable = "AUDIT_UNAVAILABLE", Unavailable, ERROR;
    /// The gateway is stopping; nothing was done, or repeating is safe.
    Draining = "DRAINING", Unavailable, WARN;
    /// The call's time is over. A write that was sent goes on and ends by itself.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded, WARN;
    /// Another call with this request id is under way.
    RequestInFlight = "REQUEST_IN_FLIGHT", Aborted, INFO;
    /// The partner's secret is being changed by another call.
    RotationInProgress = "ROTATION_IN_PROGRESS", Aborted, INFO;
    /// Somebody else wrote the record at the same time: read it and decide anew.
    UpdateConflict = "UPDATE_CONFLICT", Aborted, INFO;
    /// Customers came or went while they were listed, and the place to go on from is lost: start again.
    ListChanged = "LIST_CHANGED", Aborted, INFO;
    /// A create was sent, its answer was lost, and reading could not settle it: the record may exist. With a request id
    /// it comes under UNAVAILABLE, because repeating the call with the same id is safe and settles it.
    OutcomeUnknown = "OUTCOME_UNKNOWN", Unknown, ERROR;
    /// The vendor answered outside its contract.
    UpstreamMalformed = "UPSTREAM_MALFORMED", Internal, ERROR;
    /// A defect of the gateway.
    GatewayInternal = "GATEWAY_INTERNAL", Internal, ERROR;
    /// There is no such method.
    MethodUnknown = "METHOD_UNKNOWN", Unimplemented, INFO;
    /// The request is compressed, which the gateway does not take.
    CompressionUnsupported = "COMPRESSION_UNSUPPORTED", Unimplemented, INFO;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_distinct_and_written_as_google_asks() {
        let words: std::collections::BTreeSet<_> =
            Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for word in words {
            assert!(
                word.len() <= 63
                    && word
                        .bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{word}"
            );
        }
    }
}
