//! What is promised of every store.

use std::{sync::Arc, time::Duration};

use openfinance::store::{Change, Committed, Key, Rate, Space, Taken};

use crate::subject::{Subject, brief, change};

/// Makes a test of each promise, for the store that an expression makes anew each time.
macro_rules! conformance {
    ($test:meta, $subject:expr) => {
        $crate::conformance::conformance! { $test, $subject,
            a_key_has_what_was_committed_and_nothing_before_and_after,
            a_commit_that_expects_something_else_conflicts_and_changes_nothing,
            one_wrong_expectation_stops_all_changes,
            a_commit_without_changes_is_made,
            values_are_bytes_of_any_kind,
            the_same_name_in_another_space_is_another_key,
            a_value_ends_with_its_time_and_not_before,
            a_value_that_has_ended_is_not_expected_any_more,
            a_new_value_has_its_own_time,
            a_value_kept_for_no_time_is_not_kept,
            a_value_kept_for_ages_is_kept,
            a_list_has_what_is_there_and_nothing_else,
            of_many_who_count_none_is_lost,
            of_many_who_change_two_keys_none_sees_one_changed,
            an_allowance_gives_its_burst_then_one_at_a_time,
            an_allowance_is_never_more_than_its_burst,
            allowances_are_each_ones_own,
        }
    };
    ($test:meta, $subject:expr, $($name:ident,)*) => {
        $(
            #[$test]
            async fn $name() {
                let (subject, _kept) = $subject;
                $crate::conformance::$name(subject).await;
            }
        )*
    };
}
pub(crate) use conformance;

/// Longer than a busy machine needs for what is done before that time is over.
const KEEP: Duration = Duration::from_millis(1500);

fn key(name: &str) -> Key {
    Key::new(Space::Request, name)
}

pub(crate) async fn a_key_has_what_was_committed_and_nothing_before_and_after(subject: Subject) {
    let key = key("a1");
    assert_eq!(subject.kept(&key).await, None);
    let steps = [(None, Some("1")), (Some("1"), Some("2")), (Some("2"), None)];
    for (expected, new) in steps {
        let made = subject.commit(&[change(&key, expected, new)]).await;
        assert_eq!(made, Committed::Yes);
        assert_eq!(subject.value(&key).await.as_deref(), new);
    }
    // What is not there can be removed, and that it is not there can be all that is asked.
    let made = subject.commit(&[change(&key, None, None)]).await;
    assert_eq!(made, Committed::Yes);
}

pub(crate) async fn a_commit_that_expects_something_else_conflicts_and_changes_nothing(
    subject: Subject,
) {
    let key = key("a1");
    for expected in ["", "1"] {
        let made = subject
            .commit(&[change(&key, Some(expected), Some("2"))])
            .await;
        assert_eq!(made, Committed::Conflict, "{expected:?}");
        assert_eq!(subject.value(&key).await, None);
    }
    subject.commit(&[change(&key, None, Some("1"))]).await;
    for expected in [None, Some(""), Some("2"), Some("11")] {
        for new in [None, Some("3")] {
            let made = subject.commit(&[change(&key, expected, new)]).await;
            assert_eq!(made, Committed::Conflict, "{expected:?}");
            assert_eq!(subject.value(&key).await.as_deref(), Some("1"));
        }
    }
}

pub(crate) async fn one_wrong_expectation_stops_all_changes(subject: Subject) {
    let keys = ["a", "b", "c"].map(key);
    subject.commit(&[change(&keys[1], None, Some("1"))]).await;
    for wrong in 0..3 {
        let changes: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| {
                let is_there = (at == 1) != (at == wrong);
                change(key, is_there.then_some("1"), Some("2"))
            })
            .collect();
        assert_eq!(subject.commit(&changes).await, Committed::Conflict);
        assert_eq!(subject.value(&keys[0]).await, None);
        assert_eq!(subject.value(&keys[1]).await.as_deref(), Some("1"));
        assert_eq!(subject.value(&keys[2]).await, None);
    }
    let changes = [
        change(&keys[0], None, Some("2")),
        change(&keys[1], Some("1"), None),
        change(&keys[2], None, Some("2")),
    ];
    assert_eq!(subject.commit(&changes).await, Committed::Yes);
    assert_eq!(subject.value(&keys[0]).await.as_deref(), Some("2"));
    assert_eq!(subject.value(&keys[1]).await, None);
    assert_eq!(subject.value(&keys[2]).await.as_deref(), Some("2"));
}

pub(crate) async fn a_commit_without_changes_is_made(subject: Subject) {
    assert_eq!(subject.commit(&[]).await, Committed::Yes);
}

