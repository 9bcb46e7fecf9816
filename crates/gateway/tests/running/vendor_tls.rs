//! The way to the vendor as it is in earnest: by TLS with the machine's certificates, directly or through a proxy.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use openfinance_sandbox::{Config, Sandbox};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{guard::Guard, program::Program};

/// A vendor at `https://localhost`, whose certificate is of an authority that the machine knows only if it is told.
struct Vendor {
    sandbox: Sandbox,
    at: SocketAddr,
    authority: String,
}

impl Vendor {
    async fn start(folder: &Path) -> Self {
        let sandbox = Sandbox::start(Config::for_tests()).await.unwrap();
        let inner: SocketAddr = sandbox.base_url()["http://".len()..].parse().unwrap();
        // It makes more than is used here, and has put it into files.
        Guard::new(folder);
        let certificate = CertificateDer::from_pem_file(folder.join("cert")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("key")).unwrap();
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // One that does not trust the certificate hangs up.
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut inner = TcpStream::connect(inner).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut inner).await;
                });
            }
        });
        Self {
            sandbox,
            at,
            authority: folder.join("ca").display().to_string(),
        }
    }

    /// A gateway over it, with these variables.
    async fn gateway(&self, variables: &[(&str, String)]) -> Program {
        let url = format!("https://localhost:{}", self.at.port());
        Program::start(Some(&url), "", variables).await
    }

    fn trusted(&self) -> (&'static str, String) {
        ("SSL_CERT_FILE", self.authority.clone())
    }

    fn requests(&self) -> usize {
        self.sandbox.control().journal(0).entries.len()
    }
}

/// A proxy that knows its users, and the heads of what they have asked it for.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:pass@{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heads = Arc::clone(&heads);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        assert!(stream.read_line(&mut head).await.unwrap() > 0, "{head}");
                    }
                    let target = head.split(' ').nth(1).unwrap().to_owned();
                    heads.lock().unwrap().push(head);
                    let mut inner = TcpStream::connect(target).await.unwrap();
                    stream
                        .write_all(b"HTTP/1.1 200 Connected\r\n\r\n")
                        .await
                        .unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut inner).await;
                });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Asks for a customer that there is none of: whether the vendor said so.
async fn reaches(gateway: &Program) -> Result<(), Status> {
    let url = format!("http://{}", gateway.grpc);
    let mut client = CustomerServiceClient::connect(url).await.unwrap();
    let request = pb::GetCustomerRequest {
        customer_id: "1999999999".to_owned(),
    };
    let refused = client.get_customer(request).await.unwrap_err();
    if refused.code() == Code::NotFound {
        Ok(())
    } else {
        Err(refused)
    }
}

#[tokio::test]
async fn the_vendor_is_reached_by_tls_with_the_machines_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let vendor = Vendor::start(folder.path()).await;
    let gateway = vendor.gateway(&[vendor.trusted()]).await;
    for _ in 0..3 {
        reaches(&gateway).await.unwrap();
    }
}

/// If this fails, credentials may go to whoever answers: a certificate that nobody vouches for ends the connection.
#[tokio::test]
async fn a_vendor_that_nobody_vouches_for_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let vendor = Vendor::start(folder.path()).await;
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = Vendor::start(&other).await;
    let gateway = vendor.gateway(&[other.trusted()]).await;
    let refused = reaches(&gateway).await.unwrap_err();
    let reason = refused.get_details_error_info().map(|info| info.reason);
    assert_eq!(
        reason.as_deref(),
        Some("UPSTREAM_UNAVAILABLE"),
        "{refused:?}"
    );
    assert_eq!(vendor.requests(), 0);
}

#[tokio::test]
async fn the_vendor_is_reached_through_the_proxy_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let vendor = Vendor::start(folder.path()).await;
    let proxy = Proxy::start().await;
    let named = ("HTTPS_PROXY", proxy.url.clone());
    let gateway = vendor.gateway(&[vendor.trusted(), named.clone()]).await;
    reaches(&gateway).await.unwrap();
    let asked = proxy.asked();
    let line = format!("CONNECT localhost:{} HTTP/1.1\r\n", vendor.at.port());
    assert!(asked[0].starts_with(&line), "{asked:?}");
    // user:pass
    let credentials = "proxy-authorization: basic dXNlcjpwYXNz\r\n";
    let is_there = asked[0]
        .lines()
        .any(|line| line.eq_ignore_ascii_case(credentials.trim_end()));
    assert!(is_there, "{asked:?}");

    let before = asked.len();
    let past = ("NO_PROXY", "localhost".to_owned());
    let gateway = vendor.gateway(&[vendor.trusted(), named, past]).await;
    reaches(&gateway).await.unwrap();
    assert_eq!(proxy.asked().len(), before, "it was to go past the proxy");
}
