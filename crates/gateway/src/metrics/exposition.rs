//! All figures as one text, in the format of OpenMetrics.

use std::sync::Arc;

use openfinance::Client;
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{
    Metrics,
    port::Certificate,
    standing::{Issuer, Stand},
};
use crate::{
    about::{self, About},
    audit::Audit,
    auth::Gatekeeper,
    server::tls::Reloader,
};

/// What a scrape answers. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Exposition(Arc<Registry>);

impl Exposition {
    /// The figures of a gateway that calls the vendor through `client`, tells of it in this audit file, serves these
    /// certificates, and lets in whom this gatekeeper knows.
    pub(crate) fn new(
        metrics: &Metrics,
        client: Client,
        audit: Option<Audit>,
        tls: Option<Reloader>,
        about: About,
        gatekeeper: Gatekeeper,
    ) -> Self {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let address = about.vendor_host;
        metrics.0.upstream.register(&mut registry, address);
        registry.register_collector(Box::new(Stand { client, audit }));
        if let Some(tls) = tls {
            registry.register_collector(Box::new(Certificate(tls)));
        }
        registry.register_collector(Box::new(Issuer(gatekeeper)));
        let started = Gauge::<i64>::default();
        started.set(about.started.as_second());
        registry.register_with_unit(
            "process_start_time",
            "When the gateway was started, since 1970",
            Unit::Seconds,
            started,
        );
        let info = Family::<[(&'static str, String); 3], Gauge>::default();
        let labels = [
            ("version", about::VERSION.to_owned()),
            (
                "vendor_document_version",
                openfinance::DOCUMENT_VERSION.to_owned(),
            ),
            ("environment", about.environment),
        ];
        info.get_or_create(&labels).set(1);
        registry.register(
            "openfinance_gateway_info",
            "What runs, and against which vendor; always 1",
            info,
        );
        Self(Arc::new(registry))
    }

    /// All figures as they are now.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.0);
        text
    }
}

#[cfg(test)]
impl Metrics {
    /// What is counted by itself, without a client to look at.
    pub(crate) fn text(&self) -> String {
        let mut registry = Registry::default();
        self.register(&mut registry);
        self.0.upstream.register(&mut registry, "test".to_owned());
        Exposition(Arc::new(registry)).text()
    }
}
