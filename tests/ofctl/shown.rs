//! What is told of the partner and of the gateway, and that masks hide all that they must.

use openfinance_sandbox::Operation;

use super::*;
use crate::partner::Machine;

#[tokio::test]
async fn the_gateway_tells_what_it_is_who_calls_and_what_its_reasons_mean() {
    let world = World::start().await;
    let info = ofctl(&world, "gateway info").await.done();
    assert_eq!(value(&info, "version"), env!("CARGO_PKG_VERSION"));
    let me = ofctl(&world, "gateway whoami").await.done();
    assert_eq!(value(&me, "principal"), "anonymous");
    assert_eq!(value(&me, "method"), "none");
    let reasons = ofctl(&world, "gateway reasons").await.done();
    let rows = reasons.lines().count();
    let json = ofctl(&world, "gateway reasons -o json").await.done();
    let json = lines(&json);
    assert_eq!(rows, json.len() + 1);
    assert!(
        json.iter().any(
            |reason| reason["reason"] == "USERNAME_TAKEN" && reason["code"] == "ALREADY_EXISTS"
        )
    );
    assert_eq!(ofctl(&world, "health").await.done(), "serving\n");
    assert_eq!(world.calls(), 0, "none of this asks the vendor");
    world.stop().await;
}

#[tokio::test]
async fn the_guard_is_reset_only_by_who_says_yes() {
    let world = World::start().await;
    world
        .sandbox()
        .set_partner_secret(None, "AnotherSecret1234")
        .unwrap();
    let refused = ofctl(&world, "customers list").await.ended(Exit::Conflict);
    assert!(
        refused.starts_with("error: FAILED_PRECONDITION PARTNER_CREDENTIALS_REJECTED: "),
        "{refused}"
    );
    let told = ofctl(&world, "partner authentication").await.done();
    assert_eq!(
        (value(&told, "guard"), value(&told, "failed_attempts")),
        ("open", "1")
    );
    let unasked = ofctl(&world, "partner reset-guard").await;
    assert!(unasked.ended(Exit::Usage).contains("lock the company out"));
    world
        .sandbox()
        .set_partner_secret(None, "SandboxSecret1234")
        .unwrap();
    let reset = ofctl(&world, "partner reset-guard --yes").await.done();
    assert_eq!(value(&reset, "guard"), "closed");
    ofctl(&world, "customers list").await.done();
    world.stop().await;
}

#[tokio::test]
async fn a_new_secret_comes_from_a_file_and_is_printed_nowhere() {
    let machine = Machine::new();
    let world = machine.world().await;
    let around = Around::of(&world);
    let file = around.file("new-secret", canary::NEW_SECRET);
    around
        .run(&format!(
            "partner rotate-secret --new-secret-file {file} --yes"
        ))
        .await
        .done();
    assert_eq!(machine.secret(), canary::NEW_SECRET);
    let missing = ofctl(&world, "partner rotate-secret --yes")
        .await
        .ended(Exit::WrongRequest);
    assert!(missing.contains("--new-secret-file: "), "{missing}");
    assert_eq!(world.called(Operation::ModifyPartnerSecret), 1);
    world.stop().await;
}

#[tokio::test]
async fn masks_hide_every_personal_value_and_reveal_shows_it() {
    let world = World::start().await;
    let id = world.customer().await;
    let consumer = world.consumer_of(&id).await;
    let business = world.business_of(&id).await;
    for words in [
        format!("consumers get {}", consumer.consumer_id),
        format!("businesses get {}", business.business_id),
    ] {
        for form in ["table", "json"] {
            let form = format!("{words} --output {form}");
            // The run itself looks for what must not be shown.
            let masked = ofctl(&world, &form).await;
            assert_eq!(
                masked.err,
                "note: personal data is masked; --reveal shows it to whom the gateway lets see it\n"
            );
            let masked = masked.done();
            assert!(masked.contains("***"), "{masked}");
            let revealed = ofctl(&world, &format!("{form} --reveal")).await;
            assert_eq!(revealed.err, "");
            let revealed = revealed.done();
            assert!(!revealed.contains("***"), "{revealed}");
            let value = if words.starts_with("consumers") {
                canary::LAST_NAME
            } else {
                canary::TAX_ID
            };
            assert!(revealed.contains(value), "{revealed}");
        }
    }
    world.stop().await;
}
