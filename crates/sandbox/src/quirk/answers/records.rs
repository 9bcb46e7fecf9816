//! The switches of consumers, businesses and authorizations, and those of all operations.

use super::*;

fn consumer_of(customer: &str) -> String {
    let id = customer.rsplit('/').next().unwrap();
    format!("/decisioning/v1/customers/{id}/consumer")
}

fn businesses_of(customer: &str) -> String {
    let id = customer.rsplit('/').next().unwrap();
    format!("/business-services/customers/{id}/businesses")
}

fn jane() -> Value {
    json!({
        "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "999-60-1111", "phone": "1",
        "birthday": {"year": 1989, "month": 8, "dayOfMonth": 3},
    })
}

fn acme() -> Value {
    json!({
        "name": "ABC Tires Inc", "personallyLiable": false, "address": {"country": "US"}, "phoneNumber": {},
    })
}

#[test]
fn a_consumer_needs_three_members_or_nine() {
    let seen = each("consumer-fields", |world| {
        let path = consumer_of(&world.customer("customer1", "Jane"));
        let mut body = jane();
        body["address"] = json!("1 Main");
        body["city"] = json!("Murray");
        let (eight, told) = world.ask("POST", &path, body.clone());
        body["zip"] = json!("84123");
        (
            eight,
            told["message"].clone(),
            world.ask("POST", &path, body).0,
        )
    });
    let missing = json!("Missing parameter (zip)");
    assert_eq!(seen, [(201, json!(null), 409), (400, missing, 201)]);
}

#[test]
fn a_birthday_is_read_as_numbers_or_padded_text() {
    let seen = each("birthday", |world| {
        let path = consumer_of(&world.customer("customer1", "Jane"));
        world.ask("POST", &path, jane());
        world.get(&path)["birthday"].clone()
    });
    let text = json!({"year": "1989", "month": "08", "dayOfMonth": "03"});
    assert_eq!(seen, [jane()["birthday"].clone(), text]);
}

#[test]
fn a_second_business_is_told_as_one_or_as_a_consumer() {
    let seen = each("second-business", |world| {
        let customer = world.customer("customer1", "Jane");
        let path = businesses_of(&customer);
        assert_eq!(world.ask("POST", &path, acme()).0, 200);
        let (status, body) = world.ask("POST", &path, acme());
        let id = customer.rsplit('/').next().unwrap();
        let names_customer = body["message"].as_str().unwrap().ends_with(id);
        (status, body["code"].clone(), names_customer)
    });
    assert_eq!(
        seen,
        [(409, json!(10004), false), (409, json!(11000), true)]
    );
}

