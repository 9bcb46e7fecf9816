//! Every operation once, with arguments that use every field.

use std::num::NonZeroU32;

use openfinance_rest::{Call, Client, Failure, Sent, http_client, types};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub(crate) const CUSTOMER: &str = "1005061234";
const CONSUMER: &str = "0bf46322c167b562e6cbed9d40e19a4c";

/// A call with recognisable credentials, and a token where the operation takes one.
pub(crate) fn call(operation: &str) -> Call {
    let call = Call::new("canary-app-key");
    match operation {
        "CreateToken" | "ModifyPartnerSecret" => call,
        _ => call.token("canary-app-token"),
    }
}

/// Makes the call and answers the decoded value as JSON.
pub(crate) async fn perform(
    operation: &str,
    call: &Call,
    base_url: &str,
) -> Result<Value, Failure> {
    let client = call.client(base_url, &http_client(base_url).unwrap());
    let rest = Settle {
        call,
        client: &client,
    };
    let customer = types::CustomerId(CUSTOMER.to_owned());
    let consumer = types::ConsumerId(CONSUMER.to_owned());
    let business: types::BusinessId = "1112".parse().unwrap();
    match operation {
        "CreateToken" => rest.settle(client.create_token(&body(credentials())).await),
        "ModifyPartnerSecret" => {
            let mut change = credentials();
            change["newPartnerSecret"] = json!("canary-next-secret-1");
            change["immediate"] = json!(false);
            rest.settle(client.modify_partner_secret(&body(change)).await)
        }
        "AddTestingCustomer" => {
            rest.settle(client.add_testing_customer(&body(new_customer())).await)
        }
        "AddCustomer" => rest.settle(client.add_customer(&body(new_customer())).await),
        "GetCustomers" => {
            let username = types::CustomerUsername("canary+user@example.com".to_owned());
            let kind = types::CustomerType("testing".to_owned());
            let (limit, start) = (NonZeroU32::new(1000), NonZeroU32::new(26));
            rest.settle(
                client
                    .get_customers(
                        limit,
                        Some("Canary O'Hara & Söhne"),
                        start,
                        Some(&kind),
                        Some(&username),
                    )
                    .await,
            )
        }
        "GetCustomer" => rest.settle(client.get_customer(&customer).await),
        "ModifyCustomer" => {
            let names = json!({ "firstName": "Canary", "lastName": "O'Hara" });
            rest.settle(client.modify_customer(&customer, &body(names)).await)
        }
        "DeleteCustomer" => rest.settle(client.delete_customer(&customer).await),
        "GetCustomerWithAppData" => rest.settle(client.get_customer_with_app_data(&customer).await),
        "CreateConsumer" => rest.settle(
            client
                .create_consumer(&customer, &body(new_consumer()))
                .await,
        ),
        "GetConsumerForCustomer" => rest.settle(client.get_consumer_for_customer(&customer).await),
        "GetConsumer" => rest.settle(client.get_consumer(&consumer).await),
        "ModifyConsumer" => rest.settle(
            client
                .modify_consumer(&consumer, &body(json!({ "suffix": "III" })))
                .await,
        ),
        "getCustomerAuthorizationDetails" => rest.settle(
            client
                .get_customer_authorization_details(6_000_000_000)
                .await,
        ),
        "AddBusinessDetails" => rest.settle(
            client
                .add_business_details(&customer, &body(new_business()))
                .await,
        ),
        "GetBusinessByCustomer" => rest.settle(client.get_business_by_customer(&customer).await),
        "UpdateBusiness" => rest.settle(
            client
                .update_business(&business, &body(new_business()))
                .await,
        ),
        "GetBusinessById" => rest.settle(client.get_business_by_id(&business).await),
        other => panic!("the document has an operation {other} that no test knows: add it here"),
    }
}

struct Settle<'a> {
    call: &'a Call,
    client: &'a Client,
}

impl Settle<'_> {
    fn settle<T: Serialize + DeserializeOwned + std::fmt::Debug>(
        &self,
        sent: Sent<T>,
    ) -> Result<Value, Failure> {
        let settled = self.call.settle(sent);
        let printed = format!("{settled:?} {settled:#?} {:?} {:?}", self.call, self.client);
        assert!(
            !printed.to_lowercase().contains("canary"),
            "personal data or a secret is printed: {printed}"
        );
        if let Err(failure) = &settled {
            let said = format!("{failure} {:?}", std::error::Error::source(failure));
            assert!(
                !said.to_lowercase().contains("canary"),
                "personal data or a secret is told: {said}"
            );
        }
        settled.map(|value| serde_json::to_value(value).unwrap())
    }
}

/// A body written as the JSON it is to become.
fn body<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn credentials() -> Value {
    json!({ "partnerId": "2445580000001", "partnerSecret": "canary-secret" })
}

fn new_customer() -> Value {
    json!({
        "username": "canary_user.1", "firstName": "Canary", "lastName": "O'Hara", "email": "canary@example.com",
        "phone": "1-801-984-4200", "applicationId": "123e4567-e89b-12d3-a456-426614174000",
    })
}

fn new_consumer() -> Value {
    json!({
        "firstName": "Canary", "lastName": "O'Hara", "address": "434 W Ascension Way", "city": "Murray", "state": "UT",
        "zip": "84123", "phone": "1-801-984-4200", "ssn": "999-60-1111", "email": "canary@example.com", "suffix": "Jr.",
        "birthday": { "year": 1989, "month": 8, "dayOfMonth": 13 },
        "endUser": {
            "name": "Canary Lending", "address": "1 Main", "city": "Murray", "state": "UT", "zip": "84123",
            "phone": "1-801-984-4200", "email": "end@example.com", "url": "https://example.com",
        },
    })
}

fn new_business() -> Value {
    json!({
        "name": "Canary Tires", "personallyLiable": true, "type": "Nonprofit", "taxId": "A1234561Z",
        "address": {
            "addressLine1": "434 W Ascension Way", "addressLine2": "Suite #200", "city": "Murray", "state": "UT",
            "country": "USA", "postalCode": "84123",
        },
        "phoneNumber": { "countryCode": "141", "phoneNo": "7992222" },
        "url": "https://www.example.com/", "email": "canary@example.com",
    })
}
