//! The pages of the catalogue: the reasons for callers, the runbook for operators, each with links to the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{ALERTS, Alert, NOTE, alert};
use crate::reason::{
    Reason,
    catalogue::{Entry, entries},
};

/// `docs/errors.md`, for callers.
pub(super) fn errors() -> String {
    let mut text = format!(
        "# Reasons of errors\n\n<!-- {NOTE} -->\n\nEvery status that is not OK has `google.rpc.ErrorInfo` with one of these \
         reasons. A reason is never renamed and comes under one code (`OUTCOME_UNKNOWN` under two), so that a program may decide by it. \
         `GatewayService.ListErrorReasons` answers this list as the running gateway knows it. The `domain` beside the reason \
         is `api.finicity.com` where the vendor refused, and `openfinance` where the gateway did.\n\n\
         | reason | code | repeat as it is |\n|---|---|---|\n"
    );
    for entry in entries() {
        let word = entry.reason.as_str();
        let _ = writeln!(
            text,
            "| [`{word}`](#{}) | {} | {} |",
            word.to_lowercase(),
            entry.code,
            repeat(&entry)
        );
    }
    let methods = methods();
    for entry in entries() {
        let word = entry.reason.as_str();
        let _ = write!(
            text,
            "\n## {word}\n\n{}\n\n- Caller: {}\n- Repeat as it is: {}\n- Operator: {} ([runbook](runbook.md#{}))\n- Code: {}\n\
             - Answered by: {}\n",
            entry.meaning,
            entry.caller_action,
            repeat(&entry),
            operator(&entry),
            word.to_lowercase(),
            entry.code,
            answered_by(methods.get(word)),
        );
    }
    text
}

fn repeat(entry: &Entry) -> &'static str {
    match entry.retryable {
        true => "yes",
        false => "no",
    }
}

/// What an operator does.
fn operator(entry: &Entry) -> &'static str {
    match entry.operator_action {
        "" => "Nothing: the caller settles it.",
        action => action,
    }
}

/// Where the methods are told of that may answer each reason, by the tables in the comments of `proto/`. A name of `None`
/// stands for all of them.
type Methods = BTreeMap<String, BTreeSet<(String, Option<String>)>>;

fn methods() -> Methods {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/openfinance/v1");
    let mut methods = Methods::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let page = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut table = Vec::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim();
            if let Some(row) = line.strip_prefix("// |") {
                table.extend(row.split('|').nth(2).map(|reason| reason.trim().to_owned()));
            }
            let method = line
                .strip_prefix("rpc ")
                .and_then(|rest| rest.split_once('('));
            let all = line.starts_with("syntax");
            if all || method.is_some() {
                let owner = (page.clone(), method.map(|(name, _)| name.to_owned()));
                for reason in table.drain(..) {
                    methods.entry(reason).or_default().insert(owner.clone());
                }
            }
        }
    }
    methods
}

fn answered_by(methods: Option<&BTreeSet<(String, Option<String>)>>) -> String {
    const ALL: &str = "[every method](reference/common.md)";
    let Some(methods) = methods else {
        return ALL.to_owned();
    };
    let each = methods.iter().map(|(page, method)| match method {
        Some(name) => format!("[{name}](reference/{page}.md#{})", name.to_lowercase()),
        None => ALL.to_owned(),
    });
    let each: Vec<_> = each.collect();
    match each.iter().any(|one| one == ALL) {
        true => ALL.to_owned(),
        false => each.join(", "),
    }
}

/// `docs/runbook.md`, for operators.
pub(super) fn runbook() -> String {
    let mut text = format!(
        "# Runbook\n\n<!-- {NOTE} -->\n\nWhat to do when an alert of `deploy/prometheus/` fires, or when a caller reports \
         a reason.\n\n## Alerts\n"
    );
    for alert in ALERTS {
        let Alert {
            name,
            summary,
            action,
            expression,
            ..
        } = alert;
        let _ = write!(
            text,
            "\n### {name}\n\n{summary}\n\nFires on: `{expression}`\n\n{}\n",
            linked(action)
        );
    }
    text.push_str("\n## Reasons\n");
    for entry in entries() {
        let word = entry.reason.as_str();
        let _ = write!(
            text,
            "\n### {word}\n\n{} (code {}",
            entry.meaning, entry.code
        );
        if let Some(alert) = alert(&entry) {
            let _ = write!(text, ", alert {alert}");
        }
        let _ = writeln!(
            text,
            ")\n\n- Caller: {} ([more](errors.md#{}))\n- Operator: {}",
            entry.caller_action,
            word.to_lowercase(),
            linked(operator(&entry))
        );
        if entry.reason == Reason::PartnerCredentialsRejected {
            text.push_str("- Step by step: [when the vendor refuses the credentials](how-to/credentials-rejected.md)\n");
        }
    }
    text
}

/// Text in which the reasons that it names lead to their headings.
fn linked(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let reason = Reason::of(word.trim_end_matches(['.', ',', ';', ':']));
        match reason.map(Reason::as_str) {
            Some(reason) => {
                word.replace(reason, &format!("[{reason}](#{})", reason.to_lowercase()))
            }
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
