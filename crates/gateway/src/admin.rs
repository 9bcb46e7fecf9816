//! The admin port: `/livez`, `/readyz` and `/metrics`. It serves no records.
//!
//! Whoever can reach it can hold little of it: a connection is for one request and a short time, and where there are too
//! many the oldest is cut, so that probes find the port open.

use std::{collections::VecDeque, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinHandle, JoinSet},
};
use tower::Service as _;

use crate::{
    health::{Check, Health},
    metrics::Exposition,
};

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// How long a connection has for the headers of its request, and for all of it.
const HEADERS: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(15);

/// What the headers of a request may be, in bytes.
const HEADER_BYTES: usize = 16 * 1024;

/// How long to wait before accepting again when the system can't make a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the admin port until the task is aborted.
pub(crate) fn start(listener: TcpListener, health: Health, metrics: Exposition) -> JoinHandle<()> {
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(text).with_state(metrics));
    tokio::spawn(serve(listener, router))
}

async fn serve(listener: TcpListener, router: Router) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false);
    // Dropped with this task, the set cuts what is left in it.
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    oldest_first.retain(|connection| !connection.is_finished());
                    if oldest_first.len() >= CONNECTIONS
                        && let Some(oldest) = oldest_first.pop_front()
                    {
                        oldest.abort();
                    }
                    let router = router.clone();
                    let service = service_fn(move |request: http::Request<Incoming>| {
                        router.clone().call(request)
                    });
                    let connection = builder.serve_connection(TokioIo::new(stream), service);
                    oldest_first.push_back(connections.spawn(async move {
                        // However it ends, nobody needs to know.
                        let _ = tokio::time::timeout(ALL, connection).await;
                    }));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to the admin port could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Whether the gateway is ready, and which checks fail. `exclude=NAME`, as often as needed, leaves a check out of the
/// answer: a balancer that takes every replica away because of what they share makes an outage of what would be a part.
async fn readyz(
    State(health): State<Health>,
    Query(asked): Query<Vec<(String, String)>>,
) -> (StatusCode, String) {
    let excluded: Option<Vec<_>> = asked.iter().map(excluded).collect();
    let Some(excluded) = excluded else {
        let known = names(Check::OPTIONAL.into_iter());
        let told = format!("the only parameter is exclude, and its values are: {known}\n");
        return (StatusCode::BAD_REQUEST, told);
    };
    let (passed_over, failing): (Vec<_>, Vec<_>) =
        health.failing().partition(|check| excluded.contains(check));
    if !failing.is_empty() {
        let told = format!("not ready: {}\n", names(failing.into_iter()));
        return (StatusCode::SERVICE_UNAVAILABLE, told);
    }
    let told = if passed_over.is_empty() {
        "ready\n".to_owned()
    } else {
        format!("ready but for: {}\n", names(passed_over.into_iter()))
    };
    (StatusCode::OK, told)
}

/// The check that this parameter leaves out.
fn excluded((key, value): &(String, String)) -> Option<Check> {
    let named = |check: &Check| key == "exclude" && value == check.as_str();
    Check::OPTIONAL.into_iter().find(named)
}

fn names(checks: impl Iterator<Item = Check>) -> String {
    let names: Vec<_> = checks.map(Check::as_str).collect();
    names.join(", ")
}

async fn text(State(metrics): State<Exposition>) -> impl IntoResponse {
    (
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        metrics.text(),
    )
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        time::Instant,
    };

    use super::*;

    const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";

    async fn port() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(
            listener,
            Router::new().route("/livez", get(async || "ok\n")),
        ));
        address
    }

    async fn answer(mut peer: TcpStream) -> String {
        peer.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn idle_connections_to_the_admin_port_are_few_and_keep_no_probe_out() {
        let address = port().await;
        let mut idle = Vec::new();
        for _ in 0..3 * CONNECTIONS {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        for _ in 0..10 {
            let answer = answer(TcpStream::connect(address).await.unwrap()).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        }
        // The oldest have gone.
        for peer in &mut idle[..2 * CONNECTIONS] {
            assert!(matches!(peer.read(&mut [0]).await, Ok(0) | Err(_)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_to_the_admin_port_comes_in_time_or_not_at_all() {
        let address = port().await;
        for beginning in [&b""[..], &REQUEST[..10]] {
            let mut peer = TcpStream::connect(address).await.unwrap();
            let began = Instant::now();
            peer.write_all(beginning).await.unwrap();
            let mut rest = Vec::new();
            let _ = peer.read_to_end(&mut rest).await;
            assert!((HEADERS..ALL).contains(&began.elapsed()));
        }
    }
}
