//! Creates whose answer is lost: whose record it is that is found, and what is done late.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultRule, Stage};
use tonic::{Code, Status};

use super::{
    create::{Create, METHODS, Method},
    made,
};
use crate::{fleet::reason, world::World};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A world, and a request to be sent in it.
async fn world(method: Method) -> (World, Create) {
    let world = World::start().await;
    let request = method.request(world.channel()).await;
    (world, request)
}

/// The next create of this method loses its answer.
fn lose(world: &World, method: Method, commit: Commit) {
    let rule = FaultRule::on(method.operation()).commit(commit);
    let rule = rule.reset_at(Stage::ResponseHeaders);
    world.sandbox().add_fault(rule).unwrap();
}

/// Holds that it is refused since there is such a record, and that a repeat is told the same without a call.
async fn is_taken(world: &World, method: Method, request: Create) {
    let check = |refusal: &Status| {
        assert_eq!(
            refusal.code(),
            Code::AlreadyExists,
            "{method:?}: {refusal:?}"
        );
        assert_eq!(reason(refusal), method.exists());
    };
    let before = world.called(method.operation());
    check(&request.clone().send(world.channel()).await.unwrap_err());
    assert_eq!(world.called(method.operation()), before + 1, "{method:?}");
    let calls = world.calls();
    check(&request.send(world.channel()).await.unwrap_err());
    assert_eq!(world.calls(), calls, "{method:?}");
}

#[tokio::test]
async fn a_record_that_was_there_before_is_somebody_elses() {
    for method in METHODS {
        let (world, request) = world(method).await;
        let theirs = request.clone().other();
        let id = theirs.send(world.channel()).await.unwrap();
        is_taken(&world, method, request.once()).await;
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_is_ours() {
    for method in METHODS {
        let (world, request) = world(method).await;
        let request = request.once();
        lose(&world, method, Commit::Before);
        let id = request.clone().send(world.channel()).await.unwrap();
        assert_eq!(made(world.sandbox(), method), [id.as_str()], "{method:?}");
        assert_eq!(world.called(method.operation()), 1, "{method:?}");
        let calls = world.calls();
        assert_eq!(request.send(world.channel()).await.unwrap(), id);
        assert_eq!(world.calls(), calls, "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_record_of_other_content_is_somebody_elses_though_our_answer_was_lost() {
    for method in METHODS {
        let (world, request) = world(method).await;
        let theirs = request.clone().other();
        let id = theirs.send(world.channel()).await.unwrap();
        lose(&world, method, Commit::Never);
        is_taken(&world, method, request.once()).await;
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_record_that_is_older_than_the_request_is_somebody_elses_though_it_is_equal() {
    for method in METHODS {
        let (world, request) = world(method).await;
        let theirs = request.clone();
        let id = theirs.send(world.channel()).await.unwrap();
        world.sandbox().advance(HOUR).unwrap();
        lose(&world, method, Commit::Never);
        is_taken(&world, method, request.once()).await;
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}

/// A world whose gateway gives the vendor so long, and itself.
async fn patient(method: Method, quiet_time: Duration, write_cap: Duration) -> (World, Create) {
    let settings = |settings: &mut openfinance_gateway::config::Config| {
        settings.retry.quiet_time = quiet_time;
        settings.retry.write_cap = write_cap;
    };
    let world = World::with_gateway(|_| (), settings).await;
    let request = method.request(world.channel()).await;
    (world, request)
}

#[tokio::test]
async fn what_is_done_late_is_waited_for() {
    for method in METHODS {
        let (world, request) = patient(method, HOUR, HOUR).await;
        let request = request.once();
        lose(&world, method, Commit::Late(HOUR));
        let call = tokio::spawn(request.send(world.channel()));
        while world.called(method.reader()) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.sandbox().advance(HOUR).unwrap();
        let id = call.await.unwrap().unwrap();
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        assert_eq!(world.called(method.operation()), 1, "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_is_done_after_the_first_caller_was_answered_is_found_by_a_repeat() {
    for method in METHODS {
        let (world, request) = patient(method, HOUR, Duration::from_secs(1)).await;
        let request = request.once();
        lose(&world, method, Commit::Late(HOUR));
        let refusal = request.clone().send(world.channel()).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable, "{method:?}");
        assert_eq!(reason(&refusal), "OUTCOME_UNKNOWN");
        world.sandbox().advance(HOUR).unwrap();
        let id = request.send(world.channel()).await.unwrap();
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        assert_eq!(world.called(method.operation()), 1, "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_is_done_later_than_can_be_waited_for_makes_no_second_record() {
    for method in METHODS {
        let (world, request) = world(method).await;
        let request = request.once();
        lose(&world, method, Commit::Late(HOUR));
        let id = request.clone().send(world.channel()).await.unwrap();
        assert_eq!(world.called(method.operation()), 2, "{method:?}");
        world.sandbox().advance(HOUR).unwrap();
        assert_eq!(request.send(world.channel()).await.unwrap(), id);
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}
