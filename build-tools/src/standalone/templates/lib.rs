//! A generated client: what follows is its README, whose example is tested.

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod bytes;
mod call;
mod connections;
mod connector;
mod credentials;
mod exchange;
mod failure;
#[allow(missing_docs, clippy::all, rustdoc::all, unused_qualifications)]
#[rustfmt::skip]
mod generated;
mod hooks;
mod http_client;

pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};

pub use self::{
    answer::{Answer, BodyKind},
    call::{Call, Sent},
    credentials::Credentials,
    failure::{Cause, CauseKind, Failure, Place},
    generated::{Client, OPERATIONS, types},
    hooks::Operation,
    http_client::{HttpClient, InvalidServer, http_client},
};
