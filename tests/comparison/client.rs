//! Three clients of one vendor: a plain one, one with retry middleware, and ours.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use openfinance::{
    Config, Error, RequestId, business, consumer, customer,
    id::CustomerId,
    value::{Birthday, InvalidValue},
};
use openfinance_sandbox::{PartnerCredentials, Sandbox};
use reqwest::{Method, StatusCode};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use serde_json::{Value, json};

/// How long one attempt may take, for each of the three.
const ATTEMPT: Duration = Duration::from_millis(400);
/// How long ours takes the vendor to be at work on a request whose answer was lost.
pub(crate) const QUIET: Duration = Duration::from_secs(2);

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// What a client generated from the vendor's document does: one attempt.
    Plain,
    /// The same, behind `reqwest-retry`.
    Retrying,
    /// `openfinance::Client`.
    Ours,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Retrying, Self::Ours];
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    TestingCustomer { username: String },
    ActiveCustomer { username: String },
    Consumer { customer_id: String },
    Business { customer_id: String },
}

/// Why there is no id, as a caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request was refused, and would be again.
    Refused,
    /// Anything else: no answer, an answer that can't be read, a failure of the server.
    Failed,
}

pub(crate) enum Client {
    Bare(Bare),
    Ours(openfinance::Client),
}

impl Client {
    pub(crate) fn new(kind: Kind, sandbox: &Sandbox, partner: &PartnerCredentials) -> Self {
        match kind {
            Kind::Plain | Kind::Retrying => Self::Bare(Bare::new(kind, sandbox, partner)),
            Kind::Ours => {
                let config = Config {
                    attempt_timeout: ATTEMPT,
                    quiet_time: QUIET,
                    ..Config::new(
                        sandbox.base_url().parse().unwrap(),
                        partner.id.clone(),
                        partner.secret.clone().into(),
                        partner.app_key.clone().into(),
                    )
                };
                Self::Ours(openfinance::Client::new(config).unwrap())
            }
        }
    }

    /// Creates what is asked for and answers its id.
    pub(crate) async fn create(&self, ask: &Ask) -> Result<String, Failure> {
        match self {
            Self::Bare(bare) => bare.create(ask).await,
            Self::Ours(client) => ours(client, ask).await,
        }
    }
}

/// A client as one writes it by hand, or has generated: a token, a request, its answer.
pub(crate) struct Bare {
    http: Http,
    /// Makes the requests; the retrying client sends them.
    plain: reqwest::Client,
    base_url: String,
    partner: PartnerCredentials,
    token: Mutex<Option<String>>,
}

enum Http {
    Plain,
    Retrying(ClientWithMiddleware),
}

