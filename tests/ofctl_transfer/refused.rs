//! What an import refuses before it sends anything, what it tells of rows that are refused, and that nothing of a row is
//! in it.

use std::os::unix::fs::PermissionsExt as _;

use ofctl::Exit;
use openfinance_sandbox::{Operation, RecordKind, Target};

use super::{
    cut_short::CutShort,
    desk::{self, Desk, people},
};
use crate::{canary, world::World};

#[tokio::test]
async fn failed_rows_are_in_a_file_that_can_be_corrected_and_imported() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let taken = desk.file("first.csv", &people("taken", 1));
    assert_eq!(
        desk.run(&["import", "customers", &taken]).await.exit,
        Exit::Done
    );
    let text = format!(
        "type,username,first_name\ntesting,taken-00001,{0}\ntesting,short,{0}\nactual,wrong-type,{0}\ntesting,too-few\ntesting,fine-00001,Jane\n",
        canary::FIRST_NAME
    );
    let file = desk.file("people.csv", &text);
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::FailedRows, "{}", ran.err);
    assert!(
        ran.out
            .starts_with("5 rows: 1 done, 4 failed, 0 in doubt, 0 not sent\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("it holds personal data"), "{}", ran.err);
    canary::scan(&ran.out);
    canary::scan(&ran.err);
    canary::scan(&desk.read("people.csv.import.jsonl"));
    for name in ["people.csv.import.jsonl", "people.failed.csv"] {
        let mode = std::fs::metadata(desk.path(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let report = desk.read("people.failed.csv");
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(
        lines[0],
        "line,code,reason,what_to_do,type,username,first_name"
    );
    for (line, expected) in lines[1..].iter().zip([
        "2,ALREADY_EXISTS,USERNAME_TAKEN,",
        "3,INVALID_ARGUMENT,INVALID_FIELD,customer.username: ",
        "4,INVALID_ARGUMENT,INVALID_ROW,\"type must be one of: testing, active",
        "5,INVALID_ARGUMENT,INVALID_ROW,has more or fewer cells than the header",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }

    let corrected = report
        .replace("taken-00001", "taken-00002")
        .replace("short", "long-enough")
        .replace("actual", "testing")
        .replace("testing,too-few", "testing,now-enough,");
    let corrected = desk.file("people.failed.csv", &corrected);
    let ran = desk.run(&["import", "customers", &corrected]).await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    assert_eq!(
        desk::names(world.sandbox()),
        [
            "fine-00001",
            "long-enough",
            "now-enough",
            "taken-00001",
            "taken-00002",
            "wrong-type"
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn failed_rows_of_json_lines_are_json_lines() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = "{\"username\":\"short\",\"type\":\"CUSTOMER_TYPE_TESTING\"}\n{\"username\":\n{\"nickname\":1}\n{\"username\":\"with-its-id\",\"customerId\":\"1\"}\n";
    let file = desk.file("people.jsonl", text);
    let ran = desk.run(&["import", "customers", &file]).await;
    assert!(
        ran.out.starts_with("4 rows: 0 done, 4 failed"),
        "{}{}",
        ran.out,
        ran.err
    );
    let report = desk.read("people.failed.jsonl");
    let rows: Vec<serde_json::Value> = report
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["username"], "short");
    assert_eq!(rows[0]["reason"], "INVALID_FIELD");
    assert_eq!(rows[1]["unreadable"], "{\"username\":");
    assert!(
        rows[2]["what_to_do"]
            .as_str()
            .unwrap()
            .starts_with("there is no field `nickname`")
    );
    assert!(
        rows[3]["what_to_do"]
            .as_str()
            .unwrap()
            .starts_with("customer_id is given by the vendor")
    );
    world.stop().await;
}

#[tokio::test]
async fn rows_with_the_same_key_are_told_before_anything_is_sent() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file(
        "people.csv",
        &format!("{}row-00002,testing,John\n", people("row", 3)),
    );
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err.contains("rows have the same `username`"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("rows 2 and 4"), "{}", ran.err);
    assert_eq!(desk.files(), ["people.csv"]);
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_import_is_refused_by_its_header_and_never_by_what_it_holds() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    for (noun, text, told) in [
        (
            "customers",
            "username,nickname\n",
            "column `nickname`: there is no such field; there are username, type, first_name,",
        ),
        (
            "customers",
            "username,customer_id\n",
            "column `customer_id`: it is given by the vendor",
        ),
        (
            "customers",
            "username,username\n",
            "column `username` is there twice",
        ),
        ("customers", "type\n", "`username` is not among them"),
        (
            "consumers",
            "customer_id,ssn_last_four\n",
            "it is given by the vendor",
        ),
        ("consumers", "customer_id,end_user\n", "it is a group"),
        (
            "onboarding",
            "customer.username,request_id\n",
            "it is given by the vendor or by this program",
        ),
        ("customers", "", "the first line must name the columns"),
    ] {
        let file = desk.file("wrong.csv", text);
        let ran = desk.run(&["import", noun, &file]).await;
        assert_eq!(ran.exit, Exit::Usage, "{text}: {}", ran.err);
        assert!(ran.err.contains(told), "{text}: {}", ran.err);
    }
    let endless = format!("username\n\"{}{}", canary::FIRST_NAME, "x".repeat(3 << 20));
    let file = desk.file("endless.csv", &endless);
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Local);
    assert!(
        ran.err.contains("line 2: a row is longer than 1 MiB"),
        "{}",
        ran.err
    );
    canary::scan(&ran.err);
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_file_that_was_changed_amid_its_import_is_refused_until_it_is_as_it_was() {
    let import = CutShort::after(5, 30).await;
    let CutShort { world, desk, .. } = &import;
    let text = people("row", 30);
    let calls = world.calls();
    for changed in [
        text.replace("row-00002,testing,Jane", "row-00002,testing,John"),
        text.replace("row-00001,testing,Jane\n", ""),
        people("row", 3),
        "username\n".to_owned(),
    ] {
        desk.file("people.csv", &changed);
        let ran = import.again().await;
        assert_eq!(ran.exit, Exit::Usage, "{}", ran.err);
        assert!(
            ran.err.contains("has changed since the import began"),
            "{}",
            ran.err
        );
    }
    assert_eq!(world.calls(), calls);
    // What was not sent yet may change.
    desk.file(
        "people.csv",
        &text.replace("row-00030,testing,Jane", "row-00030,testing,John"),
    );
    assert_eq!(import.again().await.exit, Exit::Done);
    desk.file("people.csv", &people("row", 31));
    let ran = import.again().await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err
            .contains("has changed since its import was finished"),
        "{}",
        ran.err
    );
    import.world.stop().await;
}

#[tokio::test]
async fn a_file_is_not_imported_as_two_things() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("ids.csv", "customer_id\n1\n");
    let ran = desk.run(&["import", "consumers", &file]).await;
    assert_eq!(ran.exit, Exit::FailedRows);
    let ran = desk.run(&["import", "businesses", &file]).await;
    assert_eq!(ran.exit, Exit::Usage);
    let told = "is the journal of an import of consumers";
    assert!(ran.err.contains(told), "{}", ran.err);
    world.stop().await;
}

#[tokio::test]
async fn a_second_import_of_the_same_file_at_the_same_time_is_refused() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 3));
    let command = ["import", "customers", &file];
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let second = async {
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        let ran = desk.run(&command).await;
        assert_eq!(ran.exit, Exit::Usage);
        assert!(
            ran.err.contains("another import of this file is under way"),
            "{}",
            ran.err
        );
        world.sandbox().release_barrier(barrier).unwrap();
    };
    let (first, ()) = tokio::join!(desk.run(&command), second);
    assert_eq!(first.exit, Exit::Done);
    assert_eq!(desk::created(world.sandbox(), RecordKind::Customer), 3);
    world.stop().await;
}

