//! `import`: creates a record for each row of a file, none of them twice, whatever happens on the way.

mod check;
mod report;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use prost::Message as _;
use prost_reflect::DynamicMessage;
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    call::{Answer, Creation, Mode, reason_of},
    journal::{self, Doubt, Finished, Journal, Line, Partly, Past, Reason},
    layout::{BadRow, Noun},
    pace::Pace,
    progress::Progress,
    rows::{Format, Row, Rows, unreadable},
};
use crate::{
    Context,
    connect::Gateway,
    exit::{Call, Failure, Refused},
    io::Io,
    refusal,
};

/// For this long the gateway remembers a request id, less an hour for clocks that differ.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(23);
/// This many rows for each call at once are noted in one go before they are sent.
const AHEAD: usize = 16;
/// So often is a row tried whose answer is a defect, before it is looked at instead.
const TRIES: u32 = 3;
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

/// Why no more rows are sent.
enum Stop {
    Interrupted,
    TooManyFailures,
    Refused(Status),
    OutOfPatience(Status),
}

/// Why a row is looked at instead of sent.
#[derive(Clone)]
enum Look {
    /// Its request id is forgotten by now.
    Forgotten,
    /// It is in doubt, and something is there.
    Exists(Reason),
    /// Whatever it is answered with says nothing of what was done.
    Defect,
}

/// A row on its way.
struct Job {
    row: u32,
    line: u64,
    creation: Creation,
    request_id: Uuid,
    /// Whether it may have been done by an earlier call.
    in_doubt: bool,
    look: Option<Look>,
    tries: u32,
}

/// An import under way.
struct Import<'a> {
    plan: &'a Plan,
    gateway: &'a Gateway,
    io: &'a mut Io,
    rows: Rows,
    /// None where rows are only checked.
    journal: Option<Journal>,
    past: Past,
    pace: Pace,
    progress: Progress,
    queue: VecDeque<Job>,
    read_to_the_end: bool,
    /// How many rows have failed in this run.
    failed: u64,
    stop: Option<Stop>,
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
    let mut import = Import {
        plan,
        gateway: &gateway,
        rows: Rows::open(&plan.file, plan.format, plan.noun)?,
        journal,
        past,
        pace: Pace::new(plan.parallel),
        progress: Progress::begin(context.io, plan.quiet, before, Some(checked.rows)),
        io: context.io,
        queue: VecDeque::new(),
        read_to_the_end: false,
        failed: 0,
        stop: None,
    };
    let ended = import.work(interrupted).await;
    import.progress.end();
    ended?;
    let Import {
        mut journal,
        mut past,
        stop,
        ..
    } = import;
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

