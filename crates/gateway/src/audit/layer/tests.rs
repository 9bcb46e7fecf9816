//! What the audit costs.

use std::path::Path;

use futures_util::future::join_all;
use http_body_util::Full;
use openfinance_rpc::pb;
use tokio::time::Instant;
use tower::service_fn;

use super::*;
use crate::config::SharedKey;

/// A message as it comes over the wire.
fn framed(message: &impl prost::Message) -> Bytes {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &bytes].concat().into()
}

/// A handler that knows one customer.
async fn answer(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let customer = pb::Customer {
        customer_id: "1005061234".to_owned(),
        username: "household-4712".to_owned(),
        first_name: "Ermintrude".to_owned(),
        ..Default::default()
    };
    let trailers = Status::ok("").into_http::<Body>().into_parts().0.headers;
    let frames = [Frame::data(framed(&customer)), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, Status>);
    let body = StreamBody::new(futures_util::stream::iter(frames));
    Ok(Response::new(Body::new(body)))
}

/// The CPU time of this process, in hundredths of a second.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Calls so many times, 250 at once, and answers the CPU time of a call in microseconds.
async fn cost(audit: Option<Audit>, path: &str, message: Bytes, calls: usize) -> f64 {
    let layer = AuditLayer::new(audit);
    let call = |_| {
        let request = Request::builder().uri(path);
        let body = Full::new(message.clone()).map_err(|never| match never {});
        let request = request.body(Body::new(body)).unwrap();
        layer.layer(service_fn(answer)).call(request)
    };
    let before = cpu();
    for _ in 0..calls / 250 {
        for response in join_all((0..250).map(call)).await {
            let body = response.unwrap().into_body().collect().await.unwrap();
            assert!(body.to_bytes().len() > PREFIX);
        }
    }
    (cpu() - before) as f64 * 10_000.0 / calls as f64
}

/// `cargo test --release -p openfinance-gateway --lib what_the_audit_costs -- --nocapture` tells the figures.
#[tokio::test]
async fn what_the_audit_costs_a_call() {
    let calls = if cfg!(debug_assertions) { 500 } else { 100_000 };
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let path = Path::new(folder.path()).join(name);
        Audit::open(path, &SharedKey::new([7; 32]), jiff::Timestamp::now).unwrap()
    };
    let get = pb::GetCustomerRequest {
        customer_id: "1005061234".to_owned(),
    };
    let create = pb::CreateCustomerRequest {
        request_id: "6f1c1f0a-6d1e-4c9c-9a35-6f0b1d0f5a11".to_owned(),
        ..Default::default()
    };
    for (name, path, message, lines) in [
        (
            "read",
            "/openfinance.v1.CustomerService/GetCustomer",
            framed(&get),
            1,
        ),
        (
            "write",
            "/openfinance.v1.CustomerService/CreateCustomer",
            framed(&create),
            2,
        ),
    ] {
        let without = cost(None, path, message.clone(), calls).await;
        let (audit, writing) = open(name);
        let started = Instant::now();
        let with = cost(Some(audit.clone()), path, message, calls).await;
        let took = started.elapsed();
        audit
            .close(writing, Instant::now() + Duration::from_secs(60))
            .await;
        let written = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(written.lines().count(), calls * lines + 2);
        let added = with - without;
        let figures = format!("{added:.1} µs of CPU added to a {name}; {calls} in {took:?}");
        // A bound with a wide margin: it is some 15 µs, with the write to the disk.
        let is_cheap = cfg!(debug_assertions) || added < 500.0;
        assert!(is_cheap, "{figures}");
        let _ = std::io::Write::write_all(
            &mut std::io::stdout().lock(),
            format!("{figures}\n").as_bytes(),
        );
    }
}
