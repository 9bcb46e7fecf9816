//! Rows on their way: noted, sent, and settled by what their calls came to.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{GOES_ON, Plan, content, trouble, unreadable_row};
use crate::{
    connect::Gateway,
    exit::Failure,
    io::Io,
    transfer::{
        call::{Answer, Creation, Mode, reason_of},
        journal::{self, Doubt, Journal, Line, Partly, Past, Reason},
        pace::Pace,
        progress::Progress,
        rows::{Row, Rows},
    },
};

/// For this long the gateway remembers a request id, less an hour for clocks that differ.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(23);
/// This many rows for each call at once are noted in one go before they are sent.
const AHEAD: usize = 16;
/// So often is a row tried whose answer is a defect, before it is looked at instead.
const TRIES: u32 = 3;
/// After so long without a final answer a person is told why, and so often.
const SILENCE: Duration = Duration::from_secs(5);
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Why no more rows are sent.
pub(super) enum Stop {
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
pub(super) struct Import<'a> {
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
    /// When trouble was told of last.
    told: Option<Instant>,
}

impl<'a> Import<'a> {
    /// An import of the rows that `past` does not know.
    pub(super) fn new(
        plan: &'a Plan,
        gateway: &'a Gateway,
        io: &'a mut Io,
        journal: Option<Journal>,
        past: Past,
        rows: u64,
    ) -> Result<Self, Failure> {
        let before = past.done.len() + past.failures();
        Ok(Self {
            plan,
            gateway,
            rows: Rows::open(&plan.file, plan.format, plan.noun)?,
            journal,
            past,
            pace: Pace::new(plan.parallel),
            progress: Progress::begin(io, plan.quiet, before, Some(rows)),
            io,
            queue: VecDeque::new(),
            read_to_the_end: false,
            failed: 0,
            stop: None,
            told: None,
        })
    }

    /// What it came to.
    pub(super) fn ended(self) -> (Option<Journal>, Past, Option<Stop>) {
        (self.journal, self.past, self.stop)
    }

    /// Sends rows until none is left, or none may be sent any more, and all answers are there.
    pub(super) async fn work(
        &mut self,
        interrupted: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let ended = self.send_all(interrupted).await;
        self.progress.end();
        ended
    }

    async fn send_all(&mut self, interrupted: impl Future<Output = ()>) -> Result<(), Failure> {
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
                        let text = "stopping: calls under way are waited for; Ctrl-C again ends at once";
                        self.progress.aside(|| self.io.note(text));
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
        let doubt = self.past.doubt.get(&row.number).copied();
        let message = match row.content {
            Ok(message) => message,
            Err(_) if doubt.is_some() => return Err(self.changed(row.number)),
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
        if doubt.is_some_and(|doubt| doubt.request_id != request_id) {
            return Err(self.changed(row.number));
        }
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

    /// A row in doubt is no longer what it was when the file was checked. Under another id it would be another record.
    fn changed(&self, row: u32) -> Failure {
        let file = self.plan.file.display();
        Failure::Usage(format!(
            "{file} was changed at row {row} while it was imported: restore it, and {GOES_ON}"
        ))
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
                let silence = self.pace.answered.elapsed();
                if silence >= SILENCE && self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    self.told = Some(Instant::now());
                    let progress = &self.progress;
                    progress.aside(|| trouble(self.plan, self.io, &status));
                }
                let is_defect = matches!(
                    status.code(),
                    Code::Internal | Code::DataLoss | Code::Unknown
                ) && !reason_of(&status).reason.is_empty();
                if is_defect && job.tries >= TRIES && job.look.is_none() {
                    job.look = Some(Look::Defect);
                }
                if silence >= self.plan.patience && self.stop.is_none() {
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
