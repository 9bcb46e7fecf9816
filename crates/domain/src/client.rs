//! The client and its settings.

use std::{sync::Arc, time::Duration};

use openfinance_rest as rest;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use url::Url;

use crate::{
    Deadline,
    clock::Clock,
    credential::Credentials,
    gate::Gates,
    ledger::Flights,
    observe::{Nobody, Observer},
    retry::Retries,
    seal::Keys,
    store::{Memory, Store},
    token::Tokens,
    update::Writers,
    value::InvalidValue,
    watch::Seen,
    write::Writes,
};

/// Where an API is: scheme, host and port, and nothing more. https, or http where the host is this machine: the partner's
/// credentials travel there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url: Url = text
            .parse()
            .map_err(|_| InvalidValue("must be a URL such as https://api.finicity.com"))?;
        if !url.has_host() {
            return Err(InvalidValue("must have a host"));
        }
        if !is_https_or_this_machine(&url) {
            return Err(InvalidValue(
                "must begin with https, or with http where the host is this machine",
            ));
        }
        let no_user = url.username().is_empty() && url.password().is_none();
        if !no_user || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidValue("must be scheme, host and port only"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// Whether nobody on the way can read or change what is said with this address: https, or http where the host is this
/// machine.
#[must_use]
pub fn is_https_or_this_machine(url: &Url) -> bool {
    let is_this_machine = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || url.scheme() == "http" && is_this_machine
}

/// What a [`Client`] needs to know. Prints without secrets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the vendor's API is.
    pub base_url: BaseUrl,
    /// The partner's id.
    pub partner_id: String,
    /// The partner's secret, to begin with; see [`Client::use_partner_secret`].
    pub partner_secret: SecretString,
    /// The partner's app key.
    pub app_key: SecretString,
    /// How long one attempt at a call may take. The vendor's figure is 20 seconds, the default of [`Config::new`].
    pub attempt_timeout: Duration,
    /// How long a write may take from when it was first sent, over all its attempts and read-backs, even after its caller
    /// has gone. 30 seconds by default.
    pub write_cap: Duration,
    /// How long the vendor may still be at work on a request whose answer was lost: a record that can't be read only
    /// then is taken for not created. 30 seconds by default, a guess, since the vendor does not say.
    pub quiet_time: Duration,
    /// What is shared with the client's own next life and with other replicas.
    pub shared: Shared,
    /// Who hears of what the client does; nobody by default.
    pub observer: Arc<dyn Observer>,
}

/// Where a client keeps what must survive it, and the key that protects it there. Clones are the same.
#[derive(Clone)]
pub struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: Arc<SecretBox<[u8; 32]>>,
}

impl Shared {
    /// `store`, and a secret key of 32 random bytes. All processes that use one store need the same key.
    pub fn new(store: Arc<dyn Store>, key: [u8; 32]) -> Self {
        Self {
            store,
            key: Arc::new(SecretBox::new(Box::new(key))),
        }
    }

    /// Nothing survives, and nothing is shared: what a request id or a refused login has come to is forgotten with the
    /// process. For tests, and for programs that run once.
    pub fn in_memory() -> Self {
        // It protects memory from its own process, so it need not be secret.
        Self::new(Arc::new(Memory::new()), [0; 32])
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Config {
    /// The settings of a partner, with the defaults for all else. Nothing is shared: see [`Shared::in_memory`].
    pub fn new(
        base_url: BaseUrl,
        partner_id: String,
        partner_secret: SecretString,
        app_key: SecretString,
    ) -> Self {
        Self {
            base_url,
            partner_id,
            partner_secret,
            app_key,
            attempt_timeout: Duration::from_secs(20),
            write_cap: Duration::from_secs(30),
            quiet_time: Duration::from_secs(30),
            shared: Shared::in_memory(),
            observer: Arc::new(Nobody),
        }
    }
}

/// Why a client can't be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// The URL is not one of a server: https, or http to a loopback address, without user, path or query.
    #[error(
        "base_url must be https, or http to a loopback address, without user, path, query or fragment"
    )]
    BaseUrl,
    /// The app key can't stand in an HTTP header.
    #[error("app_key must be visible ASCII characters")]
    AppKey,
    /// The HTTP client can't be built, for instance for want of root certificates.
    #[error("the HTTP client can't be built: {0}")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The records of one partner. Cheap to clone; clones share the token and the connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    /// Of the calls through this handle.
    pub(crate) deadline: Deadline,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) http: rest::HttpClient,
    /// As it stands in each request.
    pub(crate) app_key: rest::Secret,
    pub(crate) credentials: Credentials,
    pub(crate) tokens: Tokens,
    pub(crate) retries: Retries,
    pub(crate) gates: Gates,
    pub(crate) writers: Writers,
    pub(crate) writes: Writes,
    pub(crate) keys: Keys,
    pub(crate) seen: Seen,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights,
}

