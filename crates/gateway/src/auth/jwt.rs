//! Callers by JSON Web Token: the header `authorization: Bearer`.
//!
//! A token is taken from one issuer, for one audience, while it is valid, and only with a signature of one of the
//! issuer's public keys. Secrets that issuer and gateway would share (`HS256`) are not provided for, and neither are
//! tokens without a signature.

mod crypto;

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::jwks::Jwks;
use crate::config::auth::{Jwt, is_principal};

/// The longest token that is looked at, in bytes.
const MOST: usize = 4 * 1_024;

/// How far the issuer's clock and ours may be apart.
const SKEW: Duration = Duration::from_secs(60);

/// What signatures are taken.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Reads tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    issuer: String,
    audience: String,
    /// The keys that its signatures are by.
    pub(super) jwks: Arc<Jwks>,
}

/// What a token must say; of the rest nothing is read.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// As a text alone: a list of issuers is none.
    iss: String,
    exp: f64,
    nbf: Option<f64>,
}

impl Tokens {
    pub(super) fn new(jwt: &Jwt, jwks: Arc<Jwks>) -> Self {
        crypto::install();
        Self {
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            jwks,
        }
    }

    /// Whose token a header `authorization` has; `None` if it has none that holds `now`.
    pub(super) fn holder(&self, header: &HeaderValue, now: Timestamp) -> Option<String> {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.len() > MOST {
            return None;
        }
        let header = decode_header(token).ok()?;
        // What the issuer says must be understood is not.
        let is_for_access = is_for_access(header.typ.as_deref());
        if header.crit.is_some() || !is_for_access || !ALGORITHMS.contains(&header.alg) {
            return None;
        }
        let keys = self.jwks.keys(header.kid.as_deref(), header.alg);
        let mut claims = keys
            .iter()
            .filter_map(|key| self.claims(token, key, header.alg));
        let claims = claims.next()?;
        let now = now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        let skew = SKEW.as_secs_f64();
        let begun = claims.nbf.is_none_or(|begin| begin <= now + skew);
        let ended = claims.exp <= now - skew;
        // A number that is none compares as false.
        let valid = begun && !ended && claims.exp.is_finite();
        (valid && claims.iss == self.issuer && is_principal(&claims.sub)).then_some(claims.sub)
    }

    fn claims(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        // The library asks the system for the time; ours is told.
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        let token = decode::<Claims>(token, key, &validation).ok()?;
        Some(token.claims)
    }
}

/// Whether a token of this type is one to call with. Issuers sign other things too, such as logout tokens (`logout+jwt`) and
/// proofs of possession (`dpop+jwt`), which say nothing of the kind.
fn is_for_access(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        ["jwt", "at+jwt"].contains(&kind)
    })
}

#[cfg(test)]
mod tests;
