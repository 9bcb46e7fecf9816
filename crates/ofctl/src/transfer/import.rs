//! `import`: creates a record for each row of a file, none of them twice, whatever happens on the way.

mod check;
mod report;
mod work;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use prost::Message as _;
use prost_reflect::DynamicMessage;
use tonic::Status;

use self::work::{Import, Stop};
use super::{
    call::{Mode, reason_of},
    journal::{self, Finished, Journal, Past, Reason},
    layout::Noun,
    rows::{Format, Rows, unreadable},
};
use crate::{
    Context,
    exit::{Call, Failure, Refused},
    io::Io,
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
    let size = |path: &Path| std::fs::metadata(path).map(|file| file.len());
    let bytes = size(&plan.file).map_err(|error| unreadable(&plan.file, &error))?;
    let interrupted = context.io.interrupted();
    // What is no import at all leaves nothing behind.
    Rows::open(&plan.file, plan.format, plan.noun)?;
    let (journal, past) = match plan.mode {
        Mode::CheckOnly => (None, Past::default()),
        Mode::Create => {
            let path = journal::path_of(&plan.file);
            let (journal, past) = Journal::open(&path, plan.noun, (context.io.now)())?;
            (Some(journal), past)
        }
    };
    if let (Some(finished), Some(journal)) = (past.finished, &journal) {
        return already_finished(plan, context.io, finished, bytes, journal.path());
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
    let gateway = context.gateway.clone();
    let mut import = Import::new(plan, &gateway, context.io, journal, past, checked.rows)?;
    import.work(interrupted).await?;
    let (mut journal, mut past, stop) = import.ended();
    let is_whole = stop.is_none() && past.doubt.is_empty();
    let advice = report::advice(&past, &gateway).await;
    let report = match &mut journal {
        Some(journal) if past.failures() > 0 => report::write(plan, journal, &mut past, &advice)?,
        Some(_) | None => None,
    };
    if let (Some(journal), true) = (&mut journal, is_whole) {
        journal.finish(Finished {
            at: (context.io.now)(),
            size: bytes,
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
    if let Some(Stop::Refused(status) | Stop::OutOfPatience(status)) = &stop {
        let Reason { code, reason, .. } = reason_of(status);
        context.io.note(format_args!(
            "stopped by {code} {reason}: when that is put right, {GOES_ON}"
        ));
    }
    ending(plan, &past, stop)
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
        Some(Stop::Refused(_) | Stop::OutOfPatience(_)) | None if !past.doubt.is_empty() => {
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
    io: &mut Io,
    finished: Finished,
    size: u64,
    journal: &Path,
) -> Result<(), Failure> {
    let file = plan.file.display();
    let anew = format!(
        "to import it anew, move {} away: rows whose records are there are refused then",
        journal.display()
    );
    if finished.size != size {
        return Err(Failure::Usage(format!(
            "{file} has changed since its import was finished at {}; put corrected rows into a file of their own, or, {anew}",
            finished.at
        )));
    }
    io.note(format_args!(
        "{file} was imported already, at {}: {} rows done, {} failed; {anew}",
        finished.at, finished.done, finished.failed
    ));
    if finished.failed > 0 {
        return Err(Failure::FailedRows);
    }
    Ok(())
}

/// What binds a request id to a row.
fn content(row: &DynamicMessage) -> Vec<u8> {
    row.encode_to_vec()
}
