//! End to end: the real gateway over the real sandbox, called as any client calls it.

mod authorization;
mod business;
mod canary;
mod common;
mod consumer;
mod customer;
mod refusals;
mod world;
