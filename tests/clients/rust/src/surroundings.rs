//! Where the gateway and the sandbox are, for the programs that show something. Nothing that a caller needs.
#![expect(clippy::print_stdout, reason = "the programs tell what they show")]

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;

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

    /// Connects as this caller, whose credential is `NAME.key`, `NAME.jwt`, or `NAME.pem` with `NAME.key.pem`.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn connect(&self, caller: &str, tries: Tries) -> Result<Connection> {
        let read =
            |ending: &str| fs::read_to_string(self.credentials.join(format!("{caller}.{ending}")));
        let credential = if let (Ok(chain), Ok(key)) = (read("pem"), read("key.pem")) {
            Credential::Certificate { chain, key }
        } else if let Ok(key) = read("key") {
            Credential::Key(key.trim().to_owned())
        } else if let Ok(token) = read("jwt") {
            Credential::Token(token.trim().to_owned())
        } else {
            Credential::None
        };
        let authority = fs::read_to_string(self.credentials.join("ca.pem"))?;
        Ok(connect(&self.gateway, &authority, credential, tries)?)
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
