//! The token: fetched once, renewed at 90 minutes, kept while a renewal fails, and never asked for again after a refusal.

use std::time::Duration;

use openfinance::{Error, id::CustomerId};
use tokio::time::advance;

use crate::server::{Answer, LOGIN, World};

const MINUTE: Duration = Duration::from_secs(60);

/// Stops tokio's clock. As long as this lives the clock moves only by [`advance`], and not by itself while the runtime
/// waits for the server's threads.
struct HeldClock(std::sync::mpsc::Sender<()>);

impl HeldClock {
    fn new() -> Self {
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

fn refused() -> Answer {
    Answer::json(401, r#"{"code": 10001, "message": "Invalid credentials"}"#)
}

fn stale() -> Answer {
    Answer::json(
        401,
        r#"{"code": "10022", "message": "Invalid (Finicity-App-Token)"}"#,
    )
}

#[tokio::test]
async fn a_token_serves_for_90_minutes_and_is_then_renewed() {
    let world = World::start();
    let _clock = HeldClock::new();
    world.client.customer(&id()).await.unwrap();
    advance(90 * MINUTE - Duration::from_secs(1)).await;
    world.client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 1);
    advance(Duration::from_secs(2)).await;
    world.client.customer(&id()).await.unwrap();
    assert_eq!(world.received(LOGIN).len(), 2);
    let last = world.received("GET ").pop().unwrap();
    assert!(last.contains("finicity-app-token: token-2"), "{last}");
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
    for _ in 0..3 {
        world.client.customer(&id()).await.unwrap();
    }
    assert_eq!(world.received(LOGIN).len(), 4);
    advance(25 * MINUTE).await;
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
    world.client.customer(&id()).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_the_last_one() {
    let world = World::start();
    world.logins([refused()]);
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
        refused(),
        Answer::json(
            401,
            r#"{"code": "10021", "message": "You are not authorized."}"#,
        ),
        Answer::json(500, r#"{"code": 24302, "message": "Locked."}"#),
        Answer::json(404, r#"{"Errors": {"Error": [{"ReasonCode": "12401"}]}}"#),
        Answer::Send(401, "text/plain", b"Invalid (Finicity-App-Key)".to_vec()),
        Answer::Send(403, "text/html", b"<html>Forbidden</html>".to_vec()),
    ] {
        let world = World::start();
        world.logins([answer.clone()]);
        for _ in 0..2 {
            let error = world.client.customer(&id()).await.unwrap_err();
            assert!(
                matches!(error, Error::CredentialsRejected { .. }),
                "{answer:?}: {error:?}"
            );
        }
        assert_eq!(world.received(LOGIN).len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_login_that_fails_otherwise_is_not_repeated_within_a_call_and_closes_no_door() {
    let world = World::start();
    world.logins([Answer::HangUp, Answer::json(500, "")]);
    for _ in 0..2 {
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unavailable {
                    operation: "CreateToken",
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert_eq!(world.received(LOGIN).len(), 2);
    world.client.customer(&id()).await.unwrap();
}

#[tokio::test]
async fn a_stale_token_is_renewed_once_and_the_call_replayed() {
    let world = World::start();
    world.answers([stale()]);
    world.client.customer(&id()).await.unwrap();
    let calls = world.received("GET ");
    assert!(
        calls[0].contains("token-1") && calls[1].contains("token-2"),
        "{calls:?}"
    );
    world.answers([stale(), stale()]);
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
