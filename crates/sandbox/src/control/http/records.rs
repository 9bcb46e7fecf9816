//! Records over HTTP, for the page that people look at. Personal values are masked unless the query says otherwise.

use http::StatusCode;

use super::keys::{Problem, bad};
use crate::{
    answer::Answer,
    control::records::{Personal, RecordKind, RecordQuery},
    operation::percent_decode,
    shared::Shared,
    store::Durable,
};

/// More records than this in one answer are refused.
const LARGEST_LIMIT: usize = 1000;

/// Answers `{"found":N,"records":[...]}`: written out after the lock, because a thousand records take their time.
pub(super) fn records(shared: &Shared, query: &str) -> Result<(Answer, Durable), Problem> {
    let query = read(query)?;
    let (records, durable) = shared.with(|state| state.records(&query));
    Ok((Answer::json(StatusCode::OK, &records?), durable))
}

/// Reads a query: `kind` is required; `partner`, `start` (from 1), `limit` (1 to 1000) and `personal` are not. A key
/// without a value is as good as absent.
fn read(query: &str) -> Result<RecordQuery, Problem> {
    let mut kind = None;
    let mut read = RecordQuery::of(RecordKind::Customer);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode(&value).ok_or_else(|| bad("the query is not well encoded"))?;
        match (key, &*value) {
            ("kind" | "partner" | "start" | "limit" | "personal", "") => {}
            ("kind", word) => kind = Some(self::kind(word)?),
            ("partner", id) => read.partner = Some(id.to_owned()),
            ("start", number) => {
                let start = positive(number).ok_or_else(|| bad("start must be 1 or more"))?;
                read.skip = start - 1;
            }
            ("limit", number) => {
                read.limit = positive(number)
                    .filter(|limit| *limit <= LARGEST_LIMIT)
                    .ok_or_else(|| bad(format!("limit must be 1 to {LARGEST_LIMIT}")))?;
            }
            ("personal", "masked") => read.personal = Personal::Masked,
            ("personal", "shown") => read.personal = Personal::Shown,
            ("personal", _) => return Err(bad("personal must be masked or shown")),
            _ => {
                return Err(bad(
                    "the only query keys are kind, partner, start, limit and personal",
                ));
            }
        }
    }
    read.kind = kind.ok_or_else(|| bad("kind is required"))?;
    Ok(read)
}

fn kind(word: &str) -> Result<RecordKind, Problem> {
    match word {
        "customers" => Ok(RecordKind::Customer),
        "consumers" => Ok(RecordKind::Consumer),
        "businesses" => Ok(RecordKind::Business),
        "institutionLogins" => Ok(RecordKind::InstitutionLogin),
        _ => Err(bad(
            "kind must be customers, consumers, businesses or institutionLogins",
        )),
    }
}

fn positive(number: &str) -> Option<usize> {
    number.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::Plane, *};
    use crate::{consumer::tests::consumer, customer::tests::customer};

    #[test]
    fn records_are_masked_unless_asked_for() {
        let plane = Plane::new();
        let (id, _) = plane.0.with(|state| {
            let owner = customer(state, "customer1");
            consumer(state, &owner);
            owner
        });
        let (status, body) = plane.get("records?kind=customers&partner=&start=&personal=");
        let expected = json!({"found": 1, "records": [{
            "id": id, "partnerId": "2445580000001", "type": "testing", "createdDate": "1767225600",
            "username": "***", "consumerId": body["records"][0]["consumerId"], "institutionLoginIds": [],
        }]});
        assert_eq!((status, &body), (200, &expected));
        let masked = plane.get("records?kind=consumers&personal=masked").1;
        assert_eq!(masked["records"][0]["lastName"], "***");
        let shown = plane.get("records?kind=consumers&personal=shown").1;
        assert_eq!(shown["records"][0]["lastName"], "Doe");
    }

    #[test]
    fn every_part_of_a_query_is_heard() {
        let query = "limit=1000&start=3&personal=shown&partner=a%2Fb+c&kind=institutionLogins&";
        let expected = RecordQuery {
            kind: RecordKind::InstitutionLogin,
            partner: Some("a/b c".to_owned()),
            skip: 2,
            limit: 1000,
            personal: Personal::Shown,
        };
        assert_eq!(read(query).ok(), Some(expected));
        let plane = Plane::new();
        for kind in ["customers", "consumers", "businesses", "institutionLogins"] {
            let answer = plane.get(&format!("records?kind={kind}&start=7&limit=1"));
            assert_eq!(answer, (200, json!({"found": 0, "records": []})));
        }
    }

    #[test]
    fn queries_that_are_not_understood_are_refused_by_key() {
        let plane = Plane::new();
        for (query, key) in [
            ("", "kind"),
            ("kind=", "kind"),
            ("kind=customer", "kind"),
            ("kind=customers&surprise=1", "keys"),
            ("kind=customers&personal=yes", "personal"),
            ("kind=customers&start=0", "start"),
            ("kind=customers&start=-1", "start"),
            ("kind=customers&limit=0", "limit"),
            ("kind=customers&limit=1001", "limit"),
            ("kind=customers&limit=x", "limit"),
            ("kind=customers&partner=%zz", "encoded"),
        ] {
            let (status, body) = plane.get(&format!("records?{query}"));
            let error = body["error"].as_str().unwrap();
            assert_eq!(status, 400, "{query}");
            assert!(error.contains(key), "{error} does not name {key}");
        }
        let unknown = plane.get("records?kind=customers&partner=nobody");
        assert_eq!(unknown, (404, json!({"error": "no such partner"})));
    }
}
