//! A stateful simulator of the customer records API of Mastercard Open Finance US.
//!
//! It imitates the vendor's 18 operations with their rules, codes, wording and oddities, and adds a control plane
//! under `/__sandbox/v1` with which a test moves the clock, revokes tokens, locks partners and plans faults. State is in
//! memory; ids and tokens follow from the seed; time is the sandbox's own.
//!
//! It shares no code with the client that it tests, so the two cannot agree on a mistake.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use openfinance_sandbox::{Config, Sandbox};
//!
//! let sandbox = Sandbox::start(Config::for_tests()).await?;
//! println!("listening on {}", sandbox.base_url());
//! sandbox.control().advance(Duration::from_secs(2 * 60 * 60))?;
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
