//! How long one read takes while there are half as many as the naked gateway could serve.

use crate::{
    figures::{Figure, Findings, Limit, Place, Plot, Series, Spread},
    generator::{Ask, Load, Outcome, offer},
    protected::{Protection, folder},
    role::{Part, Role},
    subject::{Plan, Subject},
    times::Times,
    turns::{Contestant, take_turns, turn_time},
    vendor::Vendor,
};

const GROUP: &str = "Latency at half load";

/// How often each has its turn, which is twice as long as others are: a thousandth of the calls has to be many.
const ROUNDS: usize = 5;

/// Shares of the calls, by their names.
const SHARES: [(&str, f64, Option<f64>); 3] = [
    ("median", 0.5, Some(1.2)),
    ("99th percentile", 0.99, Some(1.5)),
    ("99.9th percentile", 0.999, None),
];

/// Of how many calls one is slower, from place to place in the plot.
const ONE_IN: [f64; 10] = [
    1.25, 2.0, 4.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0,
];

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let customer = vendor.customer().await;
    let folder = folder();
    let collector = Role::start(Part::Collector, "").await;
    let everything = Protection::new(folder.path()).everything(&collector.address);
    let subjects = [
        (
            "naked gateway",
            Subject::yardstick(Part::Naked, &vendor).await,
        ),
        (
            "gateway",
            Subject::gateway(Some(&vendor), Plan::default()).await,
        ),
        (
            "gateway with everything",
            Subject::gateway(Some(&vendor), everything).await,
        ),
    ];
    let press = subjects
        .each_ref()
        .map(|(_, subject)| Contestant::Calls(subject, Ask::Read(customer.clone())));
    let [naked, ..] = take_turns(3, press).await;
    let rate = Spread::of(naked.rate).median / 2.0;
    findings.add(Figure::once(GROUP, "calls offered", rate, "calls/s").note(
        "Half of what the naked gateway serves 8 callers who wait for their answers, just before.",
    ));

    let mut rounds = [(); 3].map(|()| Vec::new());
    for round in 0..=ROUNDS {
        for ((_, subject), rounds) in subjects.iter().zip(&mut rounds) {
            let mut load = Load::reads(&customer, rate, 2 * turn_time());
            // The same calls for each of them.
            load.seed = round as u64;
            let outcome = offer(&subject.clients, load).await;
            if round > 0 {
                rounds.push(outcome);
            }
        }
    }
    tell(
        findings,
        subjects.each_ref().map(|(name, _)| *name),
        &rounds,
    );
    for (_, subject) in subjects {
        subject.stop().await;
    }
    collector.stop().await;
    vendor.stop().await;
}

fn tell(findings: &mut Findings, names: [&'static str; 3], rounds: &[Vec<Outcome>; 3]) {
    for (share_name, share, most) in SHARES {
        let of = |outcomes: &Vec<Outcome>| -> Vec<f64> {
            let times = outcomes.iter().map(|outcome| &outcome.served);
            times.map(|times| times.millis_at(share)).collect()
        };
        let all = rounds.each_ref().map(of);
        for (name, values) in names.iter().zip(&all) {
            let spread = Spread::of(values.iter().copied());
            let figure = Figure::of(GROUP, format!("{name}: {share_name}"), spread, "ms");
            findings.add(figure.note(
                "From when a call should have begun, by times that chance has drawn before, to its answer; over 8 connections.",
            ));
        }
        // The bars are for the gateway as it comes.
        for (place, bar) in [(1, most), (2, None)] {
            let ratio = Spread::of_ratios(&all[place], &all[0]);
            let name = format!("{} over naked gateway: {share_name}", names[place]);
            let mut figure = Figure::of(GROUP, name, ratio, "times");
            if let Some(most) = bar {
                figure = figure.bar(Limit::AtMost(most));
            }
            findings.add(figure.note("In the same round."));
        }
    }
    let mut series = Vec::new();
    for (name, outcomes) in names.iter().zip(rounds) {
        let mut times = Times::default();
        let mut late = Times::default();
        for outcome in outcomes {
            times.add(&outcome.served);
            late.add(&outcome.late);
        }
        let failed: usize = outcomes.iter().map(Outcome::failed).sum();
        let offered: usize = outcomes.iter().map(|outcome| outcome.offered).sum();
        let figure = Figure::once(
            GROUP,
            format!("{name}: calls that failed"),
            failed as f64,
            "calls",
        );
        findings.add(figure.note(format!("Of {offered}. They are not among the times.")));
        let figure = Figure::once(
            GROUP,
            format!("{name}: lateness of the callers, 99th percentile"),
            late.millis_at(0.99),
            "ms",
        );
        findings.add(figure.note(
            "How much later than they should have calls went out, for want of a processor on the callers' side; it is a part of the times.",
        ));
        let points = ONE_IN.map(|one_in| {
            let share = 1.0 - 1.0 / one_in;
            (Place::Number(one_in), times.millis_at(share))
        });
        series.push(Series {
            name: (*name).to_owned(),
            points: points.into(),
        });
    }
    findings.draw(Plot {
        file: "latency-at-half-load",
        title: "Latency of a read at half load",
        x: "one call in so many takes longer",
        y: "milliseconds",
        log_x: true,
        log_y: true,
        series,
        ..Plot::default()
    });
}
