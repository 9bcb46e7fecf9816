//! Calls that fail and are made again, answers that are lost, and Ctrl-C.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultRule, Operation, Target};

use super::*;
use crate::paging::Crowd;

#[tokio::test]
async fn a_gateway_that_is_not_there_is_tried_four_times_and_nothing_was_sent() {
    let world = World::start().await;
    let around = Around::of(&world);
    world.stop_gateway().await;
    let told = around
        .run("customers create --username shop-4711 --type testing")
        .await
        .ended(Exit::TryAgain);
    assert_eq!(
        told.matches("note: the gateway can't be reached; trying again in ")
            .count(),
        3,
        "{told}"
    );
    assert!(told.contains("error: UNAVAILABLE: "), "{told}");
    assert!(told.contains("nothing was sent"), "{told}");
}

#[tokio::test]
async fn a_read_is_made_again_until_it_succeeds_or_its_deadline_is_near() {
    let world = World::start().await;
    let id = world.customer().await;
    // As often as the gateway itself tries, and no more.
    let rule = FaultRule::on(Operation::GetCustomer)
        .times(3)
        .commit(Commit::Never);
    world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
    let read = ofctl(&world, &format!("customers get {id}")).await;
    assert!(
        read.err
            .starts_with("note: UPSTREAM_UNAVAILABLE; trying again in "),
        "{}",
        read.err
    );
    read.done();
    world.fails(Operation::GetCustomer);
    let told = ofctl(&world, &format!("customers get {id} --deadline 900ms"))
        .await
        .ended(Exit::TryAgain);
    assert!(told.contains("error: UNAVAILABLE UPSTREAM_"), "{told}");
    world.stop().await;
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_one_record() {
    let world = World::start().await;
    world.loses_answer(
        Operation::AddTestingCustomer,
        502,
        "text/html",
        "<html>Bad Gateway</html>",
    );
    let created = ofctl(
        &world,
        "customers create --username shop-4711 --type testing",
    )
    .await
    .done();
    assert_eq!(world.sandbox().counts().customers, 1);
    assert!(!value(&created, "customer_id").is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_creation_of_unknown_outcome_tells_its_request_id_which_settles_it() {
    let world = World::start().await;
    world.loses_answer(
        Operation::AddTestingCustomer,
        502,
        "text/html",
        "<html>Bad Gateway</html>",
    );
    // No reading can tell what came of it.
    world.fails(Operation::GetCustomers);
    let words = "customers create --username shop-4711 --type testing";
    let told = ofctl(&world, &format!("{words} --deadline 4s")).await;
    assert!(
        matches!(told.exit, Exit::OutcomeUnknown | Exit::TryAgain),
        "{told:?}"
    );
    let id = told
        .err
        .split_once("--request-id ")
        .unwrap()
        .1
        .trim()
        .to_owned();
    world.sandbox().clear_faults();
    let mut settled = ofctl(&world, &format!("{words} --request-id {id}")).await;
    while settled.exit == Exit::TryAgain {
        settled = ofctl(&world, &format!("{words} --request-id {id}")).await;
    }
    let settled = settled.done();
    assert_eq!(world.sandbox().counts().customers, 1);
    let found = ofctl(&world, "customers lookup shop-4711").await.done();
    assert_eq!(value(&found, "customer_id"), value(&settled, "customer_id"));
    world.stop().await;
}

#[tokio::test]
async fn a_deadline_that_passes_ends_a_read_in_time() {
    let world = World::start().await;
    let id = world.customer().await;
    let rule = FaultRule::on(Operation::GetCustomer).latency(Duration::from_secs(5));
    world.sandbox().add_fault(rule).unwrap();
    let told = ofctl(&world, &format!("customers get {id} --deadline 300ms"))
        .await
        .ended(Exit::TryAgain);
    assert!(told.starts_with("error: DEADLINE_EXCEEDED"), "{told}");
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_taken_up_where_it_broke() {
    let world = World::start().await;
    // The pages of a stream are as large as the vendor's, so this is two of them.
    Crowd::of(&world, 1500).await;
    let rule = FaultRule::on(Operation::GetCustomers)
        .after(1)
        .times(3)
        .commit(Commit::Never);
    world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
    let listed = ofctl(&world, "customers list --all -o json").await;
    assert!(
        listed
            .err
            .starts_with("note: the list broke off and was taken up again\n"),
        "{}",
        listed.err
    );
    let ids: Vec<String> = lines(&listed.done())
        .iter()
        .map(|line| line["customerId"].as_str().unwrap().to_owned())
        .collect();
    let each: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), each.len()), (1500, 1500));
    world.stop().await;
}

#[tokio::test]
async fn ctrl_c_ends_a_write_with_the_id_that_settles_it() {
    let world = World::start().await;
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let mut around = Around::of(&world);
    let (counter, interrupts) = watch::channel(0);
    around.interrupts = interrupts;
    let words = "customers create --username shop-4711 --type testing";
    let press = async {
        while world.sandbox().barrier(barrier).unwrap().waiting == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        counter.send_modify(|count| *count += 1);
    };
    let (ran, ()) = tokio::join!(around.run(words), press);
    let told = ran.ended(Exit::Interrupted);
    assert!(
        told.starts_with("interrupted\nthe write may have been done: repeat with --request-id "),
        "{told}"
    );
    world.sandbox().release_barrier(barrier).unwrap();
    world.stop().await;
}
