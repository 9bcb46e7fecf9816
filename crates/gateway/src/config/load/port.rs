//! The settings of the gRPC port as meant.

use std::{ops::RangeInclusive, path::PathBuf};

use super::{
    super::{
        auth::Auth,
        port::{ClientCertificates, Port, Tls, TlsVersion},
    },
    Problem, Reader,
};
use crate::server::tls;

impl Reader {
    /// TLS, if there is to be any: files that can't be used are told like settings that are wrong.
    pub(super) fn tls(&mut self, auth: &Auth) -> Option<Tls> {
        let mut path = |name| self.take(name).map(|entry| PathBuf::from(entry.text));
        let (cert, key) = (path("tls.cert"), path("tls.key"));
        let client_ca = path("tls.client_ca");
        let given = client_ca.is_some() || self.entries.source("tls.min_version").is_some();
        let min_version = self.min_version();
        let (Some(cert), Some(key)) = (&cert, &key) else {
            if given || cert.is_some() || key.is_some() {
                for (name, path) in [("tls.cert", cert), ("tls.key", key)] {
                    if path.is_none() {
                        self.missing(name, "is required for TLS: a file in PEM");
                    }
                }
            }
            return None;
        };
        let tls = Tls {
            cert: cert.clone(),
            key: key.clone(),
            client_ca,
            min_version,
            // Where the certificate says who calls, and something else may say it too, callers can do without.
            client_certificates: match auth.mtls && (auth.jwt.is_some() || !auth.keys.is_empty()) {
                true => ClientCertificates::Optional,
                false => ClientCertificates::Required,
            },
        };
        tls.files().for_each(|file| self.read.files.add(file));
        let problems = tls::check(&tls);
        let is_right = problems.is_empty();
        for problem in problems {
            let source = self.sources.get(problem.key).cloned();
            self.entries.problems.push(Problem {
                key: problem.key.to_owned(),
                source,
                message: format!("{}: {}", problem.path.display(), problem.problem),
            });
        }
        is_right.then_some(tls)
    }

    fn min_version(&mut self) -> TlsVersion {
        let Some(entry) = self.take("tls.min_version") else {
            return TlsVersion::default();
        };
        TlsVersion::parse(&entry.text).unwrap_or_else(|| {
            self.refuse("tls.min_version", &entry, "must be 1.3 or 1.2");
            TlsVersion::default()
        })
    }

    pub(super) fn port(&mut self) -> Port {
        let mut port = Port::default();
        for (name, value, allowed) in port.numbers() {
            let rule = rule(&allowed);
            if let Some(number) = self.number(name, &rule, |number| allowed.contains(number)) {
                *value = number;
            }
        }
        for (name, value) in port.times() {
            if let Some(time) = self.duration(name) {
                *value = time;
            }
        }
        port
    }
}

fn rule(allowed: &RangeInclusive<u32>) -> String {
    let (least, most) = (allowed.start(), allowed.end());
    format!("must be a whole number from {least} to {most}")
}
