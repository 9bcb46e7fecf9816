//! The token: fetched once, renewed in time, kept while a renewal fails, and never asked for again after a refusal.

use std::{sync::Arc, time::Duration};

use openfinance::{
    Client, Error, Refusal,
    customer::{CustomerType, NewCustomer},
    id::CustomerId,
    partner::Guard,
    store::{Memory, Store},
};
use tokio::time::advance;

use crate::server::{Answer, Gate, LOGIN, World};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Stops tokio's clock. As long as this lives the clock moves only by [`advance`], and not by itself while the runtime
/// waits for the server's threads.
pub(crate) struct HeldClock(std::sync::mpsc::Sender<()>);

impl HeldClock {
    pub(crate) fn new() -> Self {
        tokio::time::pause();
        let (held, waits) = std::sync::mpsc::channel();
        // Tokio does not move a paused clock while a blocking task runs.
        tokio::task::spawn_blocking(move || waits.recv());
        Self(held)
    }
}

impl Drop for HeldClock {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn id() -> CustomerId {
    "5".parse().unwrap()
}

#[tokio::test]
async fn a_token_serves_for_80_to_90_minutes_and_is_then_renewed() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.client.customer(&id()).await.unwrap();
    advance(80 * MINUTE - Duration::from_secs(1)).await;
    world.client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 1);
    advance(10 * MINUTE + Duration::from_secs(2)).await;
    for token in ["token-1", "token-2"] {
        // The first call begins the renewal and does not wait for it.
        world.client.customer(&id()).await.unwrap();
        let last = world.received("GET ").pop().unwrap();
        assert!(
            last.contains(&format!("finicity-app-token: {token}\r\n")),
            "{last}"
        );
        world.client.idle().await;
        assert_eq!(world.received(LOGIN).len(), 2);
    }
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_told_of_and_renewed_although_nobody_calls() {
    let world = World::start();
    let _clock = HeldClock::new();
    assert!(world.client.standing().token.is_none());
    world.client.customer(&id()).await.unwrap();
    world.logins([Answer::json(503, "")]);
    advance(116 * MINUTE).await;
    let token = world.client.standing().token.unwrap();
    assert_eq!(
        (token.age, token.usable_for),
        (116 * MINUTE, Duration::ZERO)
    );
    // Callers learn of a token in use only.
    let told = world.client.partner_authentication().await.token;
    assert!(told.is_none());
    let watched = world.client.clone();
    let watch = tokio::spawn(async move { watched.keep_watch().await });
    for _ in 0..200 {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
        world.client.idle().await;
    }
    watch.abort();
    assert_eq!(world.received(LOGIN).len(), 3);
    let token = world.client.standing().token.unwrap();
    assert!(token.usable_for > 110 * MINUTE, "{token:?}");
}

#[tokio::test]
async fn no_call_waits_for_a_renewal_while_the_old_token_is_good() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.client.customer(&id()).await.unwrap();
    let gate = Gate::default();
    world.logins([Answer::Behind(gate.clone(), Box::new(Answer::HangUp))]);
    advance(91 * MINUTE).await;
    for _ in 0..10 {
        world.client.customer(&id()).await.unwrap();
    }
    gate.open();
    world.client.idle().await;
    assert_eq!(world.received(LOGIN).len(), 2);
}

