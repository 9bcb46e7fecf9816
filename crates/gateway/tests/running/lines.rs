//! Its log: one line for each failure, whichever layer it comes from.

use std::{net::SocketAddr, time::Duration};

use openfinance_rpc::pb;
use openfinance_sandbox::{FaultRule, Operation};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{
    Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel,
};
use tonic_types::StatusExt as _;

use crate::process::{Process, list};

/// A process, and how much of its log has been looked at.
struct Logged {
    process: Process,
    seen: usize,
}

impl Logged {
    async fn start(settings: &str) -> Self {
        let process = Process::start(settings).await;
        let seen = process.log().len();
        Self { process, seen }
    }

    /// The lines since the last look, but for those of calls that were served, and of requests to the vendor that broke
    /// off: these are failures of their own.
    fn fresh(&mut self) -> Vec<String> {
        let log = self.process.log();
        let fresh = log[self.seen..].lines();
        let fresh = fresh.filter(|line| !line.contains("\"code\":\"OK\""));
        let fresh = fresh.filter(|line| !line.contains("\"openfinance::outcome\""));
        let fresh = fresh.map(str::to_owned).collect();
        self.seen = log.len();
        fresh
    }

    /// There is one line, of this call.
    fn told(&mut self, refused: Result<(), Status>, reason: &str) {
        let refused = refused.unwrap_err();
        let details = refused.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, reason, "{refused:?}");
        let lines = self.fresh();
        assert_eq!(lines.len(), 1, "{reason}: {lines:#?}");
        assert!(
            lines[0].contains(&format!("\"reason\":\"{reason}\"")),
            "{lines:?}"
        );
        assert!(lines[0].contains("\"message\":\"call\""), "{lines:?}");
    }

    /// Waits for a line with these words, and there is no other.
    async fn tells(&mut self, words: &str) {
        self.process.logs(words).await;
        let lines = self.fresh();
        assert_eq!(lines.len(), 1, "{words}: {lines:#?}");
    }
}

/// The hash of "key-of-books-0123456789".
const HASH: &str = "a0e053698733f168980ac47378ebb52361f790b950e2641801dec13b7ac8cdec";

fn keyed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let key = "key-of-books-0123456789".parse().unwrap();
    request.metadata_mut().insert("x-api-key", key);
    request
}

