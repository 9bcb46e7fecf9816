//! Many callers at once, on a gateway whose vendor is cold, revokes tokens, refuses the login, is slow or is down.
//!
//! Tokio's clock is held, so a minute of outage takes as long as its calls do.

use std::{sync::Arc, time::Duration};

use openfinance::{Client, store::Memory};
use openfinance_gateway::Gateway;
use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use openfinance_sandbox::{Commit, FaultRule, Operation, Plan, Revoke, Target};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    canary,
    fleet::{Fleet, Replica, new_customer, reason, request_id, retry_after},
};

const CUSTOMER: &str = "1005061234";

async fn list(channel: Channel) -> Result<(), Status> {
    CustomerServiceClient::new(channel)
        .list_customers(pb::ListCustomersRequest::default())
        .await
        .map(drop)
}

async fn get(replica: &Replica) -> Result<(), Status> {
    let request = pb::GetCustomerRequest {
        customer_id: CUSTOMER.to_owned(),
    };
    replica.customers().get_customer(request).await.map(drop)
}

/// Lists customers within so many milliseconds.
async fn list_within(replica: &Replica, milliseconds: u64) -> Result<(), Status> {
    let mut request = Request::new(pb::ListCustomersRequest::default());
    let timeout = format!("{milliseconds}m").parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", timeout);
    replica.customers().list_customers(request).await.map(drop)
}

/// Some connections to a gateway, to be taken in turn.
async fn connections(replica: &Replica, count: usize) -> impl Iterator<Item = Channel> {
    let mut channels = Vec::new();
    for _ in 0..count {
        channels.push(replica.connect().await);
    }
    channels.into_iter().cycle()
}

