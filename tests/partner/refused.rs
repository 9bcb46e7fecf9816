//! What PartnerService refuses, a case for each row of the tables in its proto comments.

use openfinance_sandbox::{Operation, Target};
use serde_json::json;

use super::*;
use crate::{canary::NEW_SECRET, fragile::Fragile, refusals::refusals};

/// A world whose gateway's store has just broken.
async fn without_store() -> (Machine, World) {
    let store = Fragile::of_one();
    let machine = Machine {
        store: Arc::<Fragile>::clone(&store),
        ..Machine::new()
    };
    let world = machine.world().await;
    store.breaks();
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
