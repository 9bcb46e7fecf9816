//! A client that knows what it was told, so that it can be asked whether that is still so.

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::{AtomicU64, Ordering},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::Caller;

/// A record: the member of a snapshot that it stands in, and its id.
pub(super) type Key = (&'static str, String);
/// Of each record the members that clients of this kind set.
pub(super) type Records = BTreeMap<Key, Value>;

const CUSTOMERS: &str = "customers";
const CONSUMERS: &str = "consumers";
const BUSINESSES: &str = "businesses";

/// What a client did not hear the end of.
enum Pending {
    /// A record with this content, under an id that nobody has told.
    Create(&'static str, Value),
    /// This record is as it was, or has this content, or is gone if that is `None`.
    Change(Key, Option<Value>),
}

/// One client and the records that it made.
pub(super) struct Worker {
    name: usize,
    /// Counts usernames and other texts, so that no two are the same.
    count: u64,
    random: u64,
    records: Records,
    pending: Option<Pending>,
}

/// The records in a snapshot, as far as workers set them.
pub(super) fn records(snapshot: &Value) -> Records {
    let mut records = Records::new();
    let mut collect = |noun, content: fn(&Value) -> Value| {
        let rows = snapshot[noun].as_object().expect("rows stand under ids");
        records.extend(
            rows.iter()
                .map(|(id, row)| ((noun, id.clone()), content(row))),
        );
    };
    collect(
        CUSTOMERS,
        |row| json!({"username": row["username"], "firstName": row["firstName"]}),
    );
    collect(
        CONSUMERS,
        |row| json!({"customerId": row["customerId"], "city": row["details"]["city"]}),
    );
    collect(
        BUSINESSES,
        |row| json!({"customerId": row["customerId"], "name": row["details"]["name"]}),
    );
    records
}

impl Worker {
    pub(super) fn new(name: usize) -> Self {
        Self {
            name,
            count: 0,
            random: name as u64 + 1,
            records: Records::new(),
            pending: None,
        }
    }

    /// Takes its records out of those that are there. What was answered must be there as it was answered; what was not
    /// is there in whole or not at all.
    pub(super) fn recognise(&mut self, there: &mut Records, seen: &mut HashSet<Key>) {
        let pending = self.pending.take();
        for (key, known) in std::mem::take(&mut self.records) {
            let found = there.remove(&key);
            let expected = match &pending {
                Some(Pending::Change(changed, to)) if *changed == key && found == *to => to.clone(),
                Some(_) | None => Some(known),
            };
            assert_eq!(found, expected, "worker {}: {key:?}", self.name);
            if let Some(found) = found {
                self.records.insert(key, found);
            }
        }
        if let Some(Pending::Create(noun, content)) = pending {
            let found = there
                .iter()
                .find(|(key, row)| key.0 == noun && **row == content);
            if let Some((key, _)) = found {
                let key = key.clone();
                let row = there.remove(&key).expect("it was found there");
                self.keep(key, row, seen);
            }
        }
    }

    fn keep(&mut self, key: Key, row: Value, seen: &mut HashSet<Key>) {
        assert!(seen.insert(key.clone()), "{key:?} was given away twice");
        self.records.insert(key, row);
    }

    /// How many usernames are its own, and one of them.
    pub(super) fn usernames(&self) -> Vec<String> {
        let customers = self.records.iter().filter(|(key, _)| key.0 == CUSTOMERS);
        let usernames = customers.filter_map(|(_, row)| row["username"].as_str());
        usernames.map(str::to_owned).collect()
    }

    /// Works until the sandbox is gone. Counts answers, and answers the ids that it was given.
    pub(super) async fn work(mut self, caller: Caller, answers: &AtomicU64) -> (Self, Vec<Key>) {
        let mut given = Vec::new();
        while let Ok(key) = self.step(&caller).await {
            given.extend(key);
            answers.fetch_add(1, Ordering::Relaxed);
        }
        assert!(self.pending.is_some(), "it was doing something");
        (self, given)
    }

    /// Does one thing, and answers the key of what it created.
    async fn step(&mut self, caller: &Caller) -> reqwest::Result<Option<Key>> {
        self.count += 1;
        let text = format!("worker{}-{}", self.name, self.count);
        match self.below(10) {
            4 | 5 => {
                if let Some(key) = self.pick(CUSTOMERS) {
                    let path = format!("/aggregation/v1/customers/{}", key.1);
                    let mut row = self.records[&key].clone();
                    row["firstName"] = json!(text);
                    let body = json!({ "firstName": text });
                    return self
                        .change(caller, Method::PUT, &path, &body, (key, Some(row)), 204)
                        .await;
                }
            }
            6 => {
                if let Some(key) = self.pick(CUSTOMERS) {
                    let path = format!("/aggregation/v1/customers/{}", key.1);
                    return self
                        .change(caller, Method::DELETE, &path, &json!({}), (key, None), 204)
                        .await;
                }
            }
            7 => {
                if let Some(owner) = self.pick_without(CONSUMERS) {
                    let path = format!("/decisioning/v1/customers/{owner}/consumer");
                    let body = json!({
                        "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "999-60-1111",
                        "phone": "1-801-984-4200", "city": text,
                    });
                    let row = json!({"customerId": owner, "city": text});
                    return self
                        .create(caller, &path, &body, (CONSUMERS, row), ("id", 201))
                        .await;
                }
            }
            8 => {
                if let Some(key) = self.pick(CONSUMERS) {
                    let path = format!("/decisioning/v1/consumers/{}", key.1);
                    let mut row = self.records[&key].clone();
                    row["city"] = json!(text);
                    let body = json!({ "city": text });
                    return self
                        .change(caller, Method::PUT, &path, &body, (key, Some(row)), 204)
                        .await;
                }
            }
            9 => {
                if let Some(owner) = self.pick_without(BUSINESSES) {
                    let path = format!("/business-services/customers/{owner}/businesses");
                    let body = json!({
                        "name": text, "personallyLiable": false, "address": {}, "phoneNumber": {},
                    });
                    let row = json!({"customerId": owner, "name": text});
                    return self
                        .create(caller, &path, &body, (BUSINESSES, row), ("businessId", 200))
                        .await;
                }
            }
            _ => {}
        }
        let body = json!({"username": text, "firstName": "Jane"});
        let row = (CUSTOMERS, body.clone());
        self.create(
            caller,
            "/aggregation/v2/customers/testing",
            &body,
            row,
            ("id", 201),
        )
        .await
    }

    async fn create(
        &mut self,
        caller: &Caller,
        path: &str,
        body: &Value,
        (noun, row): (&'static str, Value),
        (id, expected): (&str, u16),
    ) -> reqwest::Result<Option<Key>> {
        self.pending = Some(Pending::Create(noun, row.clone()));
        let (status, answer) = caller.send(Method::POST, path, body).await?;
        assert_eq!(status, expected, "{answer}");
        self.pending = None;
        let id = answer[id].as_str().expect("an id is text").to_owned();
        self.records.insert((noun, id.clone()), row);
        Ok(Some((noun, id)))
    }

    async fn change(
        &mut self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: &Value,
        (key, row): (Key, Option<Value>),
        expected: u16,
    ) -> reqwest::Result<Option<Key>> {
        self.pending = Some(Pending::Change(key.clone(), row.clone()));
        let (status, answer) = caller.send(method, path, body).await?;
        assert_eq!(status, expected, "{answer}");
        self.pending = None;
        match row {
            Some(row) => self.records.insert(key, row),
            None => self.records.remove(&key),
        };
        Ok(None)
    }

    /// One of its records.
    fn pick(&mut self, noun: &str) -> Option<Key> {
        let keys = self.records.keys().filter(|key| key.0 == noun);
        let keys: Vec<Key> = keys.cloned().collect();
        let position = self.below(keys.len().max(1) as u64);
        keys.get(usize::try_from(position).ok()?).cloned()
    }

    /// One of its customers that has no record of this kind.
    fn pick_without(&mut self, noun: &str) -> Option<u64> {
        let customer: u64 = self.pick(CUSTOMERS)?.1.parse().ok()?;
        let mut records = self.records.iter().filter(|(key, _)| key.0 == noun);
        let has = records.any(|(_, row)| row["customerId"] == customer);
        (!has).then_some(customer)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % bound
    }
}
