//! How a connection to a server is made: plainly, by TLS, or by TLS through a proxy.

use std::{error::Error, sync::Arc, time::Duration};

use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::{
    legacy::connect::{HttpConnector, proxy::Tunnel},
    proxy::matcher::Matcher,
};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::connections::Connection;

/// How long it may take until there is a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection may be silent until the system looks whether the other side is there, how long it waits for an
/// answer, and how often it asks.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 3;
/// How long what was sent may be unconfirmed by the other side's system.
const UNCONFIRMED: Duration = Duration::from_secs(30);

/// What went wrong with a connection that was to be made.
pub(crate) type ConnectError = Box<dyn Error + Send + Sync>;

/// Makes connections to one server.
pub(crate) struct Connector {
    server: Uri,
    way: Way,
}

enum Way {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
    Proxy(Box<HttpsConnector<Tunnel<HttpsConnector<HttpConnector>>>>),
}

impl Connector {
    /// To the server of this URL. For `https` with the machine's certificate store, and through the proxy that the
    /// environment names.
    ///
    /// # Errors
    /// If the certificate store can't be read.
    pub(crate) fn to(server: Uri) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_TRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNCONFIRMED));
        if server.scheme_str() != Some("https") {
            let way = Way::Plain(tcp);
            return Ok(Self { server, way });
        }
        let mut tls = ClientConfig::with_platform_verifier()?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls = Arc::new(tls);
        let direct = HttpsConnector::from((tcp, Arc::clone(&tls)));
        let way = match Matcher::from_system().intercept(&server) {
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
                if let Some(credentials) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(credentials.clone());
                }
                Way::Proxy(Box::new(HttpsConnector::from((tunnel, tls))))
            }
            None => Way::Tls(direct),
        };
        Ok(Self { server, way })
    }

    /// Makes a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, ConnectError> {
        timeout(CONNECT, async {
            let server = self.server.clone();
            Ok(match &self.way {
                Way::Plain(tcp) => Connection::over(tcp.clone().oneshot(server).await?).await?,
                Way::Tls(tls) => Connection::over(tls.clone().oneshot(server).await?).await?,
                Way::Proxy(proxy) => Connection::over(proxy.clone().oneshot(server).await?).await?,
            })
        })
        .await?
    }
}
