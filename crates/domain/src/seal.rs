//! Keys for what is stored: values are sealed, and what names or compares them is a keyed hash.
//!
//! Whoever reads a store learns nothing from it without [`Shared`]'s key: names and fingerprints are HMAC-SHA-256, because
//! a plain hash of a social security number is found by trying them all, and values are XChaCha20-Poly1305, bound to
//! the place where they are kept. Each purpose has its own key, derived by HKDF-SHA-256.

use std::fmt::Write as _;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Generate as _, Payload},
};
use hkdf::{
    Hkdf,
    hmac::{Hmac, Mac as _},
};
use secrecy::ExposeSecret as _;
use sha2::Sha256;

use crate::{client::Shared, store};

/// The first byte of what is sealed, so that another version can tell.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// The keys derived from a [`Shared`] key. Equal in all processes that share it.
pub(crate) struct Keys {
    names: Hmac<Sha256>,
    fingerprints: Hmac<Sha256>,
    values: XChaCha20Poly1305,
}

impl Keys {
    pub(crate) fn new(shared: &Shared) -> Self {
        let derived = Hkdf::<Sha256>::new(None, shared.key.expose_secret());
        // HKDF fails only on an output of more than 255 hashes.
        let keyed_hash = |label: &[u8]| {
            // As long as a block of SHA-256, so that HMAC takes it as it is.
            let mut key = [0; 64];
            let _ = derived.expand(label, &mut key);
            Hmac::new(&key.into())
        };
        let mut value_key = [0; 32];
        let _ = derived.expand(b"value at rest", &mut value_key);
        Self {
            names: keyed_hash(b"store name"),
            fingerprints: keyed_hash(b"fingerprint"),
            values: XChaCha20Poly1305::new(&value_key.into()),
        }
    }

    /// The name of what these parts identify: 64 hex digits. Other parts, or the same bytes cut elsewhere, have another
    /// name.
    pub(crate) fn name(&self, parts: &[&[u8]]) -> String {
        hex(&hash(&self.names, parts))
    }

    /// What tells whether two contents are the same, and nothing else about them: 64 hex digits.
    pub(crate) fn fingerprint(&self, content: &[u8]) -> String {
        hex(&hash(&self.fingerprints, &[content]))
    }

    /// Seals what is to be kept under `key`. The same text is never sealed alike twice.
    pub(crate) fn seal(&self, key: &store::Key, text: &[u8]) -> Vec<u8> {
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: text,
            aad: &place(key),
        };
        let sealed = self.values.encrypt(&nonce, payload);
        // It refuses only texts of many gigabytes, for which there is nothing that opens.
        sealed.map_or_else(
            |_| Vec::new(),
            |sealed| [&[VERSION], nonce.as_slice(), &sealed].concat(),
        )
    }

    /// What was sealed for `key`; `None` if it was not, or not under this key of ours.
    pub(crate) fn open(&self, key: &store::Key, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, sealed) = sealed.split_first()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload {
            msg: sealed,
            aad: &place(key),
        };
        let text = self.values.decrypt(nonce.into(), payload).ok()?;
        (*version == VERSION).then_some(text)
    }
}

/// A number that nobody else draws.
pub(crate) fn random_id() -> u64 {
    u64::generate()
}

/// A value that nobody else draws, by which a lease is known for one's own.
pub(crate) fn random_word() -> Vec<u8> {
    random_id().to_be_bytes().to_vec()
}

/// Where a value is kept, as bytes: no space's word has a slash.
fn place(key: &store::Key) -> Vec<u8> {
    format!("{}/{}", key.space.as_str(), key.name).into_bytes()
}

fn hash(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = keyed.clone();
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::store::{Memory, Space};

    fn keys(key: u8) -> Keys {
        Keys::new(&Shared::new(Arc::new(Memory::new()), [key; 32]))
    }

    #[test]
    fn a_name_is_of_its_parts_and_of_the_key() {
        let names: BTreeSet<_> = [
            keys(1).name(&[b"ab", b"c"]),
            keys(1).name(&[b"a", b"bc"]),
            keys(1).name(&[b"abc"]),
            keys(1).name(&[b"abc", b""]),
            keys(2).name(&[b"ab", b"c"]),
        ]
        .into();
        assert_eq!(names.len(), 5);
        assert_eq!(keys(1).name(&[b"abc"]), keys(1).name(&[b"abc"]));
        for name in names {
            assert_eq!(name.len(), 64);
            assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_the_content_and_of_the_key() {
        assert_eq!(keys(1).fingerprint(b"a"), keys(1).fingerprint(b"a"));
        assert_ne!(keys(1).fingerprint(b"a"), keys(1).fingerprint(b"b"));
        assert_ne!(keys(1).fingerprint(b"a"), keys(2).fingerprint(b"a"));
    }

    /// There are 10^9 social security numbers, so whoever can try them all needs no weakness of the hash.
    #[test]
    fn a_number_can_not_be_guessed_from_what_is_kept() {
        use sha2::Digest as _;

        let content = |number: u32| {
            let digits = format!("{number:09}");
            let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
            format!(r#"{{"lastName":"Quackenbush","ssn":"{area}-{group}-{serial}"}}"#)
        };
        let truth = 509_318_642;
        let kept = keys(1).fingerprint(content(truth).as_bytes());
        let stranger = keys(0);
        let empty: Hmac<Sha256> = Hmac::new(&[0; 64].into());
        for number in truth - 10_000..truth + 10_000 {
            let content = content(number);
            let guesses = [
                hex(&Sha256::digest(&content)),
                hex(&Sha256::digest(number.to_string())),
                stranger.fingerprint(content.as_bytes()),
                hex(&hash(&empty, &[content.as_bytes()])),
            ];
            assert!(!guesses.contains(&kept), "a number has been guessed");
        }
        // With the key the search would have found it.
        assert_eq!(keys(1).fingerprint(content(truth).as_bytes()), kept);
    }

    #[test]
    fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let place = store::Key::new(Space::Token, "1");
        let sealed = keys(1).seal(&place, b"canary");
        let opened = keys(1).open(&place, &sealed);
        assert_eq!(opened.as_deref(), Some(b"canary".as_slice()));
        assert_eq!(keys(2).open(&place, &sealed), None);
        for elsewhere in [
            store::Key::new(Space::Intent, "1"),
            store::Key::new(Space::Token, "2"),
        ] {
            assert_eq!(keys(1).open(&elsewhere, &sealed), None);
        }
        assert_ne!(sealed, keys(1).seal(&place, b"canary"));
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let place = store::Key::new(Space::Token, "1");
        let sealed = keys(1).seal(&place, b"canary");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys(1).open(&place, &changed), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(
                keys(1).open(&place, &sealed[..length]),
                None,
                "{length} bytes"
            );
        }
    }
}
