//! The faults that the clients are compared under.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultBody, FaultRule, Malformed, Operation, Stage};
use serde_json::json;

/// When the vendor does the work of a `late` request: after every repetition that follows at once, and before ours takes
/// it for not done.
const LATE: Duration = Duration::from_secs(1);
/// Late enough that nobody waits for it.
const VERY_LATE: Duration = Duration::from_secs(60);

pub(crate) struct Fault {
    /// What happens, in words.
    pub(crate) name: &'static str,
    /// Whether the vendor does the work of the request that meets it.
    pub(crate) work: &'static str,
    pub(crate) rule: FaultRule,
}

/// All of them, for creates of one kind. A redirection leads to `stranger`.
pub(crate) fn faults(operation: Operation, stranger: &str) -> Vec<Fault> {
    let on = || FaultRule::on(operation);
    let lost = || on().reset_at(Stage::ResponseHeaders);
    let silent = || on().stall_at(Stage::ResponseHeaders);
    let failing = |status| {
        let body = json!({ "code": 99_999, "message": "something went wrong" });
        on().answer(status, Some(FaultBody::Json(body)))
    };
    let bad_gateway = || html(on(), 502);
    let fault = |name, work, rule| Fault { name, work, rule };
    vec![
        fault(
            "connection reset when it is made",
            "no",
            on().reset_at(Stage::Accept),
        ),
        fault(
            "reset after the request's head",
            "no",
            on().reset_at(Stage::RequestHeaders),
        ),
        fault(
            "reset amid the request's body",
            "no",
            on().reset_at(Stage::RequestBody),
        ),
        fault("no answer, connection reset", "done", lost()),
        fault(
            "no answer, connection reset",
            "never",
            lost().commit(Commit::Never),
        ),
        fault(
            "no answer, connection reset",
            "a second later",
            lost().commit(Commit::Late(LATE)),
        ),
        fault(
            "no answer, connection reset",
            "a minute later",
            lost().commit(Commit::Late(VERY_LATE)),
        ),
        fault("no answer, silence", "done", silent()),
        fault(
            "no answer, silence",
            "never",
            silent().commit(Commit::Never),
        ),
        fault(
            "no answer, silence",
            "a second later",
            silent().commit(Commit::Late(LATE)),
        ),
        fault(
            "no answer, silence",
            "a minute later",
            silent().commit(Commit::Late(VERY_LATE)),
        ),
        fault(
            "reset amid the answer",
            "done",
            on().reset_at(Stage::ResponseBody),
        ),
        fault("answer cut short", "done", on().truncate_bytes(9)),
        fault(
            "answer is not JSON",
            "done",
            on().malformed(Malformed::NotJson),
        ),
        fault("answer is empty", "done", on().malformed(Malformed::Empty)),
        fault(
            "answer has no id",
            "done",
            on().malformed(Malformed::MissingField),
        ),
        fault(
            "answer is of another record",
            "done",
            on().malformed(Malformed::WrongRecord),
        ),
        fault("500", "done", failing(500)),
        fault("500", "never", failing(500).commit(Commit::Never)),
        fault("502 from a proxy", "done", bad_gateway()),
        fault(
            "502 from a proxy",
            "never",
            bad_gateway().commit(Commit::Never),
        ),
        fault("503", "never", failing(503).commit(Commit::Never)),
        fault("429, `Retry-After: 1`", "no", too_many(on())),
        fault("401, token unknown", "no", token_unknown(on())),
        fault("308 to a stranger", "done", on().redirect_to(stranger)),
        fault(
            "503, four times",
            "never",
            failing(503).commit(Commit::Never).times(4),
        ),
        fault("no answer, reset, four times", "done", lost().times(4)),
    ]
}

fn html(rule: FaultRule, status: u16) -> FaultRule {
    let page = "<html><body><h1>Bad Gateway</h1></body></html>".to_owned();
    let mut rule = rule.answer(status, Some(FaultBody::Text(page)));
    if let Some(answer) = &mut rule.answer {
        answer.content_type = Some("text/html".to_owned());
    }
    rule
}

fn too_many(rule: FaultRule) -> FaultRule {
    let mut rule = rule.commit(Commit::Never).answer(429, None);
    if let Some(answer) = &mut rule.answer {
        answer.headers = vec![("Retry-After".to_owned(), "1".to_owned())];
    }
    rule
}

fn token_unknown(rule: FaultRule) -> FaultRule {
    let body = json!({ "code": 10_022, "message": "Invalid token" });
    rule.commit(Commit::Never)
        .answer(401, Some(FaultBody::Json(body)))
}
