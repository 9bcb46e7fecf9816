//! Spoiling the body of an answer.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Malformed;
use crate::answer::{Answer, Filler, JSON};

/// How deep [`Malformed::Deep`] nests. Parsers that recurse give up, or break, far before that.
const DEPTH: usize = 100_000;
/// How much [`Malformed::Huge`] adds. It is made while it is sent, so it costs the sandbox nothing.
const HUGE: u64 = 1024 * 1024 * 1024;

/// Members without which an answer is of no use, the most important first.
const NEEDED: [&str; 5] = [
    "token",
    "id",
    "businessId",
    "institutionLoginId",
    "customers",
];

/// Members that name a record.
const NAMES: [&str; 6] = [
    "token",
    "id",
    "customerId",
    "businessId",
    "institutionLoginId",
    "username",
];

/// Spoils the body of `answer`. An ignored filter changes what is answered, so that has happened before this.
pub(super) fn spoil(answer: &mut Answer, malformed: Malformed) {
    match malformed {
        Malformed::FilterIgnored => return,
        Malformed::WrongRecord => change(answer, rename),
        Malformed::Empty => answer.body = Bytes::new(),
        Malformed::NotJson => {
            answer.body = Bytes::from_static(
                b"<!DOCTYPE html><html><body><h1>We'll be right back</h1></body></html>",
            );
        }
        Malformed::MissingField => change(answer, |value| {
            let needed = NEEDED.iter().find(|name| {
                first_object(value).is_some_and(|members| members.contains_key(**name))
            });
            if let (Some(name), Some(members)) = (needed, first_object_mut(value)) {
                members.remove(*name);
            }
        }),
        Malformed::ExtraFields => change(answer, add_members),
        Malformed::Deep => {
            let (open, rest) = room_for_one_more(answer);
            let deep = format!("{open}{}{}{rest}", "[".repeat(DEPTH), "]".repeat(DEPTH));
            answer.body = Bytes::from(deep);
        }
        Malformed::Huge => {
            let (open, rest) = room_for_one_more(answer);
            answer.body = Bytes::from(format!("{open}\""));
            answer.filler = Some(Filler {
                bytes: HUGE,
                tail: Bytes::from(format!("\"{rest}")),
            });
        }
    }
    if answer.status == StatusCode::NO_CONTENT {
        answer.status = StatusCode::OK;
    }
    answer.content_type = Some(JSON);
}

/// Lets `f` at the body as JSON; a body that is none stays as it is.
fn change(answer: &mut Answer, f: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&answer.body) {
        f(&mut value);
        answer.body = Bytes::from(value.to_string());
    }
}

fn first_object(value: &Value) -> Option<&Map<String, Value>> {
    value
        .as_object()
        .or_else(|| value.as_array()?.first()?.as_object())
}

fn first_object_mut(value: &mut Value) -> Option<&mut Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Array(items) => items.first_mut()?.as_object_mut(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Members of several types, in every object.
fn add_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for member in members.values_mut() {
                add_members(member);
            }
            members.insert("unheardOf".to_owned(), json!({"nested": [1, "two", null]}));
            members.insert("another".to_owned(), json!(3.5));
        }
        Value::Array(items) => items.iter_mut().for_each(add_members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Gives every record in an answer another id, and another username if it has one.
fn rename(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if NAMES.contains(&name.as_str()) {
                    rename_one(member);
                } else {
                    rename(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rename_one(name: &mut Value) {
    if let Some(number) = name.as_i64() {
        *name = json!(number.wrapping_add(1));
    } else if let Value::String(text) = name {
        // A digit for a digit, so that the name keeps its form.
        let last = if text.ends_with('1') { '2' } else { '1' };
        text.pop();
        text.push(last);
    }
}

/// The body taken apart so that one more member or item fits in front of the others, without looking at those.
fn room_for_one_more(answer: &Answer) -> (&'static str, String) {
    let body = std::str::from_utf8(&answer.body).unwrap_or_default().trim();
    let (open, rest) = match body.split_at_checked(1) {
        Some(("[", rest)) => ("[", rest),
        Some(("{", rest)) => ("{\"extra\":", rest),
        Some(_) | None => ("{\"extra\":", "}"),
    };
    let alone = matches!(rest.trim_start(), "}" | "]");
    (open, format!("{}{rest}", if alone { "" } else { "," }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoilt(body: &str, malformed: Malformed) -> Answer {
        let mut answer = Answer::empty(StatusCode::OK);
        answer.body = Bytes::from(body.to_owned());
        spoil(&mut answer, malformed);
        answer
    }

    fn json_of(body: &str, malformed: Malformed) -> Value {
        serde_json::from_slice(&spoilt(body, malformed).body).unwrap()
    }

    #[test]
    fn the_member_that_matters_most_is_missing() {
        let missing = |body| json_of(body, Malformed::MissingField);
        assert_eq!(
            missing(r#"{"id":"7","username":"x"}"#),
            json!({"username": "x"})
        );
        assert_eq!(
            missing(r#"[{"businessId":"7","name":"x"}]"#),
            json!([{"name": "x"}])
        );
        assert_eq!(missing(r#"{"token":"t"}"#), json!({}));
        assert_eq!(
            missing(r#"{"found":0,"customers":[]}"#),
            json!({"found": 0})
        );
    }

    #[test]
    fn every_object_gets_members_that_no_document_has() {
        let body = json_of(r#"{"customers":[{"id":"7"}]}"#, Malformed::ExtraFields);
        assert!(body["unheardOf"].is_object());
        assert!(body["customers"][0]["unheardOf"].is_object());
        assert_eq!(body["customers"][0]["id"], "7");
    }

    #[test]
    fn another_record_has_other_ids_of_the_same_form() {
        let body = json_of(
            r#"{"customers":[{"id":"71","username":"ada","firstName":"A"}],"customerId":9}"#,
            Malformed::WrongRecord,
        );
        let expected = json!({
            "customers": [{"id": "72", "username": "ad1", "firstName": "A"}], "customerId": 10,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn what_is_not_json_or_not_there_is_announced_as_json() {
        for malformed in [Malformed::NotJson, Malformed::Empty] {
            let answer = spoilt("{}", malformed);
            assert_eq!(answer.content_type, Some(JSON));
            assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
        }
    }

    #[test]
    fn deep_and_huge_answers_are_well_formed_around_the_real_one() {
        for (body, end) in [
            (r#"{"id":"7"}"#, r#","id":"7"}"#),
            (r#"[{"id":"7"}]"#, r#",{"id":"7"}]"#),
            ("{}", "}"),
            ("", "}"),
        ] {
            let deep = spoilt(body, Malformed::Deep).body;
            let deep = std::str::from_utf8(&deep).unwrap();
            assert_eq!(deep.matches('[').count(), deep.matches(']').count());
            assert!(deep.matches('[').count() >= DEPTH && deep.ends_with(&format!("]{end}")));
            let huge = spoilt(body, Malformed::Huge);
            let filler = huge.filler.unwrap();
            assert!(huge.body.ends_with(b"\""));
            assert_eq!(
                (filler.bytes, filler.tail),
                (HUGE, format!("\"{end}").into())
            );
        }
    }

    #[test]
    fn an_answer_without_a_body_gets_one() {
        let mut answer = Answer::no_content();
        spoil(&mut answer, Malformed::NotJson);
        assert_eq!(answer.status, StatusCode::OK);
    }
}
