//! The shapes of customers, consumers, businesses and authorization details.

use openfinance_sandbox::{Config, Connection, NewInstitutionLogin, Partnership};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{ACTIVE, CUSTOMERS, TESTING, World, short};

pub(crate) fn jane() -> Value {
    json!({
        "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "999601111", "phone": "1-801-984-4200",
    })
}

pub(crate) fn acme() -> Value {
    json!({
        "name": "ABC Tires Inc",
        "personallyLiable": true,
        "address": {"addressLine1": "434 W Ascension Way", "city": "Murray", "state": "UT", "country": "US"},
        "phoneNumber": {"countryCode": "141", "phoneNo": "7992222"},
        "taxId": "A1234561Z",
    })
}

fn long(code: u32, status: &str, text: &str) -> Value {
    json!({
        "code": code, "status": status, "title": text, "level": null, "message": text, "user_message": text,
        "assetId": null, "accountId": null,
    })
}

#[tokio::test]
async fn a_customer_lives_and_dies() {
    let world = World::start().await;
    let new = json!({
        "username": "customerusername1", "firstName": "John", "lastName": "Smith", "phone": "1-801-984-4200",
        "email": "myname@example.com", "applicationId": "app-1", "somethingNew": true,
    });
    let seen = world.post(ACTIVE, new).await;
    let id = seen.json()["id"].as_str().unwrap().to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(
        seen.parts(),
        (
            201,
            json!({"id": id, "username": "customerusername1", "createdDate": 1_767_225_600})
        ),
    );
    let path = format!("{CUSTOMERS}/{id}");
    let mut expected = json!({
        "id": id, "username": "customerusername1", "type": "active", "firstName": "John", "lastName": "Smith",
        "phone": "1-801-984-4200", "email": "myname@example.com", "applicationId": "app-1",
        "createdDate": "1767225600",
    });
    assert_eq!(world.get(&path).await.parts(), (200, expected.clone()));
    assert!(
        world
            .put(&path, json!({"firstName": "Jane"}))
            .await
            .is_empty_204()
    );
    expected["firstName"] = json!("Jane");
    expected["lastModifiedDate"] = json!("1767225600");
    assert_eq!(world.get(&path).await.parts(), (200, expected.clone()));

    let application = format!("{path}/application");
    assert_eq!(
        world.get(&application).await.parts(),
        (
            404,
            short(50051, "No registered partner applications found.")
        ),
    );
    world.sandbox.control().add_application("app-1", "Shop");
    let mut with_name = expected.clone();
    with_name["applicationName"] = json!("Shop");
    assert_eq!(world.get(&application).await.parts(), (200, with_name));
    let other = world.customer("customerusername2").await;
    assert_eq!(
        world
            .get(&format!("{CUSTOMERS}/{other}/application"))
            .await
            .parts(),
        (404, short(50052, "Customer has no assigned application.")),
    );

    expected.as_object_mut().unwrap().remove("applicationId");
    let page =
        json!({"found": 1, "displaying": 1, "moreAvailable": false, "customers": [expected]});
    let listed = world
        .get(&format!("{CUSTOMERS}?search=Jane+Smith&start=1&limit=25"))
        .await;
    assert_eq!(listed.parts(), (200, page));

    assert!(world.delete(&path).await.is_empty_204());
    let gone = (404, short(14001, "Customer not found."));
    assert_eq!(world.get(&path).await.parts(), gone);
    assert_eq!(world.delete(&path).await.parts(), gone);
    assert_eq!(
        world.put(&path, json!({"firstName": "A"})).await.parts(),
        gone
    );
}

#[tokio::test]
async fn a_consumer_is_created_read_and_changed() {
    let world = World::start().await;
    let owner = world.customer("customer1").await;
    let number: u64 = owner.parse().unwrap();
    let of_customer = format!("/decisioning/v1/customers/{owner}/consumer");
    assert_eq!(
        world.get(&of_customer).await.parts(),
        (
            404,
            short(
                10100,
                &format!("Cannot find consumer for customer with id {owner}.")
            )
        ),
    );
    let seen = world.post(&of_customer, jane()).await;
    let id = seen.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    let created = json!({"id": id, "createdDate": 1_767_225_600, "customerId": number});
    assert_eq!(seen.parts(), (201, created));
    assert_eq!(
        world.post(&of_customer, jane()).await.parts(),
        (
            409,
            short(
                11000,
                &format!("A consumer already exists for customer {owner}")
            )
        ),
    );
    let path = format!("/decisioning/v1/consumers/{id}");
    let update =
        json!({"suffix": "Jr.", "birthday": {"year": "1989", "month": "08", "dayOfMonth": 3}});
    assert!(world.put(&path, update).await.is_empty_204());
    let expected = json!({
        "id": id, "customerId": number, "createdDate": 1_767_225_600, "firstName": "Jane", "lastName": "Doe",
        "state": "UT", "ssn": "1111", "phone": "1-801-984-4200", "suffix": "Jr.",
        "birthday": {"year": 1989, "month": 8, "dayOfMonth": 3},
    });
    assert_eq!(world.get(&path).await.parts(), (200, expected.clone()));
    assert_eq!(
        world.get(&of_customer).await.parts(),
        (200, expected.clone())
    );

    world.delete(&format!("{CUSTOMERS}/{owner}")).await;
    assert_eq!(world.get(&path).await.parts(), (200, expected));
    assert_eq!(
        world.get(&of_customer).await.parts(),
        (404, short(14001, "Resource not found."))
    );
    assert_eq!(
        world.get("/decisioning/v1/consumers/1234").await.parts(),
        (404, short(10100, "Cannot find consumer with id 1234.")),
    );
}

