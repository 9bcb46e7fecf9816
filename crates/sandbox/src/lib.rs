//! A stateful simulator of the customer records API of Mastercard Open Finance US.
//!
//! It imitates the vendor's 18 operations with their rules, codes, wording and oddities. Time is the sandbox's own, ids
//! and tokens follow from a seed, and state is in memory or in a file. A control plane does what no caller of the vendor
//! could: [`Control`] for a test in the same process, JSON under `/__sandbox/v1` for any other, a page for people at
//! `/__sandbox/`.
//!
//! | to | use |
//! |---|---|
//! | turn the clock | [`Control::advance`], [`Start`] |
//! | lose, delay or spoil an answer, with the work done or not | [`FaultRule`], [`Commit`], [`Stage`], [`Malformed`] |
//! | bring about an order of requests | [`Control::add_barrier`], [`Control::barrier_holds`] |
//! | see what really happened | [`Control::journal`], [`Control::record`] |
//! | begin with records | [`Snapshot`], [`Control::restore`], [`Config::state`] |
//! | follow the other source where the vendor's disagree | [`quirk`] |
//!
//! It shares no code with the client that it tests, so the two cannot agree on a mistake. `docs/sandbox.md` in the
//! repository is the reference of the routes, the rules and the limits.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use openfinance_sandbox::{Config, FaultRule, Operation, Sandbox, Stage};
//!
//! let sandbox = Sandbox::start(Config::for_tests()).await?;
//! let control = sandbox.control();
//! // The next customer is created, but nobody is told.
//! control.add_fault(FaultRule::on(Operation::AddTestingCustomer).reset_at(Stage::ResponseHeaders))?;
//! println!("the code under test calls {}", sandbox.base_url());
//! // Every token has expired now.
//! control.advance(Duration::from_secs(2 * 60 * 60))?;
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod auth;
mod authorization;
mod barrier;
mod business;
mod call;
mod clock;
mod commit;
mod config;
mod connection;
mod consumer;
mod control;
mod customer;
mod exchange;
mod fault;
mod id_list;
mod journal;
mod json;
mod mask;
mod operation;
mod page;
mod payload;
pub mod quirk;
mod random;
mod refusal;
mod serve;
mod shared;
mod snapshot;
mod state;
mod store;
mod table;
mod unseen;
mod visitor;

pub use auth::{Lock, Revoke};
pub use authorization::{Connection, InvalidInstitutionLogin, NewInstitutionLogin};
pub use barrier::BarrierStatus;
pub use config::{Config, PartnerCredentials, Partnership, PersonallyLiableRule, Plan, Start};
pub use control::{
    Control, ControlError, Counts, PartnerSummary, Personal, RecordKind, RecordQuery, Records,
    Summary,
};
pub use fault::{
    Commit, ConnectionFault, FaultAnswer, FaultBody, FaultRule, FaultStatus, InvalidFault,
    Malformed, Stage, Target,
};
pub use journal::{Change, CommitRecord, Journal, JournalEntry, RequestRecord};
pub use operation::{InvalidOperation, Operation};
pub use quirk::Quirks;
pub use serve::{Sandbox, StartError};
pub use snapshot::{InvalidSnapshot, Snapshot};
pub use store::StateFileError;

/// The Rust example of the page on tests, which is a test too.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/how-to/vendor-tests.md")]
struct PageExamples;
