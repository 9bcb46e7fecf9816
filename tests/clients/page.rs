//! The page of the client in TypeScript, in a real browser and from another origin than the gateway's.

use std::{fs, path::Path};

use openfinance_gateway::config::{Config, Web, auth::Role};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::credentials;
use crate::{
    browser::driver::Browser,
    callers::{by_key, key_of},
    canary,
    world::World,
};

const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/typescript/build/page");

/// The origin of a page, which it is served from until this is dropped.
struct Origin {
    port: u16,
    serving: JoinHandle<()>,
}

impl Origin {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { port, serving }
    }

    /// As a browser writes it, by this name of the machine.
    fn at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request with a file of the page.
async fn serve(mut stream: TcpStream) {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        // A browser may connect and ask for nothing.
        if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let (file, kind) = match asked.starts_with(b"GET /page.js ") {
        true => ("page.js", "text/javascript"),
        false => ("index.html", "text/html"),
    };
    let body = fs::read(Path::new(BUILT).join(file)).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), &body].concat();
    // It may have gone away.
    let _ = stream.write_all(&answer).await;
}

async fn world(origin: String, change: impl FnOnce(&mut Config)) -> World {
    World::with_gateway(
        |_| (),
        |settings| {
            change(settings);
            settings.web = Some(Web {
                origins: vec![origin],
            });
        },
    )
    .await
}

/// Has the page call this gateway as a caller with this name, and waits for its last words.
async fn calls(browser: &Browser, page: &str, gateway: &str, caller: &str, last: &str) -> String {
    browser.open(page).await;
    browser.write("#gateway", gateway).await;
    browser.write("#key", &key_of(caller)).await;
    browser.click("button").await;
    browser.until_text("li:last-child", last).await;
    let said = browser
        .run("return document.querySelector('ol').innerText")
        .await;
    let said = said.as_str().unwrap().to_owned();
    canary::scan_bytes("what the page says", said.as_bytes());
    said
}

/// Opens the page, which has been built, and holds what it says.
pub(super) async fn calls_from_a_browser() {
    let browser = Browser::start().await;
    let (folder, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for tls in [false, true] {
        let origin = Origin::new().await;
        let page = origin.at("localhost");
        let world = world(page.clone(), |settings| match tls {
            true => credentials::give(settings, folder.path(), own.path()),
            false => {
                settings.auth = by_key(&[
                    ("writer", &[Role::Writer], &["pii.read", "tax_id.read"]),
                    ("clerk", &[Role::Writer], &[]),
                    ("reader", &[Role::Reader], &[]),
                ]);
            }
        })
        .await;
        let port = world.grpc_address().port();
        let gateway = match tls {
            true => format!("https://localhost:{port}"),
            false => format!("http://127.0.0.1:{port}"),
        };
        let said = calls(&browser, &page, &gateway, "writer", "done").await;
        assert_eq!(said.matches("created ").count(), 3, "{said}");
        for line in [
            "\"username\": \"[redacted]\"",
            "\"type\": \"CUSTOMER_TYPE_TESTING\"",
            "kept from this caller: nothing",
            "refused INVALID_ARGUMENT INVALID_FIELD: customer.phone, customer.type, customer.username",
            "listed 3",
            "not streamed 0",
        ] {
            assert!(said.contains(line), "{line} is not in {said}");
        }
        if !tls {
            let said = calls(&browser, &page, &gateway, "clerk", "failed").await;
            let kept = said
                .lines()
                .find_map(|line| line.strip_prefix("kept from this caller: "));
            let kept: Vec<_> = kept.unwrap().split(',').collect();
            assert!(kept.contains(&"first_name"), "{said}");
        }
        // Refusals by layers that stand before the method are read as well.
        let said = calls(&browser, &page, &gateway, "reader", "failed").await;
        assert_eq!(said, "failed PERMISSION_DENIED CALLER_FORBIDDEN");
        let said = calls(&browser, &page, &gateway, "stranger", "failed").await;
        assert_eq!(said, "failed UNAUTHENTICATED CALLER_UNAUTHENTICATED");
        // The same page by another name is of another origin: its browser asks, and does not call.
        let before = world.calls();
        let elsewhere = origin.at("127.0.0.1");
        let said = calls(&browser, &elsewhere, &gateway, "writer", "failed").await;
        assert_eq!(said, "failed UNKNOWN");
        assert_eq!(world.calls(), before);
        world.stop().await;
    }
}
