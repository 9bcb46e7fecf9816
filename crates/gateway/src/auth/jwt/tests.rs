//! Every defect that a token may have, one by one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use super::*;
use crate::config::auth::KeySource;

/// A public key and a token that was signed with its private one, which is kept nowhere.
const RSA_MODULUS: &str = "mCeqYGb9a9vhuMD0AHooWJFMvgV3cMzWf5a-Mv07csvNhOcS16iBoxg0FBOVMSbcrBRrUAxY9VQ5OxaA69Or-rLigeheeblU4B5BZB0no0eFHL1Gb6PhQ88FmGTUU1YiSA7jyCpnuEuzx9hwUhTGOMBwwMQqX8w1h2x3_Af4iWCyf-JkMc8Jh8hsBJ6KqB-fea_oA5xJdJ6RSsPrRul32wGnj9ipjLL79iVIhvsH7qq0u9R44xjOv9fk63FtzO5MMmeWaPKYu27t2kJQd5zTOow22Al5ylOGnzU-wl_HySSROU5IN9GHynvMjK68xfXYz0qGjZxzII_MAed2NpDoFQ";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJyc2EtY2FsbGVyIiwiaXNzIjoiaHR0cHM6Ly9sb2dpbi5leGFtcGxlLmNvbSIsImF1ZCI6Im9wZW5maW5hbmNlIiwiZXhwIjoxODAwMDAwMDAwfQ.lbSmZgrjhHNh4Wm8DOnV_fRtWbgmZei7eJB_zQ2O5UEt_5-7iJEA8_Wa8B38VT88LD9-ySqYlzDrUjVd6qCojZJEXmTiLWWD1zfyXdBHVvlS-V-QEmpy4rASbLP-a4N-RpBxo9ZpK2tnH_FhDhFk5WybReozQKpF1KWWk2n1GjNNDPz2oiUAgi1y92h94x7pGQBlwcsYPCirbfoMz9Qmo2MNwzdu6vX4hLeOdDBNLvaU7405aleb6pL-GYDe1LjOthIirjTu2zlPsDXvLFBBZNt3RvrOWptoylcAVLcvELBL5F5zmcS_rU1B6_RawzVCxM-zBiQepjFVaPItCpnUww";

const ISSUER: &str = "https://login.example.com";

/// The time, in seconds; tokens end a thousand later.
const NOW: i64 = 1_799_999_000;

struct Issuer {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let p256 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self {
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap(),
            p256: EcdsaKeyPair::from_pkcs8(kind, p256.as_ref(), &random).unwrap(),
        }
    }

    /// Reads tokens by the keys `ed`, `ec` and `rsa`.
    async fn tokens(&self) -> Tokens {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let ed = encode(self.ed25519.public_key().as_ref());
        let point = self.p256.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        let set = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{ed}","kid":"ed"}},
                {{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"ec"}},
                {{"kty":"RSA","n":"{RSA_MODULUS}","e":"AQAB","kid":"rsa"}}]}}"#
        );
        tokens_by(&set).await
    }

    /// A token with these words of JSON, signed by the Ed25519 key.
    fn sign(&self, header: &str, claims: &str) -> String {
        let message = message(header, claims);
        let signature = self.ed25519.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Reads tokens by the keys of this set.
async fn tokens_by(set: &str) -> Tokens {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, set).unwrap();
    let jwt = Jwt {
        issuer: ISSUER.to_owned(),
        audience: "openfinance".to_owned(),
        keys: KeySource::File(path),
    };
    let jwks = Arc::new(Jwks::new());
    jwks.look(&jwt.keys).await;
    assert!(jwks.is_usable());
    Tokens::new(&jwt, jwks)
}

fn message(header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", encode(header), encode(claims))
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;
const CLAIMS: &str = r#"{"sub":"web","iss":"https://login.example.com","aud":"openfinance","exp":1800000000,"nbf":1799998000}"#;

fn holder(tokens: &Tokens, token: &str, now: i64) -> Option<String> {
    let header = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    tokens.holder(&header, Timestamp::from_second(now).unwrap())
}

#[tokio::test]
async fn a_token_of_each_kind_is_taken() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens().await;
    let ed = issuer.sign(HEADER, CLAIMS);
    assert_eq!(holder(&tokens, &ed, NOW).as_deref(), Some("web"));
    let message = message(r#"{"alg":"ES256","kid":"ec"}"#, CLAIMS);
    let signature = issuer
        .p256
        .sign(&SystemRandom::new(), message.as_bytes())
        .unwrap();
    let ec = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_eq!(holder(&tokens, &ec, NOW).as_deref(), Some("web"));
    assert_eq!(
        holder(&tokens, RSA_TOKEN, NOW).as_deref(),
        Some("rsa-caller")
    );
    let header = HeaderValue::from_str(&format!("bearer {ed}")).unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    assert!(
        tokens.holder(&header, now).is_some(),
        "schemes have no case"
    );
}

#[tokio::test]
async fn a_token_without_the_name_of_a_key_or_of_a_type_for_access_is_taken() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens().await;
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"application/at+jwt"}"#,
    ] {
        let token = issuer.sign(header, CLAIMS);
        assert_eq!(holder(&tokens, &token, NOW).as_deref(), Some("web"));
    }
}

