//! An issuer's public keys: where they come from, and how they are kept fresh without a call that waits for it.

use std::{
    future::Future,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use tokio::sync::Notify;
use url::Url;

use crate::config::auth::KeySource;

/// The largest key set, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// How many keys of a set are looked at.
const MOST_KEYS: usize = 100;

/// How long one fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The public keys of an issuer, as they are at the moment.
#[derive(Debug, Default)]
pub(super) struct Jwks {
    keys: RwLock<Arc<Vec<Key>>>,
    /// Somebody came with a key that nobody knows.
    unknown: Notify,
}

/// One public key of an issuer.
#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// How often keys are looked for.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Without a reason.
    every: Duration,
    /// At most, whatever the reason: callers may send names of keys that nobody has, without end.
    at_most_every: Duration,
}

impl Pace {
    fn of(source: &KeySource) -> Self {
        let (every, at_most_every) = match source {
            KeySource::File(_) => (2, 1),
            KeySource::Url(_) => (300, 10),
        };
        Self {
            every: Duration::from_secs(every),
            at_most_every: Duration::from_secs(at_most_every),
        }
    }
}

impl Jwks {
    /// The key with this name, for this kind of signature; without a name, the only one of the kind. That there is none
    /// has the keys looked for again, soon and by another task.
    pub(super) fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let mut fitting = keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key.key.clone()),
            (None, _) => {
                self.unknown.notify_one();
                None
            }
            (Some(_), Some(_)) => None,
        }
    }

    fn put(&self, keys: Vec<Key>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Keeps the keys fresh, without end. They stay as they are while `source` fails.
    pub(super) async fn keep(&self, source: KeySource) {
        let pace = Pace::of(&source);
        self.keep_from(pace, || read(&source)).await;
    }

    /// Looks for the keys once.
    ///
    /// # Errors
    /// In words, if they can't be had; they stay as they are then.
    pub(super) async fn look(&self, source: &KeySource) -> Result<(), String> {
        self.put(keys(&read(source).await?)?);
        Ok(())
    }

    async fn keep_from<F: Future<Output = Result<Vec<u8>, String>>>(
        &self,
        pace: Pace,
        read: impl Fn() -> F,
    ) {
        let mut last = Vec::new();
        loop {
            tokio::time::sleep(pace.at_most_every).await;
            let rest = pace.every.saturating_sub(pace.at_most_every);
            // An error says that the time is over, which is as good a reason.
            let _ = tokio::time::timeout(rest, self.unknown.notified()).await;
            let put = read().await.and_then(|text| {
                if text != last {
                    self.put(keys(&text)?);
                    last = text;
                }
                Ok(())
            });
            if let Err(error) = put {
                tracing::warn!(%error, "the keys of the callers' issuer can't be read; the old ones stay");
            }
        }
    }
}

