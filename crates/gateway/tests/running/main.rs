//! The binary as a process: how it takes signals and changed files, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod drain;
mod health;
mod process;
mod reload;
