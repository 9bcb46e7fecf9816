//! The audit file and the sandbox's journal, line by line, while the vendor fails and callers go away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openfinance_sandbox::{Change, Commit, FaultRule, JournalEntry, Operation, RecordKind};
use serde_json::Value;
use tokio::task::JoinSet;
use tonic::Code;

use super::*;
use crate::{refusals::code_name, world::any_consumer};

/// How many callers visit, each with seven calls or more, unless `AUDIT_VISITS` says another number.
const VISITS: usize = 72;
/// How many do so at once.
const AT_ONCE: usize = 40;
/// How the request ids of callers begin who may go away before they are answered.
const GONE: &str = "90e00000-";

/// What a caller was told: the method, the code, and the record that the answer names.
type Told = (&'static str, Code, Option<String>);

/// Some calls of one caller about one customer, one after the other.
async fn visit(world: &World, number: usize) -> Vec<Told> {
    let mut told = Vec::new();
    if number % 4 == 1 {
        go_away(world, number).await;
    }
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
    let create = pb::CreateConsumerRequest {
        customer_id: customer_id.clone(),
        consumer: Some(any_consumer()),
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

/// A create whose caller does not wait for its answer.
async fn go_away(world: &World, number: usize) {
    let customer = pb::Customer {
        username: format!("went-away-{number}"),
        first_name: canary::FIRST_NAME.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        ..Default::default()
    };
    let create = pb::CreateCustomerRequest {
        customer: Some(customer),
        request_id: format!("{GONE}6d1e-4c9c-9a35-{number:012x}"),
        ..Default::default()
    };
    let patience = Duration::from_millis(number as u64 % 3 * 8 + 1);
    let mut customers = world.customers();
    let create = customers.create_customer(create);
    let _ = tokio::time::timeout(patience, create).await;
}

/// Failures of each kind at the vendor: answers that are lost after the work was done, and before it was, some of them late.
fn fail(world: &World, visits: usize) {
    let times = visits as u64 / 8;
    let late = FaultRule::on(Operation::AddTestingCustomer)
        .latency(Duration::from_millis(40))
        .times(times);
    world.sandbox().add_fault(late).unwrap();
    for (operation, commit) in [
        (Operation::AddTestingCustomer, Commit::Before),
        (Operation::CreateConsumer, Commit::Before),
        (Operation::ModifyCustomer, Commit::Never),
        (Operation::GetConsumer, Commit::Never),
    ] {
        let rule = FaultRule::on(operation).commit(commit).times(times);
        world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
    }
}

#[tokio::test]
async fn the_audit_file_and_the_journal_match_one_to_one_under_faults() {
    let visits = std::env::var("AUDIT_VISITS")
        .ok()
        .map_or(VISITS, |visits| visits.parse().unwrap());
    if visits > VISITS {
        canary::log_less_here();
    }
    let folder = Folder(tempfile::tempdir().unwrap());
    let file = folder.file();
    let world = World::with_gateway(
        |sandbox| sandbox.testing_customer_limit = 2 * visits,
        |gateway| gateway.audit_path = Some(file),
    )
    .await;
    fail(&world, visits);
    let sandbox = world.sandbox().clone();
    let world = Arc::new(world);
    let mut answered = BTreeMap::<(String, String, String), usize>::new();
    for first in (0..visits).step_by(AT_ONCE) {
        let mut visitors = JoinSet::new();
        for number in first..(first + AT_ONCE).min(visits) {
            let world = Arc::clone(&world);
            visitors.spawn(async move { visit(&world, number).await });
        }
        for (name, code, id) in visitors.join_all().await.into_iter().flatten() {
            let key = (name.to_owned(), code_name(code), id.unwrap_or_default());
            *answered.entry(key).or_default() += 1;
        }
    }
    Arc::into_inner(world).unwrap().stop().await;
    for fault in sandbox.faults() {
        assert!(fault.fired > 0, "{fault:?}");
    }
    verify(&folder.file());
    let lines = folder.lines();
    each_intent_has_an_outcome(&lines);
    commits_and_outcomes_are_the_same(sandbox.journal(0).entries, &lines);
    assert_eq!(told(&lines), answered);
    let calls = answered.values().sum::<usize>() + visits / 4;
    assert!(calls >= 7 * visits, "{calls}");

    let file = folder.file();
    let arguments = [
        "query",
        file.to_str().unwrap(),
        "--caller",
        "anonymous",
        "--distinct",
        "consumers",
    ];
    let (_, consumers) = super::told(&arguments);
    let read = of(&lines, "read").filter(|line| word(line, "code") == "OK");
    let read = read.chain(of(&lines, "outcome").filter(|line| word(line, "code") == "OK"));
    let read: BTreeSet<_> = read.flat_map(|line| ids(line, "consumers")).collect();
    assert_eq!(consumers.lines().count(), read.len());
}

fn of<'a>(lines: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    lines
        .iter()
        .filter(move |line| word(line, "event") == event)
}

/// The method of a line, without its package.
fn rpc(line: &Value) -> &str {
    word(line, "rpc").trim_start_matches("openfinance.v1.")
}

/// The ids of the records that the method of a line is about.
fn own_ids(line: &Value) -> Vec<String> {
    let is_of_consumers = rpc(line).starts_with("Consumer");
    ids(
        line,
        if is_of_consumers {
            "consumers"
        } else {
            "customers"
        },
    )
}

/// Each intent has one outcome, behind it.
fn each_intent_has_an_outcome(lines: &[Value]) {
    let by_call = |event| -> BTreeMap<_, _> {
        let lines = of(lines, event);
        lines.map(|line| (word(line, "call"), line)).collect()
    };
    let (intents, outcomes) = (by_call("intent"), by_call("outcome"));
    assert_eq!(intents.len(), of(lines, "intent").count());
    assert_eq!(outcomes.len(), of(lines, "outcome").count());
    assert!(intents.keys().eq(outcomes.keys()));
    for (call, outcome) in &outcomes {
        let intent = intents[call];
        assert!(intent["seq"].as_u64() < outcome["seq"].as_u64());
        assert_eq!(intent["rpc"], outcome["rpc"]);
        assert_eq!(word(outcome, "caller"), "anonymous");
        // Whether somebody waited for it or not, how it ended is known.
        assert_ne!(word(outcome, "outcome"), "UNKNOWN");
    }
}

/// Each commit in the journal is an outcome in the file, and each outcome that went well is a commit.
fn commits_and_outcomes_are_the_same(journal: Vec<JournalEntry>, lines: &[Value]) {
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
    let done: Vec<_> = of(lines, "outcome")
        .filter(|line| word(line, "code") == "OK")
        .map(|line| {
            let [id] = own_ids(line).try_into().unwrap();
            (rpc(line).to_owned(), id)
        })
        .collect();
    let told = done.len();
    let done: BTreeSet<_> = done.into_iter().collect();
    assert_eq!(done.len(), told, "a write is told twice");
    let undone: Vec<_> = done.difference(&committed).collect();
    assert!(undone.is_empty(), "not in the journal: {undone:?}");
    // A create that could not be settled is told as such, and may have been done.
    let unknown = |line: &&Value| word(line, "reason") == "OUTCOME_UNKNOWN";
    let unknown = of(lines, "outcome").filter(unknown).count();
    let untold: Vec<_> = committed.difference(&done).collect();
    assert!(untold.len() <= unknown, "not in the file: {untold:?}");
}

/// What the lines say that callers were answered, less those who may have gone.
fn told(lines: &[Value]) -> BTreeMap<(String, String, String), usize> {
    let mut told = BTreeMap::new();
    for line in lines {
        let is_answer = matches!(word(line, "event"), "outcome" | "read" | "refusal");
        // Of one that never arrived whole not even the request id is known.
        let may_have_gone =
            word(line, "request_id").starts_with(GONE) || line["unheard"] == Value::Bool(true);
        if !is_answer || may_have_gone {
            continue;
        }
        let code = word(line, "code");
        match code {
            "ALREADY_EXISTS" => {
                assert_eq!(word(line, "reason"), "USERNAME_TAKEN");
                assert_eq!(word(line, "http_status"), "409");
            }
            "INVALID_ARGUMENT" if rpc(line) == "CustomerService/GetCustomer" => {
                assert_eq!(word(line, "event"), "refusal");
                assert_eq!(ids(line, "customers"), ["invalid"]);
            }
            _ => {}
        }
        let id = match code {
            "OK" => own_ids(line).concat(),
            _ => String::new(),
        };
        let key = (rpc(line).to_owned(), code.to_owned(), id);
        *told.entry(key).or_default() += 1;
    }
    told
}