#[tokio::test]
async fn consumer_formats_are_refused_with_a_code_that_is_text() {
    let world = World::start().await;
    let owner = world.customer("customer1").await;
    let path = format!("/decisioning/v1/customers/{owner}/consumer");
    for (key, value, message) in [
        (
            "ssn",
            "1111",
            "Invalid format for field consumer.ssn.  Required format is 9 digits.",
        ),
        (
            "phone",
            "1234567890123456",
            "Invalid format for field consumer.phone.",
        ),
        (
            "email",
            "nobody",
            "Invalid format for field consumer.email.",
        ),
    ] {
        let mut body = jane();
        body[key] = json!(value);
        assert_eq!(
            world.post(&path, body).await.parts(),
            (400, short("10100", message))
        );
    }
    let mut body = jane();
    body["ssn"] = json!(null);
    let missing = short(10005, "Missing parameter (ssn or birthday)");
    assert_eq!(world.post(&path, body).await.parts(), (400, missing));
}

#[tokio::test]
async fn the_small_business_example_of_the_page_is_accepted() {
    let world = World::start().await;
    let owner = world.customer("customer1").await;
    let body = json!({
        "firstName": "ABC Plumbing", "lastName": "LLC", "address": "434 W Ascension Way", "city": "Murray",
        "state": "UT", "zip": "84123", "phone": "1-801-984-4200", "ssn": "123456789",
        "birthday": {"year": 2023, "month": 7, "dayOfMonth": 25}, "email": "admin@example.com",
    });
    let seen = world
        .post(&format!("/decisioning/v1/customers/{owner}/consumer"), body)
        .await;
    assert_eq!(seen.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_reseller_without_end_user_is_refused() {
    let config = Config {
        partnership: Partnership::Reseller,
        ..Config::for_tests()
    };
    let world = World::start_with(config).await;
    let owner = world.customer("customer1").await;
    let seen = world
        .post(
            &format!("/decisioning/v1/customers/{owner}/consumer"),
            jane(),
        )
        .await;
    assert_eq!(
        (seen.status.as_u16(), &seen.json()["code"]),
        (400, &json!(1201))
    );
}

#[tokio::test]
async fn a_business_is_created_read_and_replaced() {
    let world = World::start().await;
    let owner = world.customer("customer1").await;
    let of_customer = format!("/business-services/customers/{owner}/businesses");
    let refusal = world.post(&of_customer, acme()).await;
    assert_eq!(
        (refusal.status.as_u16(), &refusal.json()["code"]),
        (409, &json!(10006))
    );
    let consumer = world
        .post(
            &format!("/decisioning/v1/customers/{owner}/consumer"),
            jane(),
        )
        .await;
    assert_eq!(consumer.status, StatusCode::CREATED);
    assert_eq!(
        world.get(&of_customer).await.parts(),
        (404, long(10003, "404", "Business ID was not found.")),
    );

    let seen = world.post(&of_customer, acme()).await;
    let id = seen.json()["businessId"].as_str().unwrap().to_owned();
    let mut expected = acme();
    expected["businessId"] = json!(id);
    expected["createdDate"] = json!("2026-01-01T00:00:00");
    expected["modifiedDate"] = json!("2026-01-01T00:00:00");
    assert_eq!(seen.parts(), (200, expected.clone()));
    assert_eq!(
        world.get(&of_customer).await.parts(),
        (200, json!([expected]))
    );
    assert_eq!(
        world.post(&of_customer, acme()).await.parts(),
        (
            409,
            long(
                10004,
                "409",
                "Business already exists for the given customer ID."
            )
        ),
    );

    let path = format!("/business-services/businesses/{id}");
    let mut replaced = json!({
        "name": "Tyres Ltd", "personallyLiable": false, "address": {"country": "USA"}, "phoneNumber": {},
    });
    let seen = world.put(&path, replaced.clone()).await;
    replaced["businessId"] = json!(id);
    replaced["createdDate"] = json!("2026-01-01T00:00:00Z");
    replaced["modifiedDate"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(seen.parts(), (200, replaced.clone()));
    replaced["createdDate"] = json!("2026-01-01T00:00:00");
    replaced["modifiedDate"] = json!("2026-01-01T00:00:00");
    assert_eq!(world.get(&path).await.parts(), (200, json!([replaced])));

    let missing = world.put(&path, json!({"name": "Tyres Ltd"})).await;
    assert_eq!(
        missing.parts(),
        (
            400,
            long(10005, "400", "Missing parameter (personallyLiable)")
        )
    );
    assert_eq!(
        world
            .get("/business-services/customers/1234/businesses")
            .await
            .parts(),
        (404, long(10002, "404", "Customer ID was not found.")),
    );
    assert_eq!(
        world
            .put("/business-services/businesses/1", acme())
            .await
            .parts(),
        (404, long(10003, "404", "Business ID was not found.")),
    );
}

#[tokio::test]
async fn authorization_details_depend_on_the_connection() {
    let world = World::start().await;
    let owner = world.customer("customer1").await;
    let login = |connection| {
        let new = NewInstitutionLogin {
            customer_id: owner.clone(),
            connection,
            start: Some("2020-07-30T16:11:23.2Z".parse().unwrap()),
            end: Some("2021-07-30T16:11:23.2Z".parse().unwrap()),
        };
        world.sandbox.control().add_institution_login(&new).unwrap()
    };
    let path = |id: i64| format!("/customers/institution-logins/{id}/authorization-details");
    let oauth = login(Connection::Oauth);
    let expected = json!({
        "institutionLoginId": oauth,
        "authorizationStartDate": "2020-07-30T16:11:23.20Z",
        "authorizationEndDate": "2021-07-30T16:11:23.20Z",
    });
    assert_eq!(world.get(&path(oauth)).await.parts(), (200, expected));
    let refused = |code: &str, text: &str| {
        let body = json!({
            "code": code, "status": "404", "message": "Resource Not Found.", "user_message": text,
        });
        (404, body)
    };
    let unknown = refused("3003", "Institution Login Id is not found");
    assert_eq!(
        world.get(&path(login(Connection::Legacy))).await.parts(),
        unknown
    );
    assert_eq!(world.get(&path(1)).await.parts(), unknown);
    assert_eq!(
        world
            .get(&path(login(Connection::Uncaptured)))
            .await
            .parts(),
        refused("3004", "Institution Login Id details are not found"),
    );
}

#[tokio::test]
async fn create_refusals_have_the_vendors_codes() {
    let config = Config {
        testing_customer_limit: 1,
        ..Config::for_tests()
    };
    let world = World::start_with(config).await;
    world.customer("customer1").await;
    for (body, status, expected) in [
        (json!({}), 400, short(10005, "Missing parameter (username)")),
        (
            json!({"username": "  "}),
            400,
            short(10005, "Missing parameter (username)"),
        ),
        (
            json!({"username": "short"}),
            400,
            short(110_039, "Username is not as per the policy."),
        ),
        (
            json!({"username": "customer2", "firstName": "a<b"}),
            400,
            short(45003, "Invalid character in name fields."),
        ),
        (
            json!({"username": "customer1"}),
            409,
            short(110_002, "Username is not available."),
        ),
        (
            json!({"username": "customer2"}),
            400,
            short(42000, "Testing customer limit exceeded."),
        ),
        (json!({"username": 7}), 400, short(14020, "Bad request.")),
        (json!(["username"]), 400, short(14020, "Bad request.")),
    ] {
        assert_eq!(world.post(TESTING, body).await.parts(), (status, expected));
    }
}

#[tokio::test]
async fn list_refusals_have_the_vendors_codes() {
    let world = World::start().await;
    for (query, expected) in [
        ("type=gold", short(14016, "Invalid customer type.")),
        (
            "start=0",
            short(41003, "Start index cannot be less than one."),
        ),
        ("limit=0", short(41004, "Limit cannot be less than one.")),
        ("limit=1001", short(14020, "Bad request.")),
        ("start=one", short(14020, "Bad request.")),
    ] {
        assert_eq!(
            world.get(&format!("{CUSTOMERS}?{query}")).await.parts(),
            (400, expected)
        );
    }
    let empty = json!({"found": 0, "displaying": 0, "moreAvailable": false, "customers": []});
    let seen = world
        .get(&format!("{CUSTOMERS}?username=&type=&search="))
        .await;
    assert_eq!(seen.parts(), (200, empty));
}
