//! The settings of a gateway, as one checked value.
//!
//! Flags come first, then the environment (`OPENFINANCE_PARTNER__ID`), then the TOML file. Every secret may also be the
//! content of a file (`partner.secret_file`). All that is wrong is told at once, and no secret is ever printed.
//! [`Key`] lists the settings, [`Settings`] reads them, and [`Config`] is what they come to.

pub mod auth;
mod check;
mod duration;
mod files;
mod key;
mod load;
mod port;
mod problem;
mod show;
mod source;
mod state;
mod web;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use openfinance::{BaseUrl, store::Rate};
use secrecy::{SecretBox, SecretString};

pub(crate) use files::Files;
pub use key::Key;
pub use load::{admin_listen, shared_key};
pub use port::{ClientCertificates, Port, Tls, TlsVersion};
pub use problem::{Problem, Problems};
pub use source::Source;
pub(crate) use state::State;
pub use web::Web;

/// How long a stop may take in all, from the signal on: whatever still runs then is cut.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// What the command line says about the settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// Run against the embedded sandbox. What is set for the vendor, `partner.*` and `upstream.*`, is then ignored.
    pub sandbox: bool,
    /// Take callers from other machines although nothing protects them.
    pub insecure: bool,
}

/// Settings as they were read: what they come to, and how that came about.
#[derive(Debug)]
pub struct Settings {
    /// What is in force.
    pub config: Config,
    /// The settings that were given, right or wrong, and that `--sandbox` ignores, such as `partner.id`.
    pub ignored: Vec<&'static str>,
    /// What is allowed and hardly meant, such as callers that nobody lets do anything.
    pub warnings: Vec<Problem>,
    sources: Sources,
    read: Read,
}

/// Settings that can't be used.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) problems: Problems,
    /// What they were read from, and would have been: a file that is not there yet is one of them.
    pub(crate) files: Files,
}

/// Why settings are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Occasion {
    /// For a gateway that starts, or that could.
    #[default]
    Start,
    /// For one that runs.
    Again,
}

/// What was read beside the settings themselves.
#[derive(Debug, Default)]
struct Read {
    /// What something was read from.
    files: Files,
    /// What tells the secrets that were given from others, and tells nothing else of them.
    secrets: BTreeMap<&'static str, [u8; 32]>,
}

/// Where each setting that was given came from.
type Sources = BTreeMap<&'static str, Source>;

impl Settings {
    /// Reads and checks the settings from `flags`, the variables of `environment` and the file.
    ///
    /// # Errors
    /// [`Problems`]: everything that is wrong with the settings, not only what was found first.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        load::load(flags, environment, Occasion::Start).map_err(|wrong| wrong.problems)
    }

    /// As [`Settings::load`], for a gateway that runs: what it has already counts on where a file of an issuer's keys can't
    /// be used for now, or nothing can be written beside its store, which is no reason to let a caller in whose key was
    /// taken away.
    ///
    /// # Errors
    /// [`Wrong`], for the same reasons.
    pub(crate) fn load_again(
        flags: &Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Wrong> {
        load::load(flags, environment, Occasion::Again)
    }

    /// What is in force, in a form that can be held against that of another moment.
    pub(crate) fn state(&self) -> State {
        State::of(self)
    }

    /// The files that the settings were read from, each as it was before it was read.
    pub(crate) fn files(&self) -> &Files {
        &self.read.files
    }

    /// What is in force, as TOML with each setting's source beside it and secrets masked.
    #[must_use]
    pub fn show(&self) -> String {
        show::show(&self.config, &self.sources)
    }
}

/// The settings of a gateway. `Debug` prints no secret.
#[derive(Debug)]
pub struct Config {
    /// Where customer records are kept.
    pub upstream: Upstream,
    /// What replicas of the gateway share.
    pub shared: Shared,
    /// Where gRPC is served, `grpc.listen`.
    pub grpc_listen: SocketAddr,
    /// What pages in browsers may call, `grpc.web` and `grpc.web_origins`; `None` where HTTP/2 alone is spoken.
    pub web: Option<Web>,
    /// Where `/livez`, `/readyz` and `/metrics` are served, `admin.listen`.
    pub admin_listen: SocketAddr,
    /// Who may call, `auth.*` and `[[policy]]`.
    pub auth: auth::Auth,
    /// TLS of the gRPC port, `tls.*`; none without it.
    pub tls: Option<Tls>,
    /// What peers may take of the gRPC port.
    pub port: Port,
    /// For how long calls may run.
    pub deadline: Deadlines,
    /// For how long a call is tried at the vendor.
    pub retry: Retry,
    /// How often each caller may call.
    pub limits: Limits,
    /// For how long calls in flight may run on when the gateway stops, `drain.grace`.
    pub drain_grace: Duration,
    /// The file with a line for each write and each read of records, `audit.path`; `None` if there is none.
    pub audit_path: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
}