impl Client {
    /// A client with these settings. Sends nothing yet: the first call fetches the token.
    ///
    /// # Errors
    /// [`InvalidConfig`] says which setting can't be used.
    pub fn new(mut config: Config) -> Result<Self, InvalidConfig> {
        if !config
            .app_key
            .expose_secret()
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
            || config.app_key.expose_secret().is_empty()
        {
            return Err(InvalidConfig::AppKey);
        }
        let http = rest::http_client(config.base_url.as_str())
            .map_err(|error| InvalidConfig::Http(Box::new(error)))?;
        let keys = Keys::new(&config.shared);
        let secret = std::mem::take(&mut config.partner_secret);
        let credentials = Credentials::new(&config, &keys, secret);
        let inner = Inner {
            app_key: rest::Secret::new(config.app_key.expose_secret()),
            config,
            http,
            credentials,
            tokens: Tokens::new(),
            retries: Retries::new(),
            gates: Gates::new(),
            writers: Writers::default(),
            writes: Writes::new(),
            keys,
            seen: Seen::new(),
            clock: Clock::new(jiff::Timestamp::now),
            flights: Flights::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            deadline: Deadline::none(),
        })
    }

    /// The same client, whose calls take no longer than `deadline` allows: it is shared by everything that is done for a
    /// call. A write that was sent goes on by itself.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
    /// # let partner = openfinance_sandbox::Config::for_tests().partner;
    /// # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
    /// # let client = openfinance::Client::new(config)?;
    /// # let customer = client.create_customer(openfinance::customer::NewCustomer {
    /// #     customer_type: openfinance::customer::CustomerType::Testing, username: "household-4711".parse()?,
    /// #     first_name: None, last_name: None, phone: None, email: None, application_id: None,
    /// # }).await?;
    /// use openfinance::{Deadline, Error};
    /// use tokio::time::{Duration, Instant};
    ///
    /// let hurried = client.within(Deadline::at(Instant::now() + Duration::from_secs(5)));
    /// assert_eq!(hurried.customer(&customer.id).await?, client.customer(&customer.id).await?);
    ///
    /// let late = client.within(Deadline::at(Instant::now()));
    /// let error = late.customer(&customer.id).await.unwrap_err();
    /// assert!(matches!(error, Error::DeadlineExceeded { sent: false, .. }));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn within(&self, deadline: Deadline) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            deadline,
        }
    }

    /// Whether the vendor has refused the partner's credentials. From then on every call fails with
    /// [`Error::CredentialsRejected`](crate::Error::CredentialsRejected) and none goes out: five refused logins lock
    /// the company out. Asks nobody: what other replicas have found out, [`Client::keep_watch`] learns.
    pub fn credentials_rejected(&self) -> bool {
        self.inner.credentials.current().guard.is_open()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.inner.config.base_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_is_an_upstream() {
        for good in [
            "https://api.finicity.com",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:8080/",
        ] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://api.finicity.com",
            "ftp://127.0.0.1",
            "https://api.finicity.com/v1",
            "https://api.finicity.com/?a=b",
            "https://user@api.finicity.com",
            "https://user:secret@api.finicity.com",
            "http://localhost.example.com",
            "https://api.finicity.com/#top",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_and_client_print_without_secrets() {
        let config = Config::new(
            "http://127.0.0.1:1".parse().unwrap(),
            "2445580000001".to_owned(),
            "canarySecret1".to_owned().into(),
            "canarykey".to_owned().into(),
        );
        let printed = format!("{config:?} {:?}", Client::new(config.clone()).unwrap());
        assert!(!printed.contains("canary"), "{printed}");
    }
}
