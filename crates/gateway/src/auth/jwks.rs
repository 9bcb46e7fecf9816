//! An issuer's public keys: where they come from, and how they are kept fresh without a call that waits for it.

use std::{
    fs::File,
    future::Future,
    io::Read as _,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use tokio::{sync::Notify, time::Instant};
use url::Url;

use crate::config::auth::KeySource;

/// The largest key set, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// How many keys of a set are looked at.
const MOST_KEYS: usize = 100;

/// How long one fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long keys count after they were last read. An issuer that can't be asked can't take a key back either.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How many keys a token without the name of one is tried with: while an issuer changes its key it has two.
const MOST_TRIED: usize = 4;

/// The public keys of an issuer, as they are at the moment.
#[derive(Debug)]
pub(super) struct Jwks {
    known: RwLock<Known>,
    /// Somebody came with a key that nobody knows.
    unknown: Notify,
}

#[derive(Debug)]
struct Known {
    keys: Arc<Vec<Key>>,
    /// Whether they have been read at all.
    is_read: bool,
    /// When they were last read, or else since when that is tried.
    since: Instant,
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
    /// No keys yet.
    pub(super) fn new() -> Self {
        let known = Known {
            keys: Arc::default(),
            is_read: false,
            since: Instant::now(),
        };
        Self {
            known: RwLock::new(known),
            unknown: Notify::new(),
        }
    }

    /// The keys that a signature of this kind may be by: those with this name, or a few of the kind for one without a name.
    /// That there is none has the keys looked for again, soon and by another task.
    pub(super) fn keys(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits =
            |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        let known = self.current().unwrap_or_default();
        let fitting = known.iter().filter(fits).take(MOST_TRIED);
        let fitting: Vec<_> = fitting.map(|key| key.key.clone()).collect();
        if fitting.is_empty() {
            self.unknown.notify_one();
        }
        fitting
    }

    /// The keys, if they were read and are not too old.
    fn current(&self) -> Option<Arc<Vec<Key>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let counts = known.is_read && known.since.elapsed() < LONGEST;
        counts.then(|| Arc::clone(&known.keys))
    }

    /// Whether the issuer has said which its keys are, lately enough for them to count.
    pub(super) fn is_usable(&self) -> bool {
        self.current().is_some()
    }

    /// How long ago the keys were read; while they never were, for how long that has been tried.
    pub(super) fn age(&self) -> Duration {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.since.elapsed()
    }

    /// These are the keys now; `None` if they are still those that they were.
    fn put(&self, keys: Option<Vec<Key>>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = keys {
            known.keys = Arc::new(keys);
        }
        known.is_read = true;
        known.since = Instant::now();
    }

    /// Keeps the keys fresh, without end. While `source` fails they stay as they are, but for no longer than a day.
    pub(super) async fn keep(&self, source: KeySource) {
        let pace = Pace::of(&source);
        self.keep_from(pace, || read(&source)).await;
    }

    /// Looks for the keys once. They stay as they are if they can't be had.
    pub(super) async fn look(&self, source: &KeySource) {
        match read(source).await.and_then(|text| keys(&text)) {
            Ok(keys) => self.put(Some(keys)),
            Err(error) => {
                tracing::warn!(%error, "the keys of the callers' issuer can't be read yet; its callers are refused");
            }
        }
    }

    async fn keep_from<F: Future<Output = Result<Vec<u8>, String>>>(
        &self,
        pace: Pace,
        read: impl Fn() -> F,
    ) {
        let mut last = None;
        let mut told = None;
        // A start does not wait for the first look, which is not to wait either.
        if !self.is_usable() {
            self.look_from(&read, &mut last, &mut told).await;
        }
        loop {
            tokio::time::sleep(pace.at_most_every).await;
            // Nobody asks for keys where nobody can be let in, so the next look can't wait for that.
            if self.is_usable() {
                let rest = pace.every.saturating_sub(pace.at_most_every);
                // An error says that the time is over, which is as good a reason.
                let _ = tokio::time::timeout(rest, self.unknown.notified()).await;
            }
            self.look_from(&read, &mut last, &mut told).await;
        }
    }

    /// Looks once; `last` is the text that the keys are from, and `told` the error that was told last.
    async fn look_from<F: Future<Output = Result<Vec<u8>, String>>>(
        &self,
        read: impl Fn() -> F,
        last: &mut Option<Vec<u8>>,
        told: &mut Option<String>,
    ) {
        let put = read().await.and_then(|text| {
            if last.as_ref() == Some(&text) {
                self.put(None);
                return Ok(());
            }
            let keys = keys(&text)?;
            if keys.is_empty() {
                tracing::error!("{NO_KEY}; its callers are refused");
            }
            self.put(Some(keys));
            *last = Some(text);
            Ok(())
        });
        match put {
            Ok(()) => *told = None,
            Err(error) if told.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::warn!(
                    %error,
                    "the keys of the callers' issuer can't be read; the old ones count for a day after they were read"
                );
                *told = Some(error);
            }
        }
    }
}

const NO_KEY: &str = "the callers' issuer has no public key for RS256, ES256 or EdDSA";

async fn read(source: &KeySource) -> Result<Vec<u8>, String> {
    let read = async {
        match source {
            KeySource::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
                read.unwrap_or_else(|_| Err("can't be read".to_owned()))
            }
            KeySource::Url(url) => fetch(url).await,
        }
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// What is in a file: in one that is none, such as a pipe, nobody knows when an end comes.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("can't be read: {error}");
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(told)?;
    let read = file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text);
    match read.map_err(told)? {
        size if size > MOST_BYTES => Err(TOO_LARGE.to_owned()),
        _ => Ok(text),
    }
}

const TOO_LARGE: &str = "is larger than 1 MiB";

/// That the file at this path has a key that can be used.
///
/// # Errors
/// In words, if it has none.
pub(crate) fn check_file(path: &Path) -> Result<(), String> {
    if keys(&read_file(path)?)?.is_empty() {
        return Err("has no public key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(())
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

/// The keys of a set that tokens may be signed with, which may be none: the issuer has taken them back then. Others are passed over, for a set may have some that are for
/// something else, and kinds that come to be one day.
fn keys(text: &[u8]) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| "is no JSON Web Key Set".to_owned())?;
    let known = set.keys.into_iter().take(MOST_KEYS);
    Ok(known.filter_map(key).collect())
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
mod tests;
