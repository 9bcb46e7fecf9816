//! An import that is cut short, wherever that is, and taken up again: by the same gateway, by one that knows nothing of
//! it, and after the time for which any remembers a request id.

use std::cell::Cell;

use ofctl::Exit;
use openfinance_sandbox::{Commit, FaultRule, JournalEntry, Operation, RecordKind, Stage, Target};

use super::{
    cut_short::CutShort,
    desk::{self, Desk, Ran, people, usernames},
};
use crate::world::World;

const ROWS: usize = 12;
const ALL_DONE: &str = "12 rows: 12 done, 0 failed, 0 in doubt, 0 not sent\n";

#[tokio::test]
async fn import_killed_after_any_request_goes_on_and_makes_each_customer_once() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let mut cut_short = 0;
    for requests in 0..=ROWS {
        let prefix = format!("cut-{requests}");
        let file = desk.file(&format!("{prefix}.csv"), &people(&prefix, ROWS));
        let command = ["import", "customers", &file, "--parallel", "3"];
        let before = world.called(Operation::AddTestingCustomer);
        let reached = || world.called(Operation::AddTestingCustomer) >= before + requests;
        cut_short += usize::from(desk.run_until(&command, reached).await.is_none());
        check_all_done(desk.run(&command).await);
    }
    assert!(cut_short >= ROWS, "{cut_short}");
    check_each_once(&world, (0..=ROWS).map(|requests| format!("cut-{requests}")));
    world.stop().await;
}

#[tokio::test]
async fn import_killed_at_any_moment_goes_on_and_makes_each_customer_once() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let moments = (0..30).map(|moment| moment * 11);
    for moment in moments.clone() {
        let prefix = format!("moment-{moment}");
        let file = desk.file(&format!("{prefix}.csv"), &people(&prefix, ROWS));
        let command = ["import", "customers", &file];
        // Twice, so that what goes on is cut short as well.
        for _ in 0..2 {
            let turns = Cell::new(0);
            let reached = || turns.replace(turns.get() + 1) >= moment;
            desk.run_until(&command, reached).await;
        }
        let ran = desk.run(&command).await;
        assert_eq!(ran.exit, Exit::Done, "after {moment} turns: {}", ran.err);
    }
    check_each_once(&world, moments.map(|moment| format!("moment-{moment}")));
    world.stop().await;
}

#[tokio::test]
async fn interrupted_import_waits_for_what_is_under_way_and_goes_on_later() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    for requests in [1, 3, 5] {
        let prefix = format!("stop-{requests}");
        let file = desk.file(&format!("{prefix}.csv"), &people(&prefix, ROWS));
        let command = ["import", "customers", &file, "--parallel", "2"];
        let before = world.called(Operation::AddTestingCustomer);
        let reached = || world.called(Operation::AddTestingCustomer) >= before + requests;
        let ran = desk.run_interrupted(&command, reached).await;
        assert_eq!(ran.exit, Exit::Interrupted, "{}", ran.err);
        assert!(ran.out.contains("0 failed, 0 in doubt"), "{}", ran.out);
        assert!(
            ran.err
                .contains("the same command goes on where this one stopped")
        );
        let sent = world.called(Operation::AddTestingCustomer);
        check_all_done(desk.run(&command).await);
        // What was under way was waited for, so that nothing is asked twice.
        let rest = before + ROWS - sent;
        assert_eq!(world.called(Operation::AddTestingCustomer), sent + rest);
    }
    check_each_once(&world, [1, 3, 5].map(|requests| format!("stop-{requests}")));
    world.stop().await;
}

#[tokio::test]
async fn import_interrupted_twice_ends_at_once_and_goes_on_later() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", ROWS));
    let command = ["import", "customers", &file];
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let pressed = async {
        world.sandbox().barrier_holds(barrier, 4).await.unwrap();
        desk.interrupt();
        // The first one is heard before the second.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        desk.interrupt();
    };
    let (ran, ()) = tokio::join!(desk.run(&command), pressed);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Interrupted, ""));
    world.sandbox().release_barrier(barrier).unwrap();
    check_all_done(desk.run(&command).await);
    check_each_once(&world, ["row".to_owned()]);
    world.stop().await;
}

#[tokio::test]
async fn import_goes_on_with_a_gateway_that_has_forgotten_its_request_ids() {
    for requests in [1, 4, ROWS] {
        let mut import = CutShort::after(requests, ROWS).await;
        import.forget().await;
        check_all_done(import.again().await);
        check_each_once(&import.world, ["row".to_owned()]);
        import.world.stop().await;
    }
}

#[tokio::test]
async fn import_whose_answers_are_lost_repeats_the_rows_by_itself_until_they_are_settled() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 30));
    // The calls are too short to wait for what the gateway finds out.
    let rule = FaultRule::on(Operation::AddTestingCustomer)
        .after(6)
        .times(8)
        .commit(Commit::Before)
        .reset_at(Stage::ResponseHeaders);
    world.sandbox().add_fault(rule).unwrap();
    let command = ["import", "customers", &file, "--deadline", "200ms"];
    let ran = desk.run(&command).await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    check_names(&world, "row", 30);
    world.stop().await;
}

