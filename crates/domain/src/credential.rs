//! The partner's credentials: which secret is in use, and the guard of each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openfinance_rest::types as wire;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    client::Config,
    guard::Guard,
    seal::Keys,
    store::{Key, Space},
    value::InvalidValue,
};

/// A partner secret that the vendor accepts as a new one: 12 to 255 letters, digits and `! @ # $ % & * _ - +`, with at
/// least one letter and one digit. Prints without itself.
///
/// ```
/// use openfinance::partner::PartnerSecret;
///
/// assert!(PartnerSecret::try_from("correct-horse-7".to_owned()).is_ok());
/// assert!(PartnerSecret::try_from("no.dots.in.here.7".to_owned()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct PartnerSecret(SecretString);

impl TryFrom<String> for PartnerSecret {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let secret = SecretString::from(text);
        let text = secret.expose_secret();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!@#$%&*_-+".contains(&byte);
        if (12..=255).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text.bytes().any(|byte| byte.is_ascii_digit())
        {
            return Ok(Self(secret));
        }
        Err(InvalidValue(
            "must be 12 to 255 letters, digits and ! @ # $ % & * _ - +, with a letter and a digit",
        ))
    }
}

impl From<PartnerSecret> for SecretString {
    fn from(PartnerSecret(secret): PartnerSecret) -> Self {
        secret
    }
}

/// A secret, and what the vendor is known to think of it.
pub(crate) struct Credential {
    partner_id: String,
    secret: SecretString,
    pub(crate) guard: Guard,
}

impl Credential {
    /// What a login sends.
    pub(crate) fn for_login(&self) -> wire::PartnerCredentials {
        wire::PartnerCredentials {
            partner_id: self.partner_id.clone().into(),
            partner_secret: self.secret.expose_secret().to_owned(),
        }
    }

    /// What a change of the secret sends.
    pub(crate) fn for_change(
        &self,
        PartnerSecret(new): &PartnerSecret,
        immediate: bool,
    ) -> wire::PartnerCredentialsWithNewSecret {
        wire::PartnerCredentialsWithNewSecret {
            partner_id: self.partner_id.clone().into(),
            partner_secret: self.secret.expose_secret().to_owned(),
            new_partner_secret: new.expose_secret().to_owned(),
            // Left out, it would mean true.
            immediate: Some(immediate),
        }
    }
}

/// The credentials of a client.
pub(crate) struct Credentials(Mutex<Known>);

struct Known {
    current: Arc<Credential>,
    /// The one that was tried or used beside it last: its guard is not forgotten.
    other: Option<Arc<Credential>>,
}

impl Credentials {
    pub(crate) fn new(config: &Config, keys: &Keys, secret: SecretString) -> Self {
        Self(Mutex::new(Known {
            current: Arc::new(credential(config, keys, secret)),
            other: None,
        }))
    }

    /// The one in use.
    pub(crate) fn current(&self) -> Arc<Credential> {
        Arc::clone(&self.known().current)
    }

    /// The one with this secret.
    pub(crate) fn with(
        &self,
        config: &Config,
        keys: &Keys,
        secret: SecretString,
    ) -> Arc<Credential> {
        let wanted = credential(config, keys, secret);
        let mut known = self.known();
        let found = [Some(&known.current), known.other.as_ref()]
            .into_iter()
            .flatten()
            .find(|credential| credential.guard.key() == wanted.guard.key())
            .map(Arc::clone);
        found.unwrap_or_else(|| Arc::clone(known.other.insert(Arc::new(wanted))))
    }

    /// Whether the one in use has this secret.
    pub(crate) fn is_current(&self, config: &Config, keys: &Keys, secret: SecretString) -> bool {
        let asked = credential(config, keys, secret);
        self.known().current.guard.key() == asked.guard.key()
    }

    /// From now on this one is in use. Answers whether it was not before.
    pub(crate) fn make_current(&self, credential: Arc<Credential>) -> bool {
        let mut known = self.known();
        if Arc::ptr_eq(&known.current, &credential) {
            return false;
        }
        let before = std::mem::replace(&mut known.current, credential);
        known.other = Some(before);
        true
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held; if it did, it would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn credential(config: &Config, keys: &Keys, secret: SecretString) -> Credential {
    let name = keys.name(&[
        b"credential",
        config.partner_id.as_bytes(),
        secret.expose_secret().as_bytes(),
        config.app_key.expose_secret().as_bytes(),
    ]);
    Credential {
        partner_id: config.partner_id.clone(),
        secret,
        guard: Guard::new(Key::new(Space::Guard, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_keeps_to_the_vendors_policy() {
        let long = format!("1{}", "a".repeat(254));
        for good in ["abcdefghijk1", "!@#$%&*_-+a1", &long] {
            assert!(PartnerSecret::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "abcdefghij1",
            "abcdefghijkl",
            "123456789012",
            "abcdefghij.1",
            "abcdefghij 1",
            "abcdefghijé1",
            &format!("{long}a"),
            "",
        ] {
            assert!(PartnerSecret::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let printed = format!(
            "{:?}",
            PartnerSecret::try_from("canarysecret1".to_owned()).unwrap()
        );
        assert!(!printed.contains("canary"), "{printed}");
    }
}
