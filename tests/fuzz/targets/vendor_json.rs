//! What the vendor answers, into values of the domain.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openfinance::fuzz::vendor_json(data));