#[tokio::test]
async fn while_an_issuer_changes_its_key_tokens_of_both_are_taken_without_a_name() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let encode = |issuer: &Issuer| URL_SAFE_NO_PAD.encode(issuer.ed25519.public_key().as_ref());
    let key =
        |x: &str, kid: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}"}}"#);
    let keys = [key(&encode(&old), "old"), key(&encode(&new), "new")].join(",");
    let tokens = tokens_by(&format!(r#"{{"keys":[{keys}]}}"#)).await;
    for issuer in [old, new] {
        let token = issuer.sign(r#"{"alg":"EdDSA"}"#, CLAIMS);
        assert_eq!(holder(&tokens, &token, NOW).as_deref(), Some("web"));
    }
    let stranger = Issuer::new().sign(r#"{"alg":"EdDSA"}"#, CLAIMS);
    assert_eq!(holder(&tokens, &stranger, NOW), None);
}

#[tokio::test]
async fn a_token_is_taken_from_its_beginning_to_its_end_and_a_minute_around() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens().await;
    let token = issuer.sign(HEADER, CLAIMS);
    for (now, taken) in [
        (1_799_998_000 - 61, false),
        (1_799_998_000 - 60, true),
        (1_800_000_000 + 59, true),
        (1_800_000_000 + 60, false),
        (1_900_000_000, false),
    ] {
        assert_eq!(holder(&tokens, &token, now).is_some(), taken, "{now}");
    }
}

#[tokio::test]
async fn a_token_with_any_defect_is_refused() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens().await;
    let good = issuer.sign(HEADER, CLAIMS);
    assert!(holder(&tokens, &good, NOW).is_some());
    let with = |from: &str, to: &str| {
        assert!(CLAIMS.contains(from), "{from}");
        issuer.sign(HEADER, &CLAIMS.replace(from, to))
    };
    let under = |header: &str| issuer.sign(header, CLAIMS);
    let public = issuer.ed25519.public_key().as_ref();
    let by_public_key = |header: &str| {
        let message = message(header, CLAIMS);
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, public),
            message.as_bytes(),
        );
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let unsigned = message(r#"{"alg":"none"}"#, CLAIMS);
    let (body, signature) = good.rsplit_once('.').unwrap();
    for (defect, token) in [
        (
            "issuer",
            with("https://login.example.com", "https://evil.example.com"),
        ),
        (
            "list of issuers",
            with(
                r#""https://login.example.com""#,
                r#"["https://login.example.com"]"#,
            ),
        ),
        (
            "no issuer",
            with(r#""iss":"https://login.example.com","#, ""),
        ),
        ("audience", with(r#""openfinance""#, r#""other""#)),
        (
            "audiences",
            with(r#""openfinance""#, r#"["other","another"]"#),
        ),
        ("no audience", with(r#""aud":"openfinance","#, "")),
        ("no end", with(r#""exp":1800000000,"#, "")),
        ("end in words", with("1800000000", r#""1800000000""#)),
        ("no subject", with(r#""sub":"web","#, "")),
        ("empty subject", with(r#""sub":"web""#, r#""sub":"""#)),
        (
            "subject with a space",
            with(r#""sub":"web""#, r#""sub":"w eb""#),
        ),
        (
            "two subjects",
            with(r#""sub":"web""#, r#""sub":"web","sub":"admin""#),
        ),
        ("no JSON", issuer.sign(HEADER, "canary")),
        ("no algorithm", under(r#"{"kid":"ed"}"#)),
        ("unsigned", format!("{unsigned}.")),
        ("unsigned, with a signature", under(r#"{"alg":"none"}"#)),
        (
            "HS256 by the public key",
            by_public_key(r#"{"alg":"HS256","kid":"ed"}"#),
        ),
        ("the public key as a secret", by_public_key(HEADER)),
        ("another algorithm", under(r#"{"alg":"EdDSA","kid":"rsa"}"#)),
        ("another key", under(r#"{"alg":"ES256","kid":"ec"}"#)),
        (
            "a subject that is nobody",
            with(r#""sub":"web""#, r#""sub":"anonymous""#),
        ),
        (
            "a token for logging out",
            under(r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#),
        ),
        ("unknown key", under(r#"{"alg":"EdDSA","kid":"new"}"#)),
        (
            "unknown demand",
            under(r#"{"alg":"EdDSA","kid":"ed","crit":["exp"]}"#),
        ),
        ("key of its own", Issuer::new().sign(HEADER, CLAIMS)),
        ("no signature", format!("{body}.")),
        ("cut signature", good[..good.len() - 2].to_owned()),
        (
            "signature of another",
            format!(
                "{}.{signature}",
                message(HEADER, &CLAIMS.replace("web", "admin"))
            ),
        ),
        ("two parts", body.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("oversized", with("web", &"w".repeat(MOST))),
        ("nothing", String::new()),
    ] {
        assert_eq!(holder(&tokens, &token, NOW), None, "{defect}");
    }
    let now = Timestamp::from_second(NOW).unwrap();
    for header in [
        format!("Basic {good}"),
        good.clone(),
        format!("Bearer  {good}"),
    ] {
        assert_eq!(
            tokens.holder(&HeaderValue::from_str(&header).unwrap(), now),
            None
        );
    }
}

#[tokio::test]
async fn a_signature_that_was_touched_is_refused() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens().await;
    for token in [issuer.sign(HEADER, CLAIMS), RSA_TOKEN.to_owned()] {
        let begin = token.rfind('.').unwrap() + 1;
        // The last letter has bits that mean nothing.
        for place in begin..token.len() - 1 {
            let mut other = token.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(holder(&tokens, &other, NOW), None, "{place}");
        }
    }
}
