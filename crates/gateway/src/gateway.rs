//! A gateway from start to stop.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use openfinance::{Client, replica::Replica, store::Store};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tower::ServiceBuilder;

use crate::{
    about::About,
    admin,
    api::{Api, Sizes},
    audit::{Audit, AuditLayer, RefusalLayer, Writing},
    auth::{AuthLayer, Gatekeeper, IdentifyLayer},
    calls_only::CallsOnlyLayer,
    complete::CompleteLayer,
    config::{Config, DRAIN_LIMIT, SharedKey, Upstream},
    deadline::DeadlineLayer,
    drain::{Drain, Phase},
    embedded::Embedded,
    health::Health,
    limit::LimitLayer,
    metrics::{Exposition, Metrics},
    observe::ObserveLayer,
    overload::{Overload, OverloadLayer},
    page_token::PageTokens,
    receive::ReceiveLayer,
    rotation::Rotator,
    secret_file::SecretFile,
    server::{
        Server, Speaks,
        tls::{Reloader, TlsError},
    },
    store,
    web::WebLayer,
};

/// How long before the hard limit everything is cut, so that the answers that say so still leave.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// A running gateway. Dropping it cuts every call; [`Gateway::stop`] lets them finish.
pub struct Gateway {
    grpc_address: SocketAddr,
    admin_address: SocketAddr,
    client: Client,
    drain_grace: Duration,
    drain: Drain,
    health: Health,
    server: Server,
    rotator: Rotator,
    changeable: Changeable,
    tasks: Tasks,
    audit: Option<(Audit, Writing)>,
    embedded: Option<Embedded>,
}

