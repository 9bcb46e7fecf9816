//! Settings as something that can be held against what they were at another moment, without a secret in it.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{Config, Key, Settings, auth::KeySource, show};

/// What each setting comes to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<&'static str, Value>);

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Plain(String),
    /// What tells it from others.
    Secret([u8; 32]),
}

impl State {
    pub(super) fn of(settings: &Settings) -> Self {
        let Settings {
            config,
            ignored: _,
            warnings: _,
            sources,
            read,
        } = settings;
        let values = Key::ALL.iter().filter_map(|key| {
            let value = if key.secret {
                Value::Secret(*read.secrets.get(key.name)?)
            } else if key.name == JWKS_URL {
                // Its query may be a secret, and is not in what is shown.
                Value::Secret(Sha256::digest(jwks_url(config)?.as_str()).into())
            } else {
                Value::Plain(show::text(config, sources, key)?)
            };
            Some((key.name, value))
        });
        Self(values.chain(lists(config)).collect())
    }

    /// The settings that come to something else than in `other`.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let names = Key::ALL.iter().map(|key| key.name);
        names
            .chain(LISTS)
            .filter(|name| self.0.get(name) != other.0.get(name))
            .collect()
    }

    /// Takes over what the setting `name` comes to in `other`.
    pub(crate) fn take(&mut self, name: &'static str, other: &Self) {
        match other.0.get(name) {
            Some(value) => self.0.insert(name, value.clone()),
            None => self.0.remove(name),
        };
    }
}

const JWKS_URL: &str = "auth.jwt.jwks_url";

fn jwks_url(config: &Config) -> Option<&url::Url> {
    match &config.auth.jwt.as_ref()?.keys {
        KeySource::File(_) => None,
        KeySource::Url(url) => Some(url),
    }
}

/// The settings that are lists of tables.
const LISTS: [&str; 2] = ["auth.keys", "policy"];

fn lists(config: &Config) -> [(&'static str, Value); 2] {
    let [keys, policy] = LISTS;
    let mut hash = Sha256::new();
    for key in &config.auth.keys {
        hash.update(key.principal.as_bytes());
        hash.update([0]);
        hash.update(key.sha256.expose_secret());
    }
    let grants = format!("{:?}", config.auth.policy);
    [
        (keys, Value::Secret(hash.finalize().into())),
        (policy, Value::Plain(grants)),
    ]
}
