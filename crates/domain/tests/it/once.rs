//! Request ids: what is asked twice is done once, whatever happens in between.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use openfinance::{
    Client, Error, Refusal, RequestId,
    store::{Change, Kept, Key, Memory, Rate, Space, Store, StoreError, StoreFuture, Taken},
};
use uuid::Uuid;

use crate::{
    server::{Answer, Gate, World},
    settle::{NOUNS, Noun},
};

const POST: &str = "POST /aggregation/v2/customers";

fn request(caller: &str) -> RequestId {
    RequestId {
        caller: caller.to_owned(),
        method: "CustomerService/CreateCustomer",
        id: Uuid::from_u128(7),
    }
}

async fn create(client: &Client, noun: Noun) -> Result<String, Error> {
    noun.create_once(client, request("ours")).await
}

fn world() -> World {
    World::with(|config| {
        config.quiet_time = Duration::from_millis(300);
        config.write_cap = Duration::from_secs(3);
    })
}

/// How many creates were sent, logins aside.
fn creates(world: &World) -> usize {
    // Looked at once: another request may come at any time.
    let sent = world.received("POST ");
    let logins = sent
        .iter()
        .filter(|line| line.contains("/partners/authentication"));
    sent.len() - logins.count()
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_without_a_call() {
    for noun in NOUNS {
        for (answer, refusal) in [(noun.created(), None), (noun.taken(), Some(noun.refusal()))] {
            let world = world();
            world.answers([answer]);
            let first = create(&world.client, noun).await;
            let calls = world.received("").len();
            for _ in 0..100 {
                assert_eq!(create(&world.client, noun).await, first);
            }
            assert_eq!(world.received("").len(), calls, "{noun:?}");
            assert_eq!(creates(&world), 1, "{noun:?}");
            match (first, refusal) {
                (Ok(id), None) => assert_eq!(id, noun.id()),
                (Err(Error::Refused { refusal, .. }), Some(expected)) => {
                    assert_eq!(refusal, expected);
                }
                (first, _) => panic!("{noun:?}: {first:?}"),
            }
        }
    }
}

#[tokio::test]
async fn repeats_at_the_same_time_are_one() {
    let world = world();
    let gate = Gate::default();
    world.answers([Answer::Behind(
        gate.clone(),
        Box::new(Noun::Customer.created()),
    )]);
    let calls = join_all((0..100).map(|_| create(&world.client, Noun::Customer)));
    let opened = async {
        world.until_received(POST).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(calls, opened);
    for answer in answers {
        assert_eq!(answer.unwrap(), Noun::Customer.id());
    }
    assert_eq!(creates(&world), 1);
}

#[tokio::test]
async fn another_content_is_refused_and_another_caller_is_another() {
    let world = world();
    world.answers([Noun::Customer.created()]);
    create(&world.client, Noun::Customer).await.unwrap();
    let calls = world.received("").len();
    for other in [Noun::Consumer, Noun::Business] {
        let error = create(&world.client, other).await.unwrap_err();
        assert_eq!(error, Error::RequestIdReused, "{other:?}");
    }
    assert_eq!(world.received("").len(), calls);
    world.answers([Noun::Customer.taken()]);
    let theirs = Noun::Customer.create_once(&world.client, request("theirs"));
    let error = theirs.await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::UsernameTaken,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn where_nothing_was_done_a_repeat_starts_anew() {
    for code in [45_003, 42_000] {
        let world = world();
        let refused = Answer::json(400, &format!(r#"{{"code": {code}}}"#));
        world.answers([refused, Noun::Customer.created()]);
        create(&world.client, Noun::Customer).await.unwrap_err();
        create(&world.client, Noun::Customer).await.unwrap();
        assert_eq!(creates(&world), 2, "{code}");
    }
    let world = world();
    world.logins([Answer::HangUp]);
    create(&world.client, Noun::Customer).await.unwrap_err();
    assert_eq!(creates(&world), 0);
    let unsettled = world.client.settle_open_intents().await.unwrap();
    assert_eq!(unsettled.count, 0);
}

#[tokio::test]
async fn a_caller_who_goes_away_finds_the_record_when_coming_back() {
    for noun in NOUNS {
        let world = world();
        let gate = Gate::default();
        world.answers([Answer::Behind(gate.clone(), Box::new(noun.created()))]);
        let client = world.client.clone();
        let call = tokio::spawn(async move { create(&client, noun).await });
        while creates(&world) == 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        gate.open();
        world.client.idle().await;
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(creates(&world), 1);
    }
}

/// A world in which a create was lost that nobody could look for in time.
async fn in_doubt(noun: Noun, answers: Vec<Answer>) -> World {
    let world = World::with(|config| {
        config.quiet_time = Duration::from_millis(300);
        config.write_cap = Duration::from_millis(1500);
    });
    world.answers(answers);
    world.reads(|_| Answer::json(500, ""));
    let error = create(&world.client, noun).await.unwrap_err();
    let resumable = matches!(
        error,
        Error::OutcomeUnknown {
            resumable: true,
            ..
        }
    );
    assert!(resumable, "{error:?}");
    world
}

fn lost() -> Answer {
    Answer::json(502, "<html>")
}

#[tokio::test]
async fn a_repeat_settles_what_could_not_be_settled() {
    let settled = NOUNS.map(|noun| async move {
        let world = in_doubt(noun, vec![lost()]).await;
        world.reads(move |_| noun.found(&noun.record()));
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(creates(&world), 1, "{noun:?} landed");

        let world = in_doubt(noun, vec![lost(), noun.created()]).await;
        world.reads(move |_| noun.absent());
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(creates(&world), 2, "{noun:?} never came");
    });
    join_all(settled).await;
}

#[tokio::test]
async fn the_background_settles_what_could_not_be_settled_and_sends_nothing() {
    let settled = NOUNS.map(|noun| async move {
        let world = in_doubt(noun, vec![lost()]).await;
        assert_eq!(world.client.settle_open_intents().await.unwrap().count, 1);
        world.reads(move |_| noun.found(&noun.record()));
        assert_eq!(world.client.settle_open_intents().await.unwrap().count, 0);
        world.reads(|_| Answer::json(500, ""));
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(creates(&world), 1, "{noun:?} landed");

        let world = in_doubt(noun, vec![lost(), noun.created()]).await;
        world.reads(move |_| noun.absent());
        assert_eq!(world.client.settle_open_intents().await.unwrap().count, 0);
        assert_eq!(creates(&world), 1, "the background sends nothing");
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(creates(&world), 2, "{noun:?} begun anew");
    });
    join_all(settled).await;
}

#[tokio::test]
async fn a_create_that_a_call_is_at_work_on_is_open_and_not_overdue() {
    let world = world();
    let gate = Gate::default();
    let landed = Box::new(Noun::Customer.created());
    world.answers([Answer::Behind(gate.clone(), landed)]);
    let client = world.client.clone();
    let call = tokio::spawn(async move { create(&client, Noun::Customer).await });
    while creates(&world) == 0 {
        tokio::task::yield_now().await;
    }
    let unsettled = world.client.settle_open_intents().await.unwrap();
    assert_eq!((unsettled.count, unsettled.overdue), (1, 0));
    gate.open();
    call.await.unwrap().unwrap();
    let unsettled = world.client.settle_open_intents().await.unwrap();
    assert_eq!((unsettled.count, unsettled.overdue), (0, 0));
}

#[tokio::test]
async fn a_create_that_nobody_can_settle_is_overdue_after_the_write_cap() {
    let world = in_doubt(Noun::Customer, vec![lost()]).await;
    pass(Duration::from_secs(2)).await;
    let unsettled = world.client.settle_open_intents().await.unwrap();
    assert_eq!((unsettled.count, unsettled.overdue), (1, 1));
}

/// Lets so much time pass at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn after_a_day_an_answer_is_forgotten() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const MINUTE: Duration = Duration::from_secs(60);
    for noun in NOUNS {
        let world = world();
        world.answers([noun.created(), noun.taken()]);
        create(&world.client, noun).await.unwrap();
        pass(DAY - MINUTE).await;
        let calls = world.received("").len();
        assert_eq!(create(&world.client, noun).await.unwrap(), noun.id());
        assert_eq!(world.received("").len(), calls, "{noun:?}");
        pass(2 * MINUTE).await;
        // Begun anew: the vendor keeps the record from being made twice.
        let error = create(&world.client, noun).await.unwrap_err();
        let taken = matches!(&error, Error::Refused { refusal, .. } if *refusal == noun.refusal());
        assert!(taken, "{error:?}");
        assert_eq!(creates(&world), 2, "{noun:?}");
    }
}

#[tokio::test]
async fn one_that_cannot_be_settled_does_not_keep_the_others_waiting() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let world = world();
    let client = world.client_over(Arc::clone(&store));
    world.answers([Answer::json(502, ""), Answer::json(502, "")]);
    world.reads(|_| Answer::json(500, ""));
    let begun = ["one", "other"].map(|caller| Noun::Customer.create_once(&client, request(caller)));
    for result in join_all(begun).await {
        result.unwrap_err();
    }
    let (first, _) = store.list(Space::Intent).await.unwrap().remove(0);
    let key = Key::new(Space::Request, first.name);
    let kept = store.get(&key).await.unwrap().unwrap();
    let damage = Change {
        key,
        expected: Some(kept.value),
        new: Some((b"?".to_vec(), None)),
    };
    store.commit(&[damage]).await.unwrap();
    world.reads(|_| Noun::Customer.found(&Noun::Customer.record()));
    assert_eq!(client.settle_open_intents().await.unwrap().count, 1);
    assert_eq!(store.list(Space::Intent).await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_life_of_the_process_takes_over_what_was_begun() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let world = world();
    let first = world.client_over(Arc::clone(&store));
    let gate = Gate::default();
    world.answers([Answer::Behind(gate.clone(), Box::new(Answer::HangUp))]);
    world.reads(|_| Noun::Customer.found(&Noun::Customer.record()));
    let begun = tokio::spawn(async move { create(&first, Noun::Customer).await });
    world.until_received(POST).await;
    // What is noted before the first byte leaves: the id, what to look for, and who is at work; all of it unreadable.
    let intents = store.list(Space::Intent).await.unwrap();
    let [(_, kept)] = intents.as_slice() else {
        panic!("one intent")
    };
    for secret in ["household-4711", "Lovelace", "ada@example.com"] {
        let bytes = secret.as_bytes();
        assert!(!kept.value.windows(bytes.len()).any(|part| part == bytes));
    }
    let second = world.client_over(Arc::clone(&store));
    assert_eq!(second.settle_open_intents().await.unwrap().count, 0);
    assert_eq!(
        create(&second, Noun::Customer).await.unwrap(),
        Noun::Customer.id()
    );
    assert_eq!(creates(&world), 1);
    gate.open();
    assert_eq!(begun.await.unwrap().unwrap(), Noun::Customer.id());
}

#[tokio::test]
async fn a_store_that_lost_the_intent_alone_does_not_leave_the_id_in_flight_for_ever() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let world = world();
    world.answers([lost()]);
    world.reads(|_| Answer::json(500, ""));
    let client = world.client_over(Arc::clone(&store));
    let error = create(&client, Noun::Customer).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    for (key, kept) in store.list(Space::Intent).await.unwrap() {
        let forget = Change {
            key,
            expected: Some(kept.value),
            new: None,
        };
        store.commit(&[forget]).await.unwrap();
    }
    world.reads(|_| Noun::Customer.found(&Noun::Customer.record()));
    assert_eq!(
        create(&client, Noun::Customer).await.unwrap(),
        Noun::Customer.id()
    );
    assert_eq!(creates(&world), 1);
    assert_eq!(store.list(Space::Intent).await.unwrap(), []);
}

/// A store that other processes use too.
struct SharedMemory(Memory);

impl Store for SharedMemory {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        self.0.get(key)
    }
    fn commit<'a>(
        &'a self,
        changes: &'a [Change],
    ) -> StoreFuture<'a, openfinance::store::Committed> {
        self.0.commit(changes)
    }
    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        self.0.list(space)
    }
    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.0.take(key, rate)
    }
    fn is_shared(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn two_replicas_send_one_create() {
    let store: Arc<dyn Store> = Arc::new(SharedMemory(Memory::new()));
    let world = World::with(|config| config.attempt_timeout = Duration::from_secs(20));
    let (one, two) = (
        world.client_over(Arc::clone(&store)),
        world.client_over(Arc::clone(&store)),
    );
    let gate = Gate::default();
    world.answers([Answer::Behind(
        gate.clone(),
        Box::new(Noun::Customer.created()),
    )]);
    let first = tokio::spawn(async move { create(&one, Noun::Customer).await });
    world.until_received(POST).await;
    // The lease holds: neither a repeat nor the background gets in.
    assert_eq!(two.settle_open_intents().await.unwrap().count, 1);
    let error = create(&two, Noun::Customer).await.unwrap_err();
    assert_eq!(error, Error::RequestInFlight);
    gate.open();
    let id = first.await.unwrap().unwrap();
    assert_eq!(create(&two, Noun::Customer).await.unwrap(), id);
    assert_eq!(creates(&world), 1);
}

/// A store that can't be used.
struct Broken;

impl Store for Broken {
    fn get<'a>(&'a self, _: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        Box::pin(async { Err(StoreError("broken".to_owned())) })
    }
    fn commit<'a>(&'a self, _: &'a [Change]) -> StoreFuture<'a, openfinance::store::Committed> {
        Box::pin(async { Err(StoreError("broken".to_owned())) })
    }
    fn list(&self, _: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Box::pin(async { Err(StoreError("broken".to_owned())) })
    }
    fn take<'a>(&'a self, _: &'a Key, _: Rate) -> StoreFuture<'a, Taken> {
        Box::pin(async { Err(StoreError("broken".to_owned())) })
    }
    fn is_shared(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn without_a_store_nothing_is_sent() {
    let world = world();
    let client = world.client_over(Arc::new(Broken));
    let error = create(&client, Noun::Customer).await.unwrap_err();
    assert_eq!(error, Error::StoreUnavailable);
    assert_eq!(creates(&world), 0);
}
