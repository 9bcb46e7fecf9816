//! What a line says.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::ids::Ids;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    /// The first line of a file.
    File,
    /// The gateway has started and goes on with a file.
    Start,
    /// Lines can be written again after they could not.
    Resume,
    /// The file was given another name, so the next line is in another file.
    Rotated,
    /// The gateway has stopped.
    Stop,
    /// Calls were refused of which there is no line, because there were too many of them.
    Untold,
    /// A write is about to be done.
    Intent,
    /// What has become of a write.
    Outcome,
    /// Records were read, or could not be.
    Read,
    /// A call was refused before anything was done.
    Refusal,
}

/// A line, but for its place in the chain. Absent and empty parts are left out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Record {
    pub(super) event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<&'static str>,
    /// Of a refusal of somebody unknown: the address that the connection came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rpc: Option<&'static str>,
    #[serde(flatten)]
    pub(super) ids: Ids,
    #[serde(flatten)]
    pub(super) end: Option<End>,
    /// Of a start or a resumption: the hash of the last line that is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prev: Option<String>,
    /// How many bytes of a line that was cut off stand in front of this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) torn: Option<u64>,
    /// The keyed hash of those bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) torn_mac: Option<String>,
    /// Of how many calls there is no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) untold: Option<u64>,
}

impl Record {
    pub(super) fn new(event: Event) -> Self {
        Self {
            event,
            call: None,
            caller: None,
            auth: None,
            peer: None,
            rpc: None,
            ids: Ids::default(),
            end: None,
            prev: None,
            torn: None,
            torn_mac: None,
            untold: None,
        }
    }
}

/// What a call ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct End {
    /// The name of the gRPC code.
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vendor_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<String>,
    /// Of a write whose end is not known, or that was given up: `UNKNOWN` if it was sent, `NOT_SENT` if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// Whether the caller of a write had gone, or its time was over, before this end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) unheard: bool,
    /// Whether personal fields were left out of the answer, since the caller may not see them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) redacted: bool,
}

/// A line as it stands in the file, but for its hash.
#[derive(Serialize)]
pub(super) struct Placed<'a> {
    pub(super) seq: u64,
    /// RFC 3339, in UTC.
    #[serde(serialize_with = "as_text")]
    pub(super) at: Timestamp,
    pub(super) replica: &'a str,
    #[serde(flatten)]
    pub(super) record: &'a Record,
}

/// As it is written, without a string of its own.
fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
