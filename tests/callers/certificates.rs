//! Callers by certificate, through the gateway: who a client is stands in its certificate, and an authority vouches for it.

use openfinance_gateway::config::{ClientCertificates, Tls, TlsVersion};
use openfinance_rpc::pb::gateway_service_client::GatewayServiceClient;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::*;

const WEB: &str = "spiffe://example.com/web";
/// Who may write.
pub(crate) const WRITER: &str = "spiffe://example.com/writer";

/// An authority: its certificate, and what it signs with.
pub(crate) struct Authority {
    pub(crate) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Some libraries take a certificate whose issuer is called what its subject is called for its own issuer.
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self {
            certificate,
            issuer,
        }
    }

    /// A certificate for these names, and its private key.
    pub(crate) fn signs(&self, names: Vec<SanType>) -> (String, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

pub(crate) fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// A world with TLS whose callers are known by certificates of this authority, with other settings besides.
pub(crate) async fn vouched_by(
    authority: &Authority,
    client_certificates: ClientCertificates,
    change: impl FnOnce(&mut config::Config),
) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.signs(vec![dns("localhost")]);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let tls = Tls {
        cert: write("server.pem", &certificate),
        key: write("server.key", &key),
        client_ca: Some(write("ca.pem", &authority.certificate)),
        min_version: TlsVersion::V1_3,
        client_certificates,
    };
    let mut auth = Auth {
        mtls: true,
        ..by_key(&[
            (WEB, &[], &["gateway.read"]),
            (WRITER, &[Role::Writer], &[]),
            ("batch.example.com", &[], &["gateway.read"]),
            ("clerk", &[], &["gateway.read"]),
        ])
    };
    auth.keys.retain(|key| key.principal == "clerk");
    World::with_gateway(
        |_| (),
        |settings: &mut config::Config| {
            settings.auth = auth;
            settings.tls = Some(tls);
            change(settings);
        },
    )
    .await
}

/// A connection to the gateway with this certificate.
pub(crate) async fn connect(
    world: &World,
    authority: &Authority,
    own: Option<(String, String)>,
) -> Result<Channel, tonic::transport::Error> {
    connect_to(world.grpc_address(), authority, own).await
}

/// A connection to this address with this certificate.
pub(crate) async fn connect_to(
    address: std::net::SocketAddr,
    authority: &Authority,
    own: Option<(String, String)>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&authority.certificate))
        .domain_name("localhost");
    if let Some((certificate, key)) = own {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let address = format!("https://{address}");
    let endpoint = Endpoint::from_shared(address).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

/// Who the gateway says that the peer of this connection is.
pub(crate) async fn who(channel: Channel) -> Result<pb::CallerIdentity, Status> {
    let request = pb::GetCallerIdentityRequest {};
    let mut gateway = GatewayServiceClient::new(channel);
    let answer = gateway.get_caller_identity(request).await;
    answer.map(|answer| answer.into_inner())
}

#[tokio::test]
async fn a_caller_is_who_its_certificate_names() {
    let authority = Authority::new();
    let world = vouched_by(&authority, ClientCertificates::Required, |_| ()).await;
    let batch = "batch.example.com";
    for (names, principal) in [
        (vec![uri(WEB)], WEB),
        (vec![dns(batch), uri(WEB)], WEB),
        (vec![dns(batch)], batch),
    ] {
        let own = authority.signs(names);
        let channel = connect(&world, &authority, Some(own)).await.unwrap();
        assert_eq!(
            who(channel).await.unwrap(),
            pb::CallerIdentity {
                principal: principal.to_owned(),
                method: pb::CallerMethod::Mtls.into(),
                permissions: vec!["gateway.read".to_owned()],
            }
        );
    }
    for (names, code, told) in [
        (
            vec![uri("spiffe://example.com/other")],
            Code::PermissionDenied,
            "CALLER_FORBIDDEN",
        ),
        (
            vec![uri(WEB), uri("spiffe://example.com/other")],
            Code::Unauthenticated,
            "CALLER_UNAUTHENTICATED",
        ),
        (vec![], Code::Unauthenticated, "CALLER_UNAUTHENTICATED"),
    ] {
        let own = authority.signs(names);
        let channel = connect(&world, &authority, Some(own)).await.unwrap();
        let status = who(channel).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, told));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_makes_no_connection() {
    let authority = Authority::new();
    let world = vouched_by(&authority, ClientCertificates::Required, |_| ()).await;
    let forged = Authority::new().signs(vec![uri(WEB)]);
    for own in [Some(forged), None] {
        // With TLS 1.3 the client may take itself for connected before it is refused.
        if let Ok(channel) = connect(&world, &authority, own).await {
            let status = who(channel).await.unwrap_err();
            assert_eq!(reason(&status), "", "no call was answered");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn without_a_certificate_a_key_is_needed_where_certificates_are_optional() {
    let authority = Authority::new();
    let world = vouched_by(&authority, ClientCertificates::Optional, |_| ()).await;
    let channel = connect(&world, &authority, None).await.unwrap();
    let status = who(channel.clone()).await.unwrap_err();
    assert_eq!(reason(&status), "CALLER_UNAUTHENTICATED");
    let request = by("clerk", pb::GetCallerIdentityRequest {});
    let answer = GatewayServiceClient::new(channel)
        .get_caller_identity(request)
        .await;
    assert_eq!(answer.unwrap().into_inner().method(), pb::CallerMethod::Key);
    // A key goes before the certificate of the connection, and must hold.
    let own = authority.signs(vec![uri(WEB)]);
    let channel = connect(&world, &authority, Some(own)).await.unwrap();
    let request = by("nobody", pb::GetCallerIdentityRequest {});
    let answer = GatewayServiceClient::new(channel)
        .get_caller_identity(request)
        .await;
    assert_eq!(reason(&answer.unwrap_err()), "CALLER_UNAUTHENTICATED");
    world.stop().await;
}
