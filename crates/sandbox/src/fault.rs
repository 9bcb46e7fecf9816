//! Planned misbehaviour: which request is met, whether its work is done, and what the caller gets to see.

mod rule;
mod shape;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING},
};

use crate::{
    answer::{Answer, JSON, TEXT},
    operation::Operation,
    random::Random,
    visitor::Visitor,
};

pub use rule::{
    Commit, ConnectionFault, FaultAnswer, FaultBody, FaultRule, InvalidFault, Malformed, Stage,
    Target,
};

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
    pub(crate) effect: Arc<Effect>,
}

/// What a rule does, checked once so that doing it cannot fail.
pub(crate) struct Effect {
    pub(crate) latency: Duration,
    pub(crate) connection: Option<ConnectionFault>,
    pub(crate) truncate_bytes: Option<u64>,
    pub(crate) drip_bytes_per_second: Option<u32>,
    pub(crate) malformed: Option<Malformed>,
    pub(crate) visible_after: Duration,
    answer: Option<Answer>,
    redirect_to: Option<HeaderValue>,
}

impl Effect {
    /// What is answered in place of `real`, which is there if the work was done.
    pub(crate) fn answer(&self, real: Option<Answer>) -> Answer {
        // With nothing done and nothing else to say, the request ran into a time-out on the vendor's side.
        let mut answer = self
            .answer
            .clone()
            .or(real)
            .unwrap_or_else(|| Answer::empty(StatusCode::GATEWAY_TIMEOUT));
        if let Some(malformed) = self.malformed {
            shape::spoil(&mut answer, malformed);
        }
        if let Some(location) = &self.redirect_to {
            let status = self.answer.as_ref().map(|answer| answer.status);
            answer = Answer::empty(status.unwrap_or(StatusCode::PERMANENT_REDIRECT));
            answer.headers.push((LOCATION, location.clone()));
        }
        answer
    }
}

struct Standing {
    id: u64,
    rule: FaultRule,
    effect: Arc<Effect>,
    /// Requests counted so far, the ones that another rule met included.
    seen: u64,
    fired: u64,
}

/// The rules of one sandbox, oldest first.
pub(crate) struct Faults {
    rules: Vec<Standing>,
    last_id: u64,
    /// Draws for [`FaultRule::probability`], apart from the draws for ids, which no fault may change.
    random: Random,
}

