//! Two hundred thousand requests that mean no good.
//!
//! Most are valid requests with something changed; the others are hardly HTTP. Every one must be answered as the
//! vendor's document or the list of departures has it, or be refused, or see its connection end: never a panic, a hang
//! or a 500 of our own making. In the end the sandbox must have counted as its client has.
//!
//! All follows from one seed, and each sandbox has one client, so a failure comes again. `OPENFINANCE_HOSTILE_SEED` takes
//! another seed.

mod client;
#[path = "../contract/mod.rs"]
#[expect(dead_code, reason = "the rest is for the wire tests")]
mod contract;
mod ill_framed;
mod model;
mod mutation;
mod random;
mod request;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use openfinance_sandbox::{Config, Lock, Sandbox};
use serde_json::Value;
use tokio::net::TcpStream;

use contract::{Document, Exchange};
use model::Model;
use random::Random;
use request::{Request, readable};

const REQUESTS: usize = 200_000;
/// Each has a sandbox of its own.
const CLIENTS: usize = 2;
/// Requests that are sent in one go.
const BATCH: usize = 50;
/// Between batches so many are sent that are no well-framed requests.
const ILL_FRAMED: usize = 5;
/// A success that is met less often in all this was not really tried.
const SELDOM: usize = 100;

/// What all panics in this process have said.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// One client, its sandbox, and what it has seen.
struct Client {
    sandbox: Sandbox,
    document: Arc<Document>,
    random: Random,
    model: Model,
    sent: usize,
    /// What was judged already; most refusals are alike.
    known: HashSet<Exchange>,
    met: BTreeMap<(String, u16), usize>,
}

impl Client {
    async fn start(document: Arc<Document>, seed: u64) -> Self {
        let config = Config::for_tests();
        let partner = config.partner.clone();
        let sandbox = Sandbox::start(config).await.expect("a free port is free");
        sandbox.control().add_application("app-1", "Shop");
        let mut random = Random::from_seed(seed);
        let mut stranger = Model::new(partner.clone(), String::new());
        let log_in = loop {
            let request = stranger.request(&mut random);
            if request.path.ends_with("/authentication") && request.method == "POST" {
                break request;
            }
        };
        let mut stream = TcpStream::connect(sandbox.address())
            .await
            .expect("the sandbox listens");
        let answers = client::exchange(&mut stream, &[log_in])
            .await
            .expect("the log-in is answered");
        let body: Value = serde_json::from_slice(&answers[0].body).expect("a token comes as JSON");
        let token = body["token"].as_str().expect("a token is text").to_owned();
        Self {
            model: Model::new(partner, token),
            sandbox,
            document,
            random,
            sent: 0,
            known: HashSet::new(),
            met: BTreeMap::new(),
        }
    }

    async fn run(mut self, seed: u64) -> Self {
        let mut stream = TcpStream::connect(self.sandbox.address())
            .await
            .expect("the sandbox listens");
        while self.sent < REQUESTS / CLIENTS {
            let mut requests: Vec<Request> = (0..BATCH)
                .map(|_| self.model.request(&mut self.random))
                .collect();
            for request in &mut requests {
                if !self.random.one_in(5) {
                    mutation::mutate(request, &mut self.random);
                }
            }
            match client::exchange(&mut stream, &requests).await {
                Ok(answers) => {
                    for (request, answer) in requests.iter().zip(answers) {
                        self.take(request, answer, seed);
                    }
                }
                Err((answers, reason)) => {
                    let at = answers.len().min(BATCH - 1);
                    let before = at
                        .checked_sub(1)
                        .map(|before| (&answers[before], requests[before].to_string()));
                    panic!(
                        "seed {seed}, request {}: {reason}\n{}\nbefore: {before:?}",
                        self.sent + at,
                        requests[at]
                    )
                }
            }
            self.sent += BATCH;
            for _ in 0..ILL_FRAMED {
                let request = self.model.request(&mut self.random);
                let bytes = ill_framed::bytes(request, &mut self.random);
                let answers = client::throw(self.sandbox.address(), &bytes).await;
                let statuses = answers.and_then(|bytes| client::statuses(&bytes));
                let fine = statuses.as_ref().is_ok_and(|statuses| {
                    statuses
                        .iter()
                        .all(|status| (400..500).contains(status) || *status == 100)
                });
                assert!(
                    fine,
                    "seed {seed}, after {} requests: {statuses:?}\n{}",
                    self.sent,
                    readable(&bytes)
                );
                self.sent += 1;
            }
            self.repair();
        }
        self
    }

