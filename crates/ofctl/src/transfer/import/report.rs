//! What an import tells at its end: how many rows failed and why, and a file with those rows that can be corrected and
//! imported.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use openfinance_rpc::pb;
use ring::hmac;
use serde_json::{Map, Value, json};

use super::{INVALID_ROW, Mode, Plan};
use crate::{
    Context,
    connect::Gateway,
    exit::Failure,
    output::{self, table::Table},
    transfer::{
        call::{INCOMPLETE, NOT_COMPARABLE},
        disk::{fresh, trouble},
        export::target::csv_line,
        journal::{self, Finished, Journal, Line, Partly, Past, Reason},
        rows::{Format, REPORTED, Raw, Rows, UNREADABLE},
    },
};

/// This many rows of each reason are told one by one.
const TOLD: usize = 10;

/// What to do about each reason.
pub(super) struct Advice(BTreeMap<String, String>);

/// Asks the gateway what to do about the reasons that there are. It is no failure if it does not say.
pub(super) async fn advice(past: &Past, gateway: &Gateway) -> Advice {
    let mut advice = BTreeMap::from([
        (INVALID_ROW.to_owned(), "Correct the cell; the row was not sent.".to_owned()),
        (
            NOT_COMPARABLE.to_owned(),
            "A record is there, and you may not see whether it is this one: let somebody with pii.read compare it.".to_owned(),
        ),
        (
            INCOMPLETE.to_owned(),
            "The customer is there: import its consumer and its business by themselves, with this customer_id.".to_owned(),
        ),
    ]);
    let known = past
        .failed
        .keys()
        .all(|reason| advice.contains_key(&reason.reason));
    if !known {
        let mut request = tonic::Request::new(pb::ListErrorReasonsRequest {});
        request.set_timeout(gateway.deadline);
        if let Ok(answer) = gateway.itself().list_error_reasons(request).await {
            let reasons = answer.into_inner().reasons.into_iter();
            advice.extend(reasons.map(|reason| (reason.reason, reason.caller_action)));
        }
    }
    Advice(advice)
}

impl Advice {
    fn of(&self, reason: &Reason, partly: Option<&Partly>) -> String {
        let mut text = self.0.get(&reason.reason).cloned().unwrap_or_default();
        if !reason.fields.is_empty() {
            text = format!("{}: {text}", reason.fields.join("; "));
        }
        if let Some(partly) = partly {
            text = format!(
                "{text} Done already: customer_id {}{}",
                partly.customer_id,
                match partly.consumer_id.as_str() {
                    "" => String::new(),
                    id => format!(", consumer_id {id}"),
                }
            );
        }
        text.trim().to_owned()
    }
}

/// Writes the failed rows to a file beside the one imported, and answers its name. It holds personal data, and only who
/// runs this may read it. A report that somebody has changed is left as it is.
pub(super) fn write(
    plan: &Plan,
    journal: &mut Journal,
    past: &mut Past,
    advice: &Advice,
) -> Result<Option<PathBuf>, Failure> {
    let path = name(plan, journal, past)?;
    let mut part = path.clone().into_os_string();
    part.push(".partial");
    let part = PathBuf::from(part);
    let file = fresh(&part).map_err(|error| trouble(&part, &error))?;
    let mut file = Digested {
        file: BufWriter::new(file),
        digest: journal.digest(),
    };
    let written = rows(plan, past, advice, &mut file);
    let Digested { file, digest } = file;
    let written = written.and_then(|()| {
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|error| trouble(&path, &error))
    });
    if let Err(failure) = written {
        // It is of no use, and holds personal data.
        let _ = std::fs::remove_file(&part);
        return Err(failure);
    }
    let line = Line::Reported {
        name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        digest: hex(digest),
    };
    journal.add(&line)?;
    journal.sync()?;
    past.add(line);
    Ok(Some(path))
}

/// A name that is free, or that of the last report of this import.
fn name(plan: &Plan, journal: &Journal, past: &Past) -> Result<PathBuf, Failure> {
    let extension = plan.format.extension();
    for number in 1_u32.. {
        let path = plan.file.with_extension(match number {
            1 => format!("failed.{extension}"),
            number => format!("failed-{number}.{extension}"),
        });
        if journal::path_of(&path).exists() {
            // A report of this name is being imported, or was: its journal would be taken for that of the new one.
            continue;
        }
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(trouble(&path, &error)),
        };
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if let Some((last, digest)) = &past.reported
            && name.as_ref() == Some(last)
        {
            let mut found = Digested {
                file: std::io::sink(),
                digest: journal.digest(),
            };
            std::io::copy(&mut file, &mut found).map_err(|error| trouble(&path, &error))?;
            if hex(found.digest) == *digest {
                return Ok(path);
            }
        }
    }
    Err(Failure::Local(
        "there is no free name for the failed rows".to_owned(),
    ))
}

