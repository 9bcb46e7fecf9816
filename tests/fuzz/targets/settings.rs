//! What an operator writes into variables and files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance_gateway::fuzz::settings(data));
