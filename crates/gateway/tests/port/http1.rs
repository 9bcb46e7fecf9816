//! HTTP/1.1 on the gRPC port, where pages may call: what it takes of peers that mean no good, or have poor manners.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use openfinance_gateway::{
    Gateway,
    config::{Config, Port, Web},
};
use rustls::version::TLS13;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{
    PATIENCE, client, gateway, list,
    served::{NAME, Served},
};

/// Short for a limit, and longer than anything else here should take.
const TIME: Duration = Duration::from_millis(400);

/// The end of an answer that went well, in its body.
const OK: &str = "grpc-status:0\r\n";

/// A gateway that pages may call.
async fn to_pages(change: impl FnOnce(&mut Port)) -> Gateway {
    gateway(|config: &mut Config| {
        config.web = Some(Web::default());
        change(&mut config.port);
    })
    .await
}

/// A call of a method without anything in its message.
fn call(method: &str) -> Vec<u8> {
    with_body(method, &[0; 5])
}

fn with_body(method: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /openfinance.v1.{method} HTTP/1.1\r\nhost: here\r\ncontent-type: application/grpc-web+proto\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn lists() -> Vec<u8> {
    call("CustomerService/ListCustomers")
}

/// A connection in HTTP/1.1.
struct Line<I>(I);

impl Line<TcpStream> {
    async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Line<I> {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads until this comes, and answers all that came.
    async fn until(&mut self, words: &str) -> String {
        let mut said = Vec::new();
        let reads = async {
            loop {
                let text = String::from_utf8_lossy(&said).into_owned();
                if text.contains(words) {
                    return text;
                }
                let mut room = [0; 1_024];
                let read = self.0.read(&mut room).await.unwrap();
                assert!(read > 0, "it has ended with {text}");
                said.extend_from_slice(&room[..read]);
            }
        };
        timeout(PATIENCE, reads).await.expect("it does not come")
    }

    /// Reads until the end of the connection.
    async fn rest(mut self) -> String {
        let mut said = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut said)).await;
        // A reset is an end too.
        let _ = read.expect("it goes on");
        String::from_utf8_lossy(&said).into_owned()
    }
}

