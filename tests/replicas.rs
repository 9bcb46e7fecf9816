//! Four gateways that share one Redis. Needs `redis-server` on the path; `cargo xtask ci` installs it.

use std::{sync::Arc, time::Duration};

use openfinance::store::{Redis, Store};
use openfinance_rpc::pb;
use openfinance_sandbox::{Operation, Target};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    canary,
    fleet::{Fleet, Replica, new_customer, reason, request_id},
    redis_server::RedisServer,
};

const REPLICAS: usize = 4;
/// More than a machine that is busy with other tests needs.
const PATIENT: Duration = Duration::from_secs(5);

/// Four gateways, their Redis and their sandbox.
struct World {
    fleet: Fleet,
    redis: RedisServer,
    replicas: Vec<Replica>,
}

impl World {
    /// Gateways that wait for Redis as long as this.
    async fn patient_for(patience: Duration) -> Self {
        let (fleet, redis) = (Fleet::start().await, RedisServer::start());
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            let store = Redis::connect(&redis.url()).unwrap();
            let store: Arc<dyn Store> = Arc::new(store.patient_for(patience));
            replicas.push(fleet.replica(store).await);
        }
        Self {
            fleet,
            redis,
            replicas,
        }
    }

    async fn start() -> Self {
        Self::patient_for(PATIENT).await
    }

    /// Lists customers so many times at each gateway, all at once.
    async fn list(&self, times: usize) -> Vec<Result<(), Status>> {
        let mut callers = JoinSet::new();
        for replica in &self.replicas {
            for _ in 0..times {
                let mut client = replica.customers();
                callers.spawn(async move {
                    let request = pb::ListCustomersRequest::default();
                    client.list_customers(request).await.map(drop)
                });
            }
        }
        callers.join_all().await
    }

    async fn stop(self) {
        for replica in self.replicas {
            replica.stop().await;
        }
        self.fleet.stop().await;
        if self.redis.is_running() {
            canary::scan_bytes("Redis", &self.redis.dump());
        }
    }
}

async fn create(replica: &Replica, username: &str, id: &str) -> Result<String, Status> {
    let request = new_customer(username, id);
    let made = replica.customers().create_customer(request).await?;
    Ok(made.into_inner().customer_id)
}

fn all_worked(results: Vec<Result<(), Status>>) {
    for result in results {
        result.unwrap();
    }
}

#[tokio::test]
async fn external_replicas_share_one_login_and_the_one_after_it() {
    canary::log_less_here();
    let world = World::start().await;
    all_worked(world.list(500).await);
    assert_eq!(world.fleet.called(Operation::CreateToken), 1);
    // The token is over for the vendor; no replica's clock has noticed.
    world
        .fleet
        .sandbox()
        .advance(Duration::from_secs(2 * 60 * 60))
        .unwrap();
    all_worked(world.list(500).await);
    assert_eq!(world.fleet.called(Operation::CreateToken), 2);
    world.stop().await;
}

#[tokio::test]
async fn external_replicas_with_a_wrong_secret_try_it_twice_at_most() {
    let world = World::start().await;
    let sandbox = world.fleet.sandbox();
    sandbox
        .set_partner_secret(None, "AnotherSecret1234")
        .unwrap();
    for _ in 0..3 {
        for result in world.list(25).await {
            assert_eq!(reason(&result.unwrap_err()), "PARTNER_CREDENTIALS_REJECTED");
        }
    }
    let logins = world.fleet.called(Operation::CreateToken);
    assert!((1..=2).contains(&logins), "{logins}");
    assert_eq!(world.fleet.calls(), logins);
    world.stop().await;
}

