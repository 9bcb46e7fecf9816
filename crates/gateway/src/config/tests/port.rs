//! `tls.*` and what connections may take, of `limits.*`.

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// Settings of a gateway with TLS: its files are `cert`, `key`, and `ca` for whoever wants it.
pub(super) fn with_tls() -> Given {
    let mut given = Given::complete();
    let key = KeyPair::generate().unwrap();
    let names = ["gateway.example.com".to_owned()];
    let cert = CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    given.write("ca", &cert.pem());
    let (cert, key) = (
        given.write("cert", &cert.pem()),
        given.write("key", &key.serialize_pem()),
    );
    given
        .set("TLS__CERT", &cert.display().to_string())
        .set("TLS__KEY", &key.display().to_string());
    given
}

pub(super) fn path(given: &Given, name: &str) -> String {
    given.folder.path().join(name).display().to_string()
}

#[test]
fn tls_is_off_unless_it_is_set_and_speaks_1_3_unless_1_2_is_wanted() {
    assert_eq!(Given::complete().load().unwrap().tls, None);
    let mut given = with_tls();
    let tls = given.load().unwrap().tls.unwrap();
    assert_eq!(
        (tls.min_version, tls.client_ca, tls.client_certificates),
        (TlsVersion::V1_3, None, ClientCertificates::Required)
    );
    for (text, version) in [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)] {
        let tls = given.set("TLS__MIN_VERSION", text).load().unwrap().tls;
        assert_eq!(tls.unwrap().min_version, version);
    }
}

#[test]
fn off_loopback_takes_tls_and_callers_that_are_told_apart() {
    let mut given = with_tls();
    given.set("GRPC__LISTEN", "0.0.0.0:50051");
    assert!(given.problem().contains("grpc.listen"));
    let ca = path(&given, "ca");
    given.set("TLS__CLIENT_CA", &ca).set("AUTH__MTLS", "on");
    given.load().unwrap();
    given
        .unset("TLS__CERT")
        .unset("TLS__KEY")
        .unset("TLS__CLIENT_CA");
    assert!(
        given
            .problems()
            .iter()
            .any(|problem| problem.contains("grpc.listen"))
    );
}

#[test]
fn all_that_is_wrong_with_tls_and_limits_is_told_at_once() {
    let mut given = with_tls();
    let other = KeyPair::generate().unwrap().serialize_pem();
    given.write("key", &other);
    assert_eq!(
        given.problem(),
        "tls.key (OPENFINANCE_TLS__KEY): DIR/key: is not the key of the certificate in tls.cert"
    );
    given.write("cert", "canary");
    given.write("key", "canary");
    let nowhere = path(&given, "nowhere");
    given
        .set("TLS__CLIENT_CA", &nowhere)
        .set("TLS__MIN_VERSION", "1.1")
        .set("LIMITS__CONNECTIONS", "0")
        .set("LIMITS__HEADER_BYTES", "many")
        .set("LIMITS__CANCELLED_CALLS", "99")
        .set("LIMITS__REQUEST_BYTES", "65537")
        .set("LIMITS__HANDSHAKE_TIMEOUT", "soon");
    let problems = given.problems();
    for (key, words) in [
        ("tls.cert", "has no certificate in PEM"),
        ("tls.key", "has no private key in PEM"),
        ("tls.client_ca", "can't be read"),
        ("tls.min_version", "must be 1.3 or 1.2"),
        (
            "limits.connections",
            "must be a whole number from 1 to 1000000",
        ),
        (
            "limits.header_bytes",
            "must be a whole number from 1024 to 1048576",
        ),
        (
            "limits.cancelled_calls",
            "must be a whole number from 100 to 1000000",
        ),
        (
            "limits.request_bytes",
            "must be a whole number from 1024 to 65536",
        ),
        ("limits.handshake_timeout", ""),
    ] {
        let told =
            |problem: &&String| problem.starts_with(&format!("{key} (")) && problem.contains(words);
        assert_eq!(
            problems.iter().filter(told).count(),
            1,
            "{key}: {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 9, "{problems:#?}");
    assert!(!problems.concat().contains("canary"), "{problems:#?}");
}

#[test]
fn half_of_tls_is_none_and_says_what_is_missing() {
    for (left, missing) in [("CERT", "KEY"), ("KEY", "CERT")] {
        let mut given = with_tls();
        given.unset(&format!("TLS__{missing}"));
        let problem = given.problem();
        let key = format!("tls.{}", missing.to_lowercase());
        assert!(
            problem.contains(&key) && problem.contains("is required"),
            "{left}: {problem}"
        );
    }
    let mut given = Given::complete();
    given.set("TLS__MIN_VERSION", "1.3");
    assert_eq!(given.problems().len(), 2);
}

#[test]
fn the_limits_of_connections_are_those_that_are_set() {
    let mut given = Given::complete();
    assert_eq!(given.load().unwrap().port, Port::default());
    let mut expected = Port::default();
    let mut number = 70_000;
    for (name, value, allowed) in expected.numbers() {
        number += 1;
        *value = number.clamp(*allowed.start(), *allowed.end());
        let variable = name.replace('.', "__").to_uppercase();
        given.set(&variable, &value.to_string());
    }
    for (name, value) in expected.times() {
        number += 1;
        *value = Duration::from_secs(u64::from(number) % 50 + 1);
        let variable = name.replace('.', "__").to_uppercase();
        given.set(&variable, &format!("{}s", value.as_secs()));
    }
    assert_eq!(given.load().unwrap().port, expected);
}
