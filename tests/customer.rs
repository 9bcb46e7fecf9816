//! CustomerService, end to end.

mod refused;

use openfinance_rpc::pb;
use openfinance_sandbox::Operation;
use prost_types::{FieldMask, Timestamp};
use serde_json::json;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    canary,
    world::{World, mask},
};

pub(crate) use refused::CASES;

const UNKNOWN: &str = "1234";

/// A customer for tests, with every value that a caller may give.
pub(crate) fn testing(username: &str) -> pb::Customer {
    pb::Customer {
        username: username.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        phone: canary::PHONE.to_owned(),
        email: canary::EMAIL.to_owned(),
        ..pb::Customer::default()
    }
}

async fn create(world: &World, customer: pb::Customer) -> Result<pb::Customer, Status> {
    let request = pb::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    world
        .customers()
        .create_customer(request)
        .await
        .map(world.seen())
}

async fn get(world: &World, customer_id: &str) -> Result<pb::Customer, Status> {
    let request = pb::GetCustomerRequest {
        customer_id: customer_id.to_owned(),
    };
    world
        .customers()
        .get_customer(request)
        .await
        .map(world.seen())
}

async fn list(
    world: &World,
    request: pb::ListCustomersRequest,
) -> Result<pb::ListCustomersResponse, Status> {
    world
        .customers()
        .list_customers(request)
        .await
        .map(world.seen())
}

async fn update(
    world: &World,
    customer: pb::Customer,
    paths: &[&str],
) -> Result<pb::Customer, Status> {
    let request = pb::UpdateCustomerRequest {
        customer: Some(customer),
        update_mask: mask(paths),
    };
    world
        .customers()
        .update_customer(request)
        .await
        .map(world.seen())
}

async fn delete(world: &World, customer_id: &str) -> Result<(), Status> {
    let request = pb::DeleteCustomerRequest {
        customer_id: customer_id.to_owned(),
        allow_missing: false,
    };
    world
        .customers()
        .delete_customer(request)
        .await
        .map(world.seen())
}

#[tokio::test]
async fn create_customer_answers_the_whole_record_and_get_customer_the_same() {
    let world = World::start().await;
    let created = create(&world, testing("household-4711")).await.unwrap();
    let expected = pb::Customer {
        customer_id: created.customer_id.clone(),
        create_time: Some(world.now()),
        ..testing("household-4711")
    };
    assert!(!created.customer_id.is_empty());
    assert_eq!(created, expected);
    let read = get(&world, &created.customer_id).await.unwrap();
    assert_eq!(
        pb::Customer {
            update_time: None,
            ..read
        },
        expected
    );
    world.stop().await;
}

#[tokio::test]
async fn create_customer_active_has_its_own_route() {
    let world = World::start().await;
    let active = pb::Customer {
        r#type: pb::CustomerType::Active.into(),
        ..testing("household-4711")
    };
    let created = create(&world, active).await.unwrap();
    assert_eq!(
        get(&world, &created.customer_id).await.unwrap().r#type(),
        pb::CustomerType::Active
    );
    assert_eq!(world.called(Operation::AddCustomer), 1);
    assert_eq!(world.called(Operation::AddTestingCustomer), 0);
    world.stop().await;
}

