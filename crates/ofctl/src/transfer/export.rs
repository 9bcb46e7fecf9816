//! `export`: all customers, or those that a filter finds, to a file or to standard output, however many there are.

mod pages;
mod row;
pub(super) mod target;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use openfinance_rpc::pb;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::{Request, Status};

use self::{
    pages::Pages,
    row::{cell, guard, row},
    target::{Query, Target},
};
use super::{
    layout::{Noun, columns},
    patience::environment,
    progress::Progress,
    rows::Format,
};
use crate::{Context, Io, connect::Gateway, exit::Failure, output, refusal::why};

/// So often is a list begun anew that changes while it is read.
const BEGINNINGS: u32 = 3;
/// What is in no list, and what only repeats what stands beside it.
const LEFT_OUT: [&str; 4] = [
    "application_id",
    "consumer.customer_id",
    "consumer.ssn",
    "business.customer_id",
];

/// What an export is asked to do.
pub(super) struct Plan {
    /// None for standard output.
    pub(super) file: Option<PathBuf>,
    pub(super) format: Format,
    pub(super) kind: pb::CustomerType,
    pub(super) search: String,
    pub(super) consumers: bool,
    pub(super) businesses: bool,
    /// Whether cells that a spreadsheet would take for formulas stay as they are.
    pub(super) raw_cells: bool,
    pub(super) parallel: usize,
    /// Whether a file that is there is replaced.
    pub(super) force: bool,
    /// Whether an export that was interrupted is begun anew.
    pub(super) restart: bool,
    pub(super) quiet: bool,
    /// For how long the gateway may give no page.
    pub(super) patience: Duration,
}

impl Plan {
    fn is_plain(&self) -> bool {
        !self.consumers && !self.businesses
    }

    fn query(&self, reveal: bool, environment: String) -> Query {
        Query(vec![
            self.format.extension().to_owned(),
            self.kind.as_str_name().to_owned(),
            self.search.clone(),
            self.consumers.to_string(),
            self.businesses.to_string(),
            self.raw_cells.to_string(),
            reveal.to_string(),
            environment,
        ])
    }

    /// How a field of a customer is called in a row.
    fn own(&self, path: &str) -> String {
        if self.is_plain() {
            path.to_owned()
        } else {
            format!("customer.{path}")
        }
    }

    /// The message of a row: a customer, or one with what belongs to it in the form of an onboarding.
    fn message(&self) -> Result<MessageDescriptor, Failure> {
        let noun = if self.is_plain() {
            Noun::Customers
        } else {
            Noun::Onboarding
        };
        let damaged = || Failure::Local("the description of the messages is damaged".to_owned());
        noun.message().ok_or_else(damaged)
    }

    /// The columns of a row.
    fn columns(&self, message: &MessageDescriptor) -> Vec<String> {
        let mut columns = columns(message);
        columns.retain(|column| {
            let group = column.split_once('.').map_or("", |(group, _)| group);
            let wanted = match group {
                "customer" => true,
                "consumer" => self.consumers,
                "business" => self.businesses,
                _ => self.is_plain(),
            };
            let alone = column.strip_prefix("customer.").unwrap_or(column);
            wanted && !LEFT_OUT.contains(&alone)
        });
        columns
    }
}

/// Exports customers.
///
/// # Errors
///
/// Whatever keeps it from its end; where it writes a file, the same command goes on behind the last whole page.
pub(super) async fn run(plan: &Plan, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut interrupted = Box::pin(context.io.interrupted());
    let gateway = context.gateway.clone();
    let environment = match &plan.file {
        None => String::new(),
        Some(_) => tokio::select! {
            environment = environment(
                &gateway,
                plan.patience,
                |status| trouble(plan, context.io, status),
            ) => environment?,
            () = &mut interrupted => return Err(Failure::Interrupted(None)),
        },
    };
    let mut target = Target::open(plan, &plan.query(context.output.reveal, environment))?;
    if target.rows > 0 && !plan.quiet {
        context.io.note(format_args!(
            "going on behind {} customers that are there already",
            target.rows
        ));
    }
    let exported = async {
        let total = match plan.quiet {
            true => None,
            false => total(plan, &gateway).await,
        };
        let progress = Progress::begin(context.io, plan.quiet, target.rows, total);
        pages(plan, context, &gateway, &mut target, progress).await
    };
    let ended = tokio::select! {
        biased;
        () = &mut interrupted => None,
        ended = exported => Some(ended),
    };
    let Some(told) = ended.transpose()? else {
        let advice = plan
            .file
            .is_some()
            .then(|| "the same command goes on where this one stopped".to_owned());
        return Err(Failure::Interrupted(advice));
    };
    let rows = target.rows;
    target.finish(plan, context.io)?;
    if !plan.quiet {
        if let Some(file) = &plan.file {
            context
                .io
                .note(format_args!("{rows} customers are in {}", file.display()));
        }
        context.output.note(context.io);
        if !told.hidden.is_empty() {
            let hidden: Vec<String> = told.hidden.into_iter().collect();
            context.io.note(format_args!(
                "note: the gateway keeps these fields from you, so they are empty: {}",
                hidden.join(", ")
            ));
        }
        if told.guarded > 0 {
            context.io.note(format_args!(
                "note: {} cells that a spreadsheet would take for formulas have an apostrophe in front; --raw-cells leaves it out",
                told.guarded
            ));
        }
    }
    Ok(())
}

