//! Calls, and what became of each: some that come when they come, whatever becomes of those before them, and some of
//! callers that wait for an answer before they ask again.
//!
//! Callers that wait slow down with what they measure, and hide how long it takes. For that the times of all calls are
//! drawn beforehand, and how long one took counts from the time that it should have begun. What a call costs, and how many
//! there can be, callers that wait do find out.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use fastrand::Rng;
use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use tokio::{runtime::Handle, sync::mpsc, task::JoinSet, time::Instant};
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

use crate::times::Times;

pub(crate) type Client = CustomerServiceClient<Channel>;

/// What is asked.
#[derive(Clone)]
pub(crate) enum Ask {
    /// For this customer.
    Read(String),
    /// For a customer of this type to be made, under a request id.
    Create(pb::CustomerType),
    /// For the first page, of so many customers.
    List(i32),
}

/// Calls of one caller.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) ask: Ask,
    /// Calls a second, at times that chance decides.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
    pub(crate) deadline: Duration,
    /// By which the gateway knows the caller.
    pub(crate) key: Option<String>,
    /// What the times are drawn from. Callers with the same one would come together.
    pub(crate) seed: u64,
}

impl Load {
    /// Reads of one customer.
    pub(crate) fn reads(customer: &str, rate: f64, time: Duration) -> Self {
        Self {
            ask: Ask::Read(customer.to_owned()),
            rate,
            time,
            deadline: Duration::from_secs(10),
            key: None,
            seed: 7,
        }
    }
}

/// What became of calls.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) offered: usize,
    pub(crate) seconds: f64,
    /// How long those took that were served.
    pub(crate) served: Times,
    /// How long those took that were not, by reason.
    pub(crate) refused: BTreeMap<String, Times>,
    /// Refusals of calls that may be repeated, which do not say when.
    pub(crate) without_retry: usize,
    /// How much later than they should have calls went out, for want of a processor on the side of the callers. It is a
    /// part of how long they took.
    pub(crate) late: Times,
}

impl Outcome {
    /// Calls served a second.
    pub(crate) fn goodput(&self) -> f64 {
        self.served.count() as f64 / self.seconds
    }

    /// The share of the calls that were served.
    pub(crate) fn share(&self) -> f64 {
        self.served.count() as f64 / self.offered as f64
    }

    /// How many were refused for this reason.
    pub(crate) fn refused(&self, reason: &str) -> usize {
        self.refused.get(reason).map_or(0, Times::count)
    }

    /// How many were refused for want of room, whoever's.
    pub(crate) fn exhausted(&self) -> usize {
        self.refused("OVERLOADED") + self.refused("CALLER_RATE_LIMITED")
    }

    /// How many were not served.
    pub(crate) fn failed(&self) -> usize {
        self.offered - self.served.count()
    }

    /// Takes in what became of calls at another time.
    pub(crate) fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.add_beside(other);
    }

    /// Takes in what became of calls at the same time.
    fn add_beside(&mut self, other: Self) {
        self.offered += other.offered;
        self.served.add(&other.served);
        for (reason, took) in other.refused {
            self.refused.entry(reason).or_default().add(&took);
        }
        self.without_retry += other.without_retry;
        self.late.add(&other.late);
    }

    fn note(&mut self, took: Duration, answer: Result<(), Status>) {
        let Err(status) = answer else {
            self.served.note(took);
            return;
        };
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map_or_else(
            || format!("{:?}", status.code()),
            |info| info.reason.clone(),
        );
        let promises = ["OVERLOADED", "CALLER_RATE_LIMITED", "UPSTREAM_CIRCUIT_OPEN"];
        if promises.contains(&reason.as_str()) && details.retry_info().is_none() {
            self.without_retry += 1;
        }
        self.refused.entry(reason).or_default().note(took);
    }
}

/// A call that has ended.
struct Ended {
    late: Duration,
    took: Duration,
    answer: Result<(), Status>,
}

/// Makes the calls of a load over these connections in turn, and waits for all of them.
pub(crate) async fn offer(clients: &[Client], load: Load) -> Outcome {
    let mut outcome = Outcome {
        seconds: load.time.as_secs_f64(),
        ..Outcome::default()
    };
    let (ends, mut ended) = mpsc::unbounded_channel();
    let (clients, callers) = (clients.to_vec(), Handle::current());
    // The runtime's clock counts in milliseconds, which is longer than many a call takes.
    let pace = thread::spawn(move || pace(&clients, &load, &callers, &ends));
    while let Some(Ended { late, took, answer }) = ended.recv().await {
        outcome.offered += 1;
        outcome.late.note(late);
        outcome.note(took, answer);
    }
    pace.join().expect("the thread that paces panicked");
    outcome
}

