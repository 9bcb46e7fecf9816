//! Runs the programs of one client, each against a world of its own, and counts what they print.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use openfinance::store::Rate;
use openfinance_gateway::config::{Config, Upstream};
use openfinance_sandbox::Snapshot;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use super::{BEHAVIOURS, BURST, credentials, table};
use crate::{built::by_hand, canary, world::World};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// How long a program may take that is built already.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long it may take to fetch what a client is made of, and to build it.
const BUILDING: Duration = Duration::from_secs(600);
/// How many customers there are before the behaviours begin: more than the vendor has on two pages.
const CROWD: u64 = 2_500;

/// Builds the client in this folder, makes its first call, and has it show all that a client shows, and `more`.
pub(super) async fn shows_everything(language: &str, more: &[&str]) {
    canary::watch_the_log();
    let program = Program {
        script: PathBuf::from(format!("{ROOT}/tests/clients/{language}/run")),
    };
    let said = program.ends_well("build", BUILDING, &[]).await;
    canary::scan_bytes("what the build printed", said.as_bytes());

    let world = World::start().await;
    let address = world.grpc_address().to_string();
    let where_to = [("GATEWAY_PLAINTEXT_ADDRESS", address)];
    let said = program.ends_well("quickstart", PATIENCE, &where_to).await;
    canary::scan_bytes("what the quick start printed", said.as_bytes());
    assert!(world.calls() > 0, "the quick start has called nobody");
    world.stop().await;

    let rows = table::names();
    let home = Home::new();
    program.shows("conformance", home, &rows, conformance).await;

    let behaviours = BEHAVIOURS.iter().chain(more);
    let behaviours = behaviours.map(|name| (*name).to_owned()).collect();
    program
        .shows("behaviours", Home::new(), &behaviours, behaviour)
        .await;
}

/// The gateway of the table: its limits can be met by one caller after the other.
fn conformance(settings: &mut Config, own: &Path) {
    // A call without an answer ends here, so that the reason comes from the gateway and not from the client's clock.
    settings.deadline.max = Duration::from_secs(4);
    settings.limits.calls = Some(Rate {
        // As good as nothing comes back while the table runs, however slow the machine is.
        per_second: 0.1,
        burst: BURST,
    });
    let Upstream::Vendor(vendor) = &mut settings.upstream else {
        panic!("the world's gateway calls a sandbox of its own");
    };
    let secret = own.join("secret");
    fs::write(
        &secret,
        openfinance_sandbox::Config::default().partner.secret,
    )
    .unwrap();
    vendor.secret_file = Some(secret);
}

/// The gateway of the behaviours: it closes connections that do nothing.
fn behaviour(settings: &mut Config, _own: &Path) {
    settings.port.idle_timeout = Duration::from_secs(1);
}

/// The folders of one world.
struct Home {
    /// What clients read.
    credentials: TempDir,
    /// What only the gateway reads and writes.
    own: TempDir,
}

impl Home {
    fn new() -> Self {
        let [credentials, own] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Self { credentials, own }
    }
}

/// The script `run` of a client.
struct Program {
    script: PathBuf,
}

impl Program {
    /// Runs a program of the client in a world of its own, and holds what it has shown against what it should show.
    async fn shows(
        &self,
        what: &str,
        home: Home,
        expected: &BTreeSet<String>,
        change: impl FnOnce(&mut Config, &Path),
    ) {
        let (credentials, own) = (home.credentials.path(), home.own.path());
        let world = World::with_gateway(
            |_| (),
            |settings| {
                credentials::give(settings, credentials, own);
                settings.audit_path = Some(own.join("audit.jsonl"));
                change(settings, own);
            },
        )
        .await;
        if what == "behaviours" {
            gather(&world);
        }
        let variables = [
            (
                "GATEWAY_ADDRESS",
                format!("localhost:{}", world.grpc_address().port()),
            ),
            ("GATEWAY_CREDENTIALS", credentials.display().to_string()),
            ("SANDBOX_URL", world.sandbox_url()),
            ("CONFORMANCE_TABLE", table::PATH.to_owned()),
            (
                "SERVICE_CONFIG",
                format!("{ROOT}/proto/service_config.json"),
            ),
        ];
        let said = self.ends_well(what, PATIENCE, &variables).await;
        let shown = said.lines().filter_map(|line| line.strip_prefix("ok "));
        let shown: Vec<&str> = shown.collect();
        let set: BTreeSet<String> = shown.iter().map(|name| (*name).to_owned()).collect();
        let missing: Vec<_> = expected.difference(&set).collect();
        let unheard: Vec<_> = set.difference(expected).collect();
        assert!(
            missing.is_empty() && unheard.is_empty() && shown.len() == expected.len(),
            "{what} did not show {missing:?}, and shows {unheard:?} of which nobody knows:\n{said}"
        );
        let closing = format!("{} passed, 0 failed", expected.len());
        assert_eq!(said.lines().next_back(), Some(&*closing), "{said}");
        canary::scan_bytes(&format!("what {what} printed"), said.as_bytes());
        world.stop().await;
    }

    /// Runs the script and answers what it prints, on either stream. It has to end well, and in time.
    async fn ends_well(
        &self,
        what: &str,
        patience: Duration,
        variables: &[(&str, String)],
    ) -> String {
        let mut script = Command::new(&self.script);
        by_hand(script.as_std_mut());
        script
            .arg(what)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A script has children, which end with it.
            .process_group(0)
            .kill_on_drop(true);
        let child = script.spawn().unwrap_or_else(|error| {
            panic!("{} cannot be run: {error}", self.script.display());
        });
        let group = child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        let Ok(output) = timeout(patience, child.wait_with_output()).await else {
            let group = group.expect("it was running");
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
            panic!(
                "{} {what} took more than {patience:?}",
                self.script.display()
            );
        };
        let output = output.unwrap();
        let complained = String::from_utf8_lossy(&output.stderr);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{} {what} failed:\n{complained}\n{said}",
            self.script.display()
        );
        format!("{complained}\n{said}")
    }
}

/// Puts more customers into a world than the vendor has on two pages.
fn gather(world: &World) {
    let mut document: Value = serde_json::from_str(world.sandbox().snapshot().as_json()).unwrap();
    let first = 2_000_000_000_u64;
    let customer = |place: u64| {
        let row = json!({
            "username": format!("crowd-{place}"), "type": "active", "createdDate": "2026-01-01T00:00:00Z",
        });
        ((first + place).to_string(), row)
    };
    document["meta"]["nextCustomerId"] = json!(first + CROWD);
    document["customers"] = Value::Object((0..CROWD).map(customer).collect::<Map<_, _>>());
    let snapshot = Snapshot::from_json(document.to_string());
    world.sandbox().restore(&snapshot).unwrap();
}
