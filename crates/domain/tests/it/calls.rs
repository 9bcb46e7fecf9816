//! What is sent again, and what never is.

use openfinance::{
    Error, Refusal,
    customer::{CustomerType, CustomerUpdate, NewCustomer},
    id::CustomerId,
    page::{CustomerQuery, PageSize, Start},
};

use crate::server::{Answer, World};

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
async fn a_create_whose_outcome_is_unknown_is_never_sent_again() {
    let unreadable = [
        Answer::json(201, "{\"id\": \"5"),
        Answer::json(201, "{}"),
        Answer::json(201, "{\"id\": \"not an id\"}"),
        Answer::json(202, "{\"id\": \"5\"}"),
        Answer::json(302, ""),
    ];
    for answer in ambiguous().into_iter().chain(unreadable) {
        let world = World::start();
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
    }
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
async fn a_delete_that_was_done_before_its_answer_was_lost_is_done() {
    let world = World::start();
    world.answers([Answer::HangUp, Answer::json(404, r#"{"code": 14001}"#)]);
    world.client.delete_customer(&id()).await.unwrap();
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
    // A change that is confirmed with a text and not with nothing.
    world.answers([Answer::Send(200, "text/plain", b"OK".to_vec())]);
    let update = CustomerUpdate {
        first_name: Some("Ada".parse().unwrap()),
        last_name: None,
    };
    world.client.update_customer(&id(), update).await.unwrap();
}

#[tokio::test]
async fn an_answer_about_another_record_is_no_answer() {
    let world = World::start();
    world.answers([Answer::json(
        200,
        r#"{"id": "6", "username": "household-4711"}"#,
    )]);
    let error = world.client.customer(&id()).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    // A filter that was ignored answers everybody.
    let everybody = r#"{"displaying": 1, "moreAvailable": false, "customers": [{"id": "6", "username": "somebody"}]}"#;
    world.answers([Answer::json(200, everybody)]);
    let error = world
        .client
        .lookup_customer(&"household-4711".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
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
        .customers_page(&query, Start::FIRST, PageSize::DEFAULT)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
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
