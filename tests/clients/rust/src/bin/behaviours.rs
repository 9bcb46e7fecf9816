//! Shows the behaviours that `tests/clients/README.md` lists, with the helpers that this client has for them.
#![expect(clippy::print_stdout, reason = "it shows what a log would have")]

use std::{collections::BTreeSet, pin::pin, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use openfinance_client::{
    Credential, Problem, Tries, connect, create_again, customers, stream,
    surroundings::Surroundings,
};
use openfinance_rpc::pb::{
    CallerIdentity, CallerMethod, Consumer, CreateConsumerRequest, CreateCustomerRequest, Customer,
    CustomerType, Date, GetCallerIdentityRequest, GetConsumerRequest,
    GetCustomerApplicationRequest, GetCustomerRequest, ListCustomersRequest, ListCustomersResponse,
    StreamCustomersRequest, consumer_service_client::ConsumerServiceClient,
    customer_service_client::CustomerServiceClient, gateway_service_client::GatewayServiceClient,
};
use tokio::time::{Instant, sleep};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Status};
use uuid::Uuid;

/// How many customers were there before.
const CROWD: usize = 2_500;

type Customers = CustomerServiceClient<openfinance_client::Connection>;

/// What the vendor does in the behaviours that are about it.
const STALLED: &str = r#"{"operation": "GetCustomer", "effect": {"stall_at": "response_headers"}}"#;
const DOWN: &str =
    r#"{"operation": "GetCustomer", "times": 3, "commit": "never", "effect": {"status": 503}}"#;
const LOST: &str =
    r#"{"operation": "AddTestingCustomer", "effect": {"reset_at": "response_headers"}}"#;
const LATE: &str =
    r#"{"operation": "AddTestingCustomer", "effect": {"stall_at": "response_headers"}}"#;
const BLIND: &str =
    r#"{"operation": "GetCustomers", "times": 1000, "commit": "never", "effect": {"status": 500}}"#;
const LIMITED: &str = r#"{"operation": "GetCustomerWithAppData", "commit": "never",
    "effect": {"status": 429, "headers": {"Retry-After": "70"}}}"#;
const BROKEN: &str = r#"{"operation": "GetCustomers", "after": 1, "times": 3, "commit": "never",
    "effect": {"status": 503}}"#;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut around = Surroundings::new()?;
    let went = idle(&around).await;
    around.shown("idle", went);
    let went = healed(&around, deadline(&around)).await;
    around.shown("deadline", went);
    let went = healed(&around, retry(&around)).await;
    around.shown("retry", went);
    let went = healed(&around, create_twice(&around)).await;
    around.shown("create-again", went);
    let went = healed(&around, create_late(&around)).await;
    around.shown("create-late", went);
    let went = healed(&around, errors(&around)).await;
    around.shown("errors", went);
    let went = paging(&around).await;
    around.shown("paging", went);
    let went = healed(&around, stream_resume(&around)).await;
    around.shown("stream-resume", went);
    let went = mtls(&around).await;
    around.shown("mtls", went);
    let went = jwt(&around).await;
    around.shown("jwt", went);
    let went = redact(&around).await;
    around.shown("redact", went);
    Ok(around.end())
}

async fn idle(around: &Surroundings) -> Result<()> {
    let relay = around.relay().await?;
    let connection = around.connect_to(&relay.address, "writer", Tries::One)?;
    let mut service = CustomerServiceClient::new(connection);
    let request = created(&mut service).await?;
    sleep(Duration::from_millis(3_500)).await;
    expect(relay.made_and_ended(), (1, 1))?;
    service.get_customer(request).await?;
    expect(relay.made_and_ended(), (2, 1))
}

async fn deadline(around: &Surroundings) -> Result<()> {
    let mut service = writer(around, Tries::Four)?;
    let request = created(&mut service).await?;
    plan(around, &[STALLED]).await?;
    let began = Instant::now();
    // ANCHOR: deadline
    let mut request = Request::new(request);
    request.set_timeout(Duration::from_millis(500));
    let answer = service.get_customer(request).await;
    // ANCHOR_END: deadline
    expect(refusal(answer)?.code(), Code::DeadlineExceeded)?;
    ensure!(began.elapsed() < Duration::from_secs(5), "it took too long");
    Ok(())
}

async fn retry(around: &Surroundings) -> Result<()> {
    let mut service = writer(around, Tries::Four)?;
    let request = created(&mut service).await?;
    plan(around, &[DOWN]).await?;
    service.get_customer(request.clone()).await?;
    plan(around, &[DOWN]).await?;
    let answer = writer(around, Tries::One)?.get_customer(request).await;
    expect(refusal(answer)?.code(), Code::Unavailable)
}

