//! The stores, one like the other: what is promised of all of them, and what of each.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod conformance;
mod memory;
mod redb;
#[cfg(feature = "external")]
mod redis;
#[cfg(feature = "external")]
#[path = "../../../../tests/redis_server.rs"]
mod redis_server;
mod subject;
