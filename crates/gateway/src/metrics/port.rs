//! What is counted of the connections to the gRPC port, and until when its certificate holds.

use std::{fmt, hash::Hash};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::counted;
use crate::server::tls::Reloader;

/// What is counted of the connections to the gRPC port. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    open: Gauge,
    refused: Family<Cause, Counter>,
    cut: Family<Cause, Counter>,
    no_tls: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

/// Why a connection was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are as many as there may be.
    Connections,
    /// There are as many from its place as there may be.
    ConnectionsPerPeer,
    /// The system has nothing left to make one of, such as descriptors.
    Exhausted,
}

/// Why we cut a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// TLS was not agreed on in time.
    NoTlsInTime,
    /// The peer does not say that it speaks what is spoken here.
    NoAlpn,
    /// HTTP/2 did not begin in time.
    NoHttp2InTime,
    /// The headers of a request in HTTP/1.1 did not come in time.
    NoHeadersInTime,
    /// It had said nothing yet, all places were taken, and a new one came.
    MadeRoom,
    /// Answers were not read.
    AnswersUnread,
    /// It did not end when it was asked to.
    NotEnded,
}

impl Refused {
    const ALL: [Self; 3] = [Self::Connections, Self::ConnectionsPerPeer, Self::Exhausted];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerPeer => "connections_per_peer",
            Self::Exhausted => "exhausted",
        }
    }
}

impl Cut {
    const ALL: [Self; 7] = [
        Self::NoTlsInTime,
        Self::NoAlpn,
        Self::NoHttp2InTime,
        Self::NoHeadersInTime,
        Self::MadeRoom,
        Self::AnswersUnread,
        Self::NotEnded,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::NoTlsInTime => "no_tls_in_time",
            Self::NoAlpn => "no_alpn",
            Self::NoHttp2InTime => "no_http2_in_time",
            Self::NoHeadersInTime => "no_headers_in_time",
            Self::MadeRoom => "made_room",
            Self::AnswersUnread => "answers_unread",
            Self::NotEnded => "not_ended",
        }
    }
}

/// For the log.
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTlsInTime => "no TLS in time",
            Self::NoAlpn => "no HTTP/2 by ALPN",
            Self::NoHttp2InTime => "no HTTP/2 in time",
            Self::NoHeadersInTime => "no headers in time",
            Self::MadeRoom => "it had said nothing and made room for a new one",
            Self::AnswersUnread => "answers were not read",
            Self::NotEnded => "it did not end when it was asked to",
        })
    }
}

/// A connection, until this is dropped.
pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Connections {
    fn default() -> Self {
        let refused = Refused::ALL.into_iter().map(Refused::as_str);
        let cut = Cut::ALL.into_iter().map(Cut::as_str);
        Self {
            open: Gauge::default(),
            refused: counted(refused.map(|cause| Cause { cause })),
            cut: counted(cut.map(|cause| Cause { cause })),
            no_tls: Counter::default(),
        }
    }
}

impl Connections {
    /// Counts a connection that was taken.
    pub(crate) fn begin(&self) -> Open {
        self.open.inc();
        Open(self.open.clone())
    }

    pub(crate) fn refuse(&self, why: Refused) {
        let cause = why.as_str();
        self.refused.get_or_create(&Cause { cause }).inc();
    }

    pub(crate) fn cut(&self, why: Cut) {
        let cause = why.as_str();
        self.cut.get_or_create(&Cause { cause }).inc();
    }

    /// Counts a connection that came to nothing because the two could not agree on TLS.
    pub(crate) fn fail_tls(&self) {
        self.no_tls.inc();
    }

    /// All of it, for a scrape.
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self {
            open,
            refused,
            cut,
            no_tls,
        } = self;
        registry.register(
            "openfinance_connections_open",
            "Connections to the gRPC port",
            open.clone(),
        );
        registry.register(
            "openfinance_connections_refused",
            "Connections that were not taken, by what there was too much or too little of",
            refused.clone(),
        );
        registry.register(
            "openfinance_connections_cut",
            "Connections that the gateway cut, by what the peer did or did not do",
            cut.clone(),
        );
        registry.register(
            "openfinance_tls_handshakes_failed",
            "Connections on which TLS could not be agreed on",
            no_tls.clone(),
        );
    }
}

/// Looks at the certificate that is served, whenever somebody asks.
pub(super) struct Certificate(pub(super) Reloader);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Collector for Certificate {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(ends) = self.0.ends() else {
            return Ok(());
        };
        let gauge = ConstGauge::new(ends);
        let metric = encoder.encode_descriptor(
            "openfinance_tls_certificate_expiration_timestamp",
            "When the first certificate of the chain that is served ends, since 1970",
            Some(&Unit::Seconds),
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    use super::*;

    #[test]
    fn connections_are_counted_by_cause_and_from_zero() {
        let metrics = Metrics::new();
        let connections = metrics.connections();
        let (one, other) = (connections.begin(), connections.begin());
        connections.refuse(Refused::ConnectionsPerPeer);
        connections.cut(Cut::NoTlsInTime);
        connections.fail_tls();
        drop(one);
        let text = metrics.text();
        drop(other);
        for line in [
            "openfinance_connections_open 1\n",
            "openfinance_connections_refused_total{cause=\"connections\"} 0\n",
            "openfinance_connections_refused_total{cause=\"connections_per_peer\"} 1\n",
            "openfinance_connections_cut_total{cause=\"no_tls_in_time\"} 1\n",
            "openfinance_connections_cut_total{cause=\"answers_unread\"} 0\n",
            "openfinance_tls_handshakes_failed_total 1\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
