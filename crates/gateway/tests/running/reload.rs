//! Settings that change while it runs.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use openfinance_sandbox::{Operation, Revoke, Target};
use rustix::process::Signal;

use crate::process::{Process, list};

/// Reads were made, and what was read is in force.
const READ: &str = "the settings were read again\"";
const WRONG: &str = "what was in force stays";

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_half_of_them_wrong_cost_no_call() {
    let mut process = Process::start("").await;
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (ends, customers) = (Arc::clone(&ends), process.customers());
            (ends, customers)
        })
        .collect();
    let mut calling = Vec::new();
    for (ends, customers) in callers {
        let mut customers = customers.await;
        calling.push(tokio::spawn(async move {
            let mut calls = 0;
            while !ends.load(Ordering::Relaxed) {
                list(&mut customers).await.unwrap();
                calls += 1;
            }
            calls
        }));
    }
    for round in 0..50 {
        let level = if round % 2 == 0 {
            "warn,openfinance_gateway=info"
        } else {
            "info"
        };
        process.write(
            "settings.toml",
            &format!(
                "[limits]\ncalls_per_second = \"{}\"\nin_flight = \"{}\"\n[log]\nlevel = \"{level}\"\n",
                90_000 + round,
                100 + round
            ),
        );
        process.signal(Signal::HUP);
        process.logs(READ).await;
        process.write("settings.toml", "[limits]\nin_flight = \"canary-0\"\n");
        process.signal(Signal::HUP);
        let problem = process.logs("a setting is wrong").await;
        assert!(problem.contains("limits.in_flight"), "{problem}");
        assert!(!problem.contains("canary"), "{problem}");
        process.logs(WRONG).await;
    }
    ends.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for caller in calling {
        calls += caller.await.unwrap();
    }
    assert!(calls >= 100, "{calls} calls only");
    process.signal(Signal::TERM);
    process.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_named_and_the_rest_is_in_force() {
    let mut process = Process::start("").await;
    process.write(
        "settings.toml",
        "[deadline]\ndefault = \"3s\"\n[limits]\ncalls_per_second = \"0.001\"\ncalls_burst = \"1\"\n",
    );
    process.signal(Signal::HUP);
    let line = process.logs(READ).await;
    assert!(
        line.contains("limits.calls_per_second, limits.calls_burst"),
        "{line}"
    );
    let line = process.logs("take a restart").await;
    assert!(line.contains("\"waiting\":\"deadline.default\""), "{line}");
    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();
    let refused = list(&mut customers).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    // Back to what it was: nothing waits any more.
    process.write("settings.toml", "");
    // The signal may have had the first settings read twice, the second time for nothing.
    let line = process
        .logs("limits.calls_per_second, limits.calls_burst")
        .await;
    assert!(line.contains(READ), "{line}");
    list(&mut customers).await.unwrap();
    process.signal(Signal::TERM);
    assert!(!process.ends().await.contains("take a restart"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_in_the_file_is_tried_and_a_refused_one_is_not_used() {
    let mut process = Process::start("").await;
    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();

    process.write("secret", "MistypedSecret1234");
    process
        .logs("the vendor refuses the partner's secret")
        .await;
    // A login with the secret in use follows a refused one, and must not meet the secret that the vendor changes to below.
    let logins = || process.sandbox().requests(Some(Operation::CreateToken));
    let answered = || {
        logins()
            .iter()
            .filter(|login| login.status.is_some())
            .count()
    };
    while answered() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    process.sandbox().revoke_tokens(Revoke::All);
    // The token that it brought may be among those revoked.
    if list(&mut customers).await.is_err() {
        list(&mut customers).await.unwrap();
    }
    let partner = process.sandbox().summary().partners.remove(0);
    assert_eq!(partner.failed_authentications, 1);

    let changed = process
        .sandbox()
        .set_partner_secret(None, "ChangedSecret1234");
    changed.unwrap();
    process.write("secret", "ChangedSecret1234\n");
    process.logs("\"applied\":\"partner.secret\"").await;
    process.sandbox().revoke_tokens(Revoke::All);
    list(&mut customers).await.unwrap();
    let partner = process.sandbox().summary().partners.remove(0);
    assert_eq!(partner.failed_authentications, 1);
    assert!(
        process
            .sandbox()
            .requests(Some(Operation::CreateToken))
            .len()
            <= 6
    );
    process.signal(Signal::TERM);
    process.ends().await;
}

const KEY: &str = "key-of-books-0123456789";
const POLICY: &str = "[[policy]]\nprincipal = \"books\"\nroles = [\"reader\"]\n";

/// The setting that lets in who has [`KEY`].
fn keys() -> String {
    // Its SHA-256 hash.
    let hash = "a0e053698733f168980ac47378ebb52361f790b950e2641801dec13b7ac8cdec";
    format!("[[auth.keys]]\nprincipal = \"books\"\nsha256 = \"{hash}\"\n")
}

/// Calls with [`KEY`], each time anew, and answers what comes of it.
async fn code_by_key(process: &Process) -> impl AsyncFnMut() -> tonic::Code + use<> {
    let mut customers = process.customers().await;
    async move || {
        let mut request = tonic::Request::new(openfinance_rpc::pb::ListCustomersRequest::default());
        request
            .metadata_mut()
            .insert("x-api-key", KEY.parse().unwrap());
        let answer = customers.list_customers(request).await;
        answer.map_or_else(|status| status.code(), |_| tonic::Code::Ok)
    }
}

/// Changes the secret at the vendor and in the file, and returns when the gateway tries it. The login waits at the barrier
/// that is answered.
async fn change_secret_behind_barrier(process: &mut Process) -> u64 {
    let sandbox = process.sandbox();
    sandbox
        .set_partner_secret(None, "ChangedSecret1234")
        .unwrap();
    let barrier = sandbox.add_barrier(Target::Operation(Operation::CreateToken));
    process.write("secret", "ChangedSecret1234");
    process.logs(READ).await;
    process.sandbox().barrier_holds(barrier, 1).await.unwrap();
    barrier
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_may_do_changes_at_once_and_authentication_stays_on() {
    let (keys, policy) = (keys(), POLICY);
    let mut process = Process::start(&format!("{keys}{policy}")).await;
    let mut code = code_by_key(&process).await;
    assert_eq!(code().await, tonic::Code::Ok);
    process.write("settings.toml", &keys);
    process.signal(Signal::HUP);
    // The signal may have had what came before read twice, the second time for nothing: what is waited for says what changed.
    process.logs("\"applied\":\"policy\"").await;
    assert_eq!(code().await, tonic::Code::PermissionDenied);
    // A key that is taken away is of no use at once, also the last one; and nobody is let in for that.
    for (left, back) in [
        (policy, "\"applied\":\"policy\""),
        ("", "\"applied\":\"auth.keys\""),
    ] {
        process.write("settings.toml", &format!("{keys}{policy}"));
        process.signal(Signal::HUP);
        process.logs(back).await;
        assert_eq!(code().await, tonic::Code::Ok);
        process.write("settings.toml", left);
        process.signal(Signal::HUP);
        process.logs("nobody can call").await;
        process.logs(READ).await;
        assert_eq!(code().await, tonic::Code::Unauthenticated);
    }
    process.write("settings.toml", &format!("{keys}{policy}"));
    process.signal(Signal::HUP);
    process.logs("\"applied\":\"auth.keys, policy\"").await;
    assert_eq!(code().await, tonic::Code::Ok);
    // What takes a restart beside it keeps nobody's grant alive, now or at the next reading.
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    process.write("cert.pem", &pair.cert.pem());
    process.write("key.pem", &pair.signing_key.serialize_pem());
    let (cert, key) = (process.path("cert.pem"), process.path("key.pem"));
    let mtls = format!(
        "[tls]\ncert = {cert:?}\nkey = {key:?}\nclient_ca = {cert:?}\n[auth]\nmtls = \"on\"\n"
    );
    for (settings, expected) in [
        (format!("{mtls}{keys}"), tonic::Code::PermissionDenied),
        (format!("{mtls}{keys}{policy}"), tonic::Code::Ok),
        (format!("{mtls}{keys}"), tonic::Code::PermissionDenied),
    ] {
        process.write("settings.toml", &settings);
        process.signal(Signal::HUP);
        process.logs("\"applied\":\"policy\"").await;
        let line = process.logs("take a restart").await;
        assert!(line.contains("auth.mtls"), "{line}");
        assert_eq!(code().await, expected);
    }
    // Keys stay until certificates take their place, and not if these are not to come any more.
    process.write("settings.toml", &format!("{mtls}{policy}"));
    process.logs("until then the keys stay in force").await;
    process.logs(READ).await;
    assert_eq!(code().await, tonic::Code::Ok);
    process.write("settings.toml", policy);
    process.logs("nobody can call").await;
    process.logs(READ).await;
    assert_eq!(code().await, tonic::Code::Unauthenticated);
    process.signal(Signal::TERM);
    process.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_taken_back_although_a_file_comes_late_or_a_secret_is_being_tried() {
    let (keys, policy) = (keys(), POLICY);
    let mut process = Process::start(&format!("{keys}{policy}")).await;
    let mut code = code_by_key(&process).await;
    assert_eq!(code().await, tonic::Code::Ok);
    // Settings that name files which are not there yet are wrong, and are read again when the files come.
    let (cert, key) = (process.path("cert.pem"), process.path("key.pem"));
    let tls = format!("[tls]\ncert = {cert:?}\nkey = {key:?}\n");
    process.write("settings.toml", &format!("{tls}{policy}"));
    process.logs(WRONG).await;
    assert_eq!(code().await, tonic::Code::Ok);
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    process.write("key.pem", &pair.signing_key.serialize_pem());
    process.write("cert.pem", &pair.cert.pem());
    process.logs("nobody can call").await;
    process.logs(READ).await;
    assert_eq!(code().await, tonic::Code::Unauthenticated);

    process.write("settings.toml", &format!("{keys}{policy}"));
    process.logs("\"applied\":\"auth.keys\"").await;
    assert_eq!(code().await, tonic::Code::Ok);
    // The vendor takes its time for a new secret.
    let barrier = change_secret_behind_barrier(&mut process).await;
    process.write("settings.toml", policy);
    process.logs("nobody can call").await;
    process.logs(READ).await;
    assert_eq!(code().await, tonic::Code::Unauthenticated);
    process.sandbox().release_barrier(barrier).unwrap();
    process.logs("\"applied\":\"partner.secret\"").await;
    process.signal(Signal::TERM);
    process.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_while_another_is_tried_is_tried_next() {
    let mut process = Process::start("").await;
    list(&mut process.customers().await).await.unwrap();
    let old = fs::read_to_string(process.path("secret")).unwrap();
    let barrier = change_secret_behind_barrier(&mut process).await;
    // Back to the one that is in force: nothing has changed, but for the one that is being tried.
    process.write("secret", &old);
    process.logs(READ).await;
    process.sandbox().release_barrier(barrier).unwrap();
    process.logs("\"applied\":\"partner.secret\"").await;
    process
        .logs("the vendor refuses the partner's secret")
        .await;
    process.signal(Signal::TERM);
    process.ends().await;
}
