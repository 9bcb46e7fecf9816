//! The settings of the gRPC port: its TLS, and what one peer may take of it.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use super::duration;

/// TLS of the gRPC port. All files are PEM, and are read again when the gateway is told that they changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those between it and a root, `tls.cert`.
    pub cert: PathBuf,
    /// Its private key, `tls.key`.
    pub key: PathBuf,
    /// The authorities whose client certificates count, `tls.client_ca`.
    pub client_ca: Option<PathBuf>,
    /// The oldest version that is spoken, `tls.min_version`.
    pub min_version: TlsVersion,
    /// Whether clients must have a certificate; without `tls.client_ca` nobody asks for one.
    pub client_certificates: ClientCertificates,
}

impl Tls {
    /// The files that these settings name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2, where clients can't do better.
    V1_2,
    /// 1.3.
    #[default]
    V1_3,
}

impl TlsVersion {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "1.2" => Some(Self::V1_2),
            "1.3" => Some(Self::V1_3),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

/// Whether clients must show a certificate. One that is shown is always verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No connection without one.
    #[default]
    Required,
    /// Clients may be known by other means.
    Optional,
}

/// What one peer, and all of them together, may take of the gRPC port. Each field is the setting of its name under
/// `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Connections in all; more are closed as they come. Three quarters of the process's file descriptors hold as well.
    pub connections: u32,
    /// Connections of one IPv4 address or one IPv6 network of 64 bits, which is what one host may choose from.
    pub connections_per_peer: u32,
    /// Time for TLS and for the first words of HTTP/2, both together.
    pub handshake_timeout: Duration,
    /// Time for the message of a call, from when its headers have come. Until it is there the call has no place at the
    /// vendor.
    pub message_timeout: Duration,
    /// After this long without a call, and before it has passed twice, a connection is closed.
    pub idle_timeout: Duration,
    /// How long a peer may leave an answer that is there unread before its connection is cut, and up to half as long
    /// again.
    pub stall_timeout: Duration,
    /// After this long, give or take a tenth, a connection is closed when its calls are done, so that clients spread
    /// over new replicas and show their certificates again.
    pub connection_age: Duration,
    /// How long the calls of a connection that is too old may run on.
    pub connection_grace: Duration,
    /// How long a connection may be silent before the peer is asked for a sign of life.
    pub keepalive_interval: Duration,
    /// How long that sign may take.
    pub keepalive_timeout: Duration,
    /// Calls at a time on one connection.
    pub streams_per_connection: u32,
    /// The headers of a request, in bytes, counted as HTTP/2 does: 32 more for each.
    pub header_bytes: u32,
    /// What may be on its way to us for one call, in bytes.
    pub stream_window_bytes: u32,
    /// What may be on its way to us on one connection, in bytes.
    pub connection_window_bytes: u32,
    /// Calls that a peer has cancelled before we looked at them, at a time. More end the connection.
    pub unread_resets: u32,
    /// Calls that a peer cancels, beyond those that were answered. More end the connection; a hundredth of them is allowed
    /// anew each second.
    pub cancelled_calls: u32,
    /// Calls that we have had to cancel since the peer broke the protocol on them. More end the connection.
    pub forced_resets: u32,
    /// Frames that carry nothing of a call, beyond those that go with calls. More end the connection; a hundredth of
    /// them is allowed anew each second.
    pub control_frames: u32,
    /// The largest request, in bytes.
    pub request_bytes: u32,
    /// The largest answer, in bytes.
    pub answer_bytes: u32,
}

impl Tls {
    /// The value of the setting `name`, if it is one of TLS and has one.
    pub(super) fn show(&self, name: &str) -> Option<String> {
        let path = match name {
            "tls.cert" => &self.cert,
            "tls.key" => &self.key,
            "tls.client_ca" => self.client_ca.as_ref()?,
            "tls.min_version" => return Some(self.min_version.as_str().to_owned()),
            _ => return None,
        };
        Some(path.display().to_string())
    }
}

