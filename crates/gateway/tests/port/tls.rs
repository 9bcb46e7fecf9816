//! TLS of the gRPC port: what is spoken, who is let in, and certificates that change while calls run.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openfinance_gateway::config::{ClientCertificates, TlsVersion};
use rustls::{
    AlertDescription, ProtocolVersion,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::{
    PATIENCE, list,
    served::{Authority, NAME, Pair, Served},
};

fn agreed(stream: &TlsStream<TcpStream>) -> (Option<ProtocolVersion>, Option<&[u8]>) {
    let session = stream.get_ref().1;
    (session.protocol_version(), session.alpn_protocol())
}

#[tokio::test]
async fn tls_1_3_with_http_2_is_served() {
    let served = Served::new(|_| ()).await;
    let stream = served.speaks(served.config(&[&TLS12, &TLS13], None)).await;
    let expected = (Some(ProtocolVersion::TLSv1_3), Some(&b"h2"[..]));
    assert_eq!(agreed(&stream.unwrap()), expected);
    let channel = served.endpoint(None).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_when_it_is_asked_for() {
    let served = Served::new(|_| ()).await;
    assert_eq!(
        served.refuses(served.config(&[&TLS12], None)).await,
        AlertDescription::ProtocolVersion
    );
    served.gateway.stop().await;

    let served = Served::new(|tls| tls.min_version = TlsVersion::V1_2).await;
    for (spoken, version) in [
        (&[&TLS12][..], ProtocolVersion::TLSv1_2),
        (&[&TLS12, &TLS13], ProtocolVersion::TLSv1_3),
    ] {
        let stream = served.speaks(served.config(spoken, None)).await.unwrap();
        assert_eq!(agreed(&stream), (Some(version), Some(&b"h2"[..])));
    }
    served.gateway.stop().await;
}

#[tokio::test]
async fn clients_that_do_not_say_http_2_are_not_served() {
    let served = Served::new(|_| ()).await;
    let mut config = served.config(&[&TLS13], None);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    assert_eq!(
        served.refuses(config.clone()).await,
        AlertDescription::NoApplicationProtocol
    );
    config.alpn_protocols.clear();
    let error = served.speaks(config).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    served.gateway.stop().await;
}

#[tokio::test]
async fn plaintext_gets_nothing_from_a_port_with_tls() {
    let served = Served::new(|_| ()).await;
    let mut peer = TcpStream::connect(served.gateway.grpc_address())
        .await
        .unwrap();
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // It ends one way or the other.
    let _ = timeout(PATIENCE, peer.read_to_end(&mut answer))
        .await
        .unwrap();
    const ALERT: u8 = 21;
    assert!(matches!(answer.first(), None | Some(&ALERT)), "{answer:?}");
    let channel = served.endpoint(None).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn only_clients_of_the_known_authority_are_let_in_where_certificates_are_required() {
    let served = Served::to_known_clients().await;
    let known = served.clients.issues("web.example.com");
    let none = served.refuses(served.config(&[&TLS13], None)).await;
    assert_eq!(none, AlertDescription::CertificateRequired);
    for (authority, alert) in [
        ("of strangers", AlertDescription::UnknownCA),
        // Of the same name, and with a key of its own.
        ("of clients", AlertDescription::DecryptError),
    ] {
        let stranger = Authority::new(authority).issues("web.example.com");
        let config = served.config(&[&TLS13], Some(&stranger));
        assert_eq!(served.refuses(config).await, alert, "{authority}");
    }
    let stream = served.speaks(served.config(&[&TLS13], Some(&known))).await;
    stream.unwrap();
    let channel = served.endpoint(Some(&known)).connect().await.unwrap();
    list(channel).await.unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn certificates_that_have_expired_are_taken_by_neither_side() {
    let served = Served::to_known_clients().await;
    const PAST: i32 = 2021;
    let expired = served.clients.issues_until("web.example.com", PAST);
    let config = served.config(&[&TLS13], Some(&expired));
    assert_eq!(
        served.refuses(config).await,
        AlertDescription::CertificateExpired
    );
    served.put(&served.authority.issues_until(NAME, PAST));
    served.gateway.reload_tls().unwrap();
    let known = served.clients.issues("web.example.com");
    served.endpoint(Some(&known)).connect().await.unwrap_err();
    served.gateway.stop().await;
}

#[tokio::test]
async fn a_client_of_another_host_or_another_authority_does_not_speak_to_us() {
    let served = Served::new(|_| ()).await;
    let tls = |authority: &Authority, name| {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authority.pem()))
            .domain_name(name)
    };
    let stranger = Authority::new("of servers");
    for wrong in [
        tls(&served.authority, "other.example.com"),
        tls(&stranger, NAME),
    ] {
        let endpoint = served.endpoint(None).tls_config(wrong).unwrap();
        endpoint.connect().await.unwrap_err();
    }
    list(served.endpoint(None).connect().await.unwrap())
        .await
        .unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn tls_1_1_is_never_spoken() {
    // A ClientHello that offers 1.1 and no more, as no library at hand would make it: no extensions, one cipher suite.
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let random = [7; 32];
    let hello = [&[3, 2][..], &random, &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    let message = [&[1, 0, 0, length][..], &hello].concat();
    let record = [&[22, 3, 1, 0, length + 4][..], &message].concat();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let served = Served::new(|tls| tls.min_version = version).await;
        let mut peer = TcpStream::connect(served.gateway.grpc_address())
            .await
            .unwrap();
        peer.write_all(&record).await.unwrap();
        let mut alert = Vec::new();
        timeout(PATIENCE, peer.read_to_end(&mut alert))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((alert[0], alert[5]), (ALERT, FATAL), "{alert:?}");
        assert!(
            [HANDSHAKE_FAILURE, PROTOCOL_VERSION].contains(&alert[6]),
            "{alert:?}"
        );
        served.gateway.stop().await;
    }
}

#[tokio::test]
async fn a_handshake_byte_by_byte_is_cut_in_time() {
    const TIME: Duration = Duration::from_millis(300);
    let served = Served::with(|port| port.handshake_timeout = TIME, |_| ()).await;
    let mut peer = TcpStream::connect(served.gateway.grpc_address())
        .await
        .unwrap();
    let began = Instant::now();
    // It says that 500 bytes are to come.
    for byte in [22, 3, 1, 1, 0xf4, 1, 0, 1, 0xf0] {
        peer.write_all(&[byte]).await.unwrap();
    }
    let ended = timeout(PATIENCE, peer.read_to_end(&mut Vec::new())).await;
    let _ = ended.expect("it goes on");
    assert!(began.elapsed() >= TIME);
    list(served.endpoint(None).connect().await.unwrap())
        .await
        .unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn clients_without_a_certificate_are_let_in_where_it_is_optional_and_strangers_are_not() {
    let served = Served::new(|tls| {
        tls.client_ca = Some(tls.cert.with_file_name("clients"));
        tls.client_certificates = ClientCertificates::Optional;
    })
    .await;
    let known = served.clients.issues("web.example.com");
    for shown in [None, Some(&known)] {
        let channel = served.endpoint(shown).connect().await.unwrap();
        list(channel).await.unwrap();
    }
    let stranger = Authority::new("of strangers").issues("web.example.com");
    let refused = served.refuses(served.config(&[&TLS13], Some(&stranger)));
    assert_eq!(refused.await, AlertDescription::UnknownCA);
    served.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_change_cost_no_call() {
    let served = Served::new(|_| ()).await;
    let ends = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (endpoint, ends) = (served.endpoint(None), Arc::clone(&ends));
            tokio::spawn(call_until(endpoint, ends))
        })
        .collect();
    for _ in 0..20 {
        let pair = served.authority.issues(NAME);
        served.put(&pair);
        served.gateway.reload_tls().unwrap();
        let stream = served.speaks(served.config(&[&TLS13], None)).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        assert_eq!(shown, [pair.cert()]);
        // A key that does not fit changes nothing.
        let other = served.authority.issues(NAME);
        let cert = pair.cert.clone();
        served.put(&Pair { cert, ..other });
        assert_eq!(served.gateway.reload_tls().unwrap_err().key, "tls.key");
        let stream = served.speaks(served.config(&[&TLS13], None)).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        assert_eq!(shown, [pair.cert()]);
    }
    ends.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
    served.gateway.stop().await;
}

/// Calls by turns over a connection that is there and over a new one, and answers how often.
async fn call_until(endpoint: Endpoint, ends: Arc<AtomicBool>) -> u32 {
    let old: Channel = endpoint.connect().await.unwrap();
    let mut calls = 0;
    while !ends.load(Ordering::Relaxed) {
        list(old.clone()).await.unwrap();
        let new = endpoint.connect().await.unwrap();
        list(new).await.unwrap();
        calls += 2;
    }
    calls
}
