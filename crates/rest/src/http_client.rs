//! The HTTP client that these operations want.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Method, Uri};
use reqwest::{RequestBuilder, Url};

use crate::{connections::Connections, connector::Connector};

/// An HTTP client of one server, which does what it is told once: it follows no redirect, repeats nothing and keeps idle
/// connections for half a minute. Share one; clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    pub(crate) server: Arc<Server>,
}

/// A server, and what its requests are made and sent with.
pub(crate) struct Server {
    /// Makes requests and sends none.
    pub(crate) maker: reqwest::Client,
    /// Scheme, host, port and a slash, as every URL of this server begins.
    root: Url,
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
    let root = format!("{}/", origin.ascii_serialization());
    let root = Url::parse(&root).map_err(|_| InvalidServer::Url)?;
    let server: Uri = root.as_str().parse().map_err(|_| InvalidServer::Url)?;
    let host = server
        .authority()
        .map(|host| HeaderValue::from_str(host.as_str()));
    let maker = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let server = Server {
        maker: maker
            .build()
            .map_err(|error| InvalidServer::Maker(error.without_url()))?,
        root,
        host: host.and_then(Result::ok).ok_or(InvalidServer::Url)?,
        connections: Arc::new(Connections::new(Connector::to(server)?)),
    };
    Ok(HttpClient {
        server: Arc::new(server),
    })
}

impl Server {
    /// A request to the URL with this text.
    ///
    /// Scheme, host and port of this server are parsed already: where the text begins with them as they are written,
    /// only its path is left.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        match self.url(url) {
            Some(url) => self.maker.request(method, url),
            None => self.maker.request(method, url),
        }
    }

    /// The URL with this text; `None` where only a look at the whole of it can tell what it comes to, if anything.
    fn url(&self, text: &str) -> Option<Url> {
        let path = self.behind(text)?;
        path.bytes().all(is_plain).then(|| {
            let mut url = self.root.clone();
            url.set_path(path);
            url
        })
    }

    /// What stands behind the server in the text of one of its URLs, from the slash on.
    pub(crate) fn behind<'url>(&self, url: &'url str) -> Option<&'url str> {
        let origin = self.root.as_str().strip_suffix('/')?;
        url.strip_prefix(origin)
            .filter(|behind| behind.starts_with('/'))
    }
}

/// Whether a byte is the same in any path, neither the end of one nor left out, encoded or read as another. Segments of dots
/// are resolved away as they are where the whole of a URL is parsed.
fn is_plain(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&'
            | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
    )
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
            .field("server", &self.server.root.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths, and what is behind them, with all that parsing does something about.
    const PATHS: [&str; 32] = [
        "",
        "/",
        "/a",
        "/a/",
        "//",
        "//a//b",
        "/a/.",
        "/a/./b",
        "/a/..",
        "/a/../b",
        "/../..",
        "/a/%2e%2E/b",
        "/a/%2e",
        "/a/.%2e/b",
        "/a/...",
        "/a/%2Fb%",
        "/a;b=c/d:e@f/!$&'()*+,~_-",
        "/a/c:/d",
        "/C|/d",
        "/a\\..\\b",
        "\\a",
        "/a b/ ",
        "/a/\t/b\n/\r",
        "/a/ü/\u{1f980}",
        "/a\"<>`{}^[]|/",
        "/a?b=c/../d",
        "/a#b/../c",
        "?a",
        "#a",
        "@elsewhere/a",
        "0/a",
        ".example/a",
    ];

    #[test]
    fn a_url_is_what_parsing_the_whole_of_it_makes_of_it() {
        for base in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/stem",
            "http://127.0.0.1",
            "http://127.0.0.1:80",
            "http://[::1]:8080",
            "http://[0:0::1]:8080",
            "https://api.example.com",
            "https://api.example.com:443/stem/",
            "HTTPS://API.example.com",
            " https://api.example.com ",
            "https://bücher.example",
            "https://user:secret@api.example.com",
            "https:api.example.com",
        ] {
            let http = http_client(base).unwrap();
            for path in PATHS {
                let text = format!("{base}{path}");
                let Some(url) = http.server.url(&text) else {
                    continue;
                };
                // Its parts, too: `Debug` tells them all.
                let parsed = Url::parse(&text).map(|url| format!("{url:?} {url}"));
                assert_eq!(Ok(format!("{url:?} {url}")), parsed, "{text}");
            }
        }
    }

    #[test]
    fn of_a_plain_url_the_path_alone_is_parsed() {
        let http = http_client("https://API.example.com:443/stem").unwrap();
        for (url, is_known) in [
            ("https://api.example.com/", true),
            ("https://api.example.com/stem/v1/customers/1005061234", true),
            ("https://api.example.com/v1/..%2Fx/%C3%A9%20", true),
            ("https://api.example.com", false),
            ("https://api.example.com.evil.example/", false),
            ("https://api.example.com@evil.example/", false),
            ("https://api.example.com:8443/", false),
            ("https://api.example.com\\v1", false),
            ("https://api.example.com/v1\\..\\x", false),
            ("https://api.example.com/v1?a", false),
            ("https://api.example.com/v1#a", false),
            ("https://api.example.com/v1 ", false),
            ("https://API.example.com:443/v1", false),
            ("http://api.example.com/v1", false),
        ] {
            assert_eq!(http.server.url(url).is_some(), is_known, "{url}");
        }
    }

    #[test]
    fn a_text_that_is_no_url_makes_no_request() {
        let http = http_client("http://h").unwrap();
        for url in ["", "h/a", "http://", "http://h:port/a", "file:///a"] {
            let error = http.server.request(Method::GET, url).build().unwrap_err();
            assert!(error.is_builder(), "{url}: {error}");
        }
    }
}
