//! The way to the gateway: its address, TLS, who calls, and for how long a call may take.

use std::{fs, net::IpAddr, time::Duration};

use clap::{Arg, ArgAction, ArgMatches};
use jiff::{Span, SpanRelativeTo};
use openfinance_rpc::pb::{
    business_service_client::BusinessServiceClient, consumer_service_client::ConsumerServiceClient,
    customer_service_client::CustomerServiceClient, gateway_service_client::GatewayServiceClient,
    onboarding_service_client::OnboardingServiceClient,
};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri},
};

use crate::{exit::Failure, io::Io};

/// Where the gateway is, if nobody says otherwise.
const ADDRESS: &str = "http://127.0.0.1:50051";
/// For how long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a silent connection is tried, and how long the answer may take: a proxy on the way that forgot the
/// connection is noticed before the next call waits for it in vain.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// A flag that names a file or an address, and the variable that stands in for it.
struct Setting {
    flag: &'static str,
    variable: &'static str,
    value: &'static str,
    help: &'static str,
}

const SETTINGS: [Setting; 6] = [
    Setting {
        flag: "address",
        variable: "OFCTL_ADDRESS",
        value: "URL",
        help: "Where the gateway is: http://HOST:PORT or https://HOST:PORT [env: OFCTL_ADDRESS] [default: http://127.0.0.1:50051]",
    },
    Setting {
        flag: "ca",
        variable: "OFCTL_CA",
        value: "FILE",
        help: "Certificates (PEM) that the gateway's must come from; without it those of the system [env: OFCTL_CA]",
    },
    Setting {
        flag: "cert",
        variable: "OFCTL_CERT",
        value: "FILE",
        help: "Certificate chain (PEM) that tells who calls, for mTLS [env: OFCTL_CERT]",
    },
    Setting {
        flag: "key",
        variable: "OFCTL_KEY",
        value: "FILE",
        help: "Private key (PEM) of --cert [env: OFCTL_KEY]",
    },
    Setting {
        flag: "token-file",
        variable: "OFCTL_TOKEN_FILE",
        value: "FILE",
        help: "File with the JSON Web Token that tells who calls [env: OFCTL_TOKEN_FILE, or the token itself in OFCTL_TOKEN]",
    },
    Setting {
        flag: "api-key-file",
        variable: "OFCTL_API_KEY_FILE",
        value: "FILE",
        help: "File with the API key that tells who calls [env: OFCTL_API_KEY_FILE, or the key itself in OFCTL_API_KEY]",
    },
];

/// The flags of the connection, which every command takes.
pub(crate) fn flags() -> Vec<Arg> {
    let heading = "Connection";
    let mut flags: Vec<Arg> = SETTINGS
        .iter()
        .map(|setting| {
            Arg::new(setting.flag)
                .long(setting.flag)
                .value_name(setting.value)
                .help(setting.help)
                .global(true)
                .help_heading(heading)
        })
        .collect();
    flags.push(
        Arg::new("deadline")
            .long("deadline")
            .value_name("TIME")
            .help(
                "How long a call may take, its repeats included, such as 30s or 2m [default: 30s]",
            )
            .default_value("30s")
            .hide_default_value(true)
            .value_parser(duration)
            .global(true)
            .help_heading(heading),
    );
    flags.push(
        Arg::new("insecure")
            .long("insecure")
            .help("Send a credential unencrypted to another machine")
            .action(ArgAction::SetTrue)
            .global(true)
            .help_heading(heading),
    );
    flags
}

/// Reads a time span such as `30s`, `2m` or `30d`; a day has 24 hours.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a time span such as 30s, 2m, 12h or 30d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(_) => Err("must be longer than nothing".to_owned()),
    }
}

/// A channel that tells who calls.
pub(crate) type Caller = InterceptedService<Channel, Credential>;

/// The gateway, as the command line says how to reach it. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Gateway {
    channel: Caller,
    /// How long a call may take, its repeats included.
    pub(crate) deadline: Duration,
}

