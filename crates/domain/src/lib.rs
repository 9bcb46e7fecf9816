//! Customer records of Mastercard Open Finance US (Finicity): typed, validated, with a token that looks after itself.
//!
//! [`Client`] has one method for each thing that can be done with a customer, a business, a consumer or an
//! authorization. Its arguments are values that are known to be right, so that a mistake is told before anything is
//! sent; its answers are read leniently, because the vendor's types change from route to route; its [`Error`]s say what
//! the caller can do.
//!
//! | to | use |
//! |---|---|
//! | create, read, change and delete customers | [`customer`] |
//! | list customers, a page at a time or as a stream | [`page`] |
//! | give a customer its consumer, whom lending reports are about | [`consumer`] |
//! | give it its business | [`business`] |
//! | create all three in one call that can be resumed | [`onboarding`] |
//! | know how long a bank connection is authorized | [`authorization`] |
//! | repeat a create without a second record | [`Client::once`] |
//! | limit how long a call takes | [`Client::within`] |
//! | decide what to do about a failure | [`Error`] |
//! | keep what must survive the process, or share it with others | [`store`], [`Shared`] |
//! | see how the login stands, and change the secret | [`partner`], [`rotation`] |
//! | hear of each call | [`observe`] |
//!
//! # A client
//!
//! One for the whole program: clones share the token, which is fetched when the first call needs it, renewed before it ends,
//! and never asked for twice at a time.
//!
//! ```no_run
//! use openfinance::{Client, Config};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Config::new(
//!     "https://api.finicity.com".parse()?,
//!     std::env::var("PARTNER_ID")?,
//!     std::env::var("PARTNER_SECRET")?.into(),
//!     std::env::var("APP_KEY")?.into(),
//! ))?;
//! # Ok(())
//! # }
//! ```
//!
//! In tests the sandbox takes the place of the vendor. All examples of this crate run against it, each with a fresh one:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use openfinance::{Client, Config};
//! use openfinance_sandbox::Sandbox;
//!
//! let sandbox = Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! let partner = openfinance_sandbox::Config::for_tests().partner;
//! let client = Client::new(Config::new(
//!     sandbox.base_url().parse()?,
//!     partner.id,
//!     partner.secret.into(),
//!     partner.app_key.into(),
//! ))?;
//!
//! let nobody = client.customer(&"1005061234".parse()?).await;
//! assert!(nobody.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # In which order
//!
//! Customer, then consumer, then business: a business whose owner is personally liable needs the consumer to be there.
//! Lending reports need a consumer even where the borrower is a business; see
//! [`NewConsumer::for_business`](consumer::NewConsumer::for_business).
//!
//! # What a deletion takes along
//!
//! Deleting a customer ends access to its linked accounts. The consumer survives, stays readable by its own id, and its
//! reports are kept for six years. What becomes of the business, of institution logins and of the username, the vendor does
//! not say; its sandbox here no longer finds the first two by the customer, and frees the name. A consumer or a business
//! can't be deleted at all.
//!
//! # What is never printed
//!
//! Personal values and secrets have a `Debug` that says `[redacted]`, and no error holds any.

pub mod authorization;
pub mod business;
mod call;
mod client;
mod clock;
pub mod consumer;
mod credential;
pub mod customer;
mod deadline;
mod error;
#[cfg(any(test, fuzzing))]
#[cfg_attr(test, allow(unreachable_pub, reason = "fuzz targets call it"))]
pub mod fuzz;
mod gate;
mod guard;
pub mod id;
mod ledger;
pub mod observe;
pub mod onboarding;
mod operation;
mod outcome;
pub mod page;
pub mod partner;
mod policy;
mod read;
pub mod replica;
mod request;
mod retry;
pub mod rotation;
mod seal;
mod settle;
pub mod store;
mod token;
mod update;
pub mod value;
mod watch;
mod write;

pub use client::{BaseUrl, Client, Config, InvalidConfig, Shared, is_https_or_this_machine};
pub use deadline::Deadline;
pub use error::{Error, Refusal, Vendor};
pub use ledger::Unsettled;
pub use openfinance_rest::{DOCUMENT_VERSION, STRUCTURE_SHA256};
pub use request::{Once, RequestId};