    /// Judges one answer and remembers what it has done.
    fn take(&mut self, request: &Request, answer: client::Answer, seed: u64) {
        let client::Answer {
            status,
            media_type,
            body,
        } = answer;
        let exchange = Exchange {
            method: request.method.clone(),
            path: request.path.clone(),
            status,
            media_type,
            body,
        };
        let number = self.sent;
        let operation = self
            .document
            .operation(&exchange.method, &exchange.path)
            .map(str::to_owned);
        if status >= 500 {
            let locked = serde_json::from_slice::<Value>(&exchange.body)
                .is_ok_and(|body| body["code"] == 24302);
            assert!(
                locked,
                "seed {seed}, request {number}: {exchange:?}\n{request}"
            );
        }
        if let Some(operation) = operation {
            *self.met.entry((operation.clone(), status)).or_default() += 1;
            self.model.learn(
                &operation,
                &exchange.path,
                status,
                &exchange.body,
                &mut self.random,
            );
        }
        if self.known.contains(&exchange) {
            return;
        }
        if let Err(reason) = self.document.judge(&exchange) {
            panic!(
                "seed {seed}, in the {BATCH} after {number}: {reason}\n{request}\n{}",
                readable(&exchange.body)
            );
        }
        self.known.insert(exchange);
    }

    /// Undoes what would make all that follows alike: a locked partner, another secret. And adds what no request can.
    fn repair(&mut self) {
        let control = self.sandbox.control();
        control
            .set_partner_locked(None, Lock::Unlocked)
            .expect("the partner is known");
        control
            .set_partner_secret(None, &Config::for_tests().partner.secret)
            .expect("the partner is known");
        if self.random.one_in(4) {
            self.model.connect(&self.sandbox, &mut self.random);
        }
    }

    /// Whether the sandbox knows what its client knows.
    async fn check(&mut self) {
        assert_eq!(self.sandbox.control().counts(), self.model.counts());
        let mut request = loop {
            let request = self.model.request(&mut self.random);
            if request.path == "/aggregation/v1/customers" {
                break request;
            }
        };
        request.query = Some("limit=1000".to_owned());
        let mut stream = TcpStream::connect(self.sandbox.address())
            .await
            .expect("the sandbox listens");
        let answers = client::exchange(&mut stream, &[request])
            .await
            .expect("the list is answered");
        let page: Value = serde_json::from_slice(&answers[0].body).expect("a list is JSON");
        let mut listed: Vec<&str> = page["customers"]
            .as_array()
            .expect("a page has customers")
            .iter()
            .filter_map(|customer| customer["id"].as_str())
            .collect();
        listed.sort_unstable();
        assert_eq!(
            listed,
            self.model
                .customers
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_hostile_requests_are_answered_as_the_document_says() {
    let seed = std::env::var("OPENFINANCE_HOSTILE_SEED")
        .map_or(20_260_101, |seed| seed.parse().expect("a seed is a number"));
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(panic.to_string());
        usual(panic);
    }));
    let document = Arc::new(Document::load(|_, quirk| quirk.is_none()));
    let clients = (0..CLIENTS).map(|number| {
        let document = Arc::clone(&document);
        let seed = seed + number as u64;
        tokio::spawn(async move { Client::start(document, seed).await.run(seed).await })
    });
    let mut met: BTreeMap<(String, u16), usize> = BTreeMap::new();
    let mut sent = 0;
    for client in clients.collect::<Vec<_>>() {
        let mut client = client.await.expect("no client gives up");
        client.check().await;
        sent += client.sent;
        for (what, times) in std::mem::take(&mut client.met) {
            *met.entry(what).or_default() += times;
        }
        client.sandbox.stop().await;
    }
    assert_eq!(
        PANICS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_slice(),
        &[] as &[String]
    );
    assert!(sent >= REQUESTS, "{sent}");
    for (operation, status) in document.statuses().filter(|(_, status)| *status < 300) {
        let times = met
            .get(&(operation.to_owned(), status))
            .copied()
            .unwrap_or(0);
        assert!(
            times >= SELDOM,
            "{operation} was {status} only {times} times"
        );
    }
}
