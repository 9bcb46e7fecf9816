//! The same file in one process after another, in the manner of a library.

use std::{path::Path, time::Duration};

use openfinance_sandbox::{
    Config, ControlError, PartnerCredentials, Sandbox, Snapshot, StartError, StateFileError,
};

fn config(path: &Path) -> Config {
    Config {
        state: Some(path.to_owned()),
        ..Config::for_tests()
    }
}

fn partner(id: &str) -> PartnerCredentials {
    PartnerCredentials {
        id: id.to_owned(),
        secret: "s".to_owned(),
        app_key: "k".to_owned(),
    }
}

#[tokio::test]
async fn a_stopped_sandbox_leaves_its_file_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let sandbox = Sandbox::start(config(&path)).await.unwrap();
    let control = sandbox.control().clone();
    control.add_partner(&partner("2")).unwrap();
    control.advance(Duration::from_secs(90)).unwrap();
    let kept = control.snapshot();
    sandbox.stop().await;
    // The handle lives on, but what it does now is of memory only.
    control.add_partner(&partner("3")).unwrap();
    let sandbox = Sandbox::start(config(&path)).await.unwrap();
    assert_eq!(sandbox.control().snapshot().as_json(), kept.as_json());
    sandbox.stop().await;
}

#[tokio::test]
async fn one_file_is_for_one_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let sandbox = Sandbox::start(config(&path)).await.unwrap();
    let second = Sandbox::start(config(&path)).await.err().unwrap();
    let StartError::State(StateFileError::InUse { path: told }) = second else {
        panic!("{second}");
    };
    assert_eq!(told, path);
    sandbox.stop().await;
}

#[tokio::test]
async fn resets_and_restores_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let mut sandbox = Sandbox::start(config(&path)).await.unwrap();
    let empty = sandbox.control().snapshot();
    sandbox.control().add_partner(&partner("2")).unwrap();
    let full = sandbox.control().snapshot();
    for (step, kept) in [(&empty, &empty), (&full, &full)] {
        sandbox.control().restore(step).unwrap();
        sandbox.stop().await;
        sandbox = Sandbox::start(config(&path)).await.unwrap();
        assert_eq!(sandbox.control().snapshot().as_json(), kept.as_json());
    }
    sandbox.control().reset(None);
    sandbox.stop().await;
    sandbox = Sandbox::start(config(&path)).await.unwrap();
    assert_eq!(sandbox.control().snapshot().as_json(), empty.as_json());
    sandbox.stop().await;
}

#[tokio::test]
async fn a_restore_that_is_refused_changes_nothing() {
    let sandbox = Sandbox::start(Config::for_tests()).await.unwrap();
    let control = sandbox.control();
    control.add_partner(&partner("2")).unwrap();
    let before = control.snapshot();
    let broken = before.as_json().replace("\"2\"", "\"2445580000001\"");
    let refusal = control.restore(&Snapshot::from_json(broken));
    assert!(matches!(refusal, Err(ControlError::Snapshot(_))));
    assert_eq!(control.snapshot().as_json(), before.as_json());
    sandbox.stop().await;
}
