//! What it costs to hold an answer against the document, beside what it costs to decode it. Run by `cargo xtask bench
//! drift`; fails if the first is dearer.
#![forbid(unsafe_code)]

use std::{hint::black_box, process::ExitCode};

use openfinance_rest::{Answer, types};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How often each thing is measured; the median counts.
const ROUNDS: usize = 101;
/// About so many bytes are read in a round.
const BYTES: usize = 2_000_000;

fn customer(number: usize) -> Value {
    json!({
        "id": (1_005_000_000 + number).to_string(), "username": format!("household-{number}"), "type": "testing",
        "firstName": "Ermintrude", "lastName": "Quackenbush", "phone": "801-555-73911",
        "email": "ermintrude@example.com", "createdDate": "1767225600", "lastModifiedDate": "1767225600",
    })
}

fn page(customers: usize) -> Value {
    let records: Vec<Value> = (0..customers).map(customer).collect();
    json!({ "found": customers, "displaying": customers, "moreAvailable": false, "customers": records })
}

/// The median time of one run of `work`, in microseconds.
fn median(runs: usize, mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..runs).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e6 / runs as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn main() -> ExitCode {
    println!("| answer | bytes | decoded in µs | held against the document in µs | ratio | bar |");
    println!("|---|--:|--:|--:|--:|---|");
    let mut met = true;
    for (name, operation, body) in [
        ("one customer", "GetCustomer", customer(1)),
        ("a page of 25 customers", "GetCustomers", page(25)),
        ("a page of 1,000 customers", "GetCustomers", page(1_000)),
    ] {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_string().into(),
        };
        let body = &*answer.body;
        let runs = (BYTES / ROUNDS / body.len()).max(1);
        let decoding = median(runs, || {
            if operation == "GetCustomer" {
                let _ = black_box(serde_json::from_slice::<types::GetCustomerResponse>(body));
            } else {
                let _ = black_box(serde_json::from_slice::<types::Customers>(body));
            }
        });
        let holding = median(runs, || drop(black_box(answer.drift(operation))));
        let ratio = holding / decoding;
        met &= ratio <= 1.0;
        let bytes = body.len();
        println!("| {name} | {bytes} | {decoding:.1} | {holding:.1} | {ratio:.2} | ≤ 1 |");
    }
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
