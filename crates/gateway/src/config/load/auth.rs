//! From `auth.*` and `[[policy]]` as written to who may call.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use secrecy::SecretBox;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    super::{
        Occasion, Problem, Source, auth,
        auth::{Auth, Grant, Jwt, KeySource, Method, Role, StaticKey, is_name, is_principal},
        check,
        source::{Row, Words},
    },
    Reader,
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
        if auth.mtls && !self.is_given("tls.client_ca") {
            let source = self.sources.get("auth.mtls").cloned();
            let rule =
                "knows nobody without tls.client_ca, the authority of the callers' certificates";
            self.problem("auth.mtls", source, rule);
        }
        if !unclear {
            self.warn_of_nobody(&auth, first);
        }
        auth
    }

    /// Whether the setting was given, right or wrong.
    fn is_given(&self, name: &str) -> bool {
        self.entries.file_is_lost
            || self.entries.is_wrong(name)
            || self.entries.source(name).is_some()
    }

    /// Tells of callers that can't be, and of such that may do nothing. They are let stand: whoever takes a key away in a
    /// hurry need not look for all that names it.
    fn warn_of_nobody(&mut self, auth: &Auth, policy: Option<Source>) {
        if policy.is_some() && !auth.has_method() {
            let warning = "nobody can call: callers are told apart by auth.mtls, auth.jwt.* or [[auth.keys]], and there is \
                           none of them";
            self.warn("policy", policy.clone(), warning.to_owned());
        } else if policy.is_none() && auth.is_on() {
            let warning = "is not there, so no caller may do anything";
            self.warn("policy", None, warning.to_owned());
        }
        let by_key_alone = !auth.keys.is_empty() && !auth.mtls && auth.jwt.is_none();
        let names: BTreeSet<_> = auth.keys.iter().map(|key| key.principal.as_str()).collect();
        let listed: Vec<_> = names.iter().copied().take(10).collect();
        let listed = listed.join(", ");
        for grant in &auth.policy {
            let principal = &grant.principal;
            let message = match grant.method {
                Some(Method::Mtls) if !auth.mtls => {
                    format!("{principal} can't call: auth.mtls is off")
                }
                Some(Method::Jwt) if auth.jwt.is_none() => {
                    format!("{principal} can't call: no tokens are taken")
                }
                None | Some(Method::Key)
                    if (by_key_alone || grant.method.is_some() && auth.has_method())
                        && !names.contains(principal.as_str()) =>
                {
                    format!("{principal} can't call: no key has that name, but {listed}")
                }
                None if auth.mtls && auth.jwt.is_some() && !names.contains(principal.as_str()) => {
                    format!(
                        "{principal} may be the name of a certificate and of a token: say which with method = \"mtls\" or \
                         \"jwt\""
                    )
                }
                None | Some(_) => continue,
            };
            self.warn("policy", policy.clone(), message);
        }
    }

    pub(super) fn warn(&mut self, key: &str, source: Option<Source>, message: String) {
        self.warnings.push(Problem {
            key: key.to_owned(),
            source,
            message,
        });
    }

    /// `on` or `off`, which is the default.
    pub(super) fn switch(&mut self, name: &'static str) -> bool {
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
            match (crate::auth::check_file(&path), self.occasion) {
                (Ok(()), _) => Some(path),
                (Err(message), Occasion::Start) => {
                    self.refuse(file, &entry, &message);
                    None
                }
                (Err(message), Occasion::Again) => {
                    self.warn(file, Some(entry.source), message);
                    Some(path)
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
                if hash == Some(Sha256::digest("").into()) {
                    let rule = "is the hash of nothing: what was hashed was no key";
                    self.problem(&row.field("sha256"), Some(source), rule);
                } else if hash.is_none() {
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
        let mut seen: BTreeMap<String, BTreeSet<Option<Method>>> = BTreeMap::new();
        let mut grants = Vec::new();
        let rows = self.entries.take_rows("policy");
        let first = rows.first().map(|row| row.source.clone());
        for mut row in rows {
            let source = row.source.clone();
            let principal = self.principal(&mut row);
            let method = self.method(&mut row);
            if let Some(principal) = &principal {
                let others = seen.entry(principal.clone()).or_default();
                if !others.is_empty() && (method.is_none() || others.contains(&None))
                    || !others.insert(method)
                {
                    let rule = "has an entry further up: write one for each caller";
                    self.problem(&row.field("principal"), Some(source), rule);
                }
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
                    method,
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
        if is_principal(&text) {
            return Some(text);
        }
        let rule = if is_name(&text) {
            "is what the gateway calls those that it does not know: choose another name"
        } else {
            NOT_A_NAME
        };
        self.problem(&row.field("principal"), Some(source), rule);
        None
    }

    /// How the caller of a grant must have been told apart, if the grant says so.
    fn method(&mut self, row: &mut Row) -> Option<Method> {
        let (words, source) = row.fields.remove("method")?;
        let method = match words {
            Words::One(text) => Method::of(&text),
            Words::Many(_) => None,
        };
        if method.is_none() {
            self.problem(
                &row.field("method"),
                Some(source),
                "must be mtls, jwt or key",
            );
        }
        method
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
    let has_credential = !url.username().is_empty() || url.password().is_some();
    !has_credential && openfinance::is_https_or_this_machine(url)
}