impl Bare {
    fn new(kind: Kind, sandbox: &Sandbox, partner: &PartnerCredentials) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = reqwest::Client::builder()
            .timeout(ATTEMPT)
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let http = if kind == Kind::Plain {
            Http::Plain
        } else {
            // The waits are short so that nobody waits for them; how long they are changes nothing here.
            let policy = ExponentialBackoff::builder()
                .retry_bounds(Duration::from_millis(1), Duration::from_millis(10))
                .build_with_max_retries(3);
            let retries = RetryTransientMiddleware::new_with_policy(policy);
            Http::Retrying(ClientBuilder::new(plain.clone()).with(retries).build())
        };
        Self {
            http,
            plain,
            base_url: sandbox.base_url(),
            partner: partner.clone(),
            token: Mutex::default(),
        }
    }

    async fn create(&self, ask: &Ask) -> Result<String, Failure> {
        let (path, body) = request(ask);
        let token = match self.token() {
            Some(token) => token,
            None => self.log_in().await?,
        };
        let (mut status, mut answer) = self.send(&path, &body, Some(&token)).await?;
        if status == StatusCode::UNAUTHORIZED {
            self.keep(None);
            if let Http::Retrying(_) = self.http {
                let token = self.log_in().await?;
                (status, answer) = self.send(&path, &body, Some(&token)).await?;
            }
        }
        if !status.is_success() {
            return Err(failure(status));
        }
        let member = match ask {
            Ask::TestingCustomer { .. } | Ask::ActiveCustomer { .. } | Ask::Consumer { .. } => "id",
            Ask::Business { .. } => "businessId",
        };
        id(&answer[member]).ok_or(Failure::Failed)
    }

    async fn log_in(&self) -> Result<String, Failure> {
        let body = json!({
            "partnerId": self.partner.id,
            "partnerSecret": self.partner.secret,
        });
        let path = "/aggregation/v2/partners/authentication";
        let (status, answer) = self.send(path, &body, None).await?;
        if !status.is_success() {
            return Err(failure(status));
        }
        let token = answer["token"].as_str().ok_or(Failure::Failed)?.to_owned();
        self.keep(Some(token.clone()));
        Ok(token)
    }

    async fn send(
        &self,
        path: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<(StatusCode, Value), Failure> {
        let mut request = self
            .plain
            .request(Method::POST, format!("{}{path}", self.base_url))
            .header("Finicity-App-Key", &self.partner.app_key)
            .header("Accept", "application/json")
            .json(body);
        if let Some(token) = token {
            request = request.header("Finicity-App-Token", token);
        }
        let request = request.build().unwrap();
        let response = match &self.http {
            Http::Plain => self
                .plain
                .execute(request)
                .await
                .map_err(|_| Failure::Failed),
            Http::Retrying(http) => http.execute(request).await.map_err(|_| Failure::Failed),
        }?;
        let status = response.status();
        let body = response.bytes().await.map_err(|_| Failure::Failed)?;
        // The body of a failure may be anything; that of a success must be JSON.
        match serde_json::from_slice(&body) {
            Ok(answer) => Ok((status, answer)),
            Err(_) if status.is_success() => Err(Failure::Failed),
            Err(_) => Ok((status, Value::Null)),
        }
    }

    fn token(&self) -> Option<String> {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, token: Option<String>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

/// What a status other than success tells the caller.
fn failure(status: StatusCode) -> Failure {
    let passing = matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    if status.is_client_error() && !passing {
        Failure::Refused
    } else {
        Failure::Failed
    }
}

/// The id of a created record, which is text or a number.
fn id(member: &Value) -> Option<String> {
    match member {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn request(ask: &Ask) -> (String, Value) {
    match ask {
        Ask::TestingCustomer { username } => (
            "/aggregation/v2/customers/testing".to_owned(),
            json!({ "username": username }),
        ),
        Ask::ActiveCustomer { username } => (
            "/aggregation/v2/customers/active".to_owned(),
            json!({ "username": username }),
        ),
        Ask::Consumer { customer_id } => (
            format!("/decisioning/v1/customers/{customer_id}/consumer"),
            json!({
                "firstName": "Ada",
                "lastName": "Lovelace",
                "state": "UT",
                "email": "ada@example.com",
                "birthday": { "year": 1975, "month": 12, "dayOfMonth": 10 },
            }),
        ),
        Ask::Business { customer_id } => (
            format!("/business-services/customers/{customer_id}/businesses"),
            json!({
                "name": "Engines",
                "personallyLiable": false,
                "address": {},
                "phoneNumber": {},
            }),
        ),
    }
}

/// One id for each request: the caller who asks for the same again gives the same.
fn request_id(ask: &Ask) -> RequestId {
    let mut hasher = DefaultHasher::new();
    format!("{ask:?}").hash(&mut hasher);
    RequestId {
        caller: String::new(),
        method: "create",
        id: uuid::Uuid::from_u64_pair(0, hasher.finish()),
    }
}

async fn ours(client: &openfinance::Client, ask: &Ask) -> Result<String, Failure> {
    let client = client.once(request_id(ask));
    let created = match ask {
        Ask::TestingCustomer { username } => client
            .create_customer(new_customer(customer::CustomerType::Testing, username).unwrap())
            .await
            .map(|customer| customer.id.as_str().to_owned()),
        Ask::ActiveCustomer { username } => client
            .create_customer(new_customer(customer::CustomerType::Active, username).unwrap())
            .await
            .map(|customer| customer.id.as_str().to_owned()),
        Ask::Consumer { customer_id } => client
            .create_consumer(&owner(customer_id), new_consumer().unwrap())
            .await
            .map(|consumer| consumer.id.as_str().to_owned()),
        Ask::Business { customer_id } => client
            .create_business(&owner(customer_id), new_business().unwrap())
            .await
            .map(|business| business.id.as_str().to_owned()),
    };
    created.map_err(|error| {
        if matches!(error, Error::Refused { .. }) {
            Failure::Refused
        } else {
            Failure::Failed
        }
    })
}

fn owner(customer_id: &str) -> CustomerId {
    customer_id.parse().unwrap()
}

fn new_customer(
    customer_type: customer::CustomerType,
    username: &str,
) -> Result<customer::NewCustomer, InvalidValue> {
    Ok(customer::NewCustomer {
        customer_type,
        username: username.parse()?,
        first_name: None,
        last_name: None,
        phone: None,
        email: None,
        application_id: None,
    })
}

fn new_consumer() -> Result<consumer::NewConsumer, InvalidValue> {
    Ok(consumer::NewConsumer {
        first_name: "Ada".parse()?,
        last_name: "Lovelace".parse()?,
        state: "UT".parse()?,
        identity: consumer::Identity::Birthday(Birthday::new(1975, 12, 10)?),
        contact: consumer::Contact::Email("ada@example.com".parse()?),
        address: None,
        city: None,
        zip: None,
        suffix: None,
        end_user: None,
    })
}

fn new_business() -> Result<business::NewBusiness, InvalidValue> {
    Ok(business::NewBusiness {
        name: "Engines".parse()?,
        personally_liable: false,
        address: business::NewAddress::default(),
        phone_number: business::NewPhoneNumber::default(),
        url: None,
        email: None,
        business_type: None,
        tax_id: None,
    })
}
