//! What a caller gives for a field mask.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance_gateway::fuzz::field_mask(data));
