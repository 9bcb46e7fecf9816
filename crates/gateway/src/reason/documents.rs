//! The documents that are made of the catalogue: for callers, for operators, for Prometheus and for Grafana.
//!
//! They are checked in; this test says when they are stale, and `OPENFINANCE_WRITE=1 cargo test -p openfinance-gateway
//! documents` writes them anew.

mod pages;

use std::{fmt::Write as _, path::Path};

use super::catalogue::{Entry, Severity, entries};

const NOTE: &str = "Made of the catalogue of reasons (crates/gateway/src/reason); do not edit.";

/// An alert that no single reason stands for.
struct Alert {
    name: &'static str,
    expression: &'static str,
    lasting: &'static str,
    severity: &'static str,
    summary: &'static str,
    action: &'static str,
}

const ALERTS: &[Alert] = &[
    Alert {
        name: "OpenfinanceDown",
        expression: "absent(openfinance_gateway_info)",
        lasting: "2m",
        severity: "page",
        summary: "No gateway answers a scrape.",
        action: "Look whether the processes run and what their last lines of log say.",
    },
    Alert {
        name: "OpenfinanceLoginGuardOpen",
        expression: "max(openfinance_login_guard_open) > 0",
        lasting: "0m",
        severity: "page",
        summary: "The vendor has refused the gateway's credentials, and no call goes out.",
        action: "Do as PARTNER_CREDENTIALS_REJECTED says below. Restarting changes nothing.",
    },
    Alert {
        name: "OpenfinanceStoreUnusable",
        expression: "min(openfinance_store_usable) < 1",
        lasting: "1m",
        severity: "page",
        summary: "What restarts and replicas share can't be used.",
        action: "Do as STORE_UNAVAILABLE says below.",
    },
    Alert {
        name: "OpenfinanceAuditUnusable",
        expression: "min(openfinance_audit_usable) < 1",
        lasting: "0m",
        severity: "page",
        summary: "The audit file can't be written, and writes and reads of records are refused.",
        action: "Do as AUDIT_UNAVAILABLE says below.",
    },
    Alert {
        name: "OpenfinanceAuditUntold",
        expression: "sum(increase(openfinance_audit_refusals_untold_total[5m])) > 0",
        lasting: "0m",
        severity: "ticket",
        summary: "So many calls are refused that not each has a line in the audit file.",
        action: "Find out who calls: the audit file has the addresses of those whom the gateway does not know, and the names \
                 of the others. Keep strangers off the port by the network's rules.",
    },
    Alert {
        name: "OpenfinanceTokenEnds",
        // After a restart without a vendor there is no token whose time could be told.
        expression: "min(openfinance_token_usable_for_seconds) < 900 or (absent(openfinance_token_usable_for_seconds) and sum(increase(openfinance_logins_total{outcome!=\"accepted\"}[10m])) > 0)",
        lasting: "1m",
        severity: "page",
        summary: "The vendor's token ends soon or has ended and was not renewed, although that was due 10 to 20 minutes ago; or there is none, and logins fail.",
        action: "Look at `openfinance_logins_total` and at the log for why logins fail; calls fail when the token has ended.",
    },
    Alert {
        name: "OpenfinanceIssuerKeysOld",
        expression: "max(openfinance_jwks_age_seconds) > 3600",
        lasting: "5m",
        severity: "ticket",
        summary: "The keys of the callers' issuer were not read for an hour; a day after they were, its tokens are refused.",
        action: "The log says why `auth.jwt.jwks_file` or `auth.jwt.jwks_url` can't be read. Tokens by a new key are refused \
                 already; without auth.mtls and [[auth.keys]] a gateway that has no key set is not ready.",
    },
    Alert {
        name: "OpenfinanceIntentsOpen",
        expression: "max(openfinance_intents_overdue) > 0",
        lasting: "15m",
        severity: "ticket",
        summary: "Creates whose outcome is not known stay open, and no call is at work on them.",
        action: "Do as OUTCOME_UNKNOWN says below.",
    },
    Alert {
        name: "OpenfinanceCircuitOpen",
        expression: "max by (operation) (openfinance_circuit_state{state=\"open\"}) > 0",
        lasting: "5m",
        severity: "page",
        summary: "The vendor keeps failing at an operation, and hardly any call of it goes out.",
        action: "Do as UPSTREAM_UNAVAILABLE says below.",
    },
    Alert {
        name: "OpenfinanceCertificateEnds",
        expression: "min(openfinance_tls_certificate_expiration_timestamp_seconds) - time() < 14 * 86400",
        lasting: "1h",
        severity: "ticket",
        summary: "The certificate that the gRPC port serves ends within 14 days, or has ended.",
        action: "Put a new one into the files of `tls.cert` and `tls.key`: the gateway takes it up by itself. If that was done, \
                 look in the log for why it was not.",
    },
    Alert {
        name: "OpenfinanceConnectionsRefused",
        expression: "sum(rate(openfinance_connections_refused_total[5m])) + \
                     sum(rate(openfinance_connections_cut_total{cause=\"made_room\"}[5m])) > 0.1",
        lasting: "10m",
        severity: "ticket",
        summary: "Connections to the gRPC port are not taken, or take the places of others: there are too many, or the system has nothing left to make them of.",
        action: "Look at `openfinance_connections_refused_total` by `cause`, and at the log for the peers. Callers that keep one \
                 connection each do not come near `limits.connections`; with `exhausted`, let the process open more files. With \
                 `made_room` in `openfinance_connections_cut_total` peers connect and say nothing: others are served in spite of \
                 them. Keep them off the port by the network's rules.",
    },
    Alert {
        name: "OpenfinanceRetriesDenied",
        expression: "sum(rate(openfinance_retries_denied_total[5m])) > 1",
        lasting: "5m",
        severity: "ticket",
        summary: "So much fails at the vendor that the budget for retries is used up.",
        action: "Do as UPSTREAM_UNAVAILABLE says below.",
    },
    Alert {
        name: "OpenfinanceUpstreamDrift",
        // A series that is new has not increased yet.
        expression: "sum by (operation, kind, pointer) (increase(openfinance_upstream_drift_total[1h]) > 0 or \
                     openfinance_upstream_drift_total unless openfinance_upstream_drift_total offset 1h)",
        lasting: "0m",
        severity: "ticket",
        summary: "The vendor's answers leave our document: members that it does not know, other types, or required members that are not there.",
        action: "`pointer` is the place in the document of `operation`'s answer: `*` is every item of a list, `_other` any \
                 member that the document does not know, and an empty one the body as a whole. Callers see nothing of \
                 `unknown_member`. What `other_type` and `missing_member` do to them, Failures by reason says: look for \
                 UPSTREAM_MALFORMED and OUTCOME_UNKNOWN since the first of them, which the log has as a warning. Ask the vendor \
                 for the present document and take it over (`cargo xtask spec import`); what the vendor keeps sending against \
                 its own document goes into `openapi/overlay.yaml`, with its reason. The counts begin anew with the new version.",
    },
];

