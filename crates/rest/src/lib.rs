//! Client for the customer records of Mastercard Open Finance US, generated from the vendor's document.
//!
//! [`Client`] has one method per operation and [`types`] one type per body. What is sent is as strict as the document;
//! what is read is tolerant: everything may be missing or null, and a number may come as a string. Around that this
//! crate adds what a generated client lacks: credentials, a deadline and a bound on the body for each attempt
//! ([`Call`]), and an account of every failure that loses nothing and prints no personal data ([`Failure`]).
//!
//! It makes one attempt per call. Tokens, retries and the meaning of refusals are the caller's.
//!
//! ```no_run
//! use openfinance_rest::{Call, Failure, http_client, types};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base_url = "https://api.finicity.com";
//! let http = http_client(base_url)?;
//!
//! // The token lives two hours; share it.
//! let login = Call::new("the application key");
//! let credentials = types::PartnerCredentials {
//!     partner_id: types::PartnerId("2445580000001".to_owned()),
//!     partner_secret: "the secret".to_owned(),
//! };
//! let answer = login.settle(login.client(base_url, &http).create_token(&credentials).await)?;
//! let token = answer.token.ok_or("an answer without a token")?;
//!
//! // One `Call` per attempt: it keeps what the vendor answered.
//! let call = Call::new("the application key").token(&token);
//! let id = types::CustomerId("1005061234".to_owned());
//! match call.settle(call.client(base_url, &http).get_customer(&id).await) {
//!     Ok(customer) => assert!(customer.username.is_some()),
//!     Err(Failure::Refused(answer)) if answer.error().code == Some(14001) => eprintln!("no such customer"),
//!     Err(failure) => return Err(failure.into()),
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod call;
mod credentials;
mod drift;
mod failure;
mod hooks;
mod http_client;
mod vendor_error;
#[allow(missing_docs, clippy::all, unused_qualifications)]
#[rustfmt::skip]
mod generated;

pub use progenitor_client::{ClientInfo, ResponseValue};

pub use self::{
    answer::{Answer, BodyKind},
    call::{Call, Sent},
    drift::{Drift, DriftKind},
    failure::{Cause, CauseKind, Failure, Place},
    generated::{Client, DOCUMENT_VERSION, OPERATIONS, STRUCTURE_SHA256, types},
    hooks::Operation,
    http_client::http_client,
    vendor_error::VendorError,
};
