//! Exports: complete, masked unless asked otherwise, and gone on with where they were cut short.

use std::{
    collections::BTreeSet, fs::OpenOptions, io::Write as _, os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use ofctl::Exit;
use openfinance::store::Memory;
use openfinance_gateway::config::auth::Role;
use openfinance_rpc::pb;
use openfinance_sandbox::{Commit, FaultRule, Operation, Target};
use serde_json::Value;

use super::desk::{Desk, people, usernames};
use crate::{
    callers::{by_key, key_of},
    canary,
    world::World,
};

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

#[tokio::test]
async fn export_that_lacks_nothing_but_its_name_is_not_read_again() {
    let world = World::start().await;
    world.customer().await;
    let desk = Desk::at(world.grpc_address());
    let file = desk.path("out.csv").into_os_string().into_string().unwrap();
    let command = ["export", "customers", &file, "--reveal", "--quiet"];
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::GetCustomers));
    let taken = async {
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        desk.file("out.csv", "another's");
        world.sandbox().release_barrier(barrier).unwrap();
    };
    let (ran, ()) = tokio::join!(desk.run(&command), taken);
    assert_eq!(ran.exit, Exit::Usage, "{}", ran.err);
    assert_eq!(desk.read("out.csv"), "another's");
    std::fs::remove_file(&file).unwrap();
    let calls = world.calls();
    assert_eq!(desk.run(&command).await.exit, Exit::Done);
    assert_eq!(exported(&desk.read("out.csv")), ["bystander-0"]);
    assert_eq!(world.calls(), calls);
    assert_eq!(desk.files(), ["out.csv"]);
    world.stop().await;
}

/// Whom an export has, in its order.
fn exported(text: &str) -> Vec<String> {
    let rows = text.lines().skip(1);
    rows.map(|row| row.split(',').nth(1).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn export_taken_up_again_has_everybody_who_stayed_or_begins_anew() {
    let (world, desk) = crowd().await;
    let file = desk.path("out.csv").into_os_string().into_string().unwrap();
    let command = ["export", "customers", &file, "--reveal"];
    let mut left = usernames("crowd", MANY);
    // Some of the first page, and then all by whom its end is found again.
    for (gone, anew) in [(2..12, false), (980..1_000, true)] {
        let page = || desk.path("out.csv.progress").exists();
        assert!(desk.run_until(&command, page).await.is_none());
        let page = exported(&desk.read("out.csv.partial"));
        assert_eq!(page.len(), 1_000);
        for name in &page[gone] {
            delete(&world, name).await;
            left.retain(|left| left != name);
        }
        let ran = desk.run(&command).await;
        assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
        assert_eq!(ran.err.contains("beginning anew"), anew, "{}", ran.err);
        let mut found = exported(&desk.read("out.csv"));
        let rows = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), rows, "somebody is there twice");
        assert!(left.iter().all(|name| found.binary_search(name).is_ok()));
        if anew {
            assert_eq!(found, left);
        }
        std::fs::remove_file(&file).unwrap();
    }
    world.stop().await;
}

async fn delete(world: &World, username: &str) {
    let message = pb::LookupCustomerRequest {
        username: username.to_owned(),
    };
    let found = world.customers().lookup_customer(message).await.unwrap();
    let message = pb::DeleteCustomerRequest {
        customer_id: found.into_inner().customer_id,
        allow_missing: false,
    };
    world.customers().delete_customer(message).await.unwrap();
}

#[tokio::test]
async fn export_tells_which_fields_the_gateway_keeps_back_of_any_record() {
    let auth = by_key(&[("support", &[Role::Reader], &["pii.read"])]);
    let mut world = World::start().await;
    let owner = world.customer().await;
    world.business_of(&owner).await;
    let store = Arc::new(Memory::new());
    world
        .replace_gateway(|settings| settings.auth = auth, store)
        .await;
    let desk = Desk::at(world.grpc_address());
    let key = desk.file("key", &key_of("support"));
    let ran = desk
        .run(&[
            "export",
            "customers",
            "--format",
            "csv",
            "--with",
            "businesses",
            "--reveal",
            "--api-key-file",
            &key,
        ])
        .await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert!(ran.out.contains("ABC Tires Inc"), "{}", ran.out);
    let told = "the gateway keeps these fields from you, so they are empty: business.tax_id";
    assert!(ran.err.contains(told), "{}", ran.err);
    world.stop().await;
}

#[tokio::test]
async fn export_makes_formulas_harmless_unless_asked_for_raw_cells() {
    let world = World::start().await;
    let desk = Desk::at(world.grpc_address());
    let name = "=HYPERLINK(A1)";
    let file = desk.file(
        "people.jsonl",
        &format!("{{\"username\":\"formula-1\",\"type\":\"CUSTOMER_TYPE_TESTING\",\"firstName\":\"{name}\"}}\n"),
    );
    let ran = desk.run(&["import", "customers", &file]).await;
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    let command = ["export", "customers", "--format", "csv", "--reveal"];
    let guarded = desk.run(&command).await;
    assert!(
        guarded.out.contains(&format!(",'{name},")),
        "{}",
        guarded.out
    );
    assert!(
        guarded.err.contains("1 cells that a spreadsheet"),
        "{}",
        guarded.err
    );
    let raw = desk
        .run(&[command.as_slice(), &["--raw-cells"]].concat())
        .await;
    assert!(raw.out.contains(&format!(",{name},")), "{}", raw.out);
    assert_eq!(raw.err, "");
    world.stop().await;
}
