//! Keys of callers, as settings have them.

use std::fmt::Write as _;

/// An entry of `[[auth.keys]]` that makes whoever has this key this principal.
pub(crate) fn entry(principal: &str, key: &str) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(key.as_bytes());
    let hash = hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("[[auth.keys]]\nprincipal = \"{principal}\"\nsha256 = \"{hash}\"\n")
}
