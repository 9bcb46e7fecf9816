//! `ofctl import` and `ofctl export` against the real gateway: whatever goes wrong on the way, each row becomes one
//! record, and what is told is so.

mod cut_short;
mod desk;
mod exported;
mod refused;
mod resumed;
mod safe;
mod torn;

use ofctl::Exit;
use openfinance_sandbox::{Commit, FaultRule, Operation, RecordKind, Stage};
use serde_json::{Value, json};

use self::desk::{Desk, people, usernames};
use crate::{canary, world::World};

#[tokio::test]
async fn import_creates_a_customer_for_each_row_and_a_second_run_sends_nothing() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 40));
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(
        ran.out,
        "40 rows: 40 done, 0 failed, 0 in doubt, 0 not sent\n"
    );
    assert_eq!(desk::created(world.sandbox(), RecordKind::Customer), 40);
    assert_eq!(desk::names(world.sandbox()), usernames("row", 40));

    let calls = world.calls();
    let again = desk.run(&["import", "customers", &file]).await;
    assert_eq!(again.exit, Exit::Done);
    assert!(again.err.contains("was imported already"), "{}", again.err);
    assert_eq!(world.calls(), calls);
    world.stop().await;
}

#[tokio::test]
async fn import_takes_a_byte_order_mark_quotes_line_breaks_and_empty_lines() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = "\u{feff}username,type,first_name\r\n\"quoted-1\",testing,\"A \"\"B\"\", C\"\r\n\r\nplain-01,CUSTOMER_TYPE_TESTING,\"two\nlines\"\r\nplain-02,Testing,\n";
    let file = desk.file("odd.csv", text);
    let ran = desk
        .run(&["import", "customers", &file, "-o", "json"])
        .await;
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    // A name may hold no line break, and words are lower case or as in the proto.
    assert_eq!(
        (&summary["rows"], &summary["done"], &summary["failed"]),
        (&json!(3), &json!(1), &json!(2)),
        "{summary}"
    );
    assert_eq!(ran.exit, Exit::FailedRows);
    assert_eq!(desk::names(world.sandbox()), ["quoted-1"]);
    world.stop().await;
}

#[tokio::test]
async fn import_creates_consumers_and_businesses_of_customers_and_leaves_no_trace_of_what_they_hold()
 {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let owner = world.customer().await;
    let consumers = desk.file(
        "consumers.csv",
        &format!(
            "customer_id,first_name,last_name,state,ssn,phone,birthday,end_user.name\n{owner},{},{},UT,{},{},1937-11-23,\n",
            canary::FIRST_NAME,
            canary::LAST_NAME,
            canary::SSN,
            canary::PHONE
        ),
    );
    let ran = desk.run(&["import", "consumers", &consumers]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let businesses = desk.file(
        "businesses.jsonl",
        &format!(
            "{}\n",
            json!({"customerId": owner, "name": "ABC Tires Inc", "personallyLiable": true, "address": {"city": "Murray"}, "phoneNumber": {}, "taxId": canary::TAX_ID})
        ),
    );
    let told = desk.run(&["import", "businesses", &businesses]).await;
    assert_eq!(told.exit, Exit::Done, "{}", told.err);
    assert_eq!(desk::created(world.sandbox(), RecordKind::Consumer), 1);
    assert_eq!(desk::created(world.sandbox(), RecordKind::Business), 1);
    for text in [&ran.out, &ran.err, &told.out, &told.err] {
        canary::scan(text);
    }
    for journal in [&consumers, &businesses] {
        let journal = std::fs::read(format!("{journal}.import.jsonl")).unwrap();
        assert!(journal.len() > 300);
        canary::scan_bytes("a journal", &journal);
    }
    world.stop().await;
}

#[tokio::test]
async fn import_onboards_customers_with_what_belongs_to_them() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = "customer.username,customer.type,consumer.first_name,consumer.last_name,consumer.state,consumer.phone,consumer.birthday,business.name,business.personally_liable\n\
                alone-01,testing,,,,,,,\n\
                person-1,testing,Jane,Doe,UT,801-555-0100,1980-01-02,,\n\
                company-1,testing,Jane,Doe,UT,801-555-0100,1980-01-02,ABC Tires Inc,true\n";
    let file = desk.file("all.csv", text);
    let ran = desk.run(&["import", "onboarding", &file]).await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    let kinds = [
        RecordKind::Customer,
        RecordKind::Consumer,
        RecordKind::Business,
    ];
    assert_eq!(
        kinds.map(|kind| desk::created(world.sandbox(), kind)),
        [3, 2, 1]
    );
    world.stop().await;
}

#[tokio::test]
async fn import_goes_on_slower_while_the_gateway_or_the_vendor_is_in_trouble() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let sandbox = world.sandbox();
    for rule in [
        FaultRule::on(Operation::AddTestingCustomer)
            .after(5)
            .times(4)
            .commit(Commit::Before)
            .reset_at(Stage::ResponseHeaders),
        FaultRule::on(Operation::AddTestingCustomer)
            .after(20)
            .times(6)
            .commit(Commit::Never)
            .answer(503, None),
        FaultRule::on(Operation::AddTestingCustomer)
            .after(40)
            .times(3)
            .commit(Commit::Never)
            .answer(429, None),
    ] {
        sandbox.add_fault(rule).unwrap();
    }
    let file = desk.file("people.csv", &people("row", 60));
    let ran = desk
        .run(&["import", "customers", &file, "--parallel", "8"])
        .await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    assert!(sandbox.faults().iter().all(|fault| fault.fired > 0));
    assert_eq!(desk::names(sandbox), usernames("row", 60));
    assert_eq!(desk::created(sandbox, RecordKind::Customer), 60);
    world.stop().await;
}

#[tokio::test]
async fn dry_run_creates_nothing_and_tells_what_would_fail() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file(
        "people.csv",
        &format!("{}short,testing,Jane\n", people("row", 5)),
    );
    let ran = desk.run(&["import", "customers", &file, "--dry-run"]).await;
    assert_eq!(ran.exit, Exit::FailedRows);
    assert!(
        ran.out
            .starts_with("6 rows: 5 would be accepted, 1 failed, 0 in doubt, 0 not sent\n"),
        "{}",
        ran.out
    );
    assert_eq!(world.calls(), 0);
    assert_eq!(desk.files(), ["people.csv"]);
    world.stop().await;
}
