//! A vendor that attacks: answers that are too large, too slow, too deep, without an end, compressed, of somebody else, or
//! no HTTP; and redirections. Through the gateway, at a read, a list, a create and the login.
//!
//! Each attack has a world of its own. What every call must hold: it ends soon after its deadline at the latest, with the
//! record that was asked for or an honest error, in which there is nothing of what the vendor sent; a create goes out
//! once; and the gateway reads little more than the limit for a body, whatever is offered.

mod attack;
mod vendor;

use std::time::Duration;

use openfinance_gateway::config::{self, Upstream};
use openfinance_rpc::pb;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::Instant};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use self::{
    attack::{Expect, Plan},
    vendor::Vendor,
};
use crate::{canary, world::World};

/// What a call has that may not succeed.
const DEADLINE: Duration = Duration::from_millis(400);
/// By when such a call must have ended, on a machine that is busy.
const LATEST: Duration = Duration::from_secs(10);
/// The most that the gateway takes of one answer: the limit for a body, and what the system holds of a connection that it
/// reads no more: at most 6 MiB for a socket, by the defaults of Linux.
const MOST: u64 = 4 * 1024 * 1024 + 8 * 1024 * 1024;
/// How long one attempt may take, as shipped: much longer than a call has.
const ATTEMPT: Duration = Duration::from_secs(20);

const ID: &str = "5";
const USERNAME: &str = "household-4711";

/// A gateway over this vendor. The sandbox beside it is not asked.
async fn world(vendor: &Vendor, attempt_timeout: Duration) -> World {
    let base_url = vendor.base_url();
    World::with_gateway(
        |_| (),
        |settings| {
            let Upstream::Vendor(upstream) = &mut settings.upstream else {
                panic!("it has a vendor");
            };
            upstream.base_url = base_url.parse().unwrap();
            // A client of tonic ends a call with a deadline of its own by itself, and would not see how it is answered.
            settings.deadline.default = DEADLINE;
            settings.retry = config::Retry {
                quiet_time: Duration::from_millis(100),
                write_cap: DEADLINE,
                attempt_timeout,
            };
        },
    )
    .await
}

/// A request that is not attacked, or whose attack costs no time.
fn patient<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(LATEST);
    request
}

/// Reads the customer, and answers its id.
async fn read(world: &World, expect: Expect) -> Result<String, Status> {
    let request = pb::GetCustomerRequest {
        customer_id: ID.to_owned(),
    };
    let request = match expect {
        Expect::Served | Expect::Malformed => patient(request),
        Expect::Honest => Request::new(request),
    };
    let mut customers = world.customers();
    let answer = customers.get_customer(request).await;
    answer
        .map(world.seen())
        .map(|customer| customer.customer_id)
}

async fn list(world: &World) -> Result<(), Status> {
    let request = pb::ListCustomersRequest::default();
    let mut customers = world.customers();
    let answer = customers.list_customers(request).await;
    answer.map(world.seen()).map(|_| ())
}

async fn create(world: &World) -> Result<(), Status> {
    let customer = pb::Customer {
        username: USERNAME.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: canary::FIRST_NAME.to_owned(),
        ..Default::default()
    };
    let request = pb::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    let mut customers = world.customers();
    let answer = customers.create_customer(request).await;
    answer.map(world.seen()).map(|_| ())
}

/// The reason of an error, which must be one that fits, and have nothing of the vendor's answer in it.
fn honest(status: &Status) -> String {
    canary::scan(&format!("{status:?} {status}"));
    canary::scan_bytes("the details of a refusal", status.details());
    let info = status.get_error_details();
    let info = info
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    match (status.code(), info.reason.as_str()) {
        (Code::Internal, "UPSTREAM_MALFORMED")
        | (Code::Unavailable, "UPSTREAM_UNAVAILABLE")
        | (Code::Unknown, "OUTCOME_UNKNOWN")
        | (Code::DeadlineExceeded, "DEADLINE_EXCEEDED") => {}
        _ => panic!("not honest: {status:?}"),
    }
    info.reason.clone()
}

/// What the vendor has got and given must hold for every attack.
fn judge(vendor: &Vendor, plan: &Plan) {
    for request in vendor.requests() {
        let head = request.to_ascii_lowercase();
        assert!(
            !head.contains("accept-encoding"),
            "compression is asked for"
        );
    }
    let taken = vendor.taken();
    if !plan.only_time_bounds {
        assert!(taken <= MOST, "{taken} bytes of an answer were taken");
    }
}

