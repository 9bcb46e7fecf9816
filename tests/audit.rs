//! The audit file of a real gateway, held against the sandbox's journal: who did what, and nothing is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use openfinance_rpc::pb;
use openfinance_sandbox::{Change, Commit, FaultRule, JournalEntry, Operation, RecordKind};
use serde_json::Value;
use tokio::task::JoinSet;
use tonic::{Code, Status};
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

/// What a caller was told: the method, the code, and the record that the answer names.
type Told = (&'static str, Code, Option<String>);

/// Some calls of one caller about one customer, one after the other.
async fn visit(world: &World, number: usize) -> Vec<Told> {
    let mut told = Vec::new();
    macro_rules! call {
        ($service:ident, $method:ident, $name:literal, $request:expr, $id:ident) => {{
            let answer = world.$service().$method($request).await;
            let (code, id) = match &answer {
                Ok(answer) => (Code::Ok, Some(answer.get_ref().$id.clone())),
                Err(status) => (status.code(), None),
            };
            told.push(($name, code, id.clone()));
            id.unwrap_or_default()
        }};
    }
    let customer = pb::Customer {
        username: format!("ermintrude-{number}"),
        first_name: canary::FIRST_NAME.to_owned(),
        email: canary::EMAIL.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        ..Default::default()
    };
    let create = pb::CreateCustomerRequest {
        customer: Some(customer),
        request_id: format!("6f1c1f0a-6d1e-4c9c-9a35-{number:012x}"),
        ..Default::default()
    };
    let customer_id = call!(
        customers,
        create_customer,
        "CustomerService/CreateCustomer",
        create.clone(),
        customer_id
    );
    let other = pb::CreateCustomerRequest {
        request_id: String::new(),
        ..create
    };
    call!(
        customers,
        create_customer,
        "CustomerService/CreateCustomer",
        other,
        customer_id
    );
    let consumer = pb::Consumer {
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        state: "UT".to_owned(),
        ssn: canary::SSN.to_owned(),
        phone: canary::PHONE.to_owned(),
        ..Default::default()
    };
    let create = pb::CreateConsumerRequest {
        customer_id: customer_id.clone(),
        consumer: Some(consumer),
        ..Default::default()
    };
    let consumer_id = call!(
        consumers,
        create_consumer,
        "ConsumerService/CreateConsumer",
        create,
        consumer_id
    );
    let get = pb::GetConsumerRequest { consumer_id };
    call!(
        consumers,
        get_consumer,
        "ConsumerService/GetConsumer",
        get,
        consumer_id
    );
    let update = pb::UpdateCustomerRequest {
        customer: Some(pb::Customer {
            customer_id: customer_id.clone(),
            last_name: canary::LAST_NAME.to_owned(),
            ..Default::default()
        }),
        update_mask: None,
    };
    call!(
        customers,
        update_customer,
        "CustomerService/UpdateCustomer",
        update,
        customer_id
    );
    let lookup = pb::LookupCustomerRequest {
        username: format!("ermintrude-{number}"),
    };
    call!(
        customers,
        lookup_customer,
        "CustomerService/LookupCustomer",
        lookup,
        customer_id
    );
    let nobody = pb::GetCustomerRequest {
        customer_id: canary::FIRST_NAME.to_owned(),
    };
    call!(
        customers,
        get_customer,
        "CustomerService/GetCustomer",
        nobody,
        customer_id
    );
    if number.is_multiple_of(2) {
        let delete = pb::DeleteCustomerRequest {
            customer_id: customer_id.clone(),
            allow_missing: false,
        };
        let deleted = world.customers().delete_customer(delete).await;
        let code = deleted.map_or_else(|status| status.code(), |_| Code::Ok);
        let id = (code == Code::Ok).then_some(customer_id);
        told.push(("CustomerService/DeleteCustomer", code, id));
    }
    told
}

#[tokio::test]
async fn the_audit_file_and_the_journal_match_one_to_one_under_faults() {
    let (world, folder) = world(|_| ()).await;
    // Answers that are lost after the work was done, and some before.
    for (operation, commit, times) in [
        (Operation::AddTestingCustomer, Commit::Before, 5),
        (Operation::CreateConsumer, Commit::Before, 5),
        (Operation::ModifyCustomer, Commit::Never, 5),
        (Operation::GetConsumer, Commit::Never, 5),
    ] {
        let rule = FaultRule::on(operation).commit(commit).times(times);
        world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
    }
    let world = Arc::new(world);
    let mut visits = JoinSet::new();
    for number in 0..40 {
        let world = Arc::clone(&world);
        visits.spawn(async move { visit(&world, number).await });
    }
    let mut answered = BTreeMap::<(String, String, String), usize>::new();
    for (name, code, id) in visits.join_all().await.into_iter().flatten() {
        let code = if code == Code::Ok {
            "OK".to_owned()
        } else {
            format!("{code:?}")
        };
        let key = (name.to_owned(), code, id.unwrap_or_default());
        *answered.entry(key).or_default() += 1;
    }
    let journal = world.sandbox().journal(0).entries;
    Arc::into_inner(world).unwrap().stop().await;
    verify(&folder.file());
    let lines = folder.lines();

    // Each intent has one outcome, behind it.
    let of = |event: &'static str| {
        lines
            .iter()
            .filter(move |line| word(line, "event") == event)
    };
    let intents: BTreeMap<_, _> = of("intent")
        .map(|line| (word(line, "call"), line))
        .collect();
    let outcomes: BTreeMap<_, _> = of("outcome")
        .map(|line| (word(line, "call"), line))
        .collect();
    assert_eq!(intents.len(), of("intent").count());
    assert_eq!(outcomes.len(), of("outcome").count());
    assert!(intents.keys().eq(outcomes.keys()));
    for (call, outcome) in &outcomes {
        let intent = intents[call];
        assert!(intent["seq"].as_u64() < outcome["seq"].as_u64());
        assert_eq!(intent["rpc"], outcome["rpc"]);
        assert_eq!(word(outcome, "caller"), "anonymous");
    }

    // Each commit in the journal is an outcome in the file, and each outcome that went well is a commit.
    let mut committed = BTreeSet::new();
    for entry in journal {
        let JournalEntry::Commit(commit) = entry else {
            continue;
        };
        let rpc = match (commit.kind, commit.change) {
            (RecordKind::Customer, Change::Created) => "CustomerService/CreateCustomer",
            (RecordKind::Customer, Change::Changed) => "CustomerService/UpdateCustomer",
            (RecordKind::Customer, Change::Deleted) => "CustomerService/DeleteCustomer",
            (RecordKind::Consumer, Change::Created) => "ConsumerService/CreateConsumer",
            (kind, change) => panic!("{kind:?} {change:?}"),
        };
        assert!(committed.insert((rpc.to_owned(), commit.id)));
    }
    let done = of("outcome")
        .filter(|line| word(line, "code") == "OK")
        .map(|line| {
            let rpc = word(line, "rpc")
                .trim_start_matches("openfinance.v1.")
                .to_owned();
            let kind = if rpc.starts_with("Consumer") {
                "consumers"
            } else {
                "customers"
            };
            let [id] = ids(line, kind).try_into().unwrap();
            (rpc, id)
        });
    let done: Vec<_> = done.collect();
    assert_eq!(done.len(), committed.len(), "a write is told twice");
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), committed);

    // Every answer that a caller got is in the file, and no other.
    let mut told = BTreeMap::<(String, String, String), usize>::new();
    for line in &lines {
        let code = match word(line, "event") {
            "outcome" | "read" | "refusal" => word(line, "code"),
            _ => continue,
        };
        let rpc = word(line, "rpc").trim_start_matches("openfinance.v1.");
        let kind = if rpc.starts_with("Consumer") {
            "consumers"
        } else {
            "customers"
        };
        let (code, id) = match code {
            "OK" => ("OK".to_owned(), ids(line, kind).concat()),
            "ALREADY_EXISTS" => {
                assert_eq!(word(line, "reason"), "USERNAME_TAKEN");
                assert_eq!(word(line, "http_status"), "409");
                ("AlreadyExists".to_owned(), String::new())
            }
            "INVALID_ARGUMENT" => {
                assert_eq!(word(line, "event"), "refusal");
                assert_eq!(ids(line, "customers"), ["invalid"]);
                ("InvalidArgument".to_owned(), String::new())
            }
            other => (other.to_owned(), String::new()),
        };
        *told.entry((rpc.to_owned(), code, id)).or_default() += 1;
    }
    assert_eq!(told, answered);
    assert!(told.values().sum::<usize>() >= 280);

    let file = folder.file();
    let arguments = [
        "query",
        file.to_str().unwrap(),
        "--caller",
        "anonymous",
        "--distinct",
    ];
    let (_, consumers) = self::told(&[&arguments[..], &["consumers"]].concat());
    assert_eq!(consumers.lines().count(), 40);
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

