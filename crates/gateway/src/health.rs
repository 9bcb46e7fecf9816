//! Whether the gateway can serve: one answer, told as gRPC health and as `/readyz`.

mod watches;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openfinance::Client;
use tokio::task::JoinHandle;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthService, HealthServer},
    server::{HealthReporter, HealthService as Statuses},
};

use crate::{api::SERVICES, audit::Audit, auth::Gatekeeper};
use watches::Watches;

/// How often it is looked whether the vendor still accepts the partner's credentials, and the store can be used.
const LOOK: Duration = Duration::from_millis(250);

/// What has to be fine so that the gateway is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It serves: everything is in place, and it is not stopping.
    Serving,
    /// The vendor accepts the partner's credentials.
    Guard,
    /// What restarts and replicas share can be used.
    Store,
    /// The audit file can be written.
    Audit,
    /// Callers can be told apart: the keys of their issuer are there, where they come with tokens alone.
    Callers,
}

impl Check {
    /// Those that who asks may leave out. One that is stopping is not ready whatever is asked.
    pub(crate) const OPTIONAL: [Self; 4] = [Self::Guard, Self::Store, Self::Audit, Self::Callers];

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Guard => "guard",
            Self::Store => "store",
            Self::Audit => "audit",
            Self::Callers => "callers",
        }
    }
}

/// Whether the gateway can serve. Clones are the same.
#[derive(Clone)]
pub(crate) struct Health {
    open: Arc<AtomicBool>,
    client: Client,
    audit: Option<Audit>,
    gatekeeper: Gatekeeper,
    reporter: HealthReporter,
}

impl Health {
    /// Not serving yet, and the service that tells so.
    pub(crate) async fn new(
        client: Client,
        audit: Option<Audit>,
        gatekeeper: Gatekeeper,
    ) -> (Self, HealthServer<impl HealthService>) {
        let reporter = HealthReporter::new();
        let statuses = Statuses::from_health_reporter(reporter.clone());
        let service = HealthServer::new(Watches::new(statuses));
        let health = Self {
            open: Arc::new(AtomicBool::new(false)),
            client,
            audit,
            gatekeeper,
            reporter,
        };
        health.report(ServingStatus::NotServing).await;
        (health, service)
    }

    /// Whether calls can be served.
    fn is_ready(&self) -> bool {
        self.failing().next().is_none()
    }

    /// What is not fine.
    pub(crate) fn failing(&self) -> impl Iterator<Item = Check> {
        let checks = [
            (Check::Serving, self.open.load(Ordering::Relaxed)),
            (Check::Guard, !self.client.credentials_rejected()),
            (Check::Store, self.client.store_usable()),
            (Check::Audit, self.audit_usable()),
            (Check::Callers, self.gatekeeper.is_able()),
        ];
        let failing = checks.into_iter().filter(|(_, fine)| !fine);
        failing.map(|(check, _)| check)
    }

    fn audit_usable(&self) -> bool {
        self.audit.as_ref().is_none_or(Audit::is_usable)
    }

    /// Everything is in place: serves from now on, while the vendor accepts the credentials, the store can be used, so can
    /// the audit file, and callers can be told apart.
    pub(crate) async fn open(&self) -> JoinHandle<()> {
        self.open.store(true, Ordering::Relaxed);
        // What is told now is what later looks are held against: it may change in between.
        let mut told = self.status();
        self.report(told).await;
        let health = self.clone();
        tokio::spawn(async move {
            while health.open.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
                let now = health.status();
                if now != told && health.open.load(Ordering::Relaxed) {
                    told = now;
                    tracing::warn!(
                        credentials_rejected = health.client.credentials_rejected(),
                        store_usable = health.client.store_usable(),
                        audit_usable = health.audit_usable(),
                        callers_known = health.gatekeeper.is_able(),
                        "whether the gateway is ready has changed"
                    );
                    health.report(now).await;
                }
            }
            // The last word is that of the stop, even where it came in the middle of a report.
            health.report(ServingStatus::NotServing).await;
        })
    }

    /// The gateway is stopping.
    pub(crate) async fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
        self.report(ServingStatus::NotServing).await;
    }

    fn status(&self) -> ServingStatus {
        if self.is_ready() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }

    /// Tells it of the gateway as a whole and of each service.
    async fn report(&self, status: ServingStatus) {
        for service in [""].iter().chain(SERVICES) {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tonic::Request;
    use tonic_health::pb::{HealthCheckRequest, health_check_response};

    use super::*;
    use crate::config::auth::{Auth, Jwt, KeySource};

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_it_opens_is_told_all_the_same() {
        let client = Client::new(openfinance::Config::new(
            "http://127.0.0.1:9".parse().unwrap(),
            "1".to_owned(),
            "secret".to_owned().into(),
            "key".to_owned().into(),
        ))
        .unwrap();
        let gatekeeper = Gatekeeper::new(|| Timestamp::UNIX_EPOCH);
        let without_keys = Jwt {
            issuer: "issuer".to_owned(),
            audience: "audience".to_owned(),
            keys: KeySource::File("none".into()),
        };
        gatekeeper
            .set(Auth {
                jwt: Some(without_keys),
                ..Auth::default()
            })
            .await;
        let (health, _service) = Health::new(client, None, gatekeeper.clone()).await;
        let telling = health.open().await;
        // Before the task that tells of changes has run at all.
        gatekeeper.replace(Auth::default()).await;
        assert!(health.is_ready());
        tokio::time::sleep(2 * LOOK).await;
        let statuses = Statuses::from_health_reporter(health.reporter.clone());
        let told = statuses.check(Request::new(HealthCheckRequest::default()));
        assert_eq!(
            told.await.unwrap().into_inner().status(),
            health_check_response::ServingStatus::Serving
        );
        telling.abort();
    }
}
