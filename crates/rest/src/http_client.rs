//! The HTTP client that these operations want.

use std::time::Duration;

use reqwest::{Url, redirect, retry};

/// An HTTP client that does what it is told once: it follows no redirect, repeats nothing and keeps few idle
/// connections for long. Share one; clones share its connections.
///
/// For `https` it trusts the machine's certificate store and honours the proxy variables of the environment. For plain
/// `http`, which is for a server on the same machine, it does neither, so that it works on a machine without a
/// certificate store and no proxy comes between. Whether plain `http` is allowed at all is the caller's decision.
///
/// Installs rustls's ring provider as the process's default unless there is one.
///
/// # Errors
/// If the machine's certificate store can't be read.
pub fn http_client(base_url: &str) -> Result<reqwest::Client, reqwest::Error> {
    // An error says that there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(Duration::from_secs(5))
        // Shorter than what is common for servers, so that a request seldom meets a connection that is being closed.
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true);
    let plain = Url::parse(base_url).is_ok_and(|url| url.scheme() == "http");
    if plain {
        builder.no_proxy().tls_certs_only([]).build()
    } else {
        builder.build()
    }
}
