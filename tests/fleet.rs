//! Gateways over one sandbox: replicas beside each other, or the lives of one gateway after each other.
//!
//! The sandbox's clock runs, since what restarts and replicas agree on includes the time. Most of these tests hold
//! tokio's clock: then no time passes while anybody has anything to do, so that waits cost nothing and a slow machine
//! changes no outcome.

use std::{sync::Arc, time::Duration};

use openfinance::store::Store;
use openfinance_gateway::{Gateway, config};
use openfinance_rpc::pb::{
    self, business_service_client::BusinessServiceClient,
    consumer_service_client::ConsumerServiceClient, customer_service_client::CustomerServiceClient,
};
use openfinance_sandbox::{Config, Control, Operation, Sandbox, Start};
use rustix::process::{Resource, getrlimit, setrlimit};
use tonic::{Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::{canary, world};

/// A sandbox for any number of gateways.
pub(crate) struct Fleet {
    sandbox: Sandbox,
}

impl Fleet {
    /// A sandbox with other settings than the usual ones, and no gateway yet.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        canary::watch_the_log();
        allow_many_connections();
        let mut config = Config {
            start: Start::Host,
            testing_customer_limit: usize::MAX,
            ..Config::for_tests()
        };
        change(&mut config);
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
        }
    }

    /// A sandbox, and no gateway yet.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// The settings of a gateway to this sandbox that carries every call at once: storms are to reach the vendor.
    pub(crate) fn settings(&self) -> config::Config {
        let mut settings = world::settings(&self.sandbox);
        settings.limits.bounds.in_flight = 10_000;
        settings
    }

    /// One gateway with these settings, that keeps what must survive it in `store`.
    pub(crate) async fn replica_with(
        &self,
        settings: config::Config,
        store: Arc<dyn Store>,
    ) -> Replica {
        let gateway = Gateway::start_with_store(settings, store).await.unwrap();
        Replica::of(gateway).await
    }

    /// One gateway that keeps what must survive it in `store`.
    pub(crate) async fn replica(&self, store: Arc<dyn Store>) -> Replica {
        self.replica_with(self.settings(), store).await
    }

    pub(crate) fn sandbox(&self) -> &Control {
        self.sandbox.control()
    }

    pub(crate) fn sandbox_url(&self) -> String {
        self.sandbox.base_url()
    }

    /// How many requests the sandbox got for this operation.
    pub(crate) fn called(&self, operation: Operation) -> usize {
        self.sandbox().requests(Some(operation)).len()
    }

    /// How many requests the sandbox got in all.
    pub(crate) fn calls(&self) -> usize {
        self.sandbox().requests(None).len()
    }

    /// Ends the sandbox, and holds what every test must hold.
    pub(crate) async fn stop(self) {
        let summary = self.sandbox().summary();
        for partner in summary.partners {
            assert!(
                partner.failed_authentications <= 2,
                "five failed logins lock the company out"
            );
        }
        self.sandbox.stop().await;
    }
}

/// One gateway of a fleet.
pub(crate) struct Replica {
    gateway: Gateway,
    channel: Channel,
}

impl Replica {
    pub(crate) async fn of(gateway: Gateway) -> Self {
        let channel = connect(&gateway).await;
        Self { gateway, channel }
    }

    /// One more connection to it.
    pub(crate) async fn connect(&self) -> Channel {
        connect(&self.gateway).await
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel())
    }

    pub(crate) fn consumers(&self) -> ConsumerServiceClient<Channel> {
        ConsumerServiceClient::new(self.channel())
    }

    pub(crate) fn businesses(&self) -> BusinessServiceClient<Channel> {
        BusinessServiceClient::new(self.channel())
    }

    /// What it says of its health.
    pub(crate) async fn health(&self) -> ServingStatus {
        let request = HealthCheckRequest::default();
        let answer = HealthClient::new(self.channel()).check(request).await;
        answer.unwrap().into_inner().status()
    }

    /// Lets its calls finish, and ends it.
    pub(crate) async fn stop(self) {
        let Self { gateway, channel } = self;
        drop(channel);
        world::scan_metrics(&gateway).await;
        gateway.stop().await;
    }
}

async fn connect(gateway: &Gateway) -> Channel {
    let address = format!("http://{}", gateway.grpc_address());
    let endpoint = Channel::from_shared(address).unwrap();
    endpoint.connect().await.unwrap()
}

/// A thousand calls in flight are two thousand open files here, because both ends are in this process.
fn allow_many_connections() {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    // A system that does not let us says so where the files run out.
    let _ = setrlimit(Resource::Nofile, limits);
}

/// A testing customer with this username, by this request id if there is one.
pub(crate) fn new_customer(username: &str, request_id: &str) -> pb::CreateCustomerRequest {
    let customer = pb::Customer {
        username: username.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        ..Default::default()
    };
    pb::CreateCustomerRequest {
        customer: Some(customer),
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

/// The request id with this number.
pub(crate) fn request_id(number: u128) -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        number >> 48,
        number & 0xffff_ffff_ffff
    )
}

/// The reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    canary::scan(&format!("{status:?} {status}"));
    let details = status.get_error_details();
    let info = details.error_info();
    info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"))
        .reason
        .clone()
}

/// How long a refusal asks to wait.
pub(crate) fn retry_after(status: &Status) -> Option<Duration> {
    status.get_error_details().retry_info()?.retry_delay
}
