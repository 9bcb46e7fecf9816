//! The service config that callers give their channels: `grpc.service_config` as JSON, made of `idempotency_level`.
//!
//! A client repeats by itself only what may be repeated, and only where nothing was done or a repeat is safe, which is
//! what UNAVAILABLE means here. A create is repeated by its caller, with the same `request_id`.

use std::collections::BTreeMap;

use anyhow::Result;
use prost_reflect::{
    DescriptorPool, MethodDescriptor, prost_types::method_options::IdempotencyLevel,
};
use serde::Serialize;

/// Where it lies for callers, and where the crate of the bindings has it from, which is built without `proto/`.
pub(crate) const PLACE: &str = "proto/service_config.json";
pub(super) const NAME: &str = "service_config.json";

/// What the gateway allows a call that names no deadline. A test of the gateway holds it against its settings.
const READ: &str = "20s";
/// The longest that it allows any call: a create whose answer was lost takes longer than a read to be settled.
const WRITE: &str = "60s";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceConfig {
    method_config: Vec<MethodConfig>,
    retry_throttling: RetryThrottling,
}

/// What holds for some methods.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MethodConfig {
    name: Vec<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
}

#[derive(Serialize)]
struct Name {
    service: String,
    method: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryPolicy {
    max_attempts: u32,
    initial_backoff: &'static str,
    max_backoff: &'static str,
    backoff_multiplier: u32,
    retryable_status_codes: [&'static str; 1],
}

const RETRY: RetryPolicy = RetryPolicy {
    max_attempts: 4,
    initial_backoff: "0.1s",
    max_backoff: "1s",
    backoff_multiplier: 2,
    retryable_status_codes: ["UNAVAILABLE"],
};

/// In an outage clients stop repeating: each failure takes one of ten tokens, each success gives back a tenth, and with
/// five or less there are no repeats.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryThrottling {
    max_tokens: u32,
    token_ratio: f64,
}

/// The settings of a method. Methods with the same stand together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Settings {
    timeout: Option<&'static str>,
    repeats: bool,
}

impl Settings {
    fn of(method: &MethodDescriptor) -> Self {
        let options = method.method_descriptor_proto().options.clone();
        let level = options.unwrap_or_default().idempotency_level();
        let (timeout, repeats) = match level {
            IdempotencyLevel::NoSideEffects => (READ, true),
            IdempotencyLevel::Idempotent => (WRITE, true),
            IdempotencyLevel::IdempotencyUnknown => (WRITE, false),
        };
        Self {
            // A stream lasts as long as its caller reads.
            timeout: (!method.is_server_streaming()).then_some(timeout),
            repeats,
        }
    }
}

