//! What OnboardingService refuses, a case for each row of the table in its proto comment.

use std::{sync::Arc, time::Duration};

use openfinance_gateway::config;
use openfinance_rpc::pb;
use openfinance_sandbox::{Commit, FaultRule, Operation, Stage, Target};
use serde_json::json;
use tonic_types::StatusExt as _;

use super::*;
use crate::{fragile::Fragile, refusals::refusals, world::REQUEST_ID};

/// A household of this username, under a request id.
fn named(username: &str) -> pb::OnboardCustomerRequest {
    pb::OnboardCustomerRequest {
        customer: Some(pb::Customer {
            username: username.to_owned(),
            ..customer()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..household()
    }
}

refusals! {
    onboard_customer_malformed: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer", "business.name"], |world| {
        let business = Some(pb::Business { name: String::new(), ..business() });
        onboard(&world, pb::OnboardCustomerRequest { customer: None, business, ..household() }).await.unwrap_err()
    }
    onboard_customer_of_a_liable_owner_without_consumer: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["consumer"], |world| {
        let refusal = onboard(&world, pb::OnboardCustomerRequest { consumer: None, ..household() }).await.unwrap_err();
        assert_eq!(world.calls(), 0, "what is known to fail half-way is not begun");
        refusal
    }
    onboard_customer_bad_name: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "INVALID_NAME_CHARACTER" from VENDOR at [], |world| {
        world.answers(Operation::AddTestingCustomer, 400, json!({"code": 45003, "message": "Invalid characters"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_username_policy: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "USERNAME_POLICY" from VENDOR at [], |world| {
        world.answers(Operation::AddTestingCustomer, 400, json!({"code": 110039, "message": "Username"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_of_a_reseller: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "END_USER_REQUIRED" from VENDOR at [], |world| {
        world.answers(Operation::CreateConsumer, 400, json!({"code": 1201, "message": "End user information is required."}));
        onboard(&world, small_business()).await.unwrap_err()
    }
    onboard_customer_rejected: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        let body = json!({"code": "10100", "message": format!("Invalid format for field consumer.phone. {}", canary::SSN)});
        world.answers(Operation::CreateConsumer, 400, body);
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_twice: "OnboardingService/OnboardCustomer" => ALREADY_EXISTS "USERNAME_TAKEN" from VENDOR at [], |world| {
        onboard(&world, household()).await.unwrap();
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_with_a_foreign_consumer: "OnboardingService/OnboardCustomer" => ALREADY_EXISTS "CONSUMER_EXISTS" from VENDOR at [], |world| {
        world.answers(Operation::CreateConsumer, 409, json!({"code": 11000, "message": "Consumer exists"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_with_a_foreign_business: "OnboardingService/OnboardCustomer" => ALREADY_EXISTS "BUSINESS_EXISTS" from VENDOR at [], |world| {
        world.answers(Operation::AddBusinessDetails, 409, json!({"code": 10004, "message": "Business exists"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_that_is_deleted: "OnboardingService/OnboardCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        world.answers(Operation::AddBusinessDetails, 404, json!({"code": 10002, "message": "Customer not found"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_whose_consumer_is_not_found: "OnboardingService/OnboardCustomer" => FAILED_PRECONDITION "CONSUMER_REQUIRED" from VENDOR at [], |world| {
        world.answers(Operation::AddBusinessDetails, 409, json!({"code": 10006, "message": "Consumer required"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_too_many: "OnboardingService/OnboardCustomer" => RESOURCE_EXHAUSTED "TESTING_CUSTOMER_LIMIT" from VENDOR at [], |world| {
        world.answers(Operation::AddTestingCustomer, 429, json!({"code": 42000, "message": "Limit"}));
        onboard(&world, household()).await.unwrap_err()
    }
    onboard_customer_beyond_the_plan: "OnboardingService/OnboardCustomer" => FAILED_PRECONDITION "PLAN_NOT_ENTITLED" from VENDOR at [], |world| {
        world.answers_text(Operation::AddCustomer, 401, "text/plain", "Invalid (Finicity-App-Key)");
        let active = pb::Customer { r#type: pb::CustomerType::Active.into(), ..customer() };
        onboard(&world, pb::OnboardCustomerRequest { customer: Some(active), ..household() }).await.unwrap_err()
    }
    onboard_customer_out_of_sight: "OnboardingService/OnboardCustomer" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        world.fails(Operation::GetConsumerForCustomer);
        world.loses_answer(Operation::CreateConsumer, 201, "application/json", "{\"id\": \"0bf46322c1");
        let refusal = onboard(&world, household()).await.unwrap_err();
        assert_eq!(world.called(Operation::AddBusinessDetails), 0, "nothing is built on what may not be there");
        refusal
    }
    onboard_customer_half_done: "OnboardingService/OnboardCustomer" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let rule = FaultRule::on(Operation::CreateConsumer).commit(Commit::Never).times(9).reset_at(Stage::Accept);
        world.sandbox().add_fault(rule).unwrap();
        let refusal = onboard(&world, household()).await.unwrap_err();
        let details = refusal.get_error_details();
        assert!(details.retry_info().is_none(), "clients repeat by themselves what says so");
        assert_eq!(details.error_info().unwrap().metadata["step"], "CONSUMER");
        assert_eq!(world.sandbox().counts().customers, 1);
        refusal
    }
    onboard_customer_out_of_sight_for_now: "OnboardingService/OnboardCustomer" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |world| {
        world.fails(Operation::GetBusinessByCustomer);
        world.loses_answer(Operation::AddBusinessDetails, 504, "text/html", "<html>Gateway Timeout</html>");
        let refusal = onboard(&world, named("household-4711")).await.unwrap_err();
        world.sandbox().clear_faults();
        onboard(&world, named("household-4711")).await.unwrap();
        assert_eq!(world.called(Operation::AddBusinessDetails), 1, "it was there");
        refusal
    }
    onboard_customer_under_a_used_request_id: "OnboardingService/OnboardCustomer" => INVALID_ARGUMENT "REQUEST_ID_REUSED" from OURS at ["request_id"], |world| {
        onboard(&world, named("household-4711")).await.unwrap();
        let calls = world.calls();
        let refusal = onboard(&world, named("household-4712")).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        refusal
    }
    onboard_customer_that_another_replica_is_at_work_on: "OnboardingService/OnboardCustomer" => ABORTED "REQUEST_IN_FLIGHT" from OURS at [], |_world| {
        let store = Fragile::of_many();
        let patient = |config: &mut config::Config| config.retry.write_cap = Duration::from_secs(20);
        let mut world = World::start().await;
        world.replace_gateway(patient, Arc::<Fragile>::clone(&store)).await;
        let barrier = world.sandbox().add_barrier(Target::Operation(Operation::CreateConsumer));
        let mut service = world.onboarding();
        let first = tokio::spawn(async move { service.onboard_customer(named("household-4711")).await });
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        // What it has sent goes on although nobody calls it any more.
        world.replace_gateway(patient, store).await;
        let refusal = onboard(&world, named("household-4711")).await.unwrap_err();
        let [step, customer_id, _] = progress(&refusal);
        assert_eq!((step.as_str(), customer_id.is_empty()), ("CONSUMER", false));
        world.sandbox().release_barrier(barrier).unwrap();
        first.abort();
        onboard(&world, named("household-4711")).await.unwrap();
        assert_eq!(world.called(Operation::CreateConsumer), 1);
        world.stop().await;
        refusal
    }
    onboard_customer_without_store: "OnboardingService/OnboardCustomer" => UNAVAILABLE "STORE_UNAVAILABLE" from OURS at [], |_world| {
        let store = Fragile::of_one();
        let world = World::over_store(Arc::<Fragile>::clone(&store)).await;
        world.customer().await;
        store.breaks();
        let calls = world.calls();
        let refusal = onboard(&world, named("household-4711")).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        world.stop().await;
        refusal
    }
}
