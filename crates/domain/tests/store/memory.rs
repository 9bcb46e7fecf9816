//! The store in memory.

use std::sync::Arc;

use openfinance::store::Memory;

use crate::{
    conformance::conformance,
    subject::{Subject, Time},
};

fn subject() -> (Subject, ()) {
    let store = Arc::new(Memory::new());
    let time = Time::Paused;
    (Subject { store, time }, ())
}

conformance!(tokio::test(start_paused = true), subject());
