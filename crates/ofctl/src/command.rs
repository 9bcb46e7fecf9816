//! Runs a command: asks before what can't be taken back, calls, and shows the answer.

mod authorizations;
mod customers;

use std::{
    io::{BufRead as _, Write as _},
    time::Duration,
};

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};
use tonic::{Response, Status};

use crate::{
    Context, Io,
    call::{self, Attempts},
    connect::kept_back,
    exit::{Call, Failure, Refused},
    output::{Format, Output, json, table::Table},
    refusal,
    verb::{Asked, Run, Verb},
};

pub(crate) use authorizations::expiring;

/// Runs a command.
///
/// # Errors
///
/// Why it did not do what it was asked.
pub(crate) async fn run(
    verb: &Verb,
    flags: &ArgMatches,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if verb.run == Run::Authorizations {
        return authorizations::batch(verb, flags, context).await;
    }
    let asked = verb.asked(flags, context.io)?;
    if let Some(question) = verb.confirm
        && !flags.get_flag("yes")
    {
        confirm(question, context.io)?;
    }
    if verb.run == Run::Customers {
        return customers::list(asked, flags, context).await;
    }
    let answer = call(context, &asked).await?;
    let shown = show(verb, &answer, context).and_then(|()| context.io.flush());
    let (nature, _) = call::nature(&asked.method, &asked.request);
    if shown.is_err() && nature == Call::Write && !asked.is_only_checked() {
        context
            .io
            .note("what was asked for is done: only the answer could not be written");
    }
    shown?;
    context.output.note(context.io);
    Ok(())
}

/// Shows an answer in the way of its command.
fn show(verb: &Verb, answer: &DynamicMessage, context: &mut Context<'_>) -> Result<(), Failure> {
    match verb.run {
        Run::Authorization => {
            let left = authorizations::left(answer, context.io);
            context.output.record(answer, &left, context.io)
        }
        Run::Rows(field, columns) => rows(answer, field, columns, context),
        Run::One | Run::Customers | Run::Authorizations => {
            if answer.descriptor().fields().len() == 0 {
                context.io.note("done");
                Ok(())
            } else {
                context.output.record(answer, &[], context.io)
            }
        }
    }
}

/// Asks a person whether to go on.
fn confirm(question: &str, io: &mut Io) -> Result<(), Failure> {
    if !io.terminal.stdin {
        return Err(Failure::Usage(format!(
            "{question} Nobody can be asked here: say --yes"
        )));
    }
    let _ = write!(io.stderr, "{question} [y/N] ");
    let _ = io.stderr.flush();
    let mut answer = String::new();
    io.stdin
        .read_line(&mut answer)
        .map_err(|error| Failure::Local(format!("cannot read the answer: {error}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::Local("not done".to_owned()))
}

/// Makes the call, again where that is safe, until its deadline or Ctrl-C.
pub(super) async fn call(
    context: &mut Context<'_>,
    asked: &Asked,
) -> Result<DynamicMessage, Failure> {
    let Asked { method, request } = asked;
    let (nature, repeat) = call::nature(method, request);
    let request_id = request
        .get_field_by_name("request_id")
        .and_then(|id| id.as_str().map(str::to_owned))
        .filter(|id| !id.is_empty());
    let attempts = Attempts {
        deadline: context.gateway.deadline,
        repeat,
        random: context.io.new_id.clone(),
    };
    let gateway = context.gateway.clone();
    let interrupted = context.io.interrupted();
    let io = &mut *context.io;
    let calling = attempts.make(
        |status, wait| again(status, wait, io),
        async |left| call::unary(&gateway, method, request.clone(), left).await,
    );
    let ended: Result<Response<DynamicMessage>, Status> = tokio::select! {
        ended = calling => ended,
        () = interrupted => return Err(Failure::Interrupted(advice(nature, request_id.as_deref()))),
    };
    let answer = ended.map_err(|status| {
        Failure::Refused(Box::new(Refused {
            status,
            call: nature,
            request_id,
        }))
    })?;
    withheld(&answer, context.io);
    Ok(answer.into_inner())
}

/// Tells that a call failed and is made again.
fn again(status: &Status, wait: Duration, io: &mut Io) {
    io.note(format_args!(
        "note: {}; trying again in {:.1} s",
        refusal::why(status),
        wait.as_secs_f64()
    ));
}

/// What to do about a call that was given up while it was under way.
fn advice(call: Call, request_id: Option<&str>) -> Option<String> {
    match (call, request_id) {
        (Call::Read, _) => None,
        (Call::Write, Some(id)) => Some(format!(
            "the write may have been done: repeat with --request-id {id} to settle it"
        )),
        (Call::Write, None) => {
            Some("the write may have been done: read before repeating it".to_owned())
        }
    }
}

/// Tells which fields the gateway kept from the caller.
fn withheld(answer: &Response<DynamicMessage>, io: &mut Io) {
    let fields = kept_back(answer);
    if !fields.is_empty() {
        io.note(format_args!(
            "note: the gateway keeps from this caller: {} (needs pii.read or tax_id.read)",
            fields.join(",")
        ));
    }
}

/// Shows the messages in a field, a row or a line each.
fn rows(
    answer: &DynamicMessage,
    field: &str,
    columns: &[&str],
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let list = answer.get_field_by_name(field);
    let records = list.as_deref().and_then(Value::as_list).unwrap_or_default();
    page(
        records,
        columns,
        &mut Table::default(),
        &mut context.output,
        context.io,
    )
}

/// Shows a page of records.
fn page(
    records: &[Value],
    columns: &[&str],
    table: &mut Table,
    output: &mut Output,
    io: &mut Io,
) -> Result<(), Failure> {
    let records = records.iter().filter_map(Value::as_message);
    match output.format {
        Format::Json => {
            for record in records {
                io.line(&json::line(record, output)?)?;
            }
            Ok(())
        }
        Format::Table => {
            let cells: Vec<Vec<String>> = records
                .map(|record| {
                    let cells = columns.iter().map(|column| output.column(record, column));
                    cells.collect()
                })
                .collect();
            let head: Vec<String> = columns
                .iter()
                .map(|column| column.to_ascii_uppercase())
                .collect();
            table.rows(&head, &cells, io)
        }
    }
}

/// The method of a command that is called in another way, by its short name.
fn method(name: &str) -> Result<MethodDescriptor, Failure> {
    let unknown = || Failure::Usage(format!("there is no method {name}"));
    crate::schema::method(name).ok_or_else(unknown)
}
