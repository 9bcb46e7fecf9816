//! What callers do to the program: every service, with records full of canaries, with mistakes, and with a vendor that
//! fails and repeats in its errors what it was sent.

use std::fmt::Debug;

use openfinance_rpc::pb::{
    self, authorization_service_client::AuthorizationServiceClient,
    business_service_client::BusinessServiceClient, consumer_service_client::ConsumerServiceClient,
    customer_service_client::CustomerServiceClient,
    onboarding_service_client::OnboardingServiceClient,
    partner_service_client::PartnerServiceClient,
};
use openfinance_sandbox::{Commit, Control, FaultBody, FaultRule, Operation};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{business, canary, consumer, onboarding, world::REQUEST_ID};

/// A user name of which nothing may tell, though the vendor wants it in a query.
const USERNAME: &str = "ermintrude-quackenbush";

/// The methods that are called, as their spans are named.
const CALLED: [&str; 15] = [
    "openfinance.v1.CustomerService/CreateCustomer",
    "openfinance.v1.CustomerService/GetCustomer",
    "openfinance.v1.CustomerService/LookupCustomer",
    "openfinance.v1.CustomerService/ListCustomers",
    "openfinance.v1.CustomerService/UpdateCustomer",
    "openfinance.v1.CustomerService/DeleteCustomer",
    "openfinance.v1.ConsumerService/CreateConsumer",
    "openfinance.v1.ConsumerService/GetConsumer",
    "openfinance.v1.ConsumerService/UpdateConsumer",
    "openfinance.v1.BusinessService/CreateBusiness",
    "openfinance.v1.BusinessService/GetBusiness",
    "openfinance.v1.BusinessService/UpdateBusiness",
    "openfinance.v1.AuthorizationService/BatchGetAuthorizationDetails",
    "openfinance.v1.OnboardingService/OnboardCustomer",
    "openfinance.v1.PartnerService/RotatePartnerSecret",
];

/// A request with a header that nobody asked for.
fn with_header<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let note = format!("{} {}", canary::FIRST_NAME, canary::SSN);
    let note = note.parse().unwrap();
    request.metadata_mut().insert("x-note", note);
    request
}

/// What an answer or a refusal prints is searched like all else.
fn seen<T: Debug>(answer: Result<Response<T>, Status>) -> Result<T, Status> {
    canary::scan(&format!("{answer:?}"));
    if let Err(refusal) = &answer {
        canary::scan(&refusal.to_string());
        canary::scan_bytes("the details of a refusal", refusal.details());
    }
    answer.map(Response::into_inner)
}

fn customer() -> pb::Customer {
    pb::Customer {
        username: USERNAME.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        phone: canary::PHONE.to_owned(),
        email: canary::EMAIL.to_owned(),
        ..Default::default()
    }
}

/// Calls everything, and answers what has been called.
pub(super) async fn run(channel: &Channel, sandbox: &Control) -> &'static [&'static str] {
    let customer_id = customers(channel).await;
    records(channel, sandbox, &customer_id).await;
    failures(channel, sandbox).await;
    // Last, for the sandbox's first secret is over then.
    let mut partner = PartnerServiceClient::new(channel.clone());
    let request = pb::RotatePartnerSecretRequest {
        new_secret: canary::NEW_SECRET.to_owned(),
        immediate: true,
    };
    seen(partner.rotate_partner_secret(with_header(request)).await).unwrap();
    &CALLED
}

async fn customers(channel: &Channel) -> String {
    let mut client = CustomerServiceClient::new(channel.clone());
    let create = pb::CreateCustomerRequest {
        customer: Some(customer()),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    };
    let made = seen(client.create_customer(with_header(create.clone())).await).unwrap();
    let again = pb::CreateCustomerRequest {
        request_id: String::new(),
        ..create
    };
    seen(client.create_customer(with_header(again)).await).unwrap_err();
    let lookup = pb::LookupCustomerRequest {
        username: USERNAME.to_owned(),
    };
    seen(client.lookup_customer(with_header(lookup)).await).unwrap();
    let list = pb::ListCustomersRequest {
        search: canary::LAST_NAME.to_owned(),
        ..Default::default()
    };
    seen(client.list_customers(with_header(list)).await).unwrap();
    let update = pb::UpdateCustomerRequest {
        customer: Some(pb::Customer {
            customer_id: made.customer_id.clone(),
            last_name: canary::LAST_NAME.to_owned(),
            ..Default::default()
        }),
        update_mask: None,
    };
    seen(client.update_customer(with_header(update)).await).unwrap();
    // What is personal may stand where an id belongs; a number alone can't be told from one.
    for customer_id in [canary::FIRST_NAME, canary::SSN] {
        let customer_id = customer_id.to_owned();
        let nobody = pb::GetCustomerRequest { customer_id };
        let nobody = client.get_customer(with_header(nobody)).await;
        nobody.unwrap_err();
    }
    made.customer_id
}

