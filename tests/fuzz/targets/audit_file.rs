//! What somebody has written into an audit file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance_gateway::fuzz::audit_file(data));
