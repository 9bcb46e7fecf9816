//! The gateway that is measured, a process of its own, and what can be seen of it from outside.

use std::time::Duration;

use openfinance_rpc::pb;
use openfinance_sandbox::{FaultRule, Operation};
use tonic::transport::Endpoint;

use crate::{
    generator::Client,
    process::Process,
    system,
    watch::{self, Watch},
};

/// Connections that callers share; each carries a hundred calls at a time.
const CONNECTIONS: usize = 16;

/// A gateway, callers' connections to it, and a customer to ask for.
pub(crate) struct Subject {
    pub(crate) process: Process,
    pub(crate) clients: Vec<Client>,
    pub(crate) customer: String,
}

impl Subject {
    /// A gateway with these settings and variables, called without TLS and by nobody in particular.
    pub(crate) async fn start(settings: &str, variables: &[(&str, String)]) -> Self {
        let process = Process::with(settings, variables).await;
        let endpoint = Endpoint::from_shared(format!("http://{}", process.grpc)).unwrap();
        Self::of(process, endpoint, None).await
    }

    /// This gateway, called at this address by a caller with this key.
    pub(crate) async fn of(process: Process, endpoint: Endpoint, key: Option<&str>) -> Self {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(Client::new(endpoint.connect().await.unwrap()));
        }
        let customer = pb::Customer {
            username: "customer0".to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        };
        let mut request = tonic::Request::new(pb::CreateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        });
        if let Some(key) = key {
            request
                .metadata_mut()
                .insert("x-api-key", key.parse().unwrap());
        }
        let made = clients[0].create_customer(request).await.unwrap();
        Self {
            process,
            clients,
            customer: made.into_inner().customer_id,
        }
    }

    /// From now on the vendor takes this long to answer a read.
    pub(crate) fn vendor_takes(&self, latency: Duration) {
        let sandbox = self.process.sandbox();
        sandbox.clear_faults();
        let mut rule = FaultRule::on(Operation::GetCustomer).latency(latency);
        rule.times = u64::MAX;
        sandbox.add_fault(rule).unwrap();
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> f64 {
        system::resident_bytes(self.process.pid()).unwrap_or_default() as f64
    }

    /// Microseconds spent on a processor since it started.
    pub(crate) fn processor_microseconds(&self) -> f64 {
        let spent = system::processor_nanoseconds(self.process.pid());
        spent.unwrap_or_default() as f64 / 1_000.0
    }

    /// Files, sockets among them, that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        watch::descriptors(self.process.pid())
    }

    /// Looks at the gateway until it is asked what it saw.
    pub(crate) fn watched(&self) -> Watch {
        Watch::over(self.process.pid(), self.process.admin)
    }

    pub(crate) async fn stop(self) {
        drop(self.clients);
        self.process.stop().await;
    }
}

/// That many bytes, in MiB.
pub(crate) fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
