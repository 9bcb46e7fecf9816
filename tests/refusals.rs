//! Holds the tables of refusals in the proto comments and the tests together: each documented refusal has a test of its
//! own, and each tested one is documented.

use std::collections::{BTreeMap, BTreeSet};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A refusal that the vendor has a word for.
pub(crate) const VENDOR: &str = "api.finicity.com";
/// A refusal of our own.
pub(crate) const OURS: &str = "openfinance";

/// Method, code and reason, as the tables have them. The method `*` stands for all.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// Defines one test for each refusal, and `CASES`, the list of them. The block gets a fresh world and ends with the
/// status that was answered.
macro_rules! refusals {
    ($($name:ident: $rpc:literal => $code:ident $reason:literal from $domain:ident at [$($field:literal),*], |$world:ident| $body:block)*) => {
        pub(crate) const CASES: &[crate::refusals::Row] = &[$(($rpc, stringify!($code), $reason)),*];
        $(
            #[tokio::test]
            async fn $name() {
                let $world = crate::world::World::start().await;
                let status: tonic::Status = async { $body }.await;
                crate::refusals::check(&status, stringify!($code), $reason, crate::refusals::$domain, &[$($field),*]);
                $world.stop().await;
            }
        )*
    };
}
pub(crate) use refusals;

/// Holds a refusal against what a test expects of it, and against what every refusal must have.
pub(crate) fn check(status: &Status, code: &str, reason: &str, domain: &str, fields: &[&str]) {
    crate::canary::scan(&format!("{status:?} {status}"));
    assert_eq!(code_name(status.code()), code, "{status:?}");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        (reason, domain)
    );
    let violations = details
        .bad_request()
        .map(|request| request.field_violations.as_slice())
        .unwrap_or_default();
    let found: BTreeSet<&str> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        found,
        fields.iter().copied().collect(),
        "violations: {violations:?}"
    );
    if domain == VENDOR {
        for key in ["operation", "http_status"] {
            assert!(
                info.metadata.contains_key(key),
                "no {key} in {:?}",
                info.metadata
            );
        }
    }
    waits_alike(status);
}

/// Holds that UNAVAILABLE and waiting belong together, whatever the reason, and that what the details then say of a wait is
/// what clients that repeat by themselves are told. With any other code they are told of no wait.
pub(crate) fn waits_alike(status: &Status) {
    let details = status.get_error_details();
    let told = details.retry_info().and_then(|info| info.retry_delay);
    if status.code() == Code::Unavailable {
        assert!(told.is_some(), "no RetryInfo: {status:?}");
    }
    let pushback = status.metadata().get("grpc-retry-pushback-ms");
    let pushback: Option<i128> = pushback.map(|ms| ms.to_str().unwrap().parse().unwrap());
    match told {
        Some(wait) if status.code() == Code::Unavailable => assert_eq!(
            pushback,
            i128::try_from(wait.as_millis()).ok(),
            "{status:?}"
        ),
        Some(_) => assert_eq!(pushback, None, "{status:?}"),
        None => assert!(matches!(pushback, None | Some(-1)), "{status:?}"),
    }
}

/// The name of a code as the protocol spells it.
pub(crate) fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The rows of the tables in the comments of `proto/`; those of `common.proto` belong to the method `*`.
pub(crate) fn documented() -> BTreeMap<(String, String, String), usize> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/openfinance/v1");
    let mut rows = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut service = "";
        let mut table = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("service ") {
                service = name.split_whitespace().next().unwrap();
            }
            if let Some(comment) = line.strip_prefix("// |") {
                let cells: Vec<_> = comment.split('|').map(str::trim).collect();
                if cells.len() == 5
                    && cells[1]
                        .chars()
                        .all(|letter| letter.is_ascii_uppercase() || letter == '_')
                {
                    table.push((cells[1].to_owned(), cells[2].to_owned()));
                }
                continue;
            }
            let method = line
                .strip_prefix("rpc ")
                .and_then(|rest| rest.split('(').next());
            let owner = match method {
                Some(method) => format!("{service}/{method}"),
                None if line.starts_with("syntax") => "*".to_owned(),
                None => continue,
            };
            for (code, reason) in table.drain(..) {
                *rows.entry((owner.clone(), code, reason)).or_default() += 1;
            }
        }
        assert!(table.is_empty(), "a table that belongs to no method");
    }
    rows
}

#[test]
fn every_documented_refusal_has_a_test_and_every_tested_one_is_documented() {
    let mut tested = BTreeMap::<_, usize>::new();
    for (rpc, code, reason) in [
        crate::authorization::CASES,
        crate::business::CASES,
        crate::callers::CASES,
        crate::common::CASES,
        crate::consumer::CASES,
        crate::customer::CASES,
        crate::onboarding::CASES,
        crate::partner::CASES,
    ]
    .concat()
    {
        *tested
            .entry((rpc.to_owned(), code.to_owned(), reason.to_owned()))
            .or_default() += 1;
    }
    let documented = documented();
    assert!(documented.len() > 50, "the tables were not found");
    for (row, cases) in &tested {
        let rows = documented.get(row).copied().unwrap_or_default();
        assert!(
            rows >= *cases,
            "add a row to the table in the method's proto comment for: {row:?}"
        );
    }
    for (row, rows) in &documented {
        let cases = tested.get(row).copied().unwrap_or_default();
        assert!(
            cases >= *rows,
            "add a case to the refusals! of the noun's file in tests/ for: {row:?}"
        );
    }
}

/// Methods that refuse nothing but what all methods do.
const REFUSES_NOTHING: &[&str] = &[
    "PartnerService/GetPartnerAuthentication",
    "GatewayService/GetCallerIdentity",
    "GatewayService/GetGatewayInfo",
    "GatewayService/ListErrorReasons",
];

#[test]
fn every_method_has_a_table() {
    let documented = documented();
    for method in openfinance_rpc::METHODS {
        let name = method.path.trim_start_matches("/openfinance.v1.");
        assert!(
            documented.keys().any(|(rpc, _, _)| rpc == name) != REFUSES_NOTHING.contains(&name),
            "the proto comment of {name} has no table of refusals, or one that it should not have"
        );
    }
}
