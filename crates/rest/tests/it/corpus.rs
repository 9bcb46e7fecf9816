//! The answers that the vendor is known to send, or might: `tests/wire-corpus/`, whose README tells the format.

use std::{collections::BTreeMap, fs, path::Path};

use openfinance_rest::Failure;
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

#[tokio::test]
async fn every_answer_comes_to_what_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire-corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    assert!(files.len() >= 30, "the corpus has shrunk");
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let case: Case = serde_json::from_slice(&fs::read(&file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
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
