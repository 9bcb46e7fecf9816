//! RotatePartnerSecret, when all goes well and when it is cut short.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultRule, Operation, Target};
use tonic_types::StatusExt as _;

use super::*;
use crate::canary::NEW_SECRET;

/// Asks the sandbox whether it takes this secret, as another program of the partner would.
async fn is_good(world: &World, secret: &str) -> bool {
    let vendor = Vendor::new(world);
    let body = openfinance_rest::types::PartnerCredentials {
        partner_id: vendor.partner.id.clone().into(),
        partner_secret: secret.to_owned(),
    };
    let sent = vendor.client().create_token(&body).await;
    vendor.call.settle(sent).is_ok()
}

/// Changes the secret at the sandbox, as a gateway does.
async fn change(world: &World, immediate: bool) {
    let vendor = Vendor::new(world);
    let body = openfinance_rest::types::PartnerCredentialsWithNewSecret {
        partner_id: vendor.partner.id.clone().into(),
        partner_secret: OLD_SECRET.to_owned(),
        new_partner_secret: NEW_SECRET.to_owned(),
        immediate: Some(immediate),
    };
    let sent = vendor.client().modify_partner_secret(&body).await;
    vendor.call.settle(sent).unwrap();
}

/// The sandbox, called without a gateway.
struct Vendor {
    partner: openfinance_sandbox::PartnerCredentials,
    call: openfinance_rest::Call,
    base_url: String,
    http: openfinance_rest::HttpClient,
}

impl Vendor {
    fn new(world: &World) -> Self {
        let partner = openfinance_sandbox::Config::default().partner;
        let base_url = world.sandbox_url();
        Self {
            call: openfinance_rest::Call::new(&partner.app_key),
            http: openfinance_rest::http_client(&base_url).unwrap(),
            partner,
            base_url,
        }
    }

    fn client(&self) -> openfinance_rest::Client {
        self.call.client(&self.base_url, &self.http)
    }
}

/// What a rotation leaves behind when it is killed.
struct Killed {
    at: &'static str,
    file: &'static str,
    staged: Option<&'static str>,
    changed_upstream: bool,
    /// How many logins it may cost to find out.
    refused: u64,
    /// What the file has afterwards.
    ends_with: &'static str,
}

