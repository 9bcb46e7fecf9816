//! The chain: each line of the file carries a keyed hash of itself and of the line before.
//!
//! Whoever lacks `shared.key` can't change, drop, move or add a line without one of the hashes behind it being wrong.
//! The keys are derived from it by HKDF, as those for page tokens are, each for its own purpose.

use chacha20poly1305::KeyInit as _;
use hkdf::{
    Hkdf,
    hmac::{Hmac, Mac as _},
};
use sha2::Sha256;

use crate::config::SharedKey;

/// What stands between a line's content and its hash.
const BEFORE_MAC: &[u8] = b",\"mac\":\"";
const AFTER_MAC: &[u8] = b"\"}";
const MAC_DIGITS: usize = 64;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A keyed hash.
pub(super) type MacBytes = [u8; 32];

/// Makes and checks the hashes of lines.
#[derive(Clone)]
pub(super) struct Chain {
    lines: Hmac<Sha256>,
    torn: Hmac<Sha256>,
    heads: Hmac<Sha256>,
    usernames: Hmac<Sha256>,
}

impl Chain {
    pub(super) fn new(key: &SharedKey) -> Self {
        let derived = Hkdf::<Sha256>::new(None, key.bytes());
        let keyed_hash = |label: &[u8]| {
            // As long as a block of SHA-256, so that HMAC takes it as it is.
            let mut key = [0; 64];
            // HKDF fails only on an output of more than 255 hashes.
            let _ = derived.expand(label, &mut key);
            Hmac::new(&key.into())
        };
        Self {
            lines: keyed_hash(b"audit line"),
            torn: keyed_hash(b"audit torn line"),
            heads: keyed_hash(b"audit head"),
            usernames: keyed_hash(b"audit username"),
        }
    }

    /// The hash of a line with this content, a JSON object, behind a line with the hash `before`.
    pub(super) fn line(&self, before: &MacBytes, content: &[u8]) -> MacBytes {
        hash(&self.lines, &[before, content])
    }

    /// The hash of what a crash left of a line.
    pub(super) fn torn(&self, bytes: &[u8]) -> String {
        hex(&hash(&self.torn, &[bytes]))
    }

    /// The hash that shows that a note of how far the file has come is ours.
    pub(super) fn head(&self, note: &[u8]) -> String {
        hex(&hash(&self.heads, &[note]))
    }

    /// What stands for a username: the same for the same name, and nothing can be told from it without the key.
    pub(super) fn username(&self, name: &[u8]) -> String {
        hex(&hash(&self.usernames, &[name])[..16])
    }
}

/// Makes the content that these bytes end with a line: with its hash, and with its end.
pub(super) fn seal(bytes: &mut Vec<u8>, mac: &MacBytes) {
    bytes.pop_if(|last| *last == b'}');
    let mut digits = [0; MAC_DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(mac) {
        pair.copy_from_slice(&pair_of(*byte));
    }
    for part in [BEFORE_MAC, &digits, AFTER_MAC, b"\n"] {
        bytes.extend_from_slice(part);
    }
}

/// The content and the hash of a line without its end; `None` if it is not written as one.
pub(super) fn opened(line: &[u8]) -> Option<(Vec<u8>, MacBytes)> {
    let rest = line.strip_suffix(AFTER_MAC)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(MAC_DIGITS)?)?;
    let open = rest.strip_suffix(BEFORE_MAC)?;
    Some(([open, b"}"].concat(), unhex(digits)?))
}

fn hash(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> MacBytes {
    let mut hash = keyed.clone();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into_bytes().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let pairs = bytes.iter().flat_map(|byte| pair_of(*byte));
    pairs.map(char::from).collect()
}

/// The two digits of a byte. Every line has some of these, and formatting would take twenty times as long.
fn pair_of(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)])
}

/// The 32 bytes that are written so; only as we write them, since otherwise a changed digit would be the same hash.
pub(super) fn unhex(digits: &[u8]) -> Option<MacBytes> {
    let mut bytes = [0; 32];
    if digits.len() != MAC_DIGITS {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_opens_as_it_was_sealed_and_only_as_we_write_it() {
        let chain = Chain::new(&SharedKey::new([7; 32]));
        let content = br#"{"seq":1}"#;
        let mac = chain.line(&[0; 32], content);
        let mut line = content.to_vec();
        seal(&mut line, &mac);
        assert_eq!(line.last(), Some(&b'\n'));
        let line = &line[..line.len() - 1];
        assert_eq!(opened(line), Some((content.to_vec(), mac)));
        let upper = String::from_utf8(line.to_vec()).unwrap();
        let digits = hex(&mac);
        let upper = upper.replace(&digits, &digits.to_uppercase());
        assert_eq!(opened(upper.as_bytes()), None);
        assert_eq!(opened(&line[1..]).map(|(_, mac)| mac), Some(mac));
        for cut in 0..line.len() {
            assert_ne!(opened(&line[..cut]), Some((content.to_vec(), mac)), "{cut}");
        }
    }

    #[test]
    fn every_byte_is_two_digits() {
        for byte in 0..=u8::MAX {
            assert_eq!(hex(&[byte]), format!("{byte:02x}"));
        }
    }

    #[test]
    fn hashes_are_of_the_key_the_place_and_the_content() {
        let hashes: std::collections::BTreeSet<_> = [
            Chain::new(&SharedKey::new([7; 32])).line(&[0; 32], b"{}"),
            Chain::new(&SharedKey::new([8; 32])).line(&[0; 32], b"{}"),
            Chain::new(&SharedKey::new([7; 32])).line(&[1; 32], b"{}"),
            Chain::new(&SharedKey::new([7; 32])).line(&[0; 32], b"{ }"),
        ]
        .into();
        assert_eq!(hashes.len(), 4);
        let chain = Chain::new(&SharedKey::new([7; 32]));
        assert_eq!(chain.username(b"smith"), chain.username(b"smith"));
        assert_ne!(chain.username(b"smith"), chain.username(b"smithe"));
        assert_eq!(chain.username(b"smith").len(), 32);
    }
}
