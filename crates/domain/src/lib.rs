//! Customer records of Mastercard Open Finance US (Finicity): typed, validated, with a token that looks after itself.
//!
//! [`Client`] has one method for each thing that can be done with a customer, a business, a consumer or an
//! authorization. Its arguments are values that are known to be right, so that a mistake is told before anything is
//! sent; its answers are read leniently, because the vendor's types change from route to route; its [`Error`]s say what
//! the caller can do.
//!
//! ```no_run
//! use openfinance::{Client, Config, customer::{CustomerType, NewCustomer}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Config::new(
//!     "https://api.finicity.com".parse()?,
//!     std::env::var("PARTNER_ID")?,
//!     std::env::var("PARTNER_SECRET")?.into(),
//!     std::env::var("APP_KEY")?.into(),
//! ))?;
//! let customer = client
//!     .create_customer(NewCustomer {
//!         customer_type: CustomerType::Testing,
//!         username: "household-4711".parse()?,
//!         first_name: Some("Ada".parse()?),
//!         last_name: Some("Lovelace".parse()?),
//!         phone: None,
//!         email: None,
//!         application_id: None,
//!     })
//!     .await?;
//! println!("{}", customer.id);
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
