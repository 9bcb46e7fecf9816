//! What a caller sends, into values of the domain.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance_gateway::fuzz::request(data));
