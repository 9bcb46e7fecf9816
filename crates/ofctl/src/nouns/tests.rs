//! The tables of commands hold what the protos say.

use prost_reflect::MessageDescriptor;

use super::*;
use crate::schema::{self, Class};

/// Fields of requests that have no flag, and why.
const WITHOUT_FLAG: &[(&str, &str)] = &[
    (
        "consumer.end_user",
        "in the file of --from, for resellers only",
    ),
    ("update_mask", "made of what is set, and of --clear"),
];

fn all() -> impl Iterator<Item = &'static Verb> {
    NOUNS.iter().flat_map(|noun| noun.verbs)
}

/// The paths of what a caller may set in a request: no ids or times of a record, which the vendor gives.
fn settable(message: &MessageDescriptor, prefix: &str, paths: &mut Vec<String>) {
    for field in message.fields() {
        let path = format!("{prefix}{}", field.name());
        let given = prefix.is_empty() || path.ends_with("application_id");
        let kind = field.kind();
        let inner = kind.as_message().filter(|inner| {
            let whole = schema::is_date(inner) || inner.full_name().starts_with("google.");
            !whole && WITHOUT_FLAG.iter().all(|(without, _)| *without != path)
        });
        if let Some(inner) = inner {
            settable(inner, &format!("{path}."), paths);
        } else if path.ends_with("ssn_last_four") {
            // The vendor makes it of the number.
        } else if given || kind.as_enum().is_some() || schema::class(&field) != Class::Internal {
            paths.push(path);
        }
    }
}

#[test]
fn every_flag_is_a_field_of_a_method_that_there_is() {
    for verb in all().chain([&ONBOARD]) {
        let input = verb.descriptor().unwrap().input();
        for field in verb.fields() {
            assert!(
                schema::field(&input, field.path).is_some(),
                "{} {}",
                verb.name,
                field.path
            );
        }
    }
}

#[test]
fn every_method_but_those_of_other_commands_has_a_command() {
    let mut missing: Vec<&str> = openfinance_rpc::METHODS
        .iter()
        .map(|method| method.path.trim_start_matches("/openfinance.v1."))
        .filter(|method| all().chain([&ONBOARD]).all(|verb| verb.method != *method))
        .collect();
    missing.sort_unstable();
    // `customers list --all` calls it.
    assert_eq!(missing, ["CustomerService/StreamCustomers"]);
}

#[test]
fn every_field_of_a_create_has_a_flag_or_a_reason() {
    for verb in all().filter(|verb| verb.name.starts_with("create")) {
        let mut paths = Vec::new();
        settable(&verb.descriptor().unwrap().input(), "", &mut paths);
        for path in paths {
            let flag = verb.fields().any(|field| field.path == path);
            let reason = WITHOUT_FLAG.iter().any(|(without, _)| *without == path);
            assert!(flag || reason, "{} has no flag for {path}", verb.name);
        }
    }
}

#[test]
fn no_restricted_value_is_a_flag() {
    let mut checked = 0;
    for verb in all() {
        let input = verb.descriptor().unwrap().input();
        for field in verb.fields() {
            let descriptor = schema::field(&input, field.path).unwrap();
            if schema::class(&descriptor) == Class::Restricted {
                let shown = field.shown(&descriptor);
                assert!(
                    shown.starts_with("--") && shown.ends_with("-file"),
                    "{shown}"
                );
                checked += 1;
            }
        }
    }
    assert_eq!(
        checked, 6,
        "two social security numbers, an EIN, two tax ids, a secret"
    );
}

#[test]
fn violations_are_told_by_the_flags_of_their_fields() {
    let create = CONSUMERS.iter().find(|verb| verb.name == "create").unwrap();
    for (path, shown) in [
        ("customer_id", "CUSTOMER_ID"),
        ("consumer.first_name", "--first-name"),
        ("consumer.ssn", "--ssn-file"),
        ("consumer.birthday.month", "--birthday"),
        ("consumer.end_user.name", "consumer.end_user.name"),
        ("consumer", "consumer"),
    ] {
        assert_eq!(create.shown(path), shown);
    }
}
