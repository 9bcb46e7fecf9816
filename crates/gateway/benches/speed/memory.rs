//! What the gateway holds in memory: at rest, and while the vendor has stalled under many calls.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    figures::{Figure, Findings, Limit, Spread},
    generator::{Ask, Load, offer},
    role::Part,
    subject::{Plan, Subject},
    system,
    turns::all_served,
    vendor::Vendor,
    watch::{Watch, descriptors},
};

pub(crate) const GROUP: &str = "Memory";

/// How often one is started to see what it takes at rest.
const STARTS: usize = 5;

/// How long a process has been at rest when it is looked at.
const REST: Duration = Duration::from_millis(500);

/// Calls that are offered while the vendor stalls, and in how many seconds.
const STALLED_CALLS: f64 = 10_000.0;
const STALL: f64 = 10.0;

/// Longer than any call waits.
const STALLED: Duration = Duration::from_secs(60);

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let customer = vendor.customer().await;
    at_rest(findings, &vendor, &customer).await;
    stalled(findings, &vendor, &customer).await;
    vendor.stop().await;
}

/// MiB of memory that a process has now.
pub(crate) fn resident(process: u32) -> f64 {
    mebibytes(system::resident_bytes(process).unwrap() as f64)
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

async fn at_rest(findings: &mut Findings, vendor: &Vendor, customer: &str) {
    let (mut naked, mut idle, mut used) = (Vec::new(), Vec::new(), Vec::new());
    let mut files = 0;
    for _ in 0..STARTS {
        let yardstick = Subject::yardstick(Part::Naked, vendor).await;
        let gateway = Subject::gateway(Some(vendor), Plan::default()).await;
        sleep(REST).await;
        naked.push(resident(yardstick.pid()));
        idle.push(resident(gateway.pid()));
        let (outcome, _) = gateway.turn(&Ask::Read(customer.to_owned())).await;
        all_served(&outcome);
        sleep(REST).await;
        used.push(resident(gateway.pid()));
        files = files.max(descriptors(gateway.pid()));
        yardstick.stop().await;
        gateway.stop().await;
    }
    let figure = |name: &str, values| Figure::of(GROUP, name, Spread::of(values), "MiB");
    findings.add(
        figure("naked gateway, at rest", naked)
            .note("Resident, with 8 connections and before the first call."),
    );
    findings.add(
        figure("gateway, at rest", idle)
            .bar(Limit::AtMost(20.0))
            .note("Resident, with a store in a file, 8 connections, and before the first call."),
    );
    findings.add(
        figure("gateway, at rest after work", used)
            .note("Resident, after 8 callers have read for one turn."),
    );
    open_files(findings, "open files, at rest after work", files);
}

/// The vendor no longer answers, and callers go on.
async fn stalled(findings: &mut Findings, vendor: &Vendor, customer: &str) {
    let mut subject = Subject::gateway(Some(vendor), Plan::default()).await;
    // Enough for all calls that may be under way: a connection carries a hundred.
    subject.connect(16).await;
    let load = |seconds| {
        let time = Duration::from_secs_f64(seconds);
        Load::reads(customer, STALLED_CALLS / STALL, time)
    };
    offer(&subject.clients, load(1.0)).await;
    let before = resident(subject.pid());
    vendor.takes(STALLED).await;
    let watch = Watch::over(subject.pid(), subject.program().admin);
    let outcome = offer(&subject.clients, load(STALL)).await;
    let most = watch.end().await;
    subject.stop().await;

    let reasons: Vec<_> = outcome.refused.iter().collect();
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, times)| format!("{} {reason}", times.count()))
        .collect();
    let what = format!(
        "{} calls offered in {STALL} s while the vendor does not answer reads; 16 connections, a deadline of 10 s each. They ended as {}.",
        outcome.offered,
        reasons.join(", ")
    );
    let once = |name: &str, value, unit| Figure::once(GROUP, name, value, unit);
    findings.add(
        once(
            "while the vendor stalls, at most",
            mebibytes(most.resident),
            "MiB",
        )
        .bar(Limit::AtMost(64.0))
        .note(format!("{what} {before:.1} MiB just before.")),
    );
    findings.add(
        once("calls at the vendor then, at most", most.in_flight, "calls")
            .bar(Limit::AtMost(256.0))
            .note("The gauge openfinance_calls_in_flight, every 100 ms."),
    );
    findings.add(
        once("calls waiting then, at most", most.waiting, "calls")
            .bar(Limit::AtMost(256.0))
            .note("The gauge openfinance_calls_waiting, every 100 ms."),
    );
    open_files(findings, "open files then, at most", most.descriptors);
}

/// Linux tells nobody but root what a gateway has open: it lets no other process look into it.
fn open_files(findings: &mut Findings, name: &str, count: usize) {
    if count > 0 {
        let figure = Figure::once(GROUP, name, count as f64, "files");
        findings.add(figure.note("Sockets among them."));
    }
}
