//! What goes wrong at a desk and must do no harm: files of odd forms, files that change, two vendors, two runs, links,
//! and what a file holds where nobody should see it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use ofctl::Exit;
use openfinance_sandbox::{Operation, Target};
use serde_json::Value;

use super::{
    cut_short::CutShort,
    desk::{self, Desk, people, usernames},
};
use crate::{canary, world::World};

#[tokio::test]
async fn a_file_written_again_after_its_import_is_not_taken_for_imported() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = people("row", 3);
    let file = desk.file("people.csv", &text);
    let command = ["import", "customers", &file, "-o", "json"];
    let summary = |out: &str| serde_json::from_str::<Value>(out).unwrap();
    let ran = desk.run(&command).await;
    assert_eq!(
        (ran.exit, &summary(&ran.out)["done"]),
        (Exit::Done, &3.into())
    );
    // Scripts read the same again.
    let again = desk.run(&command).await;
    assert_eq!(
        (again.exit, &summary(&again.out)["done"]),
        (Exit::Done, &3.into())
    );

    let calls = world.calls();
    // As long as before.
    desk.file("people.csv", &text.replace("row-00003", "row-00004"));
    let ran = desk.run(&command).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Usage, ""));
    assert!(
        ran.err
            .contains("has changed since its import was finished"),
        "{}",
        ran.err
    );
    assert_eq!(world.calls(), calls);
    world.stop().await;
}

#[tokio::test]
async fn a_file_changed_while_it_is_imported_is_told_and_finished_by_the_next_run() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = people("row", 3);
    let file = desk.file("people.csv", &text);
    let command = ["import", "customers", &file];
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::AddTestingCustomer));
    let edit = async {
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        desk.file("people.csv", &text.replace("row-00003", "row-00004"));
        world.sandbox().release_barrier(barrier).unwrap();
    };
    let (ran, ()) = tokio::join!(desk.run(&command), edit);
    assert_eq!(ran.exit, Exit::Usage, "{}{}", ran.out, ran.err);
    assert!(
        ran.err.contains("was changed while it was imported"),
        "{}",
        ran.err
    );
    let again = desk.run(&command).await;
    assert_eq!(again.exit, Exit::Usage, "{}{}", again.out, again.err);
    assert!(
        again.err.contains("has changed since the import began"),
        "{}",
        again.err
    );
    desk.file("people.csv", &text);
    assert_eq!(desk.run(&command).await.exit, Exit::Done);
    assert_eq!(desk::names(world.sandbox()), usernames("row", 3));
    world.stop().await;
}

#[tokio::test]
async fn what_was_imported_into_one_vendor_is_not_taken_for_imported_into_another() {
    let import = CutShort::after(1, 3).await;
    let other = World::start().await;
    for _ in ["under way", "finished"] {
        let file = import.desk.path("people.csv").into_os_string();
        let words = ["import", "customers", &file.into_string().unwrap()];
        let ran = import.desk.run_at(other.grpc_address(), &words).await;
        assert_eq!(ran.exit, Exit::Usage, "{}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("is the journal of an import into"),
            "{}",
            ran.err
        );
        assert_eq!(import.again().await.exit, Exit::Done);
    }
    assert_eq!(other.calls(), 0);
    other.stop().await;
    import.world.stop().await;
}

#[tokio::test]
async fn a_file_without_a_header_shows_nothing_of_what_it_holds() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let text = format!("{},{},{}\n", canary::SSN, canary::FIRST_NAME, canary::PHONE);
    for (name, text) in [
        ("rows.csv", text.clone()),
        (
            "semicolons.csv",
            format!("customer_id;ssn;{}\n1;2;3\n", canary::SSN),
        ),
    ] {
        let file = desk.file(name, &text);
        let ran = desk.run(&["import", "consumers", &file]).await;
        assert_eq!(ran.exit, Exit::Usage);
        assert!(
            ran.err.contains("`customer_id` must be among them"),
            "{}",
            ran.err
        );
        canary::scan(&ran.err);
    }
    world.stop().await;
}

