//! Callers by certificate: the subject alternative names of what a connection was verified with.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::config::auth::is_principal;

/// Whose certificate this is: its one URI, or else its one DNS name. The common name is not looked at, which nobody has
/// checked for anything. A certificate with two names of a kind has no one owner, and a name with a wildcard is none.
pub(super) fn holder(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut uris = certificate.valid_uri_names();
    let name = match (uris.next(), uris.next()) {
        (Some(uri), None) => uri,
        (Some(_), Some(_)) => return None,
        (None, _) => {
            let mut names = certificate.valid_dns_names();
            match (names.next(), names.next()) {
                (Some(name), None) if !name.contains('*') => name,
                (Some(_) | None, _) => return None,
            }
        }
    };
    is_principal(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(names: &[(&str, &str)]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "admin");
        for (kind, name) in names {
            let name = (*name).try_into().unwrap();
            params.subject_alt_names.push(match *kind {
                "uri" => SanType::URI(name),
                "dns" => SanType::DnsName(name),
                _ => SanType::Rfc822Name(name),
            });
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().into()
    }

    #[test]
    fn a_uri_goes_before_a_dns_name_and_nothing_else_counts() {
        let uri = ("uri", "spiffe://example.com/web");
        let dns = ("dns", "web.example.com");
        let mail = ("mail", "web@example.com");
        for (names, name) in [
            (vec![uri], Some(uri.1)),
            (vec![dns, uri], Some(uri.1)),
            (vec![mail, dns], Some(dns.1)),
            (vec![dns, ("dns", "other.example.com")], None),
            (vec![("dns", "*.example.com")], None),
            (vec![("dns", "unknown")], None),
            (vec![mail], None),
            (vec![], None),
            (vec![uri, ("uri", "spiffe://example.com/other")], None),
            (vec![("uri", "spiffe://example.com/a b")], None),
        ] {
            assert_eq!(holder(&certificate(&names)).as_deref(), name, "{names:?}");
        }
        assert_eq!(holder(&CertificateDer::from(b"canary".to_vec())), None);
    }
}
