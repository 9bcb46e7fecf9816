//! The gRPC gateway to the customer records of Mastercard Open Finance US.

mod api;
mod authorization;
mod business;
mod complete;
pub mod config;
mod consumer;
mod convert;
mod customer;
mod deadline;
mod drain;
mod failure;
mod mask;
mod method;
mod metrics;
mod observe;
mod page_token;
pub mod reason;
mod status;
