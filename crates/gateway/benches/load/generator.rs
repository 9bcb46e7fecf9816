//! Calls that come when they come, whatever becomes of those before them, and what became of each.
//!
//! Callers that wait for an answer before they ask again slow down with what they measure, and hide it. Here the times of
//! all calls are drawn beforehand, and how long one took counts from the time that it should have begun.

use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) type Client = CustomerServiceClient<Channel>;

/// What is asked.
#[derive(Clone)]
pub(crate) enum Ask {
    /// For this customer.
    Read(String),
    /// For a customer to be made, under a request id.
    Create,
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
    /// What the times and the records are drawn from. Callers with the same one would come together.
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
    /// How long those took that were served, in milliseconds.
    pub(crate) served: Vec<f64>,
    /// How long those took that were not, by reason.
    pub(crate) refused: BTreeMap<String, Vec<f64>>,
    /// Refusals of calls that may be repeated, which do not say when.
    pub(crate) without_retry: usize,
}

impl Outcome {
    /// Calls served a second.
    pub(crate) fn goodput(&self) -> f64 {
        self.served.len() as f64 / self.seconds
    }

    /// The share of the calls that were served.
    pub(crate) fn share(&self) -> f64 {
        self.served.len() as f64 / self.offered as f64
    }

    /// How many were refused for this reason.
    pub(crate) fn refused(&self, reason: &str) -> usize {
        self.refused.get(reason).map_or(0, Vec::len)
    }

    /// How many were refused for want of room, whoever's.
    pub(crate) fn exhausted(&self) -> usize {
        self.refused("OVERLOADED") + self.refused("CALLER_RATE_LIMITED")
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.offered += other.offered;
        self.seconds += other.seconds;
        self.served.extend(other.served);
        for (reason, took) in other.refused {
            self.refused.entry(reason).or_default().extend(took);
        }
        self.without_retry += other.without_retry;
    }

    fn note(&mut self, took: f64, answer: Result<(), Status>) {
        let Err(status) = answer else {
            self.served.push(took);
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
        self.refused.entry(reason).or_default().push(took);
    }
}

/// The least time of the slowest hundredth, in milliseconds; 0 of none.
pub(crate) fn slowest_hundredth(took: &[f64]) -> f64 {
    let mut took = took.to_vec();
    took.sort_by(f64::total_cmp);
    let place = (took.len() * 99).div_ceil(100).saturating_sub(1);
    took.get(place).copied().unwrap_or_default()
}

/// Makes the calls of a load over these connections in turn, and waits for all of them.
pub(crate) async fn offer(clients: &[Client], load: Load) -> Outcome {
    let mut dice = Rng::with_seed(load.seed);
    let mut outcome = Outcome {
        seconds: load.time.as_secs_f64(),
        ..Outcome::default()
    };
    let start = Instant::now() + Duration::from_millis(50);
    let mut after = Duration::ZERO;
    let mut calls = JoinSet::new();
    for client in clients.iter().cycle() {
        // Times between arrivals that have nothing to do with each other.
        after += Duration::from_secs_f64(-(1.0 - dice.f64()).ln() / load.rate);
        if after >= load.time {
            break;
        }
        let begins = start + after;
        sleep_until(begins).await;
        outcome.offered += 1;
        let (client, load, number) = (client.clone(), load.clone(), dice.u128(..));
        calls.spawn(async move {
            let answer = call(client, load, number).await;
            (begins.elapsed().as_secs_f64() * 1_000.0, answer)
        });
    }
    while let Some(call) = calls.join_next().await {
        if let Ok((took, answer)) = call {
            outcome.note(took, answer);
        }
    }
    outcome
}

/// Makes the calls of several callers at the same time.
pub(crate) async fn offer_all(clients: &[Client], loads: Vec<Load>) -> Vec<Outcome> {
    let each = loads.into_iter().map(|load| offer(clients, load));
    futures_util::future::join_all(each).await
}

async fn call(mut client: Client, load: Load, number: u128) -> Result<(), Status> {
    let key = load.key.as_ref().and_then(|key| key.parse().ok());
    match load.ask {
        Ask::Read(customer_id) => {
            let request = pb::GetCustomerRequest { customer_id };
            let answer = client.get_customer(dressed(request, load.deadline, key));
            answer.await.map(drop)
        }
        Ask::Create => {
            let customer = pb::Customer {
                username: format!("customer{number:032x}"),
                r#type: pb::CustomerType::Testing.into(),
                first_name: "Ada".to_owned(),
                last_name: "Lovelace".to_owned(),
                ..Default::default()
            };
            let request = pb::CreateCustomerRequest {
                customer: Some(customer),
                request_id: uuid::Builder::from_random_bytes(number.to_be_bytes())
                    .into_uuid()
                    .to_string(),
                validate_only: false,
            };
            let answer = client.create_customer(dressed(request, load.deadline, key));
            answer.await.map(drop)
        }
    }
}

fn dressed<T>(
    message: T,
    deadline: Duration,
    key: Option<tonic::metadata::AsciiMetadataValue>,
) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", key);
    }
    request
}
