//! `import`: creates a record for each row of a file, none of them twice, whatever happens on the way.

mod check;
mod report;
mod work;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use openfinance_rpc::code_name;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use tonic::{Code, Status};

use self::work::{Import, Stop};
use super::{
    call::{Mode, reason_of},
    journal::{self, Finished, Journal, Past, Reason},
    layout::{BadRow, Noun},
    patience::environment,
    rows::{Format, Rows, unreadable},
};
use crate::{
    Context,
    exit::{Call, Failure, Refused},
    io::Io,
    refusal::why,
};

/// What whoever interrupts an import is told.
const GOES_ON: &str = "the same command goes on where this one stopped";
/// What this program says of a row that it can't read.
pub(super) const INVALID_ROW: &str = "INVALID_ROW";

/// What an import is asked to do.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) noun: Noun,
    pub(super) file: PathBuf,
    pub(super) format: Format,
    pub(super) parallel: usize,
    /// 0 for any number.
    pub(super) max_failures: u64,
    pub(super) mode: Mode,
    pub(super) quiet: bool,
    /// For how long the gateway may give no final answer.
    pub(super) patience: Duration,
}

/// Imports a file.
///
/// # Errors
///
/// Whatever keeps a row from being done; all that was done is in the journal.
pub(super) async fn run(plan: &Plan, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut interrupted = Box::pin(context.io.interrupted());
    let version = Version::of(&plan.file)?;
    // What is no import at all leaves nothing behind.
    Rows::open(&plan.file, plan.format, plan.noun)?;
    let gateway = context.gateway.clone();
    let (journal, past) = match plan.mode {
        Mode::CheckOnly => (None, Past::default()),
        Mode::Create => {
            let told = |status: &Status| trouble(plan, context.io, status);
            let environment = tokio::select! {
                environment = environment(&gateway, plan.patience, told) => environment?,
                () = &mut interrupted => return Err(Failure::Interrupted(None)),
            };
            let path = journal::path_of(&plan.file);
            let (journal, past) =
                Journal::open(&path, plan.noun, &environment, (context.io.now)())?;
            (Some(journal), past)
        }
    };
    if let (Some(finished), Some(journal)) = (past.finished, &journal) {
        return already_finished(plan, context, finished, version, journal.path());
    }
    let checked = check::whole_file(plan, context.io, journal.as_ref(), &past);
    if let (Err(_), Some(journal)) = (&checked, &journal)
        && past == Past::default()
    {
        journal.remove();
    }
    let checked = checked?;
    let before = past.done.len() + past.failures();
    if before > 0 && !plan.quiet {
        let doubt = past.doubt.len();
        context.io.note(format_args!(
            "going on: {before} rows are done or failed already, {doubt} are in doubt"
        ));
    }
    let mut import = Import::new(plan, &gateway, context.io, journal, past, checked.rows)?;
    match import.work(interrupted).await {
        Err(Failure::Local(text)) => return Err(Failure::Local(format!("{text}; {GOES_ON}"))),
        ended => ended?,
    }
    let (mut journal, mut past, stop) = import.ended();
    if Version::of(&plan.file)? != version {
        return Err(Failure::Usage(format!(
            "{} was changed while it was imported: run the same command again, which finds out whether what was sent is still there",
            plan.file.display()
        )));
    }
    let is_whole = stop.is_none() && past.doubt.is_empty();
    let advice = report::advice(&past, &gateway).await;
    let report = match &mut journal {
        Some(journal) if past.failures() > 0 => report::write(plan, journal, &mut past, &advice)?,
        Some(_) | None => None,
    };
    if let (Some(journal), true) = (&mut journal, is_whole) {
        journal.finish(Finished {
            at: (context.io.now)(),
            size: version.size,
            modified: version.modified,
            done: past.done.len(),
            failed: past.failures(),
        })?;
    }
    report::tell(
        plan,
        context,
        &past,
        checked.rows,
        &advice,
        report.as_deref(),
    )?;
    match &stop {
        Some(Stop::Refused(status) | Stop::OutOfPatience(status)) => {
            let Reason { code, reason, .. } = reason_of(status);
            context.io.note(format_args!(
                "stopped by {code} {reason}: when that is put right, {GOES_ON}"
            ));
        }
        Some(Stop::TooManyFailures) => context.io.note(format_args!(
            "stopped because {} rows failed (--max-failures): {GOES_ON}",
            plan.max_failures
        )),
        Some(Stop::Interrupted) | None => {}
    }
    ending(plan, &past, stop)
}

