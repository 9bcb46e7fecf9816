//! The clients of other languages, below `tests/clients/`: what all of them must show, and that they do.
//!
//! Each language gets a gateway and a sandbox of its own for each of its programs, over TLS and with every kind of
//! credential. What they run is in `clients/README.md`.

#[cfg(feature = "external")]
mod credentials;
#[cfg(feature = "external")]
mod page;
#[cfg(feature = "external")]
mod run;
mod table;

#[cfg(feature = "external")]
use run::shows_everything;

/// What every client shows, beside the table.
#[cfg(feature = "external")]
const BEHAVIOURS: [&str; 11] = [
    "idle",
    "deadline",
    "retry",
    "create-again",
    "create-late",
    "errors",
    "paging",
    "stream-resume",
    "mtls",
    "jwt",
    "redact",
];

/// Whom the table may name, and who has no more than a name. All but the last three are known by keys.
const CALLERS: [&str; 8] = [
    "writer",
    "reader",
    "admin",
    "limited",
    "service-by-certificate",
    "service-by-token",
    "stranger",
    "nobody",
];

/// How many calls the gateway of the table takes from one caller before it says that they are too many.
const BURST: u32 = 200;

#[cfg(feature = "external")]
#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let asynchronously = [
        "asyncio-idle",
        "asyncio-deadline",
        "asyncio-retry",
        "asyncio-create-again",
        "asyncio-errors",
        "asyncio-paging",
        "asyncio-stream-resume",
    ];
    shows_everything("python", &asynchronously).await;
}

#[cfg(feature = "external")]
#[tokio::test(flavor = "multi_thread")]
async fn rust() {
    shows_everything("rust", &[]).await;
}

#[cfg(feature = "external")]
#[tokio::test(flavor = "multi_thread")]
async fn go() {
    shows_everything("go", &[]).await;
}

#[cfg(feature = "external")]
#[tokio::test(flavor = "multi_thread")]
async fn java() {
    shows_everything("java", &[]).await;
}

#[cfg(feature = "external")]
#[tokio::test(flavor = "multi_thread")]
async fn typescript() {
    shows_everything("typescript", &[]).await;
    page::calls_from_a_browser().await;
}