#[tokio::test]
async fn rows_in_doubt_are_looked_for_once_the_gateway_has_forgotten_their_request_ids() {
    let made = |world: &World| desk::created(world.sandbox(), RecordKind::Customer);
    let mut import = CutShort::customers(ROWS, |world, _| made(world) >= 5).await;
    let sent = import.world.called(Operation::AddTestingCustomer);
    let customers = made(&import.world);
    import.desk.wait_hours(25);
    import.forget().await;
    let looks = import.world.called(Operation::GetCustomers);
    check_all_done(import.again().await);
    // Each of the rest is sent once, and none that is there.
    let sent_again = import.world.called(Operation::AddTestingCustomer) - sent;
    assert_eq!(sent_again, ROWS - customers);
    assert!(import.world.called(Operation::GetCustomers) > looks);
    check_each_once(&import.world, ["row".to_owned()]);
    import.world.stop().await;
}

#[tokio::test]
async fn a_row_in_doubt_whose_username_somebody_else_took_meanwhile_has_failed() {
    // Noted and never sent: the vendor is not even asked for a token.
    let noted = |_: &World, desk: &Desk| {
        std::fs::metadata(desk.path("people.csv.import.jsonl")).is_ok_and(|file| file.len() > 300)
    };
    let mut import = CutShort::customers(2, noted).await;
    import.forget().await;
    let other = import.desk.file(
        "other.csv",
        "username,type,first_name\nrow-00001,testing,John\n",
    );
    let other = import.desk.run(&["import", "customers", &other]).await;
    assert_eq!(other.exit, Exit::Done);
    import.desk.wait_hours(25);
    let ran = import.again().await;
    assert_eq!(ran.exit, Exit::FailedRows, "{}{}", ran.out, ran.err);
    assert!(
        ran.out
            .starts_with("2 rows: 1 done, 1 failed, 0 in doubt, 0 not sent\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("USERNAME_TAKEN"));
    check_names(&import.world, "row", 2);
    import.world.stop().await;
}

#[tokio::test]
async fn consumers_and_businesses_in_doubt_are_looked_for_by_their_customer() {
    for (noun, columns, cells, kind, operation) in [
        (
            "consumers",
            "first_name,last_name,state,phone,ssn",
            "Jane,Doe,UT,801-555-0100,123-45-6789",
            RecordKind::Consumer,
            Operation::CreateConsumer,
        ),
        (
            "businesses",
            "name,personally_liable,tax_id",
            "ABC Tires Inc,false,12-3456789",
            RecordKind::Business,
            Operation::AddBusinessDetails,
        ),
    ] {
        let world = World::start().await;
        let mut text = format!("customer_id,{columns}\n");
        for _ in 0..4 {
            let owner = world.customer().await;
            text.push_str(&format!("{owner},{cells}\n"));
        }
        let made = |world: &World| desk::created(world.sandbox(), kind);
        let reached = |world: &World, _: &Desk| made(world) >= 2;
        let mut import = CutShort::import(world, noun, ("owned.csv", &text), reached).await;
        let (sent, there) = (import.world.called(operation), made(&import.world));
        import.desk.wait_hours(25);
        import.forget().await;
        let ran = import.again().await;
        assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
        let sent_again = import.world.called(operation) - sent;
        assert_eq!(sent_again, 4 - there, "{noun}");
        assert_eq!(made(&import.world), 4);
        import.world.stop().await;
    }
}

#[tokio::test]
async fn an_onboarding_that_no_gateway_remembers_half_way_is_told_with_its_customer() {
    let text = "customer.username,customer.type,consumer.first_name,consumer.last_name,consumer.state,consumer.phone,consumer.birthday\n\
                person-1,testing,Jane,Doe,UT,801-555-0100,1980-01-02\n";
    let world = World::start().await;
    world.fails(Operation::CreateConsumer);
    let reached = |world: &World, _: &Desk| world.called(Operation::CreateConsumer) >= 1;
    let mut import = CutShort::import(world, "onboarding", ("all.csv", text), reached).await;
    import.world.sandbox().clear_faults();
    import.forget().await;
    let ran = import.again().await;
    assert_eq!(ran.exit, Exit::FailedRows, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("ONBOARDING_INCOMPLETE"), "{}", ran.out);
    let entries = import.world.sandbox().journal(0).entries;
    let customer = entries.into_iter().find_map(|entry| match entry {
        JournalEntry::Commit(commit) => Some(commit.id),
        JournalEntry::Request(_) => None,
    });
    let done = format!("Done already: customer_id {}", customer.unwrap());
    assert!(import.desk.read("all.failed.csv").contains(&done));
    let customers = desk::created(import.world.sandbox(), RecordKind::Customer);
    assert_eq!(customers, 1);
    import.world.stop().await;
}

#[track_caller]
fn check_all_done(ran: Ran) {
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Exit::Done, ALL_DONE),
        "{}",
        ran.err
    );
}

fn check_names(world: &World, prefix: &str, rows: usize) {
    assert_eq!(desk::names(world.sandbox()), usernames(prefix, rows));
    assert_eq!(desk::created(world.sandbox(), RecordKind::Customer), rows);
}

/// Every row of these files is one customer, and there are no others.
fn check_each_once(world: &World, prefixes: impl IntoIterator<Item = String>) {
    let mut expected: Vec<_> = prefixes
        .into_iter()
        .flat_map(|prefix| usernames(&prefix, ROWS))
        .collect();
    expected.sort();
    assert_eq!(desk::names(world.sandbox()), expected);
    assert_eq!(
        desk::created(world.sandbox(), RecordKind::Customer),
        expected.len()
    );
}
