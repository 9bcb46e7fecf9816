//! The HTTP client that these operations want.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Uri};
use reqwest::Url;

use crate::{connections::Connections, connector::Connector};

/// An HTTP client of one server, which does what it is told once: it follows no redirect, repeats nothing and keeps idle
/// connections for half a minute. Share one; clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    /// Makes requests and sends none.
    pub(crate) maker: reqwest::Client,
    /// Scheme, host and port, as every URL of this server begins.
    pub(crate) origin: Arc<str>,
    /// Whom its requests are for.
    pub(crate) host: HeaderValue,
    pub(crate) connections: Arc<Connections>,
}

/// An HTTP client of the server at this URL.
///
/// For `https` it trusts the machine's certificate store and honours the proxy variables of the environment. For plain
/// `http`, which is for a server on the same machine, it does neither, so that it works on a machine without a
/// certificate store and no proxy comes between. Whether plain `http` is allowed at all is the caller's decision.
///
/// Installs rustls's ring provider as the process's default unless there is one.
///
/// # Errors
/// [`InvalidServer`] if it is no URL of a server, or the machine's certificate store can't be read.
pub fn http_client(base_url: &str) -> Result<HttpClient, InvalidServer> {
    // An error says that there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(base_url).map_err(|_| InvalidServer::Url)?;
    let origin = url.origin();
    let is_http = origin.is_tuple() && matches!(url.scheme(), "http" | "https");
    if !is_http {
        return Err(InvalidServer::Url);
    }
    let origin = origin.ascii_serialization();
    let server: Uri = format!("{origin}/")
        .parse()
        .map_err(|_| InvalidServer::Url)?;
    let host = server
        .authority()
        .map(|host| HeaderValue::from_str(host.as_str()));
    let maker = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    Ok(HttpClient {
        maker: maker
            .build()
            .map_err(|error| InvalidServer::Maker(error.without_url()))?,
        origin: origin.into(),
        host: host.and_then(Result::ok).ok_or(InvalidServer::Url)?,
        connections: Arc::new(Connections::new(Connector::to(server)?)),
    })
}

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum InvalidServer {
    /// The URL is not one of a server.
    #[error("the base URL must be one such as https://api.example.com")]
    Url,
    /// The machine's certificate store can't be read.
    #[error("the machine's certificates can't be read: {0}")]
    Certificates(#[from] rustls::Error),
    /// Requests can't be made.
    #[error("the HTTP client can't be built: {0}")]
    Maker(#[source] reqwest::Error),
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
