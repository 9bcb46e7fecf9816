//! The sandbox inside the gateway's own process, behind the cargo feature `sandbox`.

use std::net::SocketAddr;

use crate::{config::Vendor, gateway::StartError};

/// A running sandbox.
#[cfg(feature = "sandbox")]
pub(crate) struct Embedded(openfinance_sandbox::Sandbox);

#[cfg(feature = "sandbox")]
impl Embedded {
    /// Starts a sandbox, and says how to call it.
    pub(crate) async fn start(listen: SocketAddr) -> Result<(Self, Vendor), StartError> {
        let config = openfinance_sandbox::Config {
            listen,
            ..openfinance_sandbox::Config::default()
        };
        let partner = config.partner.clone();
        let sandbox = openfinance_sandbox::Sandbox::start(config).await;
        let sandbox = sandbox.map_err(|error| {
            let (address, source) = match error {
                openfinance_sandbox::StartError::Listen { address, source } => (address, source),
                // It has no state file, so this can't be.
                openfinance_sandbox::StartError::State(error) => {
                    (listen, std::io::Error::other(error))
                }
            };
            StartError::Listen {
                key: "sandbox.listen",
                address,
                source,
            }
        })?;
        let vendor = Vendor {
            base_url: sandbox.base_url().parse()?,
            partner_id: partner.id,
            partner_secret: partner.secret.into(),
            secret_file: None,
            app_key: partner.app_key.into(),
        };
        Ok((Self(sandbox), vendor))
    }

    /// Where it listens.
    pub(crate) fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }
}

/// No sandbox: there is no value of this type.
#[cfg(not(feature = "sandbox"))]
pub(crate) enum Embedded {}

#[cfg(not(feature = "sandbox"))]
#[expect(clippy::unused_async, reason = "as the sandbox has it")]
impl Embedded {
    pub(crate) async fn start(_listen: SocketAddr) -> Result<(Self, Vendor), StartError> {
        Err(StartError::NoSandbox)
    }

    pub(crate) fn base_url(&self) -> String {
        match *self {}
    }

    pub(crate) async fn stop(self) {
        match self {}
    }
}
