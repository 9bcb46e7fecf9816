//! The program as it runs somewhere: a process of its own, with a log at TRACE, a collector of traces, a store and an audit
//! file. Everything that it leaves is searched for personal data and secrets, and so is what it was given to run with.

mod collector;
mod flow;

use std::{
    env, fs,
    io::Read as _,
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use openfinance_sandbox::{Config, Sandbox, Start};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};
use tonic::transport::Channel;

use self::collector::Collector;
use crate::canary;

/// Makes this test the program.
const CHILD: &str = "E2E_PROGRAM";
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the program keeps the one secret that it writes.
const SECRET: &str = "secret";

const SETTINGS: [(&str, &str); 8] = [
    ("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0"),
    ("OPENFINANCE_ADMIN__LISTEN", "127.0.0.1:0"),
    ("OPENFINANCE_LOG__LEVEL", "trace"),
    ("OPENFINANCE_LOG__FORMAT", "json"),
    ("OPENFINANCE_RETRY__ATTEMPT_TIMEOUT", "2s"),
    ("OPENFINANCE_RETRY__QUIET_TIME", "100ms"),
    ("OPENFINANCE_RETRY__WRITE_CAP", "2s"),
    (CHILD, "1"),
];

#[test]
fn nothing_that_the_program_leaves_holds_personal_data_or_secrets() {
    if env::var_os(CHILD).is_some() {
        let hardened = openfinance_gateway::harden();
        let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
        let arguments = ["openfinance-gateway".into()];
        let ended =
            openfinance_gateway::cli::run(hardened, arguments, env::vars_os(), &mut out, &mut err);
        assert!(ended == ExitCode::SUCCESS, "{ended:?}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(everything_is_searched());
}

async fn everything_is_searched() {
    let sandbox = Sandbox::start(Config {
        start: Start::Host,
        ..Config::for_tests()
    });
    let sandbox = sandbox.await.unwrap();
    let collector = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let partner = Config::default().partner;
    fs::write(path(SECRET), partner.secret).unwrap();
    fs::write(path("app_key"), partner.app_key).unwrap();
    let this = "program::nothing_that_the_program_leaves_holds_personal_data_or_secrets";
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env_clear()
        .envs(SETTINGS)
        .env("OPENFINANCE_PARTNER__ID", partner.id)
        .env("OPENFINANCE_PARTNER__SECRET_FILE", path(SECRET))
        .env("OPENFINANCE_PARTNER__APP_KEY_FILE", path("app_key"))
        .env("OPENFINANCE_UPSTREAM__BASE_URL", sandbox.base_url())
        .env("OPENFINANCE_SHARED__STORE_PATH", path("store"))
        .env("OPENFINANCE_SHARED__KEY", "07".repeat(32))
        .env("OPENFINANCE_AUDIT__PATH", path("audit"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .stdout(fs::File::create(path("stdout")).unwrap())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log = String::new();
    let serving = async {
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it has ended: {log}"));
            log.push_str(&line);
            log.push('\n');
            if line.contains("\"message\":\"serving\"") {
                return line;
            }
        }
    };
    let line = timeout(PATIENCE, serving).await.unwrap();
    let address = |key: &str| {
        let (_, rest) = line.split_once(&format!("\"{key}\":\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let (grpc, admin) = (address("grpc"), address("admin"));
    // The pipe is to be read while it works, or it would stop when the pipe is full.
    let rest = tokio::spawn(async move {
        let mut rest = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        rest
    });

    let channel = Channel::from_shared(format!("http://{grpc}")).unwrap();
    let called = flow::run(&channel.connect().await.unwrap(), sandbox.control()).await;

    for page in ["/metrics", "/readyz", "/livez"] {
        let admin = admin.parse().unwrap();
        let bytes = tokio::task::spawn_blocking(move || crate::world::page(admin, page));
        canary::scan_bytes(page, &bytes.await.unwrap().unwrap());
    }
    let pid = child.id().unwrap();
    environment(pid);
    let process = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    log.push_str(&rest.await.unwrap());
    assert!(status.success(), "{status}");
    sandbox.stop().await;

    canary::scan_bytes("the log", log.as_bytes());
    assert!(log.contains("\"level\":\"TRACE\""), "the log is not whole");
    let files = searched(folder.path());
    for name in ["audit", "stdout", "store"] {
        assert!(files.contains(&name.to_owned()), "{files:?}");
    }
    let (spans, traces) = collector.searched();
    for method in called {
        assert!(
            spans.iter().any(|span| span == method),
            "{method} has no span"
        );
    }
    assert!(
        traces > called.len(),
        "requests to the vendor have no spans"
    );
}

/// Searches what the program was started with, where the system lets us see it: a hardened process shows it to root alone.
fn environment(pid: u32) {
    let mut environment = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/environ"));
    if file
        .and_then(|mut file| file.read_to_end(&mut environment))
        .is_ok()
    {
        canary::scan_bytes("the environment", &environment);
    }
}

/// Searches every file that the program has written, but for the secrets, and answers their names.
fn searched(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if ![SECRET, "app_key"].contains(&name.as_str()) {
            canary::scan_bytes(&name, &fs::read(file.path()).unwrap());
            names.push(name);
        }
    }
    names
}