#[tokio::test]
async fn one_port_speaks_both_and_a_connection_has_many_calls() {
    let gateway = to_pages(|_| ()).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    for _ in 0..3 {
        line.send(&lists()).await;
        let said = line.until(OK).await;
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    }
    // The next one comes before the first has been answered.
    line.send(&[lists(), lists()].concat()).await;
    assert_eq!(
        line.until("0\r\n\r\n")
            .await
            .matches("HTTP/1.1 200")
            .count(),
        1
    );
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn http_1_1_is_not_spoken_unless_pages_may_call() {
    let gateway = gateway(|_| ()).await;
    for said in [lists(), b"GET / HTTP/1.1\r\nhost: here\r\n\r\n".to_vec()] {
        let mut line = Line::to(gateway.grpc_address()).await;
        line.send(&said).await;
        let answered = line.rest().await;
        assert!(!answered.contains("HTTP/1.1"), "{answered}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn under_tls_pages_may_speak_either_and_gateways_without_pages_http_2_alone() {
    let served = Served::of(|config| config.web = Some(Web::default()), |_| ()).await;
    let mut config = served.config(&[&TLS13], None);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(served.gateway.grpc_address())
        .await
        .unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let mut line = Line(stream);
    line.send(&lists()).await;
    line.until(OK).await;
    // Whoever can choose is given HTTP/2.
    let mut config = served.config(&[&TLS13], None);
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let stream = served.speaks(config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    list(served.endpoint(None).connect().await.unwrap())
        .await
        .unwrap();
    served.gateway.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so_and_ends_its_connection() {
    let gateway = to_pages(|_| ()).await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: here\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (said, told) in [
        ("nonsense\r\n\r\n", "HTTP/1.1 400"),
        (
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            "HTTP/1.1 400",
        ),
        (
            "PRI * HTTP/1.1\r\n\r\n and more than a preface",
            "HTTP/1.1 405",
        ),
        (&long, "HTTP/1.1 431"),
        (&many, "HTTP/1.1 431"),
    ] {
        let mut line = Line::to(gateway.grpc_address()).await;
        line.send(said.as_bytes()).await;
        let answered = line.rest().await;
        assert!(answered.starts_with(told), "{said:.40}: {answered}");
    }
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

/// A request for the customers by this method and with these lines in its head, and without a body.
fn bare(method: &str, lines: &str) -> String {
    format!(
        "{method} /openfinance.v1.CustomerService/ListCustomers HTTP/1.1\r\nhost: here\r\n{lines}content-length: 0\r\n\r\n"
    )
}

const WEB: &str = "content-type: application/grpc-web+proto\r\n";

#[tokio::test]
async fn what_is_no_call_is_refused_and_its_connection_goes_on() {
    let gateway = to_pages(|_| ()).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    for (method, lines, told) in [
        ("GET", "", 405),
        ("HEAD", "", 405),
        ("TRACE", "", 405),
        ("PUT", WEB, 405),
        ("post", WEB, 405),
        ("CONNECT", WEB, 405),
        ("GET", "connection: upgrade\r\nupgrade: websocket\r\n", 405),
        ("POST", "", 415),
        ("POST", "content-type: text/plain\r\n", 415),
        ("POST", "content-type: application/grpc\r\n", 415),
        ("POST", "content-type: application/grpc-web+json\r\n", 415),
        (
            "POST",
            "content-type: application/grpc-web+proto\r\ncontent-type: text/plain\r\n",
            415,
        ),
        (
            "POST",
            "content-type: application/grpc-web+proto\r\nhost: elsewhere\r\n",
            400,
        ),
    ] {
        line.send(bare(method, lines).as_bytes()).await;
        let answered = line.until("\r\n\r\n").await;
        let told = format!("HTTP/1.1 {told} ");
        assert!(
            answered.starts_with(&told) && answered.contains("\r\ngrpc-status: 3\r\n"),
            "{method} {lines}: {answered}"
        );
    }
    line.send(&lists()).await;
    line.until(OK).await;
    let without_host = String::from_utf8(lists()).unwrap();
    let without_host = without_host.replace("host: here\r\n", "");
    line.send(without_host.as_bytes()).await;
    let answered = line.until("\r\n\r\n").await;
    assert!(answered.contains("HTTP/1.1 400 "), "{answered}");
    gateway.stop().await;
}

#[tokio::test]
async fn the_content_type_of_a_page_has_parameters_and_letters_as_it_likes() {
    let gateway = to_pages(|_| ()).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    for kind in [
        "application/grpc-web",
        "application/grpc-web+proto;charset=utf-8",
        "application/grpc-web+proto ; a=b; c=\"d\"",
        "Application/Grpc-Web+Proto",
    ] {
        let call = String::from_utf8(lists()).unwrap();
        let call = call.replace("application/grpc-web+proto", kind);
        line.send(call.as_bytes()).await;
        line.until(OK).await;
    }
    let call = with_body("CustomerService/ListCustomers", b"AAAAAAA=");
    let call = String::from_utf8(call).unwrap();
    let call = call.replace("grpc-web+proto", "grpc-web-text; charset=utf-8");
    line.send(call.as_bytes()).await;
    line.until(OK).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_is_never_taken_for_the_next_request() {
    let gateway = to_pages(|_| ()).await;
    let hidden = String::from_utf8(call("CustomerService/None")).unwrap();
    // What is refused unread.
    let form = bare("POST", "content-type: text/plain\r\n");
    let length = format!("content-length: {}", hidden.len());
    let form = form.replace("content-length: 0", &length) + &hidden;
    let mut line = Line::to(gateway.grpc_address()).await;
    line.send(&[form.as_bytes(), &lists()].concat()).await;
    let answered = line.until(OK).await;
    assert!(answered.starts_with("HTTP/1.1 415 "), "{answered}");
    assert_eq!(answered.matches("HTTP/1.1 ").count(), 2, "{answered}");
    assert!(!answered.contains("grpc-status: 12"), "{answered}");
    let whole = "5\r\n\0\0\0\0\0\r\n0\r\n\r\n";
    let (chunked, length) = ("transfer-encoding: chunked\r\n", whole.len());
    let head = |lines: &str| {
        let line = "POST /openfinance.v1.CustomerService/ListCustomers HTTP/1.1\r\n";
        format!("{line}host: here\r\n{WEB}{lines}\r\n")
    };
    for (name, said, told) in [
        // Two lengths: what holds is said by the standard, and the connection ends all the same.
        (
            "length, then pieces",
            head(&format!("content-length: {length}\r\n{chunked}")) + whole + &hidden,
            "HTTP/1.1 200",
        ),
        (
            "pieces, then length",
            head(&format!("{chunked}content-length: 0\r\n")) + whole + &hidden,
            "HTTP/1.1 200",
        ),
        (
            "two lengths",
            head("content-length: 0\r\ncontent-length: 5\r\n") + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "a length with a sign",
            head("content-length: +0\r\n") + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "pieces that are none",
            head("transfer-encoding: xchunked\r\n") + whole + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "pieces, and then something else",
            head("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n") + whole + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "a blank before the colon",
            head("transfer-encoding : chunked\r\n") + whole + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "a line that goes on",
            head("x: y\r\n transfer-encoding: chunked\r\n") + whole + &hidden,
            "HTTP/1.1 400",
        ),
        (
            "pieces in HTTP/1.0",
            head(chunked).replace("HTTP/1.1", "HTTP/1.0") + whole + &hidden,
            // The library answers in its own version.
            "HTTP/1.1 400",
        ),
    ] {
        let mut line = Line::to(gateway.grpc_address()).await;
        line.send(said.as_bytes()).await;
        let answered = line.rest().await;
        assert!(answered.starts_with(told), "{name}: {answered}");
        assert_eq!(answered.matches("HTTP/1.").count(), 1, "{name}: {answered}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_so_that_its_sender_reads_it() {
    let gateway = to_pages(|_| ()).await;
    let body = [&[0, 0, 4, 0, 0][..], &vec![b'x'; 256 * 1024]].concat();
    for _ in 0..20 {
        let mut line = Line::to(gateway.grpc_address()).await;
        line.send(&with_body("CustomerService/ListCustomers", &body))
            .await;
        let answered = line.rest().await;
        assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
        assert!(answered.contains("\r\ngrpc-status: 8\r\n"), "{answered}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn headers_that_do_not_end_are_cut_in_time_first_or_later() {
    let gateway = to_pages(|port| port.handshake_timeout = TIME).await;
    let begins = b"POST /openfinance.v1.CustomerService/ListCustomers HTTP/1.1\r\nx: ";
    for calls in [0, 1, 2] {
        let mut line = Line::to(gateway.grpc_address()).await;
        for _ in 0..calls {
            line.send(&lists()).await;
            line.until("\r\n0\r\n\r\n").await;
            // It may be without a call for longer than headers may take.
            sleep(2 * TIME).await;
        }
        let began = Instant::now();
        line.send(begins).await;
        let (mut reader, mut writer) = line.0.into_split();
        let trickles = async {
            while writer.write_all(b"x").await.is_ok() {
                sleep(TIME / 20).await;
            }
        };
        let ends = async { while reader.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {} };
        let ended = async {
            tokio::select! { () = trickles => {}, () = ends => {} }
        };
        timeout(PATIENCE, ended).await.expect("it goes on");
        assert!(calls == 0 || began.elapsed() >= TIME);
    }
    let mut silent = Line::to(gateway.grpc_address()).await;
    silent.send(b"P").await;
    assert_eq!(silent.rest().await, "");
    assert_eq!(Line::to(gateway.grpc_address()).await.rest().await, "");
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_does_not_come_ends_its_call_in_time() {
    let gateway = to_pages(|port| port.message_timeout = TIME).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    let whole = lists();
    let began = Instant::now();
    line.send(&whole[..whole.len() - 1]).await;
    let answered = line.rest().await;
    assert!(answered.contains("\r\ngrpc-status: 4\r\n"), "{answered}");
    assert!(began.elapsed() >= TIME);
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_when_it_is_idle() {
    let gateway = to_pages(|port| port.idle_timeout = TIME).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    line.send(&lists()).await;
    line.until("\r\n0\r\n\r\n").await;
    let began = Instant::now();
    assert_eq!(line.rest().await, "");
    assert!(began.elapsed() < 10 * TIME);
    gateway.stop().await;
}

#[tokio::test]
async fn an_old_connection_says_so_with_its_last_answer() {
    let gateway = to_pages(|port| port.connection_age = TIME).await;
    let mut line = Line::to(gateway.grpc_address()).await;
    let whole = lists();
    let (most, last) = whole.split_at(whole.len() - 1);
    line.send(most).await;
    sleep(2 * TIME).await;
    line.send(last).await;
    let answered = line.rest().await;
    assert!(
        answered.contains("connection: close") && answered.contains(OK),
        "{answered}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn who_does_not_read_answers_is_cut() {
    let gateway = to_pages(|port| port.stall_timeout = TIME).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(gateway.grpc_address()).await.unwrap();
    let asks = call("GatewayService/ListErrorReasons").repeat(1_000);
    let (reader, mut writer) = stream.into_split();
    // What is read is nothing, and so is soon what can be written.
    let asking = async { while writer.write_all(&asks).await.is_ok() {} };
    timeout(PATIENCE, asking).await.expect("it goes on");
    drop(reader);
    list(client(&gateway).await).await.unwrap();
    gateway.stop().await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once_and_others_with_their_answer() {
    let gateway = to_pages(|_| ()).await;
    let mut idle = Line::to(gateway.grpc_address()).await;
    idle.send(&lists()).await;
    idle.until("\r\n0\r\n\r\n").await;
    let mut busy = Line::to(gateway.grpc_address()).await;
    let whole = lists();
    let (most, last) = whole.split_at(whole.len() - 1);
    busy.send(most).await;
    // Until its headers have been read.
    sleep(TIME).await;
    let began = Instant::now();
    let stops = tokio::spawn(gateway.stop());
    assert_eq!(idle.rest().await, "");
    busy.send(last).await;
    let answered = busy.rest().await;
    assert!(answered.contains(OK), "{answered}");
    stops.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(8));
}
