//! What PartnerService refuses, a case for each row of the tables in its proto comments.

use std::sync::atomic::{AtomicBool, Ordering};

use openfinance::store::{
    Change, Committed, Kept, Key, Rate, Space, StoreError, StoreFuture, Taken,
};
use openfinance_sandbox::{Operation, Target};
use serde_json::json;

use super::*;
use crate::{canary::NEW_SECRET, refusals::refusals};

/// A store that can be broken.
struct Fragile {
    inner: Memory,
    broken: AtomicBool,
}

impl Fragile {
    fn unless_broken<'a, T: 'a>(&self, future: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.broken.load(Ordering::Relaxed) {
            true => Box::pin(async { Err(StoreError("it is broken".to_owned())) }),
            false => future,
        }
    }
}

impl Store for Fragile {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        self.unless_broken(self.inner.get(key))
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        self.unless_broken(self.inner.commit(changes))
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        self.unless_broken(self.inner.list(space))
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        self.unless_broken(self.inner.take(key, rate))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// A world whose gateway's store has just broken.
async fn without_store() -> (Machine, World) {
    let store = Arc::new(Fragile {
        inner: Memory::new(),
        broken: AtomicBool::new(false),
    });
    let machine = Machine {
        store: Arc::<Fragile>::clone(&store),
        ..Machine::new()
    };
    let world = machine.world().await;
    store.broken.store(true, Ordering::Relaxed);
    (machine, world)
}

refusals! {
    reset_without_store: "PartnerService/ResetAuthenticationGuard" => UNAVAILABLE "STORE_UNAVAILABLE" from OURS at [], |_world| {
        let (_machine, world) = without_store().await;
        reset(&world).await.unwrap_err()
    }

    rotate_malformed: "PartnerService/RotatePartnerSecret" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at ["new_secret"], |world| {
        rotate(&world, "too.short.1").await.unwrap_err()
    }
    rotate_rejected: "PartnerService/RotatePartnerSecret" => INVALID_ARGUMENT "VENDOR_REJECTED_FIELD" from VENDOR at [], |_world| {
        let machine = Machine::new();
        let world = machine.world().await;
        let body = json!({"code": 24437, "message": format!("The secret {NEW_SECRET} is against the policy")});
        world.answers(Operation::ModifyPartnerSecret, 400, body);
        let refusal = rotate(&world, NEW_SECRET).await.unwrap_err();
        assert_eq!(machine.secret(), OLD_SECRET);
        assert_eq!(machine.others(), Vec::<String>::new());
        call(&world).await.unwrap();
        refusal
    }
    rotate_without_file: "PartnerService/RotatePartnerSecret" => FAILED_PRECONDITION "SECRET_FILE_UNUSABLE" from OURS at [], |world| {
        let refusal = rotate(&world, NEW_SECRET).await.unwrap_err();
        assert_eq!(world.calls(), 0);
        refusal
    }
    rotate_twice_at_once: "PartnerService/RotatePartnerSecret" => ABORTED "ROTATION_IN_PROGRESS" from OURS at [], |_world| {
        let machine = Machine::new();
        let world = Arc::new(machine.world().await);
        let barrier = world.sandbox().add_barrier(Target::Operation(Operation::ModifyPartnerSecret));
        let first = tokio::spawn({
            let world = Arc::clone(&world);
            async move { rotate(&world, NEW_SECRET).await }
        });
        world.sandbox().barrier_holds(barrier, 1).await.unwrap();
        let refusal = rotate(&world, NEW_SECRET).await.unwrap_err();
        world.sandbox().release_barrier(barrier).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(world.called(Operation::ModifyPartnerSecret), 1);
        refusal
    }
    rotate_unsettled: "PartnerService/RotatePartnerSecret" => UNAVAILABLE "OUTCOME_UNKNOWN" from OURS at [], |_world| {
        let machine = Machine::new();
        let world = machine.world().await;
        super::rotation::unsettle(&world);
        rotate(&world, NEW_SECRET).await.unwrap_err()
    }
    rotate_without_store: "PartnerService/RotatePartnerSecret" => UNAVAILABLE "STORE_UNAVAILABLE" from OURS at [], |_world| {
        let (machine, world) = without_store().await;
        let refusal = rotate(&world, NEW_SECRET).await.unwrap_err();
        assert_eq!(world.calls(), 0);
        assert_eq!(machine.others(), Vec::<String>::new());
        refusal
    }
}
