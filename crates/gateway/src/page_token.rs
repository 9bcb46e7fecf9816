//! Page tokens: where a list goes on, sealed.
//!
//! A token is opaque and can't be made by a caller, belongs to the query that it was made for, and is good on every
//! replica with the same `shared.key`, after a restart too. It holds no personal data: the query is only bound to it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use openfinance::{
    customer::CustomerType,
    page::{CustomerQuery, Start},
};
use sha2::Sha256;
use tonic::Status;

use crate::{config::SharedKey, convert::BadFields, failure::Failure, reason::Reason};

/// Seals and opens page tokens.
#[derive(Clone)]
pub(crate) struct PageTokens {
    cipher: ChaCha20Poly1305,
    /// Nonces are derived from what is sealed: two tokens have one nonce only where they are the same token.
    nonce_key: [u8; 32],
}

/// The first byte of what is sealed, so that another version can tell.
const VERSION: u8 = 1;

const NONCE_LEN: usize = 12;

impl PageTokens {
    /// Tokens under keys derived from `key`.
    pub(crate) fn new(key: &SharedKey) -> Self {
        let derived = Hkdf::<Sha256>::new(None, key.bytes());
        let derive = |label: &[u8]| {
            let mut out = [0; 32];
            // HKDF fails only on an output of more than 255 hashes.
            let _ = derived.expand(label, &mut out);
            out
        };
        Self {
            cipher: ChaCha20Poly1305::new(&derive(b"page token").into()),
            nonce_key: derive(b"page token nonce"),
        }
    }

    /// The token with which `query` goes on at `start`.
    ///
    /// # Errors
    /// INTERNAL, never met: the cipher refuses only texts of many gigabytes.
    pub(crate) fn seal(&self, query: &CustomerQuery, start: Start) -> Result<String, Status> {
        let mut text = [0; 5];
        text[0] = VERSION;
        text[1..].copy_from_slice(&start.get().to_be_bytes());
        let bound = bound(query);
        let nonce = self.nonce(&text, &bound);
        let payload = Payload {
            msg: &text,
            aad: &bound,
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Failure::internal())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), sealed.as_slice()].concat()))
    }

    /// Where `token`, the request's field of this name, says that `query` goes on; the first record where there is no
    /// token.
    ///
    /// # Errors
    /// INVALID_PAGE_TOKEN if the token is none of ours or belongs to another query.
    pub(crate) fn open(
        &self,
        query: &CustomerQuery,
        field: &str,
        token: &str,
    ) -> Result<Start, Status> {
        if token.is_empty() {
            return Ok(Start::FIRST);
        }
        self.try_open(query, token).ok_or_else(|| {
            let rule = "is broken or belongs to another query: start again without it";
            BadFields::new(field, rule).status(Reason::InvalidPageToken)
        })
    }

    fn try_open(&self, query: &CustomerQuery, token: &str) -> Option<Start> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: sealed,
            aad: &bound(query),
        };
        let text = self.cipher.decrypt(&Nonce::from(nonce), payload).ok()?;
        let (version, start) = text.split_first()?;
        let start = u32::from_be_bytes(start.try_into().ok()?);
        if *version == VERSION {
            Start::new(start)
        } else {
            None
        }
    }

    fn nonce(&self, text: &[u8], bound: &[u8]) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let input = [text, bound].concat();
        let _ = Hkdf::<Sha256>::new(Some(&self.nonce_key), &input).expand(b"nonce", &mut nonce);
        nonce
    }
}

/// The query as bytes, no two queries as the same.
fn bound(query: &CustomerQuery) -> Vec<u8> {
    let CustomerQuery {
        customer_type,
        search,
    } = query;
    let word = customer_type.map_or("", CustomerType::as_str);
    let search = search.as_ref().map_or("", |search| search.as_str());
    [b"customers\0", word.as_bytes(), b"\0", search.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    const FIELD: &str = "resume_token";

    fn tokens(byte: u8) -> PageTokens {
        PageTokens::new(&SharedKey::new([byte; 32]))
    }

    fn query(customer_type: Option<CustomerType>, search: &str) -> CustomerQuery {
        CustomerQuery {
            customer_type,
            search: search.parse().ok(),
        }
    }

    #[test]
    fn a_token_is_opened_by_every_replica_for_its_own_query() {
        let query = query(Some(CustomerType::Testing), "smith");
        let start = Start::new(26).unwrap();
        let token = tokens(7).seal(&query, start).unwrap();
        assert_eq!(tokens(7).open(&query, FIELD, &token).unwrap(), start);
        assert!(!token.contains("smith") && !token.contains('='));
    }

    #[test]
    fn no_token_is_the_beginning() {
        assert_eq!(
            tokens(7).open(&query(None, ""), FIELD, "").unwrap(),
            Start::FIRST
        );
    }

    #[test]
    fn a_token_of_another_query_is_refused() {
        let token = tokens(7)
            .seal(&query(Some(CustomerType::Testing), "smith"), Start::FIRST)
            .unwrap();
        for other in [
            query(Some(CustomerType::Testing), "smit"),
            query(Some(CustomerType::Active), "smith"),
            query(None, "smith"),
            query(Some(CustomerType::Testing), ""),
        ] {
            let status = tokens(7).open(&other, FIELD, &token).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().starts_with(FIELD), "{status}");
            assert_eq!(violated(status), [FIELD]);
        }
    }

    #[test]
    fn a_token_that_was_touched_or_made_elsewhere_is_refused() {
        let query = query(None, "");
        let token = tokens(7).seal(&query, Start::FIRST).unwrap();
        assert!(tokens(8).open(&query, FIELD, &token).is_err());
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let touched = String::from_utf8(bytes).unwrap();
            assert!(
                tokens(7).open(&query, FIELD, &touched).is_err(),
                "byte {index}"
            );
        }
        for bad in [
            "x",
            "1",
            &token[1..],
            &format!("{token}A"),
            "é",
            &format!("{token}="),
        ] {
            assert!(tokens(7).open(&query, FIELD, bad).is_err(), "{bad}");
        }
    }
}