async fn read(source: &KeySource) -> Result<Vec<u8>, String> {
    match source {
        KeySource::File(path) => read_file(path),
        KeySource::Url(url) => {
            let fetched = tokio::time::timeout(PATIENCE, fetch(url)).await;
            fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    match size {
        Ok(size) if size > MOST_BYTES as u64 => Err(TOO_LARGE.to_owned()),
        Ok(_) => std::fs::read(path).map_err(|error| format!("can't be read: {error}")),
        Err(error) => Err(format!("can't be read: {error}")),
    }
}

const TOO_LARGE: &str = "is larger than 1 MiB";

/// That the file at this path has a key that can be used.
///
/// # Errors
/// In words, if it has none.
pub(crate) fn check_file(path: &Path) -> Result<(), String> {
    keys(&read_file(path)?).map(|_| ())
}

async fn fetch(url: &Url) -> Result<Vec<u8>, String> {
    // An error says that there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    let told = |error: reqwest::Error| error.without_url().to_string();
    let builder = match url.scheme() {
        "https" => builder.https_only(true),
        _ => builder.no_proxy().tls_certs_only([]),
    };
    let client = builder.build().map_err(told)?;
    let mut answer = client.get(url.clone()).send().await.map_err(told)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("the answer is {}", answer.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(told)? {
        if text.len() + chunk.len() > MOST_BYTES {
            return Err(TOO_LARGE.to_owned());
        }
        text.extend(chunk);
    }
    Ok(text)
}

/// The keys of a set that tokens may be signed with. Others are passed over, for a set may have some that are for
/// something else, and kinds that come to be one day.
fn keys(text: &[u8]) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| "is no JSON Web Key Set".to_owned())?;
    let known = set.keys.into_iter().take(MOST_KEYS).filter_map(key);
    let keys: Vec<_> = known.collect();
    if keys.is_empty() {
        return Err("has no public key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(keys)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what may be a key one day is none today"
)]
fn key(value: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let kind = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        _ => return None,
    };
    let common = &jwk.common;
    let is_meant = common
        .key_algorithm
        .is_none_or(|named| named == KeyAlgorithm::from(kind))
        && common
            .public_key_use
            .as_ref()
            .is_none_or(|meant| *meant == PublicKeyUse::Signature);
    Some(Key {
        id: jwk.common.key_id.clone(),
        algorithm: kind,
        key: is_meant.then(|| DecodingKey::from_jwk(&jwk).ok())??,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"NAME"}"#;

    fn set(names: &[&str]) -> Vec<u8> {
        let keys: Vec<_> = names
            .iter()
            .map(|name| ED25519.replace("NAME", name))
            .collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes()
    }

    fn knows(jwks: &Jwks, name: &str) -> bool {
        jwks.key(Some(name), Algorithm::EdDSA).is_some()
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        let others = [
            r#"{"kty":"oct","k":"c2VjcmV0","kid":"a"}"#.to_owned(),
            r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA","kid":"a"}"#.to_owned(),
            r#"{"kty":"new","kid":"a"}"#.to_owned(),
            "7".to_owned(),
            ED25519.replace(r#""kid":"#, r#""use":"enc","kid":"#),
            ED25519.replace(r#""kid":"#, r#""alg":"HS256","kid":"#),
        ];
        for other in others {
            let alone = format!(r#"{{"keys":[{other}]}}"#);
            assert!(keys(alone.as_bytes()).is_err(), "{other}");
            let beside = format!(r#"{{"keys":[{other},{ED25519}]}}"#);
            assert_eq!(keys(beside.as_bytes()).unwrap().len(), 1, "{other}");
        }
        for text in ["", "{}", "[]", "canary"] {
            assert!(keys(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn without_a_name_the_only_key_of_its_kind_is_meant() {
        let jwks = Jwks::default();
        jwks.put(keys(&set(&["a"])).unwrap());
        assert!(jwks.key(None, Algorithm::EdDSA).is_some());
        assert!(jwks.key(None, Algorithm::RS256).is_none());
        assert!(jwks.key(Some("a"), Algorithm::ES256).is_none());
        jwks.put(keys(&set(&["a", "b"])).unwrap());
        assert!(jwks.key(None, Algorithm::EdDSA).is_none());
        assert!(knows(&jwks, "a") && knows(&jwks, "b"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_is_looked_for_at_once_and_then_no_more_than_the_pace_allows() {
        let (jwks, reads) = (Arc::new(Jwks::default()), Arc::new(AtomicUsize::new(0)));
        let (kept, counted) = (Arc::clone(&jwks), Arc::clone(&reads));
        let pace = Pace {
            every: Duration::from_secs(300),
            at_most_every: Duration::from_secs(10),
        };
        let keeping = tokio::spawn(async move {
            let read = || {
                let text = match counted.fetch_add(1, Ordering::Relaxed) {
                    0 => Ok(set(&["a"])),
                    1 => Err("gone".to_owned()),
                    _ => Ok(set(&["b"])),
                };
                std::future::ready(text)
            };
            kept.keep_from(pace, read).await;
        });
        assert!(!knows(&jwks, "a"));
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert!(knows(&jwks, "a"));
        // A hundred strangers, one look; and while it fails, the old keys stay.
        for _ in 0..100 {
            assert!(!knows(&jwks, "z"));
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        assert!(knows(&jwks, "a"));
        // Nobody asks, so the next look is a while away, and takes the key that is gone away.
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(reads.load(Ordering::Relaxed), 3);
        assert!(knows(&jwks, "b") && !knows(&jwks, "a"));
        keeping.abort();
    }
}
