//! The answers that the vendor is known to send, or might: `tests/wire-corpus/`, whose README tells the format.

use std::{collections::BTreeMap, fs, path::Path};

use openfinance_rest::{
    Answer,
    DriftKind::{self, MissingMember, OtherType, UnknownMember},
    Failure,
};
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    operations::{call, perform},
    server::Server,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    operation: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Body,
    body_limit: Option<usize>,
    expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Body {
    #[default]
    None,
    Text(String),
    Repeated {
        prefix: String,
        repeat: String,
        times: usize,
        suffix: String,
    },
    Json(Value),
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expect {
    Value {
        value: Value,
    },
    Failure {
        failure: String,
        code: Option<i64>,
        kind: Option<String>,
        path: Option<String>,
    },
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Repeated {
                prefix,
                repeat,
                times,
                suffix,
            } => format!("{prefix}{}{suffix}", repeat.repeat(*times)).into_bytes(),
            Self::Json(json) => serde_json::to_vec(json).unwrap(),
        }
    }
}

/// Every file of the corpus, by its name.
fn cases() -> BTreeMap<String, Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire-corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
    });
    assert!(files.len() >= 30, "the corpus has shrunk");
    let case = |file: &std::path::PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let case = serde_json::from_slice(&fs::read(file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, case)
    };
    files.iter().map(case).collect()
}

/// What of the corpus leaves the document. All else is as it says, with what the overlay corrects and readers tolerate:
/// numbers as text, and the other way round where the overlay says so, and nulls for what is not required.
const DRIFT: &[(&str, DriftKind, &[&str])] = &[
    ("array-for-an-object", OtherType, &[""]),
    (
        "at-the-limit",
        MissingMember,
        &["/createdDate", "/type", "/username"],
    ),
    (
        "business-beyond-every-limit",
        MissingMember,
        &["/*/personallyLiable"],
    ),
    (
        "business-nulls",
        MissingMember,
        &["/address", "/name", "/personallyLiable", "/phoneNumber"],
    ),
    (
        "consumer-birthday-partly-null",
        MissingMember,
        &["/firstName", "/lastName", "/state"],
    ),
    (
        "consumer-birthday-strings",
        MissingMember,
        &["/firstName", "/lastName", "/state"],
    ),
    (
        "consumer-end-user-partly",
        MissingMember,
        &[
            "/endUser/address",
            "/endUser/city",
            "/endUser/phone",
            "/endUser/state",
            "/endUser/zip",
            "/firstName",
            "/lastName",
            "/state",
        ],
    ),
    (
        "consumer-strings-and-a-middle-name",
        UnknownMember,
        &["/_other"],
    ),
    (
        "consumer-strings-and-a-middle-name",
        MissingMember,
        &["/firstName", "/lastName", "/state"],
    ),
    (
        "customer-nothing-but-braces",
        MissingMember,
        &["/createdDate", "/id", "/type", "/username"],
    ),
    ("customer-unknown-fields", UnknownMember, &["/_other"]),
    (
        "customer-with-application-but-no-names",
        MissingMember,
        &["/applicationName"],
    ),
    ("customers-list-null", MissingMember, &["/customers"]),
    ("null", OtherType, &[""]),
    ("object-for-an-array", OtherType, &[""]),
    (
        "too-large",
        MissingMember,
        &["/createdDate", "/type", "/username"],
    ),
    ("wrong-type-deep", OtherType, &["/customers/*/phone"]),
    (
        "wrong-type-deep",
        MissingMember,
        &["/displaying", "/moreAvailable"],
    ),
];

#[test]
fn only_answers_that_leave_the_document_are_told_as_drift() {
    let mut told = BTreeMap::new();
    for (name, case) in cases() {
        let answer = Answer {
            status: StatusCode::from_u16(case.status).unwrap(),
            headers: HeaderMap::new(),
            body: case.body.bytes().into(),
        };
        let drift = answer.drift(&case.operation);
        let drift: Vec<_> = drift.iter().map(|one| (one.kind, one.pointer)).collect();
        if !drift.is_empty() {
            told.insert(name, drift);
        }
    }
    let mut expected = BTreeMap::new();
    for (name, kind, pointers) in DRIFT {
        let of_file: &mut Vec<_> = expected.entry(format!("{name}.json")).or_default();
        of_file.extend(pointers.iter().map(|pointer| (*kind, *pointer)));
    }
    assert_eq!(told, expected);
}

#[tokio::test]
async fn every_answer_comes_to_what_its_file_says() {
    for (name, case) in cases() {
        let headers: Vec<(&str, &str)> = case
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let body = case.body.bytes();
        let server = Server::answering(case.status, &headers, &body);
        let call = case
            .body_limit
            .into_iter()
            .fold(call(&case.operation), |call, limit| call.body_limit(limit));
        let about = format!("{name}: {}", case.about);

        match (
            perform(&case.operation, &call, &server.base_url).await,
            case.expect,
        ) {
            (Ok(actual), Expect::Value { value }) => assert_eq!(actual, value, "{about}"),
            (
                Err(actual),
                Expect::Failure {
                    failure,
                    code,
                    kind,
                    path,
                },
            ) => {
                assert_eq!(variant(&actual), failure, "{about}: {actual}");
                match actual {
                    Failure::Refused(answer) => {
                        let error = answer.error();
                        assert_eq!(
                            (error.code, Some(format!("{:?}", error.kind))),
                            (code, kind),
                            "{about}"
                        );
                        assert_eq!(
                            (answer.status.as_u16(), &*answer.body),
                            (case.status, &*body),
                            "{about}"
                        );
                        for (name, value) in headers {
                            assert_eq!(answer.headers[name], value, "{about}");
                        }
                    }
                    Failure::Undecodable { answer, at } => {
                        assert_eq!(path.as_deref(), Some(&*at.path), "{about}");
                        assert_eq!(
                            (answer.status.as_u16(), &*answer.body),
                            (case.status, &*body),
                            "{about}"
                        );
                    }
                    Failure::TooLarge { .. } => {}
                    other => panic!("{about}: {other}"),
                }
            }
            (outcome, _) => panic!("{about}: came to {outcome:?}"),
        }
    }
}

fn variant(failure: &Failure) -> &'static str {
    match failure {
        Failure::Unsendable(_) => "Unsendable",
        Failure::NotSent { .. } => "NotSent",
        Failure::Interrupted { .. } => "Interrupted",
        Failure::Refused(_) => "Refused",
        Failure::Undecodable { .. } => "Undecodable",
        Failure::TooLarge { .. } => "TooLarge",
    }
}
