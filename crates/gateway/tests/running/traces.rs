//! Traces, and a collector that does not do its part.

use std::time::Duration;

use rustix::process::Signal;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::{
    collector::Collector,
    process::{Process, list},
};

/// How long the gateway waits for the collector: longer than a busy machine holds one up that answers.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A gateway that sends its traces there soon, waits that long for the collector, and keeps 64 spans for it.
async fn tracing_to(listener: &TcpListener) -> Process {
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            TIMEOUT.as_millis().to_string(),
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64".to_owned()),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32".to_owned()),
    ];
    Process::with("", &variables).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_silent_costs_spans_and_no_call_and_two_lines_tell_of_it() {
    // Connections come about, and nobody says anything on them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut process = tracing_to(&listener).await;
    let mut customers = process.customers().await;
    let collector = Collector::default();
    let begun = Instant::now();
    let mut calls = 200;
    for _ in 0..calls {
        list(&mut customers).await.unwrap();
    }
    process
        .logs("traces can't be sent, and spans are lost")
        .await;
    // More of them than are kept, and it goes on failing.
    while begun.elapsed() < TIMEOUT * 5 / 2 {
        list(&mut customers).await.unwrap();
        calls += 1;
        sleep(Duration::from_millis(2)).await;
    }
    // Lines of calls that were served may be late.
    let told = |log: &str| log.matches("\"message\":\"call\"").count();
    let log = loop {
        let log = process.log();
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        if told(whole) >= calls {
            break whole.to_owned();
        }
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(log.matches("traces can't be sent").count(), 1);
    assert_eq!(log.matches("\"code\":\"OK\"").count(), told(&log));

    let serving = collector.serve(listener);
    while !process.log().contains("traces are sent again") {
        list(&mut customers).await.unwrap();
    }
    while collector.spans() == 0 {
        list(&mut customers).await.unwrap();
    }
    let log = process.stop().await;
    assert!(!log.contains("traces can't be sent"), "{log}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_silent_does_not_hold_a_stop_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let process = tracing_to(&listener).await;
    let mut customers = process.customers().await;
    for _ in 0..200 {
        list(&mut customers).await.unwrap();
    }
    let told = Instant::now();
    process.signal(Signal::TERM);
    process.ends().await;
    let took = told.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