#[tokio::test]
async fn marks_of_encodings_are_passed_over_or_told() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let line = "{\"username\":\"json-0001\",\"type\":\"CUSTOMER_TYPE_TESTING\"}";
    let file = desk.file("marked.jsonl", &format!("\u{feff}{line}\r\n"));
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    let wide: Vec<u8> = "\u{feff}username,type\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(desk.path("wide.csv"), wide).unwrap();
    let file = desk
        .path("wide.csv")
        .into_os_string()
        .into_string()
        .unwrap();
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Local);
    assert!(ran.err.contains("UTF-16: save it in UTF-8"), "{}", ran.err);
    let twice = "{\"username\":\"twice-001\",\"username\":\"twice-002\",\"type\":\"CUSTOMER_TYPE_TESTING\"}";
    let file = desk.file("twice.jsonl", twice);
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::FailedRows);
    assert!(ran.out.contains("a field is named twice"), "{}", ran.out);
    let ran = desk
        .run(&["import", "customers", "/dev/null", "--format", "csv"])
        .await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("must be a file on a disk"), "{}", ran.err);
    assert_eq!(desk::names(world.sandbox()), ["json-0001"]);
    world.stop().await;
}

#[tokio::test]
async fn a_link_to_a_file_is_the_same_import() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 2));
    symlink(&file, desk.path("link.csv")).unwrap();
    let link = desk
        .path("link.csv")
        .into_os_string()
        .into_string()
        .unwrap();
    assert_eq!(
        desk.run(&["import", "customers", &link]).await.exit,
        Exit::Done
    );
    let ran = desk.run(&["import", "customers", &file]).await;
    assert!(ran.err.contains("was imported already"), "{}", ran.err);
    assert_eq!(
        desk.files(),
        ["link.csv", "people.csv", "people.csv.import.jsonl"]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_new_report_takes_no_name_whose_journal_is_still_there() {
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
    let ran = desk.run(&command).await;
    assert_eq!(ran.exit, Exit::FailedRows);
    assert!(
        ran.err
            .contains("stopped because 1 rows failed (--max-failures)"),
        "{}",
        ran.err
    );
    let corrected = desk.read("people.failed.csv").replace("no1", "number-1");
    let report = desk.file("people.failed.csv", &corrected);
    assert_eq!(
        desk.run(&["import", "customers", &report]).await.exit,
        Exit::Done
    );
    std::fs::remove_file(report).unwrap();
    // The same name would be taken for imported.
    assert_eq!(desk.run(&command).await.exit, Exit::FailedRows);
    let left = ["people.failed-2.csv", "people.failed.csv.import.jsonl"];
    assert_eq!(desk.files()[2..], left);
    world.stop().await;
}

#[tokio::test]
async fn a_report_of_ragged_rows_can_be_a_report_again() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file(
        "people.csv",
        "username,type,first_name\nragged-01,testing\n",
    );
    assert_eq!(
        desk.run(&["import", "customers", &file]).await.exit,
        Exit::FailedRows
    );
    let first = desk.read("people.failed.csv");
    let file = desk
        .path("people.failed.csv")
        .into_os_string()
        .into_string()
        .unwrap();
    assert_eq!(
        desk.run(&["import", "customers", &file]).await.exit,
        Exit::FailedRows
    );
    assert_eq!(desk.read("people.failed.failed.csv"), first);
    world.stop().await;
}

#[tokio::test]
async fn an_import_without_a_gateway_begins_nothing_and_says_why() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    world.stop().await;
    let file = desk.file("people.csv", &people("row", 2));
    let ran = desk
        .run(&["import", "customers", &file, "--patience", "100ms"])
        .await;
    assert_eq!(ran.exit, Exit::TryAgain, "{}", ran.err);
    let told = "note: the gateway can't be reached; trying again";
    assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    assert_eq!(desk.files(), ["people.csv"]);
}

#[tokio::test]
async fn where_nothing_can_be_written_nothing_is_sent() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("people.csv", &people("row", 2));
    // A folder stands where the journal would be, which stops even an administrator.
    std::fs::create_dir(desk.path("people.csv.import.jsonl")).unwrap();
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Local, "{}", ran.err);
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_report_is_closed_to_others_whatever_stood_in_its_place() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let planted = desk.file("people.failed.csv.partial", "");
    std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o666)).unwrap();
    let file = desk.file("people.csv", "username,type\nno1,testing\n");
    assert_eq!(
        desk.run(&["import", "customers", &file]).await.exit,
        Exit::FailedRows
    );
    let report = std::fs::metadata(desk.path("people.failed.csv")).unwrap();
    assert_eq!(report.permissions().mode() & 0o777, 0o600);
    world.stop().await;
}
