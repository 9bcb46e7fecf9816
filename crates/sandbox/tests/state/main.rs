//! What a state file is for: the real program, killed at any moment, loses nothing that it has answered.

mod http;
mod kill;
mod model;
mod reopen;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use openfinance_sandbox::Config;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The program as a process of its own, which is killed when this is dropped.
struct Process {
    child: Child,
    base_url: String,
}

impl Process {
    /// Starts it on a state file and waits until it serves.
    fn start(state: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openfinance-sandbox"));
        Self::started(command.arg("--state").arg(state))
    }

    fn started(command: &mut Command) -> Self {
        let mut child = spawn(command.args(["--testing-customer-limit", "100000"]));
        let output = child.stdout.take().expect("the output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the program says where it listens");
        let base_url = line
            .split_whitespace()
            .last()
            .expect("the line names an address");
        Self {
            base_url: base_url.to_owned(),
            child,
        }
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command) -> Child {
    command
        .args(["--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// A client of one process, with a token.
#[derive(Clone)]
struct Caller {
    client: Client,
    base_url: String,
    token: String,
}

impl Caller {
    fn new(process: &Process, token: &str) -> Self {
        // A second test in this process finds the provider installed, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build();
        Self {
            client: client.expect("the client is well configured"),
            base_url: process.base_url.clone(),
            token: token.to_owned(),
        }
    }

    /// Sends a request. An error says that nobody knows what became of it.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<(u16, Value)> {
        let partner = Config::default().partner;
        let request = self
            .client
            .request(method, format!("{}{path}", self.base_url))
            .header("Finicity-App-Key", partner.app_key)
            .header("Finicity-App-Token", &self.token);
        let response = request.json(body).send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// What a control route that only looks answers.
    async fn look(&self, route: &str) -> Value {
        let path = format!("/__sandbox/v1/{route}");
        let (status, body) = self
            .send(Method::GET, &path, &json!({}))
            .await
            .expect("the sandbox answers");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Tries to log in; the token if that worked.
    async fn log_in(&self, secret: &str) -> Option<String> {
        let partner = Config::default().partner;
        let body = json!({"partnerId": partner.id, "partnerSecret": secret});
        let path = "/aggregation/v2/partners/authentication";
        let answer = self.send(Method::POST, path, &body).await;
        let (_, answer) = answer.expect("the sandbox answers");
        answer["token"].as_str().map(str::to_owned)
    }
}
