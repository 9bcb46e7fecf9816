//! What a client that counts along knows of its sandbox, and the valid requests that it would make.

use std::collections::BTreeMap;

use openfinance_sandbox::{
    Connection, Counts, NewInstitutionLogin, Operation, PartnerCredentials, Sandbox,
};
use serde_json::{Value, json};

use super::{random::Random, request::Request};

/// More living customers than this make lists slow to check.
const MOST_CUSTOMERS: usize = 40;
/// Of other records only some are kept in mind, to be asked for again.
const MOST_REMEMBERED: usize = 40;

/// One sandbox as its only client knows it.
pub(crate) struct Model {
    partner: PartnerCredentials,
    token: String,
    /// Every living customer, with its institution logins.
    pub(crate) customers: BTreeMap<String, Vec<i64>>,
    consumers: Vec<String>,
    businesses: Vec<String>,
    usernames: usize,
    made_consumers: usize,
    made_businesses: usize,
    made_tokens: usize,
}

impl Model {
    /// The model of a sandbox on which nothing was done but one log-in.
    pub(crate) fn new(partner: PartnerCredentials, token: String) -> Self {
        Self {
            partner,
            token,
            customers: BTreeMap::new(),
            consumers: Vec::new(),
            businesses: Vec::new(),
            usernames: 0,
            made_consumers: 0,
            made_businesses: 0,
            made_tokens: 1,
        }
    }

    /// What the sandbox must count.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            customers: self.customers.len(),
            consumers: self.made_consumers,
            businesses: self.made_businesses,
            institution_logins: self.customers.values().map(Vec::len).sum(),
            tokens: self.made_tokens,
        }
    }

    /// Gives some customer a login, which no request can.
    pub(crate) fn connect(&mut self, sandbox: &Sandbox, random: &mut Random) {
        let customer_id = self.customer(random);
        let connection = *random.pick(&[
            Connection::Oauth,
            Connection::Oauth,
            Connection::Legacy,
            Connection::Uncaptured,
        ]);
        let new = NewInstitutionLogin {
            customer_id: customer_id.clone(),
            connection,
            start: None,
            end: None,
        };
        if let Some(logins) = self.customers.get_mut(&customer_id) {
            logins.push(
                sandbox
                    .control()
                    .add_institution_login(&new)
                    .expect("the customer is alive"),
            );
        }
    }

    /// Takes in what a request has done.
    pub(crate) fn learn(
        &mut self,
        operation: &str,
        path: &str,
        status: u16,
        body: &[u8],
        random: &mut Random,
    ) {
        let text = |key: &str| {
            let body: Value = serde_json::from_slice(body).expect("a success is JSON");
            body[key].as_str().expect("an id is text").to_owned()
        };
        match (operation, status) {
            ("AddTestingCustomer" | "AddCustomer", 201) => {
                drop(self.customers.insert(text("id"), Vec::new()))
            }
            ("DeleteCustomer", 204) => {
                let id = decoded(path.rsplit('/').next().unwrap_or_default());
                assert!(
                    self.customers.remove(&id).is_some(),
                    "{id} was deleted and never there"
                );
            }
            ("CreateConsumer", 201) => {
                self.made_consumers += 1;
                remember(&mut self.consumers, text("id"), random);
            }
            ("AddBusinessDetails", 200) => {
                self.made_businesses += 1;
                remember(&mut self.businesses, text("businessId"), random);
            }
            ("CreateToken", 200) => self.made_tokens += 1,
            _ => {}
        }
    }

    fn customer(&self, random: &mut Random) -> String {
        let position = random.below(self.customers.len().max(1));
        self.customers
            .keys()
            .nth(position)
            .cloned()
            .unwrap_or_else(|| "1234".to_owned())
    }

    fn login(&self, random: &mut Random) -> i64 {
        let logins: Vec<i64> = self.customers.values().flatten().copied().collect();
        if logins.is_empty() {
            1
        } else {
            *random.pick(&logins)
        }
    }

    /// A valid request, for any operation.
    pub(crate) fn request(&mut self, random: &mut Random) -> Request {
        let operations: Vec<Operation> = Operation::all().collect();
        let mut operation = *random.pick(&operations);
        if self.customers.len() > MOST_CUSTOMERS && random.one_in(4) {
            operation = Operation::DeleteCustomer;
        }
        let customer = self.customer(random);
        let any = |ids: &[String], random: &mut Random| {
            ids.get(random.below(ids.len().max(1)))
                .cloned()
                .unwrap_or_else(|| "1".to_owned())
        };
        let (consumer, business) = (any(&self.consumers, random), any(&self.businesses, random));
        let to = |method: &str, path: String| {
            Request::new(method, path)
                .header("Finicity-App-Key", &self.partner.app_key)
                .header("Finicity-App-Token", &self.token)
        };
        let with = |method: &str, path: String, body: Value| {
            let mut request = to(method, path).header("Content-Type", "application/json");
            request.body = Some(body.to_string().into_bytes());
            request
        };
        let authentication = "/aggregation/v2/partners/authentication".to_owned();
        let (id, secret) = (&self.partner.id, &self.partner.secret);
        match operation {
            Operation::CreateToken => with(
                "POST",
                authentication,
                json!({"partnerId": id, "partnerSecret": secret}),
            ),
            Operation::ModifyPartnerSecret => {
                // To the secret that it was, so that nothing else has to know.
                let body = json!({"partnerId": id, "partnerSecret": secret, "newPartnerSecret": secret, "immediate": true});
                with("PUT", authentication, body)
            }
            Operation::AddTestingCustomer | Operation::AddCustomer => {
                self.usernames += 1;
                let kind = if operation == Operation::AddCustomer {
                    "active"
                } else {
                    "testing"
                };
                let body = json!({
                    "username": format!("customer{}", self.usernames), "firstName": "Jane", "lastName": "Doe",
                    "phone": "1-801-984-4200", "email": "jane@example.com", "applicationId": "app-1",
                });
                with("POST", format!("/aggregation/v2/customers/{kind}"), body)
            }
            Operation::GetCustomers => {
                let mut request = to("GET", "/aggregation/v1/customers".to_owned());
                let queries = [
                    "start=1&limit=5",
                    "search=jane+doe&type=testing",
                    "username=customer1",
                    "type=active&start=3",
                ];
                request.query = Some((*random.pick(&queries)).to_owned());
                request
            }
            Operation::GetCustomer => to("GET", format!("/aggregation/v1/customers/{customer}")),
            Operation::ModifyCustomer => with(
                "PUT",
                format!("/aggregation/v1/customers/{customer}"),
                json!({"firstName": "Ada", "lastName": "Poe"}),
            ),
            Operation::DeleteCustomer => {
                to("DELETE", format!("/aggregation/v1/customers/{customer}"))
            }
            Operation::GetCustomerWithAppData => to(
                "GET",
                format!("/aggregation/v1/customers/{customer}/application"),
            ),
            Operation::CreateConsumer => with(
                "POST",
                format!("/decisioning/v1/customers/{customer}/consumer"),
                person(),
            ),
            Operation::GetConsumerForCustomer => to(
                "GET",
                format!("/decisioning/v1/customers/{customer}/consumer"),
            ),
            Operation::GetConsumer => to("GET", format!("/decisioning/v1/consumers/{consumer}")),
            Operation::ModifyConsumer => with(
                "PUT",
                format!("/decisioning/v1/consumers/{consumer}"),
                person(),
            ),
            Operation::AddBusinessDetails => with(
                "POST",
                format!("/business-services/customers/{customer}/businesses"),
                company(),
            ),
            Operation::GetBusinessByCustomer => to(
                "GET",
                format!("/business-services/customers/{customer}/businesses"),
            ),
            Operation::UpdateBusiness => with(
                "PUT",
                format!("/business-services/businesses/{business}"),
                company(),
            ),
            Operation::GetBusinessById => {
                to("GET", format!("/business-services/businesses/{business}"))
            }
            Operation::GetCustomerAuthorizationDetails => {
                let login = self.login(random);
                to(
                    "GET",
                    format!("/customers/institution-logins/{login}/authorization-details"),
                )
            }
        }
    }
}

