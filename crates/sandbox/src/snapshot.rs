//! Everything that outlives a run, as one JSON document, and the way back.
//!
//! A snapshot is complete: it holds persons, tokens and secrets, since nothing could be restored without them. What is
//! derived from other rows (usernames, lists, links from a customer to its records) is left out and made anew. Faults,
//! barriers and the journal belong to the test that runs; neither a snapshot nor the state file has them.
//!
//! A row has the same form in a snapshot as in the state file.

mod link;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, error::Category};
use serde_path_to_error::Segment;

use crate::{
    auth::{Partner, Token},
    authorization::InstitutionLogin,
    business::Business,
    clock::Clock,
    consumer::Consumer,
    customer::Customer,
    random::Random,
    state::State,
    table::{List, TWICE, Table},
};

pub(crate) use link::{Broken, Linked};

/// What a snapshot calls itself.
const FORMAT: &str = "openfinance-sandbox";
/// The form of snapshots and of the rows of state files. To be raised when a row is no longer read as it was written.
pub(crate) const VERSION: u32 = 1;

/// All records, partners and tokens of a sandbox, and its time, as a JSON document. No `Debug`: persons and secrets are
/// in here.
///
/// A fixture of a test suite may be exported once, edited by hand and restored before each run.
#[derive(Clone)]
pub struct Snapshot(Arc<str>);

impl Snapshot {
    /// Takes a document that [`Snapshot::as_json`] gave, perhaps edited since. It is looked at when it is restored.
    #[must_use]
    pub fn from_json(json: impl Into<Arc<str>>) -> Self {
        Self(json.into())
    }

    /// The document, on one line.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// Why a document cannot be restored. No value of it is told.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSnapshot {
    /// It is no JSON.
    #[error("the snapshot is not JSON: line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It is not what a sandbox gives out.
    #[error("the snapshot has no \"format\": \"{FORMAT}\"")]
    OtherFormat,
    /// It is of another version of the sandbox.
    #[error("the snapshot has version {found}; this sandbox reads version {VERSION}")]
    OtherVersion {
        /// What the document says.
        found: u64,
    },
    /// A member is missing, unknown or of the wrong form.
    #[error("the snapshot is wrong at {path}: {problem}")]
    Member {
        /// The names that lead there.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its parts contradict each other.
    #[error("the snapshot contradicts itself: {0}")]
    Broken(String),
    /// It is of a sandbox with other credentials.
    #[error(
        "the first partner of the snapshot is not the one that this sandbox is configured with"
    )]
    OtherPartner,
}

/// The numbers of a sandbox: how it counts on, and what time it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Meta {
    pub(crate) seed: u64,
    /// As hexadecimal digits: many a JSON reader cannot tell large numbers apart.
    #[serde(with = "hexadecimal")]
    random: u64,
    next_customer_id: u64,
    next_business_id: u64,
    next_institution_login_id: i64,
    issued_tokens: u64,
    /// The virtual time.
    pub(crate) now: Timestamp,
    /// What the host's clock showed then, if the virtual clock runs with it. Only in a state file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host_time: Option<Timestamp>,
}

/// A snapshot taken apart. Nothing is derived yet.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Content {
    #[serde(rename = "format")]
    pub(crate) _format: IgnoredAny,
    #[serde(rename = "version")]
    pub(crate) _version: IgnoredAny,
    pub(crate) meta: Meta,
    pub(crate) partners: List<Partner>,
    /// Names by id.
    pub(crate) applications: Table<String, String>,
    pub(crate) customers: Table<u64, Customer>,
    pub(crate) consumers: Table<String, Consumer>,
    pub(crate) businesses: Table<u64, Business>,
    pub(crate) institution_logins: Table<i64, InstitutionLogin>,
    pub(crate) tokens: Table<String, Token>,
}

/// A snapshot as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'state> {
    format: &'static str,
    version: u32,
    meta: Meta,
    partners: &'state List<Partner>,
    applications: &'state Table<String, String>,
    customers: &'state Table<u64, Customer>,
    consumers: &'state Table<String, Consumer>,
    businesses: &'state Table<u64, Business>,
    institution_logins: &'state Table<i64, InstitutionLogin>,
    tokens: &'state Table<String, Token>,
}

/// What is looked at first, since a document of another version may be wrong everywhere else.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: Value,
    #[serde(default)]
    version: Value,
}

