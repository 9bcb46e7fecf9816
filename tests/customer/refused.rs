//! What CustomerService refuses, a case for each row of the tables in its proto comments.

use openfinance_rpc::pb;
use openfinance_sandbox::Operation;
use serde_json::json;

use super::*;
use crate::refusals::refusals;

/// The token of a second page that nobody can find any more: the customers around its place are deleted.
async fn moved(world: &World) -> String {
    let mut ids = Vec::new();
    for number in 0..6 {
        let created = create(world, testing(&format!("household-{number}"))).await;
        ids.push(created.unwrap().customer_id);
    }
    let request = pb::ListCustomersRequest {
        page_size: 2,
        ..Default::default()
    };
    let token = list(world, request).await.unwrap().next_page_token;
    for id in &ids[..3] {
        delete(world, id).await.unwrap();
    }
    token
}

refusals! {
    create_customer_malformed: "CustomerService/CreateCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer.username"], |world| {
        create(&world, testing("e mail@example.com")).await.unwrap_err()
    }
    create_customer_name_character: "CustomerService/CreateCustomer" => INVALID_ARGUMENT "INVALID_NAME_CHARACTER" from VENDOR at [], |world| {
        create(&world, pb::Customer { first_name: "<Ada>".to_owned(), ..testing("household-4711") }).await.unwrap_err()
    }
    create_customer_username_policy: "CustomerService/CreateCustomer" => INVALID_ARGUMENT "USERNAME_POLICY" from VENDOR at [], |world| {
        // Our own rule is the vendor's as published; the vendor may know better.
        world.answers(Operation::AddTestingCustomer, 400, json!({"code": 110039, "message": "Username is not as per the policy."}));
        create(&world, testing("household-4711")).await.unwrap_err()
    }
    create_customer_rejected: "CustomerService/CreateCustomer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        world.answers(Operation::AddTestingCustomer, 400, json!({"code": 14020, "message": "Bad request."}));
        create(&world, testing("household-4711")).await.unwrap_err()
    }
    create_customer_twice: "CustomerService/CreateCustomer" => ALREADY_EXISTS "USERNAME_TAKEN" from VENDOR at [], |world| {
        create(&world, testing("household-4711")).await.unwrap();
        let active = pb::Customer { r#type: pb::CustomerType::Active.into(), ..testing("household-4711") };
        create(&world, active).await.unwrap_err()
    }
    create_customer_over_the_limit: "CustomerService/CreateCustomer" => RESOURCE_EXHAUSTED "TESTING_CUSTOMER_LIMIT" from VENDOR at [], |world| {
        for number in 0..500 {
            create(&world, testing(&format!("household-{number}"))).await.unwrap();
        }
        create(&world, testing("household-500")).await.unwrap_err()
    }
    create_customer_without_plan: "CustomerService/CreateCustomer" => FAILED_PRECONDITION "PLAN_NOT_ENTITLED" from VENDOR at [], |world| {
        world.answers_text(Operation::AddCustomer, 401, "text/plain", "Invalid (Finicity-App-Key)");
        let active = pb::Customer { r#type: pb::CustomerType::Active.into(), ..testing("household-4711") };
        let refusal = create(&world, active).await.unwrap_err();
        // The plan says nothing of the credentials: other calls go on.
        create(&world, testing("household-4711")).await.unwrap();
        refusal
    }
    create_customer_out_of_sight: "CustomerService/CreateCustomer" => UNKNOWN "OUTCOME_UNKNOWN" from OURS at [], |world| {
        world.fails(Operation::GetCustomers);
        world.loses_answer(Operation::AddTestingCustomer, 502, "text/html", "<html>Bad Gateway</html>");
        let refusal = create(&world, testing("household-4711")).await.unwrap_err();
        assert_eq!(world.called(Operation::AddTestingCustomer), 1, "a create whose outcome is unknown is not repeated");
        refusal
    }
    create_customer_out_of_sight_for_now: "CustomerService/CreateCustomer" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |world| {
        world.fails(Operation::GetCustomers);
        world.loses_answer(Operation::AddTestingCustomer, 502, "text/html", "<html>Bad Gateway</html>");
        let request = pb::CreateCustomerRequest { customer: Some(testing("household-4711")), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() };
        let refusal = world.customers().create_customer(request.clone()).await.unwrap_err();
        world.sandbox().clear_faults();
        world.customers().create_customer(request).await.unwrap();
        assert_eq!(world.called(Operation::AddTestingCustomer), 1, "it was there");
        refusal
    }
    create_customer_under_a_used_request_id: "CustomerService/CreateCustomer" => INVALID_ARGUMENT "REQUEST_ID_REUSED" from OURS at ["request_id"], |world| {
        let request = |name: &str| pb::CreateCustomerRequest { customer: Some(testing(name)), request_id: crate::world::REQUEST_ID.to_owned(), ..Default::default() };
        world.customers().create_customer(request("household-4711")).await.unwrap();
        let calls = world.calls();
        let refusal = world.customers().create_customer(request("household-4712")).await.unwrap_err();
        assert_eq!(world.calls(), calls);
        refusal
    }
    create_customer_while_it_is_under_way: "CustomerService/CreateCustomer" => ABORTED "REQUEST_IN_FLIGHT" from OURS at [], |_world| {
        crate::request_ids::in_flight(crate::request_ids::Method::Customer).await
    }

    get_customer_malformed: "CustomerService/GetCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer_id"], |world| {
        get(&world, "abc").await.unwrap_err()
    }
    get_customer_unknown: "CustomerService/GetCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        get(&world, UNKNOWN).await.unwrap_err()
    }

    lookup_customer_malformed: "CustomerService/LookupCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["username"], |world| {
        // An empty filter would answer everybody.
        let request = pb::LookupCustomerRequest { username: String::new() };
        world.customers().lookup_customer(request).await.unwrap_err()
    }
    lookup_customer_unknown: "CustomerService/LookupCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from OURS at [], |world| {
        let request = pb::LookupCustomerRequest { username: UNKNOWN.to_owned() };
        world.customers().lookup_customer(request).await.unwrap_err()
    }

    list_customers_malformed: "CustomerService/ListCustomers" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["page_size", "search", "type"], |world| {
        let request = pb::ListCustomersRequest { page_size: -1, r#type: 9, search: "a\nb".to_owned(), ..Default::default() };
        list(&world, request).await.unwrap_err()
    }
    list_customers_foreign_token: "CustomerService/ListCustomers" => INVALID_ARGUMENT "INVALID_PAGE_TOKEN" from OURS at ["page_token"], |world| {
        create(&world, testing("household-1")).await.unwrap();
        create(&world, testing("household-2")).await.unwrap();
        let request = pb::ListCustomersRequest { page_size: 1, ..Default::default() };
        let page_token = list(&world, request).await.unwrap().next_page_token;
        let other = pb::ListCustomersRequest { page_token, search: "else".to_owned(), ..Default::default() };
        list(&world, other).await.unwrap_err()
    }
    list_customers_moved: "CustomerService/ListCustomers" => ABORTED "LIST_CHANGED" from OURS at [], |world| {
        let page_token = moved(&world).await;
        let request = pb::ListCustomersRequest { page_size: 2, page_token, ..Default::default() };
        list(&world, request).await.unwrap_err()
    }

    stream_customers_malformed: "CustomerService/StreamCustomers" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["search", "type"], |world| {
        let request = pb::StreamCustomersRequest { r#type: 9, search: "a\nb".to_owned(), ..Default::default() };
        world.customers().stream_customers(request).await.unwrap_err()
    }
    stream_customers_broken_token: "CustomerService/StreamCustomers" => INVALID_ARGUMENT "INVALID_PAGE_TOKEN" from OURS at ["resume_token"], |world| {
        let request = pb::StreamCustomersRequest { resume_token: "broken".to_owned(), ..Default::default() };
        world.customers().stream_customers(request).await.unwrap_err()
    }
    stream_customers_moved: "CustomerService/StreamCustomers" => ABORTED "LIST_CHANGED" from OURS at [], |world| {
        let resume_token = moved(&world).await;
        let request = pb::StreamCustomersRequest { resume_token, ..Default::default() };
        let mut stream = world.customers().stream_customers(request).await.unwrap().into_inner();
        stream.message().await.unwrap_err()
    }

    update_customer_malformed: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer.customer_id", "customer.first_name"], |world| {
        let change = pb::Customer { customer_id: "x".to_owned(), first_name: "a\u{7}".to_owned(), ..Default::default() };
        update(&world, change, &[]).await.unwrap_err()
    }
    update_customer_immutable: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "FIELD_NOT_MUTABLE" from OURS at ["customer.username", "customer.email"], |world| {
        let change = pb::Customer { customer_id: UNKNOWN.to_owned(), ..testing("household-4711") };
        update(&world, change, &["first_name", "username", "email"]).await.unwrap_err()
    }
    update_customer_clear: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "FIELD_NOT_CLEARABLE" from OURS at ["customer.last_name"], |world| {
        let change = pb::Customer { customer_id: UNKNOWN.to_owned(), first_name: "Ada".to_owned(), ..Default::default() };
        update(&world, change, &["*"]).await.unwrap_err()
    }
    update_customer_nothing: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "NOTHING_TO_UPDATE" from OURS at [], |world| {
        let change = pb::Customer { customer_id: UNKNOWN.to_owned(), username: "household-4711".to_owned(), ..Default::default() };
        update(&world, change, &[]).await.unwrap_err()
    }
    update_customer_name_character: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "INVALID_NAME_CHARACTER" from VENDOR at [], |world| {
        let id = create(&world, testing("household-4711")).await.unwrap().customer_id;
        let change = pb::Customer { customer_id: id, last_name: "<Lovelace>".to_owned(), ..Default::default() };
        update(&world, change, &["last_name"]).await.unwrap_err()
    }
    update_customer_rejected: "CustomerService/UpdateCustomer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        world.answers(Operation::ModifyCustomer, 400, json!({"code": 14020, "message": "Bad request."}));
        update(&world, pb::Customer { customer_id: UNKNOWN.to_owned(), ..testing("household-4711") }, &[]).await.unwrap_err()
    }
    update_customer_unknown: "CustomerService/UpdateCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        update(&world, pb::Customer { customer_id: UNKNOWN.to_owned(), ..testing("household-4711") }, &[]).await.unwrap_err()
    }
    update_customer_disputed: "CustomerService/UpdateCustomer" => FAILED_PRECONDITION "DISPUTE_ACTIVE" from VENDOR at [], |world| {
        let body = json!({"code": "10406", "status": "403", "message": "An active dispute statement exists."});
        world.answers(Operation::ModifyCustomer, 403, body);
        update(&world, pb::Customer { customer_id: UNKNOWN.to_owned(), ..testing("household-4711") }, &[]).await.unwrap_err()
    }
    update_customer_overtaken: "CustomerService/UpdateCustomer" => ABORTED "UPDATE_CONFLICT" from OURS at [], |world| {
        let created = create(&world, testing("household-4711")).await.unwrap();
        let named = |name: &str| pb::Customer { first_name: name.to_owned(), ..created.clone() };
        let (first, second) = (update(&world, named("Grace"), &["first_name"]), update(&world, named("Edith"), &["first_name"]));
        world.overtaken(Operation::ModifyCustomer, first, second).await.unwrap_err()
    }

    delete_customer_malformed: "CustomerService/DeleteCustomer" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer_id"], |world| {
        delete(&world, "abc").await.unwrap_err()
    }
    delete_customer_rejected: "CustomerService/DeleteCustomer" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |world| {
        world.answers(Operation::DeleteCustomer, 404, json!({"code": 14023, "message": "Invalid Customer ID."}));
        delete(&world, UNKNOWN).await.unwrap_err()
    }
    delete_customer_unknown: "CustomerService/DeleteCustomer" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        delete(&world, UNKNOWN).await.unwrap_err()
    }
    delete_customer_temporary: "CustomerService/DeleteCustomer" => FAILED_PRECONDITION "TEMPORARY_CUSTOMER" from VENDOR at [], |world| {
        world.answers(Operation::DeleteCustomer, 400, json!({"code": 50016, "message": "Temporary customer."}));
        delete(&world, UNKNOWN).await.unwrap_err()
    }

    get_customer_application_malformed: "CustomerService/GetCustomerApplication" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["customer_id"], |world| {
        let request = pb::GetCustomerApplicationRequest { customer_id: "abc".to_owned() };
        world.customers().get_customer_application(request).await.unwrap_err()
    }
    get_customer_application_unknown: "CustomerService/GetCustomerApplication" => NOT_FOUND "CUSTOMER_NOT_FOUND" from VENDOR at [], |world| {
        let request = pb::GetCustomerApplicationRequest { customer_id: UNKNOWN.to_owned() };
        world.customers().get_customer_application(request).await.unwrap_err()
    }
    get_customer_application_none: "CustomerService/GetCustomerApplication" => NOT_FOUND "APPLICATION_NOT_FOUND" from VENDOR at [], |world| {
        let id = create(&world, testing("household-4711")).await.unwrap().customer_id;
        let request = pb::GetCustomerApplicationRequest { customer_id: id };
        world.customers().get_customer_application(request).await.unwrap_err()
    }
}
