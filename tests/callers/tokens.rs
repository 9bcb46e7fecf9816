//! Callers by token, through the gateway: an issuer with a key of its own, its key set in a file.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openfinance_gateway::config::auth::{Jwt, KeySource};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::*;

pub(crate) const HEADER: &str = r#"{"alg":"EdDSA","kid":"one"}"#;
/// Valid until the year 2100.
pub(crate) const CLAIMS: &str = r#"{"sub":"web","iss":"https://login.example.com","aud":"openfinance","exp":4102444800,"nbf":1700000000}"#;

const WHO: &str = "/openfinance.v1.GatewayService/GetCallerIdentity";

pub(crate) fn key() -> Ed25519KeyPair {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap()
}

fn message(header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", encode(header), encode(claims))
}

pub(crate) fn sign(key: &Ed25519KeyPair, header: &str, claims: &str) -> String {
    let message = message(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// The issuer with this key, whose key set is written to a file in this folder.
pub(crate) fn issuer(key: &Ed25519KeyPair, folder: &Path) -> Jwt {
    let public = URL_SAFE_NO_PAD.encode(key.public_key());
    let set = format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"one","use":"sig","x":"{public}"}}]}}"#
    );
    let file = folder.join("jwks.json");
    std::fs::write(&file, set).unwrap();
    Jwt {
        issuer: "https://login.example.com".to_owned(),
        audience: "openfinance".to_owned(),
        keys: KeySource::File(file),
    }
}

/// A world that takes tokens of the issuer with this key, and the keys of the caller `batch`.
async fn issued_by(key: &Ed25519KeyPair) -> World {
    let folder = tempfile::tempdir().unwrap();
    let auth = by_key(&[
        ("batch", &[Role::Admin], &[]),
        ("web", &[], &["gateway.read"]),
    ]);
    let keys = auth
        .keys
        .into_iter()
        .filter(|key| key.principal == "batch")
        .collect();
    // The gateway has read the file when it serves.
    world(Auth {
        jwt: Some(issuer(key, folder.path())),
        keys,
        ..auth
    })
    .await
}

fn bearer(token: &str) -> MetadataMap {
    let mut headers = MetadataMap::new();
    let value = format!("Bearer {token}").parse().unwrap();
    headers.insert("authorization", value);
    headers
}

#[tokio::test]
async fn the_holder_of_a_token_is_who_it_names_and_may_do_what_the_policy_says() {
    let key = key();
    let world = issued_by(&key).await;
    let token = sign(&key, HEADER, CLAIMS);
    let request = pb::GetCallerIdentityRequest {};
    let request = Request::from_parts(bearer(&token), Default::default(), request);
    let identity = world.gateway_itself().get_caller_identity(request).await;
    assert_eq!(
        identity.map(world.seen()).unwrap(),
        pb::CallerIdentity {
            principal: "web".to_owned(),
            method: pb::CallerMethod::Jwt.into(),
            permissions: vec!["gateway.read".to_owned()],
        }
    );
    // A permission that the token claims for itself is none.
    let proud = CLAIMS.replace(
        r#""sub":"web","#,
        r#""sub":"web","roles":["admin"],"scope":"customers.read","#,
    );
    for (claims, code) in [
        (proud.as_str(), Code::PermissionDenied),
        (&CLAIMS.replace("web", "stranger"), Code::PermissionDenied),
        // An issuer may give it to anybody: the name is that of a key.
        (&CLAIMS.replace("web", "batch"), Code::PermissionDenied),
    ] {
        let headers = bearer(&sign(&key, HEADER, claims));
        let path = "/openfinance.v1.CustomerService/GetCustomer";
        let status = call(&world, path, headers).await.unwrap_err();
        assert_eq!(
            (status.code(), &*reason(&status)),
            (code, "CALLER_FORBIDDEN")
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_token_with_any_one_defect_is_none() {
    let key = key();
    let world = issued_by(&key).await;
    let claims = |from: &str, to: &str| {
        assert!(CLAIMS.contains(from), "{from}");
        sign(&key, HEADER, &CLAIMS.replace(from, to))
    };
    let good = sign(&key, HEADER, CLAIMS);
    let (body, signature) = good.rsplit_once('.').unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_key().as_ref());
    let by_secret = message(r#"{"alg":"HS256","kid":"one"}"#, CLAIMS);
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&secret, by_secret.as_bytes()));
    for (defect, token) in [
        ("ended", claims("4102444800", "1700000001")),
        ("endless", claims(r#","exp":4102444800"#, "")),
        ("not begun", claims("1700000000", "4102444700")),
        ("other issuer", claims("login.", "other.")),
        (
            "no issuer",
            claims(r#""iss":"https://login.example.com","#, ""),
        ),
        ("other audience", claims("openfinance", "payments")),
        ("no audience", claims(r#""aud":"openfinance","#, "")),
        ("no subject", claims(r#""sub":"web","#, "")),
        ("unsigned", message(r#"{"alg":"none"}"#, CLAIMS) + "."),
        ("signed with a public key", format!("{by_secret}.{tag}")),
        (
            "unknown key",
            sign(&key, r#"{"alg":"EdDSA","kid":"two"}"#, CLAIMS),
        ),
        ("key of another issuer", sign(&self::key(), HEADER, CLAIMS)),
        ("no signature", format!("{body}.")),
        (
            "claims of another",
            message(HEADER, &CLAIMS.replace("web", "batch")) + "." + signature,
        ),
        ("no token", "batch".to_owned()),
    ] {
        let status = call(&world, WHO, bearer(&token)).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unauthenticated, "CALLER_UNAUTHENTICATED"),
            "{defect}"
        );
        // What is wrong with it is the issuer's affair: all are told the same.
        assert!(!status.message().contains("token"), "{defect}");
    }
    call(&world, WHO, bearer(&good)).await.unwrap();
    let mut twice = bearer(&good);
    twice.append("authorization", format!("Bearer {good}").parse().unwrap());
    let mut both = bearer(&good);
    both.insert("x-api-key", key_of("batch").parse().unwrap());
    let mut bad_beside_good = bearer(&claims("login.", "other."));
    bad_beside_good.insert("x-api-key", key_of("batch").parse().unwrap());
    for headers in [twice, both, bad_beside_good] {
        let status = call(&world, WHO, headers).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    call(&world, WHO, key_header("batch")).await.unwrap();
    world.stop().await;
}
