//! What is sent again, and what never is.

use std::time::Duration;

use futures_util::future::join_all;
use openfinance::{
    Deadline, Error, Refusal,
    customer::{CustomerType, CustomerUpdate, NewCustomer},
    id::CustomerId,
    page::{Cursor, CustomerQuery, PageSize},
};

use tokio::time::Instant;

use crate::server::{Answer, Gate, LOGIN, World};

fn id() -> CustomerId {
    "5".parse().unwrap()
}

fn new() -> NewCustomer {
    NewCustomer {
        customer_type: CustomerType::Testing,
        username: "household-4711".parse().unwrap(),
        first_name: None,
        last_name: None,
        phone: None,
        email: None,
        application_id: None,
    }
}

/// A client that soon gives up finding out what became of a create.
fn impatient() -> World {
    World::with(|config| {
        config.quiet_time = Duration::from_millis(300);
        config.write_cap = Duration::from_millis(1500);
    })
}

/// Failures after which nobody knows whether the vendor did the work.
fn ambiguous() -> [Answer; 6] {
    [
        Answer::HangUp,
        Answer::json(500, ""),
        Answer::json(502, "<html>"),
        Answer::json(503, ""),
        Answer::json(504, ""),
        Answer::json(408, ""),
    ]
}

#[tokio::test]
async fn a_create_whose_outcome_cannot_be_read_is_never_sent_again() {
    let unreadable = [
        Answer::json(201, "{\"id\": \"5"),
        Answer::json(201, "{}"),
        Answer::json(201, "{\"id\": \"not an id\"}"),
        Answer::json(202, "{\"id\": \"5\"}"),
        Answer::json(302, ""),
    ];
    let cases = ambiguous().into_iter().chain(unreadable);
    let cases = cases.map(async |answer| {
        let world = impatient();
        // The lookup afterwards gets an answer that is no list.
        world.answers([answer.clone()]);
        let error = world.client.create_customer(new()).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::OutcomeUnknown {
                    operation: "AddTestingCustomer",
                    ..
                }
            ),
            "{answer:?}: {error:?}"
        );
        assert_eq!(world.received("/customers/testing").len(), 1, "{answer:?}");
        assert!(!world.received("GET ").is_empty(), "{answer:?}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_create_that_was_refused_says_so_and_is_not_sent_again() {
    for (answer, expected) in [
        (
            Answer::json(409, r#"{"code": "110002"}"#),
            Refusal::UsernameTaken,
        ),
        (
            Answer::json(500, r#"{"code": 110039}"#),
            Refusal::UsernamePolicy,
        ),
        (
            Answer::json(400, r#"{"code": 42000}"#),
            Refusal::TestingCustomerLimit,
        ),
        (Answer::json(400, ""), Refusal::RejectedField),
    ] {
        let world = World::start();
        world.answers([answer.clone()]);
        let error = world.client.create_customer(new()).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { refusal, .. } if refusal == expected),
            "{answer:?}: {error:?}"
        );
        assert_eq!(world.received("/customers/testing").len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn reads_and_writes_of_absolute_values_are_tried_three_times() {
    for answer in [
        Answer::HangUp,
        Answer::json(502, ""),
        Answer::json(503, ""),
        Answer::json(504, ""),
    ] {
        let world = World::start();
        world.answers([answer.clone(), answer.clone(), Answer::customer()]);
        world.client.customer(&id()).await.unwrap();
        assert_eq!(world.received("GET ").len(), 3, "{answer:?}");

        let world = World::start();
        world.answers([
            answer.clone(),
            answer.clone(),
            answer.clone(),
            Answer::customer(),
        ]);
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert_eq!(world.received("GET ").len(), 3, "{answer:?}");

        let world = World::start();
        world.answers([answer.clone(), answer.clone(), Answer::json(204, "")]);
        world.client.delete_customer(&id()).await.unwrap();
        assert_eq!(world.received("DELETE ").len(), 3, "{answer:?}");
    }
}

#[tokio::test]
async fn a_replay_with_a_newer_token_is_one_of_the_three_tries() {
    let failed = || Answer::json(503, "");
    for answers in [
        [failed(), Answer::stale(), failed()],
        [Answer::stale(), failed(), failed()],
        [failed(), failed(), Answer::stale()],
    ] {
        let world = World::start();
        world.answers(answers.clone());
        let error = world.client.customer(&id()).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unavailable { .. } | Error::TokenRejected { .. }
            ),
            "{answers:?}: {error:?}"
        );
        assert_eq!(world.received("GET ").len(), 3, "{answers:?}");
    }
}

#[tokio::test]
async fn a_deadline_that_passes_after_a_write_does_not_say_that_nothing_was_sent() {
    let (world, gate) = (World::start(), Gate::default());
    world.client.customer(&id()).await.unwrap();
    // The read after the write needs another token, which does not come in time.
    world.answers([Answer::json(204, ""), Answer::stale()]);
    world.logins([Answer::Behind(
        gate.clone(),
        Box::new(Answer::json(503, "")),
    )]);
    let deadline = Deadline::at(Instant::now() + Duration::from_millis(500));
    let update = CustomerUpdate {
        first_name: Some("Ada".parse().unwrap()),
        ..CustomerUpdate::default()
    };
    let client = world.client.within(deadline.clone());
    let error = client.update_customer(&id(), update).await.unwrap_err();
    assert!(
        matches!(error, Error::DeadlineExceeded { sent: true, .. }),
        "{error:?}"
    );
    assert!(deadline.is_sent());
    gate.open();
    world.client.idle().await;
}

#[tokio::test]
async fn a_delete_that_was_done_before_its_answer_was_lost_is_done() {
    let world = World::start();
    world.answers([Answer::HangUp, Answer::json(404, r#"{"code": 14001}"#)]);
    world.client.delete_customer(&id()).await.unwrap();
    for code in [14006, 60013] {
        world.answers([
            Answer::json(504, ""),
            Answer::json(404, &format!(r#"{{"code": {code}}}"#)),
        ]);
        world.client.delete_customer(&id()).await.unwrap();
    }
    // Without a loss before it, the same answer is a refusal.
    world.answers([Answer::json(404, r#"{"code": 14001}"#)]);
    let error = world.client.delete_customer(&id()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::CustomerNotFound,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_failure_that_will_not_pass_is_not_repeated() {
    let world = World::start();
    world.answers([Answer::json(500, "")]);
    let error = world.client.customer(&id()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { vendor: Some(vendor), .. } if vendor.http_status == 500),
        "{error:?}"
    );
    assert_eq!(world.received("GET ").len(), 1);
}

#[tokio::test]
async fn a_success_under_another_number_is_a_success() {
    let world = World::start();
    world.answers([Answer::json(200, r#"{"id": 5, "createdDate": 0}"#)]);
    assert_eq!(world.client.create_customer(new()).await.unwrap().id, id());
    world.answers([Answer::json(201, "")]);
    let update = CustomerUpdate {
        first_name: Some("Ada".parse().unwrap()),
        last_name: None,
    };
    world
        .client
        .update_customer(&id(), update.clone())
        .await
        .unwrap();
    // A page for people says nothing of what was done.
    world.answers([Answer::Send(
        200,
        "text/html",
        b"<html>Maintenance</html>".to_vec(),
    )]);
    let error = world
        .client
        .update_customer(&id(), update)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                operation: "ModifyCustomer",
                ..
            }
        ),
        "{error:?}"
    );
    world.answers([Answer::Send(
        200,
        "text/html",
        b"<html>Maintenance</html>".to_vec(),
    )]);
    let error = world.client.delete_customer(&id()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                operation: "DeleteCustomer",
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_code_says_nothing_below_400() {
    let statuses = [202, 206, 301, 302].into_iter();
    let cases = statuses.flat_map(|status| [(status, 10022), (status, 110002)]);
    let cases = cases.map(async |(status, code)| {
        let world = impatient();
        world.answers([Answer::json(status, &format!(r#"{{"code": {code}}}"#))]);
        let error = world.client.create_customer(new()).await.unwrap_err();
        assert!(
            matches!(error, Error::OutcomeUnknown { .. }),
            "{status} {code}: {error:?}"
        );
        assert_eq!(
            world.received("/customers/testing").len(),
            1,
            "{status} {code}"
        );
    });
    join_all(cases).await;
}

#[tokio::test]
async fn what_was_not_sent_when_its_caller_went_away_is_not_sent_at_all() {
    let world = World::start();
    let gate = Gate::default();
    world.logins([Answer::Behind(
        gate.clone(),
        Box::new(Answer::json(200, r#"{"token": "late"}"#)),
    )]);
    let client = world.client.clone();
    let call = tokio::spawn(async move { client.create_customer(new()).await });
    world.until_received(LOGIN).await;
    call.abort();
    // Its end is what tells the write that it is on its own.
    assert!(call.await.unwrap_err().is_cancelled());
    gate.open();
    world.client.idle().await;
    assert_eq!(world.received("/customers/testing").len(), 0);
    world.client.create_customer(new()).await.unwrap();
    assert_eq!(world.received("/customers/testing").len(), 1);
}

#[tokio::test]
async fn an_answer_about_another_record_is_no_answer() {
    let world = impatient();
    world.answers([Answer::json(
        200,
        r#"{"id": "6", "username": "household-4711"}"#,
    )]);
    let error = world.client.customer(&id()).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let lookup = async |body: &str| {
        world.answers([Answer::json(200, body)]);
        world
            .client
            .lookup_customer(&"household-4711".parse().unwrap())
            .await
            .unwrap_err()
    };
    // A filter that was ignored answers everybody.
    let everybody = r#"{"displaying": 1, "moreAvailable": false, "customers": [{"id": "6", "username": "somebody"}]}"#;
    let error = lookup(everybody).await;
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let two = r#"{"displaying": 2, "moreAvailable": false, "customers": [
        {"id": "5", "username": "household-4711"}, {"id": "6", "username": "somebody"}]}"#;
    let error = lookup(two).await;
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let shouted = r#"{"displaying": 1, "moreAvailable": false, "customers": [{"id": "6", "username": "HOUSEHOLD-4711"}]}"#;
    assert_eq!(lookup(shouted).await, Error::NoSuchUsername);
    // "No" is a list with nobody in it, and not an answer that has no list.
    assert_eq!(
        lookup(r#"{"displaying": 0, "moreAvailable": false}"#).await,
        Error::NoSuchUsername
    );
    for nothing in [
        "{}",
        r#"{"code": 10022}"#,
        r#"{"displaying": 3, "customers": null}"#,
    ] {
        let error = lookup(nothing).await;
        assert!(
            matches!(error, Error::Malformed { .. }),
            "{nothing}: {error:?}"
        );
    }
    // A record that was made for somebody else is not the one that was asked for.
    world.answers([Answer::json(
        201,
        r#"{"id": "6", "username": "somebody", "createdDate": 0}"#,
    )]);
    let error = world.client.create_customer(new()).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_parts() {
    let world = World::start();
    let large = Answer::json(
        200,
        &format!(
            r#"{{"customers": [], "padding": "{}"}}"#,
            "x".repeat(4 * 1024 * 1024)
        ),
    );
    let small = r#"{"displaying": 1, "moreAvailable": true, "customers": [{"id": "6", "username": "somebody"}]}"#;
    world.answers([large.clone(), large, Answer::json(200, small)]);
    let page = world
        .client
        .customers_page(&CustomerQuery::default(), &Cursor::FIRST, PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(
        (page.customers.len(), page.next.map(|next| next.at().get())),
        (1, Some(2))
    );
    let limits: Vec<_> = ["limit=1000", "limit=500", "limit=250"]
        .map(|limit| world.received(limit).len())
        .into();
    assert_eq!(limits, [1, 1, 1]);
}

#[tokio::test]
async fn a_page_with_more_than_was_asked_for_is_none() {
    let world = World::start();
    // The one behind the page is asked for as well.
    let three = r#"{"displaying": 3, "moreAvailable": false, "customers": [{"id": "6"}, {"id": "7"}, {"id": "8"}]}"#;
    world.answers([Answer::json(200, three)]);
    let page = world
        .client
        .customers_page(&CustomerQuery::default(), &Cursor::FIRST, PageSize::new(1))
        .await;
    assert!(matches!(page, Err(Error::Malformed { .. })), "{page:?}");
}

#[tokio::test]
async fn a_list_that_promises_more_and_has_none_does_not_go_on_forever() {
    let world = World::start();
    world.answers([Answer::json(
        200,
        r#"{"displaying": 0, "moreAvailable": true, "customers": []}"#,
    )]);
    let query = CustomerQuery::default();
    let error = world
        .client
        .customers_page(&query, &Cursor::FIRST, PageSize::DEFAULT)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_list_that_does_not_say_whether_it_goes_on_is_not_taken_for_whole() {
    let world = World::start();
    for more in ["", r#""moreAvailable": null,"#] {
        world.answers([Answer::json(
            200,
            &format!(r#"{{{more} "found": 5, "customers": [{{"id": "6"}}]}}"#),
        )]);
        let page = world
            .client
            .customers_page(&CustomerQuery::default(), &Cursor::FIRST, PageSize::DEFAULT)
            .await;
        assert!(matches!(page, Err(Error::Malformed { .. })), "{page:?}");
    }
}

#[tokio::test]
async fn an_update_of_nothing_sends_nothing() {
    let world = World::start();
    let error = world
        .client
        .update_customer(&id(), CustomerUpdate::default())
        .await
        .unwrap_err();
    assert_eq!(error, Error::NothingToUpdate);
    assert_eq!(world.received("").len(), 0);
}
