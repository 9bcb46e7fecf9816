//! The store in Redis.

use std::{sync::Arc, time::Duration};

use openfinance::store::{
    Change, Committed, Key, Rate, Redis, Space, Store as _, StoreError, Taken,
};
use tokio::time::{Instant, sleep};

use crate::{
    conformance::conformance,
    redis_server::RedisServer,
    subject::{Subject, Time, change},
};

/// More than a machine that is busy with other tests needs.
const PATIENT: Duration = Duration::from_secs(10);

fn subject() -> (Subject, RedisServer) {
    let server = RedisServer::start();
    let store = Redis::connect(&server.url()).unwrap().patient_for(PATIENT);
    let subject = Subject {
        store: Arc::new(store),
        time: Time::Real,
    };
    (subject, server)
}

conformance!(tokio::test, subject());

/// How long an operation may take, and what a busy machine may add; less than what comes next when it does not give up.
const BOUND: Duration = Duration::from_millis(250 + 1000);

/// A store that waits for its server as long as it is shipped to.
fn store(url: &str) -> Redis {
    Redis::connect(url).unwrap()
}

/// One for a server that must answer, however busy the machine is.
fn patient(url: &str) -> Redis {
    store(url).patient_for(PATIENT)
}

fn key() -> Key {
    Key::new(Space::Intent, "a1")
}

/// Each operation ends in time, and fails.
async fn nothing_works(store: &Redis) -> String {
    let (key, mut said) = (key(), String::new());
    let changes = [change(&key, None, Some("1"))];
    let rate = Rate {
        per_second: 1.0,
        burst: 1,
    };
    for operation in 0..4 {
        let began = Instant::now();
        let error = match operation {
            0 => store.get(&key).await.err(),
            1 => store.commit(&changes).await.err(),
            2 => store.list(Space::Intent).await.err(),
            _ => store.take(&key, rate).await.err(),
        };
        let took = began.elapsed();
        assert!(took < BOUND, "operation {operation} took {took:?}");
        said = error
            .unwrap_or_else(|| panic!("operation {operation} worked"))
            .to_string();
    }
    said
}

/// Waits until it works again, which it does by itself.
async fn works_again(store: &Redis) {
    let began = Instant::now();
    while let Err(error) = works(store).await {
        assert!(began.elapsed() < PATIENT, "{error}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn works(store: &Redis) -> Result<(), StoreError> {
    let now = store.get(&key()).await?;
    let changed = Change {
        key: key(),
        expected: now.map(|kept| kept.value),
        new: Some((b"2".to_vec(), None)),
    };
    assert_eq!(store.commit(&[changed]).await?, Committed::Yes);
    assert_eq!(store.list(Space::Intent).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn without_a_server_all_fails_in_time_and_works_once_there_is_one() {
    let mut server = RedisServer::start();
    server.stop();
    let store = store(&server.url());
    nothing_works(&store).await;
    server.start_again();
    works_again(&store).await;
    server.stop();
    nothing_works(&store).await;
    server.start_again();
    works_again(&store).await;
}

#[tokio::test]
async fn a_server_that_pauses_fails_calls_in_time_and_works_afterwards() {
    let server = RedisServer::start();
    let store = store(&server.url());
    works_again(&store).await;
    // Longer than it takes to give the connection up: the next one pauses too.
    assert_eq!(server.say("CLIENT PAUSE 3500 ALL"), "+OK");
    for _ in 0..2 {
        assert!(nothing_works(&store).await.contains("in time"));
    }
    works_again(&store).await;
}

#[tokio::test]
async fn many_callers_at_once_all_end_in_time() {
    let server = RedisServer::start();
    let store = Arc::new(store(&server.url()));
    works_again(&store).await;
    assert_eq!(server.say("CLIENT PAUSE 2000 ALL"), "+OK");
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let began = Instant::now();
                assert!(store.get(&key()).await.is_err());
                began.elapsed()
            })
        })
        .collect();
    for caller in callers {
        let took = caller.await.unwrap();
        assert!(took < BOUND, "{took:?}");
    }
    works_again(&store).await;
}

#[tokio::test]
async fn a_server_that_was_wiped_has_nothing_and_works() {
    let server = RedisServer::start();
    let store = patient(&server.url());
    works_again(&store).await;
    assert_eq!(server.say("FLUSHALL"), "+OK");
    assert_eq!(server.say("SCRIPT FLUSH"), "+OK");
    assert_eq!(store.get(&key()).await.unwrap(), None);
    let changed = change(&key(), Some("2"), Some("3"));
    let made = store.commit(&[changed]).await.unwrap();
    assert_eq!(made, Committed::Conflict);
    assert_eq!(store.list(Space::Intent).await.unwrap(), []);
    works_again(&store).await;
}

#[tokio::test]
async fn a_connection_that_ended_is_replaced_before_it_is_used() {
    let server = RedisServer::start();
    let store = patient(&server.url());
    works_again(&store).await;
    // Clients are numbered, and each command here is said by another one.
    let number = || server.say("CLIENT ID")[1..].parse::<u64>().unwrap();
    for _ in 0..5 {
        let mut last = number();
        assert_eq!(server.say("CLIENT KILL TYPE normal"), ":1");
        last += 1;
        // Until somebody else has come in between.
        while number() == last + 1 {
            last += 1;
            sleep(Duration::from_millis(5)).await;
        }
        store.get(&key()).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password_until_it_is_right() {
    let server = RedisServer::start();
    assert_eq!(server.say("CONFIG SET requirepass topsecret"), "+OK");
    let without = store(&server.url());
    let wrong = store(&format!("{}?pass=alsosecret", server.url()));
    let right = store(&format!("{}?pass=topsecret", server.url()));
    works_again(&right).await;
    for store in [&without, &wrong] {
        let said = nothing_works(store).await;
        assert!(!said.contains("secret"), "{said}");
    }
    let said = server.say("AUTH topsecret\r\nCONFIG SET requirepass alsosecret");
    assert_eq!(said, "+OK");
    works_again(&wrong).await;
}

#[tokio::test]
async fn an_allowance_does_not_stay_in_the_server() {
    let server = RedisServer::start();
    let store = patient(&server.url());
    let rate = Rate {
        per_second: 1.0,
        burst: 2,
    };
    let key = Key::new(Space::Limit, "a1");
    assert_eq!(store.take(&key, rate).await.unwrap(), Taken::Yes);
    let exists = || server.say("EXISTS {openfinance}:limit:a1");
    assert_eq!(exists(), ":1");
    sleep(Duration::from_millis(1020)).await;
    assert_eq!(exists(), ":0");
}
