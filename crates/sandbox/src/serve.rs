//! The listener, and stopping.

use std::{
    io,
    net::SocketAddr,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    config::Config,
    connection::{self, Socket},
    control::Control,
    exchange,
    fault::{ConnectionFault, Effect, Fired},
    shared::Shared,
    state::State,
    store::StateFileError,
    visitor::Visitor,
};

/// How long stopping waits for requests that are being answered.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long it then waits for answers to leave, and for connections on which nothing was asked.
const SILENCE_GRACE: Duration = Duration::from_millis(200);
/// How often stopping looks whether requests are still being answered.
const STOP_POLL: Duration = Duration::from_millis(10);
/// How long the listener rests when the system has no more sockets to give.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A running sandbox. Dropping it stops it as well, without waiting.
pub struct Sandbox {
    address: SocketAddr,
    control: Control,
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    in_flight: InFlight,
    server: JoinHandle<()>,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where it was told to listen.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateFileError),
}

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) in_flight: InFlight,
    stopping: watch::Receiver<bool>,
}

/// How many requests are being answered.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

/// One of them, until it is dropped, be it because the client went away.
pub(crate) struct Entered(InFlight);

impl InFlight {
    pub(crate) fn enter(&self) -> Entered {
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
    /// [`StartError`] if the address cannot be bound, for instance because it is taken, or if the state file cannot be
    /// used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let wanted = config.listen;
        let failed = |source| StartError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stopping, stopped) = watch::channel(false);
        let state = if config.state.is_some() {
            // Reading a large file takes its time.
            let opened = tokio::task::spawn_blocking(|| State::open(config)).await;
            opened.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))?
        } else {
            State::new(config)
        };
        let shared = Arc::new(Shared::new(state));
        let in_flight = InFlight::default();
        let server = Server {
            shared: Arc::clone(&shared),
            stopping: stopped,
            in_flight: in_flight.clone(),
        };
        Ok(Self {
            address,
            control: Control::new(Arc::clone(&shared)),
            shared,
            stopping,
            in_flight,
            server: tokio::spawn(accept(listener, server)),
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

    /// Stops listening, sends the answers that faults and barriers hold back, and lets requests finish for at most five
    /// seconds. Connections on which nothing was asked hold nothing up.
    pub async fn stop(self) {
        let Self {
            address: _,
            control: _,
            shared,
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
        // What is left of the sandbox may be controlled still, but another one may have the file now.
        shared.with(|state| state.close());
    }
}

impl Server {
    /// Ends when the sandbox is told to stop or is dropped.
    pub(crate) async fn stops(&self) {
        // An error says that the sender is gone, which means the same.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }

    /// Ends when the fault is removed or the sandbox stops: nothing holds a connection open any more.
    pub(crate) async fn gone(&self, effect: &Arc<Effect>) {
        let mut signals = self.shared.signals();
        let removed = async {
            while self.shared.with(|state| state.faults.stands(effect)).0 {
                if signals.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = removed => {}
            () = self.stops() => {}
        }
    }

    /// Ends when connections are to be closed once they are idle: the sandbox stops, or a rule is about new ones that
    /// was not there when this was called.
    fn recycles(&self) -> impl Future<Output = ()> {
        let mut signals = self.shared.signals();
        let known = signals.borrow_and_update().accept_rules;
        async move {
            let recycled = signals.wait_for(|signals| signals.accept_rules > known);
            tokio::select! {
                _ = recycled => {}
                () = self.stops() => {}
            }
        }
    }
}

/// Takes connections until told to stop or dropped, then lets go of what barriers hold and waits for the connections
/// that are left, but not for ever: they keep the state file.
async fn accept(listener: TcpListener, server: Server) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = server.stops() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve(server.clone(), socket));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    server.shared.with(|state| {
        let held = state.barriers.release_all();
        state.let_go(held)
    });
    let quiet = async { while connections.join_next().await.is_some() {} };
    // `stop` loses its patience by itself. What is left now breaks off.
    let _ = tokio::time::timeout(STOP_GRACE + SILENCE_GRACE, quiet).await;
}

/// Serves one connection to its end.
async fn serve(server: Server, socket: TcpStream) {
    let recycles = server.recycles();
    let (minded, _) = server.shared.with(|state| state.faults.minds_connections());
    if minded {
        let visitor = Visitor::on(&socket).await;
        let (fault, _) = server
            .shared
            .with(|state| state.faults.fire_on_accept(visitor));
        if let Some(fault) = fault {
            return refuse(&server, socket, &fault).await;
        }
    }
    let socket = Socket::new(socket);
    let handle = socket.handle();
    let service = service_fn(|request| exchange::answer(&server, &handle, request));
    let http = http1::Builder::new()
        // The rule is to meet the next request too, which on a kept connection it would not see.
        .keep_alive(!minded)
        // Every answer tells the time of the virtual clock.
        .auto_date_header(false)
        .serve_connection(socket, service);
    tokio::pin!(http);
    let ended = tokio::select! {
        ended = http.as_mut() => ended,
        () = recycles => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        // Broken requests and clients that leave end up here too.
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Does to a new connection what a fault says.
async fn refuse(server: &Server, mut socket: TcpStream, fault: &Fired) {
    match fault.effect.connection {
        Some(ConnectionFault::StallAt(_)) => {
            // What the client sends is thrown away, so that its leaving is noticed.
            let discard = async {
                let mut buffer = [0; 4096];
                while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            };
            tokio::select! {
                () = discard => {}
                () = server.gone(&fault.effect) => {}
            }
        }
        Some(ConnectionFault::ResetAt(_)) | None => connection::reset(&socket),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, time::timeout};

    use super::*;
    use crate::fault::{FaultRule, Stage, Target};

    const SOON: Duration = Duration::from_secs(10);

    /// Sends half of a request and waits until it is being answered.
    async fn half(sandbox: &Sandbox) -> TcpStream {
        let mut socket = TcpStream::connect(sandbox.address).await.unwrap();
        let half = "POST /aggregation/v2/partners/authentication HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n1234";
        socket.write_all(half.as_bytes()).await.unwrap();
        while sandbox.in_flight.0.load(Ordering::Acquire) == 0 {
            tokio::time::sleep(STOP_POLL).await;
        }
        socket
    }

    #[tokio::test]
    async fn a_stall_ends_when_the_client_leaves_in_the_middle_of_its_request() {
        for stage in [Stage::RequestHeaders, Stage::RequestBody] {
            let sandbox = Sandbox::start(Config::for_tests()).await.unwrap();
            let rule = FaultRule::on_any().stall_at(stage);
            sandbox.control.add_fault(rule).unwrap();
            let socket = half(&sandbox).await;
            assert!(
                timeout(STOP_POLL * 20, sandbox.in_flight.quiet())
                    .await
                    .is_err()
            );
            drop(socket);
            let left = timeout(SOON, sandbox.in_flight.quiet()).await;
            assert!(left.is_ok(), "{stage:?}");
        }
    }

    #[tokio::test]
    async fn a_stall_ends_with_a_reset_though_a_new_rule_has_its_id() {
        let sandbox = Sandbox::start(Config::for_tests()).await.unwrap();
        let rule = FaultRule::on_any().stall_at(Stage::RequestHeaders);
        sandbox.control.add_fault(rule.clone()).unwrap();
        let _socket = half(&sandbox).await;
        sandbox.control.reset(None);
        sandbox.control.add_fault(rule).unwrap();
        let left = timeout(SOON, sandbox.in_flight.quiet()).await;
        assert!(left.is_ok());
    }

    #[tokio::test]
    async fn a_sandbox_that_is_dropped_lets_go_of_its_file_whatever_a_barrier_holds() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            state: Some(folder.path().join("state.redb")),
            ..Config::for_tests()
        };
        let sandbox = Sandbox::start(config.clone()).await.unwrap();
        let barrier = sandbox.control.add_barrier(Target::Any);
        let mut socket = half(&sandbox).await;
        socket.write_all(b"5678").await.unwrap();
        sandbox.control.barrier_holds(barrier, 1).await.unwrap();
        drop(sandbox);
        let free = async {
            while Sandbox::start(config.clone()).await.is_err() {
                tokio::time::sleep(STOP_POLL).await;
            }
        };
        assert!(timeout(SOON, free).await.is_ok());
    }
}
