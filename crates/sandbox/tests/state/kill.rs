//! Killing the program while clients are at work.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use openfinance_sandbox::Config;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Caller, Process,
    model::{Key, Worker, records},
    spawn,
};

const ROUNDS: u64 = 14;
const WORKERS: usize = 4;

/// What the partner has done, counted by whoever did it.
#[derive(Debug, Default, PartialEq)]
struct Logins {
    requests: u64,
    failures: u64,
}

impl Logins {
    async fn of(caller: &Caller) -> Self {
        let partner = caller.look("state").await["partners"][0].take();
        Self {
            requests: partner["tokenRequests"].as_u64().expect("a count"),
            failures: partner["failedAuthentications"].as_u64().expect("a count"),
        }
    }

    async fn fail(&mut self, caller: &Caller) {
        assert_eq!(caller.log_in("wrong").await, None);
        self.requests += 1;
        self.failures += 1;
    }

    async fn succeed(&mut self, caller: &Caller, secret: &str) -> String {
        self.requests += 1;
        caller.log_in(secret).await.expect("the secret is right")
    }
}

async fn change_secret(caller: &Caller, from: &str, to: &str) {
    let partner = Config::default().partner.id;
    let body = json!({"partnerId": partner, "partnerSecret": from, "newPartnerSecret": to});
    let path = "/aggregation/v2/partners/authentication";
    let (status, _) = caller
        .send(Method::PUT, path, &body)
        .await
        .expect("the sandbox answers");
    assert_eq!(status, 204);
}

/// Lets workers work, and kills the sandbox after so many answers and a bit.
async fn interrupt(
    mut process: Process,
    caller: &Caller,
    workers: Vec<Worker>,
    (answers, bit): (u64, Duration),
) -> (Vec<Worker>, Vec<Key>) {
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for worker in workers {
        let (caller, count) = (caller.clone(), Arc::clone(&count));
        tasks.spawn(async move { worker.work(caller, &count).await });
    }
    while count.load(Ordering::Relaxed) < answers {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(bit).await;
    process.kill();
    let (workers, given): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().unzip();
    (workers, given.concat())
}

/// Whether each customer is found by its username, and by nobody else's.
async fn check_usernames(caller: &Caller, workers: &[Worker]) {
    for username in workers.iter().flat_map(Worker::usernames).step_by(7) {
        let path = format!("/aggregation/v1/customers?username={username}");
        let (_, page) = caller
            .send(Method::GET, &path, &json!({}))
            .await
            .expect("the sandbox answers");
        assert_eq!(page["found"], 1, "{username}");
        let body = json!({ "username": username });
        let path = "/aggregation/v2/customers/testing";
        let (status, _) = caller
            .send(Method::POST, path, &body)
            .await
            .expect("the sandbox answers");
        assert_eq!(status, 409, "{username}");
    }
    let (_, page) = caller
        .send(Method::GET, "/aggregation/v1/customers", &json!({}))
        .await
        .expect("the sandbox answers");
    let all: usize = workers.iter().map(|worker| worker.usernames().len()).sum();
    assert_eq!(page["found"], all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_a_kill_and_nothing_is_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let mut workers: Vec<_> = (0..WORKERS).map(Worker::new).collect();
    let mut seen = HashSet::new();
    let mut logins = Logins::default();
    let mut secret = Config::default().partner.secret;
    let mut token = String::new();
    for round in 0..ROUNDS {
        let process = Process::start(&path);
        let mut caller = Caller::new(&process, &token);
        assert_eq!(Logins::of(&caller).await, logins, "round {round}");
        let mut there = records(&caller.look("snapshot").await);
        for worker in &mut workers {
            worker.recognise(&mut there, &mut seen);
        }
        assert_eq!(there, [].into(), "round {round}: nobody made these");
        // Three failures in a row and a success; a fifth in a row would lock the partner.
        if round % 4 == 0 {
            let issued = logins.succeed(&caller, &secret).await;
            if round == 0 {
                // The first token has to last to the end.
                token = issued;
                caller = Caller::new(&process, &token);
            }
        } else {
            logins.fail(&caller).await;
        }
        if round == 5 {
            change_secret(&caller, &secret, "Another_secret_42").await;
            "Another_secret_42".clone_into(&mut secret);
        }
        check_usernames(&caller, &workers).await;
        let when = (round * 37 % 60, Duration::from_micros(round * 631 % 4000));
        let (resting, given) = interrupt(process, &caller, workers, when).await;
        workers = resting;
        for key in given {
            assert!(seen.insert(key.clone()), "{key:?} was given away twice");
        }
    }
    assert!(seen.len() > 100, "too little was done: {}", seen.len());
}

#[tokio::test]
async fn a_lock_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let mut process = Process::start(&path);
    let caller = Caller::new(&process, "");
    for _ in 0..5 {
        assert_eq!(caller.log_in("wrong").await, None);
    }
    process.kill();
    let process = Process::start(&path);
    let caller = Caller::new(&process, "");
    assert_eq!(caller.look("state").await["partners"][0]["locked"], true);
    let secret = Config::default().partner.secret;
    assert_eq!(caller.log_in(&secret).await, None);
}

#[tokio::test]
async fn killed_while_it_starts_for_the_first_time_it_starts_the_next_time() {
    for delay in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_openfinance-sandbox"));
        let mut child = spawn(command.arg("--state").arg(&path));
        tokio::time::sleep(Duration::from_millis(delay * 2)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let process = Process::start(&path);
        let caller = Caller::new(&process, "");
        assert_eq!(Logins::of(&caller).await, Logins::default());
    }
}

/// Starts the program so that no file may grow beyond so many KiB, as on a full disk.
#[cfg(unix)]
fn start_on_a_full_disk(path: &Path, kibibytes: u32) -> Process {
    let mut command = std::process::Command::new("bash");
    // Without the trap the system would kill it.
    let script = format!(r#"trap "" XFSZ; ulimit -f {kibibytes}; exec "$0" "$@""#);
    let program = env!("CARGO_BIN_EXE_openfinance-sandbox");
    Process::started(command.args(["-c", &script, program, "--state"]).arg(path))
}

#[cfg(unix)]
#[tokio::test]
async fn once_the_disk_is_full_nothing_is_answered_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let process = start_on_a_full_disk(&path, 4096);
    let caller = Caller::new(&process, "");
    let secret = Config::default().partner.secret;
    let token = caller.log_in(&secret).await.unwrap();
    let caller = Caller::new(&process, &token);
    let mut answered = 0;
    let create = |number: u64| {
        let body = json!({"username": format!("customer{number}"), "email": "x".repeat(100_000)});
        let caller = caller.clone();
        async move {
            let path = "/aggregation/v2/customers/testing";
            caller.send(Method::POST, path, &body).await
        }
    };
    while let Ok((status, _)) = create(answered).await {
        assert_eq!(status, 201);
        answered += 1;
        assert!(answered < 1000, "the disk is never full");
    }
    assert!(answered > 0);
    // What memory holds by now is not on disk, so nobody may hear of it.
    let look = caller
        .send(Method::GET, "/__sandbox/v1/state", &Value::Null)
        .await;
    assert!(look.is_err());
    drop(process);
    let process = Process::start(&path);
    let there = Caller::new(&process, &token).look("state").await;
    assert_eq!(there["counts"]["customers"], answered);
}
