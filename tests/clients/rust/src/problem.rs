//! What a refusal tells.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A status of the gateway, read. The reasons are listed in `docs/errors.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// Why, in one stable word.
    pub reason: String,
    /// Who refused: `openfinance` is the gateway, `api.finicity.com` the vendor.
    pub domain: String,
    /// What is known beside: `operation`, `http_status` and `vendor_code` of a refusal of the vendor's.
    pub metadata: HashMap<String, String>,
    /// The fields that are not as they should be.
    pub violations: Vec<String>,
    /// How long to wait before the same call again; none where that makes no sense.
    pub retry_delay: Option<Duration>,
    /// The type of the record that the refusal is about.
    pub resource: String,
}

// ANCHOR: errors
impl From<&Status> for Problem {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let request = details
            .bad_request()
            .map(|request| &request.field_violations);
        let violations = request.into_iter().flatten();
        Self {
            code: status.code(),
            reason: text(info.map(|info| &info.reason)),
            domain: text(info.map(|info| &info.domain)),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            violations: violations
                .map(|violation| violation.field.clone())
                .collect(),
            retry_delay: details.retry_info().and_then(|retry| retry.retry_delay),
            resource: text(
                details
                    .resource_info()
                    .map(|resource| &resource.resource_type),
            ),
        }
    }
}
// ANCHOR_END: errors

impl Problem {
    /// Whether a create may be repeated with its `request_id`: it was not done, or nobody waited for what became of it.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let passing = matches!(self.code, Code::Unavailable | Code::DeadlineExceeded);
        passing || self.retry_delay.is_some()
    }
}
