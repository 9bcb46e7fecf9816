//! AuthorizationService, end to end.

use openfinance_rpc::pb::{self, authorization_details_result::Result as Outcome};
use openfinance_sandbox::{Connection, Operation};
use prost_types::Timestamp;
use serde_json::json;
use tonic::{Code, Status};

use crate::{refusals::refusals, world::World};

async fn get(world: &World, institution_login_id: i64) -> Result<pb::AuthorizationDetails, Status> {
    let request = pb::GetAuthorizationDetailsRequest {
        institution_login_id,
    };
    world
        .authorizations()
        .get_authorization_details(request)
        .await
        .map(world.seen())
}

async fn batch(
    world: &World,
    ids: Vec<i64>,
) -> Result<Vec<pb::AuthorizationDetailsResult>, Status> {
    let request = pb::BatchGetAuthorizationDetailsRequest {
        institution_login_ids: ids,
    };
    world
        .authorizations()
        .batch_get_authorization_details(request)
        .await
        .map(world.seen())
        .map(|response| response.results)
}

#[tokio::test]
async fn get_authorization_details_answers_the_period() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let login = world.institution_login(&customer_id);
    let details = get(&world, login).await.unwrap();
    assert_eq!(details.institution_login_id, login);
    let (start, end) = (details.start_time.unwrap(), details.end_time.unwrap());
    assert_eq!(start.seconds, world.now().seconds);
    assert!(
        (360 * 86_400..370 * 86_400).contains(&(end.seconds - start.seconds)),
        "a year on: {end:?}"
    );
    world.stop().await;
}

#[tokio::test]
async fn get_authorization_details_reads_the_colon_fraction_and_a_missing_zone() {
    let world = World::start().await;
    let body = json!({
        "institutionLoginId": "7",
        "authorizationStartDate": "2020-07-30T16:11:23:20Z",
        "authorizationEndDate": "2021-07-30T16:11:23"
    });
    world.answers(Operation::GetCustomerAuthorizationDetails, 200, body);
    let details = get(&world, 7).await.unwrap();
    assert_eq!(
        details.start_time,
        Some(Timestamp {
            seconds: 1_596_125_483,
            nanos: 200_000_000
        })
    );
    assert_eq!(
        details.end_time,
        Some(Timestamp {
            seconds: 1_627_661_483,
            nanos: 0
        })
    );
    world.stop().await;
}

#[tokio::test]
async fn batch_get_authorization_details_answers_each_id_in_order() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let good = world.institution_login(&customer_id);
    let legacy = world.institution_login_of(&customer_id, Connection::Legacy);
    let uncaptured = world.institution_login_of(&customer_id, Connection::Uncaptured);
    let ids = vec![uncaptured, good, 999_999, legacy, good];
    let results = batch(&world, ids.clone()).await.unwrap();
    assert_eq!(
        results
            .iter()
            .map(|result| result.institution_login_id)
            .collect::<Vec<_>>(),
        ids
    );
    let single = get(&world, good).await.unwrap();
    let found: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.unwrap() {
            Outcome::Details(details) => {
                assert_eq!(details, single);
                "details".to_owned()
            }
            Outcome::Error(error) => format!("{:?} {}", Code::from_i32(error.code), error.reason),
        })
        .collect();
    assert_eq!(
        found,
        [
            "FailedPrecondition AUTHORIZATION_NOT_CAPTURED",
            "details",
            "NotFound INSTITUTION_LOGIN_NOT_FOUND",
            "NotFound INSTITUTION_LOGIN_NOT_FOUND",
            "details",
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn batch_get_authorization_details_takes_a_hundred() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let ids: Vec<i64> = (0..100)
        .map(|_| world.institution_login(&customer_id))
        .collect();
    let results = batch(&world, ids).await.unwrap();
    assert!(
        results
            .iter()
            .all(|result| matches!(result.result, Some(Outcome::Details(_))))
    );
    let status = batch(&world, (1..=101).collect()).await.unwrap_err();
    let fields = ["institution_login_ids"];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    world.stop().await;
}

refusals! {
    get_authorization_details_malformed: "AuthorizationService/GetAuthorizationDetails" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["institution_login_id"], |world| {
        get(&world, -1).await.unwrap_err()
    }
    get_authorization_details_unknown: "AuthorizationService/GetAuthorizationDetails" => NOT_FOUND "INSTITUTION_LOGIN_NOT_FOUND" from VENDOR at [], |world| {
        get(&world, 999_999).await.unwrap_err()
    }
    get_authorization_details_uncaptured: "AuthorizationService/GetAuthorizationDetails" => FAILED_PRECONDITION "AUTHORIZATION_NOT_CAPTURED" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        let login = world.institution_login_of(&customer_id, Connection::Uncaptured);
        get(&world, login).await.unwrap_err()
    }

    batch_get_authorization_details_malformed: "AuthorizationService/BatchGetAuthorizationDetails" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["institution_login_ids[1]", "institution_login_ids[2]"], |world| {
        batch(&world, vec![1, 0, -1]).await.unwrap_err()
    }
}

#[tokio::test]
async fn batch_get_authorization_details_of_nothing_is_refused() {
    let world = World::start().await;
    let status = batch(&world, Vec::new()).await.unwrap_err();
    let fields = ["institution_login_ids"];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    world.stop().await;
}
