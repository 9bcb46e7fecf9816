//! What this gateway is: its version, the vendor's document it was made for, and which vendor it calls.

use jiff::Timestamp;
use openfinance::BaseUrl;
use openfinance_rpc::pb;

use crate::{
    api::Api,
    convert::IntoPb as _,
    reason::catalogue::{self, Entry},
};

/// The version of the gateway.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known of a gateway from its start on.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// `sandbox` where the vendor is the embedded sandbox, else the vendor's host.
    pub(crate) environment: String,
    /// The host of the vendor's API.
    pub(crate) vendor_host: String,
    /// When it was started.
    pub(crate) started: Timestamp,
}

impl About {
    /// A gateway that calls the vendor at `base_url`.
    pub(crate) fn new(base_url: &BaseUrl, embedded: bool, started: Timestamp) -> Self {
        let url = base_url.as_str();
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        Self {
            environment: if embedded { "sandbox" } else { host }.to_owned(),
            vendor_host: host.to_owned(),
            started,
        }
    }
}

impl Api {
    /// The answer to GetGatewayInfo.
    pub(crate) fn gateway_info(&self) -> pb::GatewayInfo {
        pb::GatewayInfo {
            version: VERSION.to_owned(),
            vendor_document_version: openfinance::DOCUMENT_VERSION.to_owned(),
            vendor_document_sha256: openfinance::STRUCTURE_SHA256.to_owned(),
            environment: self.about.environment.clone(),
            start_time: Some(self.about.started.into_pb()),
        }
    }
}

/// The answer to ListErrorReasons.
pub(crate) fn error_reasons() -> pb::ListErrorReasonsResponse {
    let reasons = catalogue::entries().map(told).collect();
    pb::ListErrorReasonsResponse { reasons }
}

fn told(entry: Entry) -> pb::ErrorReason {
    let Entry {
        reason,
        code,
        meaning,
        caller_action,
        operator_action,
        retryable,
        severity: _,
    } = entry;
    pb::ErrorReason {
        reason: reason.as_str().to_owned(),
        code: code.to_owned(),
        meaning: meaning.to_owned(),
        caller_action: caller_action.to_owned(),
        operator_action: operator_action.to_owned(),
        retryable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_the_sandbox_or_the_vendors_host() {
        let about = |url: &str, embedded| {
            About::new(&url.parse().unwrap(), embedded, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(about("http://127.0.0.1:8080", true).environment, "sandbox");
        assert_eq!(
            about("https://api.finicity.com", false).environment,
            "api.finicity.com"
        );
        assert_eq!(
            about("http://127.0.0.1:8080", true).vendor_host,
            "127.0.0.1:8080"
        );
    }
}
