//! Every create under every fault: exactly one record and its id, or an honest error.

use std::{net::SocketAddr, time::Duration};

use openfinance_gateway::config::Upstream;
use openfinance_rpc::pb;
use openfinance_sandbox::{Operation, RecordKind};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use super::{
    AFTERWARDS, all_fired, created,
    door::{Door, Doorway},
    has_begun, never_blindly_repeated,
    plan::{Expect, Plan, of_any, of_create},
    reason, requests, run, told, world,
};
use crate::{canary, world::World};

/// Any will do: each cell has a store of its own.
const REQUEST_ID: &str = "7b0f2f6e-5d0a-4c7e-9f43-2d7c1a3b5e90";
/// How often a call is repeated until its create is settled.
const REPEATS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Create {
    TestingCustomer,
    ActiveCustomer,
    Consumer,
    ConsumerForBusiness,
    Business,
}

/// Whether the caller gives the request an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Given,
    None,
}

impl Create {
    /// The vendor's operation, the one that finds what it made, and what that is.
    fn subject(self) -> (Operation, Operation, RecordKind) {
        match self {
            Self::TestingCustomer => (
                Operation::AddTestingCustomer,
                Operation::GetCustomers,
                RecordKind::Customer,
            ),
            Self::ActiveCustomer => (
                Operation::AddCustomer,
                Operation::GetCustomers,
                RecordKind::Customer,
            ),
            Self::Consumer | Self::ConsumerForBusiness => (
                Operation::CreateConsumer,
                Operation::GetConsumerForCustomer,
                RecordKind::Consumer,
            ),
            Self::Business => (
                Operation::AddBusinessDetails,
                Operation::GetBusinessByCustomer,
                RecordKind::Business,
            ),
        }
    }

    fn plans(self, stranger: &str) -> Vec<Plan> {
        let (create, look, _) = self.subject();
        let mut plans = of_any(create, stranger);
        plans.extend(of_create(create, look));
        if self == Self::Business {
            // Neither its answer nor what is read has anything but the id to tell one business of this name from another.
            plans.retain(|plan| !plan.name.contains("another record"));
        }
        plans
    }

    async fn call(self, world: &World, owner: &str, id: Id) -> Result<String, Status> {
        let request_id = match id {
            Id::Given => REQUEST_ID.to_owned(),
            Id::None => String::new(),
        };
        let customer_id = owner.to_owned();
        match self {
            Self::TestingCustomer | Self::ActiveCustomer => {
                let r#type = if self == Self::TestingCustomer {
                    pb::CustomerType::Testing
                } else {
                    pb::CustomerType::Active
                };
                let customer = pb::Customer {
                    username: "household-4711".to_owned(),
                    r#type: r#type.into(),
                    first_name: canary::FIRST_NAME.to_owned(),
                    phone: canary::PHONE.to_owned(),
                    email: canary::EMAIL.to_owned(),
                    ..Default::default()
                };
                let request = pb::CreateCustomerRequest {
                    customer: Some(customer),
                    request_id,
                    ..Default::default()
                };
                let answer = world.customers().create_customer(request).await;
                answer.map(world.seen()).map(|made| made.customer_id)
            }
            Self::Consumer => {
                let consumer = pb::Consumer {
                    first_name: canary::FIRST_NAME.to_owned(),
                    last_name: canary::LAST_NAME.to_owned(),
                    state: "UT".to_owned(),
                    ssn: canary::SSN.to_owned(),
                    birthday: Some(canary::birthday()),
                    phone: canary::PHONE.to_owned(),
                    ..Default::default()
                };
                let request = pb::CreateConsumerRequest {
                    customer_id,
                    consumer: Some(consumer),
                    request_id,
                    ..Default::default()
                };
                let answer = world.consumers().create_consumer(request).await;
                answer.map(world.seen()).map(|made| made.consumer_id)
            }
            Self::ConsumerForBusiness => {
                let request = pb::CreateConsumerForBusinessRequest {
                    customer_id,
                    business_name: "ABC Plumbing".to_owned(),
                    business_type: "LLC".to_owned(),
                    ein: canary::EIN.to_owned(),
                    report_date: Some(pb::Date {
                        year: 2026,
                        month: 7,
                        day: 25,
                    }),
                    state: "UT".to_owned(),
                    phone: canary::PHONE.to_owned(),
                    request_id,
                    ..Default::default()
                };
                let answer = world
                    .consumers()
                    .create_consumer_for_business(request)
                    .await;
                answer.map(world.seen()).map(|made| made.consumer_id)
            }
            Self::Business => {
                let business = pb::Business {
                    name: "ABC Tires Inc".to_owned(),
                    personally_liable: Some(false),
                    address: Some(pb::Address {
                        city: "Murray".to_owned(),
                        ..Default::default()
                    }),
                    phone_number: Some(pb::PhoneNumber::default()),
                    email: canary::EMAIL.to_owned(),
                    tax_id: canary::TAX_ID.to_owned(),
                    ..Default::default()
                };
                let request = pb::CreateBusinessRequest {
                    customer_id,
                    business: Some(business),
                    request_id,
                    ..Default::default()
                };
                let answer = world.businesses().create_business(request).await;
                answer.map(world.seen()).map(|made| made.business_id)
            }
        }
    }
}

