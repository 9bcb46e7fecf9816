//! Every read under every fault: the record that was asked for, or an honest error, and never another record.

use std::time::Duration;

use openfinance_rpc::pb;
use openfinance_sandbox::Operation;
use tokio::net::TcpListener;
use tonic::{Code, Status};

use super::{
    all_fired, has_begun,
    plan::{Plan, of_any},
    reason, requests, run, world,
};
use crate::world::World;

const USERNAME: &str = "household-4711";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Customer,
    Lookup,
    List,
    Application,
    Consumer,
    ConsumerByCustomer,
    Business,
    BusinessByCustomer,
    Authorization,
}

/// What is there to be read.
struct There {
    customer_id: String,
    consumer_id: String,
    business_id: String,
    login: i64,
}

impl There {
    async fn made(world: &World) -> Self {
        world.sandbox().add_application("9", "Loans");
        let customer = pb::Customer {
            username: USERNAME.to_owned(),
            r#type: pb::CustomerType::Active.into(),
            application_id: "9".to_owned(),
            ..Default::default()
        };
        let request = pb::CreateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        };
        let customer_id = world.customers().create_customer(request).await;
        let customer_id = customer_id.unwrap().into_inner().customer_id;
        let consumer_id = world.consumer_of(&customer_id).await.consumer_id;
        let business_id = world.business_of(&customer_id).await.business_id;
        let login = world.institution_login(&customer_id);
        // Somebody else, who must not be taken for the one.
        world.customer().await;
        Self {
            customer_id,
            consumer_id,
            business_id,
            login,
        }
    }
}

impl Read {
    fn operation(self) -> Operation {
        match self {
            Self::Customer => Operation::GetCustomer,
            Self::Lookup | Self::List => Operation::GetCustomers,
            Self::Application => Operation::GetCustomerWithAppData,
            Self::Consumer => Operation::GetConsumer,
            Self::ConsumerByCustomer => Operation::GetConsumerForCustomer,
            Self::Business => Operation::GetBusinessById,
            Self::BusinessByCustomer => Operation::GetBusinessByCustomer,
            Self::Authorization => Operation::GetCustomerAuthorizationDetails,
        }
    }

    /// Reads, and answers the id of what was read and the one that was to be.
    async fn call(self, world: &World, there: &There) -> Result<(String, String), Status> {
        let customer_id = there.customer_id.clone();
        let customer = customer_id.clone();
        match self {
            Self::Customer => {
                let request = pb::GetCustomerRequest { customer_id };
                let answer = world.customers().get_customer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| (read.customer_id, customer))
            }
            Self::Lookup => {
                let request = pb::LookupCustomerRequest {
                    username: USERNAME.to_owned(),
                };
                let answer = world.customers().lookup_customer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| (read.customer_id, customer))
            }
            Self::List => {
                let request = pb::ListCustomersRequest {
                    search: USERNAME.to_owned(),
                    ..Default::default()
                };
                let answer = world.customers().list_customers(request).await;
                answer.map(world.seen()).map(|mut read| {
                    assert_eq!(read.customers.len(), 1);
                    (read.customers.remove(0).customer_id, customer)
                })
            }
            Self::Application => {
                let request = pb::GetCustomerApplicationRequest { customer_id };
                let answer = world.customers().get_customer_application(request).await;
                answer
                    .map(world.seen())
                    .map(|read| (read.customer_id, customer))
            }
            Self::Consumer => {
                let consumer_id = there.consumer_id.clone();
                let request = pb::GetConsumerRequest { consumer_id };
                let answer = world.consumers().get_consumer(request).await;
                let wanted = there.consumer_id.clone();
                answer
                    .map(world.seen())
                    .map(|read| (read.consumer_id, wanted))
            }
            Self::ConsumerByCustomer => {
                let request = pb::GetConsumerByCustomerRequest { customer_id };
                let answer = world.consumers().get_consumer_by_customer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| (read.customer_id, customer))
            }
            Self::Business => {
                let business_id = there.business_id.clone();
                let request = pb::GetBusinessRequest { business_id };
                let answer = world.businesses().get_business(request).await;
                let wanted = there.business_id.clone();
                answer
                    .map(world.seen())
                    .map(|read| (read.business_id, wanted))
            }
            Self::BusinessByCustomer => {
                let request = pb::GetBusinessByCustomerRequest { customer_id };
                let answer = world.businesses().get_business_by_customer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| (read.customer_id, customer))
            }
            Self::Authorization => {
                let request = pb::GetAuthorizationDetailsRequest {
                    institution_login_id: there.login,
                };
                let answer = world
                    .authorizations()
                    .get_authorization_details(request)
                    .await;
                let wanted = there.login.to_string();
                answer
                    .map(world.seen())
                    .map(|read| (read.institution_login_id.to_string(), wanted))
            }
        }
    }

    /// Whether nothing in the answer of the vendor says whose it is, so that another record can't be told from it.
    fn is_blind(self) -> bool {
        match self {
            Self::List | Self::BusinessByCustomer => true,
            Self::Customer
            | Self::Lookup
            | Self::Application
            | Self::Consumer
            | Self::ConsumerByCustomer
            | Self::Business
            | Self::Authorization => false,
        }
    }
}

