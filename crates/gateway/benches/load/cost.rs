//! What everything together costs, with all that protects it on; what traces cost; and whether anything grows.

use std::{path::Path, time::Duration};

use openfinance_rpc::pb::CustomerType;
use openfinance_sandbox::{FaultRule, Stage};
use tokio::{net::TcpListener, time::sleep};
use tonic::transport::Endpoint;

use crate::{
    bar::{Bar, grouped},
    collector::Collector,
    generator::{Ask, Load, Outcome, offer, offer_all},
    guard::{CALLER, Guard},
    process::Process,
    report::{Report, mebibytes, millis},
    subject::Subject,
};

/// How long each rate is kept up.
const TIME: Duration = Duration::from_secs(15);

/// How long the soak is, and after how much of it the gateway is as large as it gets.
const SOAK: Duration = Duration::from_secs(60);
const WARM: Duration = Duration::from_secs(20);

/// How often those with traces and those without take turns.
const TRACED_ROUNDS: u32 = 2;

/// A gateway with TLS, callers by certificate, policy, limits of callers and the audit file.
async fn guarded(folder: &Path) -> Subject {
    let guard = Guard::new(folder);
    let audit = folder.join("audit");
    let settings = format!(
        "{}[auth]\nmtls = \"on\"\n\
         [[policy]]\nprincipal = \"{CALLER}\"\nroles = [\"writer\"]\npermissions = [\"pii.read\"]\n\
         [limits]\ncalls_per_second = \"100000\"\ncreates_per_second = \"100000\"\n\
         [audit]\npath = \"{}\"\n",
        guard.mutual_tls,
        audit.display(),
    );
    let process = Process::start(&settings).await;
    let endpoint = Endpoint::from_shared(format!("https://{}", process.grpc)).unwrap();
    Subject::of(process, endpoint.tls_config(guard.caller).unwrap(), None).await
}

fn creates(rate: f64, time: Duration) -> Load {
    Load {
        ask: Ask::Create(CustomerType::Testing),
        ..Load::reads("", rate, time)
    }
}

/// Latency with everything on, then a soak of the same gateway.
pub(crate) async fn guarded_latency_and_soak(report: &mut Report) {
    let plain = Subject::start("", &[]).await;
    let idle = mebibytes(plain.resident());
    let bar = Bar::at_most(idle, 20.0, "≤ 20 MiB");
    report.figure(
        "memory of a gateway that has just started",
        format!("{idle:.1} MiB"),
        bar,
    );
    plain.stop().await;

    let folder = tempfile::tempdir().unwrap();
    let subject = guarded(folder.path()).await;
    let read = |rate| Load::reads(&subject.customer, rate, TIME);
    for (what, load, most, bar) in [
        ("reads, 1,000 a second", read(1_000.0), 8.0, "≤ 8 ms"),
        ("reads, 2,000 a second", read(2_000.0), 20.0, "≤ 20 ms"),
        (
            "creates with a request id, 200 a second",
            creates(200.0, TIME),
            30.0,
            "≤ 30 ms",
        ),
    ] {
        let outcome = offer(&subject.clients, load).await;
        let slow = outcome.served.slowest_hundredth();
        let figure = format!(
            "{}; {} of {} failed",
            millis(slow),
            outcome.failed(),
            grouped(outcome.offered as u64)
        );
        let name = format!(
            "TLS, certificates of callers, policy, limits, audit: slowest hundredth of {what}"
        );
        report.figure(&name, figure, Bar::at_most(slow, most, bar));
    }
    let then = mebibytes(subject.resident());
    report.figure(
        "memory after that",
        format!("{then:.0} MiB"),
        Bar::at_most(then, 64.0, "≤ 64 MiB"),
    );
    soak(report, &subject).await;
    subject.stop().await;
}

