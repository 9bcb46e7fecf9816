//! From `auth.*` and `[[policy]]` as written to who may call.

use std::{collections::BTreeSet, path::PathBuf};

use secrecy::SecretBox;
use url::Url;

use super::{
    Problem, Source, auth,
    auth::{Auth, Grant, Jwt, KeySource, Role, StaticKey, is_name},
    check,
    load::Reader,
    source::{Row, Words},
};

impl Reader {
    pub(super) fn auth(&mut self) -> Auth {
        let mtls = self.switch("auth.mtls");
        let jwt = self.jwt();
        let keys = self.static_keys();
        let unclear = self.entries.file_is_lost || self.entries.is_wrong_below("auth");
        let (policy, first) = self.policy();
        let auth = Auth {
            mtls,
            jwt,
            keys,
            policy,
        };
        if first.is_some() && !auth.is_on() && !unclear {
            self.problem(
                "policy",
                first,
                "binds nobody while callers are not told apart: set auth.mtls, auth.jwt.* or [[auth.keys]]",
            );
        }
        auth
    }

    /// `on` or `off`, which is the default.
    fn switch(&mut self, name: &'static str) -> bool {
        let Some(entry) = self.take(name) else {
            return false;
        };
        match entry.text.as_str() {
            "on" => true,
            "off" => false,
            _ => {
                self.refuse(name, &entry, "must be on or off");
                false
            }
        }
    }

    /// Whose tokens are taken: all of it or nothing.
    fn jwt(&mut self) -> Option<Jwt> {
        let names = [
            "auth.jwt.issuer",
            "auth.jwt.audience",
            "auth.jwt.jwks_file",
            "auth.jwt.jwks_url",
        ];
        let given = names.map(|name| self.entries.source(name).is_some());
        let [issuer, audience, file, url] = names;
        let issuer_text = self.word(issuer);
        let audience_text = self.word(audience);
        let path = self.take(file).and_then(|entry| {
            let path = PathBuf::from(&entry.text);
            match crate::auth::check_file(&path) {
                Ok(_) => Some(path),
                Err(message) => {
                    self.refuse(file, &entry, &message);
                    None
                }
            }
        });
        let address = self.take(url).and_then(|entry| {
            let address = Url::parse(&entry.text).ok().filter(is_safe);
            if address.is_none() {
                let rule = "must be a URL with https, or http to this machine itself";
                self.refuse(url, &entry, rule);
            }
            address
        });
        if !given.contains(&true) {
            return None;
        }
        for (name, given) in [(issuer, given[0]), (audience, given[1])] {
            if !given {
                self.missing(name, "is required to take tokens");
            }
        }
        let keys = match (given[2], given[3]) {
            (true, true) => {
                let source = self.sources.get(url).cloned();
                let message = "auth.jwt.jwks_file is given too: give one of them";
                self.problem(url, source, message);
                None
            }
            (false, false) => {
                self.missing(file, "is required to take tokens, or auth.jwt.jwks_url");
                None
            }
            (true, false) => path.map(KeySource::File),
            (false, true) => address.map(KeySource::Url),
        };
        Some(Jwt {
            issuer: issuer_text?,
            audience: audience_text?,
            keys: keys?,
        })
    }

    fn word(&mut self, name: &'static str) -> Option<String> {
        let entry = self.take(name)?;
        if is_name(&entry.text) {
            return Some(entry.text);
        }
        self.refuse(name, &entry, NOT_A_NAME);
        None
    }