async fn records(channel: &Channel, sandbox: &Control, customer_id: &str) {
    let mut client = ConsumerServiceClient::new(channel.clone());
    let create = pb::CreateConsumerRequest {
        customer_id: customer_id.to_owned(),
        consumer: Some(consumer::whole()),
        ..Default::default()
    };
    // Its answer is lost, and what has become of it is read.
    let lost = FaultRule::on(Operation::CreateConsumer).commit(Commit::Before);
    sandbox.add_fault(repeats(lost, 502)).unwrap();
    let made = seen(client.create_consumer(with_header(create)).await).unwrap();
    let get = pb::GetConsumerRequest {
        consumer_id: made.consumer_id.clone(),
    };
    seen(client.get_consumer(with_header(get)).await).unwrap();
    let update = pb::UpdateConsumerRequest {
        consumer: Some(pb::Consumer {
            consumer_id: made.consumer_id,
            ..consumer::whole()
        }),
        update_mask: None,
    };
    seen(client.update_consumer(with_header(update)).await).unwrap();
    let wrong = pb::CreateConsumerRequest {
        customer_id: customer_id.to_owned(),
        consumer: Some(pb::Consumer {
            ssn: format!("{}0", canary::SSN),
            last_name: format!("{}\u{0}", canary::LAST_NAME),
            ..consumer::whole()
        }),
        ..Default::default()
    };
    seen(client.create_consumer(with_header(wrong)).await).unwrap_err();

    let mut client = BusinessServiceClient::new(channel.clone());
    let create = pb::CreateBusinessRequest {
        customer_id: customer_id.to_owned(),
        business: Some(business::whole()),
        ..Default::default()
    };
    let made = seen(client.create_business(with_header(create)).await).unwrap();
    let get = pb::GetBusinessRequest {
        business_id: made.business_id.clone(),
    };
    seen(client.get_business(with_header(get)).await).unwrap();
    let update = pb::UpdateBusinessRequest {
        business: Some(pb::Business {
            business_id: made.business_id,
            ..business::whole()
        }),
        update_mask: None,
    };
    seen(client.update_business(with_header(update)).await).unwrap();
    let delete = pb::DeleteCustomerRequest {
        customer_id: customer_id.to_owned(),
        allow_missing: false,
    };
    let mut client = CustomerServiceClient::new(channel.clone());
    seen(client.delete_customer(with_header(delete)).await).unwrap();
}

async fn failures(channel: &Channel, sandbox: &Control) {
    let mut client = OnboardingServiceClient::new(channel.clone());
    // What has become of it can't be found out, so its intent stays in the store.
    for (operation, commit) in [
        (Operation::CreateConsumer, Commit::Before),
        (Operation::GetConsumerForCustomer, Commit::Never),
    ] {
        let rule = FaultRule::on(operation).commit(commit).times(1_000);
        sandbox.add_fault(repeats(rule, 500)).unwrap();
    }
    let onboard = pb::OnboardCustomerRequest {
        request_id: "6f1c1f0a-6d1e-4c9c-9a35-6f0b1d0f5a12".to_owned(),
        ..onboarding::household()
    };
    seen(client.onboard_customer(with_header(onboard)).await).unwrap_err();
    sandbox.clear_faults();
    let mut client = AuthorizationServiceClient::new(channel.clone());
    let rule = FaultRule::on(Operation::GetCustomerAuthorizationDetails).commit(Commit::Never);
    sandbox.add_fault(repeats(rule, 400)).unwrap();
    let batch = pb::BatchGetAuthorizationDetailsRequest {
        institution_login_ids: vec![424_242, 17],
    };
    let answer = client.batch_get_authorization_details(with_header(batch));
    answer.await.unwrap();
}

/// The rule's answer repeats personal data.
fn repeats(rule: FaultRule, status: u16) -> FaultRule {
    let echo = format!(
        "{} {} {} 509318642 1937-11-23 {} {} {USERNAME}",
        canary::FIRST_NAME,
        canary::LAST_NAME,
        canary::SSN,
        canary::PHONE,
        canary::EMAIL
    );
    let body = format!(r#"{{"code": "{echo}", "message": "{echo}"}}"#);
    rule.answer(status, Some(FaultBody::Text(body)))
}
