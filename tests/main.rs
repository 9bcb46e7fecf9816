//! End to end: the real gateway over the real sandbox, called as any client calls it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod audit;
mod authorization;
#[cfg(feature = "external")]
mod browser;
#[cfg(feature = "external")]
mod built;
mod business;
mod callers;
mod canary;
mod clients;
mod common;
#[cfg(feature = "external")]
mod comparison;
mod consumer;
mod customer;
mod deploy;
mod dice;
mod docs;
mod drift;
#[cfg(feature = "external")]
mod external;
mod faults;
mod fleet;
mod fragile;
mod hostile;
mod model;
mod ofctl;
mod ofctl_transfer;
mod onboarding;
mod paging;
mod partner;
mod program;
#[cfg(feature = "external")]
mod protos;
#[cfg(feature = "external")]
mod redis_server;
mod refusals;
#[cfg(feature = "external")]
mod replicas;
mod request_ids;
#[cfg(feature = "external")]
mod schemathesis;
mod storms;
mod watch;
mod web;
mod world;