/// Where customer records are kept.
#[derive(Debug)]
pub enum Upstream {
    /// At the vendor.
    Vendor(Vendor),
    /// In a sandbox that the gateway starts in its own process.
    Sandbox {
        /// Where the sandbox listens, `sandbox.listen`.
        listen: SocketAddr,
    },
}

/// The vendor's host and the partner's credentials there.
#[derive(Debug)]
pub struct Vendor {
    /// Scheme, host and port of the vendor, `upstream.base_url`.
    pub base_url: BaseUrl,
    /// The partner id, `partner.id`.
    pub partner_id: String,
    /// The partner secret, `partner.secret`.
    pub partner_secret: SecretString,
    /// The file that the secret was read from, `partner.secret_file`, where a new one is written when it is changed.
    pub secret_file: Option<PathBuf>,
    /// The key of the registered application that calls, `partner.app_key`.
    pub app_key: SecretString,
}

/// What survives a restart, and what replicas of the gateway share. Without a path and a URL, as in sandbox mode, nothing
/// does.
#[derive(Debug)]
pub struct Shared {
    /// The file, or a folder for it, that keeps what must survive a restart of a gateway that runs alone,
    /// `shared.store_path`.
    pub store_path: Option<PathBuf>,
    /// The Redis that replicas share, `shared.redis_url`. Goes before the path.
    pub redis_url: Option<SecretString>,
    /// What the keys for page tokens, fingerprints and values at rest are derived from, `shared.key`.
    pub key: SharedKey,
}

/// 32 random bytes, the same on all replicas.
#[derive(Debug)]
pub struct SharedKey(SecretBox<[u8; 32]>);

impl SharedKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// The key of sandbox mode. It is in the public source and protects nothing, as nothing there is worth it.
    #[must_use]
    pub fn sandbox() -> Self {
        Self::new(*b"public key of the sandbox mode. ")
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

/// For how long calls may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Of a call without `grpc-timeout`, `deadline.default`.
    pub default: Duration,
    /// Of any call, whatever it asks for, `deadline.max`.
    pub max: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            default: Duration::from_secs(20),
            max: Duration::from_secs(60),
        }
    }
}

/// For how long a call is tried at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How long one attempt may take, `retry.attempt_timeout`. The vendor's figure is 20 seconds.
    pub attempt_timeout: Duration,
    /// How long the vendor may still be at work on a request whose answer was lost, `retry.quiet_time`: a record that
    /// can't be read only then is taken for not created.
    pub quiet_time: Duration,
    /// How long a write may take from when it was first sent, over all its attempts and read-backs,
    /// `retry.write_cap`.
    pub write_cap: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(20),
            quiet_time: Duration::from_secs(30),
            write_cap: Duration::from_secs(30),
        }
    }
}

/// How much callers may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Calls of any kind of each caller, over all replicas together, `limits.calls_per_second` and `limits.calls_burst`.
    /// Without end unless set.
    pub calls: Option<Rate>,
    /// Calls that create something, which count as calls too, `limits.creates_per_second` and `limits.creates_burst`.
    /// Without end unless set.
    pub creates: Option<Rate>,
    /// How many calls this replica carries at once, of all callers together.
    pub bounds: Bounds,
}

/// How many calls this replica carries at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many calls may be at the vendor, `limits.in_flight`.
    pub in_flight: usize,
    /// How many calls may wait for a place there, `limits.waiting`.
    pub waiting: usize,
    /// How many of the places at the vendor are for writes alone, `limits.reserved_for_writes`: the same share of those
    /// who wait is too.
    pub reserved_for_writes: usize,
    /// How long a call waits for a place at most, `limits.longest_wait`, and no longer than a quarter of its time.
    pub longest_wait: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            in_flight: 256,
            waiting: 256,
            reserved_for_writes: 32,
            longest_wait: Duration::from_millis(500),
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How lines look, `log.format`.
    pub format: LogFormat,
    /// What is logged, in the words of tracing's `EnvFilter`, `log.level`.
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Config {
    /// Settings for a test: free ports of the loopback interface, and otherwise the defaults.
    #[must_use]
    pub fn for_tests(upstream: Upstream) -> Self {
        let free_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            upstream,
            shared: Shared {
                store_path: None,
                redis_url: None,
                key: SharedKey::sandbox(),
            },
            grpc_listen: free_port,
            web: None,
            admin_listen: free_port,
            auth: auth::Auth::default(),
            tls: None,
            port: Port::default(),
            deadline: Deadlines::default(),
            retry: Retry::default(),
            limits: Limits::default(),
            drain_grace: Duration::from_secs(10),
            audit_path: None,
            log: Log {
                format: LogFormat::Json,
                level: "info".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