/// Tells that the gateway does not answer, and that it is asked again.
fn trouble(plan: &Plan, io: &mut Io, status: &Status) {
    if !plan.quiet {
        io.note(format_args!(
            "note: {}; trying again, for {} s without an answer at most",
            why(status),
            plan.patience.as_secs()
        ));
    }
}

/// By what a file that was written again is told from what it was.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    size: u64,
    modified: Option<Timestamp>,
}

impl Version {
    fn of(path: &Path) -> Result<Self, Failure> {
        let file = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !file.is_file() {
            let text = "an import reads its file more than once, so it must be a file on a disk";
            return Err(Failure::Usage(format!("{}: {text}", path.display())));
        }
        let modified = file.modified().ok();
        Ok(Self {
            size: file.len(),
            modified: modified.and_then(|time| Timestamp::try_from(time).ok()),
        })
    }
}

/// How an import that has told what it did ends.
fn ending(plan: &Plan, past: &Past, stop: Option<Stop>) -> Result<(), Failure> {
    match stop {
        Some(Stop::Interrupted) => Err(Failure::Interrupted(Some(match plan.mode {
            Mode::Create => GOES_ON.to_owned(),
            Mode::CheckOnly => "nothing was sent that creates anything".to_owned(),
        }))),
        Some(Stop::Refused(status) | Stop::OutOfPatience(status)) if past.doubt.is_empty() => {
            Err(Failure::Refused(Box::new(Refused {
                status,
                call: Call::Read,
                request_id: None,
            })))
        }
        Some(_) | None if !past.doubt.is_empty() => {
            let text = format!(
                "{} rows are in doubt: {GOES_ON}, and settles them",
                past.doubt.len()
            );
            Err(Failure::Refused(Box::new(Refused {
                status: Status::unavailable(text),
                call: Call::Write,
                request_id: None,
            })))
        }
        Some(_) => Err(Failure::FailedRows),
        None if past.failures() > 0 => Err(Failure::FailedRows),
        None => Ok(()),
    }
}

/// The import of this file has ended before.
fn already_finished(
    plan: &Plan,
    context: &mut Context<'_>,
    finished: Finished,
    version: Version,
    journal: &Path,
) -> Result<(), Failure> {
    let file = plan.file.display();
    let anew = format!(
        "to import it anew, move {} away: rows whose records are there are refused then",
        journal.display()
    );
    let same_time = finished.modified.is_none() || finished.modified == version.modified;
    if finished.size != version.size || !same_time {
        return Err(Failure::Usage(format!(
            "{file} has changed since its import was finished at {}, or was written again; put corrected rows into a file of their own, or, {anew}",
            finished.at
        )));
    }
    report::tell_finished(context, finished)?;
    context.io.note(format_args!(
        "{file} was imported already, at {}: {} rows done, {} failed; {anew}",
        finished.at, finished.done, finished.failed
    ));
    if finished.failed > 0 {
        return Err(Failure::FailedRows);
    }
    Ok(())
}

/// Why a row is refused that can't be read.
fn unreadable_row(bad: &BadRow) -> Reason {
    Reason {
        code: code_name(Code::InvalidArgument).to_owned(),
        reason: INVALID_ROW.to_owned(),
        fields: vec![
            format!("{} {}", bad.column, bad.problem)
                .trim_start()
                .to_owned(),
        ],
    }
}

/// What binds a request id to a row.
fn content(row: &DynamicMessage) -> Vec<u8> {
    row.encode_to_vec()
}
