//! PartnerService, end to end.

mod refused;
mod rotation;

use std::{fs, path::PathBuf, sync::Arc};

use openfinance::store::{Memory, Store};
use openfinance_gateway::config::{self, Upstream};
use openfinance_rpc::pb;
use tempfile::TempDir;
use tonic::Status;

use crate::{canary, world::World};

pub(crate) use refused::CASES;

const OLD_SECRET: &str = "SandboxSecret1234";

/// The disk and the store of a gateway, which outlive it.
pub(crate) struct Machine {
    folder: TempDir,
    store: Arc<dyn Store>,
}

impl Machine {
    /// With the sandbox's own secret in the file.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), OLD_SECRET).unwrap();
        let store = Arc::new(Memory::new());
        Self { folder, store }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secret(&self) -> String {
        fs::read_to_string(self.file("secret")).unwrap()
    }

    /// What is beside the secret.
    fn others(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "secret")
            .collect()
    }

    /// Starts a gateway here, in the place of the one that runs.
    async fn start(&self, world: &mut World) {
        self.start_with(world, |_| ()).await;
    }

    /// The same, with other settings.
    async fn start_with(&self, world: &mut World, other: impl FnOnce(&mut config::Config)) {
        let (path, secret) = (self.file("secret"), self.secret());
        let change = |settings: &mut config::Config| {
            let Upstream::Vendor(vendor) = &mut settings.upstream else {
                panic!("the world's gateway calls a sandbox of its own");
            };
            vendor.partner_secret = secret.into();
            vendor.secret_file = Some(path);
            other(settings);
        };
        world.replace_gateway(change, Arc::clone(&self.store)).await;
    }

    /// A fresh world with a gateway that has its secret here.
    pub(crate) async fn world(&self) -> World {
        let mut world = World::start().await;
        self.start(&mut world).await;
        world
    }
}

async fn get(world: &World) -> pb::PartnerAuthentication {
    let request = pb::GetPartnerAuthenticationRequest {};
    let answer = world.partner().get_partner_authentication(request).await;
    answer.map(world.seen()).unwrap()
}

async fn reset(world: &World) -> Result<pb::PartnerAuthentication, Status> {
    let request = pb::ResetAuthenticationGuardRequest {};
    let answer = world.partner().reset_authentication_guard(request).await;
    answer.map(world.seen())
}

async fn rotate(world: &World, new_secret: &str) -> Result<pb::PartnerAuthentication, Status> {
    rotate_with(world, new_secret, false).await
}

async fn rotate_with(
    world: &World,
    new_secret: &str,
    immediate: bool,
) -> Result<pb::PartnerAuthentication, Status> {
    let request = pb::RotatePartnerSecretRequest {
        new_secret: new_secret.to_owned(),
        immediate,
    };
    canary::scan(&format!("{request:?}"));
    let answer = world.partner().rotate_partner_secret(request).await;
    answer.map(world.seen())
}

/// A call that needs a token.
async fn call(world: &World) -> Result<(), Status> {
    let request = pb::ListCustomersRequest::default();
    world.customers().list_customers(request).await.map(|_| ())
}

/// How many logins the sandbox has refused.
fn refused_logins(world: &World) -> u64 {
    world.sandbox().summary().partners[0].failed_authentications
}

#[tokio::test]
async fn get_partner_authentication_tells_the_times_of_the_token_once_there_is_one() {
    let world = World::start().await;
    let expected = pb::PartnerAuthentication {
        guard: pb::AuthenticationGuard::Closed.into(),
        ..Default::default()
    };
    assert_eq!(get(&world).await, expected);
    assert_eq!(world.calls(), 0);
    call(&world).await.unwrap();
    let told = get(&world).await;
    let issued = told.token_issue_time.unwrap().seconds;
    let renewed = told.token_renew_time.unwrap().seconds - issued;
    let expires = told.token_expire_time.unwrap().seconds - issued;
    // Each time is cut to the second.
    assert!((80 * 60 - 1..=90 * 60 + 1).contains(&renewed), "{renewed}");
    assert!((renewed..120 * 60).contains(&expires), "{expires}");
    world.stop().await;
}

#[tokio::test]
async fn reset_authentication_guard_lets_calls_go_out_again() {
    let world = World::start().await;
    let control = world.sandbox();
    control
        .set_partner_secret(None, "AnotherSecret1234")
        .unwrap();
    call(&world).await.unwrap_err();
    let told = get(&world).await;
    assert_eq!(told.guard(), pb::AuthenticationGuard::Open);
    assert_eq!(
        (
            told.failed_attempts,
            told.refusal_http_status,
            told.refusal_vendor_code
        ),
        (1, 401, 10_001)
    );
    control.set_partner_secret(None, OLD_SECRET).unwrap();
    call(&world).await.unwrap_err();
    let told = reset(&world).await.unwrap();
    assert_eq!(told.guard(), pb::AuthenticationGuard::Closed);
    assert_eq!((told.failed_attempts, told.refusal_vendor_code), (0, 0));
    call(&world).await.unwrap();
    world.stop().await;
}