/// What may change while a gateway runs.
#[derive(Clone)]
pub(crate) struct Changeable {
    pub(crate) limit: LimitLayer,
    pub(crate) overload: Overload,
    pub(crate) rotator: Rotator,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) tls: Option<Reloader>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("can't listen on {address} ({key}): {source}")]
    Listen {
        /// The setting that has the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The client of the vendor's API can't be made.
    #[error("can't call the vendor: {0}")]
    Client(#[from] openfinance::InvalidConfig),
    /// The descriptors for reflection do not decode: a defect of the build.
    #[error("can't serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gateway was built without the sandbox.
    #[error(
        "this gateway was built without the sandbox: build it with the cargo feature `sandbox`"
    )]
    NoSandbox,
    /// The store can't be opened.
    #[error("can't open the store ({key}): {source}")]
    Store {
        /// The setting that names it.
        key: &'static str,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The audit file can't be used.
    #[error("can't use the audit file {} (audit.path): {source}", path.display())]
    Audit {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// TLS can't be spoken with what is in the files.
    #[error("can't speak TLS ({0})")]
    Tls(#[from] TlsError),
    /// The address of the embedded sandbox is none for a client: a defect.
    #[error("the address of the embedded sandbox can't be used: {0}")]
    SandboxAddress(#[from] openfinance::value::InvalidValue),
}

impl Gateway {
    /// Starts a gateway with these settings, which serves as soon as this returns. A port 0 lets the system choose.
    ///
    /// # Errors
    /// [`StartError`] if an address is taken or the upstream can't be used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let store = store::open(&config.shared, &config.upstream)?;
        Self::start_with_store(config, store).await
    }

    /// As [`Gateway::start`], over a store of the caller's instead of the one that the settings name.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_with_store(
        config: Config,
        store: Arc<dyn Store>,
    ) -> Result<Self, StartError> {
        let Config {
            upstream,
            shared,
            grpc_listen,
            web,
            admin_listen,
            auth,
            tls,
            port,
            deadline,
            retry,
            limits,
            drain_grace,
            audit_path,
            log: _,
        } = config;
        let speaks = match web {
            Some(_) => Speaks::Http1Too,
            None => Speaks::Http2,
        };
        let tls = tls.map(|files| Reloader::open(files, speaks)).transpose()?;
        // The ports first: whoever finds them taken has started nothing.
        let grpc = listen("grpc.listen", grpc_listen).await?;
        let admin = listen("admin.listen", admin_listen).await?;
        let (grpc_address, admin_address) = (
            address("grpc.listen", &grpc, grpc_listen)?,
            address("admin.listen", &admin, admin_listen)?,
        );
        let (embedded, vendor) = match upstream {
            Upstream::Vendor(vendor) => (None, vendor),
            Upstream::Sandbox { listen } => {
                let (embedded, vendor) = Embedded::start(listen).await?;
                (Some(embedded), vendor)
            }
        };
        let metrics = Metrics::new();
        let about = About::new(&vendor.base_url, embedded.is_some(), Timestamp::now());
        let client = Client::new(openfinance::Config {
            attempt_timeout: retry.attempt_timeout,
            write_cap: retry.write_cap,
            quiet_time: retry.quiet_time,
            shared: openfinance::Shared::new(Arc::clone(&store), *shared.key.bytes()),
            observer: Arc::new(metrics.clone()),
            ..openfinance::Config::new(
                vendor.base_url,
                vendor.partner_id,
                vendor.partner_secret,
                vendor.app_key,
            )
        })?;
        let (audit, writing) = match audit_path {
            Some(path) => {
                let (audit, writing) = open_audit(path, &shared.key)?;
                (Some(audit), Some(writing))
            }
            None => (None, None),
        };
        let rotator = Rotator::new(client.clone(), vendor.secret_file.map(SecretFile::new));
        rotator.start().await;
        let drain = Drain::new();
        let gatekeeper = Gatekeeper::new(Timestamp::now);
        gatekeeper.set(auth).await;
        let (health, health_service) =
            Health::new(client.clone(), audit.clone(), gatekeeper.clone()).await;
        let api = Api {
            client: client.clone(),
            page_tokens: PageTokens::new(&shared.key),
            sizes: Sizes::of(&port),
            metrics: metrics.clone(),
            about: about.clone(),
            rotator: rotator.clone(),
            now: Timestamp::now,
        };
        let replica = Arc::new(Replica::new(Arc::clone(&store)));
        let changeable = Changeable {
            limit: LimitLayer::new(limits, &shared.key, store, Arc::clone(&replica)),
            overload: Overload::new(limits.bounds, metrics.clone()),
            rotator: rotator.clone(),
            gatekeeper: gatekeeper.clone(),
            tls: tls.clone(),
        };
        let service = ServiceBuilder::new()
            .layer(WebLayer::new(web.as_ref(), &metrics))
            .layer(IdentifyLayer::new(gatekeeper.clone()))
            .layer(ObserveLayer::new(metrics.clone()))
            .layer(RefusalLayer::new(audit.clone()))
            .layer(CallsOnlyLayer::new(web.as_ref()))
            .layer(AuthLayer)
            .layer(DeadlineLayer::new(deadline, drain.clone()))
            .layer(changeable.limit.clone())
            .layer(ReceiveLayer::new(&port))
            .layer(OverloadLayer::new(changeable.overload.clone()))
            .layer(AuditLayer::new(audit.clone()))
            .layer(CompleteLayer)
            .service(api.services(health_service)?);
        let server = Server::start(
            grpc,
            service,
            tls.clone(),
            speaks,
            port,
            metrics.connections(),
        );
        let exposition = Exposition::new(
            &metrics,
            client.clone(),
            audit.clone(),
            tls,
            about,
            gatekeeper,
        );
        let admin = admin::start(admin, health.clone(), exposition);
        // What the last life of this gateway or another replica has found out counts from the first moment.
        client.look().await;
        let watched = client.clone();
        let watch = tokio::spawn(async move { watched.keep_watch().await });
        let beat = tokio::spawn(async move { replica.beat().await });
        let settled = client.clone();
        let settling = tokio::spawn(async move { settled.keep_settling().await });
        let follow = tokio::spawn(rotator.clone().follow());
        let tasks = Tasks([admin, watch, beat, settling, follow, health.open().await]);
        Ok(Self {
            grpc_address,
            admin_address,
            client,
            drain_grace,
            drain,
            health,
            server,
            rotator,
            changeable,
            tasks,
            audit: audit.zip(writing),
            embedded,
        })
    }

    /// What may change while it runs.
    pub(crate) fn changeable(&self) -> Changeable {
        self.changeable.clone()
    }

    /// Where gRPC is served.
    #[must_use]
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where `/livez`, `/readyz` and `/metrics` are served.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The URL of the embedded sandbox; `None` outside sandbox mode.
    #[must_use]
    pub fn sandbox_url(&self) -> Option<String> {
        self.embedded.as_ref().map(Embedded::base_url)
    }

    /// Reads the files of `tls.*` again. Connections from now on are made with what is in them; those that there are, and
    /// their calls, go on.
    ///
    /// # Errors
    /// [`TlsError`] if a file can't be used: all stays as it was then.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        self.changeable
            .tls
            .as_ref()
            .map_or(Ok(()), |tls| tls.reload().map(|_| ()))
    }

    /// Stops: tells health checks first, takes no more connections, lets the calls in flight finish within the grace,
    /// and returns within [`DRAIN_LIMIT`] whatever the peers do.
    pub async fn stop(self) {
        self.stop_or_hurry(std::future::pending()).await;
    }

    /// As [`Gateway::stop`], and within two seconds of when `hurry` ends.
    pub(crate) async fn stop_or_hurry(self, hurry: impl Future<Output = ()>) {
        let drain = self.drain.clone();
        let hurried = async {
            hurry.await;
            tracing::warn!("told again to stop: calls are cut");
            drain.cut(Phase::Cut);
            tokio::time::sleep(LAST_MOMENT / 2).await;
            drain.cut(Phase::CutAll);
            tokio::time::sleep(LAST_MOMENT / 2).await;
        };
        tokio::select! {
            () = self.finish() => {}
            () = hurried => {}
        }
    }

    async fn finish(self) {
        let Self {
            grpc_address: _,
            admin_address: _,
            client,
            drain_grace,
            drain,
            health,
            server,
            rotator,
            changeable: _,
            tasks,
            audit,
            embedded,
        } = self;
        let started = Instant::now();
        health.close().await;
        server.close();
        let cut_all = started + DRAIN_LIMIT.saturating_sub(LAST_MOMENT);
        let cut = (started + drain_grace).min(cut_all);
        tokio::select! {
            () = drain.idle() => {}
            () = cut_at(&drain, cut, cut_all) => {}
        }
        server.finish().await;
        // A write goes on although its caller has gone, and ending the process now would leave its outcome open.
        let idle = async {
            rotator.idle().await;
            client.idle().await;
            if let Some((audit, _)) = &audit {
                audit.idle().await;
            }
        };
        // Something is left for what comes behind.
        let end = started + DRAIN_LIMIT;
        if tokio::time::timeout_at(end - LAST_MOMENT / 2, idle)
            .await
            .is_err()
        {
            tracing::warn!(
                "the gateway stops while writes are under way; their outcome is unknown"
            );
        }
        if tokio::time::timeout_at(end, tasks.end()).await.is_err() {
            tracing::warn!("the gateway stops while it is still at work by itself");
        }
        if let Some((audit, writing)) = audit {
            audit.close(writing, end).await;
        }
        if let Some(embedded) = embedded {
            // Nobody calls it any more; it is only given the chance to say goodbye.
            let _ = tokio::time::timeout_at(end, embedded.stop()).await;
        }
    }
}

fn open_audit(path: PathBuf, key: &SharedKey) -> Result<(Audit, Writing), StartError> {
    Audit::open(path.clone(), key, Timestamp::now)
        .map_err(|source| StartError::Audit { path, source })
}

/// Cuts what may be repeated, then everything. Ends a moment after that: what still runs then heeds no cut.
async fn cut_at(drain: &Drain, cut: Instant, cut_all: Instant) {
    tokio::time::sleep_until(cut).await;
    tracing::warn!("calls still run after the grace; those that may be repeated are cut");
    drain.cut(Phase::Cut);
    tokio::time::sleep_until(cut_all).await;
    drain.cut(Phase::CutAll);
    tokio::time::sleep(LAST_MOMENT / 4).await;
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen {
            key,
            address,
            source,
        })
}

fn address(
    key: &'static str,
    listener: &TcpListener,
    wanted: SocketAddr,
) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        key,
        address: wanted,
        source,
    })
}

/// Tasks that end with the gateway.
struct Tasks([JoinHandle<()>; 6]);

impl Tasks {
    /// Ends them, and with them what they hold, such as the store.
    async fn end(mut self) {
        for task in &mut self.0 {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
