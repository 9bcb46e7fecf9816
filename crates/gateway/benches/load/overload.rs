//! More calls than can be carried: how many are served all the same, how soon, and whose.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    bar::{Bar, grouped},
    generator::{Load, Outcome, offer, offer_all},
    keys,
    report::{Report, mebibytes, millis},
    subject::Subject,
    times::Times,
};

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

/// What waits in the line waits for 500 ms; nothing else takes so long.
const WAITED: Duration = Duration::from_millis(400);

pub(crate) async fn knee(report: &mut Report) {
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
    let figure = format!("{goodput:.0} a second, slowest hundredth {}", millis(slow));
    report.figure(
        "the knee: the most of which 99 % are served",
        figure,
        Bar::NONE,
    );
    let figure = format!(
        "{goodput_twice:.0} a second, {:.0} %",
        100.0 * goodput_twice / goodput
    );
    let bar = Bar::when(goodput_twice >= 0.8 * goodput, "≥ 80 %");
    report.figure("served at twice the knee", figure, bar);
    let figure = format!("{}, {:.2} times", millis(slow_twice), slow_twice / slow);
    let bar = Bar::at_most(slow_twice, 2.0 * slow, "≤ 2 times");
    report.figure("slowest hundredth of those", figure, bar);
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
pub(crate) async fn fairness(report: &mut Report) {
    let limits = format!("calls_per_second = \"{ALLOWED}\"\ncalls_burst = \"{ALLOWED}\"\n");
    let bounded = one_and_nine(&callers(&limits), ALLOWED / 2.0, 20.0 * ALLOWED).await;
    let (baseline, quiet, loud) = bounded;
    let figure = format!("{} of {}", quiet.exhausted(), grouped(quiet.offered as u64));
    let bar = Bar::when(quiet.exhausted() == 0, "0");
    report.figure(
        "nine callers at half their limit, one at 20 times: refused of the nine",
        figure,
        bar,
    );
    let (before, after) = (
        baseline.served.slowest_hundredth(),
        quiet.served.slowest_hundredth(),
    );
    let figure = format!(
        "{}, {:.2} times what it is without the one",
        millis(after),
        after / before
    );
    report.figure(
        "slowest hundredth of the nine",
        figure,
        Bar::at_most(after, 1.5 * before, "≤ 1.5 times"),
    );
    let figure = format!("{:.0} a second of {:.0}", loud.goodput(), 20.0 * ALLOWED);
    report.figure("served of the one", figure, Bar::NONE);

    let (_, quiet, loud) = one_and_nine(&callers(""), ALLOWED / 2.0, 1_400.0).await;
    let figure = format!("{} of {}", quiet.exhausted(), grouped(quiet.offered as u64));
    report.figure(
        "the same without limits of callers, the one at twice the knee: refused of the nine",
        figure,
        Bar::NONE,
    );
    let figure = format!("{:.0} a second of 1,400", loud.goodput());
    report.figure("served of the one", figure, Bar::NONE);
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
pub(crate) async fn stall(report: &mut Report) {
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

    let offered = grouped(stalled.offered as u64);
    let text = |most: f64| format!("{most:.0}");
    let name = format!("at the vendor at once, of {offered} offered in 10 s while it stalls");
    let bar = Bar::at_most(most.in_flight, 256.0, "≤ 256");
    report.figure(&name, text(most.in_flight), bar);
    let bar = Bar::at_most(most.waiting, 256.0, "≤ 256");
    report.figure("waiting at once", text(most.waiting), bar);
    let figure = format!(
        "{}; {} without RetryInfo",
        reasons(&stalled.refused),
        stalled.without_retry
    );
    let bar = Bar::when(stalled.without_retry == 0, "0 without");
    report.figure("what became of them", figure, bar);
    let shed = ["OVERLOADED", "UPSTREAM_CIRCUIT_OPEN"].map(|reason| stalled.refused.get(reason));
    let mut all = Times::default();
    shed.into_iter().flatten().for_each(|took| all.add(took));
    // Those that found room to wait have waited half a second, which is asked for.
    let at_once = all.below(WAITED);
    let slow = at_once.slowest_hundredth();
    let (count, all) = (at_once.count() as u64, all.count() as u64);
    let figure = format!("{} of {}, {}", grouped(count), grouped(all), millis(slow));
    let bar = Bar::at_most(slow, 20.0, "≤ 20 ms");
    report.figure("refused without a wait, the slowest hundredth", figure, bar);
    let then = mebibytes(most.resident);
    let figure = format!("{then:.0} MiB; {:.0} MiB before", mebibytes(before_stall));
    report.figure("memory then", figure, Bar::at_most(then, 64.0, "≤ 64 MiB"));
    let bar = Bar::when(most.descriptors <= 600, "≤ 600");
    report.figure("open files then", most.descriptors.to_string(), bar);
    let share = after.goodput() / before.goodput();
    let figure = format!("{:.0} % of before", 100.0 * share);
    let bar = Bar::when(share >= 0.95, "≥ 95 %");
    report.figure("served from 5 s after it is back", figure, bar);
    subject.stop().await;
}

fn reasons(refused: &BTreeMap<String, Times>) -> String {
    let each = refused
        .iter()
        .map(|(reason, took)| format!("{} {reason}", grouped(took.count() as u64)));
    each.collect::<Vec<_>>().join(", ")
}
