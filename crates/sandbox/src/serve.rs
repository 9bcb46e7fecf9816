//! The listener, and HTTP on both sides of [`State::handle`].

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State as Shared},
    http::{
        HeaderMap,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
    response::Response,
    serve::ListenerExt,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    call::{Call, Outcome},
    config::Config,
    control::{self, Control},
    operation,
    refusal::Refusal,
    state::State,
};

/// A larger body is refused with 413. No source has a limit; this one is ours.
const LARGEST_BODY: usize = 1024 * 1024;
/// A body that is refused is still read up to here, because a client that is writing may never read the refusal.
const LARGEST_DISCARDED_BODY: usize = 16 * 1024 * 1024;
/// How long stopping waits for requests that are being answered.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long it then waits for answers to leave, and for connections on which nothing was asked.
const SILENCE_GRACE: Duration = Duration::from_millis(200);
/// How often stopping looks whether requests are still being answered.
const STOP_POLL: Duration = Duration::from_millis(10);

/// A running sandbox. Dropping it stops it as well, without waiting.
pub struct Sandbox {
    address: SocketAddr,
    control: Control,
    stopping: watch::Sender<bool>,
    in_flight: InFlight,
    server: JoinHandle<io::Result<()>>,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct StartError {
    /// Where it was told to listen.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What every request needs.
#[derive(Clone)]
struct Server {
    state: Arc<Mutex<State>>,
    stopping: watch::Receiver<bool>,
    in_flight: InFlight,
}

/// How many requests are being answered.
#[derive(Clone, Default)]
struct InFlight(Arc<AtomicUsize>);

/// One of them, until it is dropped, be it because the client went away.
struct Entered(InFlight);

impl InFlight {
    fn enter(&self) -> Entered {
        self.0.fetch_add(1, Ordering::AcqRel);
        Entered(self.clone())
    }

    /// Ends when no request is being answered.
    async fn quiet(&self) {
        while self.0.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(STOP_POLL).await;
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sandbox {
    /// Binds the address and serves on it in the background.
    ///
    /// # Errors
    /// [`StartError`] if the address cannot be bound, for instance because it is taken.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let wanted = config.listen;
        let failed = |source| StartError {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stopping, stopped) = watch::channel(false);
        let in_flight = InFlight::default();
        let state = Arc::new(Mutex::new(State::new(config)));
        let server = Server {
            state: Arc::clone(&state),
            stopping: stopped.clone(),
            in_flight: in_flight.clone(),
        };
        let router = Router::new().fallback(handle).with_state(server);
        // Answers are small: without this a kept-alive connection would wait for the client's acknowledgement.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot send small answers at once");
            }
        });
        let server = axum::serve(listener, router).with_graceful_shutdown(stop_signal(stopped));
        Ok(Self {
            address,
            control: Control::new(state),
            stopping,
            in_flight,
            server: tokio::spawn(server.into_future()),
        })
    }

    /// Where it listens; the port is a real one even if the configuration said 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client puts before the paths of the vendor's document, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The control plane without HTTP.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Stops listening, sends the answers that faults hold back, and lets requests finish for at most five seconds.
    /// Connections on which nothing was asked hold nothing up.
    pub async fn stop(self) {
        let Self {
            address: _,
            control: _,
            stopping,
            in_flight,
            mut server,
        } = self;
        // Nobody listens only if the server has ended already.
        let _ = stopping.send(true);
        let silence = async {
            if tokio::time::timeout(STOP_GRACE, in_flight.quiet())
                .await
                .is_err()
            {
                tracing::warn!("requests were still open when the sandbox stopped");
            }
            tokio::time::sleep(SILENCE_GRACE).await;
        };
        tokio::select! {
            _ = &mut server => {}
            () = silence => server.abort(),
        }
    }
}

/// Ends when the sandbox is told to stop or is dropped.
async fn stop_signal(mut stopping: watch::Receiver<bool>) {
    // An error says that the sender is gone, which means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Locks the state. A panic elsewhere does not take the sandbox down: every rule checks before it changes anything.
pub(crate) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(Shared(server): Shared<Server>, request: Request) -> Response {
    let _entered = server.in_flight.enter();
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body).await;
    let path = parts.uri.path();
    if let Some(route) = control::control_path(path) {
        return control::route(&server.state, &parts.method, route, parts.uri.query(), body)
            .into_response();
    }
    answer_call(&server, &parts, &body).await
}

async fn answer_call(server: &Server, parts: &Parts, body: &Result<Bytes, Refusal>) -> Response {
    let path = parts.uri.path();
    let call = Call {
        method: &parts.method,
        path,
        found: operation::find(&parts.method, path),
        query: parts.uri.query().unwrap_or_default(),
        app_key: header(&parts.headers, "finicity-app-key"),
        token: header(&parts.headers, "finicity-app-token"),
        content_type: header(&parts.headers, CONTENT_TYPE.as_str()),
        body: body.as_ref().map(AsRef::as_ref).map_err(Clone::clone),
    };
    let Outcome {
        answer,
        latency,
        ticket,
        fault,
    } = lock(&server.state).handle(&call);
    if !latency.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            () = stop_signal(server.stopping.clone()) => {}
        }
        lock(&server.state).log.answered(ticket, answer.status);
    }
    let operation = match &call.found {
        operation::Found::Operation(operation, _) => operation.id(),
        operation::Found::WrongMethod { .. } | operation::Found::Nothing => "none",
    };
    tracing::info!(
        operation,
        status = answer.status.as_u16(),
        fault,
        "answered a request"
    );
    answer.into_response()
}

/// The value of a header. One that is not text is there but cannot be right, so it reads as a word nobody uses.
fn header<'headers>(headers: &'headers HeaderMap, name: &str) -> Option<&'headers str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

async fn read_body(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced =
        header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST_DISCARDED_BODY) {
        return Err(Refusal::BodyTooLarge);
    }
    let mut read = 0_usize;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // The client broke off; nobody will see this answer.
        let frame = frame.map_err(|_| Refusal::BadRequest)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read = read.saturating_add(data.len());
        if read > LARGEST_DISCARDED_BODY {
            return Err(Refusal::BodyTooLarge);
        }
        if read > LARGEST_BODY {
            continue;
        }
        // Nearly every body is one frame, which needs no copy.
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    if read > LARGEST_BODY {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
