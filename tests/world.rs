//! A gateway over a sandbox, both real, in this process and on ports of their own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
};

use openfinance::store::Store;
use openfinance_gateway::{Gateway, StartError, config};
use openfinance_rpc::pb::{
    self, authorization_service_client::AuthorizationServiceClient,
    business_service_client::BusinessServiceClient, consumer_service_client::ConsumerServiceClient,
    customer_service_client::CustomerServiceClient, gateway_service_client::GatewayServiceClient,
    onboarding_service_client::OnboardingServiceClient,
    partner_service_client::PartnerServiceClient,
};
use openfinance_sandbox::{
    Commit, Config, Connection, Control, FaultBody, FaultRule, FaultStatus, NewInstitutionLogin,
    Operation, Sandbox, Target,
};
use prost_types::{FieldMask, Timestamp};
use serde_json::Value;
use tonic::{Response, transport::Channel};

use crate::canary;

/// A request id.
pub(crate) const REQUEST_ID: &str = "6f1c1f0a-6d1e-4c9c-9a35-6f0b1d0f5a11";

pub(crate) struct World {
    sandbox: Sandbox,
    gateway: Gateway,
    channel: Channel,
    /// What the gateway writes.
    files: Vec<PathBuf>,
}

impl World {
    /// A fresh world with the sandbox's defaults, a clock that stands still, and no record in it.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A fresh world with a sandbox of other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_gateway(change, |_| ()).await
    }

    /// A fresh world with other settings of both.
    pub(crate) async fn with_gateway(
        sandbox: impl FnOnce(&mut Config),
        gateway: impl FnOnce(&mut config::Config),
    ) -> Self {
        canary::watch_the_log();
        let mut config = Config::for_tests();
        sandbox(&mut config);
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut settings = settings(&sandbox);
        gateway(&mut settings);
        let files = files(&settings);
        let (gateway, channel) = start_gateway(settings).await;
        Self {
            sandbox,
            gateway,
            channel,
            files,
        }
    }

    /// A fresh world whose gateway has this store.
    pub(crate) async fn over_store(store: Arc<dyn Store>) -> Self {
        canary::watch_the_log();
        let sandbox = Sandbox::start(Config::for_tests()).await.unwrap();
        let gateway = Gateway::start_with_store(settings(&sandbox), store);
        let (gateway, channel) = connect(gateway.await.unwrap()).await;
        Self {
            sandbox,
            gateway,
            channel,
            files: Vec::new(),
        }
    }

    /// Ends the gateway without a goodbye and starts another in its place, with other settings and over this store.
    pub(crate) async fn replace_gateway(
        &mut self,
        change: impl FnOnce(&mut config::Config),
        store: Arc<dyn Store>,
    ) {
        let mut settings = settings(&self.sandbox);
        change(&mut settings);
        let gateway = Gateway::start_with_store(settings, store).await.unwrap();
        let (gateway, channel) = connect(gateway).await;
        self.channel = channel;
        drop(std::mem::replace(&mut self.gateway, gateway));
    }

    /// Stops the gateway and starts another in its place.
    pub(crate) async fn restart_gateway(&mut self) {
        let (gateway, channel) = start_gateway(settings(&self.sandbox)).await;
        self.channel = channel;
        std::mem::replace(&mut self.gateway, gateway).stop().await;
    }

    /// Stops the gateway, and only then starts another in its place, with other settings.
    pub(crate) async fn reopened(self, change: impl Fn(&mut config::Config)) -> Self {
        let Self {
            sandbox,
            gateway,
            channel,
            mut files,
        } = self;
        drop(channel);
        gateway.stop().await;
        // The tasks of the first one end by and by, and the last of them lets go of the store's file.
        let gateway = loop {
            let mut settings = settings(&sandbox);
            change(&mut settings);
            files.extend(self::files(&settings));
            match Gateway::start(settings).await {
                Ok(gateway) => break gateway,
                Err(StartError::Store { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        let (gateway, channel) = connect(gateway).await;
        Self {
            sandbox,
            gateway,
            channel,
            files,
        }
    }

    /// Ends it all, and holds what every test must hold: no test but those of the lock may come near it.
    pub(crate) async fn stop(self) {
        for partner in self.sandbox.control().summary().partners {
            assert!(
                partner.max_consecutive_failed_authentications <= 2,
                "five failed logins lock the company out"
            );
        }
        drop(self.channel);
        let metrics = scan_metrics(&self.gateway).await;
        // A fault may put anything into an answer, and another vendor too; the sandbox itself never leaves the document.
        let sandbox = self.sandbox.control();
        let faithful = !sandbox.faults().iter().any(changes_the_answer);
        if faithful && !sandbox.requests(None).is_empty() {
            let drift = "\nopenfinance_upstream_drift_total{";
            assert!(!metrics.contains(drift), "answers left the document");
        }
        self.gateway.stop().await;
        self.sandbox.stop().await;
        for file in &self.files {
            canary::scan_file(file);
        }
    }

    /// Ends the gateway alone, as a signal does.
    pub(crate) async fn stop_gateway(self) {
        self.gateway.stop().await;
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Where the gateway serves callers.
    pub(crate) fn grpc_address(&self) -> SocketAddr {
        self.gateway.grpc_address()
    }

    /// The body of a page of the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> String {
        self.admin_page(path).await.text().await.unwrap()
    }

    /// The HTTP status of a page of the admin listener.
    pub(crate) async fn admin_status(&self, path: &str) -> u16 {
        self.admin_page(path).await.status().as_u16()
    }

    async fn admin_page(&self, path: &str) -> reqwest::Response {
        let base_url = format!("http://{}", self.gateway.admin_address());
        // The gateway has installed a provider for TLS, without which there is no client.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let http = http.build().unwrap();
        http.get(format!("{base_url}{path}")).send().await.unwrap()
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

    pub(crate) fn authorizations(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel())
    }

    pub(crate) fn onboarding(&self) -> OnboardingServiceClient<Channel> {
        OnboardingServiceClient::new(self.channel())
    }

    pub(crate) fn gateway_itself(&self) -> GatewayServiceClient<Channel> {
        GatewayServiceClient::new(self.channel())
    }

    pub(crate) fn partner(&self) -> PartnerServiceClient<Channel> {
        PartnerServiceClient::new(self.channel())
    }

    /// Takes the message out of an answer, after a look at what it prints.
    pub(crate) fn seen<T: std::fmt::Debug>(&self) -> impl FnOnce(Response<T>) -> T {
        |response| {
            canary::scan(&format!("{response:?}"));
            response.into_inner()
        }
    }

    /// Where the sandbox is, for calls past the gateway.
    pub(crate) fn sandbox_url(&self) -> String {
        self.sandbox.base_url()
    }

    pub(crate) fn sandbox(&self) -> &Control {
        self.sandbox.control()
    }

    /// The sandbox's time, to the second.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp {
            seconds: self.sandbox().now().as_second(),
            nanos: 0,
        }
    }

    /// How many requests the sandbox got for this operation.
    pub(crate) fn called(&self, operation: Operation) -> usize {
        self.sandbox().requests(Some(operation)).len()
    }

    /// How many requests the sandbox got in all.
    pub(crate) fn calls(&self) -> usize {
        self.sandbox().requests(None).len()
    }

    /// The next request to `operation` is not carried out and gets this answer instead.
    pub(crate) fn answers(&self, operation: Operation, status: u16, body: Value) {
        let rule = FaultRule::on(operation)
            .commit(Commit::Never)
            .answer(status, Some(FaultBody::Json(body)));
        self.sandbox().add_fault(rule).unwrap();
    }

    /// The next request to `operation` is not carried out and gets this text instead.
    pub(crate) fn answers_text(
        &self,
        operation: Operation,
        status: u16,
        content_type: &str,
        body: &str,
    ) {
        self.fault(
            FaultRule::on(operation).commit(Commit::Never),
            status,
            content_type,
            body,
        );
    }

    /// The next request to `operation` is carried out, and its answer is lost behind this text.
    pub(crate) fn loses_answer(
        &self,
        operation: Operation,
        status: u16,
        content_type: &str,
        body: &str,
    ) {
        self.fault(
            FaultRule::on(operation).commit(Commit::Before),
            status,
            content_type,
            body,
        );
    }

    /// Requests to `operation` fail from now on and are not carried out.
    pub(crate) fn fails(&self, operation: Operation) {
        let rule = FaultRule::on(operation)
            .times(u64::MAX)
            .commit(Commit::Never)
            .answer(500, None);
        self.sandbox().add_fault(rule).unwrap();
    }

    /// Adds a rule that answers with a text of this type.
    pub(crate) fn fault(&self, rule: FaultRule, status: u16, content_type: &str, body: &str) {
        let mut rule = rule.answer(status, Some(FaultBody::Text(body.to_owned())));
        rule.answer.as_mut().unwrap().content_type = Some(content_type.to_owned());
        self.sandbox().add_fault(rule).unwrap();
    }

    /// What `first` ends with, if its request to `operation` is not carried out and its answer comes only after the vendor
    /// has done what `second` asks for.
    pub(crate) async fn overtaken<T>(
        &self,
        operation: Operation,
        first: impl Future<Output = Result<T, tonic::Status>>,
        second: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, tonic::Status> {
        let rule = FaultRule::on(operation).commit(Commit::Never);
        self.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
        let sandbox = self.sandbox();
        let barrier = sandbox.add_barrier(Target::Operation(operation));
        let second = async {
            sandbox.barrier_holds(barrier, 1).await.unwrap();
            second.await
        };
        let both_there = async {
            sandbox.barrier_holds(barrier, 2).await.unwrap();
            // Nothing is answered before both have been dealt with.
            sandbox.release_barrier(barrier).unwrap();
        };
        let (first, second, ()) = tokio::join!(first, second, both_there);
        assert!(second.is_ok());
        first
    }

    /// Creates a customer that is of no further interest, and answers its id.
    pub(crate) async fn customer(&self) -> String {
        let customer = pb::Customer {
            username: format!("bystander-{}", self.sandbox().counts().customers),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        };
        let request = pb::CreateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        };
        self.customers()
            .create_customer(request)
            .await
            .unwrap()
            .into_inner()
            .customer_id
    }

    /// Creates the consumer of a customer.
    pub(crate) async fn consumer_of(&self, customer_id: &str) -> pb::Consumer {
        let request = pb::CreateConsumerRequest {
            customer_id: customer_id.to_owned(),
            consumer: Some(any_consumer()),
            ..Default::default()
        };
        self.consumers()
            .create_consumer(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// Adds the business of a customer, for whom nobody is personally liable.
    pub(crate) async fn business_of(&self, customer_id: &str) -> pb::Business {
        let request = pb::CreateBusinessRequest {
            customer_id: customer_id.to_owned(),
            business: Some(any_business()),
            ..Default::default()
        };
        self.businesses()
            .create_business(request)
            .await
            .unwrap()
            .into_inner()
    }

    /// Links an account over OAuth, as Data Connect does, and answers the institution login.
    pub(crate) fn institution_login(&self, customer_id: &str) -> i64 {
        self.institution_login_of(customer_id, Connection::Oauth)
    }

    /// Links an account over a connection of this kind.
    pub(crate) fn institution_login_of(&self, customer_id: &str, connection: Connection) -> i64 {
        let login = NewInstitutionLogin {
            customer_id: customer_id.to_owned(),
            connection,
            start: None,
            end: None,
        };
        self.sandbox().add_institution_login(&login).unwrap()
    }
}

/// Whether a fault has put an answer of the test's own into the vendor's mouth.
fn changes_the_answer(fault: &FaultStatus) -> bool {
    let answer = fault.rule.answer.as_ref();
    let body = answer.and_then(|answer| answer.body.as_ref());
    fault.fired > 0 && (fault.rule.malformed.is_some() || body.is_some())
}

/// A mask of these paths; none if there are none.
pub(crate) fn mask(paths: &[&str]) -> Option<FieldMask> {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    (!paths.is_empty()).then_some(FieldMask { paths })
}

/// The settings of a gateway to this sandbox, on free ports.
pub(crate) fn settings(sandbox: &Sandbox) -> config::Config {
    let partner = Config::default().partner;
    let upstream = config::Upstream::Vendor(config::Vendor {
        base_url: sandbox.base_url().parse().unwrap(),
        partner_id: partner.id,
        partner_secret: partner.secret.into(),
        secret_file: None,
        app_key: partner.app_key.into(),
    });
    config::Config {
        shared: config::Shared {
            store_path: None,
            redis_url: None,
            key: config::SharedKey::new([7; 32]),
        },
        // Short, so that no test waits long for what can't be found out.
        retry: config::Retry {
            write_cap: std::time::Duration::from_secs(3),
            quiet_time: std::time::Duration::from_millis(500),
            ..config::Retry::default()
        },
        log: config::Log {
            format: config::LogFormat::Json,
            level: "trace".to_owned(),
        },
        ..config::Config::for_tests(upstream)
    }
}

/// The files that a gateway with these settings writes.
fn files(settings: &config::Config) -> Vec<PathBuf> {
    let stored = settings.shared.store_path.iter();
    stored.chain(&settings.audit_path).cloned().collect()
}

/// Looks for canaries in all that the gateway has counted, and answers it. Over a socket of the system's own, since a clock
/// that is held would let the time-outs of a client pass.
pub(crate) async fn scan_metrics(gateway: &Gateway) -> String {
    let address = gateway.admin_address();
    let page = tokio::task::spawn_blocking(move || page(address, "/metrics"));
    let page = page.await.unwrap().unwrap();
    assert!(!page.is_empty(), "there are no metrics");
    canary::scan_bytes("the metrics", &page);
    String::from_utf8(page).unwrap()
}

/// A page of an admin listener, with its head.
pub(crate) fn page(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    Ok(page)
}

async fn start_gateway(settings: config::Config) -> (Gateway, Channel) {
    let speaks_tls = settings.tls.is_some();
    let gateway = Gateway::start(settings).await.unwrap();
    if speaks_tls {
        // Its tests connect by themselves, each with a certificate of its own; this one never does.
        let address = format!("https://{}", gateway.grpc_address());
        return (
            gateway,
            Channel::from_shared(address).unwrap().connect_lazy(),
        );
    }
    connect(gateway).await
}

async fn connect(gateway: Gateway) -> (Gateway, Channel) {
    let address = format!("http://{}", gateway.grpc_address());
    let channel = Channel::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap();
    (gateway, channel)
}

/// A consumer for whom nothing matters but that it can be created.
pub(crate) fn any_consumer() -> pb::Consumer {
    pb::Consumer {
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        state: "UT".to_owned(),
        ssn: canary::SSN.to_owned(),
        phone: canary::PHONE.to_owned(),
        ..Default::default()
    }
}

/// A business for whose debts nobody is personally liable.
pub(crate) fn any_business() -> pb::Business {
    pb::Business {
        name: "ABC Tires Inc".to_owned(),
        personally_liable: Some(false),
        address: Some(pb::Address {
            city: "Murray".to_owned(),
            ..Default::default()
        }),
        phone_number: Some(pb::PhoneNumber {
            number: "7992222".to_owned(),
            ..Default::default()
        }),
        tax_id: canary::TAX_ID.to_owned(),
        ..Default::default()
    }
}
