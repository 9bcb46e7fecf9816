//! The store in a file.

use std::{fs, path::Path, sync::Arc, time::Duration};

use openfinance::store::{Committed, Key, Redb, Space, Store as _};
use tempfile::TempDir;

use crate::{
    conformance::conformance,
    subject::{Subject, Time, Wall, brief, change},
};

const KEEP: Duration = Duration::from_secs(60);

fn open(path: &Path, wall: &Wall) -> Subject {
    Subject {
        store: Arc::new(Redb::open(path, wall.read()).unwrap()),
        time: Time::Wall(wall.clone()),
    }
}

fn subject() -> (Subject, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let subject = open(&folder.path().join("store.redb"), &Wall::new());
    (subject, folder)
}

conformance!(tokio::test(start_paused = true), subject());

fn refusal(path: &Path) -> String {
    match Redb::open(path, Wall::new().read()) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again_but_for_leases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let wall = Wall::new();
    let subject = open(&path, &wall);
    let [request, short, intent, lease] =
        [Space::Request, Space::Guard, Space::Intent, Space::Lease]
            .map(|space| Key::new(space, "a1"));
    let changes = [
        change(&request, None, Some("1")),
        brief(&short, "2", KEEP),
        change(&intent, None, Some("3")),
        brief(&lease, "4", KEEP),
    ];
    assert_eq!(subject.commit(&changes).await, Committed::Yes);
    drop(subject);
    wall.pass(KEEP / 2);
    let subject = open(&path, &wall);
    assert_eq!(subject.value(&request).await.as_deref(), Some("1"));
    assert_eq!(subject.kept(&short).await.unwrap().left, Some(KEEP / 2));
    let intents = subject.names(Space::Intent).await;
    assert_eq!(intents, [("a1".to_owned(), "3".to_owned())]);
    assert_eq!(subject.kept(&lease).await, None, "its owner is dead");
    drop(subject);
    wall.pass(KEEP / 2);
    let subject = open(&path, &wall);
    assert_eq!(subject.kept(&short).await, None);
}

#[tokio::test]
async fn a_commit_whose_caller_has_gone_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let wall = Wall::new();
    let subject = open(&path, &wall);
    let keys: Vec<_> = (0..50)
        .map(|number| Key::new(Space::Request, format!("{number:x}")))
        .collect();
    let changes: Vec<_> = keys
        .iter()
        .map(|key| change(key, None, Some("1")))
        .collect();
    let store = Arc::clone(&subject.store);
    let gone = tokio::spawn(async move { store.commit(&changes).await });
    // It is on its way, or not yet.
    tokio::task::yield_now().await;
    gone.abort();
    let _ = gone.await;
    drop(subject);
    let subject = open(&path, &wall);
    let first = subject.value(&keys[0]).await;
    for key in &keys {
        assert_eq!(subject.value(key).await, first);
    }
}

#[tokio::test]
async fn what_was_killed_in_the_middle_of_its_work_lost_nothing_it_had_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let wall = Wall::new();
    let subject = open(&path, &wall);
    let key = Key::new(Space::Guard, "a1");
    let mut last = None;
    for round in 0..20 {
        let next = round.to_string();
        subject
            .commit(&[change(&key, last.as_deref(), Some(&next))])
            .await;
        last = Some(next);
        // What is on disk now is what a process leaves behind that is killed: nothing was closed.
        let left_behind = folder.path().join(format!("left-{round}.redb"));
        fs::copy(&path, &left_behind).unwrap();
        let again = open(&left_behind, &wall);
        assert_eq!(again.value(&key).await, last);
    }
}

#[tokio::test]
async fn values_that_have_ended_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let wall = Wall::new();
    let subject = open(&path, &wall);
    let value = "x".repeat(1000);
    let mut sizes = Vec::new();
    for round in 0..20 {
        let changes: Vec<_> = (0..100)
            .map(|number| {
                let key = Key::new(Space::Request, format!("{round:x}-{number:x}"));
                brief(&key, &value, KEEP)
            })
            .collect();
        subject.commit(&changes).await;
        wall.pass(KEEP);
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    assert_eq!(sizes[5..], vec![sizes[5]; 15], "the file keeps on growing");
}

#[test]
fn a_file_in_use_is_refused_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = open(&path, &Wall::new());
    assert!(refusal(&path).ends_with("is in use by another gateway"));
    drop(first);
    open(&path, &Wall::new());
}

#[test]
fn what_is_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "Dear diary").unwrap();
    assert!(refusal(&text).ends_with("is not the store's file of a gateway"));
    assert_eq!(fs::read_to_string(&text).unwrap(), "Dear diary");
    assert!(refusal(&folder.path().join("no/file")).starts_with("cannot use the store's file"));
    refusal(folder.path());
}

#[test]
fn what_an_interrupted_start_left_behind_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("empty", vec![]), ("zeros", vec![0; 8192])] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        drop(open(&path, &Wall::new()));
        open(&path, &Wall::new());
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    drop(open(&path, &Wall::new()));
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path, &Wall::new()));
    assert_eq!(mode(), 0o600);
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let wall = Wall::new();
    let subject = open(&path, &wall);
    let key = |number| Key::new(Space::Request, format!("{number:x}"));
    for number in 0..50 {
        subject
            .commit(&[change(&key(number), None, Some(&"x".repeat(300)))])
            .await;
    }
    drop(subject);
    let whole = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.redb");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(2053) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&damaged, bytes).unwrap();
        // Damage where nothing is kept is none.
        match Redb::open(&damaged, wall.read()) {
            Err(_) => refused += 1,
            Ok(store) => {
                for number in 0..50 {
                    let kept = store.get(&key(number)).await.unwrap();
                    assert_eq!(kept.unwrap().value, [b'x'; 300]);
                }
            }
        }
    }
    assert!(refused > 10, "only {refused} were noticed");
    for length in [100, 4096, whole.len() / 2] {
        fs::write(&damaged, &whole[..length]).unwrap();
        refusal(&damaged);
    }
}
