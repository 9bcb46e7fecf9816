//! The connection to the gateway: TLS, who calls, and signs of life.

use std::time::Duration;

use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity},
};

use crate::repeat::{Repeating, Tries};

/// What the stubs call through. It reconnects by itself, so make one, keep it, and clone it for each stub.
pub type Connection = InterceptedService<Repeating<Channel>, Credential>;

/// Who calls.
#[derive(Clone)]
pub enum Credential {
    /// Nobody in particular.
    None,
    /// Whoever holds a key, which goes into the header `x-api-key`.
    Key(String),
    /// Whoever a JSON Web Token names, which goes into the header `authorization`.
    Token(String),
    /// Whoever the certificate of the connection names. Both are PEM.
    Certificate {
        /// The certificate, and those between it and the gateway's authority.
        chain: String,
        /// Its private key, PKCS#8.
        key: String,
    },
}

// ANCHOR: connect
/// Connects to `host:port`, for which the authority (PEM) vouches.
///
/// # Errors
/// That of a certificate or key that can't be read. The connection itself is made by the first call, and again whenever
/// it has ended.
pub fn connect(
    address: &str,
    authority: &str,
    credential: Credential,
    tries: Tries,
) -> Result<Connection, Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    if let Credential::Certificate { chain, key } = &credential {
        tls = tls.identity(Identity::from_pem(chain, key));
    }
    let channel = Endpoint::from_shared(format!("https://{address}"))?
        .tls_config(tls)?
        .connect_timeout(Duration::from_secs(5))
        // Finds out that the other side is gone before a call has to.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_lazy();
    Ok(InterceptedService::new(
        Repeating::new(channel, tries),
        credential,
    ))
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let (name, value) = match self {
            Self::None | Self::Certificate { .. } => return Ok(request),
            Self::Key(key) => ("x-api-key", key.clone()),
            Self::Token(token) => ("authorization", format!("Bearer {token}")),
        };
        let mut value = MetadataValue::try_from(value).map_err(|_| {
            Status::internal("the credential has a character that no header can have")
        })?;
        value.set_sensitive(true);
        request.metadata_mut().insert(name, value);
        Ok(request)
    }
}
// ANCHOR_END: connect
