//! Callers by key: the header `x-api-key`.

use http::{HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::config::auth::StaticKey;

/// The header with the key.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The shortest and the longest key that is looked at, in bytes. Nothing shorter is 32 random bytes, whatever its hash: an
/// empty header is nobody's key.
const LEAST: usize = 16;
const MOST: usize = 1_024;

/// Whose key this is. How long the search takes tells nothing of the keys: each is compared, and whole.
pub(super) fn holder<'a>(keys: &'a [StaticKey], sent: &HeaderValue) -> Option<&'a str> {
    if !(LEAST..=MOST).contains(&sent.len()) {
        return None;
    }
    let hash: [u8; 32] = Sha256::digest(sent.as_bytes()).into();
    let mut found = Choice::from(0);
    let mut place = 0;
    for (index, key) in (0..).zip(keys) {
        let same = key.sha256.expose_secret().ct_eq(&hash);
        place = u32::conditional_select(&place, &index, same);
        found |= same;
    }
    let place = bool::from(found).then_some(place)?;
    keys.get(usize::try_from(place).ok()?)
        .map(|key| key.principal.as_str())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretBox;

    use super::*;

    fn keys(texts: &[&str]) -> Vec<StaticKey> {
        let key = |text: &&str| StaticKey {
            principal: format!("holder of {text}"),
            sha256: SecretBox::new(Box::new(Sha256::digest(text).into())),
        };
        texts.iter().map(key).collect()
    }

    fn sent(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    const ONE: &str = "one-0123456789abcdef";

    #[test]
    fn a_key_is_its_holders_wherever_it_stands() {
        let texts = [ONE, "two-0123456789abcdef", "16-characters-it"];
        let keys = keys(&texts);
        for text in texts {
            assert_eq!(
                holder(&keys, &sent(text)),
                Some(format!("holder of {text}").as_str())
            );
        }
    }

    #[test]
    fn what_is_almost_a_key_is_none() {
        let keys = keys(&[ONE]);
        let hash: String = Sha256::digest(ONE)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (cut, longer) = (&ONE[1..], format!("{ONE}f"));
        let (upper, spaced) = (ONE.to_uppercase(), format!(" {ONE}"));
        let long = ONE.repeat(100);
        for text in ["", cut, &longer, &upper, &spaced, &hash, &long] {
            assert_eq!(holder(&keys, &sent(text)), None, "{text}");
        }
        assert_eq!(holder(&[], &sent(ONE)), None);
    }

    #[test]
    fn what_is_too_short_or_too_long_is_no_key_whatever_the_settings_say() {
        let (short, long) = ("15-characters-i", "l".repeat(MOST + 1));
        let keys = keys(&["", short, &long]);
        for text in ["", short, &long] {
            assert_eq!(holder(&keys, &sent(text)), None, "{text}");
        }
    }
}
