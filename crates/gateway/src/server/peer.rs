//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

use rustls_pki_types::CertificateDer;

/// The other end of the connection that a request came on, in the extensions of each request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Its certificates, its own first. They have been verified; there are none without TLS, and none of a peer that
    /// showed none where that is allowed.
    pub(crate) certificates: Arc<[CertificateDer<'static>]>,
}