async fn create_twice(around: &Surroundings) -> Result<()> {
    let service = writer(around, Tries::Four)?;
    let request = new("rust-lost");
    let before = sent(around).await?;
    plan(around, &[LOST, BLIND]).await?;
    let mut waits = Vec::new();
    let customer = create_again(
        async || service.clone().create_customer(request.clone()).await,
        async |delay| waits.push((delay, heal(around).await)),
    )
    .await?;
    expect(customer.username, "rust-lost".to_owned())?;
    ensure!(
        matches!(&waits[..], [(_, Ok(()))]),
        "it waited {} times",
        waits.len()
    );
    expect(sent(around).await?, before + 1)
}

/// What a service does. The vendor creates the customer and does not answer, so that the first tries end with their
/// deadlines.
async fn create_late(around: &Surroundings) -> Result<()> {
    let before = sent(around).await?;
    let (address, authority) = (around.gateway(), around.credential("ca.pem")?);
    let key = around.credential("writer.key")?.trim().to_owned();
    let one_try = Duration::from_secs(1);
    plan(around, &[LATE]).await?;
    let began = Instant::now();
    let service = async {
        // ANCHOR: together
        // One connection for the life of the program.
        let connection = connect(address, &authority, Credential::Key(key), Tries::Four)?;
        let customers = CustomerServiceClient::new(connection);

        let request = CreateCustomerRequest {
            // Chosen before the first try, and kept with what you want.
            request_id: Uuid::new_v4().to_string(),
            customer: Some(Customer {
                username: "rust-late".to_owned(),
                r#type: CustomerType::Testing.into(),
                ..Customer::default()
            }),
            ..CreateCustomerRequest::default()
        };
        let create = async || {
            let mut request = Request::new(request.clone());
            request.set_timeout(one_try);
            customers.clone().create_customer(request).await
        };
        let customer = create_again(create, sleep).await;
        let customer = customer.map_err(|status| {
            let Problem { code, reason, .. } = Problem::from(&status);
            anyhow!("no customer: {code:?} {reason}")
        })?;
        // ANCHOR_END: together
        Ok(customer)
    };
    let recovery = async {
        sleep(Duration::from_millis(1_500)).await;
        heal(around).await
    };
    let (customer, ()) = tokio::try_join!(service, recovery)?;
    ensure!(!customer.customer_id.is_empty(), "no id");
    ensure!(began.elapsed() > one_try, "it was not late");
    expect(sent(around).await?, before + 1)
}

async fn errors(around: &Surroundings) -> Result<()> {
    let mut service = writer(around, Tries::Four)?;
    let mut request = new("ab");
    request.customer.get_or_insert_default().phone = "1".repeat(16);
    let problem = Problem::from(&refusal(service.create_customer(request).await)?);
    expect(problem.reason, "INVALID_FIELD".to_owned())?;
    expect(problem.domain, "openfinance".to_owned())?;
    let violations: BTreeSet<_> = problem.violations.iter().map(String::as_str).collect();
    expect(
        violations,
        BTreeSet::from(["customer.phone", "customer.username"]),
    )?;

    let customer_id = created(&mut service).await?.customer_id;
    plan(around, &[LIMITED]).await?;
    let request = GetCustomerApplicationRequest { customer_id };
    let problem = Problem::from(&refusal(service.get_customer_application(request).await)?);
    expect(problem.reason, "UPSTREAM_RATE_LIMITED".to_owned())?;
    expect(problem.domain, "api.finicity.com".to_owned())?;
    expect(problem.retry_delay, Some(Duration::from_secs(70)))
}

async fn paging(around: &Surroundings) -> Result<()> {
    let mut service = writer(around, Tries::Four)?;
    for number in 0..7 {
        service
            .create_customer(new(&format!("paged-{number}")))
            .await?;
    }
    let request = ListCustomersRequest {
        search: "paged-".to_owned(),
        page_size: 3,
        ..ListCustomersRequest::default()
    };
    each_once(customers(service, request), 7).await
}

async fn stream_resume(around: &Surroundings) -> Result<()> {
    let service = writer(around, Tries::Four)?;
    plan(around, &[BROKEN]).await?;
    let request = StreamCustomersRequest {
        search: "crowd-".to_owned(),
        ..StreamCustomersRequest::default()
    };
    each_once(stream(service, request), CROWD).await?;
    let faults = around.sandbox("GET", "/faults", None).await?;
    ensure!(faults["faults"][0]["fired"] == 3, "nothing was broken");
    Ok(())
}

async fn mtls(around: &Surroundings) -> Result<()> {
    let identity = who(around, "service-by-certificate").await?;
    ensure!(!identity.principal.is_empty(), "nobody");
    expect(identity.method(), CallerMethod::Mtls)
}

async fn jwt(around: &Surroundings) -> Result<()> {
    let identity = who(around, "service-by-token").await?;
    expect(&*identity.principal, "service-by-token")?;
    expect(identity.method(), CallerMethod::Jwt)
}