/// The attack at everything but the login.
async fn at_calls(plan: Plan) {
    let vendor = Vendor::start(plan.attack.clone(), false).await;
    let world = world(&vendor, ATTEMPT).await;
    // The token is there then, and the deadlines are for what is attacked.
    assert_eq!(read(&world, Expect::Served).await.unwrap(), ID);
    vendor.attack();
    let begun = Instant::now();
    let (read, list, create) =
        tokio::join!(read(&world, plan.expect), list(&world), create(&world));
    let took = begun.elapsed();
    assert!(took < LATEST, "it took {took:?}");
    match (plan.expect, read) {
        (Expect::Served | Expect::Honest, Ok(id)) => assert_eq!(id, ID),
        (Expect::Served, Err(status)) => panic!("not served: {status:?}"),
        (Expect::Malformed, Ok(_)) => panic!("it was taken for the record"),
        (Expect::Malformed, Err(status)) => assert_eq!(honest(&status), "UPSTREAM_MALFORMED"),
        (Expect::Honest, Err(status)) => drop(honest(&status)),
    }
    for refusal in [list.err(), create.err()].into_iter().flatten() {
        honest(&refusal);
    }
    let creates = vendor.requests();
    let creates = creates.iter().filter(|head| head.starts_with("POST"));
    let creates = creates
        .filter(|head| !head.contains("authentication"))
        .count();
    assert!(creates <= 1, "{creates} creates");
    assert!(vendor.attacks() > 0, "nothing was attacked");
    judge(&vendor, &plan);
    world.stop().await;
}

/// The attack at the login, which carries the partner's secret.
async fn at_login(plan: Plan) {
    let vendor = Vendor::start(plan.attack.clone(), true).await;
    vendor.attack();
    // A login goes on when the call that wanted it is over, for others will.
    let world = world(&vendor, DEADLINE).await;
    let begun = Instant::now();
    let refusal = read(&world, Expect::Honest).await.unwrap_err();
    let took = begun.elapsed();
    assert!(took < LATEST, "it took {took:?}");
    honest(&refusal);
    let logins = vendor.attacks();
    assert!((1..=2).contains(&logins), "{logins} logins");
    judge(&vendor, &plan);
    world.stop().await;
}

/// Runs cells, some at a time over all tests, and tells every one that failed.
async fn run(
    cells: impl IntoIterator<Item = (&'static str, impl Future<Output = ()> + Send + 'static)>,
) {
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    static TURNS: Semaphore = Semaphore::const_new(12);
    for (name, cell) in cells {
        let task = running.spawn(async {
            let _turn = TURNS.acquire().await.unwrap();
            cell.await;
        });
        names.insert(task.id(), name);
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            let name = names[&error.id()];
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            failed.push(format!("{name}: {}", text.unwrap_or_default()));
        }
    }
    failed.sort();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A place that nobody must come to.
async fn stranger() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

async fn met_nobody(stranger: TcpListener) {
    let visitor = tokio::time::timeout(Duration::ZERO, stranger.accept()).await;
    assert!(visitor.is_err(), "a redirection was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_vendor_answers_a_call_ends_in_time_with_its_record_or_an_honest_error() {
    let (stranger, url) = stranger().await;
    run(attack::all(&url)
        .into_iter()
        .map(|plan| (plan.name, at_calls(plan))))
    .await;
    met_nobody(stranger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_vendor_answers_a_login_ends_in_time_and_is_not_repeated_blindly() {
    let (stranger, url) = stranger().await;
    run(attack::all(&url)
        .into_iter()
        .map(|plan| (plan.name, at_login(plan))))
    .await;
    met_nobody(stranger).await;
}

#[tokio::test]
async fn what_comes_after_an_answer_is_not_the_answer_to_the_next_call() {
    let vendor = Vendor::start(attack::surplus(), false).await;
    let world = world(&vendor, ATTEMPT).await;
    vendor.attack();
    for _ in 0..20 {
        match read(&world, Expect::Served).await {
            Ok(id) => assert_eq!(id, ID),
            Err(status) => drop(honest(&status)),
        }
    }
    world.stop().await;
}
