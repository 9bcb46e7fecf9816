//! The gRPC gateway to the customer records of Mastercard Open Finance US.

pub mod config;
