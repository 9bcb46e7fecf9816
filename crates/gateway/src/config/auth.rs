//! Who may call, as the settings say.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use secrecy::SecretBox;

use super::show::shown;

/// Who may call. Nothing at all is authentication off: then every caller may do everything.
#[derive(Debug, Default)]
pub struct Auth {
    /// Whether callers are told apart by the certificates of their connections, `auth.mtls`.
    pub mtls: bool,
    /// Whose tokens are taken, `auth.jwt.*`.
    pub jwt: Option<Jwt>,
    /// The keys that are taken, `[[auth.keys]]`.
    pub keys: Vec<StaticKey>,
    /// What each caller may do, `[[policy]]`. Who is not in it may do nothing.
    pub policy: Vec<Grant>,
}

impl Auth {
    /// Whether callers are told apart at all. A policy alone is authentication without a way in: whoever takes the last
    /// key away has not opened the gateway to everybody.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.has_method() || !self.policy.is_empty()
    }

    /// Whether there is a way to tell callers apart.
    pub(crate) fn has_method(&self) -> bool {
        self.mtls || self.jwt.is_some() || !self.keys.is_empty()
    }
}

/// How a caller is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// By the certificate of the connection.
    Mtls,
    /// By a token in the header `authorization`.
    Jwt,
    /// By a key in the header `x-api-key`.
    Key,
}

impl Method {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Mtls, Self::Jwt, Self::Key];

    /// The word for it, in the settings and in the audit file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
            Self::Jwt => "jwt",
            Self::Key => "key",
        }
    }

    /// The method that goes by this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }
}

/// Whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// What `iss` must be, `auth.jwt.issuer`.
    pub issuer: String,
    /// What must be in `aud`, `auth.jwt.audience`.
    pub audience: String,
    /// Where the issuer's public keys are.
    pub keys: KeySource,
}

/// Where an issuer's public keys are, as a JSON Web Key Set. `Debug` prints no query of an address.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file, which is read again when it changes, `auth.jwt.jwks_file`.
    File(PathBuf),
    /// At an address, asked again and again outside of calls, `auth.jwt.jwks_url`.
    Url(url::Url),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url(url) => f.debug_tuple("Url").field(&shown(url)).finish(),
        }
    }
}

/// A key that a caller sends as `x-api-key`.
#[derive(Debug)]
pub struct StaticKey {
    /// Who sends it.
    pub principal: String,
    /// The SHA-256 hash of the key. The key itself is 32 random bytes, written in whatever way: no guessing finds it from
    /// the hash, so a slow hash would only cost time.
    pub sha256: SecretBox<[u8; 32]>,
}

/// What one caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The caller.
    pub principal: String,
    /// How it must have been told apart; `None` for a caller by its own key where `[[auth.keys]]` has the name, and for
    /// one by whatever method where it has not.
    pub method: Option<Method>,
    /// What the caller's roles and permissions come to.
    pub permissions: BTreeSet<&'static str>,
}

/// What stands for many permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads everything but what is granted by name alone.
    Reader,
    /// A reader that creates, changes and deletes.
    Writer,
    /// A writer that looks after the partner's credentials.
    Admin,
}

/// To read personal data. Granted by name alone.
pub(crate) const PII_READ: &str = "pii.read";

/// To read tax ids. Granted by name alone.
pub(crate) const TAX_ID_READ: &str = "tax_id.read";

impl Role {
    /// The role that goes by this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "reader" => Some(Self::Reader),
            "writer" => Some(Self::Writer),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// What it stands for. The verbs are counted up, so that a method with a new one is nobody's until somebody decides.
    pub fn permissions(self) -> impl Iterator<Item = &'static str> {
        let methods = openfinance_rpc::METHODS.iter();
        let all = methods.map(|method| method.permission);
        all.filter(move |permission| {
            let (noun, verb) = permission.split_once('.').unwrap_or((permission, ""));
            let reads = verb == "read";
            let writes = ["create", "update", "delete", "onboard"].contains(&verb);
            let tends = noun == "partner";
            match self {
                Self::Reader => reads,
                Self::Writer => reads || writes,
                Self::Admin => reads || writes || tends,
            }
        })
    }
}

/// Whether this can be a caller's name. Names are compared byte by byte, so nothing may be in one that can't be seen.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Names that stand for nobody in particular, and that no caller can have.
const NOBODY: [&str; 2] = ["anonymous", "unknown"];

/// Whether one caller can go by this name.
pub(crate) fn is_principal(text: &str) -> bool {
    is_name(text) && !NOBODY.contains(&text)
}

/// Every permission there is, in alphabetical order.
pub(crate) fn all_permissions() -> BTreeSet<&'static str> {
    let methods = openfinance_rpc::METHODS.iter();
    let by_name = [PII_READ, TAX_ID_READ];
    methods
        .map(|method| method.permission)
        .chain(by_name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(role: Role) -> BTreeSet<&'static str> {
        role.permissions().collect()
    }

    #[test]
    fn each_role_has_the_one_below_and_more() {
        let (reader, writer, admin) = (set(Role::Reader), set(Role::Writer), set(Role::Admin));
        assert!(reader.is_subset(&writer) && writer.is_subset(&admin));
        assert!(
            reader
                .iter()
                .all(|permission| permission.ends_with(".read"))
        );
        let added: Vec<_> = writer.difference(&reader).copied().collect();
        assert_eq!(
            added,
            [
                "businesses.create",
                "businesses.update",
                "consumers.create",
                "consumers.update",
                "customers.create",
                "customers.delete",
                "customers.onboard",
                "customers.update",
            ]
        );
        let added: Vec<_> = admin.difference(&writer).copied().collect();
        assert_eq!(added, ["partner.reset", "partner.rotate"]);
    }

    #[test]
    fn only_what_is_granted_by_name_is_in_no_role() {
        let all = all_permissions();
        let admin = set(Role::Admin);
        let left: Vec<_> = all.difference(&admin).copied().collect();
        assert_eq!(left, [PII_READ, TAX_ID_READ]);
    }

    #[test]
    fn nothing_set_is_off() {
        assert!(!Auth::default().is_on());
        let mtls = Auth {
            mtls: true,
            ..Auth::default()
        };
        assert!(mtls.is_on());
    }

    #[test]
    fn a_policy_without_a_way_in_is_on_and_no_name_stands_for_nobody() {
        let grant = Grant {
            principal: "batch".to_owned(),
            method: None,
            permissions: BTreeSet::new(),
        };
        let auth = Auth {
            policy: vec![grant],
            ..Auth::default()
        };
        assert!(auth.is_on() && !auth.has_method());
        assert!(is_principal("batch"));
        for name in ["anonymous", "unknown", "", "a b"] {
            assert!(!is_principal(name), "{name}");
        }
    }
}