impl Faults {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            last_id: 0,
            // Any constant will do, so that the two sequences of one seed differ.
            random: Random::from_seed(seed ^ 0x6661_756c_7473_0000),
        }
    }

    pub(crate) fn add(&mut self, rule: FaultRule) -> Result<u64, InvalidFault> {
        let effect = Arc::new(check(&rule)?);
        self.last_id += 1;
        self.rules.push(Standing {
            id: self.last_id,
            rule,
            effect,
            seen: 0,
            fired: 0,
        });
        Ok(self.last_id)
    }

    /// Counts a request and picks the oldest rule that is due. A rule that was due but not picked stays due.
    pub(crate) fn fire(&mut self, operation: Operation) -> Option<Fired> {
        self.pick(|rule| {
            let filters = rule.malformed != Some(Malformed::FilterIgnored)
                || operation == Operation::GetCustomers;
            rule.target.includes(operation) && filters && !rule.is_about_accepting()
        })
    }

    /// Counts a new connection and picks the oldest rule about these that is due.
    pub(crate) fn fire_on_accept(&mut self, visitor: Visitor) -> Option<Fired> {
        self.pick(|rule| {
            rule.is_about_accepting()
                && match visitor {
                    Visitor::Caller(operation) => rule.target.includes(operation),
                    Visitor::Other => false,
                    Visitor::Silent => true,
                }
        })
    }

    /// Whether a rule about new connections is not yet spent.
    pub(crate) fn minds_connections(&self) -> bool {
        self.rules.iter().any(|standing| {
            standing.rule.is_about_accepting() && standing.fired < standing.rule.times
        })
    }

    fn pick(&mut self, meets: impl Fn(&FaultRule) -> bool) -> Option<Fired> {
        let mut picked = None;
        for standing in &mut self.rules {
            if !meets(&standing.rule) {
                continue;
            }
            standing.seen += 1;
            let due = standing.seen > standing.rule.after && standing.fired < standing.rule.times;
            if picked.is_some() || !due {
                continue;
            }
            // A certain rule takes no draw, so adding one does not change what the others do.
            if standing.rule.probability < 1.0
                && self.random.fraction() >= standing.rule.probability
            {
                continue;
            }
            standing.fired += 1;
            picked = Some(Fired {
                id: standing.id,
                commit: standing.rule.commit,
                effect: Arc::clone(&standing.effect),
            });
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

    /// Whether the rule with this effect is still there. After a reset another one may have its id.
    pub(crate) fn stands(&self, effect: &Arc<Effect>) -> bool {
        self.rules
            .iter()
            .any(|standing| Arc::ptr_eq(&standing.effect, effect))
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

/// Checks a rule and prepares what it does.
fn check(rule: &FaultRule) -> Result<Effect, InvalidFault> {
    const DAY: Duration = Duration::from_secs(86_400);
    if rule.times == 0 {
        return Err(InvalidFault::Times);
    }
    if !(rule.probability > 0.0 && rule.probability <= 1.0) {
        return Err(InvalidFault::Probability);
    }
    let shapes = rule.truncate_bytes.is_some()
        || rule.drip_bytes_per_second.is_some()
        || rule.redirect_to.is_some()
        || rule.malformed.is_some()
        || !rule.visible_after.is_zero();
    if !shapes && rule.answer.is_none() && rule.latency.is_zero() && rule.connection.is_none() {
        return Err(InvalidFault::Nothing);
    }
    if shapes && rule.commit == Commit::Never {
        return Err(InvalidFault::NothingToShape);
    }
    if rule.latency > DAY {
        return Err(InvalidFault::Latency);
    }
    if rule.drip_bytes_per_second == Some(0) {
        return Err(InvalidFault::Drip);
    }
    if rule.malformed == Some(Malformed::FilterIgnored)
        && !matches!(
            rule.target,
            Target::Any | Target::Operation(Operation::GetCustomers)
        )
    {
        return Err(InvalidFault::NoFilter);
    }
    let answer = rule.answer.as_ref().map(prepare).transpose()?;
    let redirect_to = match &rule.redirect_to {
        None => None,
        Some(_)
            if answer
                .as_ref()
                .is_some_and(|answer| !answer.status.is_redirection()) =>
        {
            return Err(InvalidFault::RedirectStatus);
        }
        Some(location) => {
            Some(HeaderValue::from_str(location).map_err(|_| InvalidFault::Redirect)?)
        }
    };
    Ok(Effect {
        latency: rule.latency,
        connection: rule.connection,
        truncate_bytes: rule.truncate_bytes,
        drip_bytes_per_second: rule.drip_bytes_per_second,
        malformed: rule.malformed,
        visible_after: rule.visible_after,
        answer,
        redirect_to,
    })
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
        filler: None,
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
        let mut faults = Faults::from_seed(1);
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
        let mut faults = Faults::from_seed(1);
        faults
            .add(FaultRule::on_any().times(18).answer(500, None))
            .unwrap();
        assert!(Operation::all().all(|operation| fired(&mut faults, operation).is_some()));
    }

    #[test]
    fn rules_on_one_operation_queue_up() {
        let mut faults = Faults::from_seed(1);
        let first = faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        let second = faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        let third = faults
            .add(FaultRule::on(GET).after(2).answer(500, None))
            .unwrap();
        let shown: Vec<_> = (0..4).map(|_| fired(&mut faults, GET)).collect();
        assert_eq!(shown, [Some(first), Some(second), Some(third), None]);
    }

    #[test]
    fn a_rule_by_chance_shows_as_the_seed_has_it() {
        let shown = |seed| {
            let mut faults = Faults::from_seed(seed);
            let rule = FaultRule::on(GET).times(1000).probability(0.25);
            faults.add(rule.answer(500, None)).unwrap();
            (0..1000)
                .map(|_| fired(&mut faults, GET).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
        let count = shown(1).into_iter().filter(|shown| *shown).count();
        assert!((200..300).contains(&count), "{count} of 1000 at 0.25");
    }

    #[test]
    fn rules_about_connections_do_not_meet_requests_nor_the_other_way_round() {
        let mut faults = Faults::from_seed(1);
        let accept = faults
            .add(FaultRule::on(GET).reset_at(Stage::Accept))
            .unwrap();
        assert_eq!(fired(&mut faults, GET), None);
        assert!(faults.minds_connections());
        for other in [Visitor::Other, Visitor::Caller(Operation::GetConsumer)] {
            assert!(faults.fire_on_accept(other).is_none());
        }
        let met = faults.fire_on_accept(Visitor::Caller(GET));
        assert_eq!(met.map(|fired| fired.id), Some(accept));
        assert!(!faults.minds_connections());
        faults.add(FaultRule::on(GET).answer(500, None)).unwrap();
        assert!(faults.fire_on_accept(Visitor::Silent).is_none());
        faults
            .add(FaultRule::on(GET).reset_at(Stage::Accept))
            .unwrap();
        assert!(faults.fire_on_accept(Visitor::Silent).is_some());
    }

    #[test]
    fn an_ignored_filter_counts_lists_only() {
        let mut faults = Faults::from_seed(1);
        faults
            .add(FaultRule::on_any().malformed(Malformed::FilterIgnored))
            .unwrap();
        assert_eq!(fired(&mut faults, GET), None);
        assert!(fired(&mut faults, Operation::GetCustomers).is_some());
    }

    #[test]
    fn removed_rules_do_not_show() {
        let mut faults = Faults::from_seed(1);
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
        let mut faults = Faults::from_seed(1);
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
            (
                FaultRule::on(GET).probability(0.0).answer(500, None),
                InvalidFault::Probability,
            ),
            (
                FaultRule::on(GET).probability(f64::NAN).answer(500, None),
                InvalidFault::Probability,
            ),
            (
                FaultRule::on(GET).drip_bytes_per_second(0),
                InvalidFault::Drip,
            ),
            (
                FaultRule::on(GET).redirect_to("a\nb"),
                InvalidFault::Redirect,
            ),
            (
                FaultRule::on(GET).answer(200, None).redirect_to("/"),
                InvalidFault::RedirectStatus,
            ),
            (
                FaultRule::on(GET).malformed(Malformed::FilterIgnored),
                InvalidFault::NoFilter,
            ),
            (
                FaultRule::on(GET).commit(Commit::Never).truncate_bytes(1),
                InvalidFault::NothingToShape,
            ),
            (
                FaultRule::on(GET)
                    .commit(Commit::Never)
                    .visible_after(Duration::from_secs(1)),
                InvalidFault::NothingToShape,
            ),
        ] {
            assert_eq!(faults.add(rule), Err(expected));
        }
    }
}