#[test]
fn a_country_is_any_text_or_two_letters() {
    let seen = each("business-country", |world| {
        let path = businesses_of(&world.customer("customer1", "Jane"));
        let mut body = acme();
        let mut statuses = Vec::new();
        for country in ["USA", "U1", "US"] {
            body["address"]["country"] = json!(country);
            statuses.push(world.ask("POST", &path, body.clone()).0);
        }
        body["address"] = json!({});
        let id = world.get(&path)[0]["businessId"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/business-services/businesses/{id}");
        statuses.push(world.ask("PUT", &path, body.clone()).0);
        body["address"]["country"] = json!("USA");
        statuses.push(world.ask("PUT", &path, body).0);
        statuses
    });
    assert_eq!(seen, [[200, 409, 409, 200, 200], [400, 400, 200, 200, 400]]);
}

#[test]
fn dates_of_a_business_have_a_zone_on_update_never_or_always() {
    let seen = each("business-dates", |world| {
        let path = businesses_of(&world.customer("customer1", "Jane"));
        let (_, created) = world.ask("POST", &path, acme());
        let read = world.get(&path);
        let path = format!(
            "/business-services/businesses/{}",
            created["businessId"].as_str().unwrap()
        );
        let (_, updated) = world.ask("PUT", &path, acme());
        let again = world.get(&path);
        [&created, &read[0], &updated, &again[0]].map(|record| {
            assert_eq!(record["createdDate"], record["modifiedDate"]);
            record["createdDate"].as_str().unwrap().ends_with('Z')
        })
    });
    let expected = [[false, false, true, false], [false; 4], [true; 4]];
    assert_eq!(seen, expected);
}

fn login(world: &mut World) -> String {
    let customer = world.customer("customer1", "Jane");
    let new = NewInstitutionLogin {
        customer_id: customer.rsplit('/').next().unwrap().to_owned(),
        connection: Connection::Oauth,
        start: None,
        end: None,
    };
    let id = world.state.add_institution_login(&new).unwrap();
    format!("/customers/institution-logins/{id}/authorization-details")
}

#[test]
fn a_fraction_stands_after_a_dot_or_a_colon() {
    let seen = each("authorization-fraction", |world| {
        let path = login(world);
        world.get(&path)["authorizationEndDate"].clone()
    });
    assert_eq!(seen, ["2027-01-01T00:00:00.00Z", "2027-01-01T00:00:00:00Z"]);
}

#[test]
fn an_authorization_that_has_run_out_stays_readable_or_is_forgotten() {
    let seen = each("authorization-end", |world| {
        let path = login(world);
        let year = Duration::from_secs(365 * 86_400);
        let second = Duration::from_secs(1);
        world.state.clock.advance(year - second).unwrap();
        world.log_in();
        let before = world.ask("GET", &path, json!(null)).0;
        world.state.clock.advance(second).unwrap();
        (before, world.refusal("GET", &path, json!(null)))
    });
    let expected = [(200, (200, json!(null))), (200, (404, json!("3004")))];
    assert_eq!(seen, expected);
}

#[test]
fn an_unknown_token_is_told_in_a_short_or_a_long_form() {
    let seen = each("unknown-token", |world| {
        "nobody's".clone_into(&mut world.token);
        world.ask("GET", CUSTOMERS, json!(null))
    });
    let short = json!({"code": 10022, "message": "Invalid (Finicity-App-Token)"});
    let long = json!({
        "code": "10022", "status": "401", "message": "Invalid authorization credentials",
        "user_message": "The session has expired or is invalid", "tags": "",
    });
    assert_eq!(seen, [(401, short), (401, long)]);
}

#[test]
fn codes_are_numbers_or_text() {
    let seen = each("error-codes", |world| {
        let unknown = json!({"partnerId": "7", "partnerSecret": "x"});
        [
            world
                .refusal("GET", "/aggregation/v1/customers/1234", json!(null))
                .1,
            world
                .refusal("GET", "/business-services/businesses/1", json!(null))
                .1,
            world
                .refusal(
                    "GET",
                    "/customers/institution-logins/1/authorization-details",
                    json!(null),
                )
                .1,
            world.refusal("GET", "/nowhere", json!(null)).1,
            world.refusal("POST", LOG_IN, unknown).1,
        ]
    });
    let numbers = [
        json!(14001),
        json!(10003),
        json!("3003"),
        json!(404),
        json!(12401),
    ];
    let text = [
        json!("14001"),
        json!("10003"),
        json!("3003"),
        json!("404"),
        json!(12401),
    ];
    assert_eq!(seen, [numbers, text]);
}

#[test]
fn absent_members_are_left_out_or_null() {
    let seen = each("absent-members", |world| {
        let customer = world.customer("customer1", "Jane");
        let of_customer = consumer_of(&customer);
        let mut body = jane();
        body["endUser"] = json!({
            "name": "Bank", "address": "1 Main", "city": "Murray", "state": "UT", "zip": "84123", "phone": "1",
        });
        world.ask("POST", &of_customer, body);
        world.ask("POST", &businesses_of(&customer), acme());
        let consumer = world.get(&of_customer);
        let business = world.get(&businesses_of(&customer));
        let nulls = |record: &Value| record.to_string().matches("null").count();
        [
            nulls(&world.get(&customer)),
            nulls(&world.get(CUSTOMERS)),
            nulls(&consumer),
            nulls(&business),
        ]
    });
    // The customer has five, four of them in a list; the consumer five and its end user two; the business four, its
    // address five and its phone number two.
    assert_eq!(seen, [[0; 4], [5, 4, 7, 11]]);
}

#[test]
fn a_list_that_does_not_tell_how_many_match_says_null_where_absent_members_are() {
    let mut world = World::with("found=absent");
    world
        .state
        .config
        .quirks
        .set("absent-members=null".parse().unwrap());
    assert_eq!(world.get(CUSTOMERS).get("found"), Some(&json!(null)));
}
