//! Certificates for a gateway and for one caller of it, made anew for each run.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// By which the gateway knows the caller.
pub(crate) const CALLER: &str = "spiffe://example.com/load";

/// One authority, and what it has issued.
pub(crate) struct Guard {
    /// `tls.cert` and `tls.key`, as a table of the settings.
    pub(crate) tls: String,
    /// The same with `tls.client_ca`.
    pub(crate) mutual_tls: String,
    /// What the caller needs. Its certificate is shown if it is asked for.
    pub(crate) caller: ClientTlsConfig,
}

impl Guard {
    /// Makes them in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pair = |name: SanType| {
            let mut params = CertificateParams::default();
            params.subject_alt_names = vec![name];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap().pem();
            (certificate, key.serialize_pem())
        };
        let (certificate, key) = pair(SanType::DnsName("localhost".try_into().unwrap()));
        let (own_certificate, own_key) = pair(SanType::URI(CALLER.try_into().unwrap()));
        let authority = authority.pem();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let tls = format!(
            "[tls]\ncert = \"{}\"\nkey = \"{}\"\n",
            write("cert", &certificate),
            write("key", &key)
        );
        let mutual_tls = format!("{tls}client_ca = \"{}\"\n", write("ca", &authority));
        let caller = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(authority))
            .identity(Identity::from_pem(own_certificate, own_key));
        Self {
            tls,
            mutual_tls,
            caller,
        }
    }
}
