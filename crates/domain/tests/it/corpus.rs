//! The answers that the vendor is known to send, or might, through the types of the domain.
//!
//! The files are those that the generated client is held against. What each comes to here stands in `corpus.txt`, one
//! line a file, reviewed by hand.

use std::{
    fs, future,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use openfinance::{
    Error,
    business::NewBusiness,
    consumer::{ConsumerUpdate, Contact, Identity, NewConsumer},
    customer::{CustomerType, CustomerUpdate, NewCustomer},
    page::{Cursor, CustomerQuery, PageSize},
    value::Personal,
};
use serde_json::Value;

use crate::server::{Answer, World};

/// Calls the domain's method for one of the vendor's operations and writes down what came of it, with the values that
/// nothing else would print.
async fn outcome(world: &World, operation: &str, asked: &Value) -> Option<Result<String, Error>> {
    let client = &world.client;
    let customer = id(&asked["id"], "1005061234").parse().unwrap();
    let consumer = "0bf46322c167b562e6cbed9d40e19a4c".parse().unwrap();
    let business = "1112".parse().unwrap();
    let login: i64 = id(&asked["institutionLoginId"], "7").parse().unwrap();
    let show = |text: &Option<Personal>| {
        text.as_ref().map_or("-".to_owned(), |text| {
            text.as_str().escape_debug().to_string()
        })
    };
    let new = |customer_type| NewCustomer {
        customer_type,
        username: asked["username"]
            .as_str()
            .unwrap_or("household-4711")
            .parse()
            .unwrap(),
        first_name: None,
        last_name: None,
        phone: None,
        email: None,
        application_id: None,
    };
    let customer_line = |found: openfinance::customer::Customer| {
        format!(
            "{} {} {:?} {} {} {} {} {:?} {:?} {:?}",
            found.id,
            show(&found.username),
            found.type_word,
            show(&found.first_name),
            show(&found.last_name),
            show(&found.phone),
            show(&found.email),
            found.application_id,
            found.created,
            found.updated
        )
    };
    let consumer_line = |found: openfinance::consumer::Consumer| {
        format!(
            "{} {:?} {} {} {} {} {} {} {} {} {} {} {:?} {} {:?}",
            found.id,
            found.customer_id,
            show(&found.first_name),
            show(&found.last_name),
            show(&found.suffix),
            show(&found.address),
            show(&found.city),
            show(&found.state),
            show(&found.zip),
            show(&found.phone),
            show(&found.email),
            show(&found.ssn_last_four),
            found.birthday.map(|date| (date.year, date.month, date.day)),
            found.end_user.map_or("-".to_owned(), |user| format!(
                "{} {} {}",
                show(&user.name),
                show(&user.zip),
                show(&user.url)
            )),
            found.created
        )
    };
    let business_line = |found: openfinance::business::Business| {
        let address = found.address.unwrap_or_default();
        let phone = found.phone_number.unwrap_or_default();
        format!(
            "{} {:?} {} {:?} {} {} {} {} {} {} {} {} {:?} {:?}",
            found.id,
            found.customer_id,
            show(&found.name),
            found.personally_liable,
            show(&address.address_line1),
            show(&address.country),
            show(&address.postal_code),
            show(&phone.country_code),
            show(&phone.number),
            show(&found.url),
            show(&found.business_type),
            show(&found.tax_id),
            found.created,
            found.updated
        )
    };
    let names = CustomerUpdate {
        first_name: Some("Ada".parse().unwrap()),
        last_name: None,
    };
    let city = ConsumerUpdate {
        city: Some("Provo".parse().unwrap()),
        ..ConsumerUpdate::default()
    };
    let done = |()| "done".to_owned();
    Some(match operation {
        "AddTestingCustomer" => client
            .create_customer(new(CustomerType::Testing))
            .await
            .map(customer_line),
        "AddCustomer" => client
            .create_customer(new(CustomerType::Active))
            .await
            .map(customer_line),
        "GetCustomer" => client.customer(&customer).await.map(customer_line),
        "GetCustomers" => client
            .customers_page(&CustomerQuery::default(), &Cursor::FIRST, PageSize::DEFAULT)
            .await
            .map(|page| {
                let customers: Vec<_> = page.customers.into_iter().map(customer_line).collect();
                format!(
                    "{customers:?} next {:?} of {:?}",
                    page.next.map(|next| next.at().get()),
                    page.total
                )
            }),
        // Reading it back is scripted to succeed.
        "ModifyCustomer" => client
            .update_customer(&customer, names)
            .await
            .map(|_| "done".to_owned()),
        "DeleteCustomer" => client.delete_customer(&customer).await.map(done),
        "GetCustomerWithAppData" => client.customer_application(&customer).await.map(|found| {
            format!(
                "{} {} {}",
                found.customer_id, found.application_id, found.application_name
            )
        }),
        "CreateConsumer" => {
            let new = NewConsumer {
                first_name: "Ada".parse().unwrap(),
                last_name: "Lovelace".parse().unwrap(),
                state: "UT".parse().unwrap(),
                identity: Identity::Ssn("123456789".parse().unwrap()),
                contact: Contact::Phone("801".parse().unwrap()),
                address: None,
                city: None,
                zip: None,
                suffix: None,
                end_user: None,
            };
            client
                .create_consumer(&customer, new)
                .await
                .map(consumer_line)
        }
        "GetConsumer" => client.consumer(&consumer).await.map(consumer_line),
        "GetConsumerForCustomer" => client
            .consumer_by_customer(&customer)
            .await
            .map(consumer_line),
        "ModifyConsumer" => client
            .update_consumer(&consumer, city)
            .await
            .map(|_| "done".to_owned()),
        "AddBusinessDetails" => {
            let new = NewBusiness {
                name: "ABC".parse().unwrap(),
                personally_liable: true,
                address: Default::default(),
                phone_number: Default::default(),
                url: None,
                email: None,
                business_type: None,
                tax_id: None,
            };
            client
                .create_business(&customer, new)
                .await
                .map(business_line)
        }
        "GetBusinessById" => client.business(&business).await.map(business_line),
        "GetBusinessByCustomer" => client
            .business_by_customer(&customer)
            .await
            .map(business_line),
        "getCustomerAuthorizationDetails" => client
            .authorization_details(login.try_into().unwrap())
            .await
            .map(|found| {
                format!(
                    "{} {:?} {:?}",
                    found.institution_login_id, found.start, found.end
                )
            }),
        // No method of the domain is this operation alone: a login, its secret, and the update that reads first.
        "CreateToken" | "ModifyPartnerSecret" | "UpdateBusiness" => return None,
        other => panic!("{other} is no operation in scope"),
    })
}

/// The id to ask for: the one that the file answers with, where it has one.
fn id(found: &Value, otherwise: &str) -> String {
    let number = found.as_i64().or_else(|| found.as_str()?.parse().ok());
    number
        .filter(|id| *id > 0)
        .map_or(otherwise.to_owned(), |id| id.to_string())
}

fn body(case: &Value) -> Vec<u8> {
    let body = &case["body"];
    if body.is_null() {
        Vec::new()
    } else if let Some(text) = body.as_str() {
        text.as_bytes().to_vec()
    } else if let Some(times) = body["times"].as_u64() {
        let part = |key: &str| body[key].as_str().unwrap();
        let repeated = part("repeat").repeat(usize::try_from(times).unwrap());
        format!("{}{repeated}{}", part("prefix"), part("suffix")).into_bytes()
    } else {
        serde_json::to_vec(body).unwrap()
    }
}

/// What the answer in this file comes to, unless it is of no operation that we have.
async fn line(file: PathBuf) -> Option<String> {
    let case: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let content_type = case["headers"]["content-type"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
    let operation = case["operation"].as_str().unwrap();
    let answer = Answer::Send(status, content_type.leak(), body(&case));
    // Nothing that is asked afterwards makes sense to it, so it need not be asked for long.
    let world = World::with(|config| config.write_cap = Duration::from_secs(2));
    // What may be repeated is, so the answer stays the same; what is read back after a change is scripted behind it.
    let repeats = if operation.starts_with("Modify") {
        1
    } else {
        3
    };
    world.answers(std::iter::repeat_n(answer, repeats));
    if operation == "ModifyCustomer" {
        world.answers([Answer::json(200, r#"{"id": "1005061234"}"#)]);
    }
    let name = file.file_stem().unwrap().to_string_lossy();
    match outcome(&world, operation, &case["expect"]["value"]).await? {
        Ok(line) => Some(format!("{name}: {line}\n")),
        Err(error) => {
            assert!(
                !format!("{error} {error:?}").contains("canary"),
                "{name}: a canary leaked"
            );
            Some(format!("{name}: error: {error}\n"))
        }
    }
}

#[tokio::test]
async fn every_answer_comes_to_what_corpus_txt_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rest/tests/wire-corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
    });
    // Some only wait, and the more of them run, the less time is lost by that.
    let lines = stream::iter(files).map(line).buffered(16);
    let lines: String = lines.filter_map(future::ready).collect().await;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus.txt");
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    if expected != lines {
        let found = golden.with_extension("found.txt");
        fs::write(&found, &lines).unwrap();
        panic!(
            "the corpus comes to something else: compare corpus.txt with corpus.found.txt, and if the change is right, rename it"
        );
    }
}