fn hex(digest: hmac::Context) -> String {
    digest
        .sign()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Writes the failed rows as they stand in the file, each with its line and why it failed.
fn rows(plan: &Plan, past: &Past, advice: &Advice, to: &mut impl Write) -> Result<(), Failure> {
    let trouble = |error: std::io::Error| {
        Failure::Local(format!(
            "the failed rows can't be written: {error}; the same command tries it again"
        ))
    };
    let mut rows = Rows::open(&plan.file, plan.format, plan.noun)?;
    if plan.format == Format::Csv {
        let header = rows.header_cells();
        let header = REPORTED
            .iter()
            .map(|name| name.as_bytes())
            .chain(header.iter());
        to.write_all(&csv_line(header)?).map_err(trouble)?;
    }
    while let Some(row) = rows.next()? {
        let Some(reason) = past.has_failed(row.number) else {
            continue;
        };
        let what_to_do = advice.of(reason, past.partly.get(&row.number));
        let line = row.line.to_string();
        let told = [line.as_str(), &reason.code, &reason.reason, &what_to_do];
        let text = match &row.raw {
            Raw::Csv(cells) => {
                csv_line(told.iter().map(|text| text.as_bytes()).chain(cells.iter()))?
            }
            Raw::Json(text) => json_line(told, text),
        };
        to.write_all(&text).map_err(trouble)?;
    }
    to.flush().map_err(trouble)
}

/// A row of JSON with why it failed in front; one that is no JSON is kept as a text.
fn json_line(told: [&str; REPORTED.len()], text: &[u8]) -> Vec<u8> {
    let told = REPORTED.iter().zip(told);
    let mut object: Map<String, Value> = told
        .map(|(name, told)| ((*name).to_owned(), told.into()))
        .collect();
    match serde_json::from_slice::<Map<String, Value>>(text) {
        Ok(fields) => {
            let fields = fields.into_iter();
            object.extend(fields.filter(|(name, _)| !REPORTED.contains(&name.as_str())));
        }
        Err(_) => {
            let text = String::from_utf8_lossy(text).into_owned();
            object.insert(UNREADABLE.to_owned(), text.into());
        }
    }
    let mut line = Value::from(object).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Tells what the import came to.
pub(super) fn tell(
    plan: &Plan,
    context: &mut Context<'_>,
    past: &Past,
    rows: u64,
    advice: &Advice,
    report: Option<&Path>,
) -> Result<(), Failure> {
    let (done, failed, doubt) = (past.done.len(), past.failures(), past.doubt.len() as u64);
    let left = rows.saturating_sub(done + failed + doubt);
    let done_word = match plan.mode {
        Mode::Create => "done",
        Mode::CheckOnly => "would be accepted",
    };
    let row_word = if rows == 1 { "row" } else { "rows" };
    if context.output.format == output::Format::Json {
        let reasons: Vec<Value> = past
            .failed
            .iter()
            .map(|(reason, rows)| {
                let first: Vec<u32> = rows.iter().take(TOLD).collect();
                json!({"code": reason.code, "reason": reason.reason, "fields": reason.fields, "count": rows.len(), "firstRows": first, "whatToDo": advice.of(reason, None)})
            })
            .collect();
        let summary = json!({"rows": rows, "done": done, "failed": failed, "inDoubt": doubt, "unsent": left, "checkedOnly": plan.mode == Mode::CheckOnly, "failedRows": report, "reasons": reasons});
        return context.io.line(&summary.to_string());
    }
    context.io.line(&format!(
        "{rows} {row_word}: {done} {done_word}, {failed} failed, {doubt} in doubt, {left} not sent"
    ))?;
    if failed > 0 {
        let head = ["COUNT", "CODE", "REASON", "ROWS", "WHAT TO DO"].map(str::to_owned);
        let rows: Vec<Vec<String>> = past
            .failed
            .iter()
            .map(|(reason, rows)| {
                let mut first: Vec<String> =
                    rows.iter().take(TOLD).map(|row| row.to_string()).collect();
                if rows.len() > TOLD as u64 {
                    first.push("...".to_owned());
                }
                vec![
                    rows.len().to_string(),
                    reason.code.clone(),
                    reason.reason.clone(),
                    first.join(","),
                    advice.of(reason, None),
                ]
            })
            .collect();
        context.io.line("")?;
        Table::default().rows(&head, &rows, context.io)?;
    }
    if let Some(report) = report {
        context.io.note(format_args!(
            "the failed rows are in {}, with the reasons; it holds personal data: correct it, import it, and delete it",
            report.display()
        ));
    }
    Ok(())
}

/// Tells what an import came to that was finished before, where a script reads it.
pub(super) fn tell_finished(context: &mut Context<'_>, finished: Finished) -> Result<(), Failure> {
    let Finished {
        at,
        size: _,
        modified: _,
        done,
        failed,
    } = finished;
    if context.output.format != output::Format::Json {
        return Ok(());
    }
    let summary = json!({"rows": done + failed, "done": done, "failed": failed, "inDoubt": 0, "unsent": 0, "checkedOnly": false, "failedRows": null, "reasons": [], "finishedAt": at});
    context.io.line(&summary.to_string())
}

/// A file of which a digest is taken as it is written.
struct Digested<W> {
    file: W,
    digest: hmac::Context,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        if let Some(written) = bytes.get(..count) {
            self.digest.update(written);
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
