//! The gateway as a process of its own, over any vendor. Benchmarks include this file too.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "its users need different parts of it, and one that can't go on ends there"
)]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use openfinance_rpc::pb::customer_service_client::CustomerServiceClient;
use openfinance_sandbox::Config;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked for more of the log.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Program {
    /// With `settings.toml`, `secret`, `store` and `log`.
    folder: tempfile::TempDir,
    child: Child,
    /// A file, as a pipe that nobody reads would hold the gateway up.
    log: BufReader<File>,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Program {
    /// A gateway over the vendor at this URL, or over the sandbox in its own process where there is none, with these
    /// settings and variables beside those that it needs.
    pub(crate) async fn start(
        vendor: Option<&str>,
        settings: &str,
        variables: &[(&str, String)],
    ) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_openfinance-gateway"));
        Self::under(program, vendor, settings, variables).await
    }

    /// The same, of a command that starts a gateway with the arguments that are added to it.
    pub(crate) async fn under(
        mut command: Command,
        vendor: Option<&str>,
        settings: &str,
        variables: &[(&str, String)],
    ) -> Self {
        let partner = Config::for_tests().partner;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("secret"), &partner.secret).unwrap();
        fs::write(path("settings.toml"), settings).unwrap();
        let text = |path: PathBuf| path.display().to_string();
        let log = File::create(path("log")).unwrap();
        command
            .arg("--config")
            .arg(path("settings.toml"))
            .env_clear()
            .envs([
                ("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0"),
                ("OPENFINANCE_ADMIN__LISTEN", "127.0.0.1:0"),
            ]);
        if let Some(base_url) = vendor {
            command.envs([
                ("OPENFINANCE_PARTNER__ID", partner.id),
                ("OPENFINANCE_PARTNER__SECRET_FILE", text(path("secret"))),
                ("OPENFINANCE_PARTNER__APP_KEY", partner.app_key),
                ("OPENFINANCE_UPSTREAM__BASE_URL", base_url.to_owned()),
                ("OPENFINANCE_SHARED__KEY", "07".repeat(32)),
            ]);
            if !settings.contains("redis_url") {
                command.env("OPENFINANCE_SHARED__STORE_PATH", text(path("store")));
            }
        } else {
            command.arg("--sandbox");
            command.env("OPENFINANCE_SANDBOX__LISTEN", "127.0.0.1:0");
        }
        let child = command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(File::open(path("log")).unwrap());
        let line = until(&mut log, "\"message\":\"serving\"").await;
        let address = |key: &str| {
            let (_, rest) = line.split_once(&format!("\"{key}\":\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        Self {
            grpc: address("grpc"),
            admin: address("admin"),
            folder,
            child,
            log,
        }
    }

    /// A place in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts this into a file of its folder, at once as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.path(name)).unwrap();
    }

    /// The next line of its log with this in it.
    pub(crate) async fn logs(&mut self, words: &str) -> String {
        until(&mut self.log, words).await
    }

    /// All that it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
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
        std::io::Read::read_to_string(&mut self.log, &mut log).unwrap();
        assert!(status.success(), "{status}: {log}");
        assert!(!self.log().contains("Secret1234"), "{log}");
        log
    }

    /// Tells it to stop, and waits for its end as [`Program::ends`] does.
    pub(crate) async fn stop(self) -> String {
        self.signal(Signal::TERM);
        self.ends().await
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.grpc)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel().await)
    }

    /// What gRPC health says.
    pub(crate) async fn health(&self) -> ServingStatus {
        let mut health = HealthClient::new(self.channel().await);
        let answer = health.check(HealthCheckRequest::default()).await;
        answer.unwrap().into_inner().status()
    }

    /// What the admin port answers, its head included.
    pub(crate) async fn admin(&self, path: &str) -> String {
        answer_of(self.admin, path).await
    }

    /// Whether the admin port says yes.
    pub(crate) async fn says_yes(&self, path: &str) -> bool {
        self.admin(path).await.starts_with("HTTP/1.1 200 ")
    }
}

/// What the admin port at this address answers, its head included.
pub(crate) async fn answer_of(admin: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn until(log: &mut BufReader<File>, words: &str) -> String {
    let mut line = String::new();
    let found = async {
        loop {
            log.read_line(&mut line).unwrap();
            // Half a line is read on when there is more.
            if !line.ends_with('\n') {
                sleep(LOOK).await;
                continue;
            }
            assert!(!line.contains("Secret1234"), "{line}");
            if line.contains(words) {
                return;
            }
            line.clear();
        }
    };
    let found = timeout(PATIENCE, found).await;
    assert!(found.is_ok(), "the log has no line with: {words}");
    line
}