#[tokio::test]
async fn create_customer_validate_only_answers_the_record_and_calls_no_one() {
    let world = World::start().await;
    let request = pb::CreateCustomerRequest {
        customer: Some(testing("household-4711")),
        validate_only: true,
        ..Default::default()
    };
    let checked = world
        .customers()
        .create_customer(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(checked, testing("household-4711"));
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn lookup_customer_finds_by_the_exact_username() {
    let world = World::start().await;
    let created = create(&world, testing("household-4711")).await.unwrap();
    create(&world, testing("household-47112")).await.unwrap();
    let request = pb::LookupCustomerRequest {
        username: "household-4711".to_owned(),
    };
    let found = world
        .customers()
        .lookup_customer(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(found.customer_id, created.customer_id);
    world.stop().await;
}

#[tokio::test]
async fn list_customers_pages_to_the_end_and_searches() {
    let world = World::start().await;
    for number in 0..7 {
        create(&world, testing(&format!("household-{number}")))
            .await
            .unwrap();
    }
    let mut found = Vec::new();
    let mut request = pb::ListCustomersRequest {
        page_size: 3,
        ..Default::default()
    };
    loop {
        let page = list(&world, request.clone()).await.unwrap();
        assert!(page.customers.len() <= 3);
        assert_eq!(page.total_size, Some(7));
        found.extend(page.customers.into_iter().map(|customer| customer.username));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    found.sort();
    assert_eq!(
        found,
        (0..7)
            .map(|number| format!("household-{number}"))
            .collect::<Vec<_>>()
    );

    let search = pb::ListCustomersRequest {
        search: "HOLD-3".to_owned(),
        ..Default::default()
    };
    let page = list(&world, search).await.unwrap();
    assert_eq!(page.customers.len(), 1);
    assert_eq!(page.customers[0].username, "household-3");
    let active = pb::ListCustomersRequest {
        r#type: pb::CustomerType::Active.into(),
        ..Default::default()
    };
    assert_eq!(list(&world, active).await.unwrap().customers, []);
    world.stop().await;
}

#[tokio::test]
async fn list_customers_takes_25_by_default_and_1000_at_most() {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = 2_000).await;
    for number in 0..1_005 {
        create(&world, testing(&format!("household-{number}")))
            .await
            .unwrap();
    }
    assert_eq!(
        list(&world, Default::default())
            .await
            .unwrap()
            .customers
            .len(),
        25
    );
    let many = pb::ListCustomersRequest {
        page_size: 1_000_000,
        ..Default::default()
    };
    assert_eq!(list(&world, many).await.unwrap().customers.len(), 1_000);
    world.stop().await;
}

#[tokio::test]
async fn stream_customers_streams_all_and_goes_on_behind_a_resume_token() {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = 2_000).await;
    for number in 0..1_005 {
        create(&world, testing(&format!("household-{number}")))
            .await
            .unwrap();
    }
    let request = pb::StreamCustomersRequest::default();
    let mut stream = world
        .customers()
        .stream_customers(request)
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let second = stream.message().await.unwrap().unwrap();
    assert_eq!(stream.message().await.unwrap(), None);
    assert_eq!((first.customers.len(), second.customers.len()), (1_000, 5));
    assert_eq!(second.resume_token, "");

    let request = pb::StreamCustomersRequest {
        resume_token: first.resume_token.clone(),
        ..Default::default()
    };
    let mut stream = world
        .customers()
        .stream_customers(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap(), second);
    // Either method takes the other's token.
    let request = pb::ListCustomersRequest {
        page_token: first.resume_token,
        page_size: 2,
        ..Default::default()
    };
    assert_eq!(
        list(&world, request).await.unwrap().customers,
        second.customers[..2]
    );
    world.stop().await;
}

#[tokio::test]
async fn page_tokens_survive_a_restart_of_the_gateway() {
    let mut world = World::start().await;
    for number in 0..3 {
        create(&world, testing(&format!("household-{number}")))
            .await
            .unwrap();
    }
    let request = pb::ListCustomersRequest {
        page_size: 2,
        ..Default::default()
    };
    let token = list(&world, request.clone()).await.unwrap().next_page_token;
    world.restart_gateway().await;
    let page = list(
        &world,
        pb::ListCustomersRequest {
            page_token: token,
            ..request
        },
    )
    .await
    .unwrap();
    assert_eq!(page.customers.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn update_customer_changes_what_the_mask_names_and_nothing_else() {
    let world = World::start().await;
    let created = create(&world, testing("household-4711")).await.unwrap();
    let change = pb::Customer {
        customer_id: created.customer_id.clone(),
        first_name: "Grace".to_owned(),
        last_name: "Hopper".to_owned(),
        ..Default::default()
    };
    let updated = update(&world, change.clone(), &["first_name"])
        .await
        .unwrap();
    assert_eq!(
        (updated.first_name.as_str(), updated.last_name.as_str()),
        ("Grace", canary::LAST_NAME)
    );
    let updated = update(&world, change, &["*"]).await.unwrap();
    assert_eq!(
        (updated.first_name.as_str(), updated.last_name.as_str()),
        ("Grace", "Hopper")
    );
    world.stop().await;
}

#[tokio::test]
async fn update_customer_without_mask_makes_get_edit_update_work() {
    let world = World::start().await;
    let id = create(&world, testing("household-4711"))
        .await
        .unwrap()
        .customer_id;
    let read = get(&world, &id).await.unwrap();
    let edited = pb::Customer {
        last_name: "Hopper".to_owned(),
        ..read.clone()
    };
    let updated = update(&world, edited, &[]).await.unwrap();
    assert_eq!(updated.last_name, "Hopper");
    assert_eq!(updated.first_name, read.first_name);
    world.stop().await;
}

#[tokio::test]
async fn delete_customer_takes_the_logins_along_and_leaves_the_consumer() {
    let world = World::start().await;
    let id = create(&world, testing("household-4711"))
        .await
        .unwrap()
        .customer_id;
    let consumer = world.consumer_of(&id).await;
    let login = world.institution_login(&id);
    delete(&world, &id).await.unwrap();

    assert_eq!(
        get(&world, &id).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    let request = pb::GetConsumerRequest {
        consumer_id: consumer.consumer_id.clone(),
    };
    let survivor = world
        .consumers()
        .get_consumer(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(survivor.customer_id, id);
    let request = pb::GetAuthorizationDetailsRequest {
        institution_login_id: login,
    };
    let refusal = world
        .authorizations()
        .get_authorization_details(request)
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::NotFound);
    // The username is free again.
    create(&world, testing("household-4711")).await.unwrap();

    let again = pb::DeleteCustomerRequest {
        customer_id: id,
        allow_missing: true,
    };
    world.customers().delete_customer(again).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn get_customer_application_answers_the_registered_application() {
    let world = World::start().await;
    world.sandbox().add_application("app-1", "Loans");
    let customer = pb::Customer {
        application_id: "app-1".to_owned(),
        ..testing("household-4711")
    };
    let id = create(&world, customer).await.unwrap().customer_id;
    let request = pb::GetCustomerApplicationRequest {
        customer_id: id.clone(),
    };
    let found = world
        .customers()
        .get_customer_application(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(
        found,
        pb::CustomerApplication {
            customer_id: id.clone(),
            application_id: "app-1".to_owned(),
            application_name: "Loans".to_owned(),
        }
    );
    assert_eq!(get(&world, &id).await.unwrap().application_id, "app-1");
    world.stop().await;
}

#[tokio::test]
async fn all_violations_are_told_at_once_and_nothing_is_sent() {
    let world = World::start().await;
    let customer = pb::Customer {
        customer_id: "1".to_owned(),
        username: "short".to_owned(),
        r#type: 77,
        first_name: "a\u{0}b".to_owned(),
        last_name: "x".repeat(1_001),
        phone: "1234567890123456".to_owned(),
        email: "a\r\nb".to_owned(),
        application_id: "a b".to_owned(),
        create_time: Some(Timestamp::default()),
        update_time: Some(Timestamp::default()),
    };
    let request = pb::CreateCustomerRequest {
        customer: Some(customer),
        request_id: "not a uuid".to_owned(),
        validate_only: false,
    };
    let status = world
        .customers()
        .create_customer(request)
        .await
        .unwrap_err();
    let fields = [
        "customer.customer_id",
        "customer.username",
        "customer.type",
        "customer.first_name",
        "customer.last_name",
        "customer.phone",
        "customer.email",
        "customer.application_id",
        "customer.create_time",
        "customer.update_time",
        "request_id",
    ];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn update_customer_tells_all_kinds_of_violations_at_once() {
    let world = World::start().await;
    let change = pb::Customer {
        customer_id: UNKNOWN.to_owned(),
        first_name: "a\u{7}".to_owned(),
        ..Default::default()
    };
    let paths = ["first_name", "username", "last_name"];
    let status = update(&world, change, &paths).await.unwrap_err();
    let fields = [
        "customer.first_name",
        "customer.username",
        "customer.last_name",
    ];
    crate::refusals::check(
        &status,
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        crate::refusals::OURS,
        &fields,
    );
    let details = status.get_error_details();
    let told = &details.bad_request().unwrap().field_violations;
    assert_eq!(told[1].description, "can't be changed");
    assert_eq!(told[2].description, "can't be cleared");
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn an_id_never_reaches_another_route() {
    let world = World::start().await;
    for id in [
        "../partners",
        "..",
        ".",
        "1/application",
        "%2e%2e",
        "1%2fapplication",
        "1?x=y",
        "1#f",
        "1\r\nX: y",
        "",
        " 1",
    ] {
        let refusal = get(&world, id).await.unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument, "{id:?}");
        let refusal = delete(&world, id).await.unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument, "{id:?}");
    }
    assert_eq!(world.calls(), 0);
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_customer_type_reads_as_unspecified() {
    let world = World::start().await;
    let body = json!({"id": "5", "username": "household-4711", "type": "household", "createdDate": "1607450357"});
    world.answers(Operation::GetCustomer, 200, body);
    let customer = get(&world, "5").await.unwrap();
    assert_eq!(customer.r#type(), pb::CustomerType::Unspecified);
    assert_eq!(customer.username, "household-4711");
    world.stop().await;
}

/// A mask that names nothing is no mask (AIP-134).
#[tokio::test]
async fn update_customer_with_an_empty_mask_is_as_without() {
    let world = World::start().await;
    let id = create(&world, testing("household-4711"))
        .await
        .unwrap()
        .customer_id;
    let request = pb::UpdateCustomerRequest {
        customer: Some(pb::Customer {
            customer_id: id,
            first_name: "Grace".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask::default()),
    };
    let updated = world
        .customers()
        .update_customer(request)
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(updated.first_name, "Grace");
    world.stop().await;
}
