//! A headless Chromium, driven over WebDriver, which is JSON over HTTP: a handful of calls is all that the tests need.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long the page may take for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Under this key an element's reference stands, by the WebDriver standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A client that goes straight to this machine.
pub(crate) fn client() -> Client {
    // A second test in this process finds the provider installed, which is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// One browser with one page. Ends with this value.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    client: Client,
}

/// Which colours the system is said to prefer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver must be on the path: `cargo xtask ci` installs it, or install the packages chromium and chromium-driver");
        // It says on which port it has started.
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver ended before it listened");
        let client = client();
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            client,
        };
        // Root has no sandbox of its own, and a container has little shared memory.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--window-size=1400,1500",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            // Those of gateways are signed by authorities that live as long as a test.
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = browser.call(Method::POST, "/session", wanted).await;
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// One WebDriver call. Panics with the driver's words if it fails.
    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = self.client.request(method.clone(), url);
        if method == Method::POST {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let mut answer: Value = response.json().await.unwrap();
        assert!(
            status.is_success(),
            "{path}: {}",
            answer["value"]["message"]
        );
        answer["value"].take()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, &format!("{}{path}", self.session), body)
            .await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// Runs a function body in the page and answers what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post("/execute/sync", body).await
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, condition: &str) {
        let begun = Instant::now();
        while self.run(&format!("return Boolean({condition})")).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let text = self.run("return document.body.innerText").await;
                panic!(
                    "never true: {condition}; the page says:\n{}",
                    text.as_str().unwrap()
                );
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the element is there and has a text in it.
    pub(crate) async fn until_text(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let condition = format!("document.querySelector({selector})?.textContent.includes({text})");
        self.until(&condition).await;
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.post("/element", wanted).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks as a person does: what is covered, hidden or disabled can't be clicked.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), json!({}))
            .await;
    }

    /// Replaces what is in a field, key by key.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/clear"), json!({}))
            .await;
        self.press(selector, text).await;
    }

    /// Presses keys on an element. `\u{e007}` is the enter key.
    pub(crate) async fn press(&self, selector: &str, keys: &str) {
        let element = self.element(selector).await;
        self.post(
            &format!("/element/{element}/value"),
            json!({ "text": keys }),
        )
        .await;
    }

    /// Chooses from a select by the text of the option.
    pub(crate) async fn choose(&self, select: &str, option: &str) {
        let script = format!(
            "const options = [...document.querySelector({}).options]; \
             return options.findIndex((option) => option.textContent === {})",
            json!(select),
            json!(option),
        );
        let at = self.run(&script).await.as_i64().unwrap();
        assert!(at >= 0, "{select} has no option {option}");
        self.click(&format!("{select} option:nth-of-type({})", at + 1))
            .await;
    }

    /// Everything that is in the page, shown or not.
    pub(crate) async fn all(&self) -> String {
        let all = self.run("return document.documentElement.outerHTML").await;
        all.as_str().unwrap().to_owned()
    }

    pub(crate) async fn prefer(&self, scheme: Scheme) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = [json!({"name": "prefers-color-scheme", "value": value})];
        let params = json!({ "features": features });
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": params});
        self.post("/goog/cdp/execute", command).await;
    }

    /// What the console has said since it was last asked.
    pub(crate) async fn console(&self) -> Vec<Value> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().clone()
    }

    /// The addresses that the page has asked for since this was last called.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "performance"})).await;
        let entries = log.as_array().unwrap().iter();
        let events = entries.map(|entry| {
            let text = entry["message"].as_str().unwrap();
            serde_json::from_str::<Value>(text).unwrap()["message"].take()
        });
        events
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| {
                event["params"]["request"]["url"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without this the browser would outlive its driver. Plain sockets, because nothing can be awaited in here.
        if !self.session.is_empty()
            && let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port))
        {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let host = format!("Host: 127.0.0.1:{}", self.port);
            let request = format!(
                "DELETE {} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n",
                self.session
            );
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