/// One state for each of the six steps of a rotation that may be the last one.
const KILLED: [Killed; 6] = [
    Killed {
        at: "while the new secret is written",
        file: OLD_SECRET,
        staged: None,
        changed_upstream: false,
        refused: 0,
        ends_with: OLD_SECRET,
    },
    Killed {
        at: "before the vendor is told",
        file: OLD_SECRET,
        staged: Some(NEW_SECRET),
        changed_upstream: false,
        refused: 1,
        ends_with: OLD_SECRET,
    },
    Killed {
        at: "before the new secret is proven",
        file: OLD_SECRET,
        staged: Some(NEW_SECRET),
        changed_upstream: true,
        refused: 0,
        ends_with: NEW_SECRET,
    },
    Killed {
        at: "before the file is replaced",
        file: OLD_SECRET,
        staged: Some(NEW_SECRET),
        changed_upstream: true,
        refused: 0,
        ends_with: NEW_SECRET,
    },
    Killed {
        at: "before the new secret is used",
        file: NEW_SECRET,
        staged: None,
        changed_upstream: true,
        refused: 0,
        ends_with: NEW_SECRET,
    },
    Killed {
        at: "before it is announced",
        file: NEW_SECRET,
        staged: None,
        changed_upstream: true,
        refused: 0,
        ends_with: NEW_SECRET,
    },
];

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_step_leaves_a_secret_that_works() {
    for immediate in [false, true] {
        for killed in KILLED {
            let what = format!("killed {}, immediate: {immediate}", killed.at);
            let machine = Machine::new();
            let mut world = World::start().await;
            fs::write(machine.file("secret"), killed.file).unwrap();
            if let Some(secret) = killed.staged {
                fs::write(machine.file("secret.next"), secret).unwrap();
            } else if !killed.changed_upstream {
                fs::write(machine.file("secret.next.new"), "half a s").unwrap();
            }
            if killed.changed_upstream {
                change(&world, immediate).await;
            }
            machine.start(&mut world).await;
            call(&world)
                .await
                .unwrap_or_else(|status| panic!("{what}: {status}"));
            assert_eq!(refused_logins(&world), killed.refused, "{what}");
            assert_eq!(machine.secret(), killed.ends_with, "{what}");
            assert!(
                !machine.others().contains(&"secret.next".to_owned()),
                "{what}"
            );
            // And once more, by the same secret.
            machine.start(&mut world).await;
            call(&world).await.unwrap();
            assert_eq!(refused_logins(&world), killed.refused, "{what}");
            // The way is free for another try, also to a secret that was refused when it was none yet.
            rotate(&world, NEW_SECRET).await.unwrap();
            assert_eq!(machine.secret(), NEW_SECRET, "{what}");
            assert_eq!(machine.others(), Vec::<String>::new(), "{what}");
            assert_eq!(refused_logins(&world), killed.refused, "{what}");
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn rotate_partner_secret_changes_it_at_the_vendor_and_in_the_file() {
    let machine = Machine::new();
    let world = machine.world().await;
    let told = rotate(&world, NEW_SECRET).await.unwrap();
    assert_eq!(told.guard(), pb::AuthenticationGuard::Closed);
    assert!(told.token_issue_time.is_some());
    assert_eq!(machine.secret(), NEW_SECRET);
    assert_eq!(machine.others(), Vec::<String>::new());
    assert!(is_good(&world, NEW_SECRET).await);
    assert!(is_good(&world, OLD_SECRET).await, "the old secret works on");
    // The gateway logs in with the new one from now on.
    world
        .sandbox()
        .set_partner_secret(None, NEW_SECRET)
        .unwrap();
    world
        .sandbox()
        .revoke_tokens(openfinance_sandbox::Revoke::All);
    call(&world).await.unwrap();
    assert_eq!(refused_logins(&world), 0);
    // A repeat finds it done.
    let changes = world.called(Operation::ModifyPartnerSecret);
    rotate(&world, NEW_SECRET).await.unwrap();
    assert_eq!(world.called(Operation::ModifyPartnerSecret), changes);
    world.stop().await;
}

#[tokio::test]
async fn rotate_partner_secret_ends_the_old_one_at_once_where_it_is_asked_to() {
    let machine = Machine::new();
    let world = machine.world().await;
    call(&world).await.unwrap();
    rotate_with(&world, NEW_SECRET, true).await.unwrap();
    call(&world).await.unwrap();
    assert_eq!(refused_logins(&world), 0);
    assert!(!is_good(&world, OLD_SECRET).await);
    assert!(is_good(&world, NEW_SECRET).await);
    world.stop().await;
}

#[tokio::test]
async fn no_call_fails_while_the_secret_changes() {
    let machine = Machine::new();
    let world = Arc::new(machine.world().await);
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..200_u32 {
        let world = Arc::clone(&world);
        calls.spawn(async move {
            match index {
                100 => rotate(&world, NEW_SECRET).await.map(|_| ()),
                // Some of them while tokens end.
                50 | 150 => {
                    world
                        .sandbox()
                        .revoke_tokens(openfinance_sandbox::Revoke::All);
                    Ok(())
                }
                _ => call(&world).await,
            }
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(refused_logins(&world), 0);
    assert_eq!(machine.secret(), NEW_SECRET);
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_found_out_by_a_login() {
    let machine = Machine::new();
    let world = machine.world().await;
    world.loses_answer(
        Operation::ModifyPartnerSecret,
        502,
        "text/html",
        "<html>Bad Gateway</html>",
    );
    rotate(&world, NEW_SECRET).await.unwrap();
    assert_eq!(machine.secret(), NEW_SECRET);
    assert_eq!(machine.others(), Vec::<String>::new());
    assert_eq!(refused_logins(&world), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_change_that_did_not_reach_the_vendor_leaves_the_old_secret_in_use() {
    let machine = Machine::new();
    let world = machine.world().await;
    let rule = FaultRule::on(Operation::ModifyPartnerSecret).commit(Commit::Never);
    world.fault(rule, 502, "text/html", "<html>Bad Gateway</html>");
    let status = rotate(&world, NEW_SECRET).await.unwrap_err();
    crate::refusals::check(
        &status,
        "UNAVAILABLE",
        "UPSTREAM_UNAVAILABLE",
        crate::refusals::OURS,
        &[],
    );
    assert_eq!(machine.secret(), OLD_SECRET);
    assert_eq!(machine.others(), Vec::<String>::new());
    assert_eq!(refused_logins(&world), 1);
    call(&world).await.unwrap();
    // A second try is not kept from it by the first.
    rotate(&world, NEW_SECRET).await.unwrap();
    assert_eq!(machine.secret(), NEW_SECRET);
    assert_eq!(refused_logins(&world), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_rotation_that_is_repeated_in_vain_does_not_lock_the_partner_out() {
    let machine = Machine::new();
    let world = machine.world().await;
    call(&world).await.unwrap();
    for _ in 0..6 {
        let rule = FaultRule::on(Operation::ModifyPartnerSecret).commit(Commit::Never);
        world.fault(rule, 502, "text/html", "<html>Bad Gateway</html>");
        rotate(&world, NEW_SECRET).await.unwrap_err();
    }
    call(&world).await.unwrap();
    rotate(&world, NEW_SECRET).await.unwrap();
    assert_eq!(machine.secret(), NEW_SECRET);
    world.stop().await;
}

#[tokio::test]
async fn a_change_that_nobody_knows_of_is_settled_by_a_repeat_or_a_start() {
    for restarted in [true, false] {
        let machine = Machine::new();
        let mut world = machine.world().await;
        call(&world).await.unwrap();
        unsettle(&world);
        let status = rotate(&world, NEW_SECRET).await.unwrap_err();
        crate::refusals::check(
            &status,
            "UNAVAILABLE",
            "OUTCOME_UNKNOWN",
            crate::refusals::OURS,
            &[],
        );
        assert_eq!(machine.secret(), OLD_SECRET);
        assert_eq!(machine.others(), ["secret.next"]);
        call(&world).await.unwrap();
        match restarted {
            true => machine.start(&mut world).await,
            false => rotate(&world, NEW_SECRET).await.map(|_| ()).unwrap(),
        }
        assert_eq!(machine.secret(), NEW_SECRET);
        assert_eq!(machine.others(), Vec::<String>::new());
        assert_eq!(world.called(Operation::ModifyPartnerSecret), 1);
        assert_eq!(refused_logins(&world), 0);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_caller_whose_time_is_over_is_not_told_that_nothing_was_done_when_it_is_done_later() {
    let machine = Machine::new();
    let mut world = machine.world().await;
    unsettle(&world);
    rotate(&world, NEW_SECRET).await.unwrap_err();
    // The start does not find out either.
    no_login(&world);
    let short = |settings: &mut config::Config| {
        settings.deadline.default = Duration::from_millis(500);
    };
    machine.start_with(&mut world, short).await;
    assert_eq!(machine.others(), ["secret.next"]);
    let logins = Target::Operation(Operation::CreateToken);
    let barrier = world.sandbox().add_barrier(logins);
    let status = rotate(&world, NEW_SECRET).await.unwrap_err();
    crate::refusals::check(
        &status,
        "DEADLINE_EXCEEDED",
        "DEADLINE_EXCEEDED",
        crate::refusals::OURS,
        &[],
    );
    let details = status.get_error_details();
    let outcome = &details.error_info().unwrap().metadata["outcome"];
    assert_eq!(outcome, "UNKNOWN", "it goes on");
    world.sandbox().release_barrier(barrier).unwrap();
    let is_done = async {
        while machine.secret() == OLD_SECRET {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), is_done);
    done.await.expect("it goes on");
    world.stop().await;
}

/// The vendor takes the next change, and does not say so; nor can the next login be answered.
pub(super) fn unsettle(world: &World) {
    world.loses_answer(
        Operation::ModifyPartnerSecret,
        502,
        "text/html",
        "<html>Bad Gateway</html>",
    );
    no_login(world);
}

/// The vendor can't answer the next login.
fn no_login(world: &World) {
    let rule = FaultRule::on(Operation::CreateToken).commit(Commit::Never);
    world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
}
