//! From settings as written to settings as meant, with every rule that they must keep.

mod auth;
mod limits;
mod port;
mod read;
mod web;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use openfinance::{BaseUrl, store::Redis, value::InvalidValue};
use secrecy::SecretString;

use super::{
    Config, DRAIN_LIMIT, Deadlines, Flags, Key, Log, LogFormat, Occasion, Problem, Problems, Read,
    Retry, Settings, Shared, SharedKey, Sources, Upstream, Vendor, Wrong, check, duration,
    source::Entries,
};

/// The vendor's host.
const VENDOR: &str = "https://api.finicity.com";

pub(super) fn load(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
    occasion: Occasion,
) -> Result<Settings, Wrong> {
    let mut read = Reader::new(flags, environment);
    read.occasion = occasion;
    read.entries.forget_lost_file();
    let ignored = if flags.sandbox {
        read.ignore_vendor()
    } else {
        Vec::new()
    };
    let upstream = if flags.sandbox {
        Some(read.sandbox())
    } else {
        read.vendor()
    };
    let shared = read.shared(flags.sandbox);
    let auth = read.auth();
    let tls = read.tls(&auth);
    // What is wrong with TLS is told already.
    let encrypted =
        tls.is_some() || read.entries.is_wrong("tls.cert") || read.entries.is_wrong("tls.key");
    let grpc_listen = read.grpc_listen(flags.insecure || (encrypted && auth.is_on()));
    let web = read.web(&auth);
    let admin_listen = read.address("admin.listen", ADMIN_LISTEN);
    let port = read.port();
    let deadline = read.deadlines();
    let retry = read.retry();
    let limits = read.limits();
    let drain_grace = read.drain_grace();
    let audit_path = read.audit_path();
    let log = read.log();
    let Reader {
        entries,
        sources,
        read,
        warnings,
        occasion: _,
    } = read;
    match (upstream, shared, entries.problems) {
        (Some(upstream), Some(shared), problems) if problems.is_empty() => Ok(Settings {
            config: Config {
                upstream,
                shared,
                grpc_listen,
                web,
                admin_listen,
                auth,
                tls,
                port,
                deadline,
                retry,
                limits,
                drain_grace,
                audit_path,
                log,
            },
            ignored,
            warnings,
            sources,
            read,
        }),
        (_, _, problems) => Err(Wrong {
            problems: Problems(problems),
            files: read.files,
        }),
    }
}

const GRPC_LISTEN: SocketAddr = local(50_051);
const ADMIN_LISTEN: SocketAddr = local(9_464);
const SANDBOX_LISTEN: SocketAddr = local(8_080);

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

