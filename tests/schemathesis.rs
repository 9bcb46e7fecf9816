//! schemathesis, which makes requests out of the vendor's document and judges the answers by it, against the sandbox's
//! own program. Needs `schemathesis` on the path; `cargo xtask ci` installs it.
//!
//! The document is ours with its corrections, the departures of the sandbox, and the rules that are prose. It names no
//! partner, so every log-in that schemathesis makes up is one of nobody: nothing is counted, locked or changed by it.

#[path = "../build-tools/src/spec/overlay.rs"]
mod overlay;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use openfinance_sandbox::{Config, Operation};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::built::programs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Where the document and what schemathesis says go.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
/// Far longer than it takes; what is not done by then hangs.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// An operation that was asked for less often was not really tried.
const SELDOM: usize = 30;
/// No request alone leads these to success: they need the right secret, an application, or a login.
const WITHOUT_SUCCESS: [Operation; 3] = [
    Operation::ModifyPartnerSecret,
    Operation::GetCustomerWithAppData,
    Operation::GetCustomerAuthorizationDetails,
];

/// The sandbox, built as the tests are. Ends with this value.
struct Program {
    child: Child,
    base_url: String,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(programs().join("openfinance-sandbox"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--testing-customer-limit",
                "1000000",
            ])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .next()
            .expect("the sandbox says where it listens")
            .unwrap();
        let base_url = line.rsplit(' ').next().unwrap().to_owned();
        Self { child, base_url }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = client()
            .get(format!("{}{path}", self.base_url))
            .send()
            .await;
        answer.unwrap().json().await.unwrap()
    }

    async fn log_in(&self) -> String {
        let partner = Config::default().partner;
        let request = client()
            .post(format!(
                "{}/aggregation/v2/partners/authentication",
                self.base_url
            ))
            .header("Finicity-App-Key", partner.app_key)
            .json(&json!({"partnerId": partner.id, "partnerSecret": partner.secret}));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    // Another test in this process may have installed it, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().tls_certs_only([]).no_proxy().build();
    client.unwrap()
}

/// The document that the sandbox must keep to.
fn document() -> Value {
    let read = |path: &str| -> Value {
        let text = fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let mut document = read("openapi/open-finance-us.yaml");
    let mut departures = read("crates/sandbox/tests/contract/departures.yaml");
    let by_default = |action: &Value| action.get("x-quirk").is_none();
    departures["actions"]
        .as_array_mut()
        .unwrap()
        .retain(by_default);
    let rules = read("tests/schemathesis/rules.yaml");
    for actions in [read("openapi/overlay.yaml"), departures, rules] {
        overlay::apply(&mut document, &actions).unwrap();
    }
    document
}

/// Waits for a child that must end in time.
async fn ended(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("schemathesis did not end within {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn schemathesis_finds_nothing_that_the_document_and_the_departures_do_not_have() {
    let program = Program::start();
    let token = program.log_in().await;
    let path = Path::new(FOLDER).join("document.json");
    fs::write(&path, document().to_string()).unwrap();
    let said = Path::new(FOLDER).join("schemathesis.txt");
    let mut schemathesis = Command::new("schemathesis")
        .args([
            "--config-file",
            "tests/schemathesis/schemathesis.toml",
            "run",
        ])
        .arg(&path)
        .args([
            "--url",
            &program.base_url,
            "--continue-on-failure",
            "--no-color",
        ])
        .env("OPENFINANCE_APP_KEY", Config::default().partner.app_key)
        .env("OPENFINANCE_APP_TOKEN", token)
        // A proxy would answer for itself.
        .env("NO_PROXY", "127.0.0.1")
        .current_dir(ROOT)
        .stdout(File::create(&said).unwrap())
        .spawn()
        .expect("schemathesis is on the path");
    let status = ended(&mut schemathesis).await;
    let said = fs::read_to_string(said).unwrap();
    assert!(status.success(), "{said}");

    // It has not passed for want of trying.
    let log = program.json("/__sandbox/v1/requests").await;
    let requests = log["requests"].as_array().unwrap();
    for operation in Operation::all() {
        let of_operation = requests
            .iter()
            .filter(|request| request["operation"] == operation.id());
        let statuses: Vec<u64> = of_operation
            .filter_map(|request| request["status"].as_u64())
            .collect();
        assert!(
            statuses.len() >= SELDOM,
            "{operation} was asked for {} times\n{said}",
            statuses.len()
        );
        let success = statuses.iter().any(|status| (200..300).contains(status));
        assert_ne!(
            success,
            WITHOUT_SUCCESS.contains(&operation),
            "{operation} {statuses:?}\n{said}"
        );
    }
    let state = program.json("/__sandbox/v1/state").await;
    assert_eq!(state["partners"][0]["failedAuthentications"], 0);
}
