//! What replicas that share a store do as one: the token, the guard, and what they do while the store is away.

use std::{sync::Arc, time::Duration};

use openfinance::{
    Client, Error,
    id::CustomerId,
    partner::{Guard, PartnerAuthentication, Proof},
};
use tokio::{task::JoinHandle, time::advance};

use crate::{
    server::{Answer, Gate, LOGIN, SharedStore, World},
    token::{HeldClock, MINUTE},
};

fn id() -> CustomerId {
    "5".parse().unwrap()
}

/// A world with so many replicas over one store.
fn replicas<const COUNT: usize>() -> (World, Arc<SharedStore>, [Client; COUNT]) {
    let (world, store) = (World::start(), Arc::new(SharedStore::default()));
    let clients = std::array::from_fn(|_| world.client_over(Arc::clone(&store) as _));
    (world, store, clients)
}

/// Calls through all clients at once, each so often.
async fn call_all(clients: &[Client], often: usize) -> Vec<Result<(), Error>> {
    let calls: Vec<_> = clients
        .iter()
        .flat_map(|client| std::iter::repeat_n(client, often))
        .map(|client| {
            let client = client.clone();
            tokio::spawn(async move { client.customer(&id()).await.map(drop) })
        })
        .collect();
    joined(calls).await
}

/// What tasks came to, in their order.
async fn joined<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn replicas_share_one_login() {
    let (world, _store, clients) = replicas::<4>();
    for result in call_all(&clients, 25).await {
        result.unwrap();
    }
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn a_replica_waits_for_the_login_of_another() {
    let (world, _store, [one, other]) = replicas();
    let gate = Gate::default();
    let token = Answer::json(200, r#"{"token": "token-0"}"#);
    world.logins([Answer::Behind(gate.clone(), Box::new(token))]);
    let first = tokio::spawn(async move { one.customer(&id()).await });
    world.until_received(LOGIN).await;
    let second = tokio::spawn(async move { other.customer(&id()).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    gate.open();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn revoked_tokens_lead_to_one_login_of_all_replicas() {
    let (world, _store, clients) = replicas::<4>();
    for result in call_all(&clients, 1).await {
        result.unwrap();
    }
    for round in 2..5 {
        world.revoke_tokens();
        for result in call_all(&clients, 10).await {
            result.unwrap();
        }
        assert_eq!(world.received(LOGIN).len(), round);
    }
}

#[tokio::test]
async fn a_token_is_as_old_as_the_store_says() {
    let (world, _store, [one, other]) = replicas();
    let _clock = HeldClock::new();
    one.customer(&id()).await.unwrap();
    advance(70 * MINUTE).await;
    other.customer(&id()).await.unwrap();
    let token = other.partner_authentication().await.token.unwrap();
    assert_eq!(token.age, 70 * MINUTE);
    assert_eq!(token.usable_for, 45 * MINUTE);
    // The first that is due renews it, and the other takes it over.
    advance(20 * MINUTE).await;
    one.customer(&id()).await.unwrap();
    one.idle().await;
    assert!(other.look().await);
    other.customer(&id()).await.unwrap();
    other.idle().await;
    assert_eq!(world.received(LOGIN).len(), 2);
    assert!(world.received("GET ").last().unwrap().contains("token-2"));
}

#[tokio::test]
async fn racing_replicas_with_a_wrong_secret_make_two_logins_at_most() {
    for answer in [Answer::refused(), Answer::HangUp] {
        let (world, _store, clients) = replicas::<4>();
        world.logins(std::iter::repeat_n(answer.clone(), 100));
        for _ in 0..3 {
            for result in call_all(&clients, 25).await {
                result.unwrap_err();
            }
        }
        let logins = world.received(LOGIN).len();
        assert!((1..=2).contains(&logins), "{answer:?}: {logins}");
    }
}

/// Has all clients prove a secret at the same moment, the one in use or another, while the first login is held up.
async fn prove_all(
    world: &World,
    clients: &[Client],
    secret: Option<&'static str>,
    answer: Answer,
) -> Vec<Result<Proof, Error>> {
    let (gate, before) = (Gate::default(), world.received(LOGIN).len());
    world.logins([Answer::Behind(gate.clone(), Box::new(answer))]);
    let proofs: Vec<_> = clients
        .iter()
        .map(|client| {
            let client = client.clone();
            tokio::spawn(async move {
                match secret {
                    Some(secret) => client.prove_credentials(secret.into()).await,
                    None => client.prove_present_credentials().await,
                }
            })
        })
        .collect();
    while world.received(LOGIN).len() == before {
        tokio::task::yield_now().await;
    }
    // The others have time enough to begin as well.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.received(LOGIN).len(), before + 1, "one at a time");
    gate.open();
    joined(proofs).await
}

#[tokio::test]
async fn a_secret_that_replicas_prove_at_once_is_refused_once() {
    for secret in [None, Some("another-secret-1")] {
        let (world, _store, clients) = replicas::<4>();
        call_all(&clients, 1).await;
        let results = prove_all(&world, &clients, secret, Answer::refused()).await;
        let refused = |result: &Result<Proof, Error>| {
            matches!(result, Err(Error::CredentialsRejected { .. }))
        };
        assert!(results.iter().all(refused), "{results:?}");
        assert_eq!(world.received(LOGIN).len(), 2);
    }
}

#[tokio::test]
async fn a_secret_that_replicas_prove_at_once_is_proven_for_each() {
    let (world, _store, clients) = replicas::<4>();
    call_all(&clients, 1).await;
    let token = Answer::json(200, r#"{"token": "token-0"}"#);
    for result in prove_all(&world, &clients, Some("another-secret-1"), token).await {
        assert_eq!(result, Ok(Proof::Accepted));
    }
    assert_eq!(world.received(LOGIN).len(), 5);
    let [one, ..] = &clients;
    assert!(one.is_proven("another-secret-1".into()).await);
    assert!(!one.is_proven("mistyped-secret-1".into()).await);
}

#[tokio::test]
async fn a_proof_is_put_off_while_another_replica_logs_in_for_long() {
    let world = World::with(|config| config.attempt_timeout = Duration::from_secs(20));
    let store = Arc::new(SharedStore::default());
    let [one, other] = std::array::from_fn(|_| world.client_over(Arc::clone(&store) as _));
    one.customer(&id()).await.unwrap();
    let _clock = HeldClock::new();
    let gate = Gate::default();
    world.logins([Answer::Behind(gate.clone(), Box::new(Answer::refused()))]);
    let refused = tokio::spawn(async move { one.prove_present_credentials().await });
    while world.received(LOGIN).len() == 1 {
        tokio::task::yield_now().await;
    }
    let late = other.clone();
    let put_off = tokio::spawn(async move { late.prove_present_credentials().await });
    while !put_off.is_finished() {
        advance(Duration::from_millis(100)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(put_off.await.unwrap(), Ok(Proof::NotTried));
    gate.open();
    refused.await.unwrap().unwrap_err();
    let error = other.prove_present_credentials().await.unwrap_err();
    assert_eq!(error, Error::CredentialsRejected { vendor: None });
    assert_eq!(world.received(LOGIN).len(), 2);
}

#[tokio::test]
async fn a_failed_login_keeps_no_other_secret_from_being_proven() {
    let (world, _store, [one, other, third]) = replicas();
    let _clock = HeldClock::new();
    world.logins([Answer::json(503, "{}")]);
    one.customer(&id()).await.unwrap_err();
    other.customer(&id()).await.unwrap_err();
    assert_eq!(world.received(LOGIN).len(), 1, "all wait for a while");
    // One that is refused changes nothing of that.
    world.logins([Answer::refused()]);
    let mistyped = "mistyped-secret-1".to_owned().into();
    other.prove_credentials(mistyped).await.unwrap_err();
    third.customer(&id()).await.unwrap_err();
    assert_eq!(world.received(LOGIN).len(), 2, "all wait for a while");
    let secret = "another-secret-1".to_owned().into();
    assert_eq!(other.prove_credentials(secret).await, Ok(Proof::Accepted));
    advance(Duration::from_secs(2)).await;
    one.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 3);
}

#[tokio::test]
async fn a_failed_login_pauses_all_replicas() {
    let (world, _store, clients) = replicas::<4>();
    let _clock = HeldClock::new();
    world.logins([Answer::json(503, "")]);
    for _ in 0..3 {
        for client in &clients {
            let error = client.customer(&id()).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        }
    }
    assert_eq!(world.received(LOGIN).len(), 1);
    advance(Duration::from_secs(2)).await;
    for client in &clients {
        client.customer(&id()).await.unwrap();
    }
    assert_eq!(world.received(LOGIN).len(), 2);
}

#[tokio::test]
async fn replicas_learn_of_an_opening_and_of_a_reset() {
    let (world, _store, [one, other]) = replicas();
    world.logins([Answer::refused()]);
    one.customer(&id()).await.unwrap_err();
    assert!(!other.credentials_rejected());
    assert!(other.look().await);
    assert!(other.credentials_rejected());
    other.reset_authentication_guard().await.unwrap();
    one.look().await;
    assert!(!one.credentials_rejected());
    one.customer(&id()).await.unwrap();
    let PartnerAuthentication { guard, .. } = other.partner_authentication().await;
    assert_eq!(guard, Guard::Closed);
}

#[tokio::test]
async fn the_watch_looks_each_second() {
    let (world, store, [one, other]) = replicas();
    world.logins([Answer::refused()]);
    one.customer(&id()).await.unwrap_err();
    tokio::time::pause();
    let watch = tokio::spawn({
        let other = other.clone();
        async move { other.keep_watch().await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(other.credentials_rejected());
    store.set_down(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!other.store_usable());
    store.set_down(false);
    one.reset_authentication_guard().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(other.store_usable());
    assert!(!other.credentials_rejected());
    watch.abort();
}

#[tokio::test]
async fn the_watch_renews_a_token_that_is_due_although_nobody_calls() {
    let (world, _store, [one, other]) = replicas();
    let _clock = HeldClock::new();
    let watches = [&one, &other].map(|client| {
        let client = client.clone();
        tokio::spawn(async move { client.keep_watch().await })
    });
    tokio::task::yield_now().await;
    assert_eq!(world.received(LOGIN).len(), 0, "nobody has needed a token");
    one.customer(&id()).await.unwrap();
    other.customer(&id()).await.unwrap();
    advance(91 * MINUTE).await;
    while world.received(LOGIN).len() < 2 {
        tokio::task::yield_now().await;
    }
    one.idle().await;
    for _ in 0..5 {
        advance(Duration::from_secs(1)).await;
        other.idle().await;
        one.idle().await;
    }
    for client in [one, other] {
        client.customer(&id()).await.unwrap();
        assert!(world.received("GET ").last().unwrap().contains("token-2"));
    }
    assert_eq!(world.received(LOGIN).len(), 2);
    watches.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn without_the_store_nobody_logs_in_with_credentials_that_have_not_been_good() {
    let (world, store, [client]) = replicas();
    let _clock = HeldClock::new();
    store.set_down(true);
    for _ in 0..3 {
        let error = client.customer(&id()).await.unwrap_err();
        assert_eq!(error, Error::StoreUnavailable);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.received(LOGIN).len(), 0);
    store.set_down(false);
    advance(Duration::from_secs(1)).await;
    client.customer(&id()).await.unwrap();
}

#[tokio::test]
async fn without_the_store_a_replica_goes_on_with_its_token_and_then_logs_in_alone() {
    let (world, store, [one, other]) = replicas();
    let clock = HeldClock::new();
    one.customer(&id()).await.unwrap();
    other.customer(&id()).await.unwrap();
    store.set_down(true);
    advance(70 * MINUTE).await;
    one.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 1);
    advance(50 * MINUTE).await;
    one.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 2);
    // This one has never logged in itself.
    let error = other.customer(&id()).await.unwrap_err();
    assert_eq!(error, Error::StoreUnavailable);
    // When the store is back, it gets the token that was fetched without it.
    store.set_down(false);
    assert!(one.look().await);
    advance(Duration::from_secs(1)).await;
    other.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 2);
    drop(clock);
}

#[tokio::test]
async fn without_the_store_a_replica_logs_in_once_a_second_at_most() {
    let (world, store, [client]) = replicas();
    let _clock = HeldClock::new();
    client.customer(&id()).await.unwrap();
    store.set_down(true);
    world.revoke_tokens();
    client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 2);

    world.revoke_tokens();
    let call = tokio::spawn(async move { client.customer(&id()).await });
    while world.received("GET ").len() < 4 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        advance(Duration::from_millis(99)).await;
        assert_eq!(world.received(LOGIN).len(), 2);
    }
    advance(Duration::from_millis(20)).await;
    call.await.unwrap().unwrap();
    assert_eq!(world.received(LOGIN).len(), 3);
}

#[tokio::test]
async fn without_the_store_only_the_replica_that_logged_in_last_does_so_alone() {
    let (world, store, clients) = replicas::<5>();
    for client in &clients {
        world.revoke_tokens();
        client.customer(&id()).await.unwrap();
    }
    for client in &clients {
        client.look().await;
    }
    let good = world.received(LOGIN).len();
    store.set_down(true);
    world.revoke_tokens();
    world.logins(std::iter::repeat_n(Answer::refused(), 100));
    for result in call_all(&clients, 3).await {
        result.unwrap_err();
    }
    assert_eq!(world.received(LOGIN).len(), good + 1);
}

#[tokio::test]
async fn a_refusal_that_the_store_missed_is_told_when_it_is_back() {
    let (world, store, [one, other]) = replicas();
    let gate = Gate::default();
    world.logins([Answer::Behind(gate.clone(), Box::new(Answer::refused()))]);
    let call = tokio::spawn({
        let one = one.clone();
        async move { one.customer(&id()).await }
    });
    world.until_received(LOGIN).await;
    store.set_down(true);
    gate.open();
    call.await.unwrap().unwrap_err();
    assert!(one.credentials_rejected());
    store.set_down(false);
    one.look().await;
    other.look().await;
    assert!(one.credentials_rejected() && other.credentials_rejected());
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn a_wiped_store_gets_the_token_back() {
    let (world, store, [one, other]) = replicas();
    world.revoke_tokens();
    one.customer(&id()).await.unwrap();
    world.revoke_tokens();
    one.customer(&id()).await.unwrap();
    store.wipe();
    one.look().await;
    other.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 2);

    // Where another was faster with a token of its own, the newer generation stays.
    store.wipe();
    let third = world.client_over(store as _);
    third.customer(&id()).await.unwrap();
    one.look().await;
    third.look().await;
    third.customer(&id()).await.unwrap();
    assert!(world.received("GET ").last().unwrap().contains("token-2"));
    assert_eq!(world.received(LOGIN).len(), 3);
}

#[tokio::test]
async fn a_wiped_store_does_not_close_the_guard() {
    let (world, store, [one, other]) = replicas();
    world.logins([Answer::refused()]);
    one.customer(&id()).await.unwrap_err();
    store.wipe();
    one.look().await;
    other.customer(&id()).await.unwrap_err();
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn nothing_secret_is_kept_unsealed() {
    let (_world, store, [client]) = replicas();
    client.customer(&id()).await.unwrap();
    let kept = store.everything();
    assert!(kept.contains("accepted"), "{kept}");
    for canary in ["token-1", "canary-secret", "canary-key"] {
        assert!(!kept.contains(canary), "{canary} in {kept}");
    }
}