fn person() -> Value {
    let home = json!({"name": "Shop", "address": "1 Main", "city": "Murray", "state": "UT", "zip": "84123", "phone": "1", "url": "https://shop.example"});
    json!({
        "firstName": "Jane", "lastName": "Doe", "address": "1 Main", "city": "Murray", "state": "UT", "zip": "84123",
        "phone": "1-801-984-4200", "ssn": "999-60-1111", "birthday": {"year": 1989, "month": 8, "dayOfMonth": 13},
        "email": "jane@example.com", "suffix": "Jr.", "endUser": home,
    })
}

fn company() -> Value {
    json!({
        "name": "ABC Tires Inc", "personallyLiable": false, "url": "https://tires.example", "type": "LLC",
        "address": {"addressLine1": "434 W Ascension Way", "city": "Murray", "state": "UT", "country": "US"},
        "phoneNumber": {"countryCode": "141", "phoneNo": "7992222"}, "email": "a@tires.example", "taxId": "A1234561Z",
    })
}

fn remember(ids: &mut Vec<String>, id: String, random: &mut Random) {
    if ids.len() < MOST_REMEMBERED {
        ids.push(id);
    } else {
        let position = random.below(ids.len());
        ids[position] = id;
    }
}

/// Undoes percent-encoding, of which an accepted id has none that is broken.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        decoded.push(char::from(
            u8::from_str_radix(code, 16).expect("two hexadecimal digits"),
        ));
        decoded.push_str(rest);
    }
    decoded
}
