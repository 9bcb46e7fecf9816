//! What the vendor answers where something went wrong.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance::fuzz::error_body(data));