/// The name of the alert of a reason; `None` where there is none.
fn alert(entry: &Entry) -> Option<String> {
    if entry.severity == Severity::Business {
        return None;
    }
    let word = entry.reason.as_str().split('_');
    let camel = word.map(|part| part[..1].to_owned() + &part[1..].to_lowercase());
    Some(format!("Openfinance{}", camel.collect::<String>()))
}

/// The query of a reason's alert, for how long it must hold, and whom it wakes.
fn rule(entry: &Entry) -> (String, &'static str, &'static str) {
    let series = format!(
        "openfinance_call_failures_total{{reason=\"{}\"}}",
        entry.reason.as_str()
    );
    match entry.severity {
        Severity::Defect => (format!("sum(increase({series}[5m])) > 0"), "0m", "page"),
        Severity::Trouble | Severity::Business => {
            (format!("sum(rate({series}[5m])) > 0.05"), "10m", "ticket")
        }
    }
}

fn rules() -> String {
    let mut text = format!("# {NOTE}\ngroups:\n  - name: openfinance\n    rules:\n");
    let mut add = |name: &str,
                   expression: &str,
                   lasting: &str,
                   severity: &str,
                   summary: &str,
                   anchor: &str| {
        let _ = write!(
            text,
            "      - alert: {name}\n        expr: '{expression}'\n        for: {lasting}\n        labels:\n          \
             severity: {severity}\n        annotations:\n          summary: '{}'\n          runbook: docs/runbook.md#{}\n",
            summary.replace('\'', "''"),
            anchor.to_lowercase()
        );
    };
    for alert in ALERTS {
        let Alert {
            name,
            expression,
            lasting,
            severity,
            summary,
            action: _,
        } = alert;
        add(name, expression, lasting, severity, summary, name);
    }
    for entry in entries() {
        if let Some(name) = alert(&entry) {
            let (expression, lasting, severity) = rule(&entry);
            add(
                &name,
                &expression,
                lasting,
                severity,
                entry.meaning,
                entry.reason.as_str(),
            );
        }
    }
    text
}

