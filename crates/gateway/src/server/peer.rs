//! Who is at the other end of a connection.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use rustls_pki_types::CertificateDer;

/// The other end of the connection that a request came on, in the extensions of each request.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    shown: Arc<Shown>,
}

/// What it has shown of itself when the connection was made.
#[derive(Debug)]
struct Shown {
    certificates: Box<[CertificateDer<'static>]>,
    /// Whose the first of them is: read once, for all calls on the connection.
    holder: OnceLock<Option<String>>,
}

impl Peer {
    /// A peer with these certificates, its own first. They have been verified; there are none without TLS, and none of a
    /// peer that showed none where that is allowed.
    pub(crate) fn new(
        address: SocketAddr,
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        Self {
            address,
            shown: Arc::new(Shown {
                certificates: certificates.into_iter().collect(),
                holder: OnceLock::new(),
            }),
        }
    }

    /// How many certificates it has shown.
    pub(crate) fn certificates(&self) -> usize {
        self.shown.certificates.len()
    }

    /// Whose the peer's own certificate is, as `read` says, which must say the same whenever it is asked; `None` without a
    /// certificate, or if it is nobody's.
    pub(crate) fn holder(
        &self,
        read: impl FnOnce(&CertificateDer<'static>) -> Option<String>,
    ) -> Option<&str> {
        let own = self.shown.certificates.first()?;
        self.shown.holder.get_or_init(|| read(own)).as_deref()
    }
}
