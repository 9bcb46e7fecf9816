//! The gateway as a process of its own, over a sandbox in this one. Benchmarks include this file too.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "its users need different parts of it, and one that can't go on ends there"
)]

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use openfinance_rpc::pb::{self, customer_service_client::CustomerServiceClient};
use openfinance_sandbox::{Config, Control, Sandbox};
use tonic::{Status, transport::Channel};

use crate::program::Program;

/// Everything of the program can be had of this.
pub(crate) struct Process {
    program: Program,
    /// Shared with the processes that were started beside it.
    sandbox: Arc<Sandbox>,
}

impl Deref for Process {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Program {
        &mut self.program
    }
}

impl Process {
    /// A gateway with these settings beside those that it needs.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::with(settings, &[]).await
    }

    /// The same, with these variables.
    pub(crate) async fn with(settings: &str, variables: &[(&str, String)]) -> Self {
        Self::over(vendor().await, settings, variables).await
    }

    /// One more gateway over the sandbox of this one.
    pub(crate) async fn beside(&self, settings: &str) -> Self {
        Self::over(Arc::clone(&self.sandbox), settings, &[]).await
    }

    /// A gateway over this sandbox.
    pub(crate) async fn over(
        sandbox: Arc<Sandbox>,
        settings: &str,
        variables: &[(&str, String)],
    ) -> Self {
        let program = Program::start(Some(&sandbox.base_url()), settings, variables).await;
        Self { program, sandbox }
    }

    pub(crate) fn sandbox(&self) -> &Control {
        self.sandbox.control()
    }

    /// Waits for its end, which must be a good one, and answers what else it has logged.
    pub(crate) async fn ends(self) -> String {
        let log = self.program.ends().await;
        // The last one over a sandbox ends it.
        if let Some(sandbox) = Arc::into_inner(self.sandbox) {
            sandbox.stop().await;
        }
        log
    }

    /// Tells it to stop, and waits for its end as [`Process::ends`] does.
    pub(crate) async fn stop(self) -> String {
        self.signal(rustix::process::Signal::TERM);
        self.ends().await
    }
}

/// A sandbox that gateways can be started over.
pub(crate) async fn vendor() -> Arc<Sandbox> {
    let mut config = Config::for_tests();
    config.start = openfinance_sandbox::Start::Host;
    config.testing_customer_limit = usize::MAX;
    Arc::new(Sandbox::start(config).await.unwrap())
}

/// Lists the customers, of whom there are none.
pub(crate) async fn list(customers: &mut CustomerServiceClient<Channel>) -> Result<(), Status> {
    let answer = customers.list_customers(pb::ListCustomersRequest::default());
    answer.await.map(|_| ())
}
