//! The lines of a journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a row was refused: the same for all rows that it happens to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// The name of the gRPC code.
    pub(crate) code: String,
    /// The reason of `google.rpc.ErrorInfo`, or one of this program's.
    pub(crate) reason: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<String>,
}

/// The records of a row that was refused half-way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Partly {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) customer_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) consumer_id: String,
}

impl Partly {
    pub(crate) fn is_empty(&self) -> bool {
        self.customer_id.is_empty() && self.consumer_id.is_empty()
    }
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line. The key stands at its front, where it is found to be erased.
    Import {
        key: String,
        version: u32,
        noun: String,
        at: Timestamp,
        /// The vendor that the gateway called; empty where it did not say.
        #[serde(default)]
        environment: String,
    },
    /// A row is about to be sent under this request id.
    Sending {
        row: u32,
        line: u64,
        request_id: Uuid,
        at: Timestamp,
    },
    /// Its record is there.
    Done { row: u32, record_id: String },
    /// It was refused, and its record is not there by this import's hand.
    Failed {
        row: u32,
        line: u64,
        #[serde(flatten)]
        reason: Reason,
        #[serde(flatten)]
        partly: Partly,
    },
    /// It was not sent after all, or nothing was done.
    Unsent { row: u32 },
    /// The failed rows so far are in this file, which has this digest.
    Reported { name: String, digest: String },
    /// All rows are done or failed.
    Finished(Finished),
}

/// How an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finished {
    pub(crate) at: Timestamp,
    /// The size of the file, in bytes.
    pub(crate) size: u64,
    /// When the file was written, where the file system tells.
    #[serde(default)]
    pub(crate) modified: Option<Timestamp>,
    pub(crate) done: u64,
    pub(crate) failed: u64,
}

/// A word of somebody else's as the journal may hold it: ids and reasons have nothing else.
pub(crate) fn word(text: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "_-.[]".contains(*letter);
    text.chars().filter(plain).take(128).collect()
}
