//! TLS of the gRPC port: what it speaks, and certificates that can be changed while it serves.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use webpki::{EndEntityCert, KeyUsage};

use super::Speaks;
use crate::config::{ClientCertificates, Tls, TlsVersion};

/// What is spoken, by its names in TLS.
pub(super) const HTTP2: &[u8] = b"h2";
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// Why a file can't be used. It tells of the file, and nothing of what is in it.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}: {problem}", .path.display())]
pub struct TlsError {
    /// The setting that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, in our words.
    pub problem: String,
}

/// The certificates in force. Clones are the same.
#[derive(Clone)]
pub(crate) struct Reloader(Arc<Inner>);

struct Inner {
    files: Tls,
    speaks: Speaks,
    current: RwLock<Current>,
}

/// What connections are made with.
struct Current {
    config: Arc<ServerConfig>,
    /// What tells the files that it was read from, from others.
    mark: Mark,
    /// When the first certificate of the chain ends, in seconds since 1970, where that can be told.
    ends: Option<u64>,
}

type Mark = [u8; 32];

impl Reloader {
    /// Reads the files, for connections on which this is spoken.
    ///
    /// # Errors
    /// [`TlsError`] if one of them can't be used.
    pub(crate) fn open(files: Tls, speaks: Speaks) -> Result<Self, TlsError> {
        let current = RwLock::new(read(&files, speaks)?);
        Ok(Self(Arc::new(Inner {
            files,
            speaks,
            current,
        })))
    }

    /// Reads the files again, and says whether anything in them is new. Connections from now on have what is in them; those that there are keep what they have.
    ///
    /// # Errors
    /// [`TlsError`] if one of them can't be used. Nothing changes then.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let new = read(&self.0.files, self.0.speaks)?;
        let mut current = self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = new.mark != current.mark;
        if is_new {
            *current = new;
        }
        Ok(is_new)
    }

    /// The files that are in force, until a restart.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.files.files()
    }

    /// When the first certificate of the chain that is served ends, in seconds since 1970; `None` if it can't be told.
    pub(crate) fn ends(&self) -> Option<u64> {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).ends
    }

    /// What the next connection is served with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.config).into()
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloader").field(&self.0.files).finish()
    }
}

/// What is wrong with these files, if anything: all of it, as far as that can be told apart.
pub(crate) fn check(files: &Tls) -> Vec<TlsError> {
    let problems = [
        certificates("tls.cert", &files.cert).err(),
        key(&files.key).err(),
        files
            .client_ca
            .as_deref()
            .and_then(|path| authorities(path).and_then(|found| roots(path, found)).err()),
    ];
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    match problems.is_empty() {
        true => read(files, Speaks::Http2).err().into_iter().collect(),
        false => problems,
    }
}

fn read(files: &Tls, speaks: Speaks) -> Result<Current, TlsError> {
    let Tls {
        cert,
        key: key_path,
        client_ca,
        min_version,
        client_certificates,
    } = files;
    let mut mark = Sha256::new();
    let chain = certificates("tls.cert", cert)?;
    chain.iter().for_each(|one| mark.update(one));
    let ends = chain.iter().filter_map(ends).min();
    let key = key(key_path)?;
    mark.update(key.secret_der());
    let provider = Arc::new(ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = match min_version {
        TlsVersion::V1_2 => &[&TLS12, &TLS13],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|_| {
            problem(
                "tls.cert",
                cert,
                "the TLS library speaks none of the versions",
            )
        })?;
    let clients: Arc<dyn ClientCertVerifier> = match client_ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(path) => {
            let authorities = authorities(path)?;
            authorities.iter().for_each(|one| mark.update(one));
            let roots = Arc::new(roots(path, authorities)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match client_certificates {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            verifier
                .build()
                .map_err(|_| problem("tls.client_ca", path, NO_CERTIFICATE))?
        }
    };
    let mut config = versions
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                problem(
                    "tls.key",
                    key_path,
                    "is not the key of the certificate in tls.cert",
                )
            } else {
                // The library's words may quote what it read.
                problem(
                    "tls.cert",
                    cert,
                    "the certificate and its key can't be used together",
                )
            }
        })?;
    config.alpn_protocols = match speaks {
        Speaks::Http2 => vec![HTTP2.to_vec()],
        Speaks::Http1Too => vec![HTTP2.to_vec(), HTTP1.to_vec()],
    };
    // Connections live long, so resuming sessions would save little. Without it each of them shows its certificates to
    // the verifier of today, and there are no ticket keys to look after.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Current {
        config: Arc::new(config),
        mark: mark.finalize().into(),
        ends,
    })
}

/// When a certificate ends, in seconds since 1970. The library that verifies certificates does not tell this of one that
/// is good: it is asked about a time when none is good any more, and says why in its refusal.
fn ends(certificate: &CertificateDer<'_>) -> Option<u64> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let usage = KeyUsage::server_auth();
    match certificate.verify_for_usage(&[], &[], &[], end_of_time, usage, None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        Ok(_) | Err(_) => None,
    }
}

const NO_CERTIFICATE: &str = "has no certificate in PEM that can be used";

fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = text(setting, path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(problem(setting, path, NO_CERTIFICATE)),
    }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates("tls.client_ca", path)
}

fn roots(
    path: &Path,
    authorities: Vec<CertificateDer<'static>>,
) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots
            .add(certificate)
            .map_err(|_| problem("tls.client_ca", path, NO_CERTIFICATE))?;
    }
    Ok(roots)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = text("tls.key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        problem(
            "tls.key",
            path,
            "has no private key in PEM that can be read",
        )
    })
}

fn text(setting: &'static str, path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, TlsError> {
    let text: io::Result<Vec<u8>> = std::fs::read(path);
    text.map(Into::into)
        .map_err(|error| problem(setting, path, &format!("can't be read: {error}")))
}

fn problem(key: &'static str, path: &Path, problem: &str) -> TlsError {
    TlsError {
        key,
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_when_it_ends_good_or_not() {
        let key = KeyPair::generate().unwrap();
        // The second form of the time in a certificate begins with the year 2050.
        for (year, seconds) in [
            (2020, 1_577_836_800),
            (2049, 2_493_072_000),
            (2100, 4_102_444_800),
        ] {
            let mut params = CertificateParams::default();
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(year, 1, 1);
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(ends(certificate.der()), Some(seconds), "{year}");
        }
        assert_eq!(ends(&CertificateDer::from(b"canary".to_vec())), None);
    }
}
