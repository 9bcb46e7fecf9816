//! What each layer costs: the same read through gateways that differ in one thing.

use crate::{
    figures::{Figure, Findings, Kind, Place, Plot, Series, Spread},
    generator::Ask,
    protected::{Protection, Sees, folder, traces},
    role::{Part, Role},
    subject::{Plan, Subject},
    turns::{Contestant, take_turns},
    vendor::Vendor,
};

const GROUP: &str = "Cost of each layer";

const ROUNDS: usize = 7;

/// What is switched, where it stands in the turns, where that stands that it is held against, and what exactly it is.
const LAYERS: [(&str, usize, usize, &str); 10] = [
    (
        "all that can't be switched off",
        1,
        0,
        "The gateway without the lines of its log, less the naked gateway: checks, deadlines, limits of places, retries, figures, drift.",
    ),
    (
        "log",
        2,
        1,
        "A line of JSON for each call, to a file; on by default, less the gateway whose log.level is warn.",
    ),
    (
        "TLS",
        3,
        2,
        "TLS 1.3 on connections that stay, less the gateway by default.",
    ),
    (
        "certificates of callers and policy",
        4,
        3,
        "Less TLS alone.",
    ),
    (
        "keys and policy",
        5,
        2,
        "A key with each call, and a policy; less the gateway by default.",
    ),
    (
        "redaction",
        6,
        5,
        "A caller that may not see personal data, less one that may.",
    ),
    (
        "rates of callers",
        7,
        5,
        "A rate of calls that is never reached, less keys and policy alone.",
    ),
    (
        "audit",
        8,
        2,
        "A line for each read, on disk before its answer leaves, less the gateway by default.",
    ),
    (
        "tracing of a tenth",
        9,
        2,
        "Spans of a tenth of the calls and their requests, sent to a collector, less the gateway by default.",
    ),
    ("tracing of all", 10, 2, "The same of all."),
];

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let customer = vendor.customer().await;
    let folder = folder();
    let protection = Protection::new(folder.path());
    let collector = Role::start(Part::Collector, "").await;
    let limited = Plan {
        variables: vec![("OPENFINANCE_LIMITS__CALLS_PER_SECOND", "100000".to_owned())],
        ..Protection::key(Sees::All)
    };
    // The line that says that it serves has to come.
    let quiet = Plan {
        variables: vec![(
            "OPENFINANCE_LOG__LEVEL",
            "warn,openfinance_gateway::cli=info".to_owned(),
        )],
        ..Plan::default()
    };
    let gateway = |plan| Subject::gateway(Some(&vendor), plan);
    let subjects = [
        Subject::yardstick(Part::Naked, &vendor).await,
        gateway(quiet).await,
        gateway(Plan::default()).await,
        gateway(protection.tls()).await,
        gateway(protection.mutual_tls()).await,
        gateway(Protection::key(Sees::All)).await,
        gateway(Protection::key(Sees::NothingPersonal)).await,
        gateway(limited).await,
        gateway(protection.audit("audit")).await,
        gateway(traces(&collector.address, Some("0.1"))).await,
        gateway(traces(&collector.address, None)).await,
    ];
    let calls = |subject| Contestant::Calls(subject, Ask::Read(customer.clone()));
    let turns = take_turns(ROUNDS, subjects.each_ref().map(calls)).await;
    let mut points = Vec::new();
    for (name, with, without, note) in LAYERS {
        let cost = Spread::of_differences(&turns[with].cost, &turns[without].cost);
        points.push((Place::Name(name.to_owned()), cost.median));
        findings.add(Figure::of(GROUP, name, cost, "µs").note(note));
    }
    findings.draw(Plot {
        file: "cost-of-each-layer",
        title: "What each layer costs a read",
        kind: Kind::Bars,
        x: "layer",
        y: "µs of CPU per call",
        series: vec![Series {
            name: "µs of CPU per call".to_owned(),
            points,
        }],
        ..Plot::default()
    });
    for subject in subjects {
        subject.stop().await;
    }
    collector.stop().await;
    vendor.stop().await;
}
