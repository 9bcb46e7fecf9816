//! Page tokens: where a list goes on, sealed.
//!
//! A token is opaque and can't be made by a caller, belongs to the caller and the query that it was made for, and is good on every
//! replica with the same `shared.key`, after a restart too. It holds a position and up to four ids, by which the place is
//! found again, and no personal data: the query is only bound to it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use openfinance::{
    customer::CustomerType,
    id::CustomerId,
    page::{Cursor, CustomerQuery, Start},
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
    /// For whom alone its tokens are good.
    caller: String,
}

/// The first byte of what is sealed, so that another version can tell. Version 1 had the position alone, from which a list
/// that moved can't be gone on with in good faith, so its tokens are refused.
const VERSION: u8 = 2;

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
            caller: String::new(),
        }
    }

    /// The tokens of this caller, which are no other's.
    pub(crate) fn of(&self, caller: &str) -> Self {
        Self {
            caller: caller.to_owned(),
            ..self.clone()
        }
    }

    /// The token with which `query` goes on at `cursor`.
    ///
    /// # Errors
    /// INTERNAL, never met: the cipher refuses only texts of many gigabytes.
    pub(crate) fn seal(&self, query: &CustomerQuery, cursor: &Cursor) -> Result<String, Status> {
        let text = written(cursor);
        let bound = self.bound(query);
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

    /// Where `token`, the request's field of this name, says that `query` goes on; the beginning where there is no
    /// token.
    ///
    /// # Errors
    /// INVALID_PAGE_TOKEN if the token is none of ours or belongs to another query.
    pub(crate) fn open(
        &self,
        query: &CustomerQuery,
        field: &str,
        token: &str,
    ) -> Result<Cursor, Status> {
        if token.is_empty() {
            return Ok(Cursor::FIRST);
        }
        self.try_open(query, token).ok_or_else(|| {
            let rule = "is broken or belongs to another query: start again without it";
            BadFields::new(field, rule).status(Reason::InvalidPageToken)
        })
    }

    fn try_open(&self, query: &CustomerQuery, token: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: sealed,
            aad: &self.bound(query),
        };
        let text = self.cipher.decrypt(&Nonce::from(nonce), payload).ok()?;
        read(&text)
    }

    /// The caller and the query as bytes, no two of them as the same.
    fn bound(&self, query: &CustomerQuery) -> Vec<u8> {
        let CustomerQuery {
            customer_type,
            search,
        } = query;
        let word = customer_type.map_or("", CustomerType::as_str);
        let search = search.as_ref().map_or("", |search| search.as_str());
        // Only the search may hold any byte, and it stands last.
        ["customers", &self.caller, word, search]
            .join("\0")
            .into_bytes()
    }

    fn nonce(&self, text: &[u8], bound: &[u8]) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let input = [text, bound].concat();
        let _ = Hkdf::<Sha256>::new(Some(&self.nonce_key), &input).expand(b"nonce", &mut nonce);
        nonce
    }
}

/// The cursor as bytes: the version, the position, how many customers there are in front of it, and the ids of these and
/// of the one behind it, where there is one, each after its length.
pub(crate) fn written(cursor: &Cursor) -> Vec<u8> {
    let before = cursor.before();
    let mut text = vec![VERSION];
    text.extend(cursor.at().get().to_be_bytes());
    // Three at most, and an id has 19 digits at most.
    text.extend(u8::try_from(before.len()));
    for id in before.iter().chain(cursor.after()) {
        text.extend(u8::try_from(id.as_str().len()));
        text.extend(id.as_str().as_bytes());
    }
    text
}

/// The cursor that was written so; `None` if it is none, or one of another version.
pub(crate) fn read(text: &[u8]) -> Option<Cursor> {
    let (version, text) = text.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (at, text) = text.split_first_chunk()?;
    let (count, mut text) = text.split_first()?;
    let mut ids = Vec::new();
    while let Some((len, rest)) = text.split_first() {
        let (id, rest) = rest.split_at_checked(usize::from(*len))?;
        ids.push(CustomerId::try_from(String::from_utf8(id.to_vec()).ok()?).ok()?);
        text = rest;
    }
    let after = match ids.len().checked_sub(usize::from(*count))? {
        0 => None,
        1 => ids.pop(),
        _ => return None,
    };
    Cursor::new(Start::new(u32::from_be_bytes(*at))?, ids, after)
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

    fn cursor(at: u32, before: &[&str], after: Option<&str>) -> Cursor {
        let id = |id: &&str| id.parse().unwrap();
        let before = before.iter().map(id).collect();
        Cursor::new(Start::new(at).unwrap(), before, after.as_ref().map(id)).unwrap()
    }

    #[test]
    fn a_token_is_opened_by_every_replica_for_its_own_query() {
        let query = query(Some(CustomerType::Testing), "smith");
        for cursor in [
            Cursor::FIRST,
            cursor(1, &[], Some("7")),
            cursor(26, &["1005061234"], None),
            cursor(26, &["1", "0002", "9223372036854775807"], None),
            cursor(
                i32::MAX as u32,
                &["1", "2", "3"],
                Some("9223372036854775807"),
            ),
        ] {
            let token = tokens(7).seal(&query, &cursor).unwrap();
            assert_eq!(tokens(7).open(&query, FIELD, &token).unwrap(), cursor);
            assert_eq!(tokens(7).seal(&query, &cursor).unwrap(), token);
            assert!(!token.contains("smith") && !token.contains('='));
            assert!(token.len() <= 160, "{}", token.len());
        }
    }

    #[test]
    fn no_token_is_the_beginning() {
        assert_eq!(
            tokens(7).open(&query(None, ""), FIELD, "").unwrap(),
            Cursor::FIRST
        );
    }

    #[test]
    fn what_was_written_otherwise_is_no_cursor() {
        let text = written(&cursor(26, &["12", "34"], Some("56")));
        assert!(read(&text).is_some());
        for end in 0..text.len() {
            // Without the one behind it is a cursor still.
            assert_eq!(read(&text[..end]).is_some(), end == text.len() - 3, "{end}");
        }
        // The place and its version, as they were once.
        assert_eq!(read(&[1, 0, 0, 0, 26]), None);
        for (index, byte) in [
            (0, 1),
            (0, 3),
            (1, 0xff),
            (4, 0),
            (5, 0),
            (5, 1),
            (5, 4),
            (7, b'x'),
            (6, 3),
        ] {
            let mut other = text.clone();
            other[index] = byte;
            assert_eq!(read(&other), None, "{index}: {byte}");
        }
    }

    #[test]
    fn a_token_of_another_query_is_refused() {
        let token = tokens(7)
            .seal(&query(Some(CustomerType::Testing), "smith"), &Cursor::FIRST)
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
    fn a_token_of_another_caller_is_refused() {
        let query = query(None, "smith");
        let token = tokens(7).of("web").seal(&query, &Cursor::FIRST).unwrap();
        assert!(tokens(7).of("web").open(&query, FIELD, &token).is_ok());
        for other in ["batch", "we", "web2", ""] {
            let opened = tokens(7).of(other).open(&query, FIELD, &token);
            assert!(opened.is_err(), "{other}");
        }
    }

    #[test]
    fn a_token_that_was_touched_or_made_elsewhere_is_refused() {
        let query = query(None, "");
        let token = tokens(7).seal(&query, &Cursor::FIRST).unwrap();
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
