//! Onboardings that break off and are repeated with the same request id.

use std::{path::Path, sync::Arc, time::Duration};

use openfinance_gateway::config;
use openfinance_sandbox::{Commit, FaultRule, Target};
use tokio::task::JoinSet;
use tonic::Code;

use super::*;
use crate::world::REQUEST_ID;

const CREATED: &str = "OUTCOME_CREATED";
const RESUMED: &str = "OUTCOME_RESUMED";

/// The steps, with the operation that creates each record and the one that it is looked for with.
const STEPS: [(&str, Operation, Operation); 3] = [
    (
        "CUSTOMER",
        Operation::AddTestingCustomer,
        Operation::GetCustomers,
    ),
    (
        "CONSUMER",
        Operation::CreateConsumer,
        Operation::GetConsumerForCustomer,
    ),
    (
        "BUSINESS",
        Operation::AddBusinessDetails,
        Operation::GetBusinessByCustomer,
    ),
];

/// Whether the vendor did what it was asked before its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Done,
    NotDone,
}

/// Settings of a gateway that keeps what must survive it in a file, and gives up early on what can't be found out.
fn kept_in(folder: &Path) -> impl Fn(&mut config::Config) {
    let path = folder.join("store");
    move |config| {
        config.shared.store_path = Some(path.clone());
        config.retry.quiet_time = Duration::from_millis(200);
        config.retry.write_cap = Duration::from_millis(1500);
    }
}

fn named() -> pb::OnboardCustomerRequest {
    pb::OnboardCustomerRequest {
        request_id: REQUEST_ID.to_owned(),
        ..household()
    }
}

fn outcomes(answer: &pb::OnboardCustomerResponse) -> Vec<&'static str> {
    answer
        .steps
        .iter()
        .map(|step| step.outcome().as_str_name())
        .collect()
}

fn record_ids(answer: &pb::OnboardCustomerResponse) -> Vec<&str> {
    answer
        .steps
        .iter()
        .map(|step| step.record_id.as_str())
        .collect()
}

fn has_one_of_each(world: &World) {
    let counts = world.sandbox().counts();
    assert_eq!(
        (counts.customers, counts.consumers, counts.businesses),
        (1, 1, 1)
    );
}

/// Loses the answer to a step out of sight, starts the gateway anew, and repeats.
async fn breaks_off_at(broken: usize, work: Work) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with_gateway(|_| (), kept_in(folder.path())).await;
    let (word, create, look) = STEPS[broken];
    world.fails(look);
    let commit = match work {
        Work::Done => Commit::Before,
        Work::NotDone => Commit::Never,
    };
    let rule = FaultRule::on(create).commit(commit).times(u64::MAX);
    world.fault(rule, 502, "text/html", "<html>Bad Gateway</html>");
    let status = onboard(&world, named()).await.unwrap_err();
    crate::refusals::check(
        &status,
        "UNAVAILABLE",
        "OUTCOME_UNKNOWN",
        crate::refusals::OURS,
        &[],
    );
    let [step, customer_id, consumer_id] = progress(&status);
    assert_eq!(step, word);
    assert_eq!(
        [customer_id.is_empty(), consumer_id.is_empty()],
        [broken < 1, broken < 2]
    );

    world.sandbox().clear_faults();
    let world = world.reopened(kept_in(folder.path())).await;
    let sent = STEPS.map(|(_, create, _)| world.called(create));
    let answer = onboard(&world, named()).await.unwrap();
    let expected: Vec<_> = (0..3)
        .map(|step| match (step < broken, step == broken, work) {
            (true, _, _) | (_, true, Work::Done) => RESUMED,
            (false, _, _) => CREATED,
        })
        .collect();
    assert_eq!(outcomes(&answer), expected);
    for (step, (_, create, _)) in STEPS.into_iter().enumerate() {
        let creates = world.called(create) - sent[step];
        assert_eq!(
            creates,
            usize::from(expected[step] == CREATED),
            "{create:?}"
        );
    }
    let ids = record_ids(&answer);
    for (before, id) in [customer_id, consumer_id].iter().zip(&ids) {
        assert!(before.is_empty() || before == id, "{before} {id}");
    }
    has_one_of_each(&world);

    let calls = world.calls();
    let again = onboard(&world, named()).await.unwrap();
    assert_eq!(outcomes(&again), [RESUMED; 3]);
    assert_eq!(record_ids(&again), ids);
    assert_eq!(
        (again.customer, again.consumer, again.business),
        (answer.customer, answer.consumer, answer.business)
    );
    assert_eq!(world.calls(), calls);
    world.stop().await;
}

#[tokio::test]
async fn a_customer_that_was_made_out_of_sight_is_found_and_the_rest_is_made() {
    breaks_off_at(0, Work::Done).await;
}

#[tokio::test]
async fn a_customer_that_was_not_made_is_made_by_the_repeat() {
    breaks_off_at(0, Work::NotDone).await;
}

