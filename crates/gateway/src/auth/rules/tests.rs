//! Who is let in, and with what, while the settings change.

use secrecy::SecretBox;
use sha2::{Digest as _, Sha256};

use super::*;

const KEY: &str = "key-0123456789abcdef";

fn key(principal: &str) -> StaticKey {
    StaticKey {
        principal: principal.to_owned(),
        sha256: SecretBox::new(Box::new(Sha256::digest(KEY).into())),
    }
}

fn grant(principal: &str, method: Option<Method>, permission: &'static str) -> Grant {
    Grant {
        principal: principal.to_owned(),
        method,
        permissions: BTreeSet::from([permission]),
    }
}

fn keyed() -> Auth {
    Auth {
        keys: vec![key("web")],
        policy: vec![grant("web", None, "customers.read")],
        ..Auth::default()
    }
}

/// Who comes with the key.
fn who(gatekeeper: &Gatekeeper) -> Result<String, Stranger> {
    let mut headers = HeaderMap::new();
    headers.insert(key::HEADER, HeaderValue::from_static(KEY));
    let caller = gatekeeper.caller(&mut headers, None)?;
    assert!(headers.is_empty());
    Ok(caller.scope().to_owned())
}

async fn gatekeeper(auth: Auth) -> Gatekeeper {
    let gatekeeper = Gatekeeper::new(|| Timestamp::UNIX_EPOCH);
    gatekeeper.set(auth).await;
    gatekeeper
}

#[tokio::test]
async fn the_last_key_that_is_taken_away_is_of_no_use_any_more() {
    for left in [
        Auth {
            keys: Vec::new(),
            ..keyed()
        },
        Auth::default(),
    ] {
        let gatekeeper = gatekeeper(keyed()).await;
        assert_eq!(who(&gatekeeper).as_deref(), Ok("key:web"));
        assert!(gatekeeper.replace(left).await);
        assert_eq!(who(&gatekeeper), Err(Stranger));
        assert!(gatekeeper.replace(keyed()).await);
        assert_eq!(who(&gatekeeper).as_deref(), Ok("key:web"));
    }
}

#[tokio::test]
async fn a_gateway_that_starts_with_a_policy_alone_lets_nobody_in() {
    let policy_alone = Auth {
        keys: Vec::new(),
        ..keyed()
    };
    let gatekeeper = gatekeeper(policy_alone).await;
    assert_eq!(who(&gatekeeper), Err(Stranger));
    let none = gatekeeper.caller(&mut HeaderMap::new(), None);
    assert!(none.is_err());
}

#[tokio::test]
async fn authentication_is_not_switched_on_while_calls_go_on() {
    let gatekeeper = gatekeeper(Auth::default()).await;
    assert!(!gatekeeper.replace(keyed()).await);
    assert_eq!(who(&gatekeeper).as_deref(), Ok("anonymous"));
}

#[test]
fn a_name_with_a_key_is_that_keys_and_a_method_in_the_policy_binds() {
    let rules = |policy: Vec<Grant>| {
        let auth = Auth {
            keys: vec![key("web")],
            policy,
            ..Auth::default()
        };
        Rules::new(auth, None)
    };
    let may = |rules: &Rules, name, method| rules.known(name, method).permissions().next();
    let read = "customers.read";

    let plain = rules(vec![grant("web", None, read), grant("batch", None, read)]);
    for (name, method, granted) in [
        ("web", Method::Key, Some(read)),
        ("web", Method::Jwt, None),
        ("web", Method::Mtls, None),
        ("batch", Method::Jwt, Some(read)),
        ("batch", Method::Mtls, Some(read)),
    ] {
        assert_eq!(may(&plain, name, method), granted, "{name} by {method:?}");
    }

    let bound = rules(vec![
        grant("web", Some(Method::Jwt), "gateway.read"),
        grant("web", Some(Method::Key), read),
        grant("batch", Some(Method::Mtls), read),
    ]);
    for (name, method, granted) in [
        ("web", Method::Key, Some(read)),
        ("web", Method::Jwt, Some("gateway.read")),
        ("web", Method::Mtls, None),
        ("batch", Method::Jwt, None),
        ("batch", Method::Mtls, Some(read)),
    ] {
        assert_eq!(may(&bound, name, method), granted, "{name} by {method:?}");
    }
}

const ISSUER: &str = "https://login.example.com";

/// Tokens of an issuer whose keys are at this address.
fn issued(url: &str) -> Auth {
    Auth {
        jwt: Some(Jwt {
            issuer: ISSUER.to_owned(),
            audience: "openfinance".to_owned(),
            keys: KeySource::Url(url.parse().unwrap()),
        }),
        policy: vec![grant("web", None, "customers.read")],
        ..Auth::default()
    }
}

/// An issuer that takes connections and never says a word.
async fn mute() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_silent_holds_no_start_up_and_nobody_is_served_until_it_speaks() {
    let (_mute, url) = mute().await;
    let started = tokio::time::Instant::now();
    let waiting = gatekeeper(issued(&url)).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(!waiting.is_able());
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!waiting.is_able());
    assert!(waiting.issuer_keys_age().unwrap() >= Duration::from_secs(100));
    // Who has a key can be served.
    let auth = Auth {
        keys: vec![key("batch")],
        ..issued(&url)
    };
    assert!(gatekeeper(auth).await.is_able());
    let keyed = gatekeeper(keyed()).await;
    assert!(keyed.is_able());
    assert_eq!(keyed.issuer_keys_age(), None);
    // What to send is told without saying it.
    assert_eq!(keyed.header().as_deref(), Some("x-api-key: YOUR_KEY"));
    let header = waiting.header();
    assert_eq!(header.as_deref(), Some("authorization: Bearer YOUR_TOKEN"));
    assert_eq!(gatekeeper(Auth::default()).await.header(), None);
}

#[tokio::test]
async fn a_reload_from_keys_to_tokens_takes_tokens_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let set = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    std::fs::write(&path, set).unwrap();
    let mut auth = issued("https://login.example.com/jwks");
    auth.jwt.as_mut().unwrap().keys = KeySource::File(path);
    let gatekeeper = gatekeeper(keyed()).await;
    assert!(gatekeeper.replace(auth).await);
    assert!(gatekeeper.is_able() && gatekeeper.issuer_keys_age().is_some());
    assert_eq!(who(&gatekeeper), Err(Stranger));
    assert!(gatekeeper.replace(keyed()).await);
    assert_eq!(gatekeeper.issuer_keys_age(), None);
    assert_eq!(who(&gatekeeper).as_deref(), Ok("key:web"));
}

#[tokio::test]
async fn keys_count_until_certificates_that_take_their_place_can_be_used() {
    let certificates = |policy| Auth {
        mtls: true,
        policy,
        ..Auth::default()
    };
    let gatekeeper = gatekeeper(keyed()).await;
    let policy = keyed().policy;
    assert!(gatekeeper.replace(certificates(policy)).await);
    assert_eq!(who(&gatekeeper).as_deref(), Ok("key:web"));
    // What a caller may do is as the new settings say.
    assert!(gatekeeper.replace(certificates(Vec::new())).await);
    let mut headers = HeaderMap::new();
    headers.insert(key::HEADER, HeaderValue::from_static(KEY));
    let caller = gatekeeper.caller(&mut headers, None).unwrap();
    assert_eq!(caller.permissions().count(), 0);
}
