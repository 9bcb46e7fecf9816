//! Updates and deletions whose answer was lost: looked at before they are sent again.

use openfinance::{
    Error,
    business::BusinessUpdate,
    customer::{Customer, CustomerUpdate},
    id::CustomerId,
};
use serde_json::json;

use crate::server::{Answer, Gate, World};

fn id() -> CustomerId {
    "5".parse().unwrap()
}

fn named(name: &str) -> Answer {
    let body = json!({"id": "5", "username": "household-4711", "firstName": name});
    Answer::json(200, &body.to_string())
}

fn gone() -> Answer {
    Answer::json(404, r#"{"code": 14001}"#)
}

async fn rename(world: &World, name: &str) -> Result<Customer, Error> {
    let update = CustomerUpdate {
        first_name: Some(name.parse().unwrap()),
        last_name: None,
    };
    world.client.update_customer(&id(), update).await
}

/// Every way in which an answer gets lost.
fn losses() -> [Answer; 4] {
    [
        Answer::HangUp,
        Answer::CutShort(200),
        Answer::json(500, ""),
        Answer::json(503, ""),
    ]
}

#[tokio::test]
async fn an_update_that_was_done_is_not_sent_again() {
    for loss in losses() {
        let world = World::start();
        world.reads(|_| named("Ada"));
        world.answers([loss.clone()]);
        let customer = rename(&world, "Ada").await.unwrap();
        assert_eq!(customer.first_name.unwrap().as_str(), "Ada", "{loss:?}");
        assert_eq!(world.received("PUT ").len(), 1, "{loss:?}");
    }
}

#[tokio::test]
async fn an_update_that_was_not_done_is_sent_again() {
    for loss in losses() {
        let world = World::start();
        world.reads(|writes| named(if writes < 2 { "Eve" } else { "Ada" }));
        world.answers([loss.clone(), Answer::json(204, "")]);
        rename(&world, "Ada").await.unwrap();
        assert_eq!(world.received("PUT ").len(), 2, "{loss:?}");
    }
}

#[tokio::test]
async fn an_update_is_sent_three_times_at_most_and_looked_at_each_time() {
    let world = World::start();
    world.reads(|_| named("Eve"));
    world.answers(std::iter::repeat_n(Answer::HangUp, 9));
    let error = rename(&world, "Ada").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(world.received("PUT ").len(), 3);
    assert_eq!(world.received("GET ").len(), 3);
}

#[tokio::test]
async fn an_update_that_another_has_overtaken_is_not_sent_again() {
    let world = World::start();
    world.reads(|writes| named(if writes < 2 { "Eve" } else { "Grace" }));
    let gate = Gate::default();
    world.answers([
        Answer::Behind(gate.clone(), Box::new(Answer::HangUp)),
        Answer::json(204, ""),
    ]);
    let (first, second) = tokio::join!(rename(&world, "Ada"), async {
        world.until_received("PUT ").await;
        let second = rename(&world, "Grace").await;
        gate.open();
        second
    });
    second.unwrap();
    assert!(
        matches!(
            first,
            Err(Error::UpdateConflict {
                operation: "ModifyCustomer"
            })
        ),
        "{first:?}"
    );
    assert_eq!(world.received("PUT ").len(), 2);
}

#[tokio::test]
async fn an_update_that_cant_be_looked_at_is_not_sent_again() {
    let world = World::start();
    world.reads(|_| Answer::json(500, ""));
    world.answers([Answer::HangUp]);
    let error = rename(&world, "Ada").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unavailable {
                operation: "ModifyCustomer",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(world.received("PUT ").len(), 1);
}

#[tokio::test]
async fn a_replacement_is_not_sent_again_where_somebody_else_wrote_in_between() {
    let business = |name: &str, email: &str| {
        let body = json!([{
            "businessId": 9, "name": name, "personallyLiable": false, "email": email,
            "address": {"addressLine1": "1 Main", "city": "Murray", "state": "UT", "country": "US"},
            "phoneNumber": {"countryCode": "1", "number": "8015550100"},
        }]);
        Answer::json(200, &body.to_string())
    };
    for (found, conflict) in [("new@example.com", true), ("old@example.com", false)] {
        let world = World::start();
        world.reads(move |writes| match writes {
            0 => business("Engines", "old@example.com"),
            _ => business("Engines", found),
        });
        world.answers(std::iter::repeat_n(Answer::HangUp, 9));
        let update = BusinessUpdate {
            name: Some("Analytical Engines".parse().unwrap()),
            ..BusinessUpdate::default()
        };
        let result = world
            .client
            .update_business(&"9".parse().unwrap(), update)
            .await;
        let error = result.unwrap_err();
        assert_eq!(
            matches!(error, Error::UpdateConflict { .. }),
            conflict,
            "{error:?}"
        );
        let sent = if conflict { 1 } else { 3 };
        assert_eq!(world.received("PUT ").len(), sent);
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_looked_for() {
    let world = World::start();
    world.reads(|_| gone());
    world.answers([Answer::json(500, "")]);
    world.client.delete_customer(&id()).await.unwrap();
    assert_eq!(world.received("DELETE ").len(), 1);

    let world = World::start();
    world.reads(|_| named("Ada"));
    world.answers([Answer::json(500, ""), Answer::json(204, "")]);
    world.client.delete_customer(&id()).await.unwrap();
    assert_eq!(world.received("DELETE ").len(), 2);
}
