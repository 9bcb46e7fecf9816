//! Where the gateway and the sandbox are, for the programs that show something. Nothing that a caller needs.
#![expect(clippy::print_stdout, reason = "the programs tell what they show")]

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;
use tokio::{
    io::copy,
    net::{TcpListener, TcpStream},
};

use crate::{Connection, Credential, Tries, connect};

/// What the variables say, and a client of the sandbox.
#[derive(Debug)]
pub struct Surroundings {
    gateway: String,
    credentials: PathBuf,
    sandbox: String,
    http: reqwest::Client,
    passed: u32,
    failed: u32,
}

/// A way to the gateway, for as long as the program runs.
#[derive(Debug)]
pub struct Relay {
    /// Where it begins.
    pub address: String,
    made: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
}

impl Relay {
    /// How many connections were made, and how many of them have ended.
    #[must_use]
    pub fn made_and_ended(&self) -> (u32, u32) {
        let [made, ended] = [&self.made, &self.ended].map(|count| count.load(Ordering::SeqCst));
        (made, ended)
    }
}

impl Surroundings {
    /// Reads the variables.
    ///
    /// # Errors
    /// One is missing.
    pub fn new() -> Result<Self> {
        // Whoever has installed one before has done as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            gateway: variable("GATEWAY_ADDRESS")?,
            credentials: variable("GATEWAY_CREDENTIALS")?.into(),
            sandbox: variable("SANDBOX_URL")?,
            http: reqwest::Client::new(),
            passed: 0,
            failed: 0,
        })
    }

    /// Where the gateway is, as host and port.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The content of a file of the folder with the credentials.
    ///
    /// # Errors
    /// It can't be read.
    pub fn credential(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.credentials.join(name))?)
    }

    /// Connects as this caller, whose credential is `NAME.key`, `NAME.jwt`, or `NAME.pem` with `NAME.key.pem`.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn connect(&self, caller: &str, tries: Tries) -> Result<Connection> {
        self.connect_to(&self.gateway, caller, tries)
    }

    /// The same, to another address.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn connect_to(&self, address: &str, caller: &str, tries: Tries) -> Result<Connection> {
        let read = |ending: &str| self.credential(&format!("{caller}.{ending}"));
        let credential = if let (Ok(chain), Ok(key)) = (read("pem"), read("key.pem")) {
            Credential::Certificate { chain, key }
        } else if let Ok(key) = read("key") {
            Credential::Key(key.trim().to_owned())
        } else if let Ok(token) = read("jwt") {
            Credential::Token(token.trim().to_owned())
        } else {
            Credential::None
        };
        let authority = self.credential("ca.pem")?;
        Ok(connect(address, &authority, credential, tries)?)
    }

    /// A way to the gateway that counts connections, since tonic does not say how its own are.
    ///
    /// # Errors
    /// There is no port left.
    pub async fn relay(&self) -> Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("localhost:{}", listener.local_addr()?.port());
        let relay = Relay {
            address,
            made: Arc::default(),
            ended: Arc::default(),
        };
        let (made, ended) = (Arc::clone(&relay.made), Arc::clone(&relay.ended));
        let gateway = self.gateway.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&gateway).await else {
                    return;
                };
                made.fetch_add(1, Ordering::SeqCst);
                let ended = Arc::clone(&ended);
                tokio::spawn(async move {
                    let (mut from_caller, mut to_caller) = near.into_split();
                    let (mut from_gateway, mut to_gateway) = far.into_split();
                    // The one that is told to go may be the first to leave; tonic ends none that merely idles.
                    tokio::select! {
                        _ = copy(&mut from_caller, &mut to_gateway) => {}
                        _ = copy(&mut from_gateway, &mut to_caller) => {}
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Ok(relay)
    }

    /// Asks the sandbox's control plane.
    ///
    /// # Errors
    /// It refuses, or can't be reached.
    pub async fn sandbox(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}/__sandbox/v1{path}", self.sandbox);
        let mut request = self
            .http
            .request(Method::from_bytes(method.as_bytes())?, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    /// Tells how a step went.
    pub fn shown(&mut self, name: &str, went: Result<()>) {
        match went {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED {name}: {error:#}");
            }
        }
    }

    /// Tells how all steps went, and with which code the program ends.
    #[must_use]
    pub fn end(self) -> std::process::ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        u8::from(self.failed > 0).into()
    }
}

/// The value of a variable.
///
/// # Errors
/// It is not set.
pub fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}
