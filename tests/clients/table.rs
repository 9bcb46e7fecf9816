//! Holds `conformance.json` against what there is to call and to refuse: the clients show that every row holds, and this
//! shows that no row is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use openfinance_gateway::reason::Reason;
use openfinance_rpc::METHODS;
use serde_json::{Map, Value};

use super::{BURST, CALLERS};

pub(super) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/conformance.json");
/// What a caller is when a row names none.
const WRITER: &str = "writer";
/// The caller that uses up its rate.
const LIMITED: &str = "limited";

/// What no row can bring about, and why: one call after the other, to a gateway that is whole, by a library that keeps to
/// the protocol.
const OUT_OF_REACH: &[(&str, &str)] = &[
    (
        "INVALID_DEADLINE",
        "libraries write `grpc-timeout` themselves, and well",
    ),
    ("METHOD_UNKNOWN", "stubs have no other methods"),
    (
        "COMPRESSION_UNSUPPORTED",
        "libraries write `grpc-encoding` themselves",
    ),
    ("OVERLOADED", "needs many calls at a time"),
    ("REQUEST_IN_FLIGHT", "needs two replicas at a time"),
    ("ROTATION_IN_PROGRESS", "needs two rotations at a time"),
    ("UPDATE_CONFLICT", "needs two updates at a time"),
    ("DRAINING", "needs a gateway that stops"),
    ("STORE_UNAVAILABLE", "needs a store that fails"),
    ("AUDIT_UNAVAILABLE", "needs a disk that is full"),
    (
        "SECRET_FILE_UNUSABLE",
        "needs a gateway without `partner.secret_file`, and RotatePartnerSecret needs one with it",
    ),
    ("GATEWAY_INTERNAL", "is a defect, of which none is known"),
];

/// What takes the gateway seconds to find out, so that one method shows it for all that refuse with it.
const SHOWN_ONCE: &[&str] = &["OUTCOME_UNKNOWN"];

/// The members of a row, of what it asks of the sandbox and of what it expects; and what each must be.
const ROW: &[(&str, Is)] = &[
    ("name", Is::Text),
    ("sandbox", Is::List),
    ("method", Is::Text),
    ("caller", Is::Text),
    ("metadata", Is::Texts),
    ("timeout_ms", Is::Number),
    ("times", Is::Number),
    ("request", Is::Object),
    ("expect", Is::Object),
    ("save", Is::Texts),
];
const ASKED: &[(&str, Is)] = &[
    ("method", Is::Text),
    ("path", Is::Text),
    ("body", Is::Object),
    ("save", Is::Texts),
];
const SUCCESS: &[(&str, Is)] = &[
    ("code", Is::Text),
    ("message", Is::Object),
    ("messages", Is::Number),
    ("headers", Is::Texts),
];
const REFUSAL: &[(&str, Is)] = &[
    ("code", Is::Text),
    ("reason", Is::Text),
    ("domain", Is::Text),
    ("metadata", Is::Texts),
    ("violations", Is::List),
    ("retry_delay", Is::Bool),
    ("resource", Is::Text),
];

#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    Texts,
    Number,
    Bool,
    List,
    Object,
}

impl Is {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Texts => value
                .as_object()
                .is_some_and(|object| object.values().all(Value::is_string)),
            Self::Number => value.is_u64(),
            Self::Bool => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// A row, as far as it is looked at here.
struct Row {
    name: String,
    /// Such as `CustomerService/GetCustomer`.
    method: String,
    code: String,
    reason: String,
    value: Value,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(PATH).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |value: &Value| Row {
        name: text(&value["name"]),
        method: text(&value["method"]).replacen("openfinance.v1.", "", 1),
        code: text(&value["expect"]["code"]),
        reason: text(&value["expect"]["reason"]),
        value: value.clone(),
    };
    rows.iter().map(row).collect()
}

/// The names of all rows.
#[cfg(feature = "external")]
pub(super) fn names() -> BTreeSet<String> {
    rows().into_iter().map(|row| row.name).collect()
}

/// The methods, as a row names them.
fn methods() -> BTreeSet<&'static str> {
    let paths = METHODS.iter().map(|method| method.path);
    paths
        .map(|path| path.strip_prefix("/openfinance.v1.").unwrap())
        .collect()
}

#[test]
fn every_method_has_a_row_in_which_it_succeeds() {
    let rows = rows();
    for method in methods() {
        assert!(
            rows.iter()
                .any(|row| row.method == method && row.code == "OK"),
            "tests/clients/conformance.json: add a row in which {method} succeeds; all languages then run it"
        );
    }
}

