//! The client's mechanics, over a server that answers what the test says: the token, repeats, and the wire corpus.
#![allow(clippy::unwrap_used, reason = "a test that can't go on ends there")]

mod calls;
mod corpus;
mod once;
mod partner;
mod replicas;
mod server;
mod settle;
mod token;
mod updates;
