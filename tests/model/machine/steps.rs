//! What callers do.

use openfinance_rpc::pb;
use openfinance_sandbox::{Personal, RecordKind};
use tonic::Status;

use super::{Machine, not_stuck, told};
use crate::{
    fleet::request_id,
    model::ask::{Ask, Known, within},
    world::mask,
};

impl Machine<'_> {
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

    pub(super) async fn create(&mut self) {
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

    pub(super) fn answered(&mut self, number: usize, what: &str, answer: Result<String, Status>) {
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

    pub(super) async fn repeat(&mut self) {
        match self.with_request_id() {
            Some(ask) => self.send(ask).await,
            None => self.create().await,
        }
    }

    pub(super) async fn repeat_with_other_content(&mut self) {
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
    pub(super) async fn create_two_at_once(&mut self) {
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

    pub(super) async fn update(&mut self) {
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

    pub(super) async fn delete(&mut self) {
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
    pub(super) async fn look_up(&mut self) {
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
