//! What ConsumerService refuses, a case for each row of the tables in its proto comments.

use openfinance_rpc::pb;
use openfinance_sandbox::Operation;
use serde_json::json;

use super::*;
use crate::{canary, refusals::refusals};

refusals! {
    create_consumer_malformed: "ConsumerService/CreateConsumer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["consumer.ssn"], |world| {
        create(&world, UNKNOWN_CUSTOMER, pb::Consumer { ssn: "12345678".to_owned(), ..whole() }).await.unwrap_err()
    }
    create_consumer_rejected: "ConsumerService/CreateConsumer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        let body = json!({"code": "10100", "message": format!("Invalid format for field consumer.phone. {}", canary::SSN)});
        world.answers(Operation::CreateConsumer, 400, body);
        create(&world, &customer_id, whole()).await.unwrap_err()
    }
    create_consumer_of_a_reseller: "ConsumerService/CreateConsumer" => INVALID_ARGUMENT "END_USER_REQUIRED" from VENDOR at [], |world| {
        world.answers(Operation::CreateConsumer, 400, json!({"code": 1201, "message": "End user information is required."}));
        create(&world, UNKNOWN_CUSTOMER, least()).await.unwrap_err()
    }
    create_consumer_of_nobody: "ConsumerService/CreateConsumer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        create(&world, UNKNOWN_CUSTOMER, whole()).await.unwrap_err()
    }
    create_consumer_twice: "ConsumerService/CreateConsumer" => ALREADY_EXISTS "CONSUMER_EXISTS" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        create(&world, &customer_id, whole()).await.unwrap();
        create(&world, &customer_id, whole()).await.unwrap_err()
    }
    create_consumer_out_of_sight: "ConsumerService/CreateConsumer" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetConsumerForCustomer);
        world.loses_answer(Operation::CreateConsumer, 201, "application/json", "{\"id\": \"0bf46322c1");
        let refusal = create(&world, &customer_id, whole()).await.unwrap_err();
        assert_eq!(world.called(Operation::CreateConsumer), 1, "a create whose outcome is unknown is not repeated");
        refusal
    }
    create_consumer_out_of_sight_for_now: "ConsumerService/CreateConsumer" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetConsumerForCustomer);
        world.loses_answer(Operation::CreateConsumer, 504, "text/html", "<html>Gateway Timeout</html>");
        let request = pb::CreateConsumerRequest { customer_id: customer_id.clone(), consumer: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() };
        let refusal = world.consumers().create_consumer(request.clone()).await.unwrap_err();
        world.sandbox().clear_faults();
        world.consumers().create_consumer(request).await.unwrap();
        assert_eq!(world.called(Operation::CreateConsumer), 1, "it was there");
        refusal
    }
    create_consumer_under_a_used_request_id: "ConsumerService/CreateConsumer" => INVALID_ARGUMENT "REQUEST_ID_REUSED" from OURS at ["request_id"], |world| {
        let (customer_id, other) = (world.customer().await, world.customer().await);
        world.consumers().create_consumer(pb::CreateConsumerRequest { customer_id: customer_id.clone(), consumer: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() }).await.unwrap();
        let (calls, customer_id) = (world.calls(), other);
        let refusal = world.consumers().create_consumer(pb::CreateConsumerRequest { customer_id: customer_id.clone(), consumer: Some(whole()), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() }).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        refusal
    }
    create_consumer_while_it_is_under_way: "ConsumerService/CreateConsumer" => ABORTED "REQUEST_IN_FLIGHT" from OURS at [], |_world| {
        crate::request_ids::in_flight(crate::request_ids::Method::Consumer).await
    }

    create_consumer_for_business_malformed: "ConsumerService/CreateConsumerForBusiness" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["ein", "report_date", "business_type", "request_id"], |world| {
        let request = pb::CreateConsumerForBusinessRequest {
            ein: "12-3456789".to_owned(),
            report_date: None,
            business_type: String::new(),
            request_id: "1".to_owned(),
            ..for_business(UNKNOWN_CUSTOMER)
        };
        create_for_business(&world, request).await.unwrap_err()
    }
    create_consumer_for_business_rejected: "ConsumerService/CreateConsumerForBusiness" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        world.answers(Operation::CreateConsumer, 400, json!({"code": 10005, "message": "Missing parameter (zip)"}));
        create_for_business(&world, for_business(UNKNOWN_CUSTOMER)).await.unwrap_err()
    }
    create_consumer_for_business_of_a_reseller: "ConsumerService/CreateConsumerForBusiness" => INVALID_ARGUMENT "END_USER_REQUIRED" from VENDOR at [], |world| {
        world.answers(Operation::CreateConsumer, 400, json!({"code": 1201, "message": "End user information is required."}));
        create_for_business(&world, for_business(UNKNOWN_CUSTOMER)).await.unwrap_err()
    }
    create_consumer_for_business_of_nobody: "ConsumerService/CreateConsumerForBusiness" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        create_for_business(&world, for_business(UNKNOWN_CUSTOMER)).await.unwrap_err()
    }
    create_consumer_for_business_twice: "ConsumerService/CreateConsumerForBusiness" => ALREADY_EXISTS "CONSUMER_EXISTS" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        create(&world, &customer_id, whole()).await.unwrap();
        create_for_business(&world, for_business(&customer_id)).await.unwrap_err()
    }
    create_consumer_for_business_out_of_sight: "ConsumerService/CreateConsumerForBusiness" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetConsumerForCustomer);
        world.loses_answer(Operation::CreateConsumer, 504, "text/html", "<html>Gateway Timeout</html>");
        create_for_business(&world, for_business(&customer_id)).await.unwrap_err()
    }
    create_consumer_for_business_out_of_sight_for_now: "ConsumerService/CreateConsumerForBusiness" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |world| {
        let customer_id = world.customer().await;
        world.fails(Operation::GetConsumerForCustomer);
        world.loses_answer(Operation::CreateConsumer, 504, "text/html", "<html>Gateway Timeout</html>");
        let request = pb::CreateConsumerForBusinessRequest { request_id: crate::world::REQUEST_ID.to_owned(), ..for_business(&customer_id) };
        let refusal = world.consumers().create_consumer_for_business(request.clone()).await.unwrap_err();
        world.sandbox().clear_faults();
        world.consumers().create_consumer_for_business(request).await.unwrap();
        assert_eq!(world.called(Operation::CreateConsumer), 1, "it was there");
        refusal
    }
    create_consumer_for_business_under_a_used_request_id: "ConsumerService/CreateConsumerForBusiness" => INVALID_ARGUMENT "REQUEST_ID_REUSED" from OURS at ["request_id"], |world| {
        let (customer_id, other) = (world.customer().await, world.customer().await);
        world.consumers().create_consumer_for_business(pb::CreateConsumerForBusinessRequest { request_id: crate::world::REQUEST_ID.to_owned(), ..for_business(&customer_id) }).await.unwrap();
        let (calls, customer_id) = (world.calls(), other);
        let refusal = world.consumers().create_consumer_for_business(pb::CreateConsumerForBusinessRequest { request_id: crate::world::REQUEST_ID.to_owned(), ..for_business(&customer_id) }).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        refusal
    }
    create_consumer_for_business_while_it_is_under_way: "ConsumerService/CreateConsumerForBusiness" => ABORTED "REQUEST_IN_FLIGHT" from OURS at [], |_world| {
        crate::request_ids::in_flight(crate::request_ids::Method::ConsumerForBusiness).await
    }

    get_consumer_malformed: "ConsumerService/GetConsumer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["consumer_id"], |world| {
        get(&world, "../customers/1/consumer").await.unwrap_err()
    }
    get_consumer_unknown: "ConsumerService/GetConsumer" => NOT_FOUND "CONSUMER_NOT_FOUND" from VENDOR at [], |world| {
        get(&world, UNKNOWN_CONSUMER).await.unwrap_err()
    }

    get_consumer_by_customer_malformed: "ConsumerService/GetConsumerByCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer_id"], |world| {
        get_by_customer(&world, "abc").await.unwrap_err()
    }
    get_consumer_by_customer_unknown: "ConsumerService/GetConsumerByCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        get_by_customer(&world, UNKNOWN_CUSTOMER).await.unwrap_err()
    }
    get_consumer_by_customer_none: "ConsumerService/GetConsumerByCustomer" => NOT_FOUND "CONSUMER_NOT_FOUND" from VENDOR at [], |world| {
        let customer_id = world.customer().await;
        get_by_customer(&world, &customer_id).await.unwrap_err()
    }

    update_consumer_malformed: "ConsumerService/UpdateConsumer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["consumer.consumer_id", "consumer.birthday"], |world| {
        let birthday = Some(pb::Date { year: 1989, month: 0, day: 1 });
        let change = pb::Consumer { consumer_id: "1".to_owned(), birthday, ..Default::default() };
        update(&world, change, &["birthday"]).await.unwrap_err()
    }
    update_consumer_immutable: "ConsumerService/UpdateConsumer" => INVALID_ARGUMENT "FIELD_NOT_MUTABLE" from OURS at ["consumer.ssn_last_four"], |world| {
        let change = pb::Consumer { consumer_id: UNKNOWN_CONSUMER.to_owned(), ssn_last_four: "1234".to_owned(), ..Default::default() };
        update(&world, change, &["ssn_last_four"]).await.unwrap_err()
    }
    update_consumer_clear: "ConsumerService/UpdateConsumer" => INVALID_ARGUMENT "FIELD_NOT_CLEARABLE" from OURS at ["consumer.email", "consumer.birthday"], |world| {
        let change = pb::Consumer { consumer_id: UNKNOWN_CONSUMER.to_owned(), city: "Provo".to_owned(), ..Default::default() };
        update(&world, change, &["city", "email", "birthday"]).await.unwrap_err()
    }
    update_consumer_nothing: "ConsumerService/UpdateConsumer" => INVALID_ARGUMENT "NOTHING_TO_UPDATE" from OURS at [], |world| {
        let change = pb::Consumer { consumer_id: UNKNOWN_CONSUMER.to_owned(), ..Default::default() };
        update(&world, change, &[]).await.unwrap_err()
    }
    update_consumer_rejected: "ConsumerService/UpdateConsumer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        world.answers(Operation::ModifyConsumer, 400, json!({"code": "10100", "message": "Invalid format for field consumer.email."}));
        update(&world, pb::Consumer { consumer_id: UNKNOWN_CONSUMER.to_owned(), ..whole() }, &[]).await.unwrap_err()
    }
    update_consumer_unknown: "ConsumerService/UpdateConsumer" => NOT_FOUND "CONSUMER_NOT_FOUND" from VENDOR at [], |world| {
        update(&world, pb::Consumer { consumer_id: UNKNOWN_CONSUMER.to_owned(), ..whole() }, &[]).await.unwrap_err()
    }
    update_consumer_overtaken: "ConsumerService/UpdateConsumer" => ABORTED "UPDATE_CONFLICT" from OURS at [], |world| {
        let customer_id = world.customer().await;
        let created = create(&world, &customer_id, whole()).await.unwrap();
        let of = |city: &str| pb::Consumer { city: city.to_owned(), ..created.clone() };
        let (first, second) = (update(&world, of("Provo"), &["city"]), update(&world, of("Ogden"), &["city"]));
        world.overtaken(Operation::ModifyConsumer, first, second).await.unwrap_err()
    }
}