#[tokio::test]
async fn a_consumer_that_was_made_out_of_sight_is_found_and_the_business_is_made() {
    breaks_off_at(1, Work::Done).await;
}

#[tokio::test]
async fn a_consumer_that_was_not_made_is_made_by_the_repeat() {
    breaks_off_at(1, Work::NotDone).await;
}

#[tokio::test]
async fn a_business_that_was_made_out_of_sight_is_found() {
    breaks_off_at(2, Work::Done).await;
}

#[tokio::test]
async fn a_business_that_was_not_made_is_made_by_the_repeat() {
    breaks_off_at(2, Work::NotDone).await;
}

#[tokio::test]
async fn a_record_that_this_call_made_and_found_by_reading_is_created_by_it() {
    let world = World::start().await;
    for (_, create, _) in STEPS {
        world.loses_answer(create, 502, "text/html", "<html>Bad Gateway</html>");
    }
    let answer = onboard(&world, named()).await.unwrap();
    assert_eq!(outcomes(&answer), [CREATED; 3]);
    assert_eq!(STEPS.map(|(_, create, _)| world.called(create)), [1; 3]);
    has_one_of_each(&world);
    world.stop().await;
}

#[tokio::test]
async fn a_caller_who_left_half_way_resumes() {
    let world = Arc::new(World::start().await);
    let barrier = world
        .sandbox()
        .add_barrier(Target::Operation(Operation::CreateConsumer));
    let first = tokio::spawn({
        let world = Arc::clone(&world);
        async move { onboard(&world, named()).await }
    });
    world.sandbox().barrier_holds(barrier, 1).await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.sandbox().release_barrier(barrier).unwrap();
    let answer = onboard(&world, named()).await.unwrap();
    assert_eq!(outcomes(&answer), [RESUMED, RESUMED, CREATED]);
    assert_eq!(STEPS.map(|(_, create, _)| world.called(create)), [1; 3]);
    has_one_of_each(&world);
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn calls_at_the_same_time_make_one_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with_gateway(|_| (), kept_in(folder.path())).await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let mut service = world.onboarding();
        calls.spawn(async move { service.onboard_customer(named()).await });
    }
    let answers: Vec<_> = calls
        .join_all()
        .await
        .into_iter()
        .map(|answer| world.seen()(answer.unwrap()))
        .collect();
    for answer in &answers {
        assert_eq!(record_ids(answer), record_ids(&answers[0]));
    }
    for (step, (_, create, _)) in STEPS.into_iter().enumerate() {
        let created = answers
            .iter()
            .filter(|answer| outcomes(answer)[step] == CREATED);
        assert_eq!(created.count(), 1, "{create:?}");
        assert_eq!(world.called(create), 1, "{create:?}");
    }
    has_one_of_each(&world);
    world.stop().await;
}

#[tokio::test]
async fn a_request_id_stands_for_the_whole_request_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with_gateway(|_| (), kept_in(folder.path())).await;
    // Nothing is there of it, and it stands for this request all the same.
    world.answers_text(Operation::AddTestingCustomer, 400, "text/plain", "no");
    onboard(&world, named()).await.unwrap_err();
    let world = world.reopened(kept_in(folder.path())).await;
    let calls = world.calls();
    let others = [
        pb::OnboardCustomerRequest {
            customer: Some(pb::Customer {
                phone: String::new(),
                ..customer()
            }),
            ..named()
        },
        pb::OnboardCustomerRequest {
            customer: Some(pb::Customer {
                r#type: pb::CustomerType::Active.into(),
                ..customer()
            }),
            ..named()
        },
        pb::OnboardCustomerRequest {
            consumer: Some(pb::Consumer {
                state: "NV".to_owned(),
                ..person()
            }),
            ..named()
        },
        pb::OnboardCustomerRequest {
            business: Some(pb::Business {
                email: String::new(),
                ..business()
            }),
            ..named()
        },
        pb::OnboardCustomerRequest {
            business: None,
            ..named()
        },
        pb::OnboardCustomerRequest {
            consumer: None,
            business: None,
            ..named()
        },
    ];
    for other in others {
        let status = onboard(&world, other).await.unwrap_err();
        crate::refusals::check(
            &status,
            "INVALID_ARGUMENT",
            "REQUEST_ID_REUSED",
            crate::refusals::OURS,
            &["request_id"],
        );
        assert_eq!(progress(&status), ["", "", ""]);
    }
    assert_eq!(world.calls(), calls);
    let answer = onboard(&world, named()).await.unwrap();
    assert_eq!(outcomes(&answer), [CREATED; 3]);
    world.stop().await;
}

#[tokio::test]
async fn a_request_id_of_a_create_is_another_one_of_an_onboarding() {
    let world = World::start().await;
    let request = pb::CreateCustomerRequest {
        customer: Some(customer()),
        request_id: REQUEST_ID.to_owned(),
        ..Default::default()
    };
    world.customers().create_customer(request).await.unwrap();
    let status = onboard(&world, named()).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status}");
    world.stop().await;
}
