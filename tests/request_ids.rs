//! Request ids, end to end: what is asked twice under one id is done once, and what was lost is found.

mod create;
mod doubt;
mod fields;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openfinance::store::{
    Change, Committed, Kept, Key, Memory, Rate, Space, Store, StoreError, StoreFuture, Taken,
};
use openfinance_gateway::{Gateway, StartError};
use openfinance_sandbox::{Control, JournalEntry, Target};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use self::create::METHODS;
pub(crate) use self::create::Method;
use crate::{
    fleet::{Fleet, Replica, reason},
    world::World,
};

/// The ids of the records of this method that were ever made, bystanders aside.
fn made(sandbox: &Control, method: Method) -> Vec<String> {
    let journal = sandbox.journal(0).entries.into_iter();
    let made = journal.filter_map(|entry| match entry {
        JournalEntry::Commit(commit) if commit.kind == method.record() => Some(commit.id),
        JournalEntry::Commit(_) | JournalEntry::Request(_) => None,
    });
    made.collect()
}

#[tokio::test]
async fn a_hundred_repeats_one_after_the_other_are_one_create() {
    for method in METHODS {
        let world = World::start().await;
        let request = method.request(world.channel()).await.once();
        let id = request.clone().send(world.channel()).await.unwrap();
        let calls = world.calls();
        for _ in 0..100 {
            assert_eq!(request.clone().send(world.channel()).await.unwrap(), id);
        }
        assert_eq!(world.calls(), calls, "{method:?}: a repeat asks nobody");
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_hundred_repeats_at_the_same_time_are_one_create() {
    for method in METHODS {
        let world = World::start().await;
        let request = method.request(world.channel()).await.once();
        let calls = world.calls();
        let target = Target::Operation(method.operation());
        let barrier = world.sandbox().add_barrier(target);
        let mut repeats = JoinSet::new();
        for _ in 0..100 {
            repeats.spawn(request.clone().send(world.channel()));
        }
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        world.sandbox().release_barrier(barrier).unwrap();
        let mut ids: Vec<_> = repeats
            .join_all()
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        ids.dedup();
        assert_eq!(ids, made(world.sandbox(), method), "{method:?}");
        let logins = usize::from(method == Method::Customer);
        assert_eq!(world.calls() - calls, 1 + logins, "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_finds_the_record_on_coming_back() {
    for method in METHODS {
        let world = World::start().await;
        let request = method.request(world.channel()).await.once();
        let target = Target::Operation(method.operation());
        let barrier = world.sandbox().add_barrier(target);
        let mut call = Box::pin(request.clone().send(world.channel()));
        tokio::select! {
            held = world.sandbox().barrier_holds(barrier, 1) => held.unwrap(),
            answer = &mut call => panic!("{method:?}: {answer:?}"),
        }
        tokio::time::timeout(Duration::from_millis(1), call)
            .await
            .unwrap_err();
        world.sandbox().release_barrier(barrier).unwrap();
        let id = request.send(world.channel()).await.unwrap();
        assert_eq!(made(world.sandbox(), method), [id], "{method:?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_restarted_gateway_answers_as_before() {
    for method in METHODS {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::start().await;
        let start = async || {
            loop {
                let mut settings = fleet.settings();
                settings.shared.store_path = Some(folder.path().join("store"));
                match Gateway::start(settings).await {
                    Ok(gateway) => break Replica::of(gateway).await,
                    // The connections of the life before let go of the file a moment after it has ended.
                    Err(StartError::Store { .. }) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let gateway = start().await;
        let request = method.request(gateway.channel()).await;
        let (taken, request) = (request.clone().other().once(), request.once());
        let id = request.clone().send(gateway.channel()).await.unwrap();
        gateway.stop().await;

        let gateway = start().await;
        let calls = fleet.calls();
        assert_eq!(request.send(gateway.channel()).await.unwrap(), id);
        let refusal = taken.send(gateway.channel()).await.unwrap_err();
        assert_eq!(reason(&refusal), "REQUEST_ID_REUSED");
        assert_eq!(fleet.calls(), calls, "{method:?}: the vendor was asked");
        assert_eq!(made(fleet.sandbox(), method), [id], "{method:?}");
        gateway.stop().await;
        fleet.stop().await;
    }
}

/// A store that replicas share, until it is lost.
struct SharedMemory {
    memory: Memory,
    lost: AtomicBool,
}

impl SharedMemory {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            memory: Memory::new(),
            lost: AtomicBool::new(false),
        })
    }

    fn unless_lost<'a, T: Send + 'a>(&self, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.lost.load(Ordering::SeqCst) {
            false => answer,
            true => Box::pin(async { Err(StoreError("it can't be reached".to_owned())) }),
        }
    }
}

impl Store for SharedMemory {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        self.unless_lost(self.memory.get(key))
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        self.unless_lost(self.memory.commit(changes))
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        self.unless_lost(self.memory.list(space))
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.unless_lost(self.memory.take(key, rate))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_sent() {
    for method in METHODS {
        let store = SharedMemory::new();
        let world = World::over_store(Arc::clone(&store) as Arc<dyn Store>).await;
        let request = method.request(world.channel()).await.once();
        // A token is at hand, so that nothing else could be in the way.
        world.customer().await;
        store.lost.store(true, Ordering::SeqCst);
        let sent = world.called(method.operation());
        let refusal = request.clone().send(world.channel()).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable);
        assert_eq!(reason(&refusal), "STORE_UNAVAILABLE");
        assert_eq!(world.called(method.operation()), sent, "{method:?}");
        store.lost.store(false, Ordering::SeqCst);
        let id = request.send(world.channel()).await.unwrap();
        assert_eq!(made(world.sandbox(), method).last(), Some(&id));
        world.stop().await;
    }
}

/// What a replica answers to a repeat as long as another is at work on it.
pub(crate) async fn in_flight(method: Method) -> Status {
    tokio::time::pause();
    let fleet = Fleet::start().await;
    let store = SharedMemory::new();
    let replica = async || {
        let mut settings = fleet.settings();
        // Longer than a replica waits for another.
        settings.retry.write_cap = Duration::from_secs(30);
        let store = Arc::clone(&store) as Arc<dyn Store>;
        fleet.replica_with(settings, store).await
    };
    let (one, two) = (replica().await, replica().await);
    let request = method.request(one.channel()).await.once();
    let sent = fleet.called(method.operation());
    let target = Target::Operation(method.operation());
    let barrier = fleet.sandbox().add_barrier(target);
    let first = tokio::spawn(request.clone().send(one.channel()));
    fleet.sandbox().barrier_holds(barrier, 1).await.unwrap();
    let refusal = request.clone().send(two.channel()).await.unwrap_err();
    fleet.sandbox().release_barrier(barrier).unwrap();
    let id = first.await.unwrap().unwrap();
    assert_eq!(request.send(two.channel()).await.unwrap(), id);
    assert_eq!(fleet.called(method.operation()), sent + 1, "{method:?}");
    one.stop().await;
    two.stop().await;
    fleet.stop().await;
    refusal
}
