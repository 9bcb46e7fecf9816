//! The way to the gateway: who calls, over TLS or not, and what is never sent.

use std::path::Path;

use openfinance_gateway::config::{
    ClientCertificates, Config, Tls, TlsVersion,
    auth::{Auth, Role},
};

use super::*;
use crate::{
    callers::{
        by_key,
        certificates::{Authority, dns, uri},
        key_of, tokens,
    },
    canary::FIRST_NAME,
};

const CERTIFIED: &str = "spiffe://example.com/support";

/// Credentials of callers, and the gateway that knows them.
struct Guarded {
    world: World,
    folder: TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let authority = Authority::new();
        write(path, "ca.pem", &authority.certificate);
        let (chain, key) = authority.signs(vec![uri(CERTIFIED)]);
        write(path, "support.pem", &chain);
        write(path, "support.key", &key);
        let (chain, key) = authority.signs(vec![dns("localhost")]);
        write(path, "server.pem", &chain);
        write(path, "server.key", &key);
        let signer = tokens::key();
        let token = tokens::sign(&signer, tokens::HEADER, tokens::CLAIMS);
        write(path, "token", &format!("{token}\n"));
        write(path, "api-key", &format!("{}\n", key_of("clerk")));
        write(path, "writer-key", &key_of("writer"));
        let mut auth = by_key(&[
            (CERTIFIED, &[Role::Reader], &["pii.read"]),
            ("web", &[Role::Reader], &[]),
            ("clerk", &[Role::Reader], &[]),
            ("writer", &[Role::Writer], &["pii.read", "tax_id.read"]),
        ]);
        auth.keys
            .retain(|key| ["clerk", "writer"].contains(&key.principal.as_str()));
        let change = |settings: &mut Config| {
            settings.tls = Some(Tls {
                cert: path.join("server.pem"),
                key: path.join("server.key"),
                client_ca: Some(path.join("ca.pem")),
                min_version: TlsVersion::V1_3,
                client_certificates: ClientCertificates::Optional,
            });
            settings.auth = Auth {
                mtls: true,
                jwt: Some(tokens::issuer(&signer, path)),
                ..auth
            };
        };
        let world = World::with_gateway(|_| (), change).await;
        Self { world, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A caller with TLS and no credential yet.
    fn around(&self) -> Around {
        let address = format!("https://localhost:{}", self.world.grpc_address().port());
        Around::of(&self.world)
            .variable("OFCTL_ADDRESS", &address)
            .variable("OFCTL_CA", &self.path("ca.pem"))
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn callers_are_known_by_certificate_token_or_key_from_files_flags_and_variables() {
    let guarded = Guarded::start().await;
    let (cert, key) = (guarded.path("support.pem"), guarded.path("support.key"));
    let (token, api_key) = (guarded.path("token"), guarded.path("api-key"));
    let secret = std::fs::read_to_string(&token).unwrap();
    let with = |name: &str, value: &str| guarded.around().variable(name, value);
    let by_certificate = format!(" --cert {cert} --key {key}");
    let by_token = format!(" --token-file {token}");
    let by_key = format!(" --api-key-file {api_key}");
    for (around, flags, principal, method) in [
        (guarded.around(), by_certificate.as_str(), CERTIFIED, "mtls"),
        (guarded.around(), &by_token, "web", "jwt"),
        (with("OFCTL_TOKEN", secret.trim()), "", "web", "jwt"),
        (guarded.around(), &by_key, "clerk", "key"),
        (with("OFCTL_API_KEY", &key_of("clerk")), "", "clerk", "key"),
        (with("OFCTL_API_KEY_FILE", &api_key), "", "clerk", "key"),
    ] {
        let told = around.run(&format!("gateway whoami{flags}")).await.done();
        assert_eq!(value(&told, "principal"), principal);
        assert_eq!(value(&told, "method"), method);
    }
    let nobody = guarded
        .around()
        .run("gateway whoami")
        .await
        .ended(Exit::NotAllowed);
    assert!(
        nobody.starts_with("error: UNAUTHENTICATED CALLER_UNAUTHENTICATED: "),
        "{nobody}"
    );
    guarded.world.stop().await;
}

#[tokio::test]
async fn what_the_gateway_keeps_from_a_caller_stays_hidden_and_is_named() {
    let guarded = Guarded::start().await;
    let writer = guarded
        .around()
        .variable("OFCTL_API_KEY_FILE", &guarded.path("writer-key"));
    let create =
        format!("customers create --username shop-4711 --type testing --first-name {FIRST_NAME}");
    let created = writer.run(&create).await.done();
    let id = value(&created, "customer_id");
    let clerk = guarded
        .around()
        .variable("OFCTL_API_KEY_FILE", &guarded.path("api-key"));
    let read = clerk.run(&format!("customers get {id} --reveal")).await;
    assert!(
        read.err
            .starts_with("note: the gateway keeps from this caller: username,first_name,"),
        "{}",
        read.err
    );
    canary::scan(&read.out);
    assert!(!read.done().contains("username"));
    let forbidden = clerk
        .run(&format!("customers delete {id} --yes"))
        .await
        .ended(Exit::NotAllowed);
    assert!(
        forbidden.starts_with("error: PERMISSION_DENIED CALLER_FORBIDDEN: "),
        "{forbidden}"
    );
    guarded.world.stop().await;
}

#[tokio::test]
async fn a_gateway_of_another_authority_is_not_spoken_to() {
    let guarded = Guarded::start().await;
    let around = guarded.around();
    let stranger = around.file("other.pem", &Authority::new().certificate);
    let around = around
        .variable("OFCTL_CA", &stranger)
        .variable("OFCTL_API_KEY", "a-key-that-stays-here");
    let told = around
        .run("gateway info --deadline 2s")
        .await
        .ended(Exit::TryAgain);
    assert!(told.contains("nothing was sent"), "{told}");
    guarded.world.stop().await;
}

#[tokio::test]
async fn a_credential_is_not_sent_in_the_clear_to_another_machine() {
    let world = World::start().await;
    for address in [
        "http://192.0.2.1:50051",
        "http://gateway.example:50051",
        "http://[2001:db8::1]:50051",
    ] {
        let around = Around::of(&world)
            .variable("OFCTL_ADDRESS", address)
            .variable("OFCTL_API_KEY", "a-key-that-stays-here");
        let told = around.run("gateway info").await.ended(Exit::Usage);
        assert!(told.contains("unencrypted"), "{told}");
    }
    // To this machine it may go.
    let around = Around::of(&world).variable("OFCTL_API_KEY", "a-key-that-stays-here");
    around.run("gateway info").await.done();
    world.stop().await;
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let world = World::start().await;
    let scheme = "must begin with http:// or https://";
    for (flags, told) in [
        ("--address localhost:50051", scheme),
        ("--address ftp://gateway.example", scheme),
        ("--cert chain.pem", "--cert and --key belong together"),
        ("--ca no-such-file", "--ca: cannot read no-such-file"),
        ("--deadline soon", "not a time span"),
        ("--deadline 0s", "longer than nothing"),
    ] {
        let ran = ofctl(&world, &format!("gateway info {flags}")).await;
        assert!(ran.err.contains(told), "{}", ran.err);
        assert!(matches!(ran.exit, Exit::Usage | Exit::Local));
    }
    world.stop().await;
}