/// The file, for all methods of `pool`.
pub(crate) fn file(pool: &DescriptorPool) -> Result<Vec<u8>> {
    let mut methods: Vec<_> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    methods.sort_by_key(|method| method.full_name().to_owned());
    let mut groups: BTreeMap<Settings, Vec<Name>> = BTreeMap::new();
    for method in methods {
        groups.entry(Settings::of(&method)).or_default().push(Name {
            service: method.parent_service().full_name().to_owned(),
            method: method.name().to_owned(),
        });
    }
    let config = ServiceConfig {
        method_config: groups
            .into_iter()
            .map(|(settings, name)| MethodConfig {
                name,
                timeout: settings.timeout,
                retry_policy: settings.repeats.then_some(RETRY),
            })
            .collect(),
        retry_throttling: RetryThrottling {
            max_tokens: 10,
            token_ratio: 0.1,
        },
    };
    let mut text = serde_json::to_vec_pretty(&config)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use serde_json::Value;

    use super::*;

    fn pool() -> DescriptorPool {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        DescriptorPool::decode(super::super::compile(&root).unwrap().as_slice()).unwrap()
    }

    /// The one entry of the config that names a method.
    fn entry<'a>(config: &'a Value, method: &MethodDescriptor) -> &'a Value {
        let name = serde_json::json!({
            "service": method.parent_service().full_name(),
            "method": method.name(),
        });
        let entries = config["methodConfig"].as_array().unwrap().iter();
        let mut named = entries.filter(|entry| entry["name"].as_array().unwrap().contains(&name));
        let found = named
            .next()
            .unwrap_or_else(|| panic!("{name} is not in it"));
        assert!(named.next().is_none(), "{name} is in it twice");
        found
    }

    #[test]
    fn every_method_is_in_it_and_what_may_do_work_twice_is_never_repeated() {
        let pool = pool();
        let config: Value = serde_json::from_slice(&file(&pool).unwrap()).unwrap();
        let mut repeated = BTreeSet::new();
        let mut count = 0;
        for method in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            count += 1;
            let entry = entry(&config, &method);
            let options = method.method_descriptor_proto().options.clone();
            let level = options.unwrap().idempotency_level;
            let repeatable = level.is_some_and(|level| level != 0);
            assert_eq!(
                entry.get("retryPolicy").is_some(),
                repeatable,
                "{}",
                method.full_name()
            );
            assert_eq!(
                entry.get("timeout").is_none(),
                method.is_server_streaming(),
                "{}",
                method.full_name()
            );
            if repeatable {
                repeated.insert(method.name().to_owned());
            }
        }
        let entries = config["methodConfig"].as_array().unwrap().iter();
        let names: usize = entries
            .map(|entry| entry["name"].as_array().unwrap().len())
            .sum();
        assert_eq!(names, count, "a method is in it that is not in the protos");
        // By name, so that an option that is set by mistake is seen.
        let work = ["Create", "Onboard", "Rotate"];
        for name in repeated {
            assert!(!work.iter().any(|word| name.starts_with(word)), "{name}");
        }
    }

    /// What the table of `docs/protos.md` says of the config.
    fn rows(config: &Value) -> String {
        let entries = config["methodConfig"].as_array().unwrap().iter();
        let row = |entry: &Value| {
            let names = entry["name"].as_array().unwrap().iter();
            let names: Vec<_> = names
                .map(|name| format!("`{}`", name["method"].as_str().unwrap()))
                .collect();
            let limit = entry.get("timeout").map_or("none".to_owned(), |timeout| {
                timeout.as_str().unwrap().replace('s', " s")
            });
            let repeated = match entry.get("retryPolicy") {
                Some(_) => "yes",
                None => "no",
            };
            format!("| {} | {limit} | {repeated} |\n", names.join(", "))
        };
        entries.map(row).collect()
    }

    #[test]
    fn the_page_of_the_protos_has_its_table() {
        let config: Value = serde_json::from_slice(&file(&pool()).unwrap()).unwrap();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protos.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, table) = page.split_once("<!-- service config -->\n").unwrap();
        let (table, _) = table.split_once("<!-- /service config -->").unwrap();
        let rows = rows(&config);
        assert!(
            table.ends_with(&format!("|---|---|---|\n{rows}")),
            "the rows of docs/protos.md should be\n{rows}"
        );
    }

    #[test]
    fn it_is_within_what_grpc_takes() {
        let config: Value = serde_json::from_slice(&file(&pool()).unwrap()).unwrap();
        let seconds = |value: &Value| -> f64 {
            let number = value.as_str().unwrap().strip_suffix('s').unwrap();
            number.parse().unwrap()
        };
        let mut policies = 0;
        for entry in config["methodConfig"].as_array().unwrap() {
            if let Some(timeout) = entry.get("timeout") {
                assert!(seconds(timeout) > 0.0);
            }
            let Some(policy) = entry.get("retryPolicy") else {
                continue;
            };
            policies += 1;
            // Clients take five attempts at most, whatever is asked for.
            assert!((2..=5).contains(&policy["maxAttempts"].as_u64().unwrap()));
            let first = seconds(&policy["initialBackoff"]);
            assert!(0.0 < first && first <= seconds(&policy["maxBackoff"]));
            assert!(policy["backoffMultiplier"].as_f64().unwrap() > 0.0);
            assert_eq!(
                policy["retryableStatusCodes"],
                serde_json::json!(["UNAVAILABLE"])
            );
        }
        assert!(policies > 0);
        let throttling = &config["retryThrottling"];
        assert!((1..=1000).contains(&throttling["maxTokens"].as_u64().unwrap()));
        // With three digits behind the point, which is all that clients look at.
        assert_eq!(throttling["tokenRatio"].as_f64(), Some(0.1));
    }

    #[test]
    fn a_stream_that_does_work_is_not_repeated() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("proto/openfinance/v1");
        std::fs::create_dir_all(&folder).unwrap();
        let text = "syntax = \"proto3\"; package openfinance.v1; message Thing {}
            service Things { rpc MakeThings(Thing) returns (stream Thing); }";
        std::fs::write(folder.join("thing.proto"), text).unwrap();
        let descriptors = super::super::compile(root.path()).unwrap();
        let pool = DescriptorPool::decode(descriptors.as_slice()).unwrap();
        let config: Value = serde_json::from_slice(&file(&pool).unwrap()).unwrap();
        let name = serde_json::json!({"service": "openfinance.v1.Things", "method": "MakeThings"});
        assert_eq!(
            config["methodConfig"],
            serde_json::json!([{"name": [name]}])
        );
    }
}
