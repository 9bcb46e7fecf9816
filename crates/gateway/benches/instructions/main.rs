//! How many instructions the gateway carries out for one call, counted by callgrind.
//!
//! `cargo xtask instructions` builds the program, runs this and compares what it prints. The program is a process of its
//! own with one worker thread, called by one caller over one connection, one call after the other; this process is the
//! caller and the sandbox. Counts depend neither on the speed of the machine nor on what else it does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that can't go on ends there"
)]

mod calls;
#[path = "../../tests/running/collector.rs"]
mod collector;
#[path = "../../tests/running/process.rs"]
mod process;
mod profile;
#[path = "../../tests/running/program.rs"]
mod program;
mod records;
mod subject;

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::{
    calls::{Asked, Calls},
    collector::Collector,
    profile::Profile,
    records::Records,
    subject::Subject,
};

/// How often the calls of one kind are counted. An odd number has a median.
const ROUNDS: usize = 5;

/// How many places of the source, and how many functions, are told of each kind of call.
const TOLD: usize = 25;

/// How the gateway knows the caller where callers have keys.
const KEY: &str = "made-up-key-of-the-counting-caller";

#[tokio::main]
async fn main() {
    // `cargo bench` adds `--bench`.
    let mut arguments = env::args_os().skip(1).filter(|word| word != "--bench");
    let (Some(program), Some(folder)) = (arguments.next(), arguments.next()) else {
        panic!("name the program and a folder for profiles, as `cargo xtask instructions` does");
    };
    let folder = PathBuf::from(folder);
    let vendor = process::vendor().await;
    let records = Records::make(Arc::clone(&vendor)).await;
    let (mut figures, mut places) = (Vec::new(), Map::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let traces = traces(&listener);
    let collector = Collector::default();
    let collecting = collector.serve(listener);
    for (name, settings, variables, key, kinds) in [
        (
            "plain",
            String::new(),
            [].as_slice(),
            None,
            Asked::PLAIN.as_slice(),
        ),
        ("guarded", guarded(&folder), &[], Some(KEY), &Asked::GUARDED),
        ("traced", String::new(), &traces, None, &Asked::TRACED),
    ] {
        let own = folder.join(name);
        fs::create_dir_all(&own).unwrap();
        let mut subject =
            Subject::start(&program, &vendor.base_url(), &settings, variables, own).await;
        let mut calls = Calls::over(subject.channel().await, key, records.clone());
        for &asked in kinds {
            let _ = writeln!(io::stderr(), "counting: {}", asked.name());
            let (figure, spent) = count(asked, &mut subject, &mut calls).await;
            subject.keep(&folder.join(format!("{}.callgrind", file(asked.name()))));
            figures.push(figure);
            places.insert(asked.name().to_owned(), spent);
        }
        drop(calls);
        subject.stop().await;
    }
    assert!(
        collector.spans() > Asked::Traced.calls(),
        "traces were sent"
    );
    collecting.abort();
    let places = serde_json::to_string_pretty(&places).unwrap();
    fs::write(folder.join("places.json"), places + "\n").unwrap();
    let document = json!({ "bench": "instructions", "figures": figures });
    // Nothing is left to do about an output that is closed.
    let _ = writeln!(io::stdout(), "{document:#}");
}

/// Settings with callers by key, their policy, and the audit file.
fn guarded(folder: &Path) -> String {
    let hash: String = Sha256::digest(KEY)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let audit = folder.join("audit.jsonl").display().to_string();
    format!(
        "[[auth.keys]]\nprincipal = \"counting\"\nsha256 = \"{hash}\"\n\
         [[policy]]\nprincipal = \"counting\"\nroles = [\"reader\"]\npermissions = [\"pii.read\"]\n\
         [audit]\npath = {audit:?}\n"
    )
}

/// Variables by which traces go to the collector there: whenever there is a batch of them, and not by the clock, which would
/// have some rounds of calls send more than others.
fn traces(collector: &TcpListener) -> [(&'static str, String); 2] {
    let address = collector.local_addr().unwrap();
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000".to_owned()),
    ]
}

/// A name as one of files.
fn file(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// Counts calls of one kind, and says where most of the instructions are.
async fn count(asked: Asked, subject: &mut Subject, calls: &mut Calls) -> (Value, Value) {
    calls.make(asked, asked.before()).await;
    subject.taken().await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let made = calls.make(asked, asked.calls()).await;
        rounds.push(subject.taken().await.each(made));
    }
    rounds.sort_by(|one, other| one.total().total_cmp(&other.total()));
    let median: &Profile = &rounds[ROUNDS / 2];
    let figure = json!({
        "group": format!("instructions of the gateway for one call, {}", env::consts::ARCH),
        "name": asked.name(),
        "value": median.total().round(),
        "unit": "instructions",
        "low": rounds[0].total().round(),
        "high": rounds[ROUNDS - 1].total().round(),
        "note": asked.note(),
    });
    let spent = json!({
        "places": median.places(TOLD),
        "functions": median.functions(TOLD),
    });
    (figure, spent)
}
