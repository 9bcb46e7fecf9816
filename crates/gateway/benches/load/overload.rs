//! More calls than can be carried: how many are served all the same, how soon, and whose.

use std::{fmt::Write as _, time::Duration};

use crate::{
    figures::{Figure, Findings, Limit},
    generator::{Load, Outcome, offer, offer_all},
    keys,
    subject::{Subject, mebibytes},
    times::Times,
};

/// The tables.
const KNEE: &str = "More reads than can be carried, 20 ms each, 16 places";
const LIMITED: &str = "Nine callers at half their limit, one at 20 times";
const UNLIMITED: &str = "The same without limits of callers, the one at twice the knee";
const STALL: &str = "A vendor that stalls for 10 s, 1,000 calls a second";

/// A modest vendor: this long for each read, and as many at a time as the gateway has places. It is far from what the
/// machine could do, which is why the machine's own noise matters little.
const VENDOR: Duration = Duration::from_millis(20);
const PLACES: &str = "[limits]\nin_flight = \"16\"\nwaiting = \"16\"\n";

/// Where the search for the knee begins, in calls a second, and by what it goes on.
const FIRST: f64 = 300.0;
const STEP: f64 = 1.1;

/// What makes a rate carried: so many of its calls are served.
const CARRIED: f64 = 0.99;

/// Rounds at the knee and at twice the knee, in turns, and how long each of them is.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(10);

/// How often callers may call in the scenario of the greedy one, a second.
const ALLOWED: f64 = 40.0;
const QUIET: usize = 9;
/// How often the greedy one calls where nothing limits it, a second: about twice the knee.
const UNBOUNDED: f64 = 1_400.0;

/// What waits in the line waits for 500 ms; nothing else takes so long.
const WAITED: Duration = Duration::from_millis(400);

pub(crate) async fn knee(findings: &mut Findings) {
    let subject = Subject::start(PLACES, &[]).await;
    subject.vendor_takes(VENDOR);
    let load = |rate, time| Load::reads(&subject.customer, rate, time);
    let mut knee = FIRST;
    loop {
        let next = knee * STEP;
        let found = offer(&subject.clients, load(next, ROUND / 2)).await;
        if found.share() < CARRIED {
            break;
        }
        knee = next;
    }
    let (mut at, mut twice) = (Outcome::default(), Outcome::default());
    for _ in 0..ROUNDS {
        at.add(offer(&subject.clients, load(knee, ROUND)).await);
        twice.add(offer(&subject.clients, load(2.0 * knee, ROUND)).await);
    }
    let (slow, slow_twice) = (
        at.served.slowest_hundredth(),
        twice.served.slowest_hundredth(),
    );
    let (goodput, goodput_twice) = (at.goodput(), twice.goodput());
    let mut tell = |name: &str, value, unit| findings.add(Figure::once(KNEE, name, value, unit));
    tell(
        "the knee, the most of which 99 % are served",
        goodput,
        "calls/s",
    );
    tell("at the knee: slowest hundredth", slow, "ms");
    tell("at twice the knee: served", goodput_twice, "calls/s");
    tell("at twice the knee: slowest hundredth", slow_twice, "ms");
    let ratio = |name: &str, value: f64| Figure::once(KNEE, name, value, "times");
    findings.add(
        ratio(
            "served at twice the knee, over at the knee",
            goodput_twice / goodput,
        )
        .bar(Limit::AtLeast(0.8)),
    );
    findings.add(
        ratio(
            "slowest hundredth at twice the knee, over at the knee",
            slow_twice / slow,
        )
        .bar(Limit::AtMost(2.0)),
    );
    subject.stop().await;
}

/// Callers by number, each with a key of its own.
fn callers(limits: &str) -> String {
    let mut settings = format!("[limits]\nin_flight = \"16\"\nwaiting = \"16\"\n{limits}");
    for number in 0..=QUIET {
        settings.push_str(&keys::entry(&format!("caller{number}"), &key(number)));
        let _ = write!(
            settings,
            "[[policy]]\nprincipal = \"caller{number}\"\nroles = [\"writer\"]\n"
        );
    }
    settings
}

fn key(number: usize) -> String {
    format!("key-of-caller-number-{number}")
}

/// One caller that asks for far more than its share, and nine that do not.
pub(crate) async fn fairness(findings: &mut Findings) {
    let limits = format!("calls_per_second = \"{ALLOWED}\"\ncalls_burst = \"{ALLOWED}\"\n");
    let bounded = one_and_nine(&callers(&limits), ALLOWED / 2.0, 20.0 * ALLOWED).await;
    let (baseline, quiet, loud) = bounded;
    findings.add(refused(LIMITED, &quiet).bar(Limit::AtMost(0.0)));
    let (before, after) = (
        baseline.served.slowest_hundredth(),
        quiet.served.slowest_hundredth(),
    );
    findings.add(Figure::once(
        LIMITED,
        "slowest hundredth of the nine",
        after,
        "ms",
    ));
    let name = "slowest hundredth of the nine, over what it is without the one";
    let figure = Figure::once(LIMITED, name, after / before, "times");
    findings.add(figure.bar(Limit::AtMost(1.5)));
    findings.add(served(LIMITED, &loud, 20.0 * ALLOWED));

    let (_, quiet, loud) = one_and_nine(&callers(""), ALLOWED / 2.0, UNBOUNDED).await;
    findings.add(refused(UNLIMITED, &quiet));
    findings.add(served(UNLIMITED, &loud, UNBOUNDED));
}

