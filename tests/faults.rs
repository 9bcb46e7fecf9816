//! The fault matrix: every create, with and without request id, under every fault at every commit point that it goes
//! with; and reads, updates and deletions under the same faults.
//!
//! A cell has a world of its own, so that no cell profits from what another one taught the gateway. The sandbox's journal
//! is the judge: it knows what was done, the caller only what it was told. A cell whose fault did not show has failed.

mod change;
mod create;
mod door;
mod plan;
mod read;

use std::{sync::LazyLock, time::Duration};

use openfinance_sandbox::{
    Change, ConnectionFault, Control, FaultRule, JournalEntry, Operation, RecordKind,
    RequestRecord, Stage, Start,
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};
use tonic::Status;
use tonic_types::StatusExt as _;

use self::{
    door::{Door, Doorway},
    plan::Plan,
};
use crate::{canary, world::World};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How long the vendor may be at work on a request whose answer was lost.
const QUIET: Duration = Duration::from_secs(1);
/// How long a write may take in all.
const CAP: Duration = Duration::from_secs(10);
/// How long after the request the vendor does what it does late, but before the quiet time is over.
const SOON: Duration = Duration::from_millis(200);
/// When it does what it does long after.
const LONG_AFTER: Duration = Duration::from_secs(30 * 60);
/// Past all that it does late, and before the token ends.
const AFTERWARDS: Duration = Duration::from_secs(31 * 60);
/// How often it is looked whether connections have ended.
const MOMENT: Duration = Duration::from_millis(2);

/// A world whose waits are short, and whose vendor's clock runs, since late work comes by it.
async fn world(settings: impl FnOnce(&mut openfinance_gateway::config::Config)) -> World {
    World::with_gateway(
        |sandbox| sandbox.start = Start::Host,
        |gateway| {
            gateway.retry.attempt_timeout = ATTEMPT;
            gateway.retry.quiet_time = QUIET;
            gateway.retry.write_cap = CAP;
            settings(gateway);
        },
    )
    .await
}

/// Waits until the connections that a plan ends have ended, where the gateway can see it: it may have kept some.
async fn has_begun(plan: &Plan, world: &World, doorway: Option<&Doorway>) {
    let ends = |rule: &FaultRule| {
        matches!(
            rule.connection,
            Some(ConnectionFault::ResetAt(Stage::Accept) | ConnectionFault::StallAt(Stage::Accept))
        )
    };
    if plan.rules.iter().any(ends) {
        while is_served(&world.sandbox_url(), &[ESTABLISHED]) {
            sleep(MOMENT).await;
        }
    }
    if let (Some(doorway), Some(Door::Refused)) = (doorway, plan.door) {
        while is_served(&doorway.base_url(), &[ESTABLISHED, LISTENS]) {
            sleep(MOMENT).await;
        }
    }
    // Whoever wakes twice wakes after the runtime has asked the system what has become of the other ends.
    for _ in 0..2 {
        sleep(MOMENT).await;
    }
}

/// States of a socket, as Linux tells them.
const ESTABLISHED: &str = "01";
const LISTENS: &str = "0A";

/// Whether the server at this address has a socket in one of these states.
fn is_served(url: &str, states: &[&str]) -> bool {
    let (_, port) = url.trim_end_matches('/').rsplit_once(':').unwrap();
    let local = format!("0100007F:{:04X}", port.parse::<u16>().unwrap());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|socket| {
        let words: Vec<_> = socket.split_whitespace().collect();
        words[1] == local && states.contains(&words[3])
    })
}

/// Runs cells, some at a time over all tests, and tells every one that failed.
async fn run<C: Future<Output = ()> + Send + 'static>(
    cells: impl IntoIterator<Item = (String, C)>,
) {
    // Most cells wait for a quiet time, and the more of them run, the less time is lost by that.
    static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(24));
    let mut names = std::collections::HashMap::new();
    let mut running = JoinSet::new();
    for (name, cell) in cells {
        let task = running.spawn(async move {
            let _turn = TURNS.acquire().await.unwrap();
            cell.await;
        });
        assert!(names.insert(task.id(), name).is_none());
    }
    let count = names.len();
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            let name = &names[&error.id()];
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            failed.push(format!("{name}: {}", text.unwrap_or_default()));
        }
    }
    failed.sort();
    assert!(
        failed.is_empty(),
        "{} of {count} cells failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// The reason of a failure, once it was seen that the failure is told as it should be.
fn reason(status: &Status) -> String {
    canary::scan(&format!("{status:?} {status}"));
    crate::refusals::waits_alike(status);
    let details = status.get_error_details();
    let info = details.error_info();
    info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"))
        .reason
        .clone()
}

/// Holds that every fault that was planned has shown.
fn all_fired(control: &Control) {
    for fault in control.faults() {
        assert!(fault.fired > 0, "this rule met nothing: {:?}", fault.rule);
    }
}

/// The requests after the first `begin` lines of the journal.
fn requests(control: &Control, begin: usize) -> Vec<RequestRecord> {
    let lines = control.journal(0).entries.into_iter().skip(begin);
    lines
        .filter_map(|line| match line {
            JournalEntry::Request(request) => Some(request),
            JournalEntry::Commit(_) => None,
        })
        .collect()
}

/// The ids of the records of a kind that were created after the first `begin` lines of the journal.
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

/// Requests on one line, for whoever reads what failed.
fn told(requests: &[RequestRecord]) -> String {
    let tell = |request: &RequestRecord| {
        let operation = request.operation.map_or("?", Operation::id);
        let status = request.status.unwrap_or_default();
        format!("{operation} {status} at {}", request.at)
    };
    requests.iter().map(tell).collect::<Vec<_>>().join(", ")
}

/// Holds that a create was not sent again unless the one before was refused, or was looked for after the quiet time.
fn never_blindly_repeated(requests: &[RequestRecord], create: Operation, look: Operation) {
    let mut before: Option<&RequestRecord> = None;
    for request in requests {
        if request.operation != Some(create) {
            continue;
        }
        if let Some(before) = before
            && !before
                .status
                .is_some_and(|status| (400..408).contains(&status) || status == 429)
        {
            let looked = requests.iter().any(|between| {
                between.operation == Some(look)
                    && (before.sequence..request.sequence).contains(&between.sequence)
                    && matches!(between.status, Some(200 | 404))
            });
            assert!(looked, "sent again without a look: {}", told(requests));
            let waited = request.at.duration_since(before.at).unsigned_abs();
            // The sandbox notes when a request has arrived, which on a busy machine is later than when it was sent.
            assert!(
                waited >= QUIET / 2,
                "sent again after {waited:?}: {}",
                told(requests)
            );
        }
        before = Some(request);
    }
}