#[tokio::test]
async fn callers_who_give_up_waiting_for_a_login_leave_nothing_behind() {
    let world = World::start();
    let gate = Gate::default();
    world.logins([Answer::Behind(
        gate.clone(),
        Box::new(Answer::json(503, "")),
    )]);
    let call = || {
        let client = world.client.clone();
        tokio::spawn(async move { client.customer(&id()).await })
    };
    let first = call();
    world.until_received(LOGIN).await;
    let impatient: Vec<_> = (0..100).map(|_| call()).collect();
    tokio::task::yield_now().await;
    for call in impatient {
        call.abort();
        let _ = call.await;
    }
    // The test itself, its first caller, and the one login.
    assert!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            < 20
    );
    gate.open();
    first.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn the_old_token_serves_while_it_cannot_be_renewed_and_not_beyond_115_minutes() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.client.customer(&id()).await.unwrap();
    world.logins([
        Answer::HangUp,
        Answer::json(503, ""),
        Answer::json(200, "{}"),
        Answer::json(200, "<html>"),
    ]);
    advance(91 * MINUTE).await;
    for login in 1..=3 {
        // Within the pause after a failure no login goes out, however many calls there are.
        for _ in 0..5 {
            world.client.customer(&id()).await.unwrap();
            world.client.idle().await;
        }
        assert_eq!(world.received(LOGIN).len(), 1 + login);
        advance(MINUTE).await;
    }
    advance(22 * MINUTE).await;
    let error = world.client.customer(&id()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                operation: "CreateToken",
                ..
            }
        ),
        "{error:?}"
    );
    advance(MINUTE).await;
    world.client.customer(&id()).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_the_last_one() {
    let world = World::start();
    world.logins([Answer::refused()]);
    for _ in 0..10 {
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(
            matches!(error, Error::CredentialsRejected { .. }),
            "{error:?}"
        );
    }
    assert!(world.client.credentials_rejected());
    assert_eq!(
        world.received(LOGIN).len(),
        1,
        "five refused logins lock the company out"
    );
    assert_eq!(world.received("GET ").len(), 0);
}

