//! `export`: all customers, or those that a filter finds, to a file or to standard output, however many there are.

mod pages;
pub(super) mod target;

use std::{path::PathBuf, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use openfinance_rpc::pb;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};
use tonic::{Code, Request, Status};

use self::{
    pages::{Pages, call},
    target::Target,
};
use super::{
    layout::{Noun, columns},
    progress::Progress,
    rows::Format,
};
use crate::{Context, connect::Gateway, exit::Failure, output, schema};

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

    /// What must be the same where an export goes on: it tells what it is, and nothing of whom it looks for.
    fn parts(&self, reveal: bool) -> [String; 6] {
        [
            self.format.extension().to_owned(),
            self.kind.as_str_name().to_owned(),
            self.search.clone(),
            self.consumers.to_string(),
            self.businesses.to_string(),
            reveal.to_string(),
        ]
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
    let mut target = Target::open(plan, context.output.reveal)?;
    if target.rows > 0 && !plan.quiet {
        context.io.note(format_args!(
            "going on behind {} customers that are there already",
            target.rows
        ));
    }
    let gateway = context.gateway.clone();
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
    let Some(hidden) = ended.transpose()? else {
        let advice = plan
            .file
            .is_some()
            .then(|| "the same command goes on where this one stopped".to_owned());
        return Err(Failure::Interrupted(advice));
    };
    let rows = target.rows;
    target.finish(context.io)?;
    if !plan.quiet {
        if let Some(file) = &plan.file {
            context
                .io
                .note(format_args!("{rows} customers are in {}", file.display()));
        }
        context.output.note(context.io);
        if !hidden.is_empty() {
            context.io.note(format_args!(
                "note: the gateway keeps these fields from you, so they are empty: {hidden}"
            ));
        }
    }
    Ok(())
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

/// Writes page after page. Answers which fields are kept from the caller.
async fn pages(
    plan: &Plan,
    context: &mut Context<'_>,
    gateway: &Gateway,
    target: &mut Target,
    mut progress: Progress,
) -> Result<String, Failure> {
    let message = plan.message()?;
    let columns = plan.columns(&message);
    let mut pages = Pages::new(plan, gateway, target.token.clone());
    let mut beginnings = 1;
    if target.is_empty() {
        target.begin(plan, &columns, context.io)?;
    }
    loop {
        let page = match pages.next().await {
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
        let rows: Vec<DynamicMessage> = rows.try_collect().await?;
        let mut text = Vec::new();
        for row in &rows {
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
                    let cells: Vec<String> = cells.collect();
                    text.extend(target::csv_line(cells.iter().map(String::as_bytes))?);
                }
            }
        }
        target.add(&text, rows.len() as u64, &page.resume_token, context.io)?;
        progress.tell(context.io, target.rows, None);
        if page.resume_token.is_empty() {
            progress.end();
            return Ok(pages.hidden);
        }
    }
}

/// Whether a list can't be gone on with, but read from its beginning.
fn must_begin_anew(status: &Status) -> bool {
    let reason = super::call::reason_of(status).reason;
    reason == "LIST_CHANGED" || reason == "INVALID_PAGE_TOKEN"
}

/// A customer with what is exported along with it.
async fn row(
    plan: &Plan,
    gateway: &Gateway,
    message: &MessageDescriptor,
    customer: pb::Customer,
) -> Result<DynamicMessage, Failure> {
    let mut row = DynamicMessage::new(message.clone());
    let damaged = |_| Failure::Local("the description of the messages is damaged".to_owned());
    if plan.is_plain() {
        row.transcode_from(&customer).map_err(damaged)?;
        return Ok(row);
    }
    let customer_id = customer.customer_id.clone();
    let consumer = async {
        if !plan.consumers {
            return Ok(None);
        }
        let found = call(plan.patience, async || {
            let mut request = Request::new(pb::GetConsumerByCustomerRequest {
                customer_id: customer_id.clone(),
            });
            request.set_timeout(gateway.deadline);
            gateway.consumers().get_consumer_by_customer(request).await
        });
        unless_absent(found.await)
    };
    let business = async {
        if !plan.businesses {
            return Ok(None);
        }
        let found = call(plan.patience, async || {
            let mut request = Request::new(pb::GetBusinessByCustomerRequest {
                customer_id: customer_id.clone(),
            });
            request.set_timeout(gateway.deadline);
            gateway.businesses().get_business_by_customer(request).await
        });
        unless_absent(found.await)
    };
    let (consumer, business) = tokio::try_join!(consumer, business)?;
    let whole = pb::OnboardCustomerRequest {
        customer: Some(customer),
        consumer,
        business,
        ..pb::OnboardCustomerRequest::default()
    };
    row.transcode_from(&whole).map_err(damaged)?;
    Ok(row)
}

/// A record that a customer may have.
fn unless_absent<T>(found: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Failure::read(status)),
    }
}

/// A cell: what is not set is empty, and text stays as it is.
fn cell(row: &DynamicMessage, column: &str, output: &mut output::Output) -> String {
    let (first, rest) = column.split_once('.').unwrap_or((column, ""));
    let Some(field) = schema::field(&row.descriptor(), first) else {
        return String::new();
    };
    if !row.has_field(&field) {
        return String::new();
    }
    let value = row.get_field(&field);
    if let Some(inner) = value.as_message().filter(|_| !rest.is_empty()) {
        return cell(inner, rest, output);
    }
    match value.as_str() {
        Some(text) if !output.hides(&field) => text.to_owned(),
        Some(_) | None => output.column(row, first),
    }
}
