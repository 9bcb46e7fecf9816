//! What everything together costs, with all that protects it on; what traces cost; and whether anything grows.

use std::{path::Path, time::Duration};

use openfinance_rpc::pb::CustomerType;
use openfinance_sandbox::{FaultRule, Stage};
use tokio::{net::TcpListener, time::sleep};
use tonic::transport::Endpoint;

use crate::{
    collector::Collector,
    figures::{Figure, Findings, Limit},
    generator::{Ask, Load, Outcome, offer, offer_all},
    guard::{CALLER, Guard},
    process::Process,
    subject::{Subject, mebibytes},
};

/// The tables.
const GUARDED: &str = "TLS, certificates of callers, policy, limits and audit";
const SOAKED: &str = "A minute of 300 calls a second, some in trouble";
const TRACED: &str = "Traces, reads at 1,000 a second";

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
pub(crate) async fn guarded_latency_and_soak(findings: &mut Findings) {
    let folder = tempfile::tempdir().unwrap();
    let subject = guarded(folder.path()).await;
    let read = |rate| Load::reads(&subject.customer, rate, TIME);
    for (what, load, most) in [
        ("reads, 1,000 a second", read(1_000.0), 8.0),
        ("reads, 2,000 a second", read(2_000.0), 20.0),
        (
            "creates with a request id, 200 a second",
            creates(200.0, TIME),
            30.0,
        ),
    ] {
        let outcome = offer(&subject.clients, load).await;
        let slow = outcome.served.slowest_hundredth();
        let name = format!("slowest hundredth of {what}");
        let figure = Figure::once(GUARDED, name, slow, "ms").bar(Limit::AtMost(most));
        findings.add(figure.note(format!(
            "{} of {} failed",
            outcome.failed(),
            outcome.offered
        )));
    }
    let then = mebibytes(subject.resident());
    let figure = Figure::once(GUARDED, "memory after that", then, "MiB");
    findings.add(figure.bar(Limit::AtMost(64.0)));
    soak(findings, &subject).await;
    subject.stop().await;
}

/// Reads and creates for a minute, while the vendor has one trouble after the other.
async fn soak(findings: &mut Findings, subject: &Subject) {
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
    let growth = mebibytes(memory - before.0);
    findings.add(
        Figure::once(SOAKED, "growth of memory from 20 s on", growth, "MiB")
            .bar(Limit::AtMost(2.0))
            .note(format!(
                "{:.1} MiB at its end, {:.1} at most",
                mebibytes(memory),
                mebibytes(most.resident)
            )),
    );
    let growth = files as f64 - before.1 as f64;
    findings.add(
        Figure::once(SOAKED, "growth of open files from 20 s on", growth, "files")
            .bar(Limit::AtMost(16.0))
            .note(format!("{files} at its end, {} at most", most.descriptors)),
    );
    let failed = outcome.failed() as f64;
    let figure = Figure::once(SOAKED, "calls that failed", failed, "calls");
    findings.add(figure.note(format!("of {}", outcome.offered)));
}

/// What a read costs the gateway's processor without traces, with a tenth of them, and with all; and what becomes of its
/// memory and its callers when the collector is silent.
pub(crate) async fn traces(findings: &mut Findings) {
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
    let names = ["without traces", "with a tenth of them", "with all of them"];
    for (name, cost) in names.iter().zip(&costs) {
        findings.add(Figure::once(
            TRACED,
            format!("CPU of a read {name}"),
            *cost,
            "µs",
        ));
    }
    for (name, cost) in names.iter().zip(&costs).skip(1) {
        let name = format!("CPU of a read {name}, over {}", names[0]);
        findings.add(Figure::once(TRACED, name, cost / costs[0], "times"));
    }
    let figure = Figure::once(
        TRACED,
        "a silent collector: slowest hundredth",
        slow[3],
        "ms",
    );
    findings.add(figure.note(format!("{:.2} ms without traces", slow[0])));
    let more = memory[3] - memory[0];
    findings.add(
        Figure::once(
            TRACED,
            "a silent collector: memory more than without traces",
            more,
            "MiB",
        )
        .bar(Limit::AtMost(16.0))
        .note(format!("{:.1} MiB in all", memory[3])),
    );
}