#[tokio::test]
async fn every_way_to_refuse_a_login_closes_the_door() {
    for answer in [
        Answer::refused(),
        Answer::json(
            401,
            r#"{"code": "10021", "message": "You are not authorized."}"#,
        ),
        Answer::json(500, r#"{"code": 24302, "message": "Locked."}"#),
        Answer::json(404, r#"{"Errors": {"Error": [{"ReasonCode": "12401"}]}}"#),
        Answer::Send(401, "text/plain", b"Invalid (Finicity-App-Key)".to_vec()),
        Answer::Send(403, "text/html", b"<html>Forbidden</html>".to_vec()),
        // What else they say, or fail to say, does not make it a login that may be tried again.
        Answer::CutShort(401),
        Answer::json(401, &"x".repeat(5 * 1024 * 1024)),
        Answer::stale(),
        Answer::json(400, r#"{"code": 99999}"#),
        Answer::json(404, r#"{"code": 14001, "message": "Customer not found."}"#),
        Answer::json(409, r#"{"code": 11000}"#),
        Answer::json(400, r#"{"code": 42000}"#),
        Answer::json(418, ""),
    ] {
        let world = World::start();
        world.logins([answer.clone()]);
        for _ in 0..2 {
            let error = world.client.delete_customer(&id()).await.unwrap_err();
            assert!(
                matches!(error, Error::CredentialsRejected { .. }),
                "{answer:?}: {error:?}"
            );
        }
        assert_eq!(world.received(LOGIN).len(), 1, "{answer:?}");
        assert_eq!(world.received("DELETE ").len(), 0, "{answer:?}");
    }
}

#[tokio::test]
async fn a_login_that_fails_otherwise_is_tried_again_after_a_pause_that_grows() {
    let _clock = HeldClock::new();
    for answer in [
        Answer::CutShort(200),
        Answer::json(503, ""),
        Answer::json(302, ""),
        Answer::json(429, ""),
        Answer::json(200, "{}"),
        Answer::json(200, r#"{"token": "a\nb"}"#),
        Answer::json(200, r#"{"code": 10001}"#),
    ] {
        let world = World::start();
        world.logins([answer.clone(), answer.clone()]);
        for (logins, pause) in [(1, 1_100), (2, 2_100)] {
            for _ in 0..5 {
                let error = world.client.customer(&id()).await.unwrap_err();
                let expected = matches!(
                    error,
                    Error::Unavailable { .. } | Error::Malformed { .. } | Error::RateLimited { .. }
                );
                assert!(expected, "{answer:?}: {error:?}");
            }
            assert_eq!(world.received(LOGIN).len(), logins, "{answer:?}");
            advance(Duration::from_millis(pause)).await;
        }
        world.client.customer(&id()).await.unwrap();
        assert!(!world.client.credentials_rejected());
    }
}

#[tokio::test]
async fn two_lost_answers_to_the_first_logins_are_the_last_ones() {
    let _clock = HeldClock::new();
    for lost in [
        Answer::HangUp,
        Answer::json(408, ""),
        Answer::json(500, ""),
        Answer::json(502, ""),
        Answer::json(504, ""),
    ] {
        let world = World::start();
        world.logins([lost.clone(), lost.clone()]);
        for _ in 0..2 {
            let error = world.client.customer(&id()).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            assert_eq!(
                world.client.credentials_rejected(),
                world.received(LOGIN).len() == 2
            );
            advance(MINUTE).await;
        }
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(
            matches!(error, Error::CredentialsRejected { vendor: None }),
            "{error:?}"
        );
        assert_eq!(world.received(LOGIN).len(), 2);
    }
}

#[tokio::test]
async fn lost_answers_do_not_count_against_credentials_that_were_good() {
    let _clock = HeldClock::new();
    let world = World::start();
    world.client.customer(&id()).await.unwrap();
    advance(120 * MINUTE).await;
    world.logins(std::iter::repeat_n(Answer::HangUp, 5));
    for _ in 0..5 {
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        advance(MINUTE).await;
    }
    world.client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 7);
}

#[tokio::test]
async fn a_login_waits_as_long_as_the_vendor_asks() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.logins([Answer::limited(600)]);
    for left in [600, 500] {
        let error = world.client.customer(&id()).await.unwrap_err();
        let Error::RateLimited {
            retry_after: Some(wait),
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(wait.as_secs_f64().round(), f64::from(left));
        advance(Duration::from_secs(100)).await;
    }
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn a_login_is_seen_through_although_every_caller_goes_away() {
    let world = World::start();
    let gate = Gate::default();
    world.logins([Answer::Behind(gate.clone(), Box::new(Answer::refused()))]);
    let call = |client: Client| tokio::spawn(async move { client.customer(&id()).await });
    let first = call(world.client.clone());
    world.until_received(LOGIN).await;
    first.abort();
    let patient = call(world.client.clone());
    for _ in 0..8 {
        let impatient = call(world.client.clone());
        tokio::task::yield_now().await;
        impatient.abort();
    }
    gate.open();
    let error = patient.await.unwrap().unwrap_err();
    assert!(
        matches!(error, Error::CredentialsRejected { .. }),
        "{error:?}"
    );
    world.client.idle().await;
    assert_eq!(
        world.received(LOGIN).len(),
        1,
        "five refused logins lock the company out"
    );
}

#[tokio::test]
async fn a_stale_token_is_renewed_once_and_the_call_replayed() {
    let world = World::start();
    world.answers([Answer::stale()]);
    world.client.customer(&id()).await.unwrap();
    let calls = world.received("GET ");
    assert!(
        calls[0].contains("token-1") && calls[1].contains("token-2"),
        "{calls:?}"
    );
    world.answers([Answer::stale(), Answer::stale()]);
    let error = world.client.customer(&id()).await.unwrap_err();
    assert!(matches!(error, Error::TokenRejected { .. }), "{error:?}");
    assert_eq!(world.received(LOGIN).len(), 3);
}

#[tokio::test]
async fn calls_at_once_share_one_login() {
    let world = World::start();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let client = world.client.clone();
            tokio::spawn(async move { client.customer(&id()).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn a_day_of_calls_needs_16_to_18_logins() {
    let world = World::start();
    let _clock = HeldClock::new();
    for _ in 0..24 * 60 * 2 {
        world.client.customer(&id()).await.unwrap();
        // A renewal goes on beside the calls; here it gets its time.
        world.client.idle().await;
        advance(Duration::from_secs(30)).await;
    }
    let logins = world.received(LOGIN).len();
    assert!((16..=18).contains(&logins), "{logins}");
}

#[tokio::test]
async fn while_logins_fail_the_old_token_serves_until_115_minutes_and_then_nothing_does() {
    const MOST: usize = 40;
    let world = World::start();
    let clock = HeldClock::new();
    let began = tokio::time::Instant::now();
    world.client.customer(&id()).await.unwrap();
    world.logins(std::iter::repeat_n(Answer::json(503, ""), 2 * MOST));
    let token = world.client.partner_authentication().await.token.unwrap();
    assert!(token.age < Duration::from_secs(1));
    advance(token.renewal_in).await;
    for _ in 0..29 * 60 / 5 {
        if began.elapsed() < 115 * MINUTE {
            world.client.customer(&id()).await.unwrap();
        }
        world.client.idle().await;
        advance(Duration::from_secs(5)).await;
    }
    let logins = world.received(LOGIN).len() - 1;
    assert!((20..=MOST).contains(&logins), "{logins}");

    advance((115 * MINUTE).saturating_sub(began.elapsed())).await;
    let _ = world.client.customer(&id()).await.unwrap_err();
    let (logins, calls) = (world.received(LOGIN).len(), world.received("GET ").len());
    for _ in 0..100 {
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(world.received(LOGIN).len(), logins);
    assert_eq!(world.received("GET ").len(), calls);
    assert_eq!(world.client.partner_authentication().await.token, None);

    world.heal();
    advance(MINUTE).await;
    world.client.customer(&id()).await.unwrap();
    drop(clock);
}

#[tokio::test]
async fn tokens_that_are_refused_again_and_again_are_not_renewed_for_a_while() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.refuse_every_token();
    for _ in 0..20 {
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(matches!(error, Error::TokenRejected { .. }), "{error:?}");
    }
    let logins = world.received(LOGIN).len();
    assert_eq!(logins, 6);
    advance(Duration::from_secs(29)).await;
    let _ = world.client.customer(&id()).await.unwrap_err();
    assert_eq!(world.received(LOGIN).len(), logins);
    world.heal();
    // The token in use is tried by each call all the same.
    world.client.customer(&id()).await.unwrap();
    world.revoke_tokens();
    let _ = world.client.customer(&id()).await.unwrap_err();
    advance(Duration::from_secs(1)).await;
    world.client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), logins + 1);
}

#[tokio::test]
async fn ten_restarts_with_wrong_or_silent_credentials_make_two_logins_at_most() {
    for (answer, most) in [(Answer::refused(), 1), (Answer::HangUp, 2)] {
        let world = World::start();
        let store = Arc::new(Memory::new());
        world.logins(std::iter::repeat_n(answer.clone(), 10));
        for _ in 0..10 {
            let client = world.client_over(Arc::clone(&store) as Arc<dyn Store>);
            client.customer(&id()).await.unwrap_err();
            client.idle().await;
        }
        assert_eq!(world.received(LOGIN).len(), most, "{answer:?}");
        let client = world.client_over(store);
        client.look().await;
        assert!(client.credentials_rejected());
    }
}

#[tokio::test]
async fn an_operator_lets_logins_go_out_again() {
    let world = World::start();
    world.logins([Answer::refused()]);
    world.client.customer(&id()).await.unwrap_err();
    let standing = world.client.partner_authentication().await;
    assert_eq!(standing.guard, Guard::Open);
    assert_eq!(standing.failed_attempts, 1);
    assert_eq!(standing.refusal.unwrap().code, Some(10_001));

    world.client.reset_authentication_guard().await.unwrap();
    assert!(!world.client.credentials_rejected());
    world.client.customer(&id()).await.unwrap();
    let standing = world.client.partner_authentication().await;
    assert_eq!(standing.guard, Guard::Closed);
    assert_eq!(standing.failed_attempts, 0);
    assert!(standing.token.is_some());
}

#[tokio::test]
async fn a_plan_that_lacks_an_operation_says_nothing_against_the_credentials() {
    let world = World::start();
    world.answers([Answer::Send(
        401,
        "text/plain",
        b"Not in your plan".to_vec(),
    )]);
    let new = NewCustomer {
        customer_type: CustomerType::Active,
        username: "household-4711".parse().unwrap(),
        first_name: None,
        last_name: None,
        phone: None,
        email: None,
        application_id: None,
    };
    let error = world.client.create_customer(new).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::PlanNotEntitled,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!world.client.credentials_rejected());
    world.client.customer(&id()).await.unwrap();
}