#[tokio::test]
async fn external_one_request_id_at_four_replicas_makes_one_record() {
    let world = World::start().await;
    let id = request_id(1);
    let mut callers = JoinSet::new();
    for number in 0..40 {
        let mut client = world.replicas[number % REPLICAS].customers();
        let request = new_customer("household-1", &id);
        callers.spawn(async move {
            loop {
                match client.create_customer(request.clone()).await {
                    Ok(made) => return made.into_inner().customer_id,
                    // Another one is at it.
                    Err(refusal) => assert_eq!(reason(&refusal), "REQUEST_IN_FLIGHT"),
                }
            }
        });
    }
    let mut ids = callers.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.fleet.called(Operation::AddTestingCustomer), 1);
    for replica in &world.replicas {
        let refusal = create(replica, "household-2", &id).await.unwrap_err();
        assert_eq!(refusal.code(), Code::InvalidArgument);
        assert_eq!(reason(&refusal), "REQUEST_ID_REUSED");
    }
    assert_eq!(world.fleet.called(Operation::AddTestingCustomer), 1);
    world.stop().await;
}

#[tokio::test]
async fn external_what_redis_holds_is_nobodys_business() {
    let world = World::start().await;
    let replica = &world.replicas[0];
    create(replica, "household-settled", &request_id(1))
        .await
        .unwrap();
    // One that is under way, with all that it takes to find it.
    let barrier = world
        .fleet
        .sandbox()
        .add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let id = request_id(2);
    let (open, dump) = tokio::join!(create(replica, "household-open", &id), async {
        let sandbox = world.fleet.sandbox();
        sandbox.barrier_holds(barrier, 1).await.unwrap();
        let dump = world.redis.dump();
        sandbox.release_barrier(barrier).unwrap();
        dump
    });
    open.unwrap();
    let has = |word: &str| dump.windows(word.len()).any(|part| part == word.as_bytes());
    for space in [":token:", ":guard:", ":request:", ":intent:", ":lease:"] {
        assert!(has(space), "nothing is kept under {space}");
    }
    for secret in ["household", "Secret1234", "anonymous"] {
        assert!(!has(secret), "{secret} is in Redis");
    }
    canary::scan(&String::from_utf8_lossy(&dump));
    world.stop().await;
}

#[tokio::test]
async fn external_without_redis_reads_go_on_and_what_needs_it_is_refused_unsent() {
    // Nobody is to wait for long here, but when there is a Redis, it must be heard on a busy machine too.
    let mut world = World::patient_for(Duration::from_secs(1)).await;
    all_worked(world.list(1).await);
    let known = create(&world.replicas[0], "household-0", &request_id(0))
        .await
        .unwrap();

    // Slow, then down.
    for (number, how) in ["slow", "down"].into_iter().enumerate() {
        match how {
            "slow" => assert_eq!(world.redis.say("CLIENT PAUSE 60000 ALL"), "+OK"),
            _ => world.redis.stop(),
        }
        all_worked(world.list(5).await);
        let before = world.fleet.calls();
        let username = format!("household-{how}");
        let id = request_id(10 + number as u128);
        let refusal = create(&world.replicas[1], &username, &id)
            .await
            .unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable, "{how}");
        assert_eq!(reason(&refusal), "STORE_UNAVAILABLE", "{how}");
        assert_eq!(world.fleet.calls(), before, "{how}: something was sent");
        create(&world.replicas[2], &username, "").await.unwrap();
    }
    assert_eq!(world.fleet.sandbox().counts().customers, 3);

    // Back, and empty: what was known is forgotten, and the vendor still has each record once.
    world.redis.start_again();
    for replica in &world.replicas {
        while let Err(refusal) = create(replica, "household-0", &request_id(0)).await {
            if refusal.code() == Code::AlreadyExists {
                break;
            }
            assert_eq!(reason(&refusal), "STORE_UNAVAILABLE");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    all_worked(world.list(5).await);
    assert_eq!(world.fleet.sandbox().counts().customers, 3);
    assert!(!known.is_empty());
    assert!(world.fleet.called(Operation::CreateToken) <= 2);
    world.stop().await;
}
