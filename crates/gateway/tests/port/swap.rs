//! Certificates that change while the real program runs, and calls go on.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::Signal;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::{
    list,
    process::Process,
    served::{Authority, NAME, Pair},
};

/// Who calls.
const CALLER: &str = "web.example.com";

/// Puts a file in the place of another, as a whole.
fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("draft"), text).unwrap();
    fs::rename(folder.join("draft"), folder.join(name)).unwrap();
}

fn put_pair(folder: &Path, pair: &Pair) {
    put(folder, "cert", &pair.cert);
    put(folder, "key", &pair.key);
}

/// A client that trusts `authority` and shows `pair`.
fn endpoint(process: &Process, authority: &str, pair: &Pair) -> Endpoint {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority))
        .identity(Identity::from_pem(&pair.cert, &pair.key))
        .domain_name(NAME);
    Endpoint::from_shared(format!("https://{}", process.grpc))
        .unwrap()
        .tls_config(tls)
        .unwrap()
}

/// Calls by turns over a connection that is there and over a new one, and answers how often.
async fn call_until(endpoint: Endpoint, ends: Arc<AtomicBool>) -> u32 {
    let old = endpoint.connect().await.unwrap();
    let mut calls = 0;
    while !ends.load(Ordering::Relaxed) {
        list(old.clone()).await.unwrap();
        list(endpoint.connect().await.unwrap()).await.unwrap();
        calls += 2;
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_authorities_change_in_the_running_program_and_no_call_fails() {
    let (servers, clients) = (Authority::new("of servers"), Authority::new("of clients"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put_pair(folder, &servers.issues(NAME));
    put(folder, "clients", &clients.pem());
    let variables = ["cert", "key", "client_ca"].map(|name| {
        let file = if name == "client_ca" { "clients" } else { name };
        let variable = match name {
            "cert" => "OPENFINANCE_TLS__CERT",
            "key" => "OPENFINANCE_TLS__KEY",
            _ => "OPENFINANCE_TLS__CLIENT_CA",
        };
        (variable, folder.join(file).display().to_string())
    });
    let settings = format!(
        "[auth]\nmtls = \"on\"\n[[policy]]\nprincipal = \"{CALLER}\"\nroles = [\"reader\"]\n"
    );
    let mut process = Process::with(&settings, &variables).await;
    let known = clients.issues(CALLER);
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let endpoint = endpoint(&process, &servers.pem(), &known);
            tokio::spawn(call_until(endpoint, Arc::clone(&ends)))
        })
        .collect();
    for round in 0..10 {
        put_pair(folder, &servers.issues(NAME));
        // Now and then it is left to find out by itself.
        if round % 5 != 0 {
            process.signal(Signal::HUP);
        }
        process.logs("\"applied\":\"tls\"").await;
    }
    // Another authority beside the first: its clients are let in, and those of the first still are.
    let others = Authority::new("of other clients");
    let other = endpoint(&process, &servers.pem(), &others.issues(CALLER));
    assert!(calls(&other).await.is_err());
    put(folder, "clients", &[clients.pem(), others.pem()].concat());
    process.signal(Signal::HUP);
    process.logs("\"applied\":\"tls\"").await;
    calls(&other).await.unwrap();
    // What can't be used changes nothing.
    put(folder, "cert", "canary");
    process.signal(Signal::HUP);
    let line = process.logs("tls.cert").await;
    assert!(!line.contains("canary"), "{line}");
    calls(&other).await.unwrap();
    ends.store(true, Ordering::Relaxed);
    let mut made = 0;
    for caller in callers {
        made += caller.await.unwrap();
    }
    assert!(made >= 30, "{made} calls");
    process.signal(Signal::TERM);
    process.ends().await;
}

async fn calls(endpoint: &Endpoint) -> Result<(), Box<dyn std::error::Error>> {
    Ok(list(endpoint.connect().await?).await?)
}
