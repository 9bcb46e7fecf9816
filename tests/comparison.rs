//! Three clients under the same faults: what it takes to create a record once and to know its id.
//!
//! Everything runs in the sandbox and is counted by its journal. Nothing that is compared depends on how fast the machine
//! is, so the tables in `docs/comparison.md` are those that come out, or this fails.

mod caller;
mod client;
mod fault;
mod login;
mod table;

use std::{collections::HashMap, sync::Arc, time::Duration};

use openfinance_sandbox::{
    Change, Config, Control, JournalEntry, Operation, RecordKind, Sandbox, Start,
};
use tokio::{sync::Semaphore, task::JoinSet};

use caller::{Caller, Wanted};
use client::{Ask, Client, Kind};
use login::Case;
use table::Tally;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/comparison.md");
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
/// Says that the tables are to be written down rather than compared.
const RECORD: &str = "OPENFINANCE_RECORD_COMPARISON";
/// How many sandboxes run at the same time. Most of them only wait.
const AT_ONCE: usize = 16;
/// How long a client has to notice that a connection was closed.
const SETTLING: Duration = Duration::from_millis(100);
/// Past everything that the vendor does late.
const AFTERWARDS: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_in_the_docs_are_those_that_come_out() {
    let Tables {
        keeps,
        takes_new,
        logins,
        at_a_glance,
    } = measure().await;
    let documents = [
        (DOCUMENT, "keeps its key", keeps),
        (DOCUMENT, "takes a new key", takes_new),
        (DOCUMENT, "logins", logins),
        (README, "never twice", at_a_glance),
    ];
    let mut stale = String::new();
    for (path, name, table) in documents {
        let found = std::fs::read_to_string(path).unwrap();
        let document = replaced(&found, name, &table);
        if std::env::var_os(RECORD).is_some() {
            std::fs::write(path, document).unwrap();
        } else if document != found {
            stale += &format!("\n{name}:\n{table}");
        }
    }
    assert!(
        stale.is_empty(),
        "the tables in docs/comparison.md or README.md are stale: run `cargo xtask compare --record`, and read what \
         changed:\n{stale}"
    );
}

/// What stands in the documents.
struct Tables {
    keeps: String,
    takes_new: String,
    logins: String,
    at_a_glance: String,
}

/// The document with another table between the comments that have this name.
fn replaced(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = document.split_once(&begin).expect(name);
    let (_, after) = rest.split_once(&end).expect(name);
    format!("{before}{begin}{table}{end}{after}")
}

async fn measure() -> Tables {
    let lines: Vec<_> = fault::faults(Operation::AddTestingCustomer, "/")
        .iter()
        .enumerate()
        .map(|(index, fault)| (index, fault.name, fault.work))
        .collect();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut cells = JoinSet::new();
    for &(index, ..) in &lines {
        for caller in Caller::ALL {
            for kind in Kind::ALL {
                for wanted in Wanted::ALL {
                    let turns = Arc::clone(&turns);
                    cells.spawn(async move {
                        let _turn = turns.acquire().await.unwrap();
                        (
                            (index, caller, kind),
                            cell(index, wanted, caller, kind).await,
                        )
                    });
                }
            }
        }
    }
    let mut tallies: HashMap<_, Tally> = HashMap::new();
    while let Some(cell) = cells.join_next().await {
        let (key, tally) = cell.unwrap();
        *tallies.entry(key).or_default() += tally;
    }
    let mut logins = HashMap::new();
    for case in Case::ALL {
        for kind in Kind::ALL {
            logins.insert((case, kind), case.run(kind).await);
        }
    }
    Tables {
        keeps: table::faults(Caller::KeepsKey, &lines, &tallies),
        takes_new: table::faults(Caller::NewKey, &lines, &tallies),
        logins: table::logins(&logins),
        at_a_glance: table::at_a_glance(&lines, &tallies, &logins),
    }
}

/// One create of one caller through one client under one fault, in a sandbox of its own.
async fn cell(index: usize, wanted: Wanted, caller: Caller, kind: Kind) -> Tally {
    let config = Config {
        // Late work comes by the sandbox's clock, so that has to run.
        start: Start::Host,
        ..Config::for_tests()
    };
    let partner = config.partner.clone();
    let sandbox = Sandbox::start(config.clone()).await.unwrap();
    let stranger = Sandbox::start(config).await.unwrap();
    let control = sandbox.control();
    let client = Client::new(kind, &sandbox, &partner);
    // Nothing is wrong yet: there is a token, a connection, and a customer.
    let first = Ask::TestingCustomer {
        username: "household-4710".to_owned(),
    };
    let first = client.create(&first).await.unwrap();

    let (operation, record) = subject(wanted);
    let elsewhere = format!("{}/aggregation/v2/customers/testing", stranger.base_url());
    let fault = fault::faults(operation, &elsewhere).swap_remove(index);
    let rule = control.add_fault(fault.rule).unwrap();
    // A rule about new connections ends the one that is there, which the client notices in its own time.
    tokio::time::sleep(SETTLING).await;
    let begin = control.journal(0).entries.len();
    let outcome = caller.run(&client, wanted, &first).await;
    control.advance(AFTERWARDS).unwrap();

    let fired = control
        .faults()
        .iter()
        .find(|fault| fault.id == rule)
        .unwrap()
        .fired;
    assert!(fired > 0, "{} met nothing of {wanted:?}", fault.name);
    let records = created(control, begin, record);
    let known = |id: &String| outcome.as_ref() == Ok(id);
    let tally = Tally {
        asked: 1,
        duplicates: records.len().saturating_sub(1),
        lost: records.iter().filter(|id| !known(id)).count(),
        wrong: usize::from(outcome.as_ref().is_ok_and(|id| !records.contains(id))),
        errors: usize::from(outcome.is_err()),
        creates: creates(control, begin),
        strangers: stranger.control().requests(None).len(),
    };
    sandbox.stop().await;
    stranger.stop().await;
    tally
}

fn subject(wanted: Wanted) -> (Operation, RecordKind) {
    match wanted {
        Wanted::TestingCustomer => (Operation::AddTestingCustomer, RecordKind::Customer),
        Wanted::ActiveCustomer => (Operation::AddCustomer, RecordKind::Customer),
        Wanted::Consumer => (Operation::CreateConsumer, RecordKind::Consumer),
        Wanted::Business => (Operation::AddBusinessDetails, RecordKind::Business),
    }
}

/// The ids of the records of a kind that were created after the first lines of the journal.
fn created(control: &Control, begin: usize, kind: RecordKind) -> Vec<String> {
    let lines = control.journal(0).entries.into_iter().skip(begin);
    lines
        .filter_map(|line| match line {
            JournalEntry::Commit(commit)
                if commit.kind == kind && commit.change == Change::Created =>
            {
                Some(commit.id)
            }
            JournalEntry::Commit(_) | JournalEntry::Request(_) => None,
        })
        .collect()
}

/// How many creates were sent. How often ours looks meanwhile is left to chance, so it is no figure to compare.
fn creates(control: &Control, begin: usize) -> usize {
    const CREATES: [Operation; 4] = [
        Operation::AddTestingCustomer,
        Operation::AddCustomer,
        Operation::CreateConsumer,
        Operation::AddBusinessDetails,
    ];
    let lines = control.journal(0).entries.into_iter().skip(begin);
    let created = |line: &JournalEntry| match line {
        JournalEntry::Request(request) => request
            .operation
            .is_some_and(|operation| CREATES.contains(&operation)),
        JournalEntry::Commit(_) => false,
    };
    lines.filter(created).count()
}
