//! What a caller of the gateway needs beside the generated stubs of `openfinance-rpc`. Copy what is of use.
//!
//! Messages print without personal data by themselves: `Debug` of `openfinance_rpc` leaves it out.

mod connect;
mod customers;
mod problem;
mod repeat;
pub mod surroundings;

pub use connect::{Connection, Credential, connect};
pub use customers::{create_again, customers, stream};
pub use problem::Problem;
pub use repeat::{Repeating, Tries};
