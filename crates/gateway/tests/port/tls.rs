//! TLS of the gRPC port: what is spoken, who is let in, and certificates that change while calls run.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use openfinance_gateway::{
    Gateway,
    config::{ClientCertificates, Tls, TlsVersion},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    AlertDescription, ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::{PATIENCE, gateway, list};

/// The name that the gateway's certificates are made out to.
const NAME: &str = "gateway.example.com";

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Pair {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issues(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        Pair {
            cert: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    fn cert(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// A gateway with TLS, and those who sign for it and for its clients.
struct Served {
    gateway: Gateway,
    folder: tempfile::TempDir,
    authority: Authority,
    clients: Authority,
}

impl Served {
    /// A gateway that asks nobody for a certificate.
    async fn new(change: impl FnOnce(&mut Tls)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, clients) = (Authority::new("of servers"), Authority::new("of clients"));
        let path = |name: &str| folder.path().join(name);
        let pair = authority.issues(NAME);
        fs::write(path("cert"), pair.cert).unwrap();
        fs::write(path("key"), pair.key).unwrap();
        fs::write(path("clients"), clients.pem()).unwrap();
        let mut tls = Tls {
            cert: path("cert"),
            key: path("key"),
            client_ca: None,
            min_version: TlsVersion::default(),
            client_certificates: ClientCertificates::default(),
        };
        change(&mut tls);
        Self {
            gateway: gateway(|config| config.tls = Some(tls)).await,
            folder,
            authority,
            clients,
        }
    }

    /// A gateway that takes clients with a certificate only.
    async fn to_known_clients() -> Self {
        let clients = |tls: &mut Tls| tls.client_ca = Some(tls.cert.with_file_name("clients"));
        Self::new(clients).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts these in the place of the gateway's certificate and key.
    fn put(&self, pair: &Pair) {
        for (name, text) in [("cert", &pair.cert), ("key", &pair.key)] {
            fs::write(self.path("draft"), text).unwrap();
            fs::rename(self.path("draft"), self.path(name)).unwrap();
        }
    }

    /// What a client needs that speaks these versions and shows this certificate.
    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Pair>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder
                    .with_client_auth_cert(vec![pair.cert()], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// A connection on which the gateway has begun to speak HTTP/2.
    async fn speaks(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let speaks = async {
            let stream = TcpStream::connect(self.gateway.grpc_address()).await?;
            let name = ServerName::try_from(NAME).unwrap();
            let mut stream = TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await?;
            // The gateway looks at a client's certificate after the client is done.
            let mut head = [0; 9];
            stream.read_exact(&mut head).await?;
            assert_eq!(head[3], 4, "not a SETTINGS frame");
            Ok(stream)
        };
        timeout(PATIENCE, speaks).await.expect("nothing comes")
    }

    /// What the gateway says to a client that it does not take.
    async fn refuses(&self, config: ClientConfig) -> AlertDescription {
        let error = self.speaks(config).await.expect_err("it is taken");
        let error = error.get_ref().and_then(|error| error.downcast_ref());
        match error {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            other => panic!("{other:?}"),
        }
    }

    /// A client as others write them.
    fn endpoint(&self, shows: Option<&Pair>) -> Endpoint {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.pem()))
            .domain_name(NAME);
        if let Some(pair) = shows {
            tls = tls.identity(Identity::from_pem(&pair.cert, &pair.key));
        }
        let address = format!("https://{}", self.gateway.grpc_address());
        Endpoint::from_shared(address)
            .unwrap()
            .tls_config(tls)
            .unwrap()
    }
}

fn agreed(stream: &TlsStream<TcpStream>) -> (Option<ProtocolVersion>, Option<&[u8]>) {
    let session = stream.get_ref().1;
    (session.protocol_version(), session.alpn_protocol())
}

#[tokio::test]
async fn tls_1_3_with_http_2_is_served() {
    let served = Served::new(|_| ()).await;
    let stream = served.speaks(served.config(&[&TLS12, &TLS13], None)).await;
    let expected = (Some(ProtocolVersion::TLSv1_3), Some(&b"h2"[..]));
    assert_eq!(agreed(&stream.unwrap()), expected);
    let channel = served.endpoint(None).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_when_it_is_asked_for() {
    let served = Served::new(|_| ()).await;
    assert_eq!(
        served.refuses(served.config(&[&TLS12], None)).await,
        AlertDescription::ProtocolVersion
    );
    served.gateway.stop().await;

    let served = Served::new(|tls| tls.min_version = TlsVersion::V1_2).await;
    for (spoken, version) in [
        (&[&TLS12][..], ProtocolVersion::TLSv1_2),
        (&[&TLS12, &TLS13], ProtocolVersion::TLSv1_3),
    ] {
        let stream = served.speaks(served.config(spoken, None)).await.unwrap();
        assert_eq!(agreed(&stream), (Some(version), Some(&b"h2"[..])));
    }
    served.gateway.stop().await;
}

#[tokio::test]
async fn clients_that_do_not_say_http_2_are_not_served() {
    let served = Served::new(|_| ()).await;
    let mut config = served.config(&[&TLS13], None);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    assert_eq!(
        served.refuses(config.clone()).await,
        AlertDescription::NoApplicationProtocol
    );
    config.alpn_protocols.clear();
    let error = served.speaks(config).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    served.gateway.stop().await;
}

#[tokio::test]
async fn plaintext_gets_nothing_from_a_port_with_tls() {
    let served = Served::new(|_| ()).await;
    let mut peer = TcpStream::connect(served.gateway.grpc_address())
        .await
        .unwrap();
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // It ends one way or the other.
    let _ = timeout(PATIENCE, peer.read_to_end(&mut answer))
        .await
        .unwrap();
    const ALERT: u8 = 21;
    assert!(matches!(answer.first(), None | Some(&ALERT)), "{answer:?}");
    let channel = served.endpoint(None).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn only_clients_of_the_known_authority_are_let_in_where_certificates_are_required() {
    let served = Served::to_known_clients().await;
    let known = served.clients.issues("web.example.com");
    let none = served.refuses(served.config(&[&TLS13], None)).await;
    assert_eq!(none, AlertDescription::CertificateRequired);
    for (authority, alert) in [
        ("of strangers", AlertDescription::UnknownCA),
        // Of the same name, and with a key of its own.
        ("of clients", AlertDescription::DecryptError),
    ] {
        let stranger = Authority::new(authority).issues("web.example.com");
        let config = served.config(&[&TLS13], Some(&stranger));
        assert_eq!(served.refuses(config).await, alert, "{authority}");
    }
    let stream = served.speaks(served.config(&[&TLS13], Some(&known))).await;
    stream.unwrap();
    let channel = served.endpoint(Some(&known)).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn clients_without_a_certificate_are_let_in_where_it_is_optional_and_strangers_are_not() {
    let served = Served::new(|tls| {
        tls.client_ca = Some(tls.cert.with_file_name("clients"));
        tls.client_certificates = ClientCertificates::Optional;
    })
    .await;
    let known = served.clients.issues("web.example.com");
    for shown in [None, Some(&known)] {
        let channel = served.endpoint(shown).connect().await.unwrap();
        list(channel).await.unwrap();
    }
    let stranger = Authority::new("of strangers").issues("web.example.com");
    let refused = served.refuses(served.config(&[&TLS13], Some(&stranger)));
    assert_eq!(refused.await, AlertDescription::UnknownCA);
    served.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_change_cost_no_call() {
    let served = Served::new(|_| ()).await;
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (endpoint, ends) = (served.endpoint(None), Arc::clone(&ends));
            tokio::spawn(call_until(endpoint, ends))
        })
        .collect();
    for _ in 0..20 {
        let pair = served.authority.issues(NAME);
        served.put(&pair);
        served.gateway.reload_tls().unwrap();
        let stream = served.speaks(served.config(&[&TLS13], None)).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        assert_eq!(shown, [pair.cert()]);
        // A key that does not fit changes nothing.
        let other = served.authority.issues(NAME);
        let cert = pair.cert.clone();
        served.put(&Pair { cert, ..other });
        assert_eq!(served.gateway.reload_tls().unwrap_err().key, "tls.key");
        let stream = served.speaks(served.config(&[&TLS13], None)).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        assert_eq!(shown, [pair.cert()]);
    }
    ends.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
    served.gateway.stop().await;
}

/// Calls by turns over a connection that is there and over a new one, and answers how often.
async fn call_until(endpoint: Endpoint, ends: Arc<AtomicBool>) -> u32 {
    let old: Channel = endpoint.connect().await.unwrap();
    let mut calls = 0;
    while !ends.load(Ordering::Relaxed) {
        list(old.clone()).await.unwrap();
        let new = endpoint.connect().await.unwrap();
        list(new).await.unwrap();
        calls += 2;
    }
    calls
}