#[tokio::test]
async fn an_import_stops_when_too_many_rows_fail_and_goes_on_when_more_may() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let bad: String = (0..20)
        .map(|row| format!("no{row},testing,Jane\n"))
        .collect();
    let file = desk.file(
        "people.csv",
        &format!("username,type,first_name\n{bad}fine-00001,testing,Jane\n"),
    );
    let ran = desk
        .run(&[
            "import",
            "customers",
            &file,
            "--max-failures",
            "5",
            "--parallel",
            "1",
        ])
        .await;
    assert_eq!(ran.exit, Exit::FailedRows);
    assert!(
        ran.out
            .starts_with("21 rows: 0 done, 5 failed, 0 in doubt, 16 not sent\n"),
        "{}",
        ran.out
    );
    assert_eq!(desk.read("people.failed.csv").lines().count(), 6);
    let ran = desk
        .run(&["import", "customers", &file, "--max-failures", "0"])
        .await;
    assert!(
        ran.out
            .starts_with("21 rows: 1 done, 20 failed, 0 in doubt, 0 not sent\n"),
        "{}",
        ran.out
    );
    assert_eq!(desk.read("people.failed.csv").lines().count(), 21);
    assert_eq!(
        desk.files(),
        ["people.csv", "people.csv.import.jsonl", "people.failed.csv"]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_report_that_somebody_has_begun_to_correct_is_left_as_it_is() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", "username,type\nno1,testing\nno2,testing\n");
    let command = [
        "import",
        "customers",
        &file,
        "--max-failures",
        "1",
        "--parallel",
        "1",
    ];
    assert_eq!(desk.run(&command).await.exit, Exit::FailedRows);
    let corrected = desk.read("people.failed.csv").replace("no1", "number-1");
    desk.file("people.failed.csv", &corrected);
    assert_eq!(desk.run(&command).await.exit, Exit::FailedRows);
    assert_eq!(desk.read("people.failed.csv"), corrected);
    assert_eq!(desk.read("people.failed-2.csv").lines().count(), 3);
    world.stop().await;
}

#[tokio::test]
async fn what_no_row_can_help_stops_the_import_at_once_and_costs_no_row() {
    let world = World::with(|config| config.testing_customer_limit = 6).await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 10));
    let command = ["import", "customers", &file, "--parallel", "1"];
    let ran = desk.run(&command).await;
    assert_eq!(ran.exit, Exit::Conflict, "{}", ran.err);
    assert_eq!(
        ran.out,
        "10 rows: 6 done, 0 failed, 0 in doubt, 4 not sent\n"
    );
    let told = "stopped by RESOURCE_EXHAUSTED TESTING_CUSTOMER_LIMIT: when that is put right";
    assert!(ran.err.contains(told), "{}", ran.err);
    world.stop().await;
}
