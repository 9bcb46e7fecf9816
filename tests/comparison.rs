//! Three clients under the same faults: what it takes to create a record once and to know its id.
//!
//! Everything runs in the sandbox and is counted by its journal. Nothing that is compared depends on how fast the machine
//! is, so the tables in `docs/comparison.md` are those that come out, or this fails.

mod caller;
mod client;
mod fault;
mod login;
mod table;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use openfinance_sandbox::{
    Change, Config, Control, JournalEntry, Operation, RecordKind, Sandbox, Start,
};
use tokio::{sync::Semaphore, task::JoinSet};

use caller::{Caller, Wanted};
use client::{Ask, Client, Kind};
use login::Case;
use table::{Line, Logins, Tally};

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

/// A line of the table of one caller: the fault, by its place in the list.
type Row = (usize, Caller);
/// The tables with a line for each fault, and who calls.
const TABLES: [(&str, Caller); 2] = [
    ("keeps its key", Caller::KeepsKey),
    ("takes a new key", Caller::NewKey),
];
const LOGINS: &str = "logins";

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_in_the_docs_are_those_that_come_out() {
    let records = std::env::var_os(RECORD).is_some();
    let mut measured = Measured::of(lines());
    let places = 0..measured.lines.len();
    let rows = places.flat_map(|place| Caller::ALL.map(|caller| (place, caller)));
    let mut broken = measured.creates(rows).await;
    measured.logins(Case::ALL).await;
    if !records {
        // A machine that stood still for as long as an attempt may take has other figures, but hardly twice in the same line.
        let found = std::fs::read_to_string(DOCUMENT).unwrap();
        let (rows, cases) = measured.differs_from(&found);
        broken = measured.creates(broken.into_iter().chain(rows)).await;
        measured.logins(cases).await;
    }
    assert!(broken.is_empty(), "these lines have no figures: {broken:?}");
    let mut stale = String::new();
    for (path, name, table) in measured.tables() {
        let found = std::fs::read_to_string(path).unwrap();
        let (before, stands, after) = parts(&found, name);
        if records {
            std::fs::write(path, format!("{before}{table}{after}")).unwrap();
        } else if table != stands {
            stale += &format!("\n{name}:\n{table}");
        }
    }
    assert!(
        stale.is_empty(),
        "the tables in docs/comparison.md or README.md are stale: run `cargo xtask compare --record`, and read what \
         changed:\n{stale}"
    );
}

/// The table in a document between the comments that have this name, with what comes before and after.
fn parts<'a>(document: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = document.find(&begin).expect(name) + begin.len();
    let length = document[start..].find(&end).expect(name);
    let (before, rest) = document.split_at(start);
    let (table, after) = rest.split_at(length);
    (before, table, after)
}

/// The lines of the table that are not those in the document, by their place below its head.
fn differing(document: &str, name: &str, table: &str) -> Vec<usize> {
    let (_, stands, _) = parts(document, name);
    let lines = stands.lines().zip(table.lines()).skip(2).enumerate();
    let differing = lines.filter(|(_, (stands, line))| stands != line);
    differing.map(|(place, _)| place).collect()
}

fn lines() -> Vec<Line> {
    fault::faults(Operation::AddTestingCustomer, "/")
        .iter()
        .enumerate()
        .map(|(index, fault)| (index, fault.name, fault.work))
        .collect()
}

/// What came out.
struct Measured {
    lines: Vec<Line>,
    tallies: HashMap<(usize, Caller, Kind), Tally>,
    logins: HashMap<(Case, Kind), Logins>,
}

impl Measured {
    fn of(lines: Vec<Line>) -> Self {
        Self {
            lines,
            tallies: HashMap::new(),
            logins: HashMap::new(),
        }
    }

    /// Measures these lines, anew if they were before, and answers those of which a cell broke off.
    async fn creates(&mut self, rows: impl IntoIterator<Item = Row>) -> HashSet<Row> {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut cells = JoinSet::new();
        let mut of = HashMap::new();
        for (index, caller) in rows.into_iter().collect::<HashSet<_>>() {
            for kind in Kind::ALL {
                self.tallies.insert((index, caller, kind), Tally::default());
                for wanted in Wanted::ALL {
                    let turns = Arc::clone(&turns);
                    let cell = cells.spawn(async move {
                        let _turn = turns.acquire().await.unwrap();
                        cell(index, wanted, caller, kind).await
                    });
                    of.insert(cell.id(), (index, caller, kind));
                }
            }
        }
        let mut broken = HashSet::new();
        while let Some(cell) = cells.join_next_with_id().await {
            match cell {
                Ok((id, tally)) => *self.tallies.entry(of[&id]).or_default() += tally,
                Err(error) => {
                    let (index, caller, _) = of[&error.id()];
                    broken.insert((index, caller));
                }
            }
        }
        broken
    }

    async fn logins(&mut self, cases: impl IntoIterator<Item = Case>) {
        for case in cases {
            for kind in Kind::ALL {
                self.logins.insert((case, kind), case.run(kind).await);
            }
        }
    }

    /// The lines that are not those in the document, and the cases of logins.
    fn differs_from(&self, document: &str) -> (Vec<Row>, Vec<Case>) {
        let mut rows = Vec::new();
        for (name, caller) in TABLES {
            let table = table::faults(caller, &self.lines, &self.tallies);
            let places = differing(document, name, &table).into_iter();
            // Sums follow the lines.
            let places = places.filter(|place| *place < self.lines.len());
            rows.extend(places.map(|place| (place, caller)));
        }
        let table = table::logins(&self.logins);
        let cases = differing(document, LOGINS, &table).into_iter();
        (rows, cases.map(|place| Case::ALL[place]).collect())
    }

    /// All tables, each with the document that it stands in and its name there.
    fn tables(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut tables = Vec::new();
        for (name, caller) in TABLES {
            let table = table::faults(caller, &self.lines, &self.tallies);
            tables.push((DOCUMENT, name, table));
        }
        tables.push((DOCUMENT, LOGINS, table::logins(&self.logins)));
        let at_a_glance = table::at_a_glance(&self.lines, &self.tallies, &self.logins);
        tables.push((README, "never twice", at_a_glance));
        tables
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