#[tokio::test]
async fn a_caller_who_calls_too_often_has_a_line_for_each_refusal() {
    let (world, folder) = world(|gateway| {
        gateway.limits.calls = Some(openfinance::store::Rate {
            per_second: 0.01,
            burst: 1,
        });
    })
    .await;
    for _ in 0..4 {
        let get = pb::GetCustomerRequest {
            customer_id: "1005".to_owned(),
        };
        world.customers().get_customer(get).await.unwrap_err();
    }
    world.stop().await;
    verify(&folder.file());
    let lines = folder.lines();
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| word(line, "reason") == "CALLER_RATE_LIMITED")
        .collect();
    assert_eq!(refused.len(), 3);
    for line in refused {
        assert_eq!(word(line, "event"), "refusal");
        assert_eq!(word(line, "caller"), "anonymous");
        assert_eq!(
            word(line, "rpc"),
            "openfinance.v1.CustomerService/GetCustomer"
        );
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_an_outcome() {
    let (world, folder) = world(|_| ()).await;
    let barrier = openfinance_sandbox::Target::Operation(Operation::AddTestingCustomer);
    let barrier = world.sandbox().add_barrier(barrier);
    tokio::select! {
        _ = world.customer() => panic!("nobody holds it"),
        held = world.sandbox().barrier_holds(barrier, 1) => held.unwrap(),
    }
    // Its going reaches the gateway by and by.
    let has_outcome = || {
        let text = std::fs::read_to_string(folder.file()).unwrap();
        text.contains("\"event\":\"outcome\"")
    };
    while !has_outcome() {
        tokio::task::yield_now().await;
    }
    world.sandbox().release_barrier(barrier).unwrap();
    world.stop().await;
    verify(&folder.file());
    let lines = folder.lines();
    let of = |event| {
        lines
            .iter()
            .find(|line| word(line, "event") == event)
            .unwrap()
    };
    let (intent, outcome) = (of("intent"), of("outcome"));
    assert_eq!(intent["call"], outcome["call"]);
    assert_eq!(word(outcome, "code"), "CANCELLED");
    assert_eq!(word(outcome, "outcome"), "UNKNOWN");
    // By the hash of its username it is found again.
    assert_eq!(ids(intent, "usernames").len(), 1);
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
    world.stop().await;
    let file = folder.file();
    let (code, told) = told(&["verify", kept.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(code == ExitCode::SUCCESS, "{told}");
    refused
}
