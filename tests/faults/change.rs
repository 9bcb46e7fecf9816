//! Every update and deletion under every fault: it is done in the end, and whoever was told otherwise may repeat it.

use std::time::Duration;

use openfinance_rpc::pb;
use openfinance_sandbox::{Control, Operation, Personal, RecordKind};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use super::{
    AFTERWARDS, all_fired, has_begun,
    plan::{Plan, of_any},
    reason, requests, run, world,
};
use crate::world::{World, mask};

const NEW: &str = "Brunhilde";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Customer,
    Consumer,
    Business,
    Deletion,
}

impl Change {
    fn operation(self) -> Operation {
        match self {
            Self::Customer => Operation::ModifyCustomer,
            Self::Consumer => Operation::ModifyConsumer,
            Self::Business => Operation::UpdateBusiness,
            Self::Deletion => Operation::DeleteCustomer,
        }
    }

    /// Makes what is to be changed, and answers its id.
    async fn prepare(self, world: &World) -> String {
        let customer_id = world.customer().await;
        match self {
            Self::Customer | Self::Deletion => customer_id,
            Self::Consumer => world.consumer_of(&customer_id).await.consumer_id,
            Self::Business => world.business_of(&customer_id).await.business_id,
        }
    }

    async fn call(self, world: &World, id: &str) -> Result<(), Status> {
        let id = id.to_owned();
        match self {
            Self::Customer => {
                let customer = pb::Customer {
                    customer_id: id,
                    first_name: NEW.to_owned(),
                    ..Default::default()
                };
                let request = pb::UpdateCustomerRequest {
                    customer: Some(customer),
                    update_mask: mask(&["first_name"]),
                };
                let answer = world.customers().update_customer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| assert_eq!(read.first_name, NEW))
            }
            Self::Consumer => {
                let consumer = pb::Consumer {
                    consumer_id: id,
                    first_name: NEW.to_owned(),
                    ..Default::default()
                };
                let request = pb::UpdateConsumerRequest {
                    consumer: Some(consumer),
                    update_mask: mask(&["first_name"]),
                };
                let answer = world.consumers().update_consumer(request).await;
                answer
                    .map(world.seen())
                    .map(|read| assert_eq!(read.first_name, NEW))
            }
            Self::Business => {
                let business = pb::Business {
                    business_id: id,
                    name: NEW.to_owned(),
                    ..Default::default()
                };
                let request = pb::UpdateBusinessRequest {
                    business: Some(business),
                    update_mask: mask(&["name"]),
                };
                let answer = world.businesses().update_business(request).await;
                answer
                    .map(world.seen())
                    .map(|read| assert_eq!(read.name, NEW))
            }
            Self::Deletion => {
                let request = pb::DeleteCustomerRequest {
                    customer_id: id,
                    allow_missing: false,
                };
                world.customers().delete_customer(request).await.map(|_| ())
            }
        }
    }

    /// Whether the vendor has done it.
    fn is_done(self, control: &Control, id: &str) -> bool {
        let (kind, name) = match self {
            Self::Customer | Self::Deletion => (RecordKind::Customer, "firstName"),
            Self::Consumer => (RecordKind::Consumer, "firstName"),
            Self::Business => (RecordKind::Business, "name"),
        };
        let record = control.record(kind, id, Personal::Shown);
        match (self, record) {
            (Self::Deletion, record) => record.is_none(),
            (_, record) => record.unwrap()[name] == NEW,
        }
    }
}

/// Whether a change must succeed although this was in its way.
fn passes(plan: &Plan) -> bool {
    [
        "kept connection closed",
        "reset ",
        "silence ",
        "408",
        "502",
        "503",
        "504",
        "answer in time",
        "with more members",
        "token refused, ",
    ]
    .iter()
    .any(|begin| plan.name.starts_with(begin))
        || ["429", "429, Retry-After: 1"].contains(&plan.name.as_str())
}

async fn cell(change: Change, plan: Plan) {
    let world = world(|_| ()).await;
    let control = world.sandbox().clone();
    let id = change.prepare(&world).await;
    let begin = control.journal(0).entries.len();
    for rule in &plan.rules {
        control.add_fault(rule.clone()).unwrap();
    }
    has_begun(&plan, &world, None).await;
    let outcome = change.call(&world, &id).await;
    all_fired(&control);
    let sent = requests(&control, begin)
        .iter()
        .filter(|request| request.operation == Some(change.operation()))
        .count();
    assert!(sent <= 3, "{sent} attempts");
    if let Err(status) = outcome {
        let reason = reason(&status);
        assert!(!passes(&plan), "{reason}");
        match (status.code(), reason.as_str()) {
            (Code::Unavailable, "UPSTREAM_UNAVAILABLE" | "UPSTREAM_TOKEN_REJECTED")
            | (Code::ResourceExhausted, "UPSTREAM_RATE_LIMITED")
            // The comment of the reason says that a write may have been done.
            | (Code::Internal, "UPSTREAM_MALFORMED") => {}
            _ => panic!("not honest: {status:?}"),
        }
        if plan.name.ends_with("86400") {
            // It is not even sent for an hour.
            assert_eq!(reason, "UPSTREAM_RATE_LIMITED");
            assert!(!change.is_done(&control, &id));
            return world.stop().await;
        }
        control.clear_faults();
        control.advance(AFTERWARDS).unwrap();
        let again = change.call(&world, &id).await;
        let gone = change == Change::Deletion
            && again
                .as_ref()
                .is_err_and(|status| status.code() == Code::NotFound);
        assert!(gone || again.is_ok(), "{again:?}");
    }
    assert!(
        change.is_done(&control, &id),
        "it was answered, and is not done"
    );
    // What the vendor does late is the same once more.
    control.advance(AFTERWARDS).unwrap();
    assert!(change.is_done(&control, &id), "it was undone");
    world.stop().await;
}

async fn matrix(change: Change) {
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", stranger.local_addr().unwrap());
    let plans = of_any(change.operation(), &url).into_iter();
    let cells = plans
        .filter(|plan| plan.door.is_none())
        .map(|plan| (format!("{change:?}, {}", plan.name), cell(change, plan)));
    run(cells).await;
    let visitor = tokio::time::timeout(Duration::ZERO, stranger.accept()).await;
    assert!(visitor.is_err(), "a redirection was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_update_of_a_customer() {
    matrix(Change::Customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_update_of_a_consumer() {
    matrix(Change::Consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_update_of_a_business() {
    matrix(Change::Business).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_deletion() {
    matrix(Change::Deletion).await;
}
