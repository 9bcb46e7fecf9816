//! The audit file of a real gateway, held against the sandbox's journal: who did what, and nothing is missing.

mod gone;
mod matching;
mod refused;

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::ExitCode,
};

use openfinance_rpc::pb;
use serde_json::Value;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{canary, world::World};

/// A world whose gateway has an audit file, and where that is.
async fn world(change: impl FnOnce(&mut openfinance_gateway::config::Config)) -> (World, Folder) {
    let folder = Folder(tempfile::tempdir().unwrap());
    let path = folder.file();
    let world = World::with_gateway(
        |_| (),
        |gateway| {
            gateway.audit_path = Some(path);
            change(gateway);
        },
    );
    (world.await, folder)
}

/// Where an audit file is.
struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.path().join("audit.jsonl")
    }

    /// What the lines say, after a look for canaries.
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap();
        canary::scan(&text);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Exit code and output of a command of the gateway.
fn told(arguments: &[&str]) -> (ExitCode, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["openfinance-gateway", "audit"].iter().chain(arguments);
    let code = openfinance_gateway::cli::run(
        Ok(()),
        arguments.map(Into::into),
        [("OPENFINANCE_SHARED__KEY".into(), "07".repeat(32).into())],
        &mut out,
        &mut err,
    );
    out.extend(err);
    (code, String::from_utf8(out).unwrap())
}

fn verify(file: &Path) {
    let (code, told) = told(&["verify", file.to_str().unwrap()]);
    assert!(code == ExitCode::SUCCESS, "{told}");
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}

fn word<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_default()
}

fn ids(line: &Value, key: &str) -> Vec<String> {
    let ids = line[key].as_array().into_iter().flatten();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lists_and_streams_say_which_customers_they_told() {
    let (world, folder) = world(|_| ()).await;
    let mut customers = Vec::new();
    for _ in 0..5 {
        customers.push(world.customer().await);
    }
    customers.sort();
    let list = pb::ListCustomersRequest {
        page_size: 3,
        ..Default::default()
    };
    world.customers().list_customers(list).await.unwrap();
    let mut stream = world
        .customers()
        .stream_customers(pb::StreamCustomersRequest::default())
        .await
        .unwrap()
        .into_inner();
    while stream.message().await.unwrap().is_some() {}
    world.stop().await;
    verify(&folder.file());
    let lines = folder.lines();
    let reads: Vec<_> = lines
        .iter()
        .filter(|line| word(line, "event") == "read")
        .collect();
    let [list, stream] = reads[..] else {
        panic!("{reads:?}");
    };
    assert_eq!(
        (ids(list, "customers").len(), &list["records"]),
        (3, &3.into())
    );
    assert_eq!(
        (ids(stream, "customers"), &stream["records"]),
        (customers, &5.into())
    );
}

/// What a gateway refuses while its audit file can't be written, after a look at all that it must not do then and does
/// again afterwards.
pub(crate) async fn refused_on_a_full_disk() -> Status {
    let (world, folder) = world(|_| ()).await;
    let customer_id = world.customer().await;
    let get = || pb::GetCustomerRequest {
        customer_id: customer_id.clone(),
    };
    // From now on every write fails for want of room.
    let kept = folder.file().with_extension("1");
    std::fs::rename(folder.file(), &kept).unwrap();
    symlink("/dev/full", folder.file()).unwrap();
    let before = world.calls();
    let create = pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: "ermintrude".to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = world.customers().create_customer(create.clone()).await;
    let refused = refused.unwrap_err();
    let read = world.customers().get_customer(get()).await.unwrap_err();
    assert_eq!(reason(&read), "AUDIT_UNAVAILABLE");
    let delete = pb::DeleteCustomerRequest {
        customer_id: customer_id.clone(),
        allow_missing: true,
    };
    let deleted = world.customers().delete_customer(delete).await;
    assert_eq!(reason(&deleted.unwrap_err()), "AUDIT_UNAVAILABLE");
    assert_eq!(world.calls(), before, "the vendor was asked");
    assert_eq!(world.admin_status("/readyz").await, 503);
    assert_eq!(usable(&world).await, "0.0");
    // What tells nothing of records goes on.
    let partner = pb::GetPartnerAuthenticationRequest {};
    world
        .partner()
        .get_partner_authentication(partner)
        .await
        .unwrap();
    std::fs::remove_file(folder.file()).unwrap();
    while world.admin_status("/readyz").await != 200 {
        tokio::task::yield_now().await;
    }
    world.customers().get_customer(get()).await.unwrap();
    world.customers().create_customer(create).await.unwrap();
    assert_eq!(usable(&world).await, "1.0");
    world.stop().await;
    let file = folder.file();
    let (code, told) = told(&["verify", kept.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(code == ExitCode::SUCCESS, "{told}");
    refused
}

/// What `/metrics` says of the file.
async fn usable(world: &World) -> String {
    let text = world.admin("/metrics").await;
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("openfinance_audit_usable "));
    values.next().unwrap().to_owned()
}