/// How many calls of the quiet ones were refused.
fn refused(group: &'static str, quiet: &Outcome) -> Figure {
    let refused = quiet.exhausted() as f64;
    Figure::once(
        group,
        "calls of the nine that were refused",
        refused,
        "calls",
    )
    .note(format!("of {}", quiet.offered))
}

/// What the loud one got.
fn served(group: &'static str, loud: &Outcome, asked: f64) -> Figure {
    Figure::once(group, "served of the one", loud.goodput(), "calls/s")
        .note(format!("of {asked} a second"))
}

/// What becomes of nine callers at this rate alone, of the nine beside a loud one, and of that one.
async fn one_and_nine(settings: &str, quiet: f64, loud: f64) -> (Outcome, Outcome, Outcome) {
    let process = crate::process::Process::start(settings).await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", process.grpc));
    let subject = Subject::of(process, endpoint.unwrap(), Some(&key(0))).await;
    subject.vendor_takes(VENDOR);
    let load = |number: usize, rate| Load {
        key: Some(key(number)),
        seed: number as u64,
        ..Load::reads(&subject.customer, rate, ROUND)
    };
    let nine: Vec<_> = (1..=QUIET).map(|number| load(number, quiet)).collect();
    let all = |outcomes: Vec<Outcome>| {
        outcomes
            .into_iter()
            .fold(Outcome::default(), |mut all, one| {
                all.add(one);
                all
            })
    };
    let baseline = all(offer_all(&subject.clients, nine.clone()).await);
    let mut ten = nine;
    ten.push(load(0, loud));
    let mut ten = offer_all(&subject.clients, ten).await;
    let loud = ten.pop().unwrap_or_default();
    let beside = all(ten);
    subject.stop().await;
    (baseline, beside, loud)
}

/// A vendor that no longer answers, under ten thousand calls.
pub(crate) async fn stall(findings: &mut Findings) {
    let subject = Subject::start("", &[]).await;
    let load = |rate, time| Load::reads(&subject.customer, rate, time);
    let normal = Duration::from_secs(4);
    let before = offer(&subject.clients, load(500.0, normal)).await;
    let before_stall = subject.resident();
    subject.vendor_takes(Duration::from_secs(60));
    let watch = subject.watched();
    let stalled = offer(&subject.clients, load(1_000.0, Duration::from_secs(10))).await;
    let most = watch.end().await;
    subject.process.sandbox().clear_faults();
    // Somebody has to ask, for it to be seen that the vendor is back.
    offer(&subject.clients, load(500.0, Duration::from_secs(5))).await;
    let after = offer(&subject.clients, load(500.0, normal)).await;

    let offered = format!("of {} offered", stalled.offered);
    let calls = |name: &str, count: f64| Figure::once(STALL, name, count, "calls");
    findings.add(
        calls("at the vendor at once, at most", most.in_flight)
            .bar(Limit::AtMost(256.0))
            .note(&offered),
    );
    findings.add(
        calls("waiting at once, at most", most.waiting)
            .bar(Limit::AtMost(256.0))
            .note(&offered),
    );
    for (reason, took) in &stalled.refused {
        findings.add(calls(&format!("ended as {reason}"), took.count() as f64).note(&offered));
    }
    findings.add(
        calls("refusals without RetryInfo", stalled.without_retry as f64).bar(Limit::AtMost(0.0)),
    );
    let shed = ["OVERLOADED", "UPSTREAM_CIRCUIT_OPEN"].map(|reason| stalled.refused.get(reason));
    let mut all = Times::default();
    shed.into_iter().flatten().for_each(|took| all.add(took));
    // Those that found room to wait have waited half a second, which is asked for.
    let at_once = all.below(WAITED);
    let slow = at_once.slowest_hundredth();
    findings.add(
        Figure::once(
            STALL,
            "refused without a wait: slowest hundredth",
            slow,
            "ms",
        )
        .bar(Limit::AtMost(20.0))
        .note(format!("{} of {} refusals", at_once.count(), all.count())),
    );
    let then = mebibytes(most.resident);
    findings.add(
        Figure::once(STALL, "memory, at most", then, "MiB")
            .bar(Limit::AtMost(64.0))
            .note(format!("{:.1} MiB before", mebibytes(before_stall))),
    );
    let files = Figure::once(
        STALL,
        "open files, at most",
        most.descriptors as f64,
        "files",
    );
    findings.add(files.bar(Limit::AtMost(600.0)));
    let share = after.goodput() / before.goodput();
    findings.add(
        Figure::once(
            STALL,
            "served from 5 s after it is back, over before",
            share,
            "times",
        )
        .bar(Limit::AtLeast(0.95)),
    );
    subject.stop().await;
}