pub(crate) async fn values_are_bytes_of_any_kind(subject: Subject) {
    let key = key("a1");
    let all = (0..=255).collect::<Vec<u8>>();
    let large = all.repeat(256);
    let mut expected = None;
    for value in [Vec::new(), all, b"\r\n$-1\r\n".to_vec(), large] {
        let new = Some((value.clone(), None));
        let key = key.clone();
        let change = Change { key, expected, new };
        assert_eq!(
            subject.commit(std::slice::from_ref(&change)).await,
            Committed::Yes
        );
        assert_eq!(subject.kept(&change.key).await.unwrap().value, value);
        expected = Some(value);
    }
}

pub(crate) async fn the_same_name_in_another_space_is_another_key(subject: Subject) {
    let spaces = [
        Space::Token,
        Space::Lease,
        Space::Guard,
        Space::Request,
        Space::Intent,
        Space::Replica,
        Space::Limit,
        Space::Notice,
    ];
    for space in spaces {
        let key = Key::new(space, "a1");
        let made = subject
            .commit(&[change(&key, None, Some(space.as_str()))])
            .await;
        assert_eq!(made, Committed::Yes);
    }
    for space in spaces {
        let value = subject.value(&Key::new(space, "a1")).await;
        assert_eq!(value.as_deref(), Some(space.as_str()));
    }
}

pub(crate) async fn a_value_ends_with_its_time_and_not_before(subject: Subject) {
    let (short, long, endless) = (key("a"), key("b"), key("c"));
    let changes = [
        brief(&short, "1", KEEP),
        brief(&long, "1", KEEP * 1000),
        change(&endless, None, Some("1")),
    ];
    subject.commit(&changes).await;
    let left = subject.kept(&short).await.unwrap().left.unwrap();
    assert!(left <= KEEP && !left.is_zero(), "{left:?}");
    assert_eq!(subject.kept(&endless).await.unwrap().left, None);
    subject.pass(left).await;
    assert_eq!(subject.kept(&short).await, None);
    let left = subject.kept(&long).await.unwrap().left.unwrap();
    assert!(left < KEEP * 1000 && left > KEEP * 900, "{left:?}");
    assert_eq!(subject.kept(&endless).await.unwrap().left, None);
}

pub(crate) async fn a_value_that_has_ended_is_not_expected_any_more(subject: Subject) {
    let key = key("a1");
    subject.commit(&[brief(&key, "1", KEEP)]).await;
    subject.pass(KEEP).await;
    let made = subject.commit(&[change(&key, Some("1"), Some("2"))]).await;
    assert_eq!(made, Committed::Conflict);
    let made = subject.commit(&[change(&key, None, Some("2"))]).await;
    assert_eq!(made, Committed::Yes);
    assert_eq!(subject.kept(&key).await.unwrap().left, None);
}

pub(crate) async fn a_new_value_has_its_own_time(subject: Subject) {
    let key = key("a1");
    subject.commit(&[brief(&key, "1", KEEP)]).await;
    let longer = Change {
        expected: Some(b"1".to_vec()),
        ..brief(&key, "2", KEEP * 1000)
    };
    assert_eq!(subject.commit(&[longer]).await, Committed::Yes);
    subject.pass(KEEP).await;
    assert_eq!(subject.value(&key).await.as_deref(), Some("2"));
    let endless = change(&key, Some("2"), Some("3"));
    assert_eq!(subject.commit(&[endless]).await, Committed::Yes);
    assert_eq!(subject.kept(&key).await.unwrap().left, None);
}

pub(crate) async fn a_value_kept_for_no_time_is_not_kept(subject: Subject) {
    let key = Key::new(Space::Intent, "a1");
    subject.commit(&[change(&key, None, Some("1"))]).await;
    let nothing = Change {
        expected: Some(b"1".to_vec()),
        ..brief(&key, "2", Duration::ZERO)
    };
    assert_eq!(subject.commit(&[nothing]).await, Committed::Yes);
    assert_eq!(subject.kept(&key).await, None);
    assert_eq!(subject.names(Space::Intent).await, []);
}

pub(crate) async fn a_value_kept_for_ages_is_kept(subject: Subject) {
    let key = key("a1");
    let ages = Duration::from_secs(u64::MAX);
    let made = subject.commit(&[brief(&key, "1", ages)]).await;
    assert_eq!(made, Committed::Yes);
    assert_eq!(subject.value(&key).await.as_deref(), Some("1"));
}