#[test]
fn every_reason_has_a_row_or_stands_on_the_list_of_those_out_of_reach() {
    let shown: BTreeSet<_> = rows().into_iter().map(|row| row.reason).collect();
    let listed: BTreeMap<_, _> = OUT_OF_REACH.iter().copied().collect();
    for reason in Reason::ALL.iter().map(|reason| reason.as_str()) {
        let (shown, why) = (shown.contains(reason), listed.get(reason));
        assert!(
            shown || why.is_some(),
            "add a row to tests/clients/conformance.json that is refused with {reason}, or say in OUT_OF_REACH why \
             none can be"
        );
        assert!(
            !(shown && why.is_some()),
            "{reason} has a row: take it out of OUT_OF_REACH"
        );
    }
    for (reason, why) in OUT_OF_REACH {
        assert!(
            Reason::ALL.iter().any(|known| known.as_str() == *reason) && !why.is_empty(),
            "take {reason} out of OUT_OF_REACH: there is no such reason"
        );
    }
}

#[test]
fn every_refusal_of_a_methods_own_has_a_row() {
    let rows = rows();
    let left_out: Vec<&str> = OUT_OF_REACH.iter().map(|(reason, _)| *reason).collect();
    for (method, code, reason) in crate::refusals::documented().into_keys() {
        let common = method == "*";
        let shown = rows.iter().any(|row| {
            (common || SHOWN_ONCE.contains(&&*reason) || row.method == method)
                && row.code == code
                && row.reason == reason
        });
        assert!(
            shown || left_out.contains(&&*reason),
            "add a row to tests/clients/conformance.json in which {method} answers {code} {reason}"
        );
    }
}

#[test]
fn the_table_has_the_shape_that_its_readme_says() {
    let (methods, mut names, mut known) = (methods(), BTreeSet::new(), BTreeSet::new());
    known.insert("large".to_owned());
    for row in rows() {
        let name = &row.name;
        let object = shaped(name, &row.value, ROW);
        assert!(
            !name.is_empty() && names.insert(name.clone()),
            "{name}: name it once"
        );
        assert!(
            methods.contains(&*row.method)
                && row.value["method"] == format!("openfinance.v1.{}", row.method),
            "{name}: there is no method {}",
            row.value["method"]
        );
        let caller = object
            .get("caller")
            .map_or(WRITER, |caller| caller.as_str().unwrap());
        assert!(
            CALLERS.contains(&caller),
            "{name}: there is no caller {caller}"
        );
        for asked in object
            .get("sandbox")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            shaped(name, asked, ASKED);
            used(name, &asked["path"], &known);
            used(name, &asked["body"], &known);
            saves(asked, &mut known);
        }
        for member in ["metadata", "request", "expect"] {
            used(name, &row.value[member], &known);
        }
        if row.code == "OK" {
            let expected = shaped(name, &row.value["expect"], SUCCESS);
            assert!(
                expected.contains_key("message"),
                "{name}: say what the answer holds, `{{}}` if it is empty"
            );
        } else {
            shaped(name, &row.value["expect"], REFUSAL);
            let reason = Reason::ALL
                .iter()
                .find(|reason| reason.as_str() == row.reason);
            let reason =
                reason.unwrap_or_else(|| panic!("{name}: the catalogue has no such reason"));
            // The outcome that nobody knows has a code of its own where a request id makes the call safe to repeat.
            let code = crate::refusals::code_name(reason.code());
            assert!(
                row.code == code || (row.reason == "OUTCOME_UNKNOWN" && row.code == "UNAVAILABLE"),
                "{name}: {} comes with {code}",
                row.reason
            );
            let violations = row.value["expect"]["violations"].as_array();
            assert!(
                row.reason != "INVALID_FIELD" || violations.is_some_and(|list| !list.is_empty()),
                "{name}: name the fields that are violated"
            );
        }
        saves(&row.value, &mut known);
    }
}

#[test]
fn only_the_caller_that_is_to_be_limited_uses_up_its_rate() {
    let mut calls = BTreeMap::<String, u64>::new();
    for row in rows() {
        let caller = row.value["caller"].as_str().unwrap_or(WRITER).to_owned();
        *calls.entry(caller).or_default() += row.value["times"].as_u64().unwrap_or(1);
    }
    for (caller, calls) in calls {
        let is_limited = calls > u64::from(BURST);
        assert_eq!(
            caller == LIMITED,
            is_limited,
            "{caller} makes {calls} calls, and {BURST} are its rate: give rows to another caller"
        );
    }
}

/// The members of an object, each of which must be known and be what it should be.
fn shaped<'a>(name: &str, value: &'a Value, shape: &[(&str, Is)]) -> &'a Map<String, Value> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{name}: not an object: {value}"));
    for (member, value) in object {
        let known = shape.iter().find(|(known, _)| known == member);
        let (_, is) = known.unwrap_or_else(|| panic!("{name}: there is no member {member}"));
        assert!(is.holds(value), "{name}: {member} must be {is:?}");
    }
    object
}

/// Every `${variable}` in a value must have been saved before.
fn used(name: &str, value: &Value, known: &BTreeSet<String>) {
    for part in value.to_string().split("${").skip(1) {
        let (variable, _) = part.split_once('}').unwrap();
        assert!(
            known.contains(variable),
            "{name}: nothing has saved {variable} before"
        );
    }
}

fn saves(value: &Value, known: &mut BTreeSet<String>) {
    let saved = value["save"].as_object();
    known.extend(saved.into_iter().flat_map(Map::keys).cloned());
}
