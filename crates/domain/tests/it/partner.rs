//! The steps of a rotation of the partner's secret.

use std::sync::Arc;

use openfinance::{
    Error, Refusal,
    id::CustomerId,
    partner::{OldSecret, PartnerSecret, Proof},
};

use crate::server::{Answer, LOGIN, SharedStore, World};

const CHANGE: &str = "PUT /aggregation/v2/partners/authentication";

fn id() -> CustomerId {
    "5".parse().unwrap()
}

fn new_secret() -> PartnerSecret {
    "canary-secret-2".to_owned().try_into().unwrap()
}

#[tokio::test]
async fn a_secret_is_changed_proven_and_used() {
    let world = World::start();
    let client = &world.client;
    client.customer(&id()).await.unwrap();
    world.answers([Answer::json(204, "")]);
    client
        .change_partner_secret(&new_secret(), OldSecret::WorksOn)
        .await
        .unwrap();
    let change = world.received(CHANGE).pop().unwrap();
    assert!(change.contains(r#""immediate":false"#), "{change}");
    assert!(change.contains(r#""newPartnerSecret":"canary-secret-2""#));
    assert!(change.contains(r#""partnerSecret":"canary-secret""#));

    let proof = client.prove_credentials(new_secret().into()).await;
    assert_eq!(proof, Ok(Proof::Accepted));
    client.use_partner_secret(new_secret().into());
    client.customer(&id()).await.unwrap();
    assert!(world.received("GET ").last().unwrap().contains("token-2"));
    world.revoke_tokens();
    client.customer(&id()).await.unwrap();
    let logins = world.received(LOGIN);
    assert_eq!(logins.len(), 3);
    assert!(logins[0].contains(r#""canary-secret""#));
    assert!(logins[1].contains(r#""canary-secret-2""#));
    assert!(logins[2].contains(r#""canary-secret-2""#));
}

#[tokio::test]
async fn an_old_secret_ends_at_once_only_where_that_is_said() {
    let world = World::start();
    world.answers([Answer::json(204, "")]);
    world
        .client
        .change_partner_secret(&new_secret(), OldSecret::EndsNow)
        .await
        .unwrap();
    assert!(world.received(CHANGE)[0].contains(r#""immediate":true"#));
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_says_so_and_is_not_sent_again() {
    for answer in [
        Answer::HangUp,
        Answer::CutShort(200),
        Answer::json(500, ""),
        Answer::json(503, ""),
        Answer::json(302, ""),
    ] {
        let world = World::start();
        world.answers([answer.clone()]);
        let error = world
            .client
            .change_partner_secret(&new_secret(), OldSecret::WorksOn)
            .await
            .unwrap_err();
        let expected = matches!(
            error,
            Error::OutcomeUnknown {
                operation: "ModifyPartnerSecret",
                resumable: false,
                ..
            }
        );
        assert!(expected, "{answer:?}: {error:?}");
        assert_eq!(world.received(CHANGE).len(), 1);
        assert!(!world.client.credentials_rejected());
    }
}

#[tokio::test]
async fn a_change_with_a_wrong_present_secret_opens_the_guard() {
    for answer in [
        Answer::refused(),
        Answer::json(401, ""),
        Answer::stale(),
        Answer::json(403, ""),
        Answer::json(404, r#"{"code": 12401}"#),
        Answer::json(500, r#"{"code": 24302}"#),
        Answer::CutShort(401),
    ] {
        let world = World::start();
        world.answers([answer.clone()]);
        for sent in [true, false] {
            let error = world
                .client
                .change_partner_secret(&new_secret(), OldSecret::WorksOn)
                .await
                .unwrap_err();
            let Error::CredentialsRejected { vendor } = error else {
                panic!("{answer:?}: {error:?}")
            };
            assert_eq!(vendor.is_some(), sent, "{answer:?}");
        }
        world.client.customer(&id()).await.unwrap_err();
        assert_eq!(world.received("").len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_new_secret_that_the_vendor_does_not_like_says_nothing_against_the_present_one() {
    let world = World::start();
    world.answers([Answer::json(400, r#"{"code": 24437}"#)]);
    let error = world
        .client
        .change_partner_secret(&new_secret(), OldSecret::WorksOn)
        .await
        .unwrap_err();
    let expected = matches!(
        error,
        Error::Refused {
            refusal: Refusal::RejectedField,
            ..
        }
    );
    assert!(expected, "{error:?}");
    assert!(!world.client.credentials_rejected());
}

#[tokio::test]
async fn a_secret_that_does_not_prove_good_is_not_tried_again_and_the_present_one_serves_on() {
    let world = World::start();
    world.client.customer(&id()).await.unwrap();
    world.logins([Answer::refused()]);
    for sent in [true, false] {
        let error = world
            .client
            .prove_credentials(new_secret().into())
            .await
            .unwrap_err();
        let Error::CredentialsRejected { vendor } = error else {
            panic!("{error:?}")
        };
        assert_eq!(vendor.is_some(), sent);
    }
    assert_eq!(world.received(LOGIN).len(), 2);
    assert!(!world.client.credentials_rejected());
    world.revoke_tokens();
    world.client.customer(&id()).await.unwrap();
    // To use it is to be refused at once.
    world.client.use_partner_secret(new_secret().into());
    world.client.customer(&id()).await.unwrap_err();
    assert_eq!(world.received(LOGIN).len(), 3);
}

#[tokio::test]
async fn other_credentials_close_the_guard() {
    let world = World::start();
    world.logins([Answer::refused()]);
    world.client.customer(&id()).await.unwrap_err();
    world
        .client
        .use_partner_secret("canary-secret".to_owned().into());
    assert!(world.client.credentials_rejected(), "it is the same one");
    world.client.use_partner_secret(new_secret().into());
    world.client.customer(&id()).await.unwrap();
}

#[tokio::test]
async fn a_new_secret_is_announced_to_all_replicas_once() {
    let (world, store) = (World::start(), Arc::new(SharedStore::default()));
    let one = world.client_over(Arc::clone(&store) as _);
    let other = world.client_over(Arc::clone(&store) as _);
    let mut version = other.credential_version();
    other.look().await;
    assert!(!version.has_changed().unwrap());
    one.announce_partner_secret().await.unwrap();
    assert_eq!(*one.credential_version().borrow(), 1);
    other.look().await;
    assert_eq!(*version.borrow_and_update(), 1);
    store.wipe();
    other.look().await;
    assert!(!version.has_changed().unwrap());
    other.announce_partner_secret().await.unwrap();
    assert_eq!(*version.borrow_and_update(), 2);
    store.set_down(true);
    let error = one.announce_partner_secret().await.unwrap_err();
    assert_eq!(error, Error::StoreUnavailable);
}