/// Begins each call at its time.
fn pace(clients: &[Client], load: &Load, callers: &Handle, ends: &mpsc::UnboundedSender<Ended>) {
    wake_on_time();
    let mut dice = Rng::with_seed(load.seed);
    let start = Instant::now() + Duration::from_millis(50);
    let mut after = Duration::ZERO;
    let key = key(load.key.as_deref());
    for client in clients.iter().cycle() {
        // Times between arrivals that have nothing to do with each other.
        after += Duration::from_secs_f64(-(1.0 - dice.f64()).ln() / load.rate);
        if after >= load.time {
            break;
        }
        let begins = start + after;
        thread::sleep(begins.saturating_duration_since(Instant::now()));
        let (client, ask, key, ends) =
            (client.clone(), load.ask.clone(), key.clone(), ends.clone());
        let deadline = Some(load.deadline);
        callers.spawn(async move {
            let late = begins.elapsed();
            let answer = call(client, ask, deadline, key).await;
            let took = begins.elapsed();
            // Whoever listens does so until the last one.
            let _ = ends.send(Ended { late, took, answer });
        });
    }
}

/// Linux lets threads sleep 50 µs longer than they asked for, unless they say that it matters.
#[cfg(target_os = "linux")]
fn wake_on_time() {
    // Where it is refused, calls go out later, which is told.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

#[cfg(not(target_os = "linux"))]
fn wake_on_time() {}

/// Makes the calls of several callers at the same time.
pub(crate) async fn offer_all(clients: &[Client], loads: Vec<Load>) -> Vec<Outcome> {
    let each = loads.into_iter().map(|load| offer(clients, load));
    futures_util::future::join_all(each).await
}

/// One caller for each of these connections, that asks again as soon as it is answered, for so long.
pub(crate) async fn press(
    clients: &[Client],
    ask: &Ask,
    key_of_caller: Option<&str>,
    time: Duration,
) -> Outcome {
    let start = Instant::now();
    let end = start + time;
    let mut callers = JoinSet::new();
    for client in clients {
        let (client, ask, key) = (client.clone(), ask.clone(), key(key_of_caller));
        callers.spawn(async move {
            let mut outcome = Outcome::default();
            let mut begins = Instant::now();
            while begins < end {
                let answer = call(client.clone(), ask.clone(), None, key.clone()).await;
                let ended = Instant::now();
                outcome.offered += 1;
                outcome.note(ended - begins, answer);
                begins = ended;
            }
            outcome
        });
    }
    let mut all = Outcome::default();
    while let Some(one) = callers.join_next().await {
        all.add_beside(one.expect("a caller panicked"));
    }
    all.seconds = start.elapsed().as_secs_f64();
    all
}

fn key(text: Option<&str>) -> Option<AsciiMetadataValue> {
    text.map(|text| text.parse().expect("a key is ASCII"))
}

async fn call(
    mut client: Client,
    ask: Ask,
    deadline: Option<Duration>,
    key: Option<AsciiMetadataValue>,
) -> Result<(), Status> {
    match ask {
        Ask::Read(customer_id) => {
            let request = pb::GetCustomerRequest { customer_id };
            let answer = client.get_customer(dressed(request, deadline, key));
            answer.await.map(drop)
        }
        Ask::Create(customer_type) => {
            let answer = client.create_customer(dressed(new(customer_type), deadline, key));
            answer.await.map(drop)
        }
        Ask::List(page_size) => {
            let request = pb::ListCustomersRequest {
                page_size,
                ..Default::default()
            };
            let answer = client.list_customers(dressed(request, deadline, key));
            answer.await.map(drop)
        }
    }
}

/// A customer that nobody has asked for before.
fn new(customer_type: pb::CustomerType) -> pb::CreateCustomerRequest {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let id = uuid::Builder::from_random_bytes(u128::from(number).to_be_bytes()).into_uuid();
    let customer = pb::Customer {
        username: format!("customer-{number:012}"),
        r#type: customer_type.into(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        phone: "8015550123".to_owned(),
        email: "ada.lovelace@example.com".to_owned(),
        ..Default::default()
    };
    pb::CreateCustomerRequest {
        customer: Some(customer),
        request_id: id.to_string(),
        validate_only: false,
    }
}

fn dressed<T>(
    message: T,
    deadline: Option<Duration>,
    key: Option<AsciiMetadataValue>,
) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(deadline) = deadline {
        request.set_timeout(deadline);
    }
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", key);
    }
    request
}
