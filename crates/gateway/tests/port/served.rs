//! Certificates, and a gateway that serves with them.

use std::{fs, io, path::PathBuf, sync::Arc};

use openfinance_gateway::{
    Gateway,
    config::{ClientCertificates, Config, Port, Tls, TlsVersion},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::ring,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::{PATIENCE, gateway};

/// The name that the gateway's certificates are made out to.
pub(crate) const NAME: &str = "gateway.example.com";

/// Who signs certificates.
pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issues(&self, name: &str) -> Pair {
        self.issues_until(name, 2100)
    }

    /// A certificate that holds from 2020 on, and until that year.
    pub(crate) fn issues_until(&self, name: &str, year: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        Pair {
            cert: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    pub(crate) fn cert(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// A gateway with TLS, and those who sign for it and for its clients.
pub(crate) struct Served {
    pub(crate) gateway: Gateway,
    folder: tempfile::TempDir,
    pub(crate) authority: Authority,
    pub(crate) clients: Authority,
}

impl Served {
    /// A gateway that asks nobody for a certificate.
    pub(crate) async fn new(change: impl FnOnce(&mut Tls)) -> Self {
        Self::with(|_| (), change).await
    }

    /// The same, with these limits.
    pub(crate) async fn with(
        limits: impl FnOnce(&mut Port),
        change: impl FnOnce(&mut Tls),
    ) -> Self {
        Self::of(|config| limits(&mut config.port), change).await
    }

    /// The same, with these settings.
    pub(crate) async fn of(
        settings: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut Tls),
    ) -> Self {
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
            gateway: gateway(|config| {
                config.tls = Some(tls);
                settings(config);
            })
            .await,
            folder,
            authority,
            clients,
        }
    }

    /// A gateway that takes clients with a certificate only.
    pub(crate) async fn to_known_clients() -> Self {
        let clients = |tls: &mut Tls| tls.client_ca = Some(tls.cert.with_file_name("clients"));
        Self::new(clients).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts these in the place of the gateway's certificate and key.
    pub(crate) fn put(&self, pair: &Pair) {
        for (name, text) in [("cert", &pair.cert), ("key", &pair.key)] {
            fs::write(self.path("draft"), text).unwrap();
            fs::rename(self.path("draft"), self.path(name)).unwrap();
        }
    }

    /// What a client needs that speaks these versions and shows this certificate.
    pub(crate) fn config(
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
    pub(crate) async fn speaks(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
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
    pub(crate) async fn refuses(&self, config: ClientConfig) -> AlertDescription {
        let error = self.speaks(config).await.expect_err("it is taken");
        let error = error.get_ref().and_then(|error| error.downcast_ref());
        match error {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            other => panic!("{other:?}"),
        }
    }

    /// A client as others write them.
    pub(crate) fn endpoint(&self, shows: Option<&Pair>) -> Endpoint {
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
