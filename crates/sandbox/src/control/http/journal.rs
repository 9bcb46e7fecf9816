//! What happened, over HTTP: the requests as one JSON document, the whole journal as JSON lines.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{
    keys::{Problem, bad},
    parse_operation,
};
use crate::{
    answer::Answer,
    journal::{CommitRecord, JournalEntry, RequestRecord},
    operation::Operation,
    shared::Shared,
    store::Durable,
};

/// JSON lines.
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

#[derive(Serialize)]
struct Requests<'log> {
    requests: Vec<RequestView<'log>>,
}

#[derive(Serialize)]
struct RequestView<'log> {
    sequence: u64,
    at: String,
    operation: Option<&'static str>,
    method: &'log str,
    path: &'log str,
    status: Option<u16>,
    fault: Option<u64>,
}

impl<'log> From<&'log RequestRecord> for RequestView<'log> {
    fn from(record: &'log RequestRecord) -> Self {
        let RequestRecord {
            sequence,
            at,
            operation,
            method,
            path,
            status,
            fault,
        } = record;
        Self {
            sequence: *sequence,
            at: at.to_string(),
            operation: operation.map(Operation::id),
            method,
            path,
            status: *status,
            fault: *fault,
        }
    }
}

/// A line about a request, which is the view of a request with a word in front.
#[derive(Serialize)]
struct RequestLine<'log> {
    event: &'static str,
    #[serde(flatten)]
    request: RequestView<'log>,
}

/// The requests to one operation, or all; no more than the `last` so many, for those who do not want 100,000.
pub(super) fn requests(shared: &Shared, query: &str) -> Result<(Answer, Durable), Problem> {
    let mut operation = None;
    let mut last = usize::MAX;
    for (key, value) in pairs(query) {
        match key {
            "operation" | "last" if value.is_empty() => {}
            // Rules and barriers say all of them so.
            "operation" if value == "*" => operation = None,
            "operation" => operation = Some(parse_operation(value)?),
            "last" => {
                last = value
                    .parse()
                    .map_err(|_| bad("last must be a whole number that is not negative"))?;
            }
            _ => return Err(bad("the only query keys are operation and last")),
        }
    }
    let (records, durable) = shared.with(|state| state.journal.latest(operation, last));
    let requests = records.iter().map(RequestView::from).collect();
    let answer = Answer::json(StatusCode::OK, &Requests { requests });
    Ok((answer, durable))
}

/// The journal after a line, one JSON object a line.
pub(super) fn journal(shared: &Shared, query: &str) -> Result<(Answer, Durable), Problem> {
    let mut since = 0;
    for (key, value) in pairs(query) {
        match (key, value.parse()) {
            ("since", Ok(sequence)) => since = sequence,
            ("since", Err(_)) => return Err(bad("since must be the sequence of a line")),
            _ => return Err(bad("the only query key is since")),
        }
    }
    let (excerpt, durable) = shared.with(|state| state.journal.since(since));
    let journal = excerpt.read();
    let mut lines = Vec::new();
    if journal.dropped_through > since {
        let dropped = json!({"event": "dropped", "through": journal.dropped_through});
        lines.push(dropped.to_string());
    }
    for entry in &journal.entries {
        lines.push(match entry {
            JournalEntry::Request(request) => line(&RequestLine {
                event: "request",
                request: request.into(),
            }),
            JournalEntry::Commit(commit) => line(&commit_view(commit)),
        });
    }
    lines.push(String::new());
    let mut answer = Answer::empty(StatusCode::OK);
    answer.content_type = Some(LINES);
    answer.body = Bytes::from(lines.join("\n"));
    Ok((answer, durable))
}

fn commit_view(commit: &CommitRecord) -> serde_json::Value {
    let CommitRecord {
        sequence,
        at,
        request,
        change,
        kind,
        id,
        partner_id,
        record,
    } = commit;
    json!({
        "event": "commit",
        "sequence": sequence,
        "at": at.to_string(),
        "request": request,
        "change": change.as_str(),
        "kind": kind.as_str(),
        "id": id,
        "partnerId": partner_id,
        "record": record,
    })
}

/// Our own structs, whose keys are all text, always make JSON.
fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}