#[tokio::test(start_paused = true)]
async fn two_thousand_callers_of_a_cold_gateway_share_one_login() {
    canary::log_less_here();
    let fleet = Fleet::start().await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    let slow = FaultRule::on(Operation::CreateToken).latency(Duration::from_millis(200));
    fleet.sandbox().add_fault(slow).unwrap();
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for channel in connections(&replica, 8).await.take(2_000) {
        callers.spawn(list(channel));
    }
    for result in callers.join_all().await {
        result.unwrap();
    }
    assert_eq!(fleet.called(Operation::CreateToken), 1);
    assert_eq!(fleet.calls(), 2_001);
    assert!(started.elapsed() < Duration::from_secs(2));
    replica.stop().await;
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_revoked_under_five_hundred_calls_costs_one_login_and_one_replay_each() {
    canary::log_less_here();
    let fleet = Fleet::start().await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    list(replica.channel()).await.unwrap();
    let barrier = fleet.sandbox().add_barrier(Target::Any);
    let mut callers = JoinSet::new();
    for (number, channel) in connections(&replica, 8).await.take(500).enumerate() {
        callers.spawn(async move {
            if number % 5 != 0 {
                return list(channel).await;
            }
            // Half of the creates by a request id, half without.
            let id = match number % 2 {
                0 => request_id(number as u128),
                _ => String::new(),
            };
            let request = new_customer(&format!("household-{number}"), &id);
            CustomerServiceClient::new(channel)
                .create_customer(request)
                .await
                .map(drop)
        });
        // As many as there may be new connections that wait to be taken.
        if (number + 1) % 100 == 0 {
            fleet
                .sandbox()
                .barrier_holds(barrier, number + 1)
                .await
                .unwrap();
        }
    }
    assert_eq!(fleet.sandbox().revoke_tokens(Revoke::All), 1);
    fleet.sandbox().release_barrier(barrier).unwrap();
    for result in callers.join_all().await {
        result.unwrap();
    }
    assert_eq!(fleet.called(Operation::CreateToken), 2);
    assert_eq!(fleet.called(Operation::AddTestingCustomer), 2 * 100);
    assert_eq!(fleet.called(Operation::GetCustomers), 1 + 2 * 400);
    assert_eq!(fleet.calls(), 2 + 1 + 2 * 500);
    assert_eq!(fleet.sandbox().counts().customers, 100);
    replica.stop().await;
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_costs_two_logins_at_most_over_all_callers_and_restarts() {
    canary::log_less_here();
    let fleet = Fleet::start().await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = fleet.sandbox();
    sandbox
        .set_partner_secret(None, "AnotherSecret1234")
        .unwrap();
    for life in 0..11 {
        let mut settings = fleet.settings();
        settings.shared.store_path = Some(folder.path().join("shared.redb"));
        let replica = Replica::of(Gateway::start(settings).await.unwrap()).await;
        let mut callers = JoinSet::new();
        let count = if life == 0 { 1_000 } else { 20 };
        for channel in connections(&replica, 4).await.take(count) {
            callers.spawn(list(channel));
        }
        for result in callers.join_all().await {
            let refusal = result.unwrap_err();
            assert_eq!(refusal.code(), Code::FailedPrecondition);
            assert_eq!(reason(&refusal), "PARTNER_CREDENTIALS_REJECTED");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(replica.health().await, ServingStatus::NotServing);
        assert!(fleet.called(Operation::CreateToken) <= 2, "in life {life}");
        replica.stop().await;
    }
    assert_eq!(fleet.calls(), fleet.called(Operation::CreateToken));
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_active_customers_never_closes_the_gateway() {
    let fleet = Fleet::with(|config| config.plan = Plan::TestDrive).await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    for number in 0..10 {
        let mut request = new_customer(&format!("household-{number}"), "");
        if let Some(customer) = &mut request.customer {
            customer.set_type(pb::CustomerType::Active);
        }
        let refusal = replica.customers().create_customer(request).await;
        assert_eq!(reason(&refusal.unwrap_err()), "PLAN_NOT_ENTITLED");
    }
    list(replica.channel()).await.unwrap();
    assert_eq!(replica.health().await, ServingStatus::Serving);
    assert_eq!(fleet.called(Operation::CreateToken), 1);
    assert_eq!(fleet.called(Operation::AddCustomer), 10);
    replica.stop().await;
    fleet.stop().await;
}

/// A client without the gateway around it, for more calls than a log at TRACE can bear.
fn client(fleet: &Fleet) -> Client {
    let openfinance_gateway::config::Upstream::Vendor(vendor) = fleet.settings().upstream else {
        panic!("the fleet has a vendor");
    };
    Client::new(openfinance::Config::new(
        vendor.base_url,
        vendor.partner_id,
        vendor.partner_secret,
        vendor.app_key,
    ))
    .unwrap()
}

/// Calls so many times a second for so many seconds, a mix of reads and writes, and answers how many calls failed.
async fn offer(client: &Client, per_second: u32, seconds: u32) -> usize {
    let mut callers = JoinSet::new();
    let began = Instant::now();
    for number in 0..per_second * seconds {
        tokio::time::sleep_until(began + Duration::from_secs(1) * number / per_second).await;
        let client = client.clone();
        callers.spawn(async move {
            let id = &CUSTOMER.parse().unwrap();
            match number % 4 {
                0 => client.customer(id).await.map(drop),
                1 => client.consumer_by_customer(id).await.map(drop),
                2 => client.delete_customer(id).await,
                _ => client.customer_application(id).await.map(drop),
            }
        });
    }
    let failed = |result: &Result<(), openfinance::Error>| match result {
        Ok(()) | Err(openfinance::Error::Refused { .. }) => false,
        Err(_) => true,
    };
    callers
        .join_all()
        .await
        .iter()
        .filter(|result| failed(result))
        .count()
}

/// The most that `calls` offered over so many seconds may come to at the vendor: a tenth more, and ten a second.
fn most(calls: usize, seconds: usize) -> usize {
    calls + calls / 10 + 10 * seconds
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_is_not_multiplied() {
    canary::log_less_here();
    let fleet = Fleet::start().await;
    let client = client(&fleet);
    assert_eq!(offer(&client, 4, 1).await, 0);
    let before = fleet.calls();
    let outage = FaultRule::on_any().times(u64::MAX).commit(Commit::Never);
    let outage = fleet.sandbox().add_fault(outage.answer(503, None)).unwrap();
    let failed = offer(&client, 500, 60).await;
    assert_eq!(failed, 30_000);
    let sent = fleet.calls() - before;
    assert!(sent <= 33_000, "{sent} requests for 30000 calls");
    // And the breaker spares the vendor most of them.
    assert!(sent < 3_000, "{sent} requests for 30000 calls");
    fleet.sandbox().remove_fault(outage).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The first ones find out that it is over.
    offer(&client, 100, 1).await;
    assert_eq!(offer(&client, 100, 2).await, 0);
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_fails_at_every_third_call_gets_a_tenth_more_calls_and_no_more() {
    canary::log_less_here();
    let fleet = Fleet::start().await;
    let client = client(&fleet);
    assert_eq!(offer(&client, 4, 1).await, 0);
    let before = fleet.calls();
    let brownout = FaultRule::on_any().times(u64::MAX).commit(Commit::Never);
    let brownout = brownout.probability(0.3).answer(503, None);
    fleet.sandbox().add_fault(brownout).unwrap();
    let started = Instant::now();
    let failed = offer(&client, 500, 10).await;
    let sent = fleet.calls() - before;
    // On a busy machine the held clock runs ahead of the sockets, and the budget is by that clock.
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!(
        sent <= most(5_000, seconds.max(10)),
        "{sent} requests for 5000 calls in {seconds} s"
    );
    assert!(
        failed > 0 && failed < 2_500,
        "{failed} of 5000 calls failed"
    );
    fleet.stop().await;
}

/// A 429 with this `Retry-After`, and how the gateway fared: how long it took, how often it sent, what it said.
async fn limited(retry_after: &str) -> (Duration, usize, Result<(), Status>) {
    let fleet = Fleet::start().await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    list(replica.channel()).await.unwrap();
    let mut rule = FaultRule::on(Operation::GetCustomers)
        .commit(Commit::Never)
        .answer(429, None);
    let headers = &mut rule.answer.as_mut().unwrap().headers;
    headers.push(("Retry-After".to_owned(), retry_after.to_owned()));
    fleet.sandbox().add_fault(rule).unwrap();
    let started = Instant::now();
    let result = list(replica.channel()).await;
    let report = (
        started.elapsed(),
        fleet.called(Operation::GetCustomers) - 1,
        result,
    );
    replica.stop().await;
    fleet.stop().await;
    report
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_vendor_asks_for_is_waited_as_long_as_it_says() {
    let (took, sent, result) = limited("2").await;
    result.unwrap();
    assert_eq!(sent, 2);
    assert!((2_000..2_200).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_makes_no_sense_is_not_waited() {
    for nonsense in ["soon", "-1", "", "2 s", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let (took, sent, result) = limited(nonsense).await;
        result.unwrap();
        assert_eq!(sent, 2, "{nonsense}");
        assert!(took < Duration::from_millis(1_500), "{nonsense}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_deadline_is_passed_on_at_once() {
    for long in [
        "1000000000",
        "99999999999999999999",
        "Fri, 01 Jan 2100 00:00:00 GMT",
    ] {
        let (took, sent, result) = limited(long).await;
        let refusal = result.unwrap_err();
        assert_eq!(refusal.code(), Code::ResourceExhausted, "{long}");
        assert_eq!(reason(&refusal), "UPSTREAM_RATE_LIMITED");
        assert!(
            retry_after(&refusal).unwrap() >= Duration::from_secs(60),
            "{long}"
        );
        assert_eq!(sent, 1, "{long}");
        assert!(took < Duration::from_millis(10), "{long}: {took:?}");
    }
}

/// A vendor that logs everybody in and is silent otherwise.
struct Silent {
    listener: TcpListener,
}

impl Silent {
    async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// Answers logins until another request comes, and answers its connection.
    async fn request(&self) -> TcpStream {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut buffer = [0; 16 * 1024];
            loop {
                let read = stream.read(&mut buffer).await.unwrap();
                if read == 0 {
                    break;
                }
                if !buffer.starts_with(b"POST /aggregation/v2/partners/authentication") {
                    return stream;
                }
                let body = r#"{"token": "thetoken"}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_callers_deadline_a_read_is_given_up_upstream_too() {
    let fleet = Fleet::start().await;
    let vendor = Silent::start().await;
    let mut settings = fleet.settings();
    // Not by the header: the client here heeds that too, and would give up first.
    settings.deadline.default = Duration::from_millis(200);
    if let openfinance_gateway::config::Upstream::Vendor(settings) = &mut settings.upstream {
        let address = vendor.listener.local_addr().unwrap();
        settings.base_url = format!("http://{address}").parse().unwrap();
    }
    let replica = fleet.replica_with(settings, Arc::new(Memory::new())).await;
    let started = Instant::now();
    let upstream = async {
        let mut stream = vendor.request().await;
        let closed = stream.read(&mut [0; 1]).await;
        assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
        started.elapsed()
    };
    let call = async {
        let refusal = list(replica.channel()).await.unwrap_err();
        assert_eq!(refusal.code(), Code::DeadlineExceeded);
        assert_eq!(reason(&refusal), "DEADLINE_EXCEEDED");
        started.elapsed()
    };
    let (closed, answered) = tokio::join!(upstream, call);
    assert!((170..=225).contains(&answered.as_millis()), "{answered:?}");
    assert!((150..=250).contains(&closed.as_millis()), "{closed:?}");
    replica.stop().await;
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_with_hardly_any_time_left_is_not_sent() {
    let fleet = Fleet::start().await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    list(replica.channel()).await.unwrap();
    let before = fleet.calls();
    let refusal = list_within(&replica, 25).await.unwrap_err();
    assert_eq!(reason(&refusal), "DEADLINE_EXCEEDED");
    assert_eq!(fleet.calls(), before);
    list_within(&replica, 100).await.unwrap();
    replica.stop().await;
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_for_one_kind_of_call_and_closes_when_the_vendor_is_back() {
    let fleet = Fleet::start().await;
    let replica = fleet.replica(Arc::new(Memory::new())).await;
    list(replica.channel()).await.unwrap();
    let down = FaultRule::on(Operation::GetCustomers).times(u64::MAX);
    let down = fleet
        .sandbox()
        .add_fault(down.commit(Commit::Never).answer(503, None))
        .unwrap();
    let mut open = None;
    for _ in 0..20 {
        let refusal = list(replica.channel()).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable);
        if reason(&refusal) == "UPSTREAM_CIRCUIT_OPEN" {
            open = Some(refusal);
            break;
        }
    }
    let wait = retry_after(&open.unwrap()).unwrap();
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    let before = fleet.calls();
    for _ in 0..50 {
        let refusal = list(replica.channel()).await.unwrap_err();
        assert_eq!(reason(&refusal), "UPSTREAM_CIRCUIT_OPEN");
    }
    assert_eq!(fleet.calls(), before, "nothing goes out while it is open");
    // Still down when it tries again: one call finds out, for all.
    tokio::time::sleep(wait).await;
    list(replica.channel()).await.unwrap_err();
    let refusal = list(replica.channel()).await.unwrap_err();
    assert_eq!(reason(&refusal), "UPSTREAM_CIRCUIT_OPEN");
    fleet.sandbox().remove_fault(down).unwrap();
    tokio::time::sleep(retry_after(&refusal).unwrap()).await;
    list(replica.channel()).await.unwrap();
    list(replica.channel()).await.unwrap();
    // A missing customer is an answer, and never a failure.
    for _ in 0..30 {
        assert_eq!(
            reason(&get(&replica).await.unwrap_err()),
            "CUSTOMER_NOT_FOUND"
        );
    }
    replica.stop().await;
    fleet.stop().await;
}
