//! Planned misbehaviour: which request is met, whether its work is done, and what the caller gets to see.

use std::time::Duration;

use axum::http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use bytes::Bytes;
use serde_json::Value;

use crate::{
    answer::{Answer, JSON, TEXT},
    operation::Operation,
};

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Requests to any operation; those that lead to none are not counted.
    Any,
    /// Requests to this operation.
    Operation(Operation),
}

/// Whether the work was done when the fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The request was carried out; only its answer is replaced or held back.
    Before,
    /// The request was not carried out.
    Never,
}

/// The body of a fault's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultBody {
    /// Sent as it is, `text/plain` unless said otherwise.
    Text(String),
    /// Sent as JSON.
    Json(Value),
}

/// An answer in place of the real one.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultAnswer {
    /// 200 to 599.
    pub status: u16,
    /// Empty if absent.
    pub body: Option<FaultBody>,
    /// The content type, if not the one that the body suggests.
    pub content_type: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// One rule. Build it with [`FaultRule::on`] and the methods after it.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Which requests are counted.
    pub target: Target,
    /// How many of them pass before the fault shows.
    pub after: u64,
    /// How often the fault shows.
    pub times: u64,
    /// Whether the work is done.
    pub commit: Commit,
    /// How long the answer is held back.
    pub latency: Duration,
    /// What is answered; `None` for the real answer, or an empty 504 if the work was not done.
    pub answer: Option<FaultAnswer>,
}

impl FaultRule {
    /// A rule that meets the next request to `operation` once; say next what it does.
    #[must_use]
    pub fn on(operation: Operation) -> Self {
        Self::target(Target::Operation(operation))
    }

    /// A rule that meets the next request to any operation once; say next what it does.
    #[must_use]
    pub fn on_any() -> Self {
        Self::target(Target::Any)
    }

    fn target(target: Target) -> Self {
        Self {
            target,
            after: 0,
            times: 1,
            commit: Commit::Before,
            latency: Duration::ZERO,
            answer: None,
        }
    }

    /// Lets this many requests pass first.
    #[must_use]
    pub fn after(self, after: u64) -> Self {
        Self { after, ..self }
    }

    /// Shows this often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Says whether the work is done.
    #[must_use]
    pub fn commit(self, commit: Commit) -> Self {
        Self { commit, ..self }
    }

    /// Holds the answer back.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Answers this instead.
    #[must_use]
    pub fn answer(self, status: u16, body: Option<FaultBody>) -> Self {
        let answer = FaultAnswer {
            status,
            body,
            content_type: None,
            headers: Vec::new(),
        };
        Self {
            answer: Some(answer),
            ..self
        }
    }
}

/// A rule that cannot be kept to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidFault {
    #[error("times must be at least 1")]
    Times,
    #[error("effect must have latency_ms or status")]
    Nothing,
    #[error("effect.latency_ms must be at most one day")]
    Latency,
    #[error("effect.status must be from 200 to 599")]
    Status,
    #[error("effect.content_type is not a legal header value")]
    ContentType,
    #[error("effect.headers has an illegal name or value")]
    Header,
    #[error(
        "effect.headers must not frame the answer: leave out content-length and transfer-encoding"
    )]
    FramingHeader,
}

/// A rule and how often it has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultStatus {
    /// What `DELETE faults/ID` takes.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// How often it has shown; a rule that has shown [`FaultRule::times`] is spent, but stays listed.
    pub fired: u64,
}

/// A fault that meets the request at hand.
pub(crate) struct Fired {
    pub(crate) id: u64,
    pub(crate) commit: Commit,
    pub(crate) latency: Duration,
    pub(crate) answer: Option<Answer>,
}

struct Standing {
    id: u64,
    rule: FaultRule,
    answer: Option<Answer>,
    /// Requests counted so far, the ones that another rule met included.
    seen: u64,
    fired: u64,
}

/// The rules of one sandbox, oldest first.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Standing>,
    last_id: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> Result<u64, InvalidFault> {
        const DAY: Duration = Duration::from_secs(86_400);
        if rule.times == 0 {
            return Err(InvalidFault::Times);
        }
        if rule.answer.is_none() && rule.latency.is_zero() {
            return Err(InvalidFault::Nothing);
        }
        if rule.latency > DAY {
            return Err(InvalidFault::Latency);
        }
        let answer = rule.answer.as_ref().map(prepare).transpose()?;
        self.last_id += 1;
        self.rules.push(Standing {
            id: self.last_id,
            rule,
            answer,
            seen: 0,
            fired: 0,
        });
        Ok(self.last_id)
    }

    /// Counts a request and picks the oldest rule that is due. A rule that was due but not picked stays due.
    pub(crate) fn fire(&mut self, operation: Operation) -> Option<Fired> {
        let mut picked = None;
        for standing in &mut self.rules {
            let meets = match standing.rule.target {
                Target::Any => true,
                Target::Operation(target) => target == operation,
            };
            if !meets {
                continue;
            }
            standing.seen += 1;
            let due = standing.seen > standing.rule.after && standing.fired < standing.rule.times;
            if due && picked.is_none() {
                standing.fired += 1;
                picked = Some(Fired {
                    id: standing.id,
                    commit: standing.rule.commit,
                    latency: standing.rule.latency,
                    answer: standing.answer.clone(),
                });
            }
        }
        picked
    }

    pub(crate) fn list(&self) -> Vec<FaultStatus> {
        self.rules
            .iter()
            .map(|standing| FaultStatus {
                id: standing.id,
                rule: standing.rule.clone(),
                fired: standing.fired,
            })
            .collect()
    }

    /// Whether there was such a rule.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|standing| standing.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.rules).len()
    }
}