impl Default for Port {
    fn default() -> Self {
        Self {
            connections: 2_048,
            connections_per_peer: 64,
            handshake_timeout: Duration::from_secs(8),
            message_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(5 * 60),
            stall_timeout: Duration::from_secs(20),
            connection_age: Duration::from_secs(60 * 60),
            connection_grace: Duration::from_secs(5 * 60),
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            streams_per_connection: 100,
            header_bytes: 8 * 1024,
            stream_window_bytes: 64 * 1024,
            connection_window_bytes: 1024 * 1024,
            unread_resets: 200,
            cancelled_calls: 10_000,
            forced_resets: 1_024,
            control_frames: 10_000,
            request_bytes: 64 * 1024,
            answer_bytes: 4 * 1024 * 1024,
        }
    }
}

/// A limit that is a number: its setting, where it goes, and what it may be.
pub(super) type Number<'a> = (&'static str, &'a mut u32, RangeInclusive<u32>);

impl Port {
    pub(super) fn numbers(&mut self) -> [Number<'_>; 12] {
        /// The largest window that HTTP/2 knows.
        const WINDOW: u32 = 0x7fff_ffff;
        const MANY: u32 = 1_000_000;
        [
            ("limits.connections", &mut self.connections, 1..=MANY),
            (
                "limits.connections_per_peer",
                &mut self.connections_per_peer,
                1..=MANY,
            ),
            (
                "limits.streams_per_connection",
                &mut self.streams_per_connection,
                1..=10_000,
            ),
            (
                "limits.header_bytes",
                &mut self.header_bytes,
                1_024..=1_048_576,
            ),
            (
                "limits.stream_window_bytes",
                &mut self.stream_window_bytes,
                16_384..=WINDOW,
            ),
            (
                "limits.connection_window_bytes",
                &mut self.connection_window_bytes,
                65_535..=WINDOW,
            ),
            ("limits.unread_resets", &mut self.unread_resets, 1..=MANY),
            (
                "limits.cancelled_calls",
                &mut self.cancelled_calls,
                100..=MANY,
            ),
            ("limits.forced_resets", &mut self.forced_resets, 1..=MANY),
            (
                "limits.control_frames",
                &mut self.control_frames,
                100..=MANY,
            ),
            (
                "limits.request_bytes",
                &mut self.request_bytes,
                // As long as they are, requests are read for the audit too.
                1_024..=65_536,
            ),
            (
                "limits.answer_bytes",
                &mut self.answer_bytes,
                65_536..=67_108_864,
            ),
        ]
    }

    pub(super) fn times(&mut self) -> [(&'static str, &mut Duration); 8] {
        [
            ("limits.handshake_timeout", &mut self.handshake_timeout),
            ("limits.message_timeout", &mut self.message_timeout),
            ("limits.idle_timeout", &mut self.idle_timeout),
            ("limits.stall_timeout", &mut self.stall_timeout),
            ("limits.connection_age", &mut self.connection_age),
            ("limits.connection_grace", &mut self.connection_grace),
            ("limits.keepalive_interval", &mut self.keepalive_interval),
            ("limits.keepalive_timeout", &mut self.keepalive_timeout),
        ]
    }

    /// Whether the setting `name` is one of these.
    pub(crate) fn has(name: &str) -> bool {
        Self::default().show(name).is_some()
    }

    /// The value of the setting `name`, if it is one of these.
    pub(super) fn show(mut self, name: &str) -> Option<String> {
        let number = self.numbers().into_iter().find(|(key, ..)| *key == name);
        if let Some((_, number, _)) = number {
            return Some(number.to_string());
        }
        let time = self.times().into_iter().find(|(key, _)| *key == name);
        time.map(|(_, time)| duration::show(*time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handbook_has_each_limit_of_the_port_with_its_default() {
        const HANDBOOK: &str = include_str!("../../../../docs/operations.md");
        let mut port = Port::default();
        let numbers = port.numbers().map(|(name, ..)| name);
        let times = port.times().map(|(name, _)| name);
        for name in numbers.into_iter().chain(times) {
            let row = format!("| `{name}` | {} |", port.show(name).unwrap());
            assert!(HANDBOOK.contains(&row), "there is no row {row}");
        }
    }
}
