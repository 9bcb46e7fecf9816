//! The client against a server of bytes: what goes out, to the byte, and what becomes of whatever comes in.
#![forbid(unsafe_code)]

mod connections;
mod corpus;
mod failures;
mod operations;
mod paths;
mod requests;
mod server;
