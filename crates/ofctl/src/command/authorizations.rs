//! Authorization periods, and how many days of them are left.

use std::{io::Read as _, time::Duration};

use clap::{Arg, ArgMatches};
use jiff::Timestamp;
use openfinance_rpc::code_name;
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;

use super::call;
use crate::{
    Context, Io, connect,
    exit::Failure,
    output::{Format, json, table::Table, table::clean},
    schema,
    verb::{Asked, Verb},
};

/// How many the gateway is asked for at a time, which is its limit.
const AT_ONCE: usize = 100;
/// The most of standard input that is read.
const LARGEST: u64 = 64 << 20;
const SECONDS_A_DAY: i64 = 24 * 60 * 60;
const IDS: &str = "institution_login_ids";

/// The flag that leaves out what does not end soon.
pub(crate) fn expiring() -> Arg {
    Arg::new("expiring-within")
        .long("expiring-within")
        .value_name("TIME")
        .value_parser(connect::duration)
        .help("Only those that end within this time from now, such as 30d, or have ended")
}

/// The days that are left of a period, as a line behind its fields.
pub(super) fn left(details: &DynamicMessage, io: &Io) -> Vec<(String, String)> {
    let end = end(details);
    let days = end.map(|end| days(end, (io.now)()).to_string());
    days.map(|days| ("days_left".to_owned(), days))
        .into_iter()
        .collect()
}

/// Whole days from `now` until `end`; below zero when it has passed.
fn days(end: i64, now: Timestamp) -> i64 {
    (end - now.as_second()).div_euclid(SECONDS_A_DAY)
}

/// When a period ends, in seconds since 1970.
fn end(details: &DynamicMessage) -> Option<i64> {
    if !details.has_field_by_name("end_time") {
        return None;
    }
    let time = details.get_field_by_name("end_time")?;
    time.as_message()?.get_field_by_name("seconds")?.as_i64()
}

/// Reads any number of periods, a hundred at a time.
///
/// # Errors
///
/// Why not all were read. That one of them has none is no failure: its row says why.
pub(super) async fn batch(
    verb: &Verb,
    flags: &ArgMatches,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let method = super::method(verb.method)?;
    let ids = ids(flags, context.io)?;
    let within = flags.get_one::<Duration>("expiring-within").copied();
    let mut table = Table::default();
    let mut failed = 0_usize;
    for ids in ids.chunks(AT_ONCE) {
        let mut request = DynamicMessage::new(method.input());
        let ids = ids.iter().copied().map(Value::I64).collect();
        schema::set(&mut request, IDS, Value::List(ids)).map_err(Failure::Usage)?;
        let asked = Asked {
            method: method.clone(),
            request,
        };
        let answer = call(context, &asked).await?;
        let results = answer.get_field_by_name("results");
        let results = results.as_deref().and_then(Value::as_list);
        let now = (context.io.now)();
        let results: Vec<&DynamicMessage> = results
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_message)
            .collect();
        failed += results
            .iter()
            .filter(|result| result.has_field_by_name("error"))
            .count();
        let soon = results
            .into_iter()
            .filter(|result| ends_soon(result, within, now));
        show(soon, now, &mut table, context)?;
    }
    if failed > 0 {
        context
            .io
            .note(format_args!("note: {failed} have no period: see `error`"));
    }
    context.output.note(context.io);
    Ok(())
}

/// Whether a result is asked for: all are if nobody says within which time, and errors always.
fn ends_soon(result: &DynamicMessage, within: Option<Duration>, now: Timestamp) -> bool {
    let Some(within) = within else {
        return true;
    };
    let details = result.get_field_by_name("details");
    let end = details.as_deref().and_then(Value::as_message).and_then(end);
    let latest = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
    end.is_none_or(|end| end <= now.as_second().saturating_add(latest))
}

fn show<'a>(
    results: impl Iterator<Item = &'a DynamicMessage>,
    now: Timestamp,
    table: &mut Table,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if context.output.format == Format::Json {
        for result in results {
            let line = json::line(result, &mut context.output)?;
            context.io.line(&line)?;
        }
        return Ok(());
    }
    let head = [
        "INSTITUTION_LOGIN_ID",
        "START_TIME",
        "END_TIME",
        "DAYS_LEFT",
        "ERROR",
    ];
    let rows: Vec<Vec<String>> = results
        .map(|result| {
            let id = context.output.column(result, "institution_login_id");
            let details = result.get_field_by_name("details");
            let details = details.as_deref().and_then(Value::as_message);
            match details.filter(|_| result.has_field_by_name("details")) {
                Some(details) => vec![
                    id,
                    context.output.column(details, "start_time"),
                    context.output.column(details, "end_time"),
                    end(details).map_or_else(String::new, |end| days(end, now).to_string()),
                    String::new(),
                ],
                None => vec![
                    id,
                    String::new(),
                    String::new(),
                    String::new(),
                    error(result),
                ],
            }
        })
        .collect();
    table.rows(&head.map(str::to_owned), &rows, context.io)
}

/// Why a result has no period, in the words of the gateway.
fn error(result: &DynamicMessage) -> String {
    let error = result.get_field_by_name("error");
    let Some(error) = error.as_deref().and_then(Value::as_message) else {
        return String::new();
    };
    let code = error
        .get_field_by_name("code")
        .and_then(|code| code.as_i32());
    let reason = error.get_field_by_name("reason");
    let reason = reason
        .as_deref()
        .and_then(Value::as_str)
        .unwrap_or_default();
    format!(
        "{} {}",
        code_name(Code::from(code.unwrap_or_default())),
        clean(reason)
    )
}

/// The ids of the command line, or of standard input for `-`.
fn ids(flags: &ArgMatches, io: &mut Io) -> Result<Vec<i64>, Failure> {
    let given: Vec<&String> = flags.get_many(IDS).into_iter().flatten().collect();
    let parse = |text: &str| -> Result<i64, Failure> {
        let wrong = || Failure::Usage("INSTITUTION_LOGIN_ID: must be a whole number".to_owned());
        text.parse().map_err(|_| wrong())
    };
    if given.as_slice() != ["-"] {
        return given.into_iter().map(|text| parse(text)).collect();
    }
    let mut text = String::new();
    let read = (&mut io.stdin).take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::Local(format!("cannot read standard input: {error}")))?;
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_are_whole_ones_and_below_zero_when_over() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, left) in [
            (30 * SECONDS_A_DAY, 30),
            (30 * SECONDS_A_DAY - 1, 29),
            (SECONDS_A_DAY - 1, 0),
            (0, 0),
            (-1, -1),
            (-SECONDS_A_DAY, -1),
            (-SECONDS_A_DAY - 1, -2),
        ] {
            assert_eq!(days(1_000_000 + seconds, now), left, "{seconds}");
        }
    }
}
