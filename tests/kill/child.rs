//! The gateway that is killed: a process of its own, over a store that can stop for ever.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use openfinance::store::{
    Change, Committed, Kept, Key, Rate, Redb, Space, Store, StoreFuture, Taken,
};
use openfinance_gateway::{
    Gateway,
    config::{Config, Retry, SharedKey, Upstream, Vendor},
};
use openfinance_sandbox::Config as SandboxConfig;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tonic::transport::Channel;

use crate::point::Stop;

/// Makes this program the gateway; then come the sandbox's URL, the store's file, and where to stop.
pub(crate) const FLAG: &str = "--gateway";
/// No record comes into being later than this after its request was lost.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// A store that stops for ever, and says so, when it is asked for the change of a certain kind.
struct Stopping {
    inner: Arc<Redb>,
    stop: Option<Stop>,
}

impl Stopping {
    async fn reach(&self, here: Stop, changes: &[Change]) {
        let meant = |change: &Change| {
            change.key.space == Space::Intent
                && match here {
                    Stop::BeforeIntent | Stop::AfterIntent => {
                        change.expected.is_none() && change.new.is_some()
                    }
                    Stop::BeforeOutcome | Stop::AfterOutcome => change.new.is_none(),
                }
        };
        if self.stop == Some(here) && changes.iter().any(meant) {
            println!("stopped");
            std::future::pending::<()>().await;
        }
    }
}

impl Store for Stopping {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        self.inner.get(key)
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Box::pin(async move {
            self.reach(Stop::BeforeIntent, changes).await;
            self.reach(Stop::BeforeOutcome, changes).await;
            let committed = self.inner.commit(changes).await;
            self.reach(Stop::AfterIntent, changes).await;
            self.reach(Stop::AfterOutcome, changes).await;
            committed
        })
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        self.inner.list(space)
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.inner.take(key, rate)
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}

/// The audit file of the gateway over this store.
pub(crate) fn audit_path(store: &Path) -> PathBuf {
    store.with_extension("audit")
}

/// Runs the gateway until whoever started it is gone.
pub(crate) async fn run(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().unwrap();
    let (url, path, stop) = (next(), next(), next());
    let inner = Arc::new(Redb::open(Path::new(&path), Timestamp::now).unwrap());
    let store = Stopping {
        inner: Arc::clone(&inner),
        stop: Stop::of(&stop),
    };
    let partner = SandboxConfig::default().partner;
    let mut config = Config::for_tests(Upstream::Vendor(Vendor {
        base_url: url.parse().unwrap(),
        partner_id: partner.id,
        partner_secret: partner.secret.into(),
        secret_file: None,
        app_key: partner.app_key.into(),
    }));
    config.shared.key = SharedKey::new([7; 32]);
    config.audit_path = Some(audit_path(Path::new(&path)));
    config.retry = Retry {
        quiet_time: QUIET_TIME,
        ..Retry::default()
    };
    let gateway = Gateway::start_with_store(config, Arc::new(store))
        .await
        .unwrap();
    println!("serving {}", gateway.grpc_address());
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await.unwrap() {
        assert_eq!(order, "intents");
        println!("intents {}", inner.list(Space::Intent).await.unwrap().len());
    }
}

/// A gateway process as its parent sees it. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Process {
    pub(crate) async fn start(url: &str, store: &Path, stop: Option<Stop>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([FLAG, url])
            .arg(store)
            .arg(stop.map_or("nowhere", Stop::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self {
            child,
            orders,
            lines,
            address: String::new(),
        };
        process.address = process.says("serving ").await;
        process
    }

    /// The rest of the next line, which begins with `word`.
    async fn says(&mut self, word: &str) -> String {
        let line = self.lines.next_line().await.unwrap();
        let line = line.expect("the gateway has ended");
        line.strip_prefix(word)
            .unwrap_or_else(|| panic!("it says {line}"))
            .to_owned()
    }

    /// Waits until the store has stopped.
    pub(crate) async fn stopped(&mut self) {
        self.says("stopped").await;
    }

    /// How many creates are not settled.
    pub(crate) async fn intents(&mut self) -> usize {
        self.orders.write_all(b"intents\n").await.unwrap();
        self.says("intents ").await.parse().unwrap()
    }

    /// A connection to it.
    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Kills it (SIGKILL).
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