/// A request that may take longer than calls do by the settings.
fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(60));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_refused_has_one_line() {
    let mut logged = Logged::start(&format!(
        "[[auth.keys]]\nprincipal = \"books\"\nsha256 = \"{HASH}\"\n\
         [[policy]]\nprincipal = \"books\"\nroles = [\"reader\"]\n\
         [limits]\ncalls_per_second = \"0.001\"\ncalls_burst = \"1\"\n"
    ))
    .await;
    let mut customers = logged.process.customers().await;
    let nobody = list(&mut customers).await;
    logged.told(nobody, "CALLER_UNAUTHENTICATED");
    let create = keyed(pb::CreateCustomerRequest::default());
    let reader = customers.create_customer(create).await;
    logged.told(reader.map(drop), "CALLER_FORBIDDEN");
    let mut ask = async || {
        let request = keyed(pb::ListCustomersRequest::default());
        customers.list_customers(request).await.map(drop)
    };
    ask().await.unwrap();
    let often = ask().await;
    logged.told(often, "CALLER_RATE_LIMITED");
    logged.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_has_one_line_whatever_refuses_it() {
    let mut logged = Logged::start(
        "[limits]\nin_flight = \"2\"\nreserved_for_writes = \"1\"\nwaiting = \"0\"\n[deadline]\ndefault = \"3s\"\n",
    )
    .await;
    let mut customers = logged.process.customers().await;
    list(&mut customers).await.unwrap();

    let channel = logged.process.channel().await;
    let unknown = raw(channel.clone(), "/openfinance.v1.CustomerService/Nothing").await;
    logged.told(unknown, "METHOD_UNKNOWN");
    // A message of another type: its first field is a number.
    let broken = raw(channel, "/openfinance.v1.CustomerService/GetCustomer").await;
    logged.told(broken, "INVALID_FIELD");

    let slow = FaultRule::on(Operation::GetCustomers).latency(Duration::from_secs(60));
    logged.process.sandbox().add_fault(slow).unwrap();
    let mut other = logged.process.customers().await;
    let late = list(&mut customers).await;
    logged.told(late, "DEADLINE_EXCEEDED");

    let slow = FaultRule::on(Operation::GetCustomers).latency(Duration::from_secs(60));
    logged.process.sandbox().add_fault(slow).unwrap();
    let held = patient(pb::ListCustomersRequest::default());
    let held = tokio::spawn(async move { other.list_customers(held).await });
    let arrived = || {
        logged
            .process
            .sandbox()
            .requests(Some(Operation::GetCustomers))
    };
    while arrived().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let overloaded = list(&mut customers).await;
    logged.told(overloaded, "OVERLOADED");
    held.abort();
    logged.tells("\"code\":\"CANCELLED\"").await;
    logged.process.sandbox().clear_faults();

    let down = FaultRule::on(Operation::GetCustomer).times(u64::MAX);
    let down = down.answer(503, None);
    logged.process.sandbox().add_fault(down).unwrap();
    let mut reads = 0;
    loop {
        let request = pb::GetCustomerRequest {
            customer_id: "1".to_owned(),
        };
        let refused = customers.get_customer(patient(request)).await.map(drop);
        let details = refused.as_ref().unwrap_err().get_error_details();
        let reason = details.error_info().unwrap().reason.clone();
        // The breaker says besides that it has opened, once.
        if reason == "UPSTREAM_CIRCUIT_OPEN" {
            let lines = logged.fresh();
            let calls = lines
                .iter()
                .filter(|line| line.contains("\"message\":\"call\""));
            assert!(calls.count() == 1 && lines.len() <= 2, "{lines:#?}");
            break;
        }
        assert_eq!(reason, "UPSTREAM_UNAVAILABLE");
        let lines = logged.fresh();
        assert!((1..=2).contains(&lines.len()), "{lines:#?}");
        reads += 1;
        assert!(reads < 100, "the breaker does not open");
    }
    logged.process.stop().await;
}

/// Calls the method at `path` with a message whose first field is the number 7.
async fn raw(channel: Channel, path: &'static str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<pb::AuthorizationDetails, pb::Customer>::default();
    let message = pb::AuthorizationDetails {
        institution_login_id: 7,
        ..Default::default()
    };
    let path = PathAndQuery::from_static(path);
    grpc.unary(Request::new(message), path, codec)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_can_not_be_noted_down_has_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit");
    let audit = format!("[audit]\npath = \"{}\"\n", file.display());
    let mut logged = Logged::start(&audit).await;
    let mut customers = logged.process.customers().await;
    list(&mut customers).await.unwrap();
    // From now on every write fails for want of room.
    std::fs::rename(&file, folder.path().join("kept")).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    // The first one finds out, which the file says by itself, and so does readiness.
    let refused = list(&mut customers).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    logged.process.logs("whether the gateway is ready").await;
    logged.fresh();
    let refused = list(&mut customers).await;
    logged.told(refused, "AUDIT_UNAVAILABLE");
    std::fs::remove_file(&file).unwrap();
    logged.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_refused_have_one_line_and_a_flood_of_them_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut logged = Logged::start(&format!(
        "[tls]\ncert = \"{}\"\nkey = \"{}\"\n[limits]\nconnections_per_peer = \"2\"\n",
        write("cert", &certificate),
        write("key", &key.serialize_pem()),
    ))
    .await;
    let address = logged.process.grpc;
    // Who only looks whether the port is open is none.
    drop(TcpStream::connect(address).await.unwrap());
    nonsense(address).await;
    logged.tells("TLS was not agreed on").await;
    // It has its place for a moment longer.
    let none = "\nopenfinance_connections_open 0\n";
    while !logged.process.admin("/metrics").await.contains(none) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let _silent = [
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    ];
    for _ in 0..50 {
        let mut refused = TcpStream::connect(address).await.unwrap();
        let mut nothing = Vec::new();
        // Closed at once, politely or not.
        let _ = refused.read_to_end(&mut nothing).await;
        assert!(nothing.is_empty());
    }
    logged.tells("connections are refused").await;
    logged.process.signal(Signal::TERM);
    logged.process.ends().await;
}

/// Says something that is no TLS, and waits for the end.
async fn nonsense(address: SocketAddr) {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = peer.read_to_end(&mut answer).await;
}
