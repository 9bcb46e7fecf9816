//! Every command on records, as tables and as JSON.

use openfinance_sandbox::{Connection, NewInstitutionLogin};
use serde_json::json;

use super::*;
use crate::canary::{FIRST_NAME, LAST_NAME, PHONE};

#[tokio::test]
async fn a_customer_is_created_found_listed_changed_and_deleted() {
    let world = World::start().await;
    let created = ofctl(
        &world,
        &format!("customers create --username shop-4711 --type testing --first-name {FIRST_NAME}"),
    )
    .await;
    let created = created.done();
    let id = value(&created, "customer_id");
    let now = value(&created, "create_time");
    assert_eq!(
        created,
        format!(
            "customer_id  {id}\nusername     ***\ntype         testing\nfirst_name   ***\ncreate_time  {now}\n"
        )
    );
    assert_eq!(
        now,
        world.sandbox().now().to_string()[..19].to_owned() + "Z"
    );

    let customer = json!({
        "customerId": id, "username": "shop-4711", "type": "CUSTOMER_TYPE_TESTING",
        "firstName": canary::FIRST_NAME, "createTime": now,
    });
    for found in [format!("get {id}"), "lookup shop-4711".to_owned()] {
        let found = ofctl(&world, &format!("customers {found} -o json --reveal")).await;
        assert_eq!(found.err, "");
        assert_eq!(lines(&found.done()), std::slice::from_ref(&customer));
    }

    let changed = ofctl(
        &world,
        &format!("customers update {id} --last-name {LAST_NAME} --output json --reveal"),
    )
    .await;
    let changed = lines(&changed.done()).remove(0);
    assert_eq!(changed["firstName"], canary::FIRST_NAME);
    assert_eq!(changed["lastName"], canary::LAST_NAME);

    let listed = ofctl(&world, "customers list").await;
    assert_eq!(
        listed.err,
        "note: 1 in all\nnote: personal data is masked; --reveal shows it to whom the gateway lets see it\n"
    );
    assert_eq!(
        listed.done(),
        format!(
            "CUSTOMER_ID  TYPE     USERNAME  FIRST_NAME  LAST_NAME  CREATE_TIME\n{id}   testing  ***       ***         ***        {now}\n"
        )
    );

    let deleted = ofctl(&world, &format!("customers delete {id} --yes")).await;
    assert_eq!((deleted.out.as_str(), deleted.err.as_str()), ("", "done\n"));
    assert_eq!(world.sandbox().counts().customers, 0);
    ofctl(
        &world,
        &format!("customers delete {id} --yes --allow-missing"),
    )
    .await
    .done();
    world.stop().await;
}

#[tokio::test]
async fn a_deletion_is_done_only_if_a_person_or_a_flag_says_yes() {
    let world = World::start().await;
    let id = world.customer().await;
    let unasked = ofctl(&world, &format!("customers delete {id}")).await;
    assert!(unasked.ended(Exit::Usage).contains("say --yes"));
    for (answer, left) in [("n", 1), ("", 1), ("y", 0)] {
        let ran = Around::of(&world)
            .person(answer, "")
            .run(&format!("customers delete {id}"))
            .await;
        assert!(
            ran.err.starts_with("Delete the customer for good? [y/N] "),
            "{}",
            ran.err
        );
        assert_eq!(ran.exit, if left == 1 { Exit::Local } else { Exit::Done });
        assert_eq!(world.sandbox().counts().customers, left);
    }
    world.stop().await;
}

