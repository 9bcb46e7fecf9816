//! Canaries: values that are sent through every test, and must turn up in no log line, error, `Debug`, panic, metric or
//! file, as they are or encoded.
//!
//! Every test of this binary logs at TRACE into a writer that looks for them, so each test is a test of this too.

mod planted;

use std::{
    cell::Cell,
    io::{self, Write},
    path::Path,
    sync::{
        LazyLock, Once,
        atomic::{AtomicU64, Ordering},
    },
};

use aho_corasick::AhoCorasick;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use openfinance::observe::SPAN_TARGET;
use openfinance_rpc::pb;
use openfinance_sandbox::{Commit, FaultRule, Operation};
use tonic::Status;
use tracing::Level;
use tracing_subscriber::{
    Layer as _,
    filter::{Targets, dynamic_filter_fn},
    fmt::{MakeWriter, format::FmtSpan},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::world::World;

pub(crate) const SSN: &str = "509-31-8642";
pub(crate) const EIN: &str = "731946528";
pub(crate) const TAX_ID: &str = "84-7391652";
pub(crate) const FIRST_NAME: &str = "Ermintrude";
pub(crate) const LAST_NAME: &str = "Quackenbush";
pub(crate) const PHONE: &str = "801-555-73911";
/// A new secret of the partner, of which neither logs nor answers may tell.
pub(crate) const NEW_SECRET: &str = "Periwinkle-4242";
pub(crate) const EMAIL: &str = "ermintrude@quackenbush.example";

pub(crate) fn birthday() -> pb::Date {
    pb::Date {
        year: 1937,
        month: 11,
        day: 23,
    }
}

/// What must not turn up, in each spelling it could have.
const FORBIDDEN: &[&str] = &[
    SSN,
    "509318642",
    "509%2D31",
    EIN,
    "73-1946528",
    TAX_ID,
    "847391652",
    "1937-11-23",
    "year: 1937",
    "\"year\":1937",
    "year=1937",
    FIRST_NAME,
    LAST_NAME,
    PHONE,
    "quackenbush.example",
    "SandboxSecret1234",
    NEW_SECRET,
    "5a6e64626f786170706b657930303031",
    FIRST_TOKEN,
];

/// The first token of a sandbox with the seed of every test; a test below holds it against the real one.
const FIRST_TOKEN: &str = "pXgXhWmbuoCGLzxQiqkD";

static LINES: AtomicU64 = AtomicU64::new(0);

/// Panics if `text` holds a canary. The message says which rule it breaks, not what leaked.
#[track_caller]
pub(crate) fn scan(text: &str) {
    if let Some(canary) = find(text.as_bytes()) {
        panic!("canary number {canary} leaked: a personal value or a secret has been printed");
    }
}

/// Panics if `artefact` holds a canary: something that was stored or sent, which `name` tells.
#[track_caller]
pub(crate) fn scan_bytes(name: &str, artefact: &[u8]) {
    if let Some(canary) = find(artefact) {
        panic!("canary number {canary} leaked into {name}");
    }
}

/// Panics if a file of the gateway's holds a canary, where it is there.
#[track_caller]
pub(crate) fn scan_file(path: &Path) {
    if let Ok(bytes) = std::fs::read(path) {
        scan_bytes(&path.display().to_string(), &bytes);
    }
}

fn find(text: &[u8]) -> Option<usize> {
    static SEARCH: LazyLock<(AhoCorasick, Vec<usize>)> = LazyLock::new(|| {
        let (mut needles, mut canaries) = (Vec::new(), Vec::new());
        for (canary, word) in FORBIDDEN.iter().enumerate() {
            for needle in encodings(word) {
                needles.push(needle);
                canaries.push(canary);
            }
        }
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(needles);
        (search.unwrap(), canaries)
    });
    let (search, canaries) = &*SEARCH;
    let found = search.find(text)?;
    Some(canaries[found.pattern().as_usize()])
}

/// A word as it is, and as base64 wherever it begins in what is encoded, hexadecimal, percent-encoded, with the escapes of
/// JSON, and in both orders of UTF-16; a number also as Redis packs it in its dumps.
fn encodings(word: &str) -> Vec<Vec<u8>> {
    let each = |write: fn(u8) -> String| word.bytes().map(write).collect::<String>().into_bytes();
    let mut all = vec![
        word.as_bytes().to_vec(),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        }),
        each(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            b' ' => "+".to_owned(),
            _ => format!("%{byte:02x}"),
        }),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            _ => char::from(byte).to_string(),
        }),
        word.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        word.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    if let Ok(number) = word.parse::<i32>() {
        // As a value, and as one of several in a hash.
        all.extend([0xc2, 0xf3].map(|kind| [&[kind][..], &number.to_le_bytes()].concat()));
    }
    for before in 0..3 {
        let text = STANDARD.encode([&vec![0; before], word.as_bytes()].concat());
        // The digits that only this word makes: those at the ends hold bits of its neighbours.
        let (from, to) = ((before * 8).div_ceil(6), (before + word.len()) * 8 / 6);
        let digits = &text.as_bytes()[from..to];
        all.push(digits.to_vec());
        all.push(
            String::from_utf8_lossy(digits)
                .replace('+', "-")
                .replace('/', "_")
                .into_bytes(),
        );
    }
    all
}

