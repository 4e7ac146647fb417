//! See `clerk_auth::testing::fuzz`; a short run of the same is among the tests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clerk_auth::testing::fuzz::request(bytes));