#[tokio::test]
async fn all_customers_come_once_each_and_a_page_tells_how_to_go_on() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.customer().await);
    }
    let all = ofctl(&world, "customers list --all -o json").await.done();
    let told: Vec<String> = lines(&all)
        .iter()
        .map(|line| line["customerId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), 5);
    let (mut token, mut paged) = (String::new(), Vec::new());
    loop {
        let mut words = "customers list --page-size 2 -o json".to_owned();
        if !token.is_empty() {
            words += &format!(" --page-token={token}");
        }
        let page = ofctl(&world, &words).await;
        paged.extend(
            lines(&page.out)
                .iter()
                .map(|line| line["customerId"].as_str().unwrap().to_owned()),
        );
        let more = page
            .err
            .split_once("--page-token=")
            .map(|(_, rest)| rest.split_once(',').unwrap().0.to_owned());
        page.done();
        match more {
            Some(more) => token = more,
            None => break,
        }
    }
    assert_eq!(paged, told);
    ids.sort();
    paged.sort();
    assert_eq!(paged, ids);
    world.stop().await;
}

#[tokio::test]
async fn a_social_security_number_comes_from_a_file_from_standard_input_or_from_a_person() {
    let world = World::start().await;
    let last_four = &canary::SSN[7..];
    for way in ["file", "stdin", "person"] {
        let id = world.customer().await;
        let mut around = Around::of(&world);
        let file = around.file("ssn", &format!("{}\n", canary::SSN));
        let mut from = "-";
        match way {
            "file" => from = &file,
            "stdin" => around = around.stdin(&format!("{}\r\n", canary::SSN)),
            _ => around = around.person("", canary::SSN),
        }
        let created = around
            .run(&format!("consumers create {id} --first-name {FIRST_NAME} --last-name {LAST_NAME} --state UT --phone {PHONE} --birthday 1937-11-23 --ssn-file {from} -o json --reveal"))
            .await;
        let created = lines(&created.done()).remove(0);
        assert_eq!(created["ssnLastFour"], last_four, "{way}");
        assert_eq!(
            created["birthday"],
            json!({"year": 1937, "month": 11, "day": 23})
        );
        let consumer_id = created["consumerId"].as_str().unwrap();
        let read = ofctl(&world, &format!("consumers get {consumer_id}"))
            .await
            .done();
        assert_eq!(value(&read, "ssn_last_four"), "***");
        assert_eq!(value(&read, "birthday"), "***");
        let owner = ofctl(&world, &format!("consumers get-by-customer {id}"))
            .await
            .done();
        assert_eq!(owner, read);
        let moved = ofctl(
            &world,
            &format!("consumers update {consumer_id} --city Provo -o json --reveal"),
        )
        .await;
        let moved = lines(&moved.done()).remove(0);
        assert_eq!(moved["city"], "Provo");
        assert_eq!(moved["lastName"], canary::LAST_NAME);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_consumer_stands_for_a_business() {
    let world = World::start().await;
    let id = world.customer().await;
    let around = Around::of(&world);
    let ein = around.file("ein", canary::EIN);
    let created = around
        .run(&format!("consumers create-for-business {id} --business-name Acme --business-type LLC --ein-file {ein} --report-date 2026-03-02 --state UT --phone {PHONE} -o json --reveal"))
        .await;
    let created = lines(&created.done()).remove(0);
    assert_eq!(created["firstName"], "Acme");
    assert_eq!(created["lastName"], "LLC");
    assert_eq!(created["ssnLastFour"], canary::EIN[5..]);
    world.stop().await;
}

#[tokio::test]
async fn a_business_is_created_from_a_file_changed_and_cleared() {
    let world = World::start().await;
    let id = world.customer().await;
    let business = json!({
        "name": "ABC-Tires", "url": "https://tires.example", "email": canary::EMAIL,
        "address": {"city": "Murray"}, "phoneNumber": {"number": "7992222"},
    });
    let around = Around::of(&world).stdin(&business.to_string());
    let tax_id = around.file("tax-id", canary::TAX_ID);
    let created = around
        .run(&format!("businesses create {id} --from - --personally-liable false --tax-id-file {tax_id} --state UT"))
        .await
        .done();
    assert_eq!(value(&created, "customer_id"), id);
    assert_eq!(value(&created, "tax_id"), "***");
    assert_eq!(value(&created, "address"), "***");
    let business_id = value(&created, "business_id");
    let changed = ofctl(
        &world,
        &format!(
            "businesses update {business_id} --city Provo --clear url --clear email -o json --reveal"
        ),
    )
    .await;
    let changed = lines(&changed.done()).remove(0);
    assert_eq!(changed["address"], json!({"city": "Provo", "state": "UT"}));
    assert_eq!(
        (&changed["url"], &changed["email"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        (&changed["name"], &changed["taxId"]),
        (&json!("ABC-Tires"), &json!(canary::TAX_ID))
    );
    let renamed = ofctl(
        &world,
        &format!("businesses update {business_id} --name XYZ-Tires"),
    )
    .await;
    renamed.done();
    for found in [
        format!("get {business_id}"),
        format!("get-by-customer {id}"),
    ] {
        let found = ofctl(&world, &format!("businesses {found} -o json --reveal")).await;
        let found = lines(&found.done()).remove(0);
        assert_eq!(found["name"], "XYZ-Tires");
        assert_eq!(found["address"], json!({"city": "Provo", "state": "UT"}));
    }
    let both = ofctl(
        &world,
        &format!("businesses update {business_id} --url https://a.example --clear url"),
    )
    .await;
    assert!(
        both.ended(Exit::Usage)
            .starts_with("error: --clear url: the field is set, too\n")
    );
    world.stop().await;
}

#[tokio::test]
async fn authorizations_tell_the_days_that_are_left() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let now = world.sandbox().now();
    let login = |days: i64, connection: Connection| {
        let login = NewInstitutionLogin {
            customer_id: customer_id.clone(),
            connection,
            start: Some(now),
            end: Some(now + jiff::SignedDuration::from_hours(24 * days)),
        };
        world
            .sandbox()
            .add_institution_login(&login)
            .unwrap()
            .to_string()
    };
    let (soon, late) = (login(12, Connection::Oauth), login(100, Connection::Oauth));
    let legacy = login(100, Connection::Legacy);
    let one = ofctl(&world, &format!("authorizations get {soon}"))
        .await
        .done();
    assert_eq!(value(&one, "institution_login_id"), soon);
    assert_eq!(value(&one, "days_left"), "12");
    let ids = format!("{soon}\n\n{late}\n{legacy}\n");
    let listed = |flags: &str| {
        let words = format!("authorizations batch-get -{flags}");
        let around = Around::of(&world).stdin(&ids);
        async move { around.run(&words).await }
    };
    let all = listed("").await;
    assert_eq!(all.err, "note: 1 have no period: see `error`\n");
    let all = all.done();
    let rows: Vec<Vec<&str>> = all
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "INSTITUTION_LOGIN_ID",
            "START_TIME",
            "END_TIME",
            "DAYS_LEFT",
            "ERROR"
        ]
    );
    assert_eq!((rows[1][0], rows[1][3]), (soon.as_str(), "12"));
    assert_eq!((rows[2][0], rows[2][3]), (late.as_str(), "100"));
    assert_eq!(
        rows[3],
        [legacy.as_str(), "NOT_FOUND", "INSTITUTION_LOGIN_NOT_FOUND"]
    );
    let due = listed(" --expiring-within 30d -o json").await.done();
    let due: Vec<serde_json::Value> = lines(&due)
        .iter()
        .map(|line| line["institutionLoginId"].clone())
        .collect();
    assert_eq!(due, [json!(soon), json!(legacy)]);
    world.stop().await;
}

#[tokio::test]
async fn more_authorizations_than_a_batch_holds_are_asked_for_in_several() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let ids: Vec<String> = (0..150)
        .map(|_| world.institution_login(&customer_id).to_string())
        .collect();
    let around = Around::of(&world).stdin(&ids.join("\n"));
    let told = around
        .run("authorizations batch-get - -o json")
        .await
        .done();
    let told: Vec<String> = lines(&told)
        .iter()
        .map(|line| line["institutionLoginId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ids);
    world.stop().await;
}

#[tokio::test]
async fn onboarding_makes_all_records_and_a_repeat_none() {
    let world = World::start().await;
    let request = json!({
        "customer": {"username": "shop-4711", "type": "CUSTOMER_TYPE_TESTING"},
        "consumer": {"firstName": canary::FIRST_NAME, "lastName": canary::LAST_NAME, "state": "UT", "phone": canary::PHONE, "ssn": canary::SSN},
        "business": {"name": "ABC-Tires", "personallyLiable": true, "address": {}, "phoneNumber": {}},
    });
    let around = Around::of(&world).stdin(&request.to_string());
    let words = format!("onboard - --request-id {}", crate::world::REQUEST_ID);
    let first = around.run(&words).await.done();
    let steps = |told: &str| {
        let step =
            |index: usize, field: &str| value(told, &format!("steps[{index}].{field}")).to_owned();
        [0, 1, 2].map(|index| {
            (
                step(index, "step"),
                step(index, "outcome"),
                step(index, "record_id"),
            )
        })
    };
    let made = steps(&first);
    assert_eq!(
        made.each_ref()
            .map(|(step, outcome, _)| (step.as_str(), outcome.as_str())),
        [
            ("customer", "created"),
            ("consumer", "created"),
            ("business", "created")
        ]
    );
    assert_eq!(made[0].2, value(&first, "customer.customer_id"));
    let again = steps(&around.run(&words).await.done());
    assert_eq!(
        again.each_ref().map(|(_, _, id)| id),
        made.each_ref().map(|(_, _, id)| id)
    );
    let counts = world.sandbox().counts();
    assert_eq!(
        (counts.customers, counts.consumers, counts.businesses),
        (1, 1, 1)
    );
    world.stop().await;
}
