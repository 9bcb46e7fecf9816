//! OnboardingService, end to end.

mod refused;
mod resumed;

use openfinance_rpc::pb::{
    self,
    onboarding_step::{Outcome, Step},
};
use openfinance_sandbox::Operation;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{canary, world::World};

pub(crate) use refused::CASES;

fn customer() -> pb::Customer {
    crate::customer::testing("household-4711")
}

fn person() -> pb::Consumer {
    pb::Consumer {
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        state: "UT".to_owned(),
        phone: canary::PHONE.to_owned(),
        ssn: canary::SSN.to_owned(),
        birthday: Some(canary::birthday()),
        ..Default::default()
    }
}

fn business() -> pb::Business {
    pb::Business {
        name: "ABC Plumbing".to_owned(),
        personally_liable: Some(true),
        address: Some(pb::Address {
            address_line1: "434 W Ascension Way".to_owned(),
            city: "Murray".to_owned(),
            state: "UT".to_owned(),
            country: "US".to_owned(),
            postal_code: "84123".to_owned(),
            ..Default::default()
        }),
        phone_number: Some(pb::PhoneNumber {
            country_code: "1".to_owned(),
            number: "801-984-4200".to_owned(),
        }),
        email: canary::EMAIL.to_owned(),
        r#type: "LLC".to_owned(),
        tax_id: canary::TAX_ID.to_owned(),
        ..Default::default()
    }
}

/// A customer with a person as consumer, and the person's business.
pub(crate) fn household() -> pb::OnboardCustomerRequest {
    pb::OnboardCustomerRequest {
        customer: Some(customer()),
        consumer: Some(person()),
        business: Some(business()),
        ..Default::default()
    }
}

/// A customer with a business that stands in for the consumer.
fn small_business() -> pb::OnboardCustomerRequest {
    pb::OnboardCustomerRequest {
        customer: Some(customer()),
        consumer_from_business: Some(pb::ConsumerFromBusiness {
            report_date: Some(pb::Date {
                year: 2026,
                month: 7,
                day: 25,
            }),
        }),
        business: Some(pb::Business {
            personally_liable: Some(false),
            ..business()
        }),
        ..Default::default()
    }
}

async fn onboard(
    world: &World,
    request: pb::OnboardCustomerRequest,
) -> Result<pb::OnboardCustomerResponse, Status> {
    world
        .onboarding()
        .onboard_customer(request)
        .await
        .map(world.seen())
}

/// The operations that the sandbox was asked for, in their order, but for logins.
fn asked(world: &World) -> Vec<Operation> {
    let requests = world.sandbox().requests(None);
    requests
        .iter()
        .filter_map(|request| request.operation)
        .filter(|operation| *operation != Operation::CreateToken)
        .collect()
}

/// What ErrorInfo tells of how far it came: the step, the customer and the consumer.
fn progress(status: &Status) -> [String; 3] {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    ["step", "customer_id", "consumer_id"]
        .map(|key| info.metadata.get(key).cloned().unwrap_or_default())
}

#[tokio::test]
async fn onboard_customer_creates_the_records_in_the_order_that_the_vendor_needs() {
    let world = World::start().await;
    let made = onboard(&world, household()).await.unwrap();
    let customer = made.customer.unwrap();
    let consumer = made.consumer.unwrap();
    let business = made.business.unwrap();
    assert_eq!(consumer.customer_id, customer.customer_id);
    assert_eq!(business.customer_id, customer.customer_id);
    assert_eq!(consumer.ssn_last_four, canary::SSN[7..]);
    let steps = [
        (Step::Customer, &customer.customer_id),
        (Step::Consumer, &consumer.consumer_id),
        (Step::Business, &business.business_id),
    ]
    .map(|(step, id)| pb::OnboardingStep {
        step: step.into(),
        outcome: Outcome::Created.into(),
        record_id: id.clone(),
    });
    assert_eq!(made.steps, steps);
    assert_eq!(
        asked(&world),
        [
            Operation::AddTestingCustomer,
            Operation::CreateConsumer,
            Operation::AddBusinessDetails
        ]
    );
    world.stop().await;
}

#[tokio::test]
async fn onboard_customer_makes_the_consumer_of_the_business_where_it_is_asked_to() {
    let world = World::start().await;
    let made = onboard(&world, small_business()).await.unwrap();
    let consumer = made.consumer.unwrap();
    assert_eq!(
        (
            consumer.first_name.as_str(),
            consumer.last_name.as_str(),
            consumer.phone.as_str(),
            consumer.zip.as_str(),
        ),
        ("ABC Plumbing", "LLC", "1-801-984-4200", "84123")
    );
    assert_eq!(
        consumer.ssn_last_four,
        canary::TAX_ID[canary::TAX_ID.len() - 4..]
    );
    let read = world
        .consumers()
        .get_consumer_by_customer(pb::GetConsumerByCustomerRequest {
            customer_id: made.customer.unwrap().customer_id,
        })
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(read, consumer);
    world.stop().await;
}

#[tokio::test]
async fn onboard_customer_does_no_more_than_it_is_asked_for() {
    let world = World::start().await;
    let request = pb::OnboardCustomerRequest {
        customer: Some(customer()),
        ..Default::default()
    };
    let made = onboard(&world, request).await.unwrap();
    assert_eq!((made.consumer, made.business), (None, None));
    assert_eq!(made.steps.len(), 1);
    assert_eq!(asked(&world), [Operation::AddTestingCustomer]);
    world.stop().await;
}

#[tokio::test]
async fn onboard_customer_checks_all_records_before_it_sends_any() {
    let world = World::start().await;
    let request = pb::OnboardCustomerRequest {
        customer: Some(pb::Customer {
            username: "short".to_owned(),
            ..customer()
        }),
        consumer: Some(pb::Consumer {
            ssn: "1".to_owned(),
            consumer_id: "1".to_owned(),
            ..person()
        }),
        business: Some(pb::Business {
            address: None,
            business_id: "1".to_owned(),
            ..business()
        }),
        request_id: "1".to_owned(),
        ..small_business()
    };
    let status = onboard(&world, request).await.unwrap_err();
    let fields = [
        "customer.username",
        "consumer_from_business",
        "consumer.consumer_id",
        "consumer.ssn",
        "business.business_id",
        "business.address",
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
async fn an_onboarding_that_breaks_off_tells_its_step_and_what_is_there() {
    let world = World::start().await;
    world.answers_text(Operation::AddBusinessDetails, 400, "text/plain", "no");
    let status = onboard(&world, household()).await.unwrap_err();
    let [step, customer_id, consumer_id] = progress(&status);
    assert_eq!(step, "BUSINESS");
    let read = world
        .consumers()
        .get_consumer_by_customer(pb::GetConsumerByCustomerRequest { customer_id })
        .await
        .map(world.seen())
        .unwrap();
    assert_eq!(read.consumer_id, consumer_id);
    assert!(
        status.message().contains("go on with the creates"),
        "{status}"
    );

    world.answers_text(Operation::AddTestingCustomer, 400, "text/plain", "no");
    let status = onboard(&world, household()).await.unwrap_err();
    assert_eq!(progress(&status), ["CUSTOMER", "", ""]);
    world.stop().await;
}