pub(crate) async fn a_list_has_what_is_there_and_nothing_else(subject: Subject) {
    let intent = |name| Key::new(Space::Intent, name);
    assert_eq!(subject.names(Space::Intent).await, []);
    let changes = [
        change(&intent("a"), None, Some("1")),
        change(&intent("b"), None, Some("2")),
        brief(&intent("c"), "3", KEEP),
        change(&Key::new(Space::Replica, "d"), None, Some("4")),
        change(&Key::new(Space::Lease, "e"), None, Some("5")),
    ];
    subject.commit(&changes).await;
    let found = subject.names(Space::Intent).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(found, [pair("a", "1"), pair("b", "2"), pair("c", "3")]);
    assert_eq!(subject.names(Space::Replica).await, [pair("d", "4")]);
    let changes = [
        change(&intent("a"), Some("1"), None),
        change(&intent("b"), Some("2"), Some("6")),
    ];
    subject.commit(&changes).await;
    subject.pass(KEEP).await;
    // Twice, because a list may tidy up.
    for _ in 0..2 {
        assert_eq!(subject.names(Space::Intent).await, [pair("b", "6")]);
    }
    subject
        .commit(&[change(&intent("c"), None, Some("7"))])
        .await;
    let found = subject.names(Space::Intent).await;
    assert_eq!(found, [pair("b", "6"), pair("c", "7")]);
}

pub(crate) async fn of_many_who_count_none_is_lost(subject: Subject) {
    let subject = Arc::new(subject);
    let key = key("a1");
    let count = |subject: Arc<Subject>, key: Key| async move {
        loop {
            let now = subject.value(&key).await;
            let next = now.as_deref().map_or(0, |now| now.parse().unwrap()) + 1;
            let next: String = u32::to_string(&next);
            let change = change(&key, now.as_deref(), Some(&next));
            if subject.commit(&[change]).await == Committed::Yes {
                return;
            }
        }
    };
    let tasks: Vec<_> = (0..100)
        .map(|_| tokio::spawn(count(Arc::clone(&subject), key.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(subject.value(&key).await.as_deref(), Some("100"));
}

pub(crate) async fn of_many_who_change_two_keys_none_sees_one_changed(subject: Subject) {
    let subject = Arc::new(subject);
    let keys = [key("a"), key("b")];
    let first = [
        change(&keys[0], None, Some("0")),
        change(&keys[1], None, Some("0")),
    ];
    subject.commit(&first).await;
    let both = |subject: Arc<Subject>, keys: [Key; 2], turned: bool| async move {
        loop {
            let now = subject.value(&keys[0]).await.unwrap();
            let next = (now.parse::<u32>().unwrap() + 1).to_string();
            let mut changes = keys
                .clone()
                .map(|key| change(&key, Some(&now), Some(&next)));
            if turned {
                changes.reverse();
            }
            if subject.commit(&changes).await == Committed::Yes {
                return;
            }
        }
    };
    let tasks: Vec<_> = (0..40)
        .map(|at| tokio::spawn(both(Arc::clone(&subject), keys.clone(), at % 2 == 0)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for key in &keys {
        assert_eq!(subject.value(key).await.as_deref(), Some("40"));
    }
}

/// Slow, so that a busy machine takes the whole burst before there is one more.
const RATE: Rate = Rate {
    per_second: 1.0,
    burst: 3,
};

async fn take(subject: &Subject, name: &str) -> Taken {
    let key = Key::new(Space::Limit, name);
    subject.store.take(&key, RATE).await.unwrap()
}

async fn wait(subject: &Subject, name: &str) -> Duration {
    match take(subject, name).await {
        Taken::Yes => panic!("there was one left"),
        Taken::No(wait) => wait,
    }
}

pub(crate) async fn an_allowance_gives_its_burst_then_one_at_a_time(subject: Subject) {
    for _ in 0..3 {
        assert_eq!(take(&subject, "a").await, Taken::Yes);
    }
    for _ in 0..2 {
        let wait = wait(&subject, "a").await;
        assert!(wait <= Duration::from_secs(1) && !wait.is_zero());
        subject.pass(wait).await;
        assert_eq!(take(&subject, "a").await, Taken::Yes);
    }
    wait(&subject, "a").await;
}

pub(crate) async fn an_allowance_is_never_more_than_its_burst(subject: Subject) {
    for pause in [Duration::ZERO, Duration::from_millis(3400)] {
        subject.pass(pause).await;
        for _ in 0..3 {
            assert_eq!(take(&subject, "a").await, Taken::Yes);
        }
        wait(&subject, "a").await;
    }
}

pub(crate) async fn allowances_are_each_ones_own(subject: Subject) {
    for name in ["a", "b"] {
        for _ in 0..3 {
            assert_eq!(take(&subject, name).await, Taken::Yes);
        }
        wait(&subject, name).await;
    }
}
