//! Answers that leave a shape, and those that do not.

use bytes::Bytes;
use reqwest::{StatusCode, header::HeaderMap};

use super::{DriftKind::*, Kind::*, *};

static SMALL: Shape = object(
    "",
    &[Object],
    "/_other",
    &[
        ("any", false, leaf("/any", &[])),
        ("count", false, leaf("/count", &[Digits, Number])),
        ("id", true, leaf("/id", &[Text, Number])),
        (
            "list",
            false,
            list(
                "/list",
                &[List],
                &object(
                    "/list/*",
                    &[Object],
                    "/list/*/_other",
                    &[
                        ("name", true, leaf("/list/*/name", &[Text])),
                        ("note", true, leaf("/list/*/note", &[Text, Null])),
                    ],
                ),
            ),
        ),
        ("yes", false, leaf("/yes", &[Flag])),
    ],
);

fn found(body: &str) -> Vec<(DriftKind, &'static str)> {
    let found = drift(&SMALL, body.as_bytes());
    found
        .iter()
        .map(|drift| (drift.kind, drift.pointer))
        .collect()
}

#[test]
fn what_the_document_says_is_no_drift() {
    for body in [
        r#"{"id":"7"}"#,
        r#"{"id":7,"count":"007","any":{"x":[1]},"yes":true,"list":[]}"#,
        r#"{"id":7.5,"count":-1,"any":null,"yes":null,"list":null}"#,
        r#" {"id":"","list":[{"name":"n","note":null},{"note":"x","name":"\u0041"}]} "#,
    ] {
        assert_eq!(found(body), [], "{body}");
    }
}

