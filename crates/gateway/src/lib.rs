//! The gRPC gateway to the customer records of Mastercard Open Finance US.
//!
//! It serves `openfinance.v1` (see `proto/`) and calls the vendor through the crate `openfinance`. A request is read
//! once into values of that crate, and an answer once out of them; each noun has a file of its own for both. What holds
//! for all calls is in layers around the handlers: telling of calls, ending them in time, completing their errors.
//!
//! [`Gateway::start`] runs one in this process, as tests do:
//!
//! ```no_run
//! use openfinance_gateway::{Gateway, config::{Config, Upstream}};
//!
//! # async fn example() -> Result<(), openfinance_gateway::StartError> {
//! let sandbox = Upstream::Sandbox { listen: ([127, 0, 0, 1], 0).into() };
//! let gateway = Gateway::start(Config::for_tests(sandbox)).await?;
//! println!("gRPC is served on {}", gateway.grpc_address());
//! gateway.stop().await;
//! # Ok(())
//! # }
//! ```

mod about;
mod admin;
mod api;
mod arriving;
mod audit;
mod auth;
mod authorization;
mod banner;
mod business;
mod calls_only;
pub mod cli;
mod complete;
pub mod config;
mod consumer;
mod convert;
mod customer;
mod deadline;
mod drain;
mod embedded;
mod failure;
#[cfg(any(test, fuzzing))]
#[cfg_attr(test, allow(unreachable_pub, reason = "fuzz targets call it"))]
pub mod fuzz;
mod gateway;
mod harden;
mod health;
mod information;
mod limit;
mod log;
mod mask;
mod method;
mod metrics;
mod observe;
mod onboarding;
mod overload;
mod page_token;
mod partner;
mod ready;
pub mod reason;
mod receive;
mod reload;
mod rotation;
mod sample;
mod secret_file;
mod seen;
mod server;
mod status;
mod store;
mod trace;
mod web;

pub use gateway::{Gateway, StartError};
pub use harden::{NotHardened, harden};
pub use server::tls::TlsError;