/// Tells that the gateway does not answer, and that it is asked again.
fn trouble(plan: &Plan, io: &mut Io, status: &Status) {
    if !plan.quiet {
        io.note(format_args!("note: {}; trying again", why(status)));
    }
}

/// What there is to tell at the end.
#[derive(Default)]
struct Told {
    /// The fields that are kept from the caller.
    hidden: BTreeSet<String>,
    /// How many cells have an apostrophe in front.
    guarded: u64,
}

/// How many customers there are to come, where the vendor says.
async fn total(plan: &Plan, gateway: &Gateway) -> Option<u64> {
    let mut request = Request::new(pb::ListCustomersRequest {
        page_size: 1,
        r#type: plan.kind.into(),
        search: plan.search.clone(),
        ..pb::ListCustomersRequest::default()
    });
    request.set_timeout(gateway.deadline);
    let answer = gateway.customers().list_customers(request).await.ok()?;
    answer
        .into_inner()
        .total_size
        .and_then(|total| total.try_into().ok())
}

/// Writes page after page.
async fn pages(
    plan: &Plan,
    context: &mut Context<'_>,
    gateway: &Gateway,
    target: &mut Target,
    mut progress: Progress,
) -> Result<Told, Failure> {
    let message = plan.message()?;
    let columns = plan.columns(&message);
    let mut told = Told::default();
    if target.is_whole {
        return Ok(told);
    }
    let mut pages = Pages::new(plan, gateway, target.token.clone());
    let mut beginnings = 1;
    if target.is_empty() {
        target.begin(plan, &columns, context.io)?;
    }
    loop {
        let next = pages.next(
            |status| progress.aside(|| trouble(plan, context.io, status)),
            |hidden| {
                let own = |path: String| plan.own(path.trim_start_matches("customers."));
                told.hidden.extend(hidden.into_iter().map(own));
            },
        );
        let page = match next.await {
            Ok(page) => page,
            Err(status)
                if must_begin_anew(&status)
                    && beginnings < BEGINNINGS
                    && target.can_begin_anew() =>
            {
                beginnings += 1;
                if !plan.quiet {
                    context
                        .io
                        .note("the list has changed too much to go on in it: beginning anew");
                }
                target.begin(plan, &columns, context.io)?;
                pages = Pages::new(plan, gateway, String::new());
                continue;
            }
            Err(status) => return Err(Failure::read(status)),
        };
        let rows = stream::iter(page.customers)
            .map(|customer| row(plan, gateway, &message, customer))
            .buffered(plan.parallel);
        let rows: Vec<(DynamicMessage, Vec<String>)> = rows.try_collect().await?;
        let mut text = Vec::new();
        for (row, hidden) in &rows {
            told.hidden.extend(hidden.iter().cloned());
            match plan.format {
                Format::Jsonl => {
                    text.extend_from_slice(
                        output::json::line(row, &mut context.output)?.as_bytes(),
                    );
                    text.push(b'\n');
                }
                Format::Csv => {
                    let cells = columns
                        .iter()
                        .map(|column| cell(row, column, &mut context.output));
                    let mut cells: Vec<String> = cells.collect();
                    if !plan.raw_cells {
                        told.guarded += guard(&mut cells);
                    }
                    text.extend(target::csv_line(cells.iter().map(String::as_bytes))?);
                }
            }
        }
        target.add(&text, rows.len() as u64, &page.resume_token, context.io)?;
        progress.tell(context.io, target.rows, None);
        if page.resume_token.is_empty() {
            progress.end();
            return Ok(told);
        }
    }
}

/// Whether a list can't be gone on with, but read from its beginning.
fn must_begin_anew(status: &Status) -> bool {
    let reason = super::call::reason_of(status).reason;
    reason == "LIST_CHANGED" || reason == "INVALID_PAGE_TOKEN"
}
