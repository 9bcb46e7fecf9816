//! Exports: complete, masked unless asked otherwise, and gone on with where they were cut short.

use std::{
    collections::BTreeSet, fs::OpenOptions, io::Write as _, os::unix::fs::PermissionsExt as _,
};

use ofctl::Exit;
use openfinance_sandbox::{Commit, FaultRule, Operation, Target};
use serde_json::Value;

use super::desk::{Desk, people};
use crate::{canary, world::World};

/// More than a page of a stream.
const MANY: usize = 1_050;

/// A world with so many customers.
async fn crowd() -> (World, Desk) {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = MANY).await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("crowd.csv", &people("crowd", MANY));
    let ran = desk
        .run(&["import", "customers", &file, "--parallel", "16"])
        .await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    (world, desk)
}

fn check_complete(text: &str) {
    let rows: Vec<_> = text.lines().skip(1).collect();
    let different: BTreeSet<_> = rows.iter().collect();
    assert_eq!((rows.len(), different.len()), (MANY, MANY));
    assert!(rows.iter().all(|row| row.contains(",crowd-")));
}

#[tokio::test]
async fn export_cut_short_at_any_page_or_broken_goes_on_behind_the_last_whole_row() {
    let (world, desk) = crowd().await;
    let file = desk.path("out.csv").into_os_string().into_string().unwrap();
    let command = ["export", "customers", &file, "--reveal"];
    let mut cuts = 0;
    for pages in 0..4 {
        let _ = std::fs::remove_file(&file);
        let before = world.called(Operation::GetCustomers);
        // The size is asked for first.
        let reached = || world.called(Operation::GetCustomers) >= before + 1 + pages;
        if desk.run_until(&command, reached).await.is_none() {
            cuts += 1;
            assert!(!desk.path("out.csv").exists());
            // What was being written when it was cut.
            let partial = desk.path("out.csv.partial");
            if partial.exists() {
                let mut partial = OpenOptions::new().append(true).open(partial).unwrap();
                partial.write_all(b"1005,crow").unwrap();
            }
            let ran = desk.run(&command).await;
            assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
        }
        check_complete(&desk.read("out.csv"));
        assert_eq!(
            desk.files(),
            ["crowd.csv", "crowd.csv.import.jsonl", "out.csv"]
        );
    }
    assert!(cuts >= 2, "{cuts}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::GetCustomers));
    let held = || world.sandbox().barrier(barrier).unwrap().waiting > 0;
    let ran = desk
        .run_interrupted(&["export", "customers", &file, "--reveal", "--force"], held)
        .await;
    assert_eq!(ran.exit, Exit::Interrupted);
    world.sandbox().release_barrier(barrier).unwrap();
    check_complete(&desk.read("out.csv"));

    // With other settings it is no continuation.
    let _ = std::fs::remove_file(&file);
    let reached = || desk.path("out.csv.progress").exists();
    assert!(desk.run_until(&command, reached).await.is_none());
    let ran = desk.run(&["export", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err.contains("with other settings was not finished"),
        "{}",
        ran.err
    );
    let ran = desk.run(&["export", "customers", &file, "--restart"]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);

    // A stream that breaks is taken up again by the same run.
    let rule = FaultRule::on(Operation::GetCustomers)
        .after(1)
        .times(5)
        .commit(Commit::Never)
        .answer(503, None);
    world.sandbox().add_fault(rule).unwrap();
    let ran = desk
        .run(&["export", "customers", "--format", "csv", "--reveal"])
        .await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    check_complete(&ran.out);
    assert_eq!(world.sandbox().faults()[0].fired, 5);
    world.stop().await;
}

#[tokio::test]
async fn export_masks_personal_data_unless_asked_and_says_so() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let owner = world.customer().await;
    world.consumer_of(&owner).await;
    world.business_of(&owner).await;
    world.customer().await;
    let export = |format: &'static str| {
        let words = [
            "export",
            "customers",
            "-",
            "--with",
            "consumers,businesses",
            "--format",
            format,
        ];
        words.to_vec()
    };
    let masked = desk.run(&export("csv")).await;
    assert!(
        masked.err.contains("personal data is masked"),
        "{}",
        masked.err
    );
    canary::scan(&masked.out);
    let head = masked.out.lines().next().unwrap();
    for column in ["customer.username", "consumer.birthday", "business.tax_id"] {
        assert!(head.split(',').any(|name| name == column), "{head}");
    }
    assert!(!head.contains("ssn,"), "{head}");
    assert_eq!(masked.out.lines().count(), 3);
    assert!(!masked.out.contains("bystander"));

    let mut revealed = export("jsonl");
    revealed.push("--reveal");
    let revealed = desk.run(&revealed).await;
    let rows: Vec<Value> = revealed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["customer"]["username"], "bystander-0");
    assert_eq!(rows[0]["consumer"]["firstName"], canary::FIRST_NAME);
    assert_eq!(rows[0]["business"]["name"], "ABC Tires Inc");
    assert_eq!(rows[1]["customer"]["username"], "bystander-1");
    assert_eq!(rows[1].get("consumer"), None);
    assert!(!revealed.err.contains("masked"));
    world.stop().await;
}

#[tokio::test]
async fn export_refuses_a_file_that_is_there_and_a_form_that_nobody_named() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.file("out.csv", "mine");
    let ran = desk.run(&["export", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("--force replaces it"), "{}", ran.err);
    assert_eq!(desk.read("out.csv"), "mine");
    let ran = desk.run(&["export", "customers"]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err.contains("standard output needs --format"),
        "{}",
        ran.err
    );
    assert_eq!(world.calls(), 0);
    let ran = desk
        .run(&["export", "customers", &file, "--force", "--quiet"])
        .await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Done, ""));
    assert_eq!(desk.read("out.csv").lines().count(), 1);
    world.stop().await;
}
