//! The faults, each with the commit points that it goes with.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultBody, FaultRule, Malformed, Operation, Stage};
use serde_json::{Value, json};

use super::{LONG_AFTER, SOON, door::Door};

/// What a call under a fault must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The call succeeds, as if nothing had been.
    Success,
    /// The call succeeds or fails honestly.
    Honest,
}

/// A fault, ready to be planned.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) rules: Vec<FaultRule>,
    pub(super) door: Option<Door>,
    pub(super) expect: Expect,
}

impl Plan {
    pub(super) fn new(name: impl Into<String>, expect: Expect, rule: FaultRule) -> Self {
        Self {
            name: name.into(),
            rules: vec![rule],
            door: None,
            expect,
        }
    }

    fn at_door(name: &str, expect: Expect, door: Door) -> Self {
        Self {
            name: name.to_owned(),
            rules: Vec::new(),
            door: Some(door),
            expect,
        }
    }
}

const COMMITS: [(&str, Commit); 4] = [
    ("done", Commit::Before),
    ("never done", Commit::Never),
    ("done soon after", Commit::Late(SOON)),
    ("done long after", Commit::Late(LONG_AFTER)),
];

/// Faults of a create, or of any other operation: connections, silence, failures, answers that can't be read. A
/// redirection leads to `stranger`.
pub(super) fn of_any(operation: Operation, stranger: &str) -> Vec<Plan> {
    use Expect::{Honest, Success};
    let on = || FaultRule::on(operation);
    let mut plans = vec![
        // Three tries are refused within a moment, and nothing more is known.
        Plan::at_door("connection refused", Honest, Door::Refused),
        Plan::at_door(
            "kept connection closed meanwhile",
            Success,
            Door::ClosedOnNext,
        ),
    ];
    for (stage, name) in [
        (Stage::Accept, "as the connection is made"),
        (Stage::RequestHeaders, "after the request's head"),
        (Stage::RequestBody, "amid the request's body"),
    ] {
        plans.push(Plan::new(
            format!("reset {name}"),
            Success,
            on().reset_at(stage),
        ));
        plans.push(Plan::new(
            format!("silence {name}"),
            Success,
            on().stall_at(stage),
        ));
    }
    for (when, commit) in COMMITS {
        let on = || on().commit(commit);
        let silence = on().stall_at(Stage::ResponseHeaders);
        plans.push(Plan::new(
            format!("silence before the answer, {when}"),
            Success,
            silence,
        ));
        let reset = on().reset_at(Stage::ResponseHeaders);
        plans.push(Plan::new(
            format!("reset before the answer, {when}"),
            Success,
            reset,
        ));
        let reset = on().reset_at(Stage::ResponseBody);
        plans.push(Plan::new(
            format!("reset amid the answer, {when}"),
            Success,
            reset,
        ));
        for (status, body, kind) in [
            (408, "", "text/plain"),
            (
                500,
                r#"{"code": 99999, "message": "oops"}"#,
                "application/json",
            ),
            (502, "<html>Bad Gateway</html>", "text/html"),
            (503, r#"{"message": "later"}"#, "application/json"),
        ] {
            let name = format!("{status} as {kind}, {when}");
            plans.push(Plan::new(name, Success, text(on(), status, kind, body)));
        }
    }
    let silence = on().stall_at(Stage::ResponseBody);
    plans.push(Plan::new("silence amid the answer, done", Success, silence));
    for (name, rule) in [
        ("answer cut short", on().truncate_bytes(9)),
        ("no byte of the answer", on().truncate_bytes(0)),
        ("a byte a second", on().drip_bytes_per_second(1)),
        (
            "answer later than the attempt may take",
            on().latency(Duration::from_secs(30)),
        ),
        ("answer in time", on().latency(Duration::from_millis(50))),
        ("not JSON", on().malformed(Malformed::NotJson)),
        ("empty", on().malformed(Malformed::Empty)),
        ("without the id", on().malformed(Malformed::MissingField)),
        ("with more members", on().malformed(Malformed::ExtraFields)),
        ("too deep", on().malformed(Malformed::Deep)),
        ("too large", on().malformed(Malformed::Huge)),
        ("another record", on().malformed(Malformed::WrongRecord)),
        ("308 to a stranger", on().redirect_to(stranger)),
        (
            "302 to a stranger",
            on().answer(302, None).redirect_to(stranger),
        ),
        ("202 without a body", on().answer(202, None)),
        ("another 2xx", text(on(), 299, "application/json", "{}")),
        ("an array", text(on(), 200, "application/json", "[1]")),
    ] {
        plans.push(Plan::new(name, Success, rule));
    }
    for code in [10_022, 10_023, 10_024] {
        plans.push(Plan::new(
            format!("token refused, {code}"),
            Success,
            stale(on(), code),
        ));
    }
    plans.push(Plan::new(
        "token refused twice",
        Honest,
        stale(on(), 10_022).times(2),
    ));
    let limited = || text(on().commit(Commit::Never), 429, "text/plain", "");
    plans.push(Plan::new("429", Honest, limited()));
    for wait in ["1", "soon", "-1", "86400"] {
        let mut rule = limited();
        if let Some(answer) = &mut rule.answer {
            answer.headers = vec![("Retry-After".to_owned(), wait.to_owned())];
        }
        plans.push(Plan::new(format!("429, Retry-After: {wait}"), Honest, rule));
    }
    plans
}

/// Faults of a create alone: what makes looking for it hard. `look` is what it is looked for with.
pub(super) fn of_create(operation: Operation, look: Operation) -> Vec<Plan> {
    use Expect::{Honest, Success};
    let lost = || FaultRule::on(operation).reset_at(Stage::ResponseHeaders);
    let mut plans = vec![
        Plan::new("seen soon after", Success, lost().visible_after(SOON)),
        Plan::new("seen long after", Honest, lost().visible_after(LONG_AFTER)),
        Plan::new("lost twice", Success, lost().times(2)),
        Plan::new(
            "never done twice",
            Honest,
            lost().commit(Commit::Never).times(2),
        ),
        Plan::new("failing for ever", Honest, failing(operation).times(1_000)),
    ];
    let on = || FaultRule::on(look);
    for (when, commit) in [("done", Commit::Before), ("never done", Commit::Never)] {
        for (name, rule) in [
            ("is lost", on().reset_at(Stage::ResponseHeaders)),
            ("meets silence", on().stall_at(Stage::ResponseHeaders)),
            ("fails", text(on(), 503, "text/plain", "")),
            ("is not JSON", on().malformed(Malformed::NotJson)),
            ("is empty", on().malformed(Malformed::Empty)),
            (
                "finds another record",
                on().malformed(Malformed::WrongRecord),
            ),
            ("meets 429", text(on(), 429, "text/plain", "")),
            ("meets an old token", stale(on(), 10_022)),
        ] {
            plans.push(Plan {
                name: format!("{when} and lost, the look {name}"),
                rules: vec![lost().commit(commit), rule],
                door: None,
                expect: Success,
            });
        }
    }
    for (when, commit) in [("done", Commit::Before), ("never done", Commit::Never)] {
        for (name, rule) in [
            ("is lost", on().reset_at(Stage::ResponseHeaders)),
            ("is not JSON", on().malformed(Malformed::NotJson)),
        ] {
            plans.push(Plan {
                name: format!("{when} and lost, the look {name} always"),
                rules: vec![lost().commit(commit), rule.times(1_000)],
                door: None,
                expect: Honest,
            });
        }
    }
    if look == Operation::GetCustomers {
        for (times, often, expect) in [(1, "once", Success), (1_000, "always", Honest)] {
            plans.push(Plan {
                name: format!("done and lost, the look finds everybody {often}"),
                rules: vec![
                    lost(),
                    on().malformed(Malformed::FilterIgnored).times(times),
                ],
                door: None,
                expect,
            });
        }
    }
    plans
}

fn failing(operation: Operation) -> FaultRule {
    text(
        FaultRule::on(operation).commit(Commit::Never),
        503,
        "text/plain",
        "",
    )
}

pub(super) fn text(rule: FaultRule, status: u16, content_type: &str, body: &str) -> FaultRule {
    let mut rule = rule.answer(status, Some(FaultBody::Text(body.to_owned())));
    if let Some(answer) = &mut rule.answer {
        answer.content_type = Some(content_type.to_owned());
    }
    rule
}

fn stale(rule: FaultRule, code: i64) -> FaultRule {
    let body: Value = json!({ "code": code, "message": "token" });
    rule.commit(Commit::Never)
        .answer(401, Some(FaultBody::Json(body)))
}
