//! What BusinessService refuses, a case for each row of the tables in its proto comments.

use openfinance_rpc::pb;
use openfinance_sandbox::Operation;
use serde_json::json;

use super::*;
use crate::refusals::refusals;

refusals! {
    create_business_malformed: "BusinessService/CreateBusiness" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["business.name", "business.personally_liable", "business.address", "business.phone_number"], |world| {
        create(&world, UNKNOWN_CUSTOMER, pb::Business::default()).await.unwrap_err()
    }
    create_business_rejected: "BusinessService/CreateBusiness" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        world.answers(Operation::AddBusinessDetails, 400, json!({"code": 10005, "message": "Missing parameter (name)"}));
        create(&world, &customer_id, whole()).await.unwrap_err()
    }
    create_business_of_nobody: "BusinessService/CreateBusiness" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        create(&world, UNKNOWN_CUSTOMER, whole()).await.unwrap_err()
    }
    create_business_twice: "BusinessService/CreateBusiness" => ALREADY_EXISTS "BUSINESS_EXISTS" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        create(&world, &customer_id, whole()).await.unwrap();
        create(&world, &customer_id, whole()).await.unwrap_err()
    }
    create_business_without_consumer: "BusinessService/CreateBusiness" => FAILED_PRECONDITION "CONSUMER_REQUIRED" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        create(&world, &customer_id, pb::Business { personally_liable: Some(true), ..whole() }).await.unwrap_err()
    }
    create_business_out_of_sight: "BusinessService/CreateBusiness" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetBusinessByCustomer);
        world.loses_answer(Operation::AddBusinessDetails, 200, "application/json", "{\"name\": \"no id\"}");
        let refusal = create(&world, &customer_id, whole()).await.unwrap_err();
        assert_eq!(world.called(Operation::AddBusinessDetails), 1, "a create whose outcome is unknown is not repeated");
        refusal
    }
    create_business_out_of_sight_for_now: "BusinessService/CreateBusiness" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetBusinessByCustomer);
        world.loses_answer(Operation::AddBusinessDetails, 504, "text/html", "<html>Gateway Timeout</html>");
        let request = pb::CreateBusinessRequest { customer_id: customer_id.clone(), business: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() };
        let refusal = world.businesses().create_business(request.clone()).await.unwrap_err();
        world.sandbox().clear_faults();
        world.businesses().create_business(request).await.unwrap();
        assert_eq!(world.called(Operation::AddBusinessDetails), 1, "it was there");
        refusal
    }
    create_business_under_a_used_request_id: "BusinessService/CreateBusiness" => INVALID_ARGUMENT "REQUEST_ID_REUSED" from OURS at ["request_id"], |world| {
        let (customer_id, other) = (world.customer().await, world.customer().await);
        world.businesses().create_business(pb::CreateBusinessRequest { customer_id: customer_id.clone(), business: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() }).await.unwrap();
        let (calls, customer_id) = (world.calls(), other);
        let refusal = world.businesses().create_business(pb::CreateBusinessRequest { customer_id: customer_id.clone(), business: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() }).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        refusal
    }
    create_business_while_it_is_under_way: "BusinessService/CreateBusiness" => ABORTED "REQUEST_IN_FLIGHT" from OURS at [], |_world| {
        crate::request_ids::in_flight(crate::request_ids::Method::Business).await
    }

    get_business_malformed: "BusinessService/GetBusiness" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["business_id"], |world| {
        get(&world, "../customers/1/businesses").await.unwrap_err()
    }
    get_business_unknown: "BusinessService/GetBusiness" => NOT_FOUND "BUSINESS_NOT_FOUND" from VENDOR at [], |world| {
        get(&world, UNKNOWN_BUSINESS).await.unwrap_err()
    }

    get_business_by_customer_malformed: "BusinessService/GetBusinessByCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer_id"], |world| {
        get_by_customer(&world, "abc").await.unwrap_err()
    }
    get_business_by_customer_unknown: "BusinessService/GetBusinessByCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        get_by_customer(&world, UNKNOWN_CUSTOMER).await.unwrap_err()
    }
    get_business_by_customer_none: "BusinessService/GetBusinessByCustomer" => NOT_FOUND "BUSINESS_NOT_FOUND" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        get_by_customer(&world, &customer_id).await.unwrap_err()
    }

    update_business_malformed: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["business.business_id", "business.tax_id", "update_mask"], |world| {
        let change = pb::Business { business_id: "..".to_owned(), tax_id: "1".to_owned(), ..Default::default() };
        update(&world, change, &["tax_id", "adress"]).await.unwrap_err()
    }
    update_business_that_is_incomplete: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["business.personally_liable", "business.tax_id"], |world| {
        let stored = json!([{"businessId": UNKNOWN_BUSINESS, "name": "ABC", "personallyLiable": null, "taxId": "1"}]);
        world.answers(Operation::GetBusinessById, 200, stored);
        let change = pb::Business { business_id: UNKNOWN_BUSINESS.to_owned(), name: "DEF".to_owned(), ..Default::default() };
        update(&world, change, &["name"]).await.unwrap_err()
    }
    update_business_immutable: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "FIELD_NOT_MUTABLE" from OURS at ["business.create_time", "business.customer_id"], |world| {
        let change = pb::Business { business_id: UNKNOWN_BUSINESS.to_owned(), ..whole() };
        update(&world, change, &["customer_id", "create_time"]).await.unwrap_err()
    }
    update_business_clear: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "FIELD_NOT_CLEARABLE" from OURS at ["business.name", "business.personally_liable"], |world| {
        let change = pb::Business { business_id: UNKNOWN_BUSINESS.to_owned(), ..Default::default() };
        update(&world, change, &["name", "personally_liable"]).await.unwrap_err()
    }
    update_business_nothing: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "NOTHING_TO_UPDATE" from OURS at [], |world| {
        let change = pb::Business { business_id: UNKNOWN_BUSINESS.to_owned(), ..Default::default() };
        update(&world, change, &[]).await.unwrap_err()
    }
    update_business_rejected: "BusinessService/UpdateBusiness" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        let created = create(&world, &customer_id, whole()).await.unwrap();
        world.answers(Operation::UpdateBusiness, 400, json!({"code": 14020, "message": "Bad request."}));
        update(&world, pb::Business { name: "DEF".to_owned(), ..created }, &["name"]).await.unwrap_err()
    }
    update_business_unknown: "BusinessService/UpdateBusiness" => NOT_FOUND "BUSINESS_NOT_FOUND" from VENDOR at [], |world| {
        update(&world, pb::Business { business_id: UNKNOWN_BUSINESS.to_owned(), ..whole() }, &[]).await.unwrap_err()
    }
    update_business_overtaken: "BusinessService/UpdateBusiness" => ABORTED "UPDATE_CONFLICT" from OURS at [], |world| {
        let customer_id = world.customer().await;
        let created = create(&world, &customer_id, pb::Business { personally_liable: Some(false), ..whole() }).await.unwrap();
        let named = |name: &str| pb::Business { name: name.to_owned(), ..created.clone() };
        let (first, second) = (update(&world, named("Engines"), &["name"]), update(&world, named("Looms"), &["name"]));
        world.overtaken(Operation::UpdateBusiness, first, second).await.unwrap_err()
    }
}