/// `admin.listen` alone, for a health check beside a gateway: whatever else is set, right or wrong, is not looked at.
///
/// # Errors
/// [`Problems`] if it can't be read.
pub fn admin_listen(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<SocketAddr, Problems> {
    let mut read = Reader::new(flags, environment);
    let address = read.address("admin.listen", ADMIN_LISTEN);
    let mut problems = read.entries.problems;
    // A file that can't be read may say another address, and has a problem without a key.
    problems.retain(|problem| problem.key == "admin.listen" || problem.key.is_empty());
    if problems.is_empty() {
        Ok(address)
    } else {
        Err(Problems(problems))
    }
}

/// `shared.key` alone, for reading an audit file beside a gateway: whatever else is set, right or wrong, is not looked at.
///
/// # Errors
/// [`Problems`] if it is missing or wrong.
pub fn shared_key(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<SharedKey, Problems> {
    let mut read = Reader::new(flags, environment);
    let key = read.shared_key(flags.sandbox);
    let mut problems = read.entries.problems;
    problems.retain(|problem| problem.key.starts_with("shared.key") || problem.key.is_empty());
    match key {
        Some(key) if problems.is_empty() => Ok(key),
        Some(_) | None => Err(Problems(problems)),
    }
}

/// Takes settings one by one and notes what is wrong with them. A setting that is wrong reads as its default, so that
/// the others are checked too.
pub(super) struct Reader {
    pub(super) entries: Entries,
    pub(super) sources: Sources,
    read: Read,
    /// What is told although nothing is wrong with it.
    pub(super) warnings: Vec<Problem>,
    pub(super) occasion: Occasion,
}

impl Reader {
    fn new(flags: &Flags, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut entries = Entries::default();
        // The environment first: what it says wins.
        entries.add_environment(environment);
        let mut read = Read::default();
        if let Some(path) = &flags.file {
            read.files.add(path);
            entries.read_file(path);
        }
        Self {
            entries,
            sources: Sources::new(),
            read,
            warnings: Vec::new(),
            occasion: Occasion::default(),
        }
    }

    fn vendor(&mut self) -> Option<Upstream> {
        let partner_id = self.required("partner.id");
        let secret_file = self.entries.file("partner.secret");
        let partner_secret = self.required("partner.secret").map(SecretString::from);
        let app_key = self.required("partner.app_key").map(SecretString::from);
        let base_url = self.base_url();
        Some(Upstream::Vendor(Vendor {
            base_url: base_url?,
            partner_id: partner_id?,
            partner_secret: partner_secret?,
            secret_file,
            app_key: app_key?,
        }))
    }

    fn sandbox(&mut self) -> Upstream {
        Upstream::Sandbox {
            listen: self.address("sandbox.listen", SANDBOX_LISTEN),
        }
    }

    /// Leaves out what only concerns the vendor, right or wrong, and says what that was: the sandbox brings a vendor
    /// and a partner of its own.
    fn ignore_vendor(&mut self) -> Vec<&'static str> {
        let names = Key::ALL.iter().map(|key| key.name);
        names
            .filter(|name| name.starts_with("partner.") || name.starts_with("upstream."))
            .filter(|name| {
                let was_wrong = self.entries.forgive(name);
                self.entries.take(name).is_some() || was_wrong
            })
            .collect()
    }

    fn base_url(&mut self) -> Option<BaseUrl> {
        let Some(entry) = self.take("upstream.base_url") else {
            return VENDOR.parse().ok();
        };
        match entry.text.parse() {
            Ok(url) => Some(url),
            Err(rule) => {
                self.refuse("upstream.base_url", &entry, &InvalidValue::to_string(&rule));
                None
            }
        }
    }

    fn shared(&mut self, sandbox: bool) -> Option<Shared> {
        let redis_given = self.entries.source("shared.redis_url").is_some();
        let redis_url = self.redis_url();
        let store_path = self.store_path();
        if !sandbox && !redis_given && store_path.is_none() {
            self.missing(
                "shared.store_path",
                "is required, or shared.redis_url: a file in a folder that the gateway may write to",
            );
        }
        let key = self.shared_key(sandbox);
        Some(Shared {
            store_path,
            redis_url,
            key: key?,
        })
    }

    fn redis_url(&mut self) -> Option<SecretString> {
        let entry = self.take("shared.redis_url")?;
        let text = self.content("shared.redis_url", &entry)?;
        if Redis::connect(&text).is_ok() {
            return Some(text.into());
        }
        self.refuse(
            "shared.redis_url",
            &entry,
            "must be a URL such as redis://127.0.0.1:6379 or rediss://user:password@redis.example.com",
        );
        None
    }

    fn store_path(&mut self) -> Option<PathBuf> {
        let entry = self.take("shared.store_path")?;
        let path = PathBuf::from(&entry.text);
        // Another one takes a restart, and is tried out then. The one that is open may be on a disk that is full, and that
        // must not keep a key from being taken back.
        if self.occasion == Occasion::Again {
            return Some(path);
        }
        match check::store(&path) {
            Ok(()) => Some(path),
            Err(message) => {
                self.refuse("shared.store_path", &entry, &message);
                None
            }
        }
    }

    fn shared_key(&mut self, sandbox: bool) -> Option<SharedKey> {
        let Some(entry) = self.take("shared.key") else {
            if sandbox {
                return Some(SharedKey::sandbox());
            }
            self.missing(
                "shared.key",
                "is required: 64 random hexadecimal digits, as `openssl rand -hex 32` makes",
            );
            return None;
        };
        let text = self.content("shared.key", &entry)?;
        let key = check::hex_key(&text).map(SharedKey::new);
        if key.is_none() {
            self.refuse("shared.key", &entry, "must be 64 hexadecimal digits");
        }
        key
    }

    fn grpc_listen(&mut self, anywhere: bool) -> SocketAddr {
        let Some(entry) = self.take("grpc.listen") else {
            return GRPC_LISTEN;
        };
        match entry.text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() || anywhere => address,
            Ok(_) => {
                let message = "other machines could call with nothing to protect or identify them: set tls.cert and \
                               tls.key, and auth.mtls, auth.jwt or [[auth.keys]]; or listen on 127.0.0.1, or start with \
                               --insecure";
                self.refuse("grpc.listen", &entry, message);
                GRPC_LISTEN
            }
            Err(_) => {
                self.refuse("grpc.listen", &entry, read::NOT_AN_ADDRESS);
                GRPC_LISTEN
            }
        }
    }

    fn deadlines(&mut self) -> Deadlines {
        let Deadlines { default, max } = Deadlines::default();
        let source = self.entries.source("deadline.default");
        let given = self.duration("deadline.default");
        let max = self.duration("deadline.max").unwrap_or(max);
        let max_is_meant = !self.entries.file_is_lost && !self.entries.is_wrong("deadline.max");
        if max_is_meant && given.is_some_and(|given| given > max) {
            let max = duration::show(max);
            self.entries.problems.push(Problem {
                key: "deadline.default".to_owned(),
                source,
                message: format!("must not be longer than deadline.max, {max}"),
            });
        }
        // Our default is nobody's wish: a shorter limit holds for it too.
        Deadlines {
            default: given.unwrap_or(default.min(max)),
            max,
        }
    }

    fn retry(&mut self) -> Retry {
        let Retry {
            attempt_timeout,
            quiet_time,
            write_cap,
        } = Retry::default();
        Retry {
            attempt_timeout: self
                .duration("retry.attempt_timeout")
                .unwrap_or(attempt_timeout),
            quiet_time: self.duration("retry.quiet_time").unwrap_or(quiet_time),
            write_cap: self.duration("retry.write_cap").unwrap_or(write_cap),
        }
    }

    fn drain_grace(&mut self) -> Duration {
        let source = self.entries.source("drain.grace");
        let grace = self
            .duration("drain.grace")
            .unwrap_or(Duration::from_secs(10));
        if grace > DRAIN_LIMIT {
            let message = format!("must not be longer than {}", duration::show(DRAIN_LIMIT));
            self.entries.problems.push(Problem {
                key: "drain.grace".to_owned(),
                source,
                message,
            });
        }
        grace
    }

    fn log(&mut self) -> Log {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let default = if terminal {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        let format = self
            .take("log.format")
            .map_or(default, |entry| match entry.text.as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => {
                    self.refuse("log.format", &entry, "must be text or json");
                    default
                }
            });
        let level = self.take("log.level").map_or("info".to_owned(), |entry| {
            if tracing_subscriber::EnvFilter::try_new(&entry.text).is_err() || entry.text.is_empty()
            {
                self.refuse(
                    "log.level",
                    &entry,
                    "must be a level such as info, or directives such as info,h2=debug",
                );
            }
            entry.text
        });
        Log { format, level }
    }

    fn audit_path(&mut self) -> Option<PathBuf> {
        let entry = self.take("audit.path")?;
        let path = PathBuf::from(&entry.text);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let has_folder = folder.is_none_or(std::path::Path::is_dir);
        if entry.text.is_empty() || path.is_dir() || !has_folder {
            let message =
                "must be a file, there or not yet, in a folder that the gateway may write to";
            self.refuse("audit.path", &entry, message);
            return None;
        }
        Some(path)
    }
}
