//! Settings of gateways that are measured, beside the default.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{
    guard::{CALLER, Guard},
    keys,
    subject::Plan,
};

/// The caller's key.
const KEY: &str = "key-of-the-caller-that-measures";
/// As whom it is known by that.
const NAME: &str = "measurer";

/// A folder for what gateways write. On a disk, where a folder for temporary files may be in memory.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// One way to protect a gateway for each method.
pub(crate) struct Protection {
    guard: Guard,
    audit: PathBuf,
}

/// Whether the caller may see personal data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    All,
    /// The answer is emptied of what it may not see.
    NothingPersonal,
}

impl Protection {
    /// With certificates and audit files in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            guard: Guard::new(folder),
            audit: folder.to_owned(),
        }
    }

    /// TLS, and callers that nobody asks who they are.
    pub(crate) fn tls(&self) -> Plan {
        Plan {
            settings: self.guard.tls.clone(),
            tls: Some(self.guard.caller.clone()),
            ..Plan::default()
        }
    }

    /// TLS with certificates of callers, and a policy.
    pub(crate) fn mutual_tls(&self) -> Plan {
        let Guard { mutual_tls, .. } = &self.guard;
        let policy = policy(CALLER, Sees::All);
        Plan {
            settings: format!("{mutual_tls}[auth]\nmtls = \"on\"\n{policy}"),
            tls: Some(self.guard.caller.clone()),
            ..Plan::default()
        }
    }

    /// A key, and a policy.
    pub(crate) fn key(sees: Sees) -> Plan {
        Plan {
            settings: format!("{}{}", keys::entry(NAME, KEY), policy(NAME, sees)),
            key: Some(KEY.to_owned()),
            ..Plan::default()
        }
    }

    /// The audit file with this name.
    pub(crate) fn audit(&self, name: &str) -> Plan {
        let path = self.audit.join(name).display().to_string();
        Plan {
            variables: vec![("OPENFINANCE_AUDIT__PATH", path)],
            ..Plan::default()
        }
    }

    /// Certificates of callers, a policy, an audit file, and a trace of every call that goes to this collector.
    pub(crate) fn everything(&self, collector: &str) -> Plan {
        let mut plan = self.mutual_tls();
        plan.variables = self.audit("everything").variables;
        plan.variables.extend(traces(collector, None).variables);
        plan
    }
}

/// Traces to this collector: of so many of the calls, as the standard's variable has it, or of all.
pub(crate) fn traces(collector: &str, share: Option<&str>) -> Plan {
    let mut variables = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", collector.to_owned())];
    if let Some(share) = share {
        variables.push(("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()));
        variables.push(("OTEL_TRACES_SAMPLER_ARG", share.to_owned()));
    }
    Plan {
        variables,
        ..Plan::default()
    }
}

fn policy(principal: &str, sees: Sees) -> String {
    let more = match sees {
        Sees::All => "permissions = [\"pii.read\"]\n",
        Sees::NothingPersonal => "",
    };
    format!("[[policy]]\nprincipal = \"{principal}\"\nroles = [\"writer\"]\n{more}")
}