/// Why a row is refused that can't be read.
fn unreadable_row(bad: &BadRow) -> Reason {
    Reason {
        code: refusal::name(Code::InvalidArgument).to_owned(),
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

impl Import<'_> {
    /// Sends rows until none is left, or none may be sent any more, and all answers are there.
    async fn work(&mut self, interrupted: impl Future<Output = ()>) -> Result<(), Failure> {
        let mut calls: FuturesUnordered<BoxFuture<'static, (Job, Answer)>> =
            FuturesUnordered::new();
        let again = self.io.interrupted();
        tokio::pin!(interrupted, again);
        loop {
            let may_send = self.stop.is_none();
            if may_send
                && self.queue.is_empty()
                && !self.read_to_the_end
                && calls.len() < self.pace.limit()
            {
                self.prepare()?;
            }
            let now = Instant::now();
            while may_send && calls.len() < self.pace.limit() && self.pace.next() <= now {
                let Some(job) = self.queue.pop_front() else {
                    break;
                };
                calls.push(Box::pin(perform(job, self.gateway.clone(), self.plan.mode)));
            }
            let may_send = self.stop.is_none();
            let more = may_send && (!self.queue.is_empty() || !self.read_to_the_end);
            if calls.is_empty() && !more {
                break;
            }
            let waits = may_send && !self.queue.is_empty() && self.pace.next() > now;
            let begins = may_send
                && self.queue.is_empty()
                && !self.read_to_the_end
                && calls.len() < self.pace.limit();
            tokio::select! {
                biased;
                () = &mut interrupted, if !matches!(self.stop, Some(Stop::Interrupted)) => {
                    self.stop = Some(Stop::Interrupted);
                    again.set(self.io.interrupted());
                    if !calls.is_empty() {
                        self.io.note("stopping: calls under way are waited for; Ctrl-C again ends at once");
                    }
                }
                () = &mut again, if matches!(self.stop, Some(Stop::Interrupted)) => {
                    // What is under way is in doubt, and the journal says so.
                    return Err(Failure::Interrupted(Some(GOES_ON.to_owned())));
                }
                Some((job, answer)) = calls.next(), if !calls.is_empty() => {
                    self.settle(job, answer)?;
                    self.tell();
                }
                () = sleep_until(self.pace.next()), if waits => {}
                () = std::future::ready(()), if begins => {}
            }
        }
        for job in std::mem::take(&mut self.queue) {
            if !job.in_doubt {
                self.note(Line::Unsent { row: job.row })?;
            }
        }
        self.sync()
    }

    /// Reads rows, and notes that they are about to be sent.
    fn prepare(&mut self) -> Result<(), Failure> {
        let most = AHEAD * self.plan.parallel;
        while self.queue.len() < most && self.stop.is_none() {
            let Some(row) = self.rows.next()? else {
                self.read_to_the_end = true;
                break;
            };
            self.take(row)?;
        }
        self.sync()
    }

    fn take(&mut self, row: Row) -> Result<(), Failure> {
        if self.past.done.contains(row.number) || self.past.has_failed(row.number).is_some() {
            return Ok(());
        }
        let message = match row.content {
            Ok(message) => message,
            Err(bad) => {
                self.past
                    .failed
                    .entry(unreadable_row(&bad))
                    .or_default()
                    .insert(row.number);
                self.count_failure();
                return Ok(());
            }
        };
        let creation = Creation::of(self.plan.noun, &message).ok_or_else(|| {
            Failure::Local("the description of the messages is damaged".to_owned())
        })?;
        let request_id = match &self.journal {
            Some(journal) => journal.request_id(row.number, &content(&message)),
            None => Uuid::nil(),
        };
        let now = (self.io.now)();
        let doubt = self.past.doubt.get(&row.number).copied();
        let forgotten = |doubt: Doubt| now.duration_since(doubt.since) >= REMEMBERED;
        let look = doubt.is_some_and(forgotten).then_some(Look::Forgotten);
        let job = Job {
            row: row.number,
            line: row.line,
            creation,
            request_id,
            in_doubt: doubt.is_some(),
            look,
            tries: 0,
        };
        if job.look.is_none() {
            self.sending(&job)?;
        }
        self.queue.push_back(job);
        Ok(())
    }

    fn sending(&mut self, job: &Job) -> Result<(), Failure> {
        self.note(Line::Sending {
            row: job.row,
            line: job.line,
            request_id: job.request_id,
            at: (self.io.now)(),
        })
    }

    /// Takes in what a call came to.
    fn settle(&mut self, mut job: Job, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Done(record_id) => {
                self.pace.answered();
                self.note(Line::Done {
                    row: job.row,
                    record_id: journal::word(&record_id),
                })
            }
            Answer::Refused(reason, partly) => self.refused(&job, reason, partly),
            Answer::Exists(reason) if job.in_doubt => {
                self.pace.answered();
                job.look = Some(Look::Exists(reason));
                self.queue.push_front(job);
                Ok(())
            }
            Answer::Exists(reason) => self.refused(&job, reason, Partly::default()),
            Answer::Absent => {
                self.pace.answered();
                match job.look.take() {
                    Some(Look::Forgotten) => {
                        job.in_doubt = false;
                        self.sending(&job)?;
                        self.sync()?;
                        self.queue.push_front(job);
                        Ok(())
                    }
                    Some(Look::Exists(reason)) => self.refused(&job, reason, Partly::default()),
                    // It may still come, so it stays in doubt.
                    Some(Look::Defect) | None => Ok(()),
                }
            }
            Answer::Stop(status) => {
                if !job.in_doubt {
                    self.note(Line::Unsent { row: job.row })?;
                }
                if self.stop.is_none() {
                    self.stop = Some(Stop::Refused(status));
                }
                Ok(())
            }
            Answer::Again {
                status,
                wait,
                nothing_done,
            } => {
                job.in_doubt |= !nothing_done && job.look.is_none();
                job.tries += 1;
                self.pace.pushed_back(wait);
                let is_defect = matches!(
                    status.code(),
                    Code::Internal | Code::DataLoss | Code::Unknown
                ) && !reason_of(&status).reason.is_empty();
                if is_defect && job.tries >= TRIES && job.look.is_none() {
                    job.look = Some(Look::Defect);
                }
                if self.pace.answered.elapsed() >= self.plan.patience && self.stop.is_none() {
                    self.stop = Some(Stop::OutOfPatience(status));
                }
                self.queue.push_front(job);
                Ok(())
            }
        }
    }

    fn refused(&mut self, job: &Job, reason: Reason, partly: Partly) -> Result<(), Failure> {
        self.pace.answered();
        self.note(Line::Failed {
            row: job.row,
            line: job.line,
            reason,
            partly,
        })?;
        self.count_failure();
        Ok(())
    }

    fn count_failure(&mut self) {
        self.failed += 1;
        let most = self.plan.max_failures;
        if most > 0 && self.failed >= most && self.stop.is_none() {
            self.stop = Some(Stop::TooManyFailures);
        }
    }

    fn note(&mut self, line: Line) -> Result<(), Failure> {
        if let Some(journal) = &mut self.journal {
            journal.add(&line)?;
        }
        self.past.add(line);
        Ok(())
    }

    /// A moment of the disk, in which the calls under way wait: short against theirs, and rare.
    fn sync(&mut self) -> Result<(), Failure> {
        self.journal.as_mut().map_or(Ok(()), Journal::sync)
    }

    fn tell(&mut self) {
        let failed = self.past.failures();
        let rows = self.past.done.len() + failed;
        self.progress.tell(self.io, rows, Some(failed));
    }
}

/// Makes the call of a job.
async fn perform(job: Job, gateway: Gateway, mode: Mode) -> (Job, Answer) {
    let answer = match &job.look {
        Some(_) => job.creation.look(&gateway).await,
        None => {
            let request_id = (mode == Mode::Create).then_some(job.request_id);
            job.creation.clone().send(&gateway, request_id, mode).await
        }
    };
    (job, answer)
}