/// Whether a read must succeed although this was in its way.
fn passes(plan: &Plan) -> bool {
    [
        "kept connection closed",
        "reset ",
        "silence ",
        "408",
        "502",
        "503",
        "504",
        "answer cut short",
        "no byte",
        "answer in time",
        "with more members",
        "token refused, ",
    ]
    .iter()
    .any(|begin| plan.name.starts_with(begin))
        || ["429", "429, Retry-After: 1"].contains(&plan.name.as_str())
}

async fn cell(read: Read, plan: Plan) {
    let world = world(|_| ()).await;
    let control = world.sandbox().clone();
    let there = There::made(&world).await;
    let begin = control.journal(0).entries.len();
    for rule in &plan.rules {
        control.add_fault(rule.clone()).unwrap();
    }
    has_begun(&plan, &world, None).await;
    match read.call(&world, &there).await {
        Ok((read, wanted)) => assert_eq!(read, wanted),
        Err(status) => {
            let reason = reason(&status);
            assert!(!passes(&plan), "{reason}");
            match (status.code(), reason.as_str()) {
                (Code::Unavailable, "UPSTREAM_UNAVAILABLE" | "UPSTREAM_TOKEN_REJECTED")
                | (Code::ResourceExhausted, "UPSTREAM_RATE_LIMITED")
                | (Code::Internal, "UPSTREAM_MALFORMED") => {}
                _ => panic!("not honest: {status:?}"),
            }
        }
    }
    all_fired(&control);
    let requests = requests(&control, begin);
    let sent = requests
        .iter()
        .filter(|request| request.operation == Some(read.operation()))
        .count();
    assert!(sent <= 3, "{sent} attempts");
    world.stop().await;
}

async fn matrix(reads: &[Read]) {
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", stranger.local_addr().unwrap());
    let cells = reads.iter().flat_map(|&read| {
        let plans = of_any(read.operation(), &url).into_iter();
        plans
            // Whether a read was done makes no difference to anybody.
            .filter(|plan| plan.door.is_none())
            .filter(|plan| !plan.name.contains("soon after") && !plan.name.contains("long after"))
            .filter(|plan| !plan.name.contains(", never done"))
            .filter(|plan| !plan.name.contains("after the request's head"))
            .filter(|plan| !plan.name.contains("amid the request's body"))
            .filter(move |plan| !read.is_blind() || plan.name != "another record")
            .map(move |plan| (format!("{read:?}, {}", plan.name), cell(read, plan)))
    });
    run(cells).await;
    let visitor = tokio::time::timeout(Duration::ZERO, stranger.accept()).await;
    assert!(visitor.is_err(), "a redirection was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_read_of_customers() {
    matrix(&[Read::Customer, Read::Lookup, Read::List, Read::Application]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_read_of_what_a_customer_has() {
    matrix(&[
        Read::Consumer,
        Read::ConsumerByCustomer,
        Read::Business,
        Read::BusinessByCustomer,
        Read::Authorization,
    ])
    .await;
}
