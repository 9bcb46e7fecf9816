//! Holds every answer that a test sees against the vendor's document.
//!
//! `see` comes here by itself, so no test has to think of it. Two kinds of answers are let through: those of the control
//! plane, and those of a sandbox in which a fault has fired, since a fault may answer anything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openfinance_sandbox::{Control, Quirks, Sandbox, quirk::Setting};
use reqwest::{Method, Url};

use super::Seen;
use crate::contract::{Document, Exchange, departures};

/// The sandboxes of this process by their ports, with what was seen of each.
static WATCHED: Mutex<BTreeMap<u16, Watched>> = Mutex::new(BTreeMap::new());

struct Watched {
    control: Control,
    document: Arc<Document>,
    exchanges: Vec<Exchange>,
}

fn watched() -> MutexGuard<'static, BTreeMap<u16, Watched>> {
    // A test that fails must not take the others with it.
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The document under some quirks. Most quirks need no departure, so they share one.
pub(crate) fn document(quirks: &Quirks) -> Arc<Document> {
    static DOCUMENTS: Mutex<BTreeMap<Vec<bool>, Arc<Document>>> = Mutex::new(BTreeMap::new());
    let departures = departures();
    let counted: Vec<bool> = departures
        .iter()
        .map(|(_, quirk)| counts(quirks, quirk.as_deref()))
        .collect();
    let mut documents = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let document = documents
        .entry(counted)
        .or_insert_with_key(|counted| Arc::new(Document::load(|position, _| counted[position])));
    Arc::clone(document)
}

/// Begins to watch a sandbox.
pub(crate) fn watch(sandbox: &Sandbox, quirks: Quirks) {
    let watch = Watched {
        control: sandbox.control().clone(),
        document: document(&quirks),
        exchanges: Vec::new(),
    };
    watched().insert(sandbox.address().port(), watch);
}

/// What has been seen of a sandbox.
pub(crate) fn exchanges(sandbox: &Sandbox) -> Vec<Exchange> {
    let watched = watched();
    let watched = watched.get(&sandbox.address().port());
    watched.map_or_else(Vec::new, |watched| watched.exchanges.clone())
}

/// Whether a departure that needs `quirk` is one under `quirks`.
pub(crate) fn counts(quirks: &Quirks, quirk: Option<&str>) -> bool {
    let Some(quirk) = quirk else {
        return true;
    };
    let setting: Setting = quirk
        .parse()
        .expect("departures name quirks as the command line does");
    let mut with = *quirks;
    with.set(setting);
    with == *quirks
}

/// Judges one answer.
///
/// # Panics
/// If the document has no such answer, and no departure has.
pub(crate) fn hold(method: &Method, url: &Url, seen: &Seen) {
    if url.path().starts_with("/__sandbox/") || url.path() == "/__sandbox" {
        return;
    }
    let media_type = seen
        .content_type
        .as_deref()
        .and_then(|value| value.split(';').next());
    let exchange = Exchange {
        method: method.to_string(),
        path: url.path().to_owned(),
        status: seen.status.as_u16(),
        media_type: media_type.map(|value| value.trim().to_owned()),
        body: seen.text.clone().into_bytes(),
    };
    let mut watched = watched();
    let watched = url
        .port()
        .and_then(|port| watched.get_mut(&port))
        .expect("a World was started at this port");
    if watched.control.faults().iter().any(|fault| fault.fired > 0) {
        return;
    }
    let verdict = watched.document.judge(&exchange);
    watched.exchanges.push(exchange);
    if let Err(reason) = verdict {
        panic!(
            "{method} {} answered what open-finance-us.yaml does not have: {reason}\n{seen:?}\nIf the vendor does so, \
             it belongs into tests/contract/departures.yaml with its source.",
            url.path()
        );
    }
}

#[test]
fn no_test_sends_a_request_past_the_document() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire");
    // In two pieces, so that this file has it not.
    let past = concat!(".se", "nd()");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        // These ask for the control plane, of which the document knows nothing.
        if path.ends_with("page.rs") || path.ends_with("reference.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains(past),
            "{}: use see, or try_see where a fault may answer",
            path.display()
        );
    }
}
