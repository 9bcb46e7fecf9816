//! Messages, client and server of the gRPC package `openfinance.v1`, generated from `proto/`.
//!
//! [`pb`] is what prost and tonic generate. The policy beside it comes from the options of the same files: messages
//! print without personal data, and [`METHODS`] says what each method needs and whether it may be repeated.
//! [`code_name`] is written by hand.
//!
//! ```no_run
//! use openfinance_rpc::pb::{GetCustomerRequest, customer_service_client::CustomerServiceClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut customers = CustomerServiceClient::connect("http://127.0.0.1:50051").await?;
//! let customer = customers
//!     .get_customer(GetCustomerRequest { customer_id: "1005061234".to_owned() })
//!     .await?
//!     .into_inner();
//! println!("{customer:?}"); // Customer { customer_id: "1005061234", username: [redacted], .. }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod generated;

mod code;

pub use code::code_name;
pub use generated::{pb, policy::METHODS};

/// All of `proto/` and what it imports, as an encoded `google.protobuf.FileDescriptorSet` without source positions:
/// what server reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptor.binpb");

/// The service config for channels to the gateway, as JSON: the same as `proto/service_config.json`.
///
/// gRPC clients in other languages take it as it is: how long a call may take, which calls they repeat by themselves, how
/// often, and when they stop. Those of tonic know no such thing, so a program in Rust repeats by its own loop: what
/// [`METHODS`] says may be repeated, where the code is `UNAVAILABLE`, as often as this says.
pub const SERVICE_CONFIG: &str = include_str!("generated/service_config.json");

/// What a reader may see of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Fields of the class `DATA_CLASS_PERSONAL`.
    pub personal: bool,
    /// Tax ids.
    pub tax_id: bool,
}

/// A message of an answer, which can be emptied of what its reader may not see, as the option `data_class` of its fields
/// says.
pub trait Redact {
    /// The paths of the personal fields, such as `customers.first_name`.
    const PERSONAL: &'static [&'static str] = &[];
    /// The paths of the tax ids.
    const TAX_IDS: &'static [&'static str] = &[];

    /// Empties what is not in sight, and always what never comes back.
    fn redact(&mut self, sight: Sight);

    /// Whether the personal or restricted field at `path` is empty, or a part of it is.
    fn lacks(&self, path: &str) -> bool;
}

/// A request, which may look for records by what their fields hold.
pub trait Sought {
    /// The personal fields of a read that are set and that find records by less than their whole key: whom they find tells
    /// what is in a field that the caller may not see. A write has none.
    fn by_personal(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// Whether a value is what it is where nothing was set.
fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Redact for () {
    fn redact(&mut self, _: Sight) {}

    fn lacks(&self, _: &str) -> bool {
        false
    }
}

/// What the options in `proto/` say of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The path of its calls, such as `/openfinance.v1.CustomerService/GetCustomer`.
    pub path: &'static str,
    /// What a caller must be allowed, such as `customers.read`.
    pub permission: &'static str,
    /// Whether a call may be repeated.
    pub idempotency: Idempotency,
    /// Whether the answer is a stream.
    pub server_streaming: bool,
}

/// Whether a call may be repeated, as the standard option `idempotency_level` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// A repeat may do the work again.
    Unknown,
    /// The call reads only.
    NoSideEffects,
    /// A repeat does no more than the first call.
    Idempotent,
}

/// What stands in a message's `Debug` for a value that must not be printed.
#[derive(Clone, Copy)]
struct Redacted;

impl std::fmt::Debug for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
