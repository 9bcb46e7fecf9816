//! The binary as a process: how it takes signals and changed files, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod collector;
mod drain;
#[path = "../../benches/common/figures.rs"]
mod figures;
#[path = "../../benches/common/guard.rs"]
mod guard;
mod health;
mod lines;
mod process;
mod program;
mod reload;
#[path = "../../benches/common/times.rs"]
mod times;
mod traces;
mod vendor_tls;
