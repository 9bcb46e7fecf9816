//! The gateway as a process of its own, over a sandbox in this one.

use std::{fs, net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use openfinance_sandbox::{Config, Control, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};
use tonic::{Status, transport::Channel};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    sandbox: Sandbox,
    /// With `settings.toml`, `secret` and `store`.
    folder: tempfile::TempDir,
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    /// A gateway with these settings beside those that it needs.
    pub(crate) async fn start(settings: &str) -> Self {
        let mut config = Config::for_tests();
        config.start = openfinance_sandbox::Start::Host;
        let partner = config.partner.clone();
        let sandbox = Sandbox::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("secret"), &partner.secret).unwrap();
        fs::write(path("settings.toml"), settings).unwrap();
        let text = |path: PathBuf| path.display().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_openfinance-gateway"))
            .arg("--config")
            .arg(path("settings.toml"))
            .env_clear()
            .envs([
                ("OPENFINANCE_PARTNER__ID", partner.id),
                ("OPENFINANCE_PARTNER__SECRET_FILE", text(path("secret"))),
                ("OPENFINANCE_PARTNER__APP_KEY", partner.app_key),
                ("OPENFINANCE_UPSTREAM__BASE_URL", sandbox.base_url()),
                ("OPENFINANCE_SHARED__STORE_PATH", text(path("store"))),
                ("OPENFINANCE_SHARED__KEY", "07".repeat(32)),
                ("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0".to_owned()),
                ("OPENFINANCE_ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
            ])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = until(&mut log, "\"message\":\"serving\"").await;
        let address = |key: &str| {
            let (_, rest) = line.split_once(&format!("\"{key}\":\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        Self {
            grpc: address("grpc"),
            admin: address("admin"),
            sandbox,
            folder,
            child,
            log,
        }
    }

    pub(crate) fn sandbox(&self) -> &Control {
        self.sandbox.control()
    }

    /// Puts this into a file of its folder, at once as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.folder.path().join(name)).unwrap();
    }

    /// The next line of its log with this in it.
    pub(crate) async fn logs(&mut self, words: &str) -> String {
        until(&mut self.log, words).await
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, which must be a good one, and answers what else it has logged.
    pub(crate) async fn ends(mut self) -> String {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it does not end").unwrap();
        let mut log = String::new();
        while let Some(line) = self.log.next_line().await.unwrap() {
            log.push_str(&line);
            log.push('\n');
        }
        assert!(status.success(), "{status}: {log}");
        self.sandbox.stop().await;
        log
    }

    pub(crate) async fn customers(&self) -> CustomerServiceClient<Channel> {
        let address = format!("http://{}", self.grpc);
        CustomerServiceClient::connect(address).await.unwrap()
    }
}

/// Lists the customers, of whom there are none.
pub(crate) async fn list(customers: &mut CustomerServiceClient<Channel>) -> Result<(), Status> {
    let answer = customers.list_customers(pb::ListCustomersRequest::default());
    answer.await.map(|_| ())
}

async fn until(log: &mut Lines<BufReader<ChildStderr>>, words: &str) -> String {
    let found = async {
        loop {
            let line = log.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the log ended before: {words}"));
            assert!(!line.contains("Secret1234"), "{line}");
            if line.contains(words) {
                return line;
            }
        }
    };
    timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("the log has no line with: {words}"))
}