/// Reads and creates for a minute, while the vendor has one trouble after the other.
async fn soak(report: &mut Report, subject: &Subject) {
    let watch = subject.watched();
    let troubles = async {
        let fault = || FaultRule::on_any().probability(0.2).times(60);
        for rule in [
            fault().answer(503, None),
            fault().latency(Duration::from_millis(300)),
            fault().reset_at(Stage::ResponseHeaders),
            fault().truncate_bytes(7),
            fault().answer(502, None),
            fault().reset_at(Stage::RequestHeaders),
        ]
        .into_iter()
        .cycle()
        {
            subject.process.sandbox().add_fault(rule).unwrap();
            sleep(Duration::from_secs(3)).await;
        }
    };
    let both = |time| {
        let loads = vec![
            Load::reads(&subject.customer, 280.0, time),
            creates(20.0, time),
        ];
        offer_all(&subject.clients, loads)
    };
    let figures = async {
        let mut outcome = Outcome::default();
        for one in both(WARM).await {
            outcome.add(one);
        }
        let before = (subject.resident(), subject.descriptors());
        for one in both(SOAK - WARM).await {
            outcome.add(one);
        }
        (outcome, before)
    };
    let (outcome, before) = tokio::select! {
        figures = figures => figures,
        () = troubles => return,
    };
    subject.process.sandbox().clear_faults();
    let (memory, files) = (subject.resident(), subject.descriptors());
    let most = watch.end().await;
    let figure = format!(
        "{:.1} MiB after 20 s, {:.1} at its end, {:.1} at most",
        mebibytes(before.0),
        mebibytes(memory),
        mebibytes(most.resident)
    );
    report.figure(
        "memory over a minute of 300 calls a second, a fifth of them in trouble now and then",
        figure,
        Bar::at_most(mebibytes(memory - before.0), 2.0, "grows by ≤ 2 MiB"),
    );
    let figure = format!("{}, {files}, {} at most", before.1, most.descriptors);
    let bar = Bar::when(files <= before.1 + 16, "grow by ≤ 16");
    report.figure("open files, the same", figure, bar);
    let figure = format!(
        "{} of {}",
        outcome.failed(),
        grouped(outcome.offered as u64)
    );
    report.figure("calls that failed in it", figure, Bar::NONE);
}

/// What a read costs the gateway's processor without traces, with a tenth of them, and with all; and what becomes of its
/// memory and its callers when the collector is silent.
pub(crate) async fn traces(report: &mut Report) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = |listener: &TcpListener| {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    };
    let endpoint = at(&listener);
    let collector = Collector::default();
    let serving = collector.serve(listener);
    let variable = |name, value: &str| (name, value.to_owned());
    let some = [
        endpoint.clone(),
        variable("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        variable("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ];
    // Connections come about, and nobody says anything on them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let variants: [&[_]; 4] = [&[], &some, &[endpoint], &[at(&silent)]];
    let mut subjects = Vec::new();
    for variables in variants {
        subjects.push((Subject::start("", variables).await, 0.0, Outcome::default()));
    }
    for _ in 0..TRACED_ROUNDS {
        for (subject, cost, outcome) in &mut subjects {
            let before = subject.processor_microseconds();
            let load = Load::reads(&subject.customer, 1_000.0, TIME / TRACED_ROUNDS);
            outcome.add(offer(&subject.clients, load).await);
            *cost += subject.processor_microseconds() - before;
        }
    }
    let (mut costs, mut slow, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for (subject, cost, outcome) in subjects {
        costs.push(cost / outcome.offered as f64);
        slow.push(outcome.served.slowest_hundredth());
        memory.push(mebibytes(subject.resident()));
        subject.stop().await;
    }
    serving.abort();
    assert!(collector.spans() > 0, "no span has come");
    let figure = format!(
        "{:.0} µs without traces, {:.0} with a tenth ({:.2} times), {:.0} with all ({:.2} times)",
        costs[0],
        costs[1],
        costs[1] / costs[0],
        costs[2],
        costs[2] / costs[0]
    );
    report.figure(
        "processor time of a read, 1,000 a second",
        figure,
        Bar::NONE,
    );
    let figure = format!(
        "{}, {:.0} MiB; without traces {}, {:.0} MiB",
        millis(slow[3]),
        memory[3],
        millis(slow[0]),
        memory[0]
    );
    let bar = Bar::at_most(memory[3] - memory[0], 16.0, "≤ 16 MiB more");
    report.figure(
        "a collector that is silent: slowest hundredth of reads, memory",
        figure,
        bar,
    );
}
