//! Callers who do not wait: how their writes truly ended is in the audit file all the same.

use std::time::Duration;

use openfinance_sandbox::{JournalEntry, Operation, Target};

use super::*;

fn create() -> pb::CreateCustomerRequest {
    let customer = pb::Customer {
        username: "went-away".to_owned(),
        first_name: canary::FIRST_NAME.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        ..Default::default()
    };
    pb::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    }
}

/// The two lines of the one write, once its caller has gone and the vendor goes on.
async fn told(world: World, folder: Folder) -> (Value, Value) {
    let customers = world.sandbox().counts().customers;
    let sandbox = world.sandbox().clone();
    world.stop().await;
    assert_eq!(sandbox.counts().customers, customers);
    verify(&folder.file());
    let lines = folder.lines();
    let of = |event| {
        let found: Vec<_> = lines
            .iter()
            .filter(|line| word(line, "event") == event)
            .collect();
        let [line] = found[..] else {
            panic!("{found:?}");
        };
        line.clone()
    };
    let (intent, outcome) = (of("intent"), of("outcome"));
    assert_eq!(intent["call"], outcome["call"]);
    // By the hash of its username it is found again.
    assert_eq!(ids(&intent, "usernames").len(), 1);
    (intent, outcome)
}

/// A create whose caller goes away when this operation is held at the vendor; answers the barrier that holds it.
async fn go_away_at(world: &World, operation: Operation) -> u64 {
    let barrier = Target::Operation(operation);
    let barrier = world.sandbox().add_barrier(barrier);
    let mut customers = world.customers();
    tokio::select! {
        _ = customers.create_customer(create()) => panic!("nobody holds it"),
        held = world.sandbox().barrier_holds(barrier, 1) => held.unwrap(),
    }
    barrier
}

/// Waits until the file has an outcome.
async fn until_concluded(folder: &Folder) {
    let has_outcome = || {
        let text = std::fs::read_to_string(folder.file()).unwrap();
        text.contains("\"event\":\"outcome\"")
    };
    while !has_outcome() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_told_when_it_ends_and_as_it_ends() {
    let (world, folder) = world(|_| ()).await;
    let barrier = go_away_at(&world, Operation::AddTestingCustomer).await;
    // The going reaches the gateway by and by; a call behind it on the same connection comes later.
    let get = pb::GetCustomerRequest {
        customer_id: "1005".to_owned(),
    };
    world.customers().get_customer(get).await.unwrap_err();
    assert!(folder.lines().iter().all(|line| line["event"] != "outcome"));
    world.sandbox().release_barrier(barrier).unwrap();
    until_concluded(&folder).await;
    let committed = world.sandbox().journal(0).entries;
    let committed = committed.into_iter().find_map(|entry| {
        if let JournalEntry::Commit(commit) = entry {
            Some(commit.id)
        } else {
            None
        }
    });
    let (_, outcome) = told(world, folder).await;
    assert_eq!(word(&outcome, "code"), "OK");
    assert_eq!(outcome["unheard"], true);
    assert_eq!(ids(&outcome, "customers"), [committed.unwrap()]);
}

#[tokio::test]
async fn a_write_whose_time_is_over_is_told_as_it_ends_and_not_as_its_caller_was_told() {
    let time = Duration::from_secs(2);
    let (world, folder) = world(|gateway| gateway.deadline.default = time).await;
    let barrier = Target::Operation(Operation::AddTestingCustomer);
    let barrier = world.sandbox().add_barrier(barrier);
    let mut customers = world.customers();
    let (answer, held) = tokio::join!(
        customers.create_customer(create()),
        world.sandbox().barrier_holds(barrier, 1)
    );
    held.unwrap();
    assert_eq!(answer.unwrap_err().code(), tonic::Code::DeadlineExceeded);
    world.sandbox().release_barrier(barrier).unwrap();
    until_concluded(&folder).await;
    let (_, outcome) = told(world, folder).await;
    assert_eq!(word(&outcome, "code"), "OK");
    assert_eq!(outcome["unheard"], true);
    assert_eq!(ids(&outcome, "customers").len(), 1);
}

#[tokio::test]
async fn a_write_that_was_not_sent_when_its_caller_went_is_not_done_and_told_so() {
    let (world, folder) = world(|_| ()).await;
    // Without a token nothing is sent.
    let barrier = go_away_at(&world, Operation::CreateToken).await;
    until_concluded(&folder).await;
    world.sandbox().release_barrier(barrier).unwrap();
    assert_eq!(world.called(Operation::AddTestingCustomer), 0);
    let (_, outcome) = told(world, folder).await;
    assert_eq!(word(&outcome, "code"), "DEADLINE_EXCEEDED");
    assert_eq!(word(&outcome, "outcome"), "NOT_SENT");
    assert_eq!(outcome["unheard"], true);
}
