//! Who calls: for every caller of the table a credential in a folder, and the settings that let the gateway know them.

use std::{fs, path::Path};

use openfinance_gateway::config::{
    ClientCertificates, Config, Tls, TlsVersion,
    auth::{Auth, Role},
};

use crate::callers::{
    by_key,
    certificates::{Authority, dns, uri},
    key_of, tokens,
};

const CERTIFIED: &str = "service-by-certificate";
const TOKEN: &str = "service-by-token";
/// Whom the certificate names.
const CERTIFIED_NAME: &str = "spiffe://example.com/service-by-certificate";

/// Writes the credentials into the folder, and what the gateway itself needs into the other one.
pub(super) fn give(settings: &mut Config, folder: &Path, own: &Path) {
    let seeing: &[&'static str] = &["pii.read", "tax_id.read"];
    let mut auth = by_key(&[
        ("writer", &[Role::Writer], seeing),
        ("reader", &[Role::Reader], &[]),
        ("admin", &[Role::Admin], seeing),
        ("limited", &[Role::Reader], &[]),
        (CERTIFIED_NAME, &[Role::Writer], seeing),
        (TOKEN, &[Role::Writer], seeing),
    ]);
    auth.keys
        .retain(|key| ![CERTIFIED_NAME, TOKEN].contains(&key.principal.as_str()));
    for name in auth.keys.iter().map(|key| key.principal.as_str()) {
        write(folder, &format!("{name}.key"), &key_of(name));
    }
    write(folder, "stranger.key", &key_of("stranger"));

    let key = tokens::key();
    let claims = tokens::CLAIMS.replace("web", TOKEN);
    let token = tokens::sign(&key, tokens::HEADER, &claims);
    write(folder, &format!("{TOKEN}.jwt"), &token);

    let authority = Authority::new();
    write(folder, "ca.pem", &authority.certificate);
    let (certificate, private) = authority.signs(vec![uri(CERTIFIED_NAME)]);
    write(folder, &format!("{CERTIFIED}.pem"), &certificate);
    write(folder, &format!("{CERTIFIED}.key.pem"), &private);
    let (certificate, private) = authority.signs(vec![dns("localhost")]);
    write(own, "server.pem", &certificate);
    write(own, "server.key", &private);

    settings.tls = Some(Tls {
        cert: own.join("server.pem"),
        key: own.join("server.key"),
        client_ca: Some(folder.join("ca.pem")),
        min_version: TlsVersion::V1_3,
        client_certificates: ClientCertificates::Optional,
    });
    settings.auth = Auth {
        mtls: true,
        jwt: Some(tokens::issuer(&key, own)),
        ..auth
    };
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}
