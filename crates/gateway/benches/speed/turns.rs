//! Taking turns: A B C A B C, so that a machine that is slower for a while is so for all.

use std::{env, time::Duration};

use crate::{
    figures::{Figure, Findings, Spread},
    generator::{Ask, Outcome},
    processor::{Cost, Spent},
    role::Role,
    subject::{CALLERS, Subject},
};

/// A customer that there is none of, and what the gateway and the naked gateway say to that.
const NOBODY: &str = "1999999999";
const NOT_FOUND: [&str; 2] = ["CUSTOMER_NOT_FOUND", "NotFound"];

/// How long a turn is: a second and a half, or as many as `SPEED_SECONDS` says, for a look that need not be exact.
pub(crate) fn turn_time() -> Duration {
    let seconds = env::var("SPEED_SECONDS").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.5))
}

/// One of those that are compared.
pub(crate) enum Contestant<'run> {
    /// Callers that ask for something by gRPC.
    Calls(&'run Subject, Ask),
    /// Callers that ask for a customer that there is none of.
    Refusals(&'run Subject),
    /// Callers in a process of reqwest's alone, which is what is measured: `get` of this customer, or `post`.
    Requests(&'run mut Role, &'static str, String),
}

/// What one of them has come to, turn by turn.
#[derive(Default)]
pub(crate) struct Turns {
    /// Microseconds of the processor for a call.
    pub(crate) cost: Vec<f64>,
    /// Calls a second.
    pub(crate) rate: Vec<f64>,
    /// The share of the processor's time that was spent in the system.
    system: Vec<f64>,
    /// How many calls there were, with those that do not count.
    pub(crate) calls: f64,
}

impl Turns {
    fn note(&mut self, calls: f64, seconds: f64, cost: Cost) {
        self.cost.push(cost.microseconds / calls);
        self.rate.push(calls / seconds);
        self.system.push(cost.system);
    }

    /// The cost of a call.
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.cost.iter().copied())
    }

    /// Adds what a call costs, and how many there were.
    pub(crate) fn tell(
        &self,
        findings: &mut Findings,
        group: &'static str,
        name: &str,
        note: &str,
    ) {
        let system = Spread::of(self.system.iter().copied()).median * 100.0;
        let note = format!("{note} {system:.0} % of it in the system.");
        let figure = Figure::of(group, format!("{name}: CPU per call"), self.spread(), "µs");
        findings.add(figure.note(note));
        let rate = Spread::of(self.rate.iter().copied());
        findings.add(Figure::of(group, format!("{name}: calls"), rate, "calls/s"));
    }

    /// What a call costs over what one costs that is measured by `other`.
    pub(crate) fn over(&self, other: &Self, group: &'static str, name: &str) -> Figure {
        let ratio = Spread::of_ratios(&self.cost, &other.cost);
        Figure::of(group, name, ratio, "times")
    }
}

impl Contestant<'_> {
    async fn turn(&mut self, number: usize) -> (f64, f64, Cost) {
        match self {
            Self::Calls(subject, ask) => {
                let (outcome, cost) = subject.turn(ask).await;
                (all_served(&outcome), outcome.seconds, cost)
            }
            Self::Refusals(subject) => {
                let (outcome, cost) = subject.turn(&Ask::Read(NOBODY.to_owned())).await;
                let refused = NOT_FOUND.map(|reason| outcome.refused(reason));
                assert_eq!(refused.iter().sum::<usize>(), outcome.offered);
                (outcome.offered as f64, outcome.seconds, cost)
            }
            Self::Requests(role, verb, about) => {
                let before = Spent::by(role.pid());
                let seconds = turn_time().as_secs_f64();
                // Of the customer that is read there is one, and those that are made are others each time.
                let about = match *verb {
                    "get" => about.clone(),
                    _ => format!("{about}-{number}"),
                };
                let answer = role
                    .ask(&format!("{verb} {about} {CALLERS} {seconds}"))
                    .await;
                let cost = Spent::by(role.pid()).since(&before);
                let (requests, took) = answer.split_once(' ').unwrap();
                (requests.parse().unwrap(), took.parse().unwrap(), cost)
            }
        }
    }
}

/// How many calls there were, which all have to be served: what refusals cost is another figure.
pub(crate) fn all_served(outcome: &Outcome) -> f64 {
    let reasons: Vec<_> = outcome.refused.keys().collect();
    assert!(outcome.refused.is_empty(), "calls failed: {reasons:?}");
    outcome.offered as f64
}

/// Lets these take so many turns each, after one of each that does not count.
pub(crate) async fn take_turns<const N: usize>(
    rounds: usize,
    mut contestants: [Contestant<'_>; N],
) -> [Turns; N] {
    let mut all = [(); N].map(|()| Turns::default());
    for round in 0..=rounds {
        for (contestant, turns) in contestants.iter_mut().zip(&mut all) {
            let (calls, seconds, cost) = contestant.turn(round).await;
            turns.calls += calls;
            if round > 0 {
                turns.note(calls, seconds, cost);
            }
        }
    }
    all
}
