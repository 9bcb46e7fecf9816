//! What a caller gives for a page token.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance_gateway::fuzz::page_token(data));