/// Title, unit and queries of each panel of the dashboard.
const PANELS: &[(&str, &str, &[&str])] = &[
    (
        "Calls by method",
        "reqps",
        &["sum by (rpc_method) (rate(rpc_server_call_duration_seconds_count[$__rate_interval]))"],
    ),
    (
        "Calls by code",
        "reqps",
        &[
            "sum by (rpc_response_status_code) (rate(rpc_server_call_duration_seconds_count[$__rate_interval]))",
        ],
    ),
    (
        "Failures by reason",
        "reqps",
        &["sum by (reason) (rate(openfinance_call_failures_total[$__rate_interval]))"],
    ),
    (
        "Duration of calls, median and 99th percentile",
        "s",
        &[
            "histogram_quantile(0.5, sum by (le) (rate(rpc_server_call_duration_seconds_bucket[$__rate_interval])))",
            "histogram_quantile(0.99, sum by (le) (rate(rpc_server_call_duration_seconds_bucket[$__rate_interval])))",
        ],
    ),
    (
        "Calls open, at the vendor and waiting",
        "short",
        &[
            "sum(openfinance_calls_open)",
            "sum(openfinance_calls_in_flight)",
            "sum(openfinance_calls_waiting)",
        ],
    ),
    (
        "Connections open; refused and cut by cause; without TLS",
        "short",
        &[
            "sum(openfinance_connections_open)",
            "sum by (cause) (increase(openfinance_connections_refused_total[$__rate_interval]))",
            "sum by (cause) (increase(openfinance_connections_cut_total[$__rate_interval]))",
            "sum(increase(openfinance_tls_handshakes_failed_total[$__rate_interval]))",
        ],
    ),
    (
        "Questions of browsers whether a page may call, by whether its origin is named",
        "short",
        &["sum by (origin) (increase(openfinance_preflights_total[$__rate_interval]))"],
    ),
    (
        "Time until the certificate ends",
        "s",
        &["min(openfinance_tls_certificate_expiration_timestamp_seconds) - time()"],
    ),
    (
        "Requests to the vendor by operation",
        "reqps",
        &[
            "sum by (operation) (rate(http_client_request_duration_seconds_count[$__rate_interval]))",
        ],
    ),
    (
        "Requests that failed, by type",
        "reqps",
        &[
            "sum by (error_type) (rate(http_client_request_duration_seconds_count{error_type!=\"\"}[$__rate_interval]))",
        ],
    ),
    (
        "Duration of requests, 99th percentile",
        "s",
        &[
            "histogram_quantile(0.99, sum by (le, operation) (rate(http_client_request_duration_seconds_bucket[$__rate_interval])))",
        ],
    ),
    (
        "Retries, and retries without budget",
        "reqps",
        &[
            "sum by (cause) (rate(openfinance_upstream_retries_total[$__rate_interval]))",
            "sum(rate(openfinance_retries_denied_total[$__rate_interval]))",
        ],
    ),
    (
        "Answers that leave the vendor's document, by place",
        "short",
        &[
            "sum by (operation, kind, pointer) (increase(openfinance_upstream_drift_total[$__rate_interval])) > 0",
        ],
    ),
    (
        "Circuits that are not closed",
        "short",
        &["sum by (operation, state) (openfinance_circuit_state{state!=\"closed\"}) > 0"],
    ),
    (
        "Token: age and time left",
        "s",
        &[
            "max(openfinance_token_age_seconds)",
            "min(openfinance_token_usable_for_seconds)",
        ],
    ),
    (
        "Logins, and the guard",
        "short",
        &[
            "sum by (outcome) (increase(openfinance_logins_total[$__rate_interval]))",
            "max(openfinance_login_guard_open)",
        ],
    ),
    (
        "Request ids",
        "reqps",
        &["sum by (state) (rate(openfinance_request_ids_total[$__rate_interval]))"],
    ),
    (
        "Creates noted and open; read-backs",
        "short",
        &[
            "max(openfinance_intents_open)",
            "max(openfinance_intents_overdue)",
            "sum by (finding) (increase(openfinance_read_backs_total[$__rate_interval]))",
        ],
    ),
];

fn dashboard() -> String {
    let panel = |(index, (title, unit, queries)): (usize, &(&str, &str, &[&str]))| {
        let targets: Vec<_> = queries
            .iter()
            .zip('A'..)
            .map(|(query, name)| serde_json::json!({ "refId": name.to_string(), "expr": query, "datasource": source() }))
            .collect();
        serde_json::json!({
            "id": index + 1,
            "type": "timeseries",
            "title": title,
            "datasource": source(),
            "gridPos": { "x": (index % 2) * 12, "y": (index / 2) * 8, "w": 12, "h": 8 },
            "fieldConfig": { "defaults": { "unit": unit }, "overrides": [] },
            "targets": targets,
        })
    };
    let panels: Vec<_> = PANELS.iter().enumerate().map(panel).collect();
    let dashboard = serde_json::json!({
        "uid": "openfinance",
        "title": "openfinance gateway",
        "description": NOTE,
        "schemaVersion": 39,
        "time": { "from": "now-6h", "to": "now" },
        "refresh": "30s",
        "templating": { "list": [{ "name": "source", "type": "datasource", "query": "prometheus" }] },
        "panels": panels,
    });
    serde_json::to_string_pretty(&dashboard).unwrap() + "\n"
}

fn source() -> serde_json::Value {
    serde_json::json!({ "type": "prometheus", "uid": "${source}" })
}

#[test]
fn the_documents_are_those_of_the_catalogue() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let write = std::env::var_os("OPENFINANCE_WRITE").is_some();
    for (path, text) in [
        ("docs/errors.md", pages::errors()),
        ("docs/runbook.md", pages::runbook()),
        ("deploy/prometheus/openfinance.rules.yaml", rules()),
        ("deploy/grafana/openfinance.json", dashboard()),
    ] {
        let path = root.join(path);
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == text,
            "{} is stale: OPENFINANCE_WRITE=1 cargo test -p openfinance-gateway documents",
            path.display()
        );
    }
}