/// Checks an answer once, so that sending it cannot fail.
fn prepare(answer: &FaultAnswer) -> Result<Answer, InvalidFault> {
    if !(200..=599).contains(&answer.status) {
        return Err(InvalidFault::Status);
    }
    let status = StatusCode::from_u16(answer.status).map_err(|_| InvalidFault::Status)?;
    let (body, suggested) = match &answer.body {
        None => (Bytes::new(), None),
        Some(FaultBody::Text(text)) => (Bytes::from(text.clone()), Some(TEXT)),
        Some(FaultBody::Json(value)) => (Bytes::from(value.to_string()), Some(JSON)),
    };
    let content_type = match &answer.content_type {
        Some(content_type) => {
            Some(HeaderValue::from_str(content_type).map_err(|_| InvalidFault::ContentType)?)
        }
        None => suggested,
    };
    let mut headers = Vec::new();
    for (name, value) in &answer.headers {
        let name: HeaderName = name.parse().map_err(|_| InvalidFault::Header)?;
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return Err(InvalidFault::FramingHeader);
        }
        headers.push((
            name,
            HeaderValue::from_str(value).map_err(|_| InvalidFault::Header)?,
        ));
    }
    Ok(Answer {
        status,
        content_type,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Operation = Operation::GetCustomer;

    fn fired(faults: &mut Faults, operation: Operation) -> Option<u64> {
        faults.fire(operation).map(|fired| fired.id)
    }

    #[test]
    fn a_rule_lets_some_pass_shows_some_times_and_stays_listed() {
        let mut faults = Faults::default();
        faults
            .add(FaultRule::on(GET).after(1).times(2).answer(500, None))
            .unwrap();
        let shown: Vec<_> = (0..4).map(|_| fired(&mut faults, GET).is_some()).collect();
        assert_eq!(shown, [false, true, true, false]);
        assert_eq!(faults.list()[0].fired, 2);
        assert_eq!(fired(&mut faults, Operation::GetConsumer), None);
    }

    #[test]
    fn a_rule_for_any_operation_meets_them_all() {
        let mut faults = Faults::default();
        faults
            .add(FaultRule::on_any().times(18).answer(500, None))
            .unwrap();
        assert!(Operation::all().all(|operation| fired(&mut faults, operation).is_some()));
    }

    #[test]
    fn rules_on_one_operation_queue_up() {
        let mut faults = Faults::default();
        let first = faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        let second = faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        let third = faults
            .add(FaultRule::on(GET).after(2).answer(500, None))
            .unwrap();
        let shown: Vec<_> = (0..4).map(|_| fired(&mut faults, GET)).collect();
        assert_eq!(shown, [Some(first), Some(second), Some(third), None]);
    }

    #[test]
    fn removed_rules_do_not_show() {
        let mut faults = Faults::default();
        let id = faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        assert!(faults.remove(id));
        assert!(!faults.remove(id));
        assert_eq!(fired(&mut faults, GET), None);
        faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        assert_eq!(faults.clear(), 1);
        assert_eq!(fired(&mut faults, GET), None);
    }

    #[test]
    fn rules_that_cannot_be_kept_to_are_refused() {
        let mut faults = Faults::default();
        let with_header = |name: &str, value: &str| {
            let mut rule = FaultRule::on(GET).answer(500, None);
            if let Some(answer) = &mut rule.answer {
                answer.headers.push((name.to_owned(), value.to_owned()));
            }
            rule
        };
        let mut bad_type = FaultRule::on(GET).answer(500, None);
        if let Some(answer) = &mut bad_type.answer {
            answer.content_type = Some("a\nb".to_owned());
        }
        for (rule, expected) in [
            (FaultRule::on(GET), InvalidFault::Nothing),
            (
                FaultRule::on(GET).times(0).answer(500, None),
                InvalidFault::Times,
            ),
            (FaultRule::on(GET).answer(101, None), InvalidFault::Status),
            (FaultRule::on(GET).answer(600, None), InvalidFault::Status),
            (
                FaultRule::on(GET).latency(Duration::MAX),
                InvalidFault::Latency,
            ),
            (with_header("a b", "c"), InvalidFault::Header),
            (with_header("a", "b\r\nc"), InvalidFault::Header),
            (
                with_header("Content-Length", "3"),
                InvalidFault::FramingHeader,
            ),
            (bad_type, InvalidFault::ContentType),
        ] {
            assert_eq!(faults.add(rule), Err(expected));
        }
    }
}