/// Sends every log line of this process through the search, once and for all tests.
pub(crate) fn watch_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let wanted = dynamic_filter_fn(|line, _| *line.level() <= WANTED.get());
        let watched = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(Watch)
            .with_filter(wanted);
        // What makes traces, with all that it has been given when it ends, whether a line was logged in it or not.
        let traced = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(Watch)
            .with_filter(Targets::new().with_target(SPAN_TARGET, Level::TRACE));
        tracing_subscriber::registry()
            .with(watched)
            .with(traced)
            .init();
    });
}

thread_local! {
    /// The least important lines that this thread logs.
    static WANTED: Cell<Level> = const { Cell::new(Level::TRACE) };
}

/// Has the tests of crowds log at TRACE too, which takes them more than twice as long.
const TRACE_CROWDS: &str = "OPENFINANCE_TRACE_CROWDS";

/// Lets this thread log what a gateway logs by default, and no more: a test of thousands of calls at once would spend
/// its time on lines that the other tests have too.
pub(crate) fn log_less_here() {
    if std::env::var_os(TRACE_CROWDS).is_none() {
        WANTED.set(Level::INFO);
    }
}

struct Watch;

impl<'a> MakeWriter<'a> for Watch {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.fetch_add(1, Ordering::Relaxed);
        if let Some(canary) = find(line) {
            // A panic here would only end the task that logs, so the whole run ends.
            let text = String::from_utf8_lossy(line);
            // Where a span stands there, its fields do too.
            let place = text.split_whitespace().nth(2).unwrap_or_default();
            let place = place.split('{').next().unwrap_or_default();
            let _ = writeln!(
                io::stderr(),
                "canary number {canary} leaked into the log of {place}"
            );
            std::process::exit(101);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a record full of canaries through, and has the vendor fail in every way that could make somebody print them.
#[tokio::test]
async fn a_vendor_that_repeats_personal_data_in_its_errors_leaks_nothing() {
    let world = World::start().await;
    let customer_id = world.customer().await;
    let consumer = pb::Consumer {
        first_name: FIRST_NAME.to_owned(),
        last_name: LAST_NAME.to_owned(),
        state: "UT".to_owned(),
        ssn: SSN.to_owned(),
        birthday: Some(birthday()),
        phone: PHONE.to_owned(),
        email: EMAIL.to_owned(),
        ..Default::default()
    };
    let echo = format!("{FIRST_NAME} {LAST_NAME} {SSN} 509318642 1937-11-23 {PHONE} {EMAIL}");
    let answers = [
        (
            400,
            "application/json",
            format!(r#"{{"code": 10005, "message": "Missing parameter ({echo})"}}"#),
        ),
        (
            400,
            "application/json",
            format!(r#"{{"code": "{SSN}", "message": "{echo}"}}"#),
        ),
        (500, "text/html", format!("<html>{echo}</html>")),
        (404, "text/plain", echo.clone()),
        (
            201,
            "application/json",
            format!(r#"{{"id": 509318642, "createdDate": "{echo}"}}"#),
        ),
        (201, "application/json", format!(r#"{{"id": ["{echo}"]}}"#)),
        (201, "application/json", format!(r#"{{"id": "{echo}"#)),
        (302, "text/plain", echo.clone()),
        (299, "application/json", format!(r#"{{"{SSN}": "{echo}"}}"#)),
    ];
    // What a lost answer's read-back is told, so that each create ends in a refusal.
    let gone = format!(r#"{{"code": 14001, "message": "{echo}"}}"#);
    let rule = FaultRule::on(Operation::GetConsumerForCustomer)
        .times(u64::MAX)
        .commit(Commit::Never);
    world.fault(rule, 404, "application/json", &gone);
    for (status, content_type, body) in &answers {
        world.answers_text(Operation::CreateConsumer, *status, content_type, body);
        let request = pb::CreateConsumerRequest {
            customer_id: customer_id.clone(),
            consumer: Some(consumer.clone()),
            ..Default::default()
        };
        scan(&format!("{request:?}"));
        let refusal: Status = world
            .consumers()
            .create_consumer(request)
            .await
            .unwrap_err();
        scan(&format!("{refusal:?} {refusal}"));
        scan(&String::from_utf8_lossy(refusal.details()));
    }
    assert_eq!(world.called(Operation::CreateConsumer), answers.len());
    // A value that is wrong is not told either.
    let wrong = pb::Consumer {
        ssn: format!("{SSN}0"),
        first_name: format!("{FIRST_NAME}\u{0}"),
        ..consumer
    };
    let request = pb::CreateConsumerRequest {
        customer_id,
        consumer: Some(wrong),
        ..Default::default()
    };
    let refusal: Status = world
        .consumers()
        .create_consumer(request)
        .await
        .unwrap_err();
    scan(&format!("{refusal:?} {refusal}"));
    scan(&String::from_utf8_lossy(refusal.details()));

    let metrics = world.admin("/metrics").await;
    scan(&metrics);
    assert!(
        metrics.contains("rpc_server_call_duration_seconds"),
        "{metrics}"
    );
    assert!(
        LINES.load(Ordering::Relaxed) > 100,
        "the log was not watched"
    );
    world.stop().await;
}

#[test]
fn the_search_finds_what_it_should() {
    for canary in FORBIDDEN {
        let text = format!("before{canary}after");
        assert!(find(text.as_bytes()).is_some());
        let in_utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(find(&in_utf_16).is_some());
        let in_hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert!(find(in_hex.as_bytes()).is_some());
        for before in ["", "b", "be", "bef"] {
            let text = format!("{before}{canary}after");
            assert!(find(STANDARD.encode(&text).as_bytes()).is_some());
            assert!(find(URL_SAFE_NO_PAD.encode(&text).as_bytes()).is_some());
        }
        let query = [("q", canary)];
        let url = reqwest::Url::parse_with_params("http://host/", query).unwrap();
        assert!(find(url.as_str().as_bytes()).is_some(), "{url}");
        let json = serde_json::to_vec(canary).unwrap();
        assert!(find(&json).is_some());
    }
    assert_eq!(find(b"nothing to see"), None);
}

#[tokio::test]
async fn the_first_token_is_the_one_that_is_searched_for() {
    let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests())
        .await
        .unwrap();
    let partner = openfinance_sandbox::Config::default().partner;
    let base_url = sandbox.base_url();
    let call = openfinance_rest::Call::new(&partner.app_key);
    let http = openfinance_rest::http_client(&base_url).unwrap();
    let credentials = openfinance_rest::types::PartnerCredentials {
        partner_id: partner.id.into(),
        partner_secret: partner.secret,
    };
    let token = call
        .settle(
            call.client(&base_url, &http)
                .create_token(&credentials)
                .await,
        )
        .unwrap()
        .token
        .unwrap();
    assert_eq!(token, FIRST_TOKEN, "put this token into FIRST_TOKEN");
    sandbox.stop().await;
}
