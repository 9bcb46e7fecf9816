//! The gRPC gateway to the customer records of Mastercard Open Finance US.

pub mod config;
mod convert;
mod failure;
mod mask;
mod page_token;
pub mod reason;
mod status;