#[test]
fn members_that_nobody_knows_are_told_at_their_parent_whatever_is_in_them() {
    for body in [
        r#"{"id":1,"canary":"canary"}"#,
        r#"{"canary":{"id":1,"a":[[{}]]},"id":1,"second":2}"#,
        r#"{"id":1,"":[],"_other":0,"*":1}"#,
    ] {
        assert_eq!(found(body), [(UnknownMember, "/_other")], "{body}");
    }
    let deep = format!(
        r#"{{"id":1,"list":[{{"name":"","note":"","x":{}1{}}}]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(found(&deep), [(UnknownMember, "/list/*/_other")]);
}

#[test]
fn another_type_is_told_at_its_place() {
    for (body, place) in [
        (r#"{"id":true}"#, "/id"),
        (r#"{"id":{"canary":1}}"#, "/id"),
        (r#"{"id":["canary"]}"#, "/id"),
        (r#"{"id":1,"count":"2026-01-01"}"#, "/count"),
        (r#"{"id":1,"count":"99999999999999999999"}"#, "/count"),
        (r#"{"id":1,"yes":"true"}"#, "/yes"),
        (r#"{"id":1,"list":{"name":1}}"#, "/list"),
        (r#"{"id":1,"list":[null]}"#, "/list/*"),
        (r#"{"id":1,"list":["canary",7]}"#, "/list/*"),
        (r#"{"id":1,"list":[{"name":1,"note":""}]}"#, "/list/*/name"),
        ("[]", ""),
        ("null", ""),
        ("\"canary\"", ""),
        ("1", ""),
    ] {
        assert_eq!(found(body), [(OtherType, place)], "{body}");
    }
}

#[test]
fn a_required_member_that_is_absent_or_null_is_missing_and_told_once() {
    for body in ["{}", r#"{"id":null}"#, r#"{"count":1}"#] {
        assert_eq!(found(body), [(MissingMember, "/id")], "{body}");
    }
    let many = format!(r#"{{"id":1,"list":[{}{{}}]}}"#, "{},".repeat(1_000));
    assert_eq!(
        found(&many),
        [
            (MissingMember, "/list/*/name"),
            (MissingMember, "/list/*/note")
        ]
    );
}

#[test]
fn what_is_no_json_is_no_drift() {
    for body in ["", "  ", "<html>", r#"{"id":true"#, r#"{"x":1} {"y":2}"#] {
        assert_eq!(found(body), [], "{body}");
    }
    // Too deep for any reader.
    assert_eq!(found(&"[".repeat(100_000)), []);
}

#[test]
fn bytes_that_are_no_text_matter_only_where_a_string_is_read() {
    let told = |body: &[u8]| drift(&SMALL, body).len();
    for unread in [
        &b"{\"x\":\"\xff\"}"[..],
        b"{\"x\":{\"\xc3\":[\"\xe2\x82\"]}}",
    ] {
        // The unknown member and the missing one.
        assert_eq!(told(unread), 2, "{unread:?}");
    }
    for read in [
        &b"{\"x\":1,\"id\":\"\xff\"}"[..],
        b"{\"x\":1,\"\xff\":1}",
        b"{\"x\":1,\"id\":\"\\ud800\"}",
        b"{\"x\":1,\"any\":[\"\xff\"]}",
        b"{\"x\":1}\xff",
    ] {
        assert_eq!(told(read), 0, "{read:?}");
    }
}

#[test]
fn members_are_found_in_any_order_and_by_any_spelling() {
    let [one, two, three] = [r#""count":1"#, r#""\u0069d":2"#, r#""yes":false"#];
    for [first, second, third] in [
        [one, two, three],
        [one, three, two],
        [two, one, three],
        [two, three, one],
        [three, one, two],
        [three, two, one],
    ] {
        assert_eq!(found(&format!("{{{first},{second},{third}}}")), []);
        let twice = format!("{{{first},{first},\"Id\":1,{second},{third},{first}}}");
        assert_eq!(found(&twice), [(UnknownMember, "/_other")], "{twice}");
    }
}

/// More members than there are bits for, of which the first and the last that may be are required.
static WIDE: Shape = {
    const MEMBER: (&str, bool, Shape) = ("", false, leaf("/", &[]));
    static MEMBERS: [(&str, bool, Shape); 200] = {
        let mut members = [const { MEMBER }; 200];
        members[0] = ("first", true, leaf("/first", &[Flag]));
        members[127] = ("bit", true, leaf("/bit", &[Flag]));
        members[199] = ("last", true, leaf("/last", &[Flag]));
        members
    };
    object("", &[Object], "/_other", &MEMBERS)
};

#[test]
fn of_more_members_than_there_are_bits_for_the_later_ones_are_not_required() {
    let told = |body: &str| -> Vec<&str> {
        let found = drift(&WIDE, body.as_bytes());
        found.iter().map(|drift| drift.pointer).collect()
    };
    assert_eq!(told("{}"), ["/first", "/bit"]);
    assert_eq!(told(r#"{"last":true,"bit":true}"#), ["/first"]);
    assert_eq!(told(r#"{"last":1,"bit":true,"first":true}"#), ["/last"]);
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[test]
fn an_answer_is_held_against_what_its_status_promises() {
    let told = |status, body| answer(status, body).drift("DeleteCustomer");
    assert_eq!(told(204, ""), []);
    let unpromised = told(200, r#"{"id":"7"}"#);
    assert_eq!(
        unpromised,
        [Drift {
            kind: OtherType,
            pointer: ""
        }]
    );
    assert_eq!(told(302, "{}"), []);
    for body in [
        r#"{"code":14001,"message":"x"}"#,
        r#"{"code":"14001","level":null}"#,
        r#"{"Errors":{"Error":[{"ReasonCode":"UNAUTHORIZED"}]}}"#,
        "{}",
        "Invalid (Finicity-App-Key)",
    ] {
        assert_eq!(told(404, body), [], "{body}");
    }
    let renamed = told(400, r#"{"errorCode":14001}"#);
    assert_eq!(
        renamed,
        [Drift {
            kind: UnknownMember,
            pointer: "/_other"
        }]
    );
    assert_eq!(answer(200, "{}").drift("NoOperation"), []);
}

/// The places below a shape at which something can be told, and whether its members are sorted.
fn places(shape: &Shape, sorted: &mut bool) -> usize {
    // Another type, here; a place in a list or an object has what is in it.
    let own = usize::from(!shape.kinds.is_empty());
    own + match shape.inside {
        Inside::Unsaid => 0,
        Inside::Items(items) => places(items, sorted),
        Inside::Members { known, .. } => {
            *sorted &= known.is_sorted_by_key(|(name, ..)| *name);
            let members = known.iter().map(|(_, required, shape)| {
                assert!(!shape.pointer.is_empty());
                usize::from(*required) + places(shape, sorted)
            });
            1 + members.sum::<usize>()
        }
    }
}

#[test]
fn the_generated_table_has_every_operation_and_few_places() {
    let mut sorted = true;
    let refusals = places(&REFUSAL, &mut sorted);
    let mut all = 0;
    for operation in crate::OPERATIONS {
        let found = SUCCESSES.iter().find(|(id, _)| *id == operation.id);
        let (_, shape) = found.unwrap_or_else(|| panic!("no shape for {}", operation.id));
        all += places(shape, &mut sorted) + refusals;
    }
    assert!(sorted, "the table is in order");
    assert_eq!(SUCCESSES.len(), crate::OPERATIONS.len());
    // So many series at most, if the vendor changed everything at once.
    assert!((100..=704).contains(&all), "{all}");
}
