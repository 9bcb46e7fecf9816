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
        assert!(gatekeeper.replace(left));
        assert_eq!(who(&gatekeeper), Err(Stranger));
        assert!(gatekeeper.replace(keyed()));
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
    assert!(!gatekeeper.replace(keyed()));
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
