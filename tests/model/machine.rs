//! What may happen, one step at a time, and what must hold after each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use openfinance_gateway::Gateway;
use openfinance_rpc::pb;
use openfinance_sandbox::{Change, JournalEntry, Personal, RecordKind, Revoke};
use tonic::{Code, Status};

use super::{
    Dice,
    ask::{Ask, Known, told_by_client, within},
    fault,
};
use crate::{
    canary,
    fleet::{Fleet, Replica, reason, request_id},
    world::mask,
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

    /// A create that nobody has asked for before.
    fn new_ask(&mut self) -> usize {
        let customers: Vec<String> = self
            .asks
            .iter()
            .filter(|ask| ask.kind == RecordKind::Customer)
            .filter_map(|ask| match &ask.known {
                Known::Told(id) => Some(id.clone()),
                Known::Nothing | Known::Open => None,
            })
            .collect();
        let (kind, place) = if customers.is_empty() || self.dice.one_in(2) {
            let place = format!("household-{}", self.dice.roll(4));
            (RecordKind::Customer, place)
        } else {
            let kind = self
                .dice
                .pick(&[RecordKind::Consumer, RecordKind::Business]);
            (kind, customers[self.dice.roll(customers.len())].clone())
        };
        let number = self.asks.len();
        let request_id = match self.dice.one_in(3) {
            true => String::new(),
            false => request_id(number as u128),
        };
        self.asks.push(Ask {
            kind,
            place,
            mark: mark(number),
            request_id,
            active: self.dice.one_in(2),
            known: Known::Nothing,
        });
        number
    }

    fn timeout(&mut self) -> Option<u32> {
        let some = self.dice.one_in(6);
        some.then(|| self.dice.pick(&[5, 300, 1_500, 4_000]))
    }

    async fn create(&mut self) {
        let ask = self.new_ask();
        self.send(ask).await;
    }

    async fn send(&mut self, number: usize) {
        let timeout = self.timeout();
        let ask = &self.asks[number];
        let what = format!(
            "create {:?} {} as {}, request id {:?}, timeout {timeout:?}",
            ask.kind, ask.place, ask.mark, ask.request_id
        );
        let answer = not_stuck(ask.send(self.replica(), timeout)).await;
        self.answered(number, &what, answer);
    }

    fn answered(&mut self, number: usize, what: &str, answer: Result<String, Status>) {
        self.note(format!("{what}: {}", told(&answer)));
        self.asks[number].note(answer);
    }

    /// The number of some create that has a request id.
    fn with_request_id(&mut self) -> Option<usize> {
        let asks = self.asks.iter().enumerate();
        let asks = asks.filter(|(_, ask)| !ask.request_id.is_empty());
        let asks: Vec<usize> = asks.map(|(number, _)| number).collect();
        (!asks.is_empty()).then(|| self.dice.pick(&asks))
    }

    async fn repeat(&mut self) {
        match self.with_request_id() {
            Some(ask) => self.send(ask).await,
            None => self.create().await,
        }
    }

    async fn repeat_with_other_content(&mut self) {
        let Some(first) = self.with_request_id() else {
            return self.create().await;
        };
        let mut ask = self.asks[first].clone();
        ask.mark = mark(self.asks.len());
        ask.known = Known::Nothing;
        self.asks.push(ask);
        let number = self.asks.len() - 1;
        self.send(number).await;
        if let (Known::Told(one), Known::Told(other)) =
            (&self.asks[first].known, &self.asks[number].known)
        {
            panic!("one request id, two contents, both created: {one} and {other}");
        }
    }

    /// The same create twice, or two for one place.
    async fn create_two_at_once(&mut self) {
        let one = self.new_ask();
        let other = if self.asks[one].request_id.is_empty() || self.dice.one_in(2) {
            let mut ask = self.asks[one].clone();
            let number = self.asks.len();
            ask.mark = mark(number);
            if !ask.request_id.is_empty() {
                ask.request_id = request_id(number as u128);
            }
            self.asks.push(ask);
            number
        } else {
            one
        };
        let replica = self.replica();
        let both = async {
            tokio::join!(
                self.asks[one].send(replica, None),
                self.asks[other].send(replica, None)
            )
        };
        let (first, second) = not_stuck(both).await;
        let ask = &self.asks[one];
        let what = format!(
            "at once, create {:?} {} as {}, request id {:?}",
            ask.kind, ask.place, ask.mark, ask.request_id
        );
        let what_other = format!("and as {}", self.asks[other].mark);
        // What the later answer says is what counts, and a success is never the earlier one.
        let (first, second) = match one == other && first.is_ok() {
            true => (second, first),
            false => (first, second),
        };
        self.answered(one, &what, first);
        self.answered(other, &what_other, second);
    }

    /// The number of some record that a caller was told of, and its id.
    fn known(&mut self, kinds: &[RecordKind]) -> Option<(RecordKind, String)> {
        let asks = self.asks.iter().filter(|ask| kinds.contains(&ask.kind));
        let known: Vec<_> = asks
            .filter_map(|ask| match &ask.known {
                Known::Told(id) => Some((ask.kind, id.clone())),
                Known::Nothing | Known::Open => None,
            })
            .collect();
        let some = !known.is_empty();
        some.then(|| known[self.dice.roll(known.len())].clone())
    }

    async fn update(&mut self) {
        let kinds = [
            RecordKind::Customer,
            RecordKind::Consumer,
            RecordKind::Business,
        ];
        let Some((kind, id)) = self.known(&kinds) else {
            return self.create().await;
        };
        let value = mark(1_000 + self.dice.roll(10_000));
        let timeout = self.timeout();
        let before = self.is_live(kind, &id);
        let what = format!("update {kind:?} {id} to {value}, timeout {timeout:?}");
        let (field, answer) = match kind {
            RecordKind::Customer => {
                let customer = pb::Customer {
                    customer_id: id.clone(),
                    first_name: value.clone(),
                    ..Default::default()
                };
                let request = pb::UpdateCustomerRequest {
                    customer: Some(customer),
                    update_mask: mask(&["first_name"]),
                };
                let request = within(timeout, request);
                let answer = not_stuck(self.replica().customers().update_customer(request)).await;
                ("firstName", answer.map(drop))
            }
            RecordKind::Consumer => {
                let consumer = pb::Consumer {
                    consumer_id: id.clone(),
                    first_name: value.clone(),
                    ..Default::default()
                };
                let request = pb::UpdateConsumerRequest {
                    consumer: Some(consumer),
                    update_mask: mask(&["first_name"]),
                };
                let request = within(timeout, request);
                let answer = not_stuck(self.replica().consumers().update_consumer(request)).await;
                ("firstName", answer.map(drop))
            }
            RecordKind::Business | RecordKind::InstitutionLogin => {
                let business = pb::Business {
                    business_id: id.clone(),
                    r#type: value.clone(),
                    ..Default::default()
                };
                let request = pb::UpdateBusinessRequest {
                    business: Some(business),
                    update_mask: mask(&["type"]),
                };
                let request = within(timeout, request);
                let answer = not_stuck(self.replica().businesses().update_business(request)).await;
                ("type", answer.map(drop))
            }
        };
        self.note(format!("{what}: {}", told(&answer)));
        match answer {
            Ok(()) => {
                let record = self.fleet.sandbox().record(kind, &id, Personal::Shown);
                let written = record.unwrap_or_else(|| panic!("updated, and not there: {id}"));
                assert_eq!(written[field], value, "not what was written");
            }
            Err(status) => self.refused(&status, before && self.is_live(kind, &id)),
        }
    }

    async fn delete(&mut self) {
        let Some((kind, id)) = self.known(&[RecordKind::Customer]) else {
            return self.create().await;
        };
        let before = self.is_live(kind, &id);
        let request = pb::DeleteCustomerRequest {
            customer_id: id.clone(),
            allow_missing: self.dice.one_in(2),
        };
        let answer = not_stuck(self.replica().customers().delete_customer(request)).await;
        self.note(format!("delete {id}: {}", told(&answer)));
        let after = self.is_live(kind, &id);
        match answer {
            Ok(_) => assert!(!after, "deleted, and still there: {id}"),
            Err(status) => self.refused(&status, before && after),
        }
    }

    /// Looks a place up.
    async fn look_up(&mut self) {
        if self.asks.is_empty() {
            return self.create().await;
        }
        let ask = self.asks[self.dice.roll(self.asks.len())].clone();
        let before = self.at_place(&ask);
        let place = ask.place.clone();
        let replica = self.replica();
        let answer = match ask.kind {
            RecordKind::Customer => {
                let request = pb::LookupCustomerRequest { username: place };
                let read = not_stuck(replica.customers().lookup_customer(request)).await;
                read.map(|read| read.into_inner().customer_id)
            }
            RecordKind::Consumer => {
                let request = pb::GetConsumerByCustomerRequest { customer_id: place };
                let read = not_stuck(replica.consumers().get_consumer_by_customer(request)).await;
                read.map(|read| read.into_inner().consumer_id)
            }
            RecordKind::Business | RecordKind::InstitutionLogin => {
                let request = pb::GetBusinessByCustomerRequest { customer_id: place };
                let read = not_stuck(replica.businesses().get_business_by_customer(request)).await;
                read.map(|read| read.into_inner().business_id)
            }
        };
        self.note(format!(
            "look up {:?} {}: {}",
            ask.kind,
            ask.place,
            told(&answer)
        ));
        self.read_journal();
        let after = self.at_place(&ask);
        match answer {
            Ok(id) => {
                let is_there = [before, after].contains(&Some(id.clone()));
                assert!(is_there, "found {id}, which is not there");
            }
            Err(status) => {
                let customer_is_gone = ask.kind != RecordKind::Customer
                    && !self.is_live(RecordKind::Customer, &ask.place);
                self.refused(
                    &status,
                    before.is_some() && after.is_some() && !customer_is_gone,
                );
            }
        }
    }

    /// Holds that the error of anything but a create is one that a caller can go by.
    fn refused(&self, status: &Status, is_there: bool) {
        if told_by_client(status) {
            return;
        }
        let spoilt = || {
            let faults = self.fleet.sandbox().faults();
            faults
                .iter()
                .any(|one| one.fired > 0 && fault::spoils(&one.rule))
        };
        match (status.code(), reason(status).as_str()) {
            (Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded, _)
            | (Code::Aborted, "UPDATE_CONFLICT") => {}
            (Code::NotFound, _) => assert!(!is_there, "not found, and there: {status:?}"),
            (Code::Internal, "UPSTREAM_MALFORMED") if spoilt() => {}
            _ => panic!("nothing that a caller could go by: {status:?}"),
        }
    }

    fn is_live(&self, kind: RecordKind, id: &str) -> bool {
        let control = self.fleet.sandbox();
        control.record(kind, id, Personal::Masked).is_some()
    }

    /// The id of what is there in the place of an ask.
    fn at_place(&self, ask: &Ask) -> Option<String> {
        let mut live = self.made.iter().filter(|made| made.live);
        let made =
            live.find(|made| made.kind == ask.kind && self.asks[made.ask].place == ask.place);
        made.map(|made| made.id.clone())
    }

    /// Takes note of what the vendor has done.
    fn read_journal(&mut self) {
        let control = self.fleet.sandbox().clone();
        for line in control.journal(self.read).entries {
            let commit = match line {
                JournalEntry::Request(request) => {
                    self.read = request.sequence;
                    self.arrived.insert(request.sequence, request.at);
                    continue;
                }
                JournalEntry::Commit(commit) => commit,
            };
            self.read = commit.sequence;
            match commit.change {
                Change::Created => {
                    let record = control.record(commit.kind, &commit.id, Personal::Shown);
                    let record = record.unwrap_or_else(|| panic!("gone at once: {}", commit.id));
                    let field = match commit.kind {
                        RecordKind::Customer | RecordKind::Consumer => "lastName",
                        RecordKind::Business | RecordKind::InstitutionLogin => "name",
                    };
                    let ask = self.asks.iter().position(|ask| record[field] == *ask.mark);
                    let arrived = self.arrived[&commit.request.unwrap()];
                    let took = commit.at.duration_since(arrived);
                    self.made.push(Made {
                        kind: commit.kind,
                        id: commit.id,
                        ask: ask.unwrap_or_else(|| panic!("nobody asked for {record}")),
                        late: took >= SignedDuration::try_from(QUIET).unwrap(),
                        live: true,
                    });
                }
                Change::Deleted => {
                    for made in &mut self.made {
                        made.live &= made.id != commit.id || made.kind != commit.kind;
                    }
                }
                Change::Changed => {}
            }
        }
    }

    /// Holds that what callers know is so.
    fn check(&mut self) {
        self.read_journal();
        let (mut places, mut requests) = (BTreeSet::new(), BTreeSet::new());
        for made in &self.made {
            let ask = &self.asks[made.ask];
            assert_eq!(made.kind, ask.kind);
            if made.live {
                let place = (made.kind.as_str(), &ask.place);
                assert!(places.insert(place), "two records in one place: {made:?}");
            }
            if made.late {
                continue;
            }
            let request = match ask.request_id.is_empty() {
                true => &ask.mark,
                false => &ask.request_id,
            };
            assert!(
                requests.insert(request),
                "a second record for one request: {made:?}"
            );
            match &ask.known {
                Known::Told(id) => assert_eq!(id, &made.id, "told of another record"),
                Known::Open => {}
                // Whoever asks for what belongs to a customer who is gone is told of that.
                Known::Nothing => assert!(
                    self.place_is_gone(ask) || self.place_was_freed(made),
                    "the caller was told that nothing was done: {made:?} of {ask:?}"
                ),
            }
        }
        for (number, ask) in self.asks.iter().enumerate() {
            if let Known::Told(id) = &ask.known {
                let mut made = self.made.iter();
                let is_so = made.any(|made| made.ask == number && made.id == *id);
                assert!(is_so, "told of {id}, which was not made of {ask:?}");
            }
        }
    }

    /// Whether another record held the place and was deleted. A caller who is told that a name is taken, which is so at
    /// that moment, is not asked again when the name gets free before the vendor has come to the lost create.
    fn place_was_freed(&self, made: &Made) -> bool {
        let place = |made: &Made| (made.kind.as_str(), &self.asks[made.ask].place);
        let mut others = self.made.iter().filter(|other| other.id != made.id);
        others.any(|other| !other.live && place(other) == place(made))
    }

    fn place_is_gone(&self, ask: &Ask) -> bool {
        ask.kind != RecordKind::Customer && !self.is_live(RecordKind::Customer, &ask.place)
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

/// A name of letters alone.
fn mark(number: usize) -> String {
    let mut text = "Mark".to_owned();
    let mut rest = number + 1;
    while rest > 0 {
        text.push(char::from(b'a' + u8::try_from(rest % 26).unwrap()));
        rest /= 26;
    }
    text
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
