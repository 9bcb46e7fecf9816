//! How the program ends: a code for each class of refusals, and words that say what to do.

use openfinance_sandbox::Operation;
use serde_json::json;

use super::*;
use crate::canary::{FIRST_NAME, LAST_NAME};

#[tokio::test]
async fn refusals_end_in_the_code_of_their_class() {
    let world = World::start().await;
    let id = world.customer().await;
    for (exit, words) in [
        (Exit::WrongRequest, "customers get no-id".to_owned()),
        (
            Exit::WrongRequest,
            "customers list --page-token broken".to_owned(),
        ),
        (Exit::NotFound, "customers get 1234".to_owned()),
        (Exit::NotFound, format!("consumers get-by-customer {id}")),
        (
            Exit::Conflict,
            "customers create --username bystander-0 --type testing".to_owned(),
        ),
        (
            Exit::Conflict,
            format!(
                "businesses create {id} --name ABC --personally-liable true --city Provo --phone 7992222"
            ),
        ),
        (Exit::Usage, "customers get".to_owned()),
        (Exit::Usage, "customers create --type golden".to_owned()),
        (
            Exit::Usage,
            format!("consumers create {id} --birthday yesterday"),
        ),
        (Exit::Usage, "no-such-command".to_owned()),
        (Exit::Local, "onboard no-such-file.json".to_owned()),
    ] {
        let ran = ofctl(&world, &words).await;
        assert!(!ran.err.is_empty(), "{words:?}");
        ran.ended(exit);
    }
    world.stop().await;
}

#[tokio::test]
async fn violations_are_told_by_the_flags_that_they_are_about() {
    let world = World::start().await;
    let id = world.customer().await;
    let ran = ofctl(
        &world,
        &format!("consumers create {id} --first-name {FIRST_NAME} --last-name {LAST_NAME}"),
    )
    .await;
    assert_eq!(
        ran.ended(Exit::WrongRequest),
        "error: INVALID_ARGUMENT INVALID_FIELD: consumer.state is required, and 2 more
  --state: is required
  --phone: is required where email is empty
  --ssn-file: is required where birthday is absent
what to do: Correct the fields that BadRequest names.
"
    );
    assert_eq!(world.called(Operation::CreateConsumer), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_refusal_of_the_vendor_is_told_with_its_code() {
    let world = World::start().await;
    let told = ofctl(&world, "customers get 1234")
        .await
        .ended(Exit::NotFound);
    assert_eq!(
        told,
        "error: NOT_FOUND CUSTOMER_NOT_FOUND: there is no such customer
  http status: 404
  operation: GetCustomer
  vendor code: 14001
  refused by: api.finicity.com
what to do: Correct the id, or take the customer for deleted.
"
    );
    world.stop().await;
}

#[tokio::test]
async fn wrong_json_is_told_without_its_values_and_nothing_is_sent() {
    let world = World::start().await;
    let request = json!({"customer": {"username": "shop-4711"}, "consumer": {"ssn": {"number": canary::SSN}}});
    let around = Around::of(&world).stdin(&request.to_string());
    let told = around.run("onboard -").await.ended(Exit::Usage);
    assert!(told.contains("`consumer.ssn` is not of its form"), "{told}");
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_vendor_that_breaks_its_contract_is_a_defect() {
    let world = World::start().await;
    world.answers(Operation::GetCustomer, 200, json!({"unexpected": true}));
    let told = ofctl(&world, "customers get 1234")
        .await
        .ended(Exit::Defect);
    assert!(
        told.starts_with("error: INTERNAL UPSTREAM_MALFORMED: "),
        "{told}"
    );
    assert!(told.contains("\noperators: "), "{told}");
    world.stop().await;
}

#[tokio::test]
async fn standard_input_is_read_once_only() {
    let world = World::start().await;
    let id = world.customer().await;
    let around = Around::of(&world).stdin("{}");
    let told = around
        .run(&format!("consumers create {id} --from - --ssn-file -"))
        .await;
    assert!(
        told.ended(Exit::Usage)
            .starts_with("error: standard input can be read once only\n")
    );
    world.stop().await;
}

#[tokio::test]
async fn help_shows_every_exit_code_and_completions_every_command() {
    let world = World::start().await;
    let help = ofctl(&world, "--help").await.done();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&help).contains(&words(&Exit::table())), "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let script = ofctl(&world, &format!("completions {shell}")).await.done();
        for word in [
            "customers",
            "create-for-business",
            "expiring-within",
            "rotate-secret",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    world.stop().await;
}

#[test]
fn the_page_has_every_exit_code_with_its_meaning() {
    let page = include_str!("../../docs/ofctl.md");
    let rows: Vec<String> = Exit::ALL
        .iter()
        .map(|exit| format!("| {} | {} |", exit.code(), exit.meaning()))
        .collect();
    assert!(page.contains(&rows.join("\n")), "{}", rows.join("\n"));
}

#[tokio::test]
async fn who_reads_no_more_ends_it_quietly_and_a_write_is_told_all_the_same() {
    let world = World::start().await;
    world.customer().await;
    let gone = |words: &'static str| {
        let around = Around::of(&world).unread(io::ErrorKind::BrokenPipe);
        async move { around.run(words).await }
    };
    for words in [
        "--help",
        "customers list",
        "customers list --all",
        "gateway reasons",
    ] {
        let ran = gone(words).await;
        assert_eq!((ran.exit, ran.err.as_str()), (Exit::Unread, ""), "{words}");
    }
    let ran = gone("customers create --username unread-1 --type testing").await;
    assert_eq!(ran.exit, Exit::Unread);
    let told = "what was asked for is done: only the answer could not be written\n";
    assert_eq!(ran.err, told);

    let around = Around::of(&world).unread(io::ErrorKind::StorageFull);
    let ran = around
        .run("customers create --username unread-2 --type testing")
        .await;
    assert_eq!(ran.exit, Exit::Local);
    assert!(ran.err.starts_with(told), "{}", ran.err);
    let ran = around
        .run("customers create --username unread-3 --type testing --validate-only")
        .await;
    assert!(!ran.err.contains("is done"), "{}", ran.err);
    world.stop().await;
}

#[tokio::test]
async fn a_secret_given_for_the_name_of_its_file_is_not_repeated() {
    let world = World::start().await;
    let ran = ofctl(
        &world,
        &format!(
            "consumers create 1005061234 --ssn-file {}",
            crate::canary::SSN
        ),
    )
    .await;
    let told = ran.ended(Exit::Local);
    assert!(
        told.starts_with("error: --ssn-file: cannot read the file of that name: "),
        "{told}"
    );
    world.stop().await;
}