async fn who(around: &Surroundings, caller: &str) -> Result<CallerIdentity> {
    let mut service = GatewayServiceClient::new(around.connect(caller, Tries::Four)?);
    let answer = service
        .get_caller_identity(GetCallerIdentityRequest {})
        .await?;
    Ok(answer.into_inner())
}

async fn redact(around: &Surroundings) -> Result<()> {
    let customer_id = created(&mut writer(around, Tries::Four)?)
        .await?
        .customer_id;
    let mut service = ConsumerServiceClient::new(around.connect("writer", Tries::Four)?);
    let [first_name, last_name] = ["Ermintrude", "Quackenbush"].map(str::to_owned);
    let request = CreateConsumerRequest {
        customer_id,
        consumer: Some(Consumer {
            first_name: first_name.clone(),
            last_name,
            address: "434 W Ascension Way".to_owned(),
            city: "Murray".to_owned(),
            state: "UT".to_owned(),
            zip: "84123".to_owned(),
            phone: "801-555-73911".to_owned(),
            email: "ermintrude@quackenbush.example".to_owned(),
            ssn: "509-31-8642".to_owned(),
            birthday: Some(Date {
                year: 1937,
                month: 11,
                day: 23,
            }),
            ..Consumer::default()
        }),
        ..CreateConsumerRequest::default()
    };
    let sent = format!("{request:?}");
    let consumer_id = service
        .create_consumer(request)
        .await?
        .into_inner()
        .consumer_id;
    let request = GetConsumerRequest {
        consumer_id: consumer_id.clone(),
    };
    let read = service.get_consumer(request).await?.into_inner();
    ensure!(
        read.last_name == "Quackenbush",
        "the caller itself sees nothing"
    );
    let listed = ListCustomersResponse {
        customers: vec![Customer {
            first_name,
            ..Customer::default()
        }],
        ..ListCustomersResponse::default()
    };
    // ANCHOR: redact
    let read = format!("{read:?}");
    // ANCHOR_END: redact
    for text in [&sent, &read, &format!("{listed:?}")] {
        let secrets = [
            "Ermintrude",
            "Quackenbush",
            "434 W",
            "Murray",
            "8642",
            "1937",
            "73911",
            "84123",
        ];
        let shown = secrets.iter().any(|secret| text.contains(secret));
        ensure!(text.contains("[redacted]") && !shown, "something is shown");
    }
    ensure!(read.contains(&consumer_id), "too much is hidden");
    println!("{read}");
    Ok(())
}

/// Holds that so many customers come, each once.
async fn each_once(
    found: impl Stream<Item = Result<Customer, Status>>,
    wanted: usize,
) -> Result<()> {
    let (mut found, mut ids, mut count) = (pin!(found), BTreeSet::new(), 0);
    while let Some(customer) = found.next().await {
        ids.insert(customer?.customer_id);
        count += 1;
    }
    expect((count, ids.len()), (wanted, wanted))
}

fn writer(around: &Surroundings, tries: Tries) -> Result<Customers> {
    Ok(CustomerServiceClient::new(around.connect("writer", tries)?))
}

fn new(username: &str) -> CreateCustomerRequest {
    CreateCustomerRequest {
        customer: Some(Customer {
            username: username.to_owned(),
            r#type: CustomerType::Testing.into(),
            ..Customer::default()
        }),
        request_id: Uuid::new_v4().to_string(),
        ..CreateCustomerRequest::default()
    }
}

/// Creates a customer, and asks for it.
async fn created(service: &mut Customers) -> Result<GetCustomerRequest> {
    let request = new(&format!("rust-{}", Uuid::new_v4()));
    let customer_id = service
        .create_customer(request)
        .await?
        .into_inner()
        .customer_id;
    Ok(GetCustomerRequest { customer_id })
}

fn refusal<T>(answer: Result<T, Status>) -> Result<Status> {
    match answer {
        Ok(_) => bail!("it was not refused"),
        Err(status) => Ok(status),
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<()> {
    ensure!(found == wanted, "{found:?} and not {wanted:?}");
    Ok(())
}

/// Makes the sandbox misbehave, by these rules.
async fn plan(around: &Surroundings, faults: &[&str]) -> Result<()> {
    for fault in faults {
        let fault = serde_json::from_str(fault)?;
        around.sandbox("POST", "/faults", Some(&fault)).await?;
    }
    Ok(())
}

async fn heal(around: &Surroundings) -> Result<()> {
    around.sandbox("DELETE", "/faults", None).await?;
    Ok(())
}

/// The behaviour, and no fault of it is left to the next one.
async fn healed(around: &Surroundings, behaviour: impl Future<Output = Result<()>>) -> Result<()> {
    let went = behaviour.await;
    heal(around).await?;
    went
}

/// How many creations of testing customers were sent.
async fn sent(around: &Surroundings) -> Result<usize> {
    let log = around
        .sandbox("GET", "/requests?operation=AddTestingCustomer", None)
        .await?;
    Ok(log["requests"].as_array().context("no requests")?.len())
}