/// All cells of one create, with or without request id.
async fn matrix(create: Create, id: Id) {
    // Whoever follows a redirection ends up here.
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", stranger.local_addr().unwrap());
    let cells = create.plans(&url).into_iter().map(|plan| {
        let name = format!("{create:?}, {}", plan.name);
        (name, cell(create, id, plan))
    });
    run(cells).await;
    let visitor = tokio::time::timeout(Duration::ZERO, stranger.accept()).await;
    assert!(visitor.is_err(), "a redirection was followed");
}

async fn cell(create: Create, id: Id, plan: Plan) {
    let mut doorway = None;
    let world = world(|gateway| {
        if plan.door.is_some() {
            let Upstream::Vendor(vendor) = &mut gateway.upstream else {
                panic!("the sandbox is the vendor here");
            };
            let target = vendor.base_url.as_str().trim_start_matches("http://");
            let door = Doorway::to(target.parse::<SocketAddr>().unwrap());
            vendor.base_url = door.base_url().parse().unwrap();
            doorway = Some(door);
        }
    })
    .await;
    let control = world.sandbox().clone();
    let owner = world.customer().await;
    let (operation, look, kind) = create.subject();
    let begin = control.journal(0).entries.len();
    for rule in &plan.rules {
        control.add_fault(rule.clone()).unwrap();
    }
    if let (Some(doorway), Some(door)) = (&doorway, plan.door) {
        doorway.set(door);
    }
    has_begun(&plan, &world, doorway.as_ref()).await;

    let mut outcome = create.call(&world, &owner, id).await;
    all_fired(&control);
    if let (Some(doorway), Some(Door::ClosedOnNext)) = (&doorway, plan.door) {
        assert_eq!(doorway.state(), Door::Open, "no request was at the door");
    }
    if let Err(status) = &outcome {
        assert_ne!(plan.expect, Expect::Success, "{}", reason(status));
        let known_undone = honest(status, id);
        // The vendor is well again, and done with all that it had begun.
        control.clear_faults();
        if let Some(doorway) = &doorway {
            doorway.set(Door::Open);
        }
        control.advance(AFTERWARDS).unwrap();
        let records = created(&control, begin, kind);
        match id {
            Id::Given => outcome = repeat(create, &world, &owner).await,
            Id::None if known_undone => assert_eq!(records.len(), 0, "done, but {status:?}"),
            Id::None => assert!(records.len() <= 1, "{records:?}"),
        }
    }
    control.advance(AFTERWARDS).unwrap();
    let records = created(&control, begin, kind);
    match &outcome {
        Ok(made) => assert_eq!(records, std::slice::from_ref(made)),
        Err(status) => assert_eq!(id, Id::None, "never settled: {status:?}"),
    }
    let requests = requests(&control, begin);
    never_blindly_repeated(&requests, operation, look);
    let sent = requests
        .iter()
        .filter(|request| request.operation == Some(operation))
        .count();
    assert!(sent <= 4, "{sent} creates were sent: {}", told(&requests));
    assert!(requests.len() <= 60, "{} requests", requests.len());
    world.stop().await;
}

/// Whether the error says that nothing was done. It must be one that a caller can act on.
fn honest(status: &Status, id: Id) -> bool {
    match (status.code(), reason(status).as_str(), id) {
        (Code::Unavailable, "UPSTREAM_UNAVAILABLE" | "UPSTREAM_TOKEN_REJECTED", _)
        | (Code::ResourceExhausted, "UPSTREAM_RATE_LIMITED", _) => true,
        (Code::Unavailable, "OUTCOME_UNKNOWN", Id::Given)
        | (Code::Unknown, "OUTCOME_UNKNOWN", Id::None) => false,
        _ => panic!("not honest: {status:?}"),
    }
}

/// Repeats the call, as its error says that it may, until the create is settled.
async fn repeat(create: Create, world: &World, owner: &str) -> Result<String, Status> {
    let mut outcome = create.call(world, owner, Id::Given).await;
    for _ in 0..REPEATS {
        match &outcome {
            Ok(_) => break,
            Err(status) if status.code() == Code::Aborted => {
                assert_eq!(reason(status), "REQUEST_IN_FLIGHT");
            }
            Err(status) => {
                honest(status, Id::Given);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        outcome = create.call(world, owner, Id::Given).await;
    }
    outcome
}

/// Defines a test for each create, with and without request id.
macro_rules! matrices {
    ($($name:ident: $create:ident, $id:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            matrix(Create::$create, Id::$id).await;
        }
    )*};
}

matrices! {
    every_fault_of_a_testing_customer_with_request_id: TestingCustomer, Given;
    every_fault_of_a_testing_customer_without_request_id: TestingCustomer, None;
    every_fault_of_an_active_customer_with_request_id: ActiveCustomer, Given;
    every_fault_of_an_active_customer_without_request_id: ActiveCustomer, None;
    every_fault_of_a_consumer_with_request_id: Consumer, Given;
    every_fault_of_a_consumer_without_request_id: Consumer, None;
    every_fault_of_a_consumer_for_a_business_with_request_id: ConsumerForBusiness, Given;
    every_fault_of_a_consumer_for_a_business_without_request_id: ConsumerForBusiness, None;
    every_fault_of_a_business_with_request_id: Business, Given;
    every_fault_of_a_business_without_request_id: Business, None;
}
