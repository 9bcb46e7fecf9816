//! Callers and the vendor, of whom one does something at each step; what must hold is checked after it.

mod invariants;
mod steps;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use jiff::Timestamp;
use openfinance_gateway::Gateway;
use openfinance_sandbox::{RecordKind, Revoke};
use tonic::Status;

use super::{
    Dice,
    ask::{Ask, Known, told_by_client},
    fault,
};
use crate::{
    canary,
    fleet::{Fleet, Replica, reason},
};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long the vendor may be at work on a request whose answer was lost.
const QUIET: Duration = Duration::from_secs(5);
/// How long a write may take in all.
const CAP: Duration = Duration::from_secs(20);
/// Longer than any call takes that is not stuck.
const STUCK: Duration = Duration::from_secs(600);
/// Past all that the vendor does late.
const AFTERWARDS: Duration = Duration::from_secs(31 * 60);
/// How often an open create is asked for again until it must be settled.
const REPEATS: usize = 20;

/// A record that the vendor made.
#[derive(Debug)]
struct Made {
    kind: RecordKind,
    id: String,
    /// The number of its ask.
    ask: usize,
    /// The vendor was at work on it for longer than the gateway is told that it may be, which nothing can protect from.
    late: bool,
    live: bool,
}

/// The sandbox, the gateway, and everything that callers know.
pub(super) struct Machine<'a> {
    dice: Dice,
    steps: &'a Mutex<Vec<String>>,
    fleet: Fleet,
    replica: Option<Replica>,
    folder: tempfile::TempDir,
    asks: Vec<Ask>,
    made: Vec<Made>,
    /// How many lines of the journal have been read.
    read: u64,
    /// When the requests arrived that may yet have done something.
    arrived: BTreeMap<u64, Timestamp>,
    begun: Timestamp,
}

impl<'a> Machine<'a> {
    pub(super) async fn start(dice: Dice, steps: &'a Mutex<Vec<String>>) -> Self {
        let fleet = Fleet::start().await;
        let mut machine = Self {
            dice,
            steps,
            begun: fleet.sandbox().now(),
            fleet,
            replica: None,
            folder: tempfile::tempdir().unwrap(),
            asks: Vec::new(),
            made: Vec::new(),
            read: 0,
            arrived: BTreeMap::new(),
        };
        machine.start_gateway().await;
        machine
    }

    async fn start_gateway(&mut self) {
        // A process that ends lets go of its store at once; here, the last tasks of the old gateway do it in their time.
        let mut tries = 0;
        let gateway = loop {
            let mut settings = self.fleet.settings();
            settings.shared.store_path = Some(self.folder.path().join("shared.redb"));
            settings.retry.attempt_timeout = ATTEMPT;
            settings.retry.quiet_time = QUIET;
            settings.retry.write_cap = CAP;
            match Gateway::start(settings).await {
                Ok(gateway) => break gateway,
                Err(error) if tries == 200 => panic!("{error}"),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        self.replica = Some(Replica::of(gateway).await);
    }

    fn replica(&self) -> &Replica {
        self.replica.as_ref().unwrap()
    }

    fn note(&self, step: impl Into<String>) {
        let at = self.fleet.sandbox().now().duration_since(self.begun);
        let step = format!("{at:#} {}", step.into());
        self.steps.lock().unwrap().push(step);
    }

    /// Does something.
    pub(super) async fn step(&mut self) {
        match self.dice.roll(20) {
            0..=5 => self.create().await,
            6 | 7 => self.repeat().await,
            8 => self.repeat_with_other_content().await,
            9 => self.create_two_at_once().await,
            10 | 11 => self.update().await,
            12 => self.delete().await,
            13 => self.look_up().await,
            14 => {
                self.note("revoke all tokens");
                self.fleet.sandbox().revoke_tokens(Revoke::All);
            }
            15..=17 => {
                let rule = fault::fault(&mut self.dice);
                self.note(format!("fault {rule:?}"));
                self.fleet.sandbox().add_fault(rule).unwrap();
            }
            18 => {
                let seconds = self.dice.pick(&[1, 10, 60, 1_000, 3_600, 10_800]);
                let seconds = 1 + self.dice.roll(seconds) as u64;
                self.pass(Duration::from_secs(seconds)).await;
            }
            _ => {
                self.note("restart the gateway");
                self.replica.take().unwrap().stop().await;
                self.start_gateway().await;
            }
        }
        self.check();
    }

    /// Lets time pass: for the vendor all of it, for the gateway no more than a minute.
    async fn pass(&mut self, by: Duration) {
        self.note(format!("{by:?} pass"));
        let slept = by.min(Duration::from_secs(60));
        tokio::time::sleep(slept).await;
        self.fleet
            .sandbox()
            .advance(by.saturating_sub(slept))
            .unwrap();
        // What fell due is done by a task of the sandbox.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Lets all that is under way come to its end, and settles what is open.
    pub(super) async fn end(mut self) {
        self.fleet.sandbox().clear_faults();
        self.pass(AFTERWARDS).await;
        self.check();
        let numbers: Vec<usize> = (0..self.asks.len()).collect();
        for number in numbers {
            if self.asks[number].request_id.is_empty() {
                continue;
            }
            let mut settled = false;
            for _ in 0..REPEATS {
                let ask = &self.asks[number];
                let what = format!("settle {}", ask.mark);
                let answer = not_stuck(ask.send(self.replica(), None)).await;
                settled = match &answer {
                    Ok(_) => true,
                    Err(status) => ask.judge(status) == Known::Nothing,
                };
                self.answered(number, &what, answer);
                self.check();
                if settled {
                    break;
                }
                self.pass(Duration::from_secs(5)).await;
            }
            assert!(settled, "never settled: {:?}", self.asks[number]);
        }
        self.replica.take().unwrap().stop().await;
        self.fleet.stop().await;
    }
}

async fn not_stuck<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(STUCK, call).await.unwrap()
}

/// An answer on one line, without what it holds of a record.
fn told<T: std::fmt::Debug>(answer: &Result<T, Status>) -> String {
    match answer {
        Ok(answer) => {
            let text = format!("{answer:?}");
            canary::scan(&text);
            if text.len() < 80 {
                text
            } else {
                "OK".to_owned()
            }
        }
        Err(status) if told_by_client(status) => format!("given up: {:?}", status.code()),
        Err(status) => format!(
            "{:?} {} ({})",
            status.code(),
            reason(status),
            status.message()
        ),
    }
}