impl Content {
    /// Reads a document of any size. Takes as long as that takes: some seconds for a million customers.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, InvalidSnapshot> {
        let head: Head = serde_json::from_slice(json).map_err(|error| match error.classify() {
            Category::Data => InvalidSnapshot::OtherFormat,
            Category::Io | Category::Syntax | Category::Eof => InvalidSnapshot::NotJson {
                line: error.line(),
                column: error.column(),
            },
        })?;
        if head.format != FORMAT {
            return Err(InvalidSnapshot::OtherFormat);
        }
        if head.version != VERSION {
            return Err(match head.version.as_u64() {
                Some(found) => InvalidSnapshot::OtherVersion { found },
                None => InvalidSnapshot::OtherFormat,
            });
        }
        // Paths are followed only once something is wrong, because that takes time.
        let mut content: Self = serde_json::from_slice(json).map_err(|_| wrong_member(json))?;
        content.meta.host_time = None;
        Ok(content)
    }
}

/// What is wrong with a document that cannot be read: names of members and ids, but no value and no token.
fn wrong_member(json: &[u8]) -> InvalidSnapshot {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Err(error) = serde_path_to_error::deserialize::<_, Content>(&mut deserializer) else {
        // It could not be read a moment ago.
        return InvalidSnapshot::OtherFormat;
    };
    let mut path = String::new();
    for segment in error.path() {
        if !path.is_empty() {
            path.push('.');
        }
        let secret = path == "tokens.";
        match segment {
            _ if secret => path.push('*'),
            Segment::Seq { index } => path.push_str(&index.to_string()),
            Segment::Map { key } => path.push_str(key),
            Segment::Enum { variant } => path.push_str(variant),
            Segment::Unknown => path.push('?'),
        }
    }
    if path.is_empty() {
        path.push_str("the top");
    }
    let inner = error.inner();
    let position = format!(" at line {} column {}", inner.line(), inner.column());
    let told = inner.to_string();
    let told = told.strip_suffix(&position).unwrap_or(&told);
    // Serde's other messages quote what they found.
    let names_only = ["unknown field", "missing field", "duplicate field", TWICE];
    let problem = if names_only.iter().any(|start| told.starts_with(start)) {
        told.to_owned()
    } else {
        format!("this is not what belongs there{position}")
    };
    InvalidSnapshot::Member { path, problem }
}

impl State {
    /// How it counts on, and what time it is.
    pub(crate) fn meta(&self) -> Meta {
        Meta {
            seed: self.config.seed,
            random: self.random.state(),
            next_customer_id: self.next_customer,
            next_business_id: self.next_business,
            next_institution_login_id: self.next_institution_login,
            issued_tokens: self.issued_tokens,
            now: self.clock.unpinned(),
            host_time: None,
        }
    }

    /// Everything that outlives a run. Takes as long as writing it takes: about a second for a million customers.
    pub(crate) fn snapshot(&self) -> String {
        let document = Document {
            format: FORMAT,
            version: VERSION,
            meta: self.meta(),
            partners: &self.partners,
            applications: &self.applications,
            customers: &self.customers,
            consumers: &self.consumers,
            businesses: &self.businesses,
            institution_logins: &self.institution_logins,
            tokens: &self.tokens,
        };
        // Writing our own rows into memory cannot fail: every key is text or a number.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Puts other records, partners and tokens in place of the present ones, and sets the clock. Faults and the log
    /// stay. What was there before is handed back, since dropping much takes time.
    pub(crate) fn adopt(&mut self, linked: Linked) -> impl Sized + use<> {
        let Linked { content, usernames } = linked;
        let Content {
            _format,
            _version,
            meta,
            partners,
            applications,
            customers,
            consumers,
            businesses,
            institution_logins,
            tokens,
        } = content;
        self.clock = Clock::resume(self.config.start, meta.now, meta.host_time);
        self.config.seed = meta.seed;
        self.random = Random::resume(meta.random);
        self.next_customer = meta.next_customer_id;
        self.next_business = meta.next_business_id;
        self.next_institution_login = meta.next_institution_login_id;
        self.issued_tokens = meta.issued_tokens;
        (
            std::mem::replace(&mut self.partners, partners),
            std::mem::replace(&mut self.applications, applications),
            std::mem::replace(&mut self.customers, customers),
            std::mem::replace(&mut self.consumers, consumers),
            std::mem::replace(&mut self.businesses, businesses),
            std::mem::replace(&mut self.institution_logins, institution_logins),
            std::mem::replace(&mut self.tokens, tokens),
            std::mem::replace(&mut self.usernames, usernames),
        )
    }
}

mod hexadecimal {
    //! A number as hexadecimal digits in text.

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