    fn static_keys(&mut self) -> Vec<StaticKey> {
        let mut seen = BTreeSet::new();
        let mut keys = Vec::new();
        for mut row in self.entries.take_rows("auth.keys") {
            let principal = self.principal(&mut row);
            let hash = self.text_of(&mut row, "sha256").and_then(|(text, source)| {
                let hash = check::hex_key(&text);
                if hash.is_none() {
                    let rule = "must be the SHA-256 hash of a key, 64 hexadecimal digits";
                    self.problem(&row.field("sha256"), Some(source), rule);
                } else if !seen.insert(hash) {
                    let rule = "is the hash of another key in the list, too";
                    self.problem(&row.field("sha256"), Some(source), rule);
                }
                hash
            });
            if let (Some(principal), Some(hash)) = (principal, hash) {
                let sha256 = SecretBox::new(Box::new(hash));
                keys.push(StaticKey { principal, sha256 });
            }
        }
        keys
    }

    /// What each caller may do, and where that begins.
    fn policy(&mut self) -> (Vec<Grant>, Option<Source>) {
        let mut seen = BTreeSet::new();
        let mut grants = Vec::new();
        let rows = self.entries.take_rows("policy");
        let first = rows.first().map(|row| row.source.clone());
        for mut row in rows {
            let source = row.source.clone();
            let principal = self.principal(&mut row);
            if let Some(principal) = &principal
                && !seen.insert(principal.clone())
            {
                let rule = "has an entry further up: write one for each caller";
                self.problem(&row.field("principal"), Some(source), rule);
            }
            let mut permissions = BTreeSet::new();
            for (name, source) in self.words_of(&mut row, "roles") {
                match Role::of(&name) {
                    Some(role) => permissions.extend(role.permissions()),
                    None => self.problem(
                        &row.field("roles"),
                        Some(source),
                        "must be of reader, writer and admin",
                    ),
                }
            }
            let all = auth::all_permissions();
            for (name, source) in self.words_of(&mut row, "permissions") {
                match all.get(name.as_str()) {
                    Some(permission) => {
                        permissions.insert(*permission);
                    }
                    None => {
                        let all: Vec<_> = all.iter().copied().collect();
                        let rule = format!("must be of {}", all.join(", "));
                        self.problem(&row.field("permissions"), Some(source), &rule);
                    }
                }
            }
            if let Some(principal) = principal {
                grants.push(Grant {
                    principal,
                    permissions,
                });
            }
        }
        (grants, first)
    }

    fn problem(&mut self, key: &str, source: Option<Source>, message: &str) {
        self.entries.problems.push(Problem {
            key: key.to_owned(),
            source,
            message: message.to_owned(),
        });
    }

    fn principal(&mut self, row: &mut Row) -> Option<String> {
        let (text, source) = self.text_of(row, "principal")?;
        if is_name(&text) {
            return Some(text);
        }
        self.problem(&row.field("principal"), Some(source), NOT_A_NAME);
        None
    }

    /// A text that the row must have.
    fn text_of(&mut self, row: &mut Row, name: &'static str) -> Option<(String, Source)> {
        match row.fields.remove(name) {
            Some((Words::One(text), source)) => Some((text, source)),
            Some((Words::Many(_), source)) => {
                self.problem(&row.field(name), Some(source), "must be a string in quotes");
                None
            }
            None if row.is_wrong => None,
            None => {
                let source = row.source.clone();
                self.problem(&row.field(name), Some(source), "is required");
                None
            }
        }
    }

    /// A list of texts, which need not be there.
    fn words_of(&mut self, row: &mut Row, name: &'static str) -> Vec<(String, Source)> {
        match row.fields.remove(name) {
            Some((Words::Many(words), source)) => words
                .into_iter()
                .map(|word| (word, source.clone()))
                .collect(),
            Some((Words::One(_), source)) => {
                let rule = "must be a list of strings in quotes, such as [\"reader\"]";
                self.problem(&row.field(name), Some(source), rule);
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}

const NOT_A_NAME: &str = "must be 1 to 255 printable ASCII characters without spaces";

/// Whether nobody on the way can put other keys in the place of those that are fetched.
fn is_safe(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let has_credential = !url.username().is_empty() || url.password().is_some();
    !has_credential
        && (url.scheme() == "https" && url.has_host() || url.scheme() == "http" && is_local)
}
