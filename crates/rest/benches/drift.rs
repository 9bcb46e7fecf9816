//! What it costs to hold an answer against the document, beside what it costs to decode it. Run by `cargo xtask bench
//! drift`; fails if the first is dearer.
#![forbid(unsafe_code)]

#[path = "../../gateway/benches/common/figures.rs"]
mod figures;

use std::{hint::black_box, process::ExitCode};

use openfinance_rest::{Answer, types};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::figures::{Figure, Findings, Limit, Spread};

/// The table.
const GROUP: &str = "An answer, in one thread";

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

/// How long one run of `work` takes, in microseconds.
fn time(runs: usize, work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    (0..runs).for_each(|_| work());
    start.elapsed().as_secs_f64() * 1e6 / runs as f64
}

fn main() -> ExitCode {
    let mut findings = Findings::of("drift");
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
        let mut decode = || {
            if operation == "GetCustomer" {
                let _ = black_box(serde_json::from_slice::<types::GetCustomerResponse>(body));
            } else {
                let _ = black_box(serde_json::from_slice::<types::Customers>(body));
            }
        };
        let mut hold = || drop(black_box(answer.drift(operation)));
        // In turns, so that whatever else the machine does falls on both.
        let (decoding, holding): (Vec<_>, Vec<_>) = (0..ROUNDS)
            .map(|_| (time(runs, &mut decode), time(runs, &mut hold)))
            .unzip();
        let ratio = Spread::of_ratios(&holding, &decoding);
        for (what, times) in [
            ("decoded", decoding),
            ("held against the document", holding),
        ] {
            let name = format!("{name}: {what}");
            let figure = Figure::of(GROUP, name, Spread::of(times), "µs");
            findings.add(figure.note(format!("{} bytes", body.len())));
        }
        let figure = Figure::of(GROUP, format!("{name}: held, over decoded"), ratio, "times");
        findings.add(figure.bar(Limit::AtMost(1.0)));
    }
    println!("{}", findings.json());
    match findings.is_met() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
