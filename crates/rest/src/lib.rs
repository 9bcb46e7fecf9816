//! Client for the customer records of Mastercard Open Finance US, generated from the vendor's document.
//!
//! [`Client`] has one method per operation and [`types`] one type per body. What is sent is as strict as the document;
//! what is read is tolerant: everything may be missing or null, and a number may come as a string. Around that this
//! crate adds what a generated client lacks: credentials, a deadline and a bound on the body for each attempt
//! ([`Call`]), and an account of every failure that loses nothing and prints no personal data ([`Failure`]).
//!
//! It makes one attempt per call. Tokens, retries and the meaning of refusals are the caller's.
//!
//! The examples run against the sandbox; with the vendor `base_url` is `https://api.finicity.com`.
//!
//! # A token
//!
//! It lives two hours: keep it, and share it. After five refused logins the vendor locks the partner out.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let (base_url, app_key) = (sandbox.base_url(), partner.app_key);
//! # let (base_url, app_key) = (base_url.as_str(), app_key.as_str());
//! use openfinance_rest::{Call, http_client, types};
//!
//! let http = http_client(base_url)?;
//! let login = Call::new(app_key);
//! let credentials = types::PartnerCredentials {
//!     partner_id: types::PartnerId(partner.id),
//!     partner_secret: partner.secret,
//! };
//! let answer = login.settle(login.client(base_url, &http).create_token(&credentials).await)?;
//! let token = answer.token.ok_or("an answer without a token")?;
//! assert!(!token.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # A record, created, changed and listed
//!
//! One [`Call`] for each attempt: it keeps what the vendor answered.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let (base_url, app_key) = (sandbox.base_url(), partner.app_key);
//! # let (base_url, app_key) = (base_url.as_str(), app_key.as_str());
//! # let http = openfinance_rest::http_client(base_url)?;
//! # let login = openfinance_rest::Call::new(app_key);
//! # let credentials = openfinance_rest::types::PartnerCredentials {
//! #     partner_id: openfinance_rest::types::PartnerId(partner.id), partner_secret: partner.secret,
//! # };
//! # let answer = login.settle(login.client(base_url, &http).create_token(&credentials).await)?;
//! # let token = answer.token.ok_or("an answer without a token")?;
//! use openfinance_rest::{Call, types};
//!
//! let call = || Call::new(app_key).token(&token);
//!
//! let new = types::NewCustomer {
//!     username: types::CustomerUsername("household-4711".to_owned()),
//!     first_name: Some(types::FirstName("Ada".to_owned())),
//!     last_name: None,
//!     phone: None,
//!     email: None,
//!     application_id: None,
//! };
//! let create = call();
//! let created = create.settle(create.client(base_url, &http).add_testing_customer(&new).await)?;
//! // The vendor changes its mind about numbers.
//! let id = match created.id.ok_or("an answer without an id")? {
//!     types::NumberOrString::Integer(id) => types::CustomerId(id.to_string()),
//!     types::NumberOrString::String(id) => types::CustomerId(id),
//! };
//!
//! let change = types::CustomerUpdate { first_name: None, last_name: Some(types::LastName("King".to_owned())) };
//! let update = call();
//! update.settle(update.client(base_url, &http).modify_customer(&id, &change).await)?;
//!
//! let list = call();
//! let found = list.client(base_url, &http).get_customers(None, Some("king"), None, None, None).await;
//! let page = list.settle(found)?;
//! assert_eq!(page.customers.map(|customers| customers.len()), Some(1));
//! # Ok(())
//! # }
//! ```
//!
//! # What went wrong
//!
//! A [`Failure`] says what may be done about it: whether anything was sent, what the vendor answered, where its answer can't be
//! read. An [`Answer`] reads the vendor's errors in all their shapes, and tells where it drifts from the document.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let (base_url, app_key) = (sandbox.base_url(), partner.app_key);
//! # let (base_url, app_key) = (base_url.as_str(), app_key.as_str());
//! # let http = openfinance_rest::http_client(base_url)?;
//! # let login = openfinance_rest::Call::new(app_key);
//! # let credentials = openfinance_rest::types::PartnerCredentials {
//! #     partner_id: openfinance_rest::types::PartnerId(partner.id), partner_secret: partner.secret,
//! # };
//! # let answer = login.settle(login.client(base_url, &http).create_token(&credentials).await)?;
//! # let token = answer.token.ok_or("an answer without a token")?;
//! use openfinance_rest::{Call, Failure, types};
//!
//! let call = Call::new(app_key).token(&token).timeout(std::time::Duration::from_secs(5));
//! let id = types::CustomerId("1005061234".to_owned());
//! match call.settle(call.client(base_url, &http).get_customer(&id).await) {
//!     Ok(customer) => println!("{:?}", customer.id),
//!     Err(Failure::Refused(answer)) => assert_eq!((answer.status.as_u16(), answer.error().code), (404, Some(14001))),
//!     // Surely not sent: may be repeated, whatever it is.
//!     Err(Failure::NotSent { cause }) => println!("{cause}"),
//!     // May have been done: read before a create is repeated.
//!     Err(failure) => return Err(failure.into()),
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod call;
mod connections;
mod connector;
mod credentials;
mod drift;
mod exchange;
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
    credentials::Secret,
    drift::{Drift, DriftKind},
    failure::{Cause, CauseKind, Failure, Place},
    generated::{Client, DOCUMENT_VERSION, OPERATIONS, STRUCTURE_SHA256, types},
    hooks::Operation,
    http_client::{HttpClient, InvalidServer, http_client},
    vendor_error::VendorError,
};