impl Gateway {
    /// Reads the settings. Connects on the first call, and again whenever the connection was lost.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where they contradict each other or a credential would travel unprotected, [`Failure::Local`]
    /// where a file can't be read or a certificate not be used.
    pub(crate) fn of(flags: &ArgMatches, io: &Io) -> Result<Self, Failure> {
        let setting = |name: &str| -> Option<String> {
            let given = flags.get_one::<String>(name).cloned();
            given.or_else(|| {
                let setting = SETTINGS.iter().find(|setting| setting.flag == name)?;
                io.variable(setting.variable).map(str::to_owned)
            })
        };
        let address = setting("address").unwrap_or_else(|| ADDRESS.to_owned());
        let uri: Uri = address
            .parse()
            .map_err(|_| usage("the address is no URL such as https://gateway.example:443"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(usage("the address must begin with http:// or https://")),
        };
        let identity = match (setting("cert"), setting("key")) {
            (Some(cert), Some(key)) => Some(Identity::from_pem(
                read("--cert", &cert)?,
                read("--key", &key)?,
            )),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(usage("--cert and --key belong together"));
            }
        };
        let ca = setting("ca").map(|file| read("--ca", &file)).transpose()?;
        if !tls && (ca.is_some() || identity.is_some()) {
            return Err(usage(
                "certificates need an address that begins with https://",
            ));
        }
        let secret = |flag: &str, file: Option<String>, variable: &str| match file {
            Some(file) => Ok(Some(read(flag, &file)?)),
            None => Ok(io.variable(variable).map(str::to_owned)),
        };
        let credential = Credential {
            token: secret("--token-file", setting("token-file"), "OFCTL_TOKEN")?
                .map(|token| header("the token", &format!("Bearer {}", token.trim())))
                .transpose()?,
            key: secret("--api-key-file", setting("api-key-file"), "OFCTL_API_KEY")?
                .map(|key| header("the API key", key.trim()))
                .transpose()?,
        };
        let sent = credential.token.is_some() || credential.key.is_some();
        if sent && !tls && !is_loopback(&uri) && !flags.get_flag("insecure") {
            return Err(usage(
                "a credential would be sent unencrypted to another machine: use an https:// address, or say --insecure",
            ));
        }
        let mut endpoint = Endpoint::from(uri)
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .keep_alive_while_idle(true);
        if tls {
            let mut config = ClientTlsConfig::new();
            config = match ca {
                Some(ca) => config.ca_certificate(Certificate::from_pem(ca)),
                None => config.with_native_roots(),
            };
            if let Some(identity) = identity {
                config = config.identity(identity);
            }
            endpoint = endpoint.tls_config(config).map_err(|_| {
                Failure::Local("the certificates or the key are of no use".to_owned())
            })?;
        }
        let deadline = flags.get_one::<Duration>("deadline").copied();
        Ok(Self {
            channel: InterceptedService::new(endpoint.connect_lazy(), credential),
            deadline: deadline.unwrap_or(Duration::from_secs(30)),
        })
    }

    /// The connection, for calls whose messages are known at run time only.
    pub(crate) fn channel(&self) -> Caller {
        self.channel.clone()
    }

    /// The service of customers.
    pub(crate) fn customers(&self) -> CustomerServiceClient<Caller> {
        CustomerServiceClient::new(self.channel())
    }

    /// The service of consumers.
    pub(crate) fn consumers(&self) -> ConsumerServiceClient<Caller> {
        ConsumerServiceClient::new(self.channel())
    }

    /// The service of businesses.
    pub(crate) fn businesses(&self) -> BusinessServiceClient<Caller> {
        BusinessServiceClient::new(self.channel())
    }

    /// The service that creates all records of a customer.
    pub(crate) fn onboarding(&self) -> OnboardingServiceClient<Caller> {
        OnboardingServiceClient::new(self.channel())
    }

    /// The service that tells of the gateway itself.
    pub(crate) fn itself(&self) -> GatewayServiceClient<Caller> {
        GatewayServiceClient::new(self.channel())
    }
}

/// What tells who calls, beside a certificate. Never printed.
#[derive(Clone)]
pub(crate) struct Credential {
    token: Option<MetadataValue<Ascii>>,
    key: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        if let Some(key) = &self.key {
            request.metadata_mut().insert("x-api-key", key.clone());
        }
        Ok(request)
    }
}

/// The paths of the fields of an answer that are empty because the caller may not see them.
pub(crate) fn kept_back<T>(answer: &Response<T>) -> Vec<String> {
    let paths = answer.metadata().get("x-openfinance-redacted");
    let paths = paths.and_then(|paths| paths.to_str().ok()).unwrap_or("");
    let paths = paths.split(',').filter(|path| !path.is_empty());
    paths.map(str::to_owned).collect()
}

/// A secret as a header.
fn header(name: &str, value: &str) -> Result<MetadataValue<Ascii>, Failure> {
    let mut header: MetadataValue<Ascii> = value
        .parse()
        .map_err(|_| Failure::Local(format!("{name} holds characters that no header can have")))?;
    header.set_sensitive(true);
    Ok(header)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn read(flag: &str, file: &str) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|error| Failure::Local(format!("{flag}: cannot read {file}: {error}")))
}

fn usage(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}
